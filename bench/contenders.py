"""The programs that `end_to_end.py` compares, each behind the same three calls."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

Ids = list[list[int]]


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How a target is decoded.

    Attributes:
        beam: Beam size, 1 for greedy search.
        least: The end may not come before this many tokens.
        most: Decoding stops after this many tokens, whether the end has come or not.
        prefix: How many of these tokens are given: ids from 5 on, which are pieces of any model.
        together: What CTranslate2 is to translate at a time, as a number and "examples" or
            "tokens"; None for the whole batch.
    """

    beam: int
    least: int
    most: int
    prefix: int = 0
    together: tuple[int, str] | None = None

    @property
    def prefix_ids(self) -> list[int]:
        """The tokens that are given."""
        return list(range(5, 5 + self.prefix))


class Files(NamedTuple):
    """Where a model's files are."""

    checkpoint: Path  # folder as transformers writes it
    ctranslate2: Path  # folder for its conversion, made by `convert`


class Label(NamedTuple):
    """A contender by its parts: `program`, `program/dtype` or either with `:VARIABLE=value`.

    The last part runs the program under this environment variable. Without a number type a program
    computes in the first of its own in `DTYPES`.
    """

    program: str
    dtype: str
    variable: str

    @classmethod
    def parse(cls, text: str) -> Label:
        """The parts of a label.

        Raises:
            ValueError: if there is no such program, or it does not compute in this number type.
        """
        name, colon, variable = text.partition(":")
        program, slash, dtype = name.partition("/")
        known = DTYPES.get(program, ())
        if not known or (slash and dtype not in known) or (colon and "=" not in variable):
            every = [f"{name}/{dtype}" for name, dtypes in DTYPES.items() for dtype in dtypes]
            raise ValueError(f"{text!r} is none of {', '.join(every)}")
        return cls(program, dtype or known[0], variable)


class Contender(Protocol):
    """A program that translates ids to ids; made of its files, threads and number type."""

    detail: str  # what it says it runs on

    def prepare(self, sources: Ids) -> Any:
        """Sources, each with its end, in the form that the program likes best; not timed."""

    def run(self, prepared: Any, decoding: Decoding) -> Any:
        """The program's own call, and all that is timed."""

    def tokens(self, found: Any) -> Ids:
        """The best target of each source, without its end; not timed."""


class Pyattn:
    """This library."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import pyattn
        from pyattn.running import precision

        self.model = pyattn.load(files.checkpoint, dtype=dtype, threads=threads).model
        config = self.model.config
        types = precision.described(config, config.dtype, config.other_dtypes)
        self.detail = f"isa {config.isa}, {types}"
        self.pad = _special(files.checkpoint)["pad"]

    def prepare(self, sources: Ids) -> Ids:
        """Ids as they are."""
        return sources

    def run(self, prepared: Ids, decoding: Decoding) -> Any:
        """`Model.generate`."""
        return self.model.generate(prepared, **_pyattn_options(decoding, self.pad))

    def tokens(self, found: Any) -> Ids:
        """The ids of the first hypothesis."""
        return [list(hypotheses[0].tokens) for hypotheses in found]


class Reference(Pyattn):
    """This library's definition in NumPy."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:  # noqa: ARG002 (its threads are in the environment, and it has one type)
        import numpy as np

        from pyattn import reference
        from pyattn.files import read_checkpoint

        self.model = reference.Model(read_checkpoint(files.checkpoint))
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        self.detail = f"{blas['name']} {blas['version']}"
        self.pad = _special(files.checkpoint)["pad"]


class Transformers:
    """Hugging Face transformers on PyTorch."""

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import torch
        from transformers import MarianMTModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()  # it would say at every call which length it goes by
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.torch = torch
        self.model = MarianMTModel.from_pretrained(files.checkpoint, dtype=getattr(torch, dtype))
        self.model.eval()
        self.detail = f"{self.model.config._attn_implementation} attention"
        special = _special(files.checkpoint)
        self.pad, self.end = special["pad"], special["end"]

    def prepare(self, sources: Ids) -> dict[str, Any]:
        """Padded ids and their mask."""
        longest = max(map(len, sources))
        ids = [source + [self.pad] * (longest - len(source)) for source in sources]
        mask = [[1] * len(source) + [0] * (longest - len(source)) for source in sources]
        return {"input_ids": self.torch.tensor(ids), "attention_mask": self.torch.tensor(mask)}

    def run(self, prepared: dict[str, Any], decoding: Decoding) -> Any:
        """`generate`, without the forced end that some checkpoints ask for."""
        with self.torch.inference_mode():
            return self.model.generate(
                **prepared,
                num_beams=decoding.beam,
                do_sample=False,
                min_new_tokens=decoding.least,
                max_new_tokens=decoding.most,
                forced_eos_token_id=None,
                bad_words_ids=[[self.pad]],
            )

    def tokens(self, found: Any) -> Ids:
        """What stands after the start and before the first end or padding."""
        return [_before(row[1:], {self.end, self.pad}) for row in found.tolist()]


class CTranslate2:
    """CTranslate2 on its own conversion of the checkpoint, with its defaults but for the beam.

    It packs its weights for the library that it picks for this CPU (Intel's get MKL, unless
    CT2_USE_MKL says otherwise), and takes a batch as it is given. To int8 it turns the float32
    weights when it loads them.
    """

    def __init__(self, files: Files, threads: int, dtype: str) -> None:
        import ctranslate2

        self.translator = ctranslate2.Translator(
            str(files.ctranslate2),
            device="cpu",
            compute_type=dtype,
            intra_threads=threads,
            inter_threads=1,
        )
        self.detail = f"compute type {self.translator.compute_type}"
        self.ids = json.loads((files.checkpoint / "vocab.json").read_text("utf-8"))
        self.pieces = {number: piece for piece, number in self.ids.items()}

    def prepare(self, sources: Ids) -> list[list[str]]:
        """Pieces, which is what it takes."""
        return [[self.pieces[number] for number in source] for source in sources]

    def run(self, prepared: list[list[str]], decoding: Decoding) -> Any:
        """`translate_batch` on the whole batch at once."""
        size, kind = decoding.together or (0, "examples")
        prefix = [self.pieces[number] for number in decoding.prefix_ids]
        return self.translator.translate_batch(
            prepared,
            target_prefix=[prefix] * len(prepared) if prefix else None,
            beam_size=decoding.beam,
            min_decoding_length=decoding.least,
            max_decoding_length=decoding.most,
            max_input_length=0,
            max_batch_size=size,
            batch_type=kind,
        )

    def tokens(self, found: Any) -> Ids:
        """The pieces of the first hypothesis, as ids."""
        return [[self.ids[piece] for piece in result.hypotheses[0]] for result in found]


CONTENDERS = {
    "pyattn": Pyattn,
    "numpy": Reference,
    "transformers": Transformers,
    "ctranslate2": CTranslate2,
}
DTYPES = {
    "pyattn": ("auto", "float32", "bfloat16", "int8", "int4"),
    "numpy": ("float32",),
    "transformers": ("float32",),
    "ctranslate2": ("float32", "int8"),
}
DEFAULT = (
    *("pyattn/float32", "pyattn/bfloat16", "pyattn/int8", "pyattn"),
    *("numpy", "transformers", "ctranslate2/float32", "ctranslate2/int8"),
)


def convert(files: Files) -> None:
    """Write `files.ctranslate2`, in a process of its own: the converter imports PyTorch.

    Raises:
        RuntimeError: if the converter fails.
    """
    process = multiprocessing.get_context("spawn").Process(target=_convert, args=(files,))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"ctranslate2: cannot convert {files.checkpoint}")


def _convert(files: Files) -> None:
    from ctranslate2.converters import TransformersConverter
    from transformers.utils import logging

    logging.disable_progress_bar()
    TransformersConverter(str(files.checkpoint)).convert(str(files.ctranslate2))


def _pyattn_options(decoding: Decoding, pad: int) -> dict[str, Any]:
    return {
        "beam_size": decoding.beam,
        "num_hypotheses": 1,
        "min_new_tokens": max(decoding.least - decoding.prefix, 0),
        "max_new_tokens": decoding.most - decoding.prefix,
        "length_penalty": 1.0,
        "suppress_tokens": (pad,),
        "force_end": False,
        "scores": False,  # nor do the others return any
    } | ({"target_prefix": decoding.prefix_ids} if decoding.prefix else {})


def _special(folder: Path) -> dict[str, int]:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return {"end": config["eos_token_id"], "pad": config["pad_token_id"]}


def _before(ids: list[int], stops: set[int]) -> list[int]:
    return next((ids[:place] for place, number in enumerate(ids) if number in stops), ids)
