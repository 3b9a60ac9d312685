"""What a model computes in one pass, without a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn import _core
from pyattn._chosen_options import heads_of
from pyattn._global_tokens import GlobalTokens, chosen_global_tokens
from pyattn.options import GenerationOptions, checked_heads
from pyattn.running.requests import Ids
from pyattn.running.rows import as_lists
from pyattn.running.run_config import RunConfig

Floats: TypeAlias = npt.NDArray[np.float32]


class ForwardPasses:
    """A model's states, and what it says of given targets."""

    config: RunConfig
    generation: GenerationOptions
    _core: _core.Model

    def encode(
        self,
        sources: Sequence[Ids],
        types: Sequence[Ids] | None = None,
        *,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """The encoder's output.

        Args:
            sources: Source ids of each sentence, their end included.
            types: For each sentence the types of its tokens, such as 0 in the first and 1 in the
                second text of a pair; None is type 0 for all.
            global_tokens: For each source the positions, from 0, of the tokens that see and are
                seen by all others; only for models that have such tokens (LED, Longformer). None is
                the model's default: LED's first token, PRIMERA's separators as well.

        Returns:
            Per sentence [time, dim].

        Raises:
            ValueError: if a source is empty, too long for the model or has an unknown id; if types
                are given and there is not one for each token, or the model does not have it; if
                global tokens are given and a source has no such position, or the model has none.
        """
        rows = as_lists(sources)
        chosen = chosen_global_tokens("encode", global_tokens, rows, self.config)
        return self._core.encode(rows, None if types is None else as_lists(types), chosen)

    def logits(
        self,
        sources: Sequence[Ids],
        targets: Sequence[Ids],
        *,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """Logits of given targets, fed in one pass (teacher forcing).

        Args:
            sources: Source ids of each sentence, their end included.
            targets: Target ids of each sentence, without start and end.
            global_tokens: As for `encode`.

        Returns:
            Per sentence [len(target) + 1, target_vocab], before the softmax: row t is for the token
            behind the first t tokens, so the last row is for the end.

        Raises:
            ValueError: as for `encode`, and if the numbers of targets and sources differ.
        """
        rows = as_lists(sources)
        chosen = chosen_global_tokens("logits", global_tokens, rows, self.config)
        return self._core.logits(rows, as_lists(targets), chosen)

    def score(
        self,
        sources: Sequence[Ids],
        targets: Sequence[Ids],
        *,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """The log-probability of given targets, token by token, in one pass.

        Args:
            sources: Source ids of each sentence, their end included.
            targets: Target ids of each sentence, without start and end.
            global_tokens: As for `encode`.

        Returns:
            Per sentence [len(target) + 1]: of each token given the tokens before it, and of the
            end.

        Raises:
            ValueError: as for `logits`.
        """
        rows = as_lists(sources)
        chosen = chosen_global_tokens("score", global_tokens, rows, self.config)
        return self._core.score(rows, as_lists(targets), chosen)

    def align(
        self,
        sources: Sequence[Ids],
        targets: Sequence[Ids],
        *,
        heads: Sequence[tuple[int, int]] | None = None,
        global_tokens: GlobalTokens = None,
    ) -> list[Floats]:
        """Attention to the source at each token of given targets.

        Args:
            sources: Source ids of each sentence, their end included.
            targets: Target ids of each sentence, without start and end.
            heads: Heads to average: pairs of a decoder layer and a head, both from 0. None is the
                checkpoint's choice, or all heads of the last layer.
            global_tokens: As for `encode`.

        Returns:
            Per sentence [len(target) + 1, source]: row t is the cross-attention at the prediction
            of the token behind the first t tokens, so the last row is the end's. Rows add up to 1.

        Raises:
            ValueError: as for `logits`, and if there is no such head.
        """
        given = None if heads is None else checked_heads(heads)
        chosen = heads_of(given, self.config, self.generation)
        rows = as_lists(sources)
        own = chosen_global_tokens("align", global_tokens, rows, self.config)
        return self._core.align(rows, as_lists(targets), own, chosen)
