"""From the model's logits to the distribution of the next token, by all options."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.arrays import Bools, Floats, Ints
from pyattn.reference.candidates import top_k
from pyattn.reference.edits import Edits, any_edits
from pyattn.reference.paths import Paths
from pyattn.reference.rules import Rules


@dataclasses.dataclass(frozen=True, eq=False)
class Distribution:
    """The distribution of the next token of each row.

    The score of a token, its log-probability, is x - log_totals, so that finding the best of a row
    needs no pass over the vocabulary for the subtraction.
    """

    x: Floats  # [rows, vocab]; -inf is a token that may not come
    log_totals: Floats  # [rows, 1]
    touched: Bools | None  # [rows, vocab], as `Edits` has it; None if nothing is

    def best(self, count: int) -> tuple[Ints, Floats]:
        """The best tokens of each row and their scores, best first, up to [rows, count] each."""
        ids = top_k(self.x, count)
        return ids, (np.take_along_axis(self.x, ids, axis=1) - self.log_totals).astype(np.float32)

    def scores(self) -> Floats:
        """The scores of all tokens, [rows, vocab]."""
        with np.errstate(invalid="ignore"):  # a row whose tokens are all banned
            scores: Floats = (self.x - self.log_totals).astype(np.float32)
        return scores


def distribution(
    rules: Rules, logits: Floats, paths: Paths, sentences: Ints, *, log_probs: bool
) -> Distribution:
    """The distribution of the next token of each row, by all options.

    Without `renormalize` other tokens keep the model's log-probabilities: banned tokens are left
    out of the choice, not out of the sum.

    Args:
        rules: The rules for targets.
        logits: [rows, vocab]; overwritten.
        paths: The tokens of the rows so far.
        sentences: The sentence of each row, [rows].
        log_probs: Whether penalties change log-probabilities, as in transformers' beam search,
            instead of logits. With `renormalize` they always change logits.
    """
    options, length = rules.options, paths.tokens.shape[1]
    log_totals = log_sums(logits)
    x, touched = logits, None
    if any_edits(options):
        if log_probs and not options.renormalize:
            x, log_totals = (x - log_totals).astype(np.float32), np.zeros_like(log_totals)
        x, touched = _edited(rules, x, paths, sentences)
    forbidden = rules.forbidden(length)
    if forbidden:
        x[:, forbidden] = -np.inf
    if options.renormalize:
        log_totals = log_sums(x)
    following = Distribution(x, log_totals, touched)
    if options.prefix_bias_beta > 0 and length < len(options.target_prefix):
        following = _drawn_to_prefix(rules, following, paths)
    if options.force_end or options.forced_bos_token is not None:
        following = _certain(following, rules.forced(length, rules.limits[sentences]))
    return following


def log_sums(x: Floats) -> Floats:
    """The logarithm of the sum of exp(x) of each row, [rows, n] -> [rows, 1], float64.

    In float64, so that a logit less its row's is rounded once.
    """
    most = x.max(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):  # -inf less -inf
        powers = x - most
        np.exp(powers, out=powers)
        sums: Floats = most + np.log(powers.sum(axis=-1, keepdims=True), dtype=np.float64)
    return sums


def _edited(rules: Rules, x: Floats, paths: Paths, sentences: Ints) -> tuple[Floats, Bools]:
    """Every row with the edits of its source and its past, and the tokens that they concern."""
    touched: Bools = np.zeros(x.shape, np.bool_)
    edited = np.empty_like(x)
    for row, (own, sentence) in enumerate(zip(paths.tokens, sentences, strict=True)):
        said = [*rules.opening(sentence), *own.tolist()]
        edits = Edits.of(rules, x.shape[1], rules.sources[sentence].tolist(), said)
        edited[row], touched[row] = edits(x[row]), edits.touched
    return edited, touched


def _drawn_to_prefix(rules: Rules, following: Distribution, paths: Paths) -> Distribution:
    """Rows that follow a prefix that is only likely: its next token gets a share beta.

    p(token) becomes beta + (1 - beta) * p(token), and that of any other token (1 - beta) * p(other)
    (CTranslate2's biased decoding).
    """
    beta, prefix = rules.options.prefix_bias_beta, rules.options.target_prefix
    length = paths.tokens.shape[1]
    follows = (paths.tokens == prefix[:length]).all(axis=1)
    x, log_totals = following.x.copy(), following.log_totals.copy()
    touched = np.zeros(x.shape, np.bool_) if following.touched is None else following.touched
    touched[follows, prefix[length]] = True
    scores = following.scores()[follows]
    drawn = scores + np.float32(np.log1p(-beta))
    drawn[:, prefix[length]] = np.log(beta + (1 - beta) * np.exp(scores[:, prefix[length]]))
    x[follows], log_totals[follows] = drawn, 0
    return Distribution(x, log_totals, touched)


def _certain(following: Distribution, forced: Ints) -> Distribution:
    """The same where a token is forced, [rows], -1 for none: it has a score of 0, others none."""
    rows = np.flatnonzero(forced >= 0)
    if rows.size:
        following.x[rows] = -np.inf
        following.x[rows, forced[rows]] = 0
        following.log_totals[rows] = 0
    return following


def check_possible(best: Floats) -> None:
    """Raises unless something may follow: `best` are the scores of the best there is.

    Raises:
        ValueError: if one of them is not a number that a token may have.
    """
    if not (best > -np.inf).all():
        raise ValueError(
            "generate: no token may follow: all are suppressed, or the model's output is "
            "not a number"
        )
