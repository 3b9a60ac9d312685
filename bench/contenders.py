"""The programs that `end_to_end.py` compares, each behind the same three calls, in its own process.

A process of its own gives a program its own thread pool, its own environment and a peak memory that
is its own. It is asked for one batch at a time and waits in between, so that the contenders can
take turns from batch to batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

# Two kinds of pool linger after their work: OpenMP's (Intel's for 200 ms unless told otherwise,
# GNU's for some 20 ms) and OpenBLAS's (about 30 ms). They must not spin into the next contender's
# turn, yet going to sleep at once would slow them in their own. So all may linger for 20 to 30 ms,
# and between two turns the benchmark pauses for longer than that.
SETTLE_SECONDS = 0.05
_LINGER = {"KMP_BLOCKTIME": "20"}
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

Ids = list[list[int]]


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How a target is decoded.

    Attributes:
        beam: Beam size, 1 for greedy search.
        least: The end may not come before this many tokens.
        most: Decoding stops after this many tokens, whether the end has come or not.
    """

    beam: int
    least: int
    most: int


class Files(NamedTuple):
    """Where a model's files are."""

    checkpoint: Path  # folder as transformers writes it
    ctranslate2: Path  # folder for its conversion, made by `convert`


class Contender(Protocol):
    """A program that translates ids to ids."""

    detail: str  # what it says it runs on

    def prepare(self, sources: Ids) -> Any:
        """Sources, each with its end, in the form that the program likes best; not timed."""

    def run(self, prepared: Any, decoding: Decoding) -> Any:
        """The program's own call, and all that is timed."""

    def tokens(self, found: Any) -> Ids:
        """The best target of each source, without its end; not timed."""


class Pyattn:
    """This library."""

    def __init__(self, files: Files, threads: int) -> None:
        import pyattn

        self.model = pyattn.load(files.checkpoint, dtype="float32", threads=threads).model
        self.detail = f"isa {self.model.config.isa}"
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

    def __init__(self, files: Files, threads: int) -> None:  # noqa: ARG002 (NumPy's are in the environment)
        import numpy as np

        from pyattn import reference
        from pyattn.formats import read_checkpoint

        self.model = reference.Model(read_checkpoint(files.checkpoint))
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        self.detail = f"{blas['name']} {blas['version']}"
        self.pad = _special(files.checkpoint)["pad"]


class Transformers:
    """Hugging Face transformers on PyTorch."""

    def __init__(self, files: Files, threads: int) -> None:
        import torch
        from transformers import MarianMTModel
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()  # it would say at every call which length it goes by
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.torch = torch
        self.model = MarianMTModel.from_pretrained(files.checkpoint, dtype=torch.float32).eval()
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

    By default it packs its weights for MKL where that is there, and takes a batch as it is given.
    """

    def __init__(self, files: Files, threads: int) -> None:
        import ctranslate2

        self.translator = ctranslate2.Translator(
            str(files.ctranslate2),
            device="cpu",
            compute_type="float32",
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
        return self.translator.translate_batch(
            prepared,
            beam_size=decoding.beam,
            min_decoding_length=decoding.least,
            max_decoding_length=decoding.most,
            max_input_length=0,
            max_batch_size=0,
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
        "min_new_tokens": decoding.least,
        "max_new_tokens": decoding.most,
        "length_penalty": 1.0,
        "suppress_tokens": (pad,),
        "force_end": False,
    }


def _special(folder: Path) -> dict[str, int]:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return {"end": config["eos_token_id"], "pad": config["pad_token_id"]}


def _before(ids: list[int], stops: set[int]) -> list[int]:
    return next((ids[:place] for place, number in enumerate(ids) if number in stops), ids)


@dataclasses.dataclass(frozen=True)
class Turn:
    """One batch, once.

    Attributes:
        wall: Seconds by the clock.
        cpu: Seconds of all the process's threads.
        idle: CPU seconds that the process took between its last turn and this one.
        tokens: What came out.
    """

    wall: float
    cpu: float
    idle: float
    tokens: Ids


class Worker:
    """A contender in a process of its own, pinned to some cores.

    Args:
        label: A name of `CONTENDERS`, or that name, a colon and `VARIABLE=value`: the same
            program under this environment variable.
        files: The model.
        cores: The cores to run on, one thread each.
        batches: What it will be asked to translate.

    Raises:
        RuntimeError: if it does not start; the message has its last words.
    """

    def __init__(
        self, label: str, files: Files, cores: Sequence[int], batches: Sequence[Ids]
    ) -> None:
        self.label = label
        name, _, variable = label.partition(":")
        environment = dict.fromkeys(_THREAD_VARIABLES, str(len(cores))) | _LINGER
        if variable:
            environment.update([variable.split("=", 1)])
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, name, files, list(cores), batches), daemon=True
        )
        with _environment(environment):
            self._process.start()
        theirs.close()
        self.detail: str = self._receive()

    def turn(self, batch: int, decoding: Decoding) -> Turn:
        """Translate one of the batches."""
        self._connection.send((batch, decoding))
        return self._receive()

    def close(self) -> float:
        """End the process; the most memory that it ever had, in MiB."""
        self._connection.send(None)
        peak = self._receive()
        self._process.join()
        return peak

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"{self.label}: ended with exit code {self._process.exitcode}"
            ) from None
        if isinstance(answer, BaseException):
            raise RuntimeError(f"{self.label}: {answer}") from answer
        return answer


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(
    connection: Connection, name: str, files: Files, cores: list[int], batches: Sequence[Ids]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    os.sched_setaffinity(0, cores)
    try:
        contender: Contender = CONTENDERS[name](files, len(cores))
        prepared = [contender.prepare(batch) for batch in batches]
        connection.send(contender.detail)
        rested = time.process_time()
        while (order := connection.recv()) is not None:
            batch, decoding = order
            begun, cpu = time.perf_counter(), time.process_time()
            found = contender.run(prepared[batch], decoding)
            wall, done = time.perf_counter() - begun, time.process_time()
            connection.send(Turn(wall, done - cpu, cpu - rested, contender.tokens(found)))
            rested = time.process_time()
        connection.send(_peak_mib())
    except EOFError:  # the parent is gone
        pass
    except Exception as error:
        traceback.print_exc()
        connection.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _peak_mib() -> float:
    # Not getrusage: its maximum includes the parent's at the fork.
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")
