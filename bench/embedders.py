"""The programs that `embeddings.py` compares, each behind one call: texts to vectors.

ONNX Runtime and CTranslate2 take ids, and OpenVINO, too. What sentence-transformers does around a
model is done around these as well: texts are sorted by length, cut into batches of `BATCH`, padded,
and the states of their tokens pooled and normalised, with the same package for tokens.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from embedder_files import PLAIN, Files

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

BATCH = 32  # the default of sentence-transformers


class Contender(Protocol):
    """A program that makes vectors; made of its files, threads and number type."""

    detail: str  # what it says it runs on

    def embed(self, texts: list[str]) -> Floats:
        """[texts, dim], normalised; all that is timed."""


class Pyattn:
    """This library."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import pyattn
        from pyattn.running import precision

        self._embedder = pyattn.Embedder(files.folder, dtype=dtype, threads=threads)
        config = self._embedder.model.config
        types = precision.described(config, config.dtype, config.other_dtypes)
        self.detail = f"isa {config.isa}, {types}"

    def embed(self, texts: list[str]) -> Floats:
        """`Embedder.embed`."""
        return self._embedder.embed(texts)


class SentenceTransformers:
    """sentence-transformers on PyTorch."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        kind = {"dtype": getattr(torch, dtype)}
        self._model = SentenceTransformer(str(files.folder), device="cpu", model_kwargs=kind)
        self.detail = f"{self._model[0].auto_model.config._attn_implementation} attention"

    def embed(self, texts: list[str]) -> Floats:
        """`encode`, with its own batches."""
        found: Floats = self._model.encode(
            texts, batch_size=BATCH, show_progress_bar=False, normalize_embeddings=True
        )
        return found


class Padded(abc.ABC):
    """A program that takes batches of ids, with what sentence-transformers does around it."""

    def __init__(self, files: Files) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(_longest(files.folder))
        self._tokenizer.no_padding()
        self._cls = _pools_cls(files.folder)

    @abc.abstractmethod
    def states(self, ids: Ints, mask: Ints) -> Floats:
        """Ids and which of them are no padding, [texts, time] -> [texts, time, dim]."""

    def embed(self, texts: list[str]) -> Floats:
        """Tokens, states, one vector of each text."""
        tokens = [found.ids for found in self._tokenizer.encode_batch(texts)]
        order = sorted(range(len(tokens)), key=lambda n: -len(tokens[n]))
        sorted_vectors = np.concatenate(
            [
                self._batch([tokens[n] for n in order[begin : begin + BATCH]])
                for begin in range(0, len(order), BATCH)
            ]
        )
        vectors = np.empty_like(sorted_vectors)
        vectors[order] = sorted_vectors
        return vectors

    def _batch(self, tokens: list[list[int]]) -> Floats:
        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, of_text in enumerate(tokens):
            ids[row, : len(of_text)] = of_text
            mask[row, : len(of_text)] = 1
        states = self.states(ids, mask)
        if self._cls:
            pooled: Floats = states[:, 0].copy()
        else:
            # Their sum, whose size does not matter.
            pooled = (mask[:, None].astype(np.float32) @ states)[:, 0]
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled


class OnnxRuntime(Padded):
    """ONNX Runtime on the model with its fused operators; int8 is its own, dynamic one."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import onnxruntime

        super().__init__(files)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Its threads spin between two calls, and so into the next contender's turn.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(
            str(files.onnx / f"{dtype}.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.detail = f"{dtype}.onnx"

    def states(self, ids: Ints, mask: Ints) -> Floats:
        """`run`."""
        [found] = self._session.run(None, _inputs(ids, mask))
        states: Floats = found
        return states


class OpenVino(Padded):
    """OpenVINO on the exported model; "auto" is the precision that it chooses."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import openvino

        super().__init__(files)
        settings: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        if dtype != "auto":
            settings["INFERENCE_PRECISION_HINT"] = {"float32": "f32", "bfloat16": "bf16"}[dtype]
        core = openvino.Core()
        model = core.read_model(str(files.onnx / PLAIN))
        compiled = core.compile_model(model, "CPU", settings)
        self._request = compiled.create_infer_request()
        precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        self.detail = f"inference precision {precision}"

    def states(self, ids: Ints, mask: Ints) -> Floats:
        """`infer`."""
        states: Floats = self._request.infer(_inputs(ids, mask))["states"]
        return states


class CTranslate2(Padded):
    """CTranslate2's encoder on its own conversion; it packs and pads by itself."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import ctranslate2

        super().__init__(files)
        self._encoder = ctranslate2.Encoder(
            str(files.ctranslate2),
            device="cpu",
            compute_type=dtype,
            intra_threads=threads,
            inter_threads=1,
        )
        self.detail = f"compute type {self._encoder.compute_type}"

    def states(self, ids: Ints, mask: Ints) -> Floats:
        """`forward_batch`."""
        lengths = mask.sum(axis=1)
        tokens = [row[:length].tolist() for row, length in zip(ids, lengths, strict=True)]
        return np.asarray(self._encoder.forward_batch(tokens).last_hidden_state)


CONTENDERS: dict[str, Callable[[Files, int, str], Contender]] = {
    "pyattn": Pyattn,
    "sentence-transformers": SentenceTransformers,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "ctranslate2": CTranslate2,
}
DTYPES = {
    "pyattn": ("auto", "float32", "bfloat16", "int8"),
    "sentence-transformers": ("float32", "bfloat16"),
    "onnxruntime": ("float32", "int8"),
    "openvino": ("auto", "float32", "bfloat16"),
    "ctranslate2": ("float32", "int8"),
}


def _inputs(ids: Ints, mask: Ints) -> dict[str, Ints]:
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def _longest(folder: Path) -> int:
    path = folder / "sentence_bert_config.json"
    found = json.loads(path.read_text("utf-8")).get("max_seq_length") if path.exists() else None
    return int(found or json.loads((folder / "config.json").read_text())["max_position_embeddings"])


def _pools_cls(folder: Path) -> bool:
    """Whether the first token's state is the vector; else it is their mean.

    Raises:
        ValueError: if it is neither.
    """
    settings = json.loads((folder / "1_Pooling" / "config.json").read_text("utf-8"))
    modes = settings.get("pooling_mode") or [
        name.removeprefix("pooling_mode_").removesuffix("_token").removesuffix("_tokens")
        for name, on in settings.items()
        if name.startswith("pooling_mode_") and on
    ]
    modes = [modes] if isinstance(modes, str) else modes
    if modes not in (["cls"], ["mean"]):
        raise ValueError(f"{folder}: pooling is {modes}, expected cls or mean")
    return modes == ["cls"]
