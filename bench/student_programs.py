"""The programs of `students.py`, and the shapes of published students and their teachers."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import published
from larger_models import PROGRAMS as OF_IDS
from larger_models import convert

# Of texts, a beam, and a number that does not count.
OfTexts: TypeAlias = Callable[[list[str], int, int], None]

# Layers of encoder and decoder; all else is BART-large's.
SUMMARISERS = {
    "bart-large-cnn": (12, 12),
    "distilbart-cnn-12-6": (12, 6),
    "distilbart-cnn-6-6": (6, 6),
}
TRANSLATORS = ("transformer-big", "student-base", "student-base-memory", "student-tiny")


class Student(NamedTuple):
    """The files of a Marian student."""

    model: Path
    vocabulary: Path
    shortlist: Path

    @classmethod
    def of(cls, folder: Path) -> Student:
        """Those of a folder such as Firefox downloads."""
        patterns = ("model.*.bin", "vocab.*.spm", "lex.*.bin")
        return cls(*(next(iter(folder.glob(pattern))) for pattern in patterns))


def summariser(parent: Path, name: str) -> Path:
    """The folder of a shape with CTranslate2's beside it, made once; weights of one seed."""
    folder = parent / name
    if not (folder / "config.json").is_file():
        import torch
        import transformers

        torch.manual_seed(0)
        encoder, decoder = SUMMARISERS[name]
        config = transformers.BartConfig(
            encoder_layers=encoder, decoder_layers=decoder, forced_eos_token_id=2
        )
        transformers.BartForConditionalGeneration(config).eval().save_pretrained(folder)
    convert(folder)
    return folder


def of_summaries(folder: Path) -> dict[str, Callable[[int], Any]]:
    """Makes of the programs that search targets of fixed lengths for ids."""
    return {
        "transformers float32": functools.partial(_transformers, folder),
        "ctranslate2 int8": functools.partial(OF_IDS["ctranslate2"], folder),
        "pyattn int8": functools.partial(OF_IDS["pyattn"], folder),
    }


def of_shape(name: str) -> Callable[[int], Any]:
    """The make of pyattn in int8 with a translator's shape and random weights."""
    return functools.partial(_shape, name)


def of_student(folder: Path, peers: Sequence[str]) -> dict[str, Callable[[int], Any]]:
    """Makes of the programs that translate texts with a student's own files."""
    known = {"pyattn": _pyattn, "slimt": _slimt, "fxtranslate": _fxtranslate}
    return {name: functools.partial(known[name], folder) for name in peers}


def _shape(name: str, threads: int) -> Any:
    import pyattn

    model = pyattn.Model(
        published.checkpoint(published.SHAPES[name]), dtype="int8", threads=threads
    )

    def search(sources: list[list[int]], beam: int, tokens: int) -> None:
        model.generate(
            sources, beam_size=beam, max_new_tokens=tokens, min_new_tokens=tokens, scores=False
        )

    return search


def _transformers(folder: Path, threads: int) -> Any:
    import torch
    import transformers

    torch.set_num_threads(threads)
    transformers.utils.logging.set_verbosity_error()
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()

    def search(sources: list[list[int]], beam: int, tokens: int) -> None:
        ids = torch.tensor(sources)
        with torch.inference_mode():
            model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                num_beams=beam,
                do_sample=False,
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                forced_eos_token_id=None,
            )

    return search


def _pyattn(folder: Path, threads: int) -> OfTexts:
    import pyattn

    translator = pyattn.load(folder, threads=threads)

    def translate(texts: list[str], beam: int, _: int) -> None:
        translator.translate(texts, beam_size=beam)

    return translate


def _slimt(folder: Path, threads: int) -> OfTexts:
    # The package itself asks a server for its list of models when it is imported.
    package = importlib.util.find_spec("slimt")
    assert package is not None
    [place] = package.submodule_search_locations or []
    [library] = Path(place).glob("_slimt*.so")
    spec = importlib.util.spec_from_file_location("_slimt", library)
    assert spec is not None
    assert spec.loader is not None
    slimt = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slimt)
    files = Student.of(folder)
    model = slimt.Model(slimt.Config(), slimt.Package(*map(str, files)))
    service = slimt.Service(workers=threads, cache_size=0)

    def translate(texts: list[str], _: int, __: int) -> None:
        service.translate(model, texts)

    return translate


def _fxtranslate(folder: Path, threads: int) -> OfTexts:  # noqa: ARG001 (it has one)
    import fxtranslate

    model, vocabulary, shortlist = (path.read_bytes() for path in Student.of(folder))
    translator = fxtranslate.Translator(model, vocabulary, vocabulary, shortlist)
    print("fxtranslate computes by", translator.backend(), file=sys.stderr)

    def translate(texts: list[str], _: int, __: int) -> None:
        for text in texts:
            translator.translate(text)

    return translate
