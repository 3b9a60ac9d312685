"""What pyattn.compat.ctranslate2 takes as a sentence, and what it makes of it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn.compat import ctranslate2
from support import compat_models

SOURCES = [list("dcbej"), list("icc"), list("hkie"), list("g")]
EMPTY = [[], ["</s>"], ["<s>"], ["<s>", "</s>"], ["</s>", "fra"], ["<s>", "</s>", "fra"]]
NOT_EMPTY = [["</s>", "</s>"], ["<s>", "<s>"], ["<unk>"], ["fra", "</s>"], ["g", "</s>", "fra"]]


@pytest.fixture(scope="module", params=compat_models.MODELS)
def translator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> ctranslate2.Translator:
    folder = compat_models.folder(tmp_path_factory.mktemp("compat") / "model", request.param)
    return ctranslate2.Translator(folder, compute_type="float32", intra_threads=1)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> ctranslate2.Translator:
    """Whose sources are as the caller has them."""
    folder = compat_models.folder(tmp_path_factory.mktemp("compat") / "bare", "bare")
    return ctranslate2.Translator(folder, compute_type="float32", intra_threads=1)


def same(found: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return [(one.hypotheses, one.scores) for one in found] == [
        (one.hypotheses, one.scores) for one in wanted
    ]


# --- empty sentences ---


@pytest.mark.parametrize("source", EMPTY, ids=str)
def test_what_callers_put_around_nothing_is_nothing(
    translator: ctranslate2.Translator, source: list[str]
) -> None:
    [found] = translator.translate_batch([source], return_scores=True, num_hypotheses=2)
    assert (found.hypotheses, found.scores) == ([[], []], [0, 0])
    [found] = translator.translate_iterable([source])
    assert found.hypotheses == [[]]
    assert list(translator.generate_tokens(source)) == []
    assert list(translator.generate_tokens(source, ["f"])) == []
    heard: list[object] = []
    translator.translate_batch([source], [["f"]], beam_size=1, callback=heard.append)
    assert heard == []


@pytest.mark.parametrize("source", EMPTY, ids=str)
def test_target_of_nothing_is_its_prefix(
    translator: ctranslate2.Translator, source: list[str]
) -> None:
    [found] = translator.translate_batch(
        [source], [["f", "zzz", "</s>"]], return_scores=True, return_attention=True,
        replace_unknowns=True,
    )  # fmt: skip
    assert found.hypotheses == [["f", "<unk>", "</s>"]]
    assert found.scores == [0]
    assert found.attention == [[[0.0] * len(source)] * 3]


@pytest.mark.parametrize("source", NOT_EMPTY, ids=str)
def test_more_than_what_stands_around_a_sentence_is_one(
    translator: ctranslate2.Translator, source: list[str]
) -> None:
    [found] = translator.translate_batch([source], return_scores=True)
    assert found.scores[0] < 0


def test_empty_sentences_are_scored_if_there_is_an_id_to_read(
    translator: ctranslate2.Translator,
) -> None:
    for source in EMPTY[1:]:
        [found] = translator.score_batch([source], [["f"]])
        assert found.tokens == ["f", "</s>"]
        assert all(one < 0 for one in found.log_probs)


def test_nobody_asks_for_options_of_nothing(translator: ctranslate2.Translator) -> None:
    found = translator.translate_batch(EMPTY, num_hypotheses=3, end_token="zzz")
    assert [one.hypotheses for one in found] == [[[], [], []]] * len(EMPTY)
    with pytest.raises(ValueError, match="Token zzz"):
        translator.translate_batch([*EMPTY, ["g"]], end_token="zzz")


# --- sentences that are too long ---


@pytest.mark.parametrize(
    ("most", "ending", "read"),
    [
        (1, ["</s>"], ["</s>"]), (2, ["</s>"], ["d", "</s>"]), (4, ["</s>"], [*"dcb", "</s>"]),
        (1, ["</s>", "fra"], ["d"]), (2, ["</s>", "fra"], ["</s>", "fra"]),
        (3, ["</s>", "fra"], ["d", "</s>", "fra"]), (3, ["</s>", "fra", "f"], list("dcb")),
        (8, ["</s>", "fra"], [*"dcbejf", "</s>", "fra"]), (0, ["</s>"], [*"dcbejf", "</s>"]),
    ],
)  # fmt: skip
def test_cut_sentence_keeps_its_end(
    bare: ctranslate2.Translator, most: int, ending: list[str], read: list[str]
) -> None:
    long = [*"dcbejf", *ending]
    assert bare.score_batch([long], [[]], max_input_length=most) == bare.score_batch([read], [[]])
    options = {"return_scores": True, "return_attention": True}
    [found] = bare.translate_batch([long], max_input_length=most, **options)
    assert found.scores[0] < 0
    if read[0] == "</s>":  # of which the caller could not say that it is no empty sentence
        return
    [wanted] = bare.translate_batch([read], **options)
    assert same([found], [wanted])
    unread = [0.0] * (len(long) - len(read))
    assert found.attention == [[row + unread for row in wanted.attention[0]]]


# --- what a list of tokens is ---


def objects(tokens: Sequence[str]) -> npt.NDArray[Any]:
    return np.array(tokens, dtype=object)


KINDS: dict[str, Callable[[list[str]], Any]] = {
    "array": np.array,
    "objects": objects,
    "tuple": tuple,
    "deque": collections.deque,
    "bytes": lambda tokens: [token.encode() for token in tokens],
    "array of bytes": lambda tokens: np.array([token.encode() for token in tokens]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_sentences_are_sequences_of_any_kind(translator: ctranslate2.Translator, kind: str) -> None:
    made = [KINDS[kind](source) for source in SOURCES]
    prefixes, ends = [["f"], ["f", "g"], ["e"], ["i"]], ["g", "e"]
    wanted = translator.translate_batch(
        SOURCES, prefixes, return_scores=True, suppress_sequences=[["a"]], end_token=ends
    )
    found = translator.translate_batch(
        tuple(made), [KINDS[kind](prefix) for prefix in prefixes], return_scores=True,
        suppress_sequences=[KINDS[kind](["a"])], end_token=KINDS[kind](ends),
    )  # fmt: skip
    assert same(found, wanted)
    assert all(type(token) is str for one in found for token in one.hypotheses[0])
    assert list(translator.score_iterable(iter(made), iter(made))) == (
        translator.score_batch(SOURCES, SOURCES)
    )
    assert list(translator.generate_tokens(made[0], KINDS[kind](["f"]))) == (
        list(translator.generate_tokens(SOURCES[0], ["f"]))
    )


def test_array_of_two_dimensions_is_a_batch(translator: ctranslate2.Translator) -> None:
    batch = [["d", "c"], ["b", "g"]]
    for made in (np.array(batch), objects(batch)):
        assert same(
            translator.translate_batch(made, made), translator.translate_batch(batch, batch)
        )


def test_options_are_numbers_of_any_kind(translator: ctranslate2.Translator) -> None:
    found = translator.translate_batch(
        SOURCES, beam_size=np.int64(3), length_penalty=np.float32(0.5), patience=1,
        return_scores=np.True_, return_attention=None, disable_unk=1, end_token=np.array([4, 9]),
    )  # fmt: skip
    wanted = translator.translate_batch(
        SOURCES, beam_size=3, length_penalty=0.5, return_scores=True, disable_unk=True,
        end_token=[4, 9],
    )  # fmt: skip
    assert same(found, wanted)
    assert found[0].attention == []
    assert same(
        translator.translate_batch(SOURCES, beam_size=True),
        translator.translate_batch(SOURCES, beam_size=1),
    )


# --- as many prefixes as sentences ---


def test_fewer_prefixes_or_targets_than_sentences_are_a_runtime_error(
    translator: ctranslate2.Translator,
) -> None:
    message = "One input stream has less examples than the others"
    for prefixes in ([["f"]], [None] * 3):
        with pytest.raises(RuntimeError, match=message):
            translator.translate_batch(SOURCES, prefixes)
    for others in ([], [["f"]] * 3):
        with pytest.raises(RuntimeError, match=message):
            translator.score_batch(SOURCES, others)


def test_more_prefixes_or_targets_than_sentences_are_not_needed(
    translator: ctranslate2.Translator,
) -> None:
    prefixes = [["f"], None, [], ["e"]]
    wanted = translator.translate_batch(SOURCES, prefixes, return_scores=True)
    found = translator.translate_batch(SOURCES, [*prefixes, ["a"]], return_scores=True)
    assert same(found, wanted)
    assert translator.score_batch(SOURCES, [*SOURCES, ["a"]]) == (
        translator.score_batch(SOURCES, SOURCES)
    )


def test_no_prefixes_are_none_for_each(translator: ctranslate2.Translator) -> None:
    wanted = translator.translate_batch(SOURCES)
    none: Any
    for none in (None, [], [None] * 4, [[]] * 4, np.array([])):
        assert same(translator.translate_batch(SOURCES, none), wanted)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_prefix_that_is_almost_certain_is_followed(
    translator: ctranslate2.Translator, beam_size: int
) -> None:
    prefixes = [["f", "d"], ["a"], ["e", "i", "g"], []]
    options = {"beam_size": beam_size, "max_decoding_length": 12}
    certain = translator.translate_batch(SOURCES, prefixes, **options)
    likely = translator.translate_batch(SOURCES, prefixes, prefix_bias_beta=0.9999999, **options)
    for prefix, one, other in zip(prefixes, likely, certain, strict=True):
        assert one.hypotheses[0][: len(prefix)] == prefix
        if beam_size == 1:
            assert one.hypotheses == other.hypotheses


# --- results ---


def test_result_may_be_read_as_a_list_of_dicts(translator: ctranslate2.Translator) -> None:
    [found] = translator.translate_batch([["g"]], num_hypotheses=2)
    with pytest.warns(DeprecationWarning, match="attributes"):
        items = list(found)
    assert items == [{"tokens": tokens} for tokens in found.hypotheses]
    assert len(found) == 2
    with pytest.warns(DeprecationWarning, match="attributes"), pytest.raises(IndexError):
        found[2]
    [found] = translator.translate_batch([["g"]], return_scores=True, return_attention=True)
    with pytest.warns(DeprecationWarning, match="attributes"):
        item = found[0]
    assert item == {
        "tokens": found.hypotheses[0],
        "score": found.scores[0],
        "attention": found.attention[0],
    }


def test_results_say_what_they_hold(translator: ctranslate2.Translator) -> None:
    [found] = translator.translate_batch([["g"]], return_scores=True)
    assert repr(found) == (
        f"TranslationResult(hypotheses={found.hypotheses}, scores={found.scores}, "
        "attention=[], logits=[])"
    )
    [step, *_] = translator.generate_tokens(["g"])
    assert repr(step) == (
        f"GenerationStepResult(step=0, batch_id=0, token_id={step.token_id}, hypothesis_id=0, "
        f"token={step.token!r}, log_prob=None, logits=None, is_last={step.is_last})"
    )
