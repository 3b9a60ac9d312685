"""GGUF, llama.cpp's files: T5 and its kin, in one file with their tokenizer.

container    the file: pairs of keys and values, and where tensors lie
blocks       numbers in blocks, as floats
opened       a file as a model's files
pieces       its tokenizer as a SentencePiece model
"""

from pyattn.files.gguf.opened import GgufFiles, is_gguf

__all__ = ["GgufFiles", "is_gguf"]
