"""Ids in, ids out: a model that the C++ core runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn import _core, dtypes
from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.dtypes import DTypes
from pyattn.errors import ModelError
from pyattn.options import GenerationOptions, checked_integer
from pyattn.results import Hypothesis

Floats: TypeAlias = npt.NDArray[np.float32]
Ids: TypeAlias = Sequence[int]

# Source tokens that are encoded together, and hypotheses that are decoded together. From about a
# hundred rows on, a product's time is arithmetic and no longer the reading of its weights.
BATCH_TOKENS = 2048
BATCH_ROWS = 128

# No machine has more for one process; a larger number is a mistake.
MAX_THREADS = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(ModelConfig):
    """What a loaded model is, and how this machine runs it.

    Attributes:
        dtype: The number type that weights are computed with, or most of them.
        other_dtypes: The products that are computed in another type, as `pyattn.dtypes` names
            them, with that type.
        isa: The level of instructions that runs it, one of `pyattn.cpu_info()`'s.
    """

    dtype: str
    other_dtypes: Mapping[str, str] = dataclasses.field(hash=False)
    isa: str


class Model:
    """A trained encoder-decoder Transformer, ready to run.

    Results do not depend on what else is in a batch, on its order or on the number of threads: a
    sentence has the same bits alone and among others. Any number of Python threads may call one
    model; the calls are served one after the other. Every call releases the GIL and can be
    interrupted with Ctrl-C.

    Args:
        checkpoint: Config and weights, as a reader of `pyattn.formats` yields them.
        dtype: The number type to compute with; "auto" is the fastest at full quality on this
            level, which `pyattn.dtypes.chosen` explains. Or a number type by product, as a mapping
            of patterns (`fnmatch`) of the names in `pyattn.dtypes`:
            {"*": "int8", "*.down": "bfloat16"}. The last pattern that matches counts; without any,
            a product is "auto".
        threads: Threads to use; None is what this process may use (CPU affinity and cgroup quota),
            or PYATTN_NUM_THREADS.
        isa: Level of instructions; None is the best that this CPU has, or PYATTN_ISA.

    Raises:
        ModelError: if tensors are missing, are not float32 or have other shapes than the config
            says.
        ValueError: if `dtype`, `threads` or `isa` is not to be had here, or a pattern matches no
            product.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        dtype: DTypes = "auto",
        threads: int | None = None,
        isa: str | None = None,
    ) -> None:
        dtypes.check(dtype)
        if threads is not None:
            threads = checked_integer("threads", threads, 1, MAX_THREADS)
        if not isinstance(isa, str | None):
            raise TypeError(f"isa: expected a string, got {isa!r}")
        tensors = _checked_tensors(checkpoint)
        config = checkpoint.config
        types = dtypes.chosen(dtype, checkpoint, _core.default_isa() if isa is None else isa)
        self._core = _core.Model(config, tensors, types, isa, threads)
        most = dtypes.commonest(types, config)
        self.config = RunConfig(
            **dataclasses.asdict(config),
            dtype=most,
            other_dtypes={name: other for name, other in types.items() if other != most},
            isa=self._core.isa,
        )
        self.generation = checkpoint.generation

    @property
    def threads(self) -> int:
        """Threads that the model runs on."""
        return self._core.threads

    @property
    def nbytes(self) -> int:
        """Bytes of packed weights."""
        return self._core.nbytes

    def encode(self, sources: Sequence[Ids]) -> list[Floats]:
        """The encoder's output.

        Args:
            sources: Source ids of each sentence, their end included.

        Returns:
            Per sentence [time, dim].

        Raises:
            ValueError: if a source is empty, too long for the model or has an unknown id.
        """
        return self._core.encode(sources)

    def logits(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Floats]:
        """What the model says to given targets, fed in one pass (teacher forcing).

        Args:
            sources: Source ids of each sentence, their end included.
            targets: Target ids of each sentence, without start and end.

        Returns:
            Per sentence [len(target) + 1, target_vocab], before the softmax: row t is what follows
            the first t tokens, so the last one is where the end is due.

        Raises:
            ValueError: as for `encode`, and if there are not as many targets as sources.
        """
        return self._core.logits(sources, targets)

    def score(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> list[Floats]:
        """The log-probability of given targets, token by token, in one pass.

        Args:
            sources: Source ids of each sentence, their end included.
            targets: Target ids of each sentence, without start and end.

        Returns:
            Per sentence [len(target) + 1]: of each token given those before it, and of the end.

        Raises:
            ValueError: as for `logits`.
        """
        return self._core.score(sources, targets)

    def generate(
        self,
        sources: Sequence[Ids],
        options: GenerationOptions | None = None,
        *,
        batch_tokens: int | None = None,
        progress: Callable[[int], object] | None = None,
        **overrides: Any,
    ) -> list[list[Hypothesis]]:
        """Searches for the targets of sentences.

        The sentences are decoded in one batch that is kept full: one that is done leaves at once,
        and one that waits takes its place.

        Args:
            sources: Source ids of each sentence, their end included.
            options: How to search; None is what the checkpoint asks for.
            batch_tokens: Source tokens that are encoded together; less needs less memory. It
                changes no result.
            progress: Called now and then with the number of sentences that are done.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Returns:
            Per sentence its `num_hypotheses` best targets, best first.

        Raises:
            ValueError: if a source is empty, too long for the model or has an unknown id, or an
                option does not fit the model.
            TypeError: if an option does not exist.
        """
        chosen = self._options(options, overrides)
        batch = BATCH_TOKENS
        if batch_tokens is not None:
            batch = checked_integer("batch_tokens", batch_tokens, 1, 2**31 - 1)
        if progress is not None and not callable(progress):
            raise TypeError(f"progress: expected a callable, got {progress!r}")
        found = self._core.generate(sources, chosen, batch, BATCH_ROWS, progress)
        return [
            [
                Hypothesis(
                    tokens=tokens,
                    score=score,
                    token_scores=token_scores,
                    finish_reason="eos" if ended else "length",
                )
                for tokens, score, token_scores, ended in hypotheses
            ]
            for hypotheses in found
        ]

    def _options(
        self, options: GenerationOptions | None, overrides: dict[str, Any]
    ) -> GenerationOptions:
        if options is not None and not isinstance(options, GenerationOptions):
            raise TypeError(f"options: expected GenerationOptions, got {type(options).__name__}")
        chosen = (self.generation if options is None else options).replace(**overrides)
        # A target ends where the model's positions do, however long it was allowed to be.
        return chosen.replace(max_new_tokens=min(chosen.max_new_tokens, self.config.max_positions))

    def close(self) -> None:
        """Frees the weights and the threads; the model cannot be used any more."""
        self._core.close()

    def __enter__(self) -> Model:
        """The model itself; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the model."""
        self.close()


def _checked_tensors(checkpoint: Checkpoint) -> dict[str, Floats]:
    """The tensors that the core asks for, positions included, each of its due shape."""
    config = checkpoint.config
    tensors = dict(checkpoint.tensors)
    optional = ("output.bias", (config.target_vocab,))
    for name, shape in (*tensor_shapes(config), optional):
        if name not in tensors:
            if name == optional[0]:
                continue
            raise ModelError(f"checkpoint: no tensor {name}, expected shape {list(shape)}")
        tensor = tensors[name]
        if tensor.dtype != np.float32:
            raise ModelError(f"checkpoint: {name} has dtype {tensor.dtype}, expected float32")
        if tensor.shape != shape:
            raise ModelError(
                f"checkpoint: {name} has shape {list(tensor.shape)}, the config says {list(shape)}"
            )
    if config.positions == "sinusoidal":
        # Here and not above: importing pyattn need not read the whole reference.
        from pyattn.reference.positions import sinusoidal_positions

        table = sinusoidal_positions(config.max_positions, config.dim)
        tensors["encoder.positions"] = tensors["decoder.positions"] = table
    return tensors
