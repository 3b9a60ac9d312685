"""Token ids in, token ids out: a model in the C++ core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn import _core
from pyattn._chosen_options import Options, chosen_options
from pyattn._global_tokens import GlobalTokens, chosen_global_tokens
from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.options import GenerationOptions, checked_integer
from pyattn.results import DecidedToken, Hypothesis
from pyattn.running import precision
from pyattn.running.forward import ForwardPasses
from pyattn.running.limits import BATCH_ROWS, BATCH_TOKENS, checked_limits
from pyattn.running.origin import Origin
from pyattn.running.packing import core_tensors
from pyattn.running.pending import PendingSearch
from pyattn.running.precision import DTypes
from pyattn.running.requests import (
    Ids,
    Shortlists,
    check_callable,
    check_watchable,
    checked_shortlists,
    checked_sources,
)
from pyattn.running.run_config import RunConfig
from pyattn.running.search_setup import (
    MADE_UP,
    SearchSetup,
    VocabularySearch,
    checked_vocabulary_search,
)
from pyattn.stored import Tensors

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from pyattn.files.native import TokenizerFiles
    from pyattn.files.native_entries import MatrixType
    from pyattn.files.shortlist import LexicalShortlist
    from pyattn.overrides import Overrides

Floats: TypeAlias = npt.NDArray[np.float32]


class Model(ForwardPasses):
    """A trained Transformer, an encoder-decoder or an encoder alone, ready to run.

    Results do not depend on the rest of a batch, its order or the number of threads: a sentence has
    the same bits alone and among others. Any number of Python threads may share a model; their
    sentences are decoded together. Every call releases the GIL, and Ctrl-C interrupts it.

    A model that `pyattn.load` made is pickled by path and settings, unless it is closed; unpickling
    loads it again. A copy is a model of its own.

    Args:
        checkpoint: Config and weights, as the readers of `pyattn.files` return them.
        dtype: The number type of weights in computation; "auto" is the fastest at full quality on
            this level (`pyattn.running.precision.chosen`). Or a number type by product: a mapping
            of patterns (`fnmatch`) of the names in `pyattn.products`, such as
            {"*": "int8", "*.down": "bfloat16"}. The last matching pattern counts; a product that no
            pattern matches is "auto". "int4" alone leaves int8 to the output's product, and
            int8_grouped to those that int8 would hurt.
        threads: Threads to use; None is what this process may use (CPU affinity and cgroup quota),
            or PYATTN_NUM_THREADS.
        isa: Level of instructions; None is the best that this CPU has, or PYATTN_ISA.
        batch_tokens: Source tokens that are encoded together; fewer need less memory.
        batch_rows: Hypotheses that are decoded together.
        cache_bytes: Budget for keys and values of all sentences under way. Sentences wait while it
            is used up; a sentence that exceeds it alone is an error. None is half of the free
            memory. `batch_tokens`, `batch_rows` and `cache_bytes` change no result.
        vocabulary_search: Whether greedy searches without scores find the most probable token from
            bounds, without computing most logits. It is the same token. True prepares the bounds
            at once, which takes as long as some hundred sentences; "auto" after so many sentences,
            in the background, and only if they save time. It gains 4 to 7 % of a trained Marian
            model's time, and 12 to 22 % of a small student's without a shortlist; in int8 it takes
            1.6 times the memory of the output's weights. `nbytes` counts it.

    Raises:
        ModelError: if tensors are missing, are not float32 or do not have the config's shapes, or
            values that become int8 are not finite.
        ValueError: if `dtype`, `threads` or `isa` is not available here, or a pattern matches no
            product.
    """

    # The arguments of `pyattn.load`; None for a model that was made otherwise.
    origin: Origin | None = None

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        dtype: DTypes = "auto",
        threads: int | None = None,
        isa: str | None = None,
        batch_tokens: int = BATCH_TOKENS,
        batch_rows: int = BATCH_ROWS,
        cache_bytes: int | None = None,
        vocabulary_search: VocabularySearch = False,
    ) -> None:
        precision.check(dtype)
        checked_vocabulary_search(vocabulary_search)
        limits = checked_limits(threads, batch_tokens, batch_rows, cache_bytes)
        if not isinstance(isa, str | None):
            raise TypeError(f"isa: expected a string, got {isa!r}")
        floats, matrices = core_tensors(checkpoint)
        config = checkpoint.config
        types = precision.chosen(dtype, checkpoint, _core.default_isa() if isa is None else isa)
        try:
            self._core = _core.Model(config, floats, matrices, types, isa, *limits)
        except ValueError as error:
            if not str(error).startswith("checkpoint: "):
                raise
            raise ModelError(str(error)) from None  # weights that cannot be packed
        if isinstance(checkpoint.tensors, Tensors):
            checkpoint.tensors.let_go()
        self.config = RunConfig.of(config, types, self._core.isa)
        self.generation = checkpoint.generation
        self._search = SearchSetup(
            self._core, self.config, types.get("output", "float32"), vocabulary_search
        )
        if vocabulary_search is True:
            self._search.make_now(lambda sources: self.generate(sources, MADE_UP))
        # For `save`. Views of files cost no memory; arrays of a caller are not kept alive.
        self._checkpoint = checkpoint if isinstance(checkpoint.tensors, Tensors) else None

    @property
    def threads(self) -> int:
        """Threads that the model runs on."""
        return self._core.threads

    @property
    def nbytes(self) -> int:
        """Bytes of packed weights, and of the bounds of a vocabulary search once it has them."""
        return self._core.nbytes

    def generate(
        self,
        sources: Sequence[Ids],
        options: Options = None,
        *,
        shortlist: Shortlists = None,
        global_tokens: GlobalTokens = None,
        progress: Callable[[int], object] | None = None,
        on_token: Callable[[DecidedToken], object] | None = None,
        **overrides: Unpack[Overrides],
    ) -> list[list[Hypothesis]]:
        """Searches for the targets of sentences.

        The sentences of all calls are decoded in one batch. A finished sentence leaves it at once,
        and a waiting one takes its place.

        Args:
            sources: Source ids of each sentence, their end included.
            options: How to search, for all sources or a list with one for each; None is the
                checkpoint's defaults.
            shortlist: For each source the only ids that its target may have, ascending and with the
                end, or None for all ids. Scores are of the distribution over these ids. Fewer ids
                cost less, above all in small batches; sources with the same ids share the cost.
                None is all ids for all sources.
            global_tokens: As for `encode`.
            progress: Called at intervals with the number of sentences that are done.
            on_token: Called in this thread with every token as it is decided; if it returns True,
                the token ends its sentence. Needs a `beam_size` of 1.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Returns:
            Per sentence the `num_hypotheses` best targets, best first.

        Raises:
            ValueError: if a source is empty, too long for the model or has an unknown id, an option
                does not fit the model, or a shortlist does not ascend or lacks the end.
            TypeError: if an option does not exist.
        """
        check_callable(progress=progress, on_token=on_token)
        generation = self.submit(
            sources,
            options,
            shortlist=shortlist,
            global_tokens=global_tokens,
            watched=on_token is not None,
            **overrides,
        )
        if on_token is not None:
            generation.watch(on_token)
        return generation.results(progress)

    def submit(
        self,
        sources: Sequence[Ids],
        options: Options = None,
        *,
        shortlist: Shortlists = None,
        global_tokens: GlobalTokens = None,
        watched: bool = False,
        **overrides: Unpack[Overrides],
    ) -> PendingSearch:
        """Like `generate`, but returns at once.

        Args:
            sources: Source ids of each sentence, their end included.
            options: As for `generate`.
            shortlist: As for `generate`.
            global_tokens: As for `encode`.
            watched: Whether `PendingSearch.tokens` will be read.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Raises:
            ValueError: as `generate`.
            TypeError: as `generate`.
        """
        rows = checked_sources(sources)
        chosen = chosen_options(
            options, overrides, len(rows), config=self.config, defaults=self.generation
        )
        if watched:
            check_watchable(chosen)
        lists = checked_shortlists(shortlist, len(rows))
        own = chosen_global_tokens("generate", global_tokens, rows, self.config)
        self._search.advance()
        request = self._core.submit(rows, chosen, lists, own, watched)
        return PendingSearch(request, chosen, self._search.advance if self._search.waits else None)

    def generate_stream(
        self, source: Ids, options: GenerationOptions | None = None, **overrides: Unpack[Overrides]
    ) -> Iterator[DecidedToken]:
        """The tokens of one sentence's target as they are decided, its end included.

        Args:
            source: Source ids, their end included.
            options: How to search; None is the checkpoint's defaults, with a `beam_size` of 1 and
                one hypothesis.
            **overrides: Fields of `GenerationOptions`, which replace those of `options`.

        Raises:
            ValueError: as `generate`, at once.
            TypeError: as `generate`, at once.
        """
        if options is None:
            overrides = {"beam_size": 1, "num_hypotheses": 1, **overrides}
        return self.submit([source], options, watched=True, **overrides).stream()

    def estimate_memory(self, tokens: int, source_tokens: int = 0) -> int:
        """Bytes of the keys and values of a number of tokens.

        Weights take `nbytes` in addition, and a step of the encoder or decoder a few times
        `batch_tokens` or `batch_rows` rows of the model's widest layer.

        Args:
            tokens: Target tokens of live hypotheses; tokens that hypotheses share count once.
            source_tokens: Tokens of the sources of sentences under way. In int8 they take about
                half as much as target tokens.
        """
        return self._core.cache_bytes(
            checked_integer("tokens", tokens, 0, 2**40),
            checked_integer("source_tokens", source_tokens, 0, 2**40),
        )

    def save(
        self,
        folder: str | os.PathLike[str],
        *,
        dtype: MatrixType | None = None,
        tokenizer_files: TokenizerFiles | None = None,
        shortlist: LexicalShortlist | None = None,
    ) -> None:
        """Writes the model's stored weights as a folder of pyattn's own layout.

        The number type of computation has no influence: matrices that are stored in `dtype`
        already keep their bits.

        Args:
            folder: The folder to write; it does not exist yet, or is empty.
            dtype: Number type to store matrices in: "float32", "bfloat16", "int8" or "int4"; None
                keeps the stored type of each.
            tokenizer_files: As for `pyattn.files.native.write_native`; `Translator.save` passes
                the tokenizer's files.
            shortlist: Likewise.

        Raises:
            FileExistsError: if the folder holds anything.
            ValueError: if there is no such dtype, the model was made of arrays (write its
                checkpoint with `write_native`), or the model is closed.
        """
        from pyattn.files.native import write_native

        if self._checkpoint is None:
            raise ValueError(
                "save: the model has no files of its own; write its checkpoint with "
                "pyattn.files.native.write_native"
            )
        write_native(
            folder,
            self._checkpoint,
            dtype=dtype,
            tokenizer_files=tokenizer_files,
            shortlist=shortlist,
        )

    def close(self) -> None:
        """Frees the weights and the threads; the model cannot be used any more."""
        self._checkpoint = None
        self._core.close()

    def __repr__(self) -> str:
        folder = "" if self.origin is None else f", {str(self.origin.folder)!r}"
        return f"<pyattn.Model {self.summary()}{folder}>"

    def summary(self) -> str:
        """What the model is and how it runs, in one line."""
        running = "closed" if self._closed() else f"threads {self.threads}"
        return f"{self.config.summary()}, {running}"

    def _closed(self) -> bool:
        try:
            self._core.threads  # noqa: B018 (raises if the model is closed)
        except ValueError:
            return True
        return False

    def __reduce__(self) -> tuple[Any, ...]:
        if self.origin is None:
            raise TypeError(
                "pickle: the model was not made by pyattn.load, so it has no path; write its "
                "checkpoint with pyattn.files.native.write_native, and load that folder"
            )
        if self._closed():
            raise TypeError("pickle: the model is closed")
        return _loaded, (self.origin,), self.generation

    def __setstate__(self, generation: GenerationOptions) -> None:
        self.generation = generation

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


def _loaded(origin: Origin) -> Model:
    """A pickled model, loaded again."""
    from pyattn.files import read_checkpoint

    model = Model(read_checkpoint(origin.folder), **origin.settings)
    model.origin = origin
    return model
