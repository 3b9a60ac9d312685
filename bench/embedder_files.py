"""The files of the models that `embeddings.py` compares: made, exported and converted.

Every program that imports PyTorch for that does so in a process of its own.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

PLAIN = "plain.onnx"  # as exported; the others are named by their number types


class Files(NamedTuple):
    """Where a model's files are."""

    folder: Path  # of sentence-transformers
    onnx: Path  # folder of its exports, made by `export`
    ctranslate2: Path  # folder of its conversion, likewise


def export(files: Files) -> None:
    """Write `files.onnx` and `files.ctranslate2`.

    Raises:
        RuntimeError: if an exporter fails.
    """
    _apart(_export, files)


def _export(files: Files) -> None:
    import onnx
    import torch
    from ctranslate2.converters import TransformersConverter
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    # The attention that ONNX Runtime recognises.
    model = AutoModel.from_pretrained(files.folder, attn_implementation="eager").eval()

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            return self.model(ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    files.onnx.mkdir(parents=True)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    ids = torch.arange(5, 19).reshape(2, 7)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    torch.onnx.export(
        States(),
        (ids, mask, torch.zeros_like(ids)),
        str(files.onnx / PLAIN),
        input_names=names,
        output_names=["states"],
        dynamic_axes={name: {0: "texts", 1: "time"} for name in (*names, "states")},
        dynamo=False,
    )
    config = model.config
    fused = optimize_model(
        str(files.onnx / PLAIN),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
    )
    fused.save_model_to_file(str(files.onnx / "float32.onnx"))
    quantize_dynamic(
        str(files.onnx / "float32.onnx"),
        str(files.onnx / "int8.onnx"),
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    TransformersConverter(str(files.folder)).convert(str(files.ctranslate2))


# Attributes of transformers' BertConfig where they differ from BERT-base's, and the pooling.
SHAPES: dict[str, tuple[dict[str, int], str]] = {
    "minilm-l6": ({"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}, "mean"),
    "bge-base": ({}, "cls"),
}


def make_shape(name: str, tokenizer: Path, to: Path) -> None:
    """Write a folder of sentence-transformers whose BERT has seeded random weights.

    Args:
        name: One of `SHAPES`.
        tokenizer: The folder with its tokenizer.
        to: The folder to write.

    Raises:
        RuntimeError: if it cannot be made.
    """
    _apart(_make_shape, name, tokenizer, to)


def _make_shape(name: str, tokenizer: Path, to: Path) -> None:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import AutoTokenizer, BertConfig, BertModel

    sizes, pooling = SHAPES[name]
    torch.manual_seed(1)
    # Published files have this field, and CTranslate2's converter reads it.
    config = BertConfig(**sizes, position_embedding_type="absolute")
    plain = to.with_name(f"{to.name}-plain")
    BertModel(config).save_pretrained(plain)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(plain)
    encoder = modules.Transformer(str(plain))
    around = [modules.Pooling(config.hidden_size, pooling_mode=pooling), modules.Normalize()]
    SentenceTransformer(modules=[encoder, *around], device="cpu").save(
        str(to), create_model_card=False
    )


def _apart(function: Callable[..., None], *arguments: Any) -> None:
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{function.__name__.strip('_')}: exit code {process.exitcode}")
