"""Two translators as one."""

from __future__ import annotations

import asyncio
import itertools
import pathlib
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import GenerationOptions, Pivot, Translation, Translator
from pyattn.text.pivoting import kept_again

# The included model is both: what it makes of Spanish is no language, but always the same.
TEXTS = [
    "I am hungry.",
    "1. Where is the station? It is late.\n\n2. Thank you very much!",
    "",
    "42",
    "My name is Anna.",
]


@pytest.fixture(scope="module")
def pivot() -> Iterator[Pivot]:
    with pyattn.load(threads=1) as first, pyattn.load(threads=1) as second:
        yield Pivot(first, second)


class Watched:
    """A translator that notes how it is called."""

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self.calls: list[dict[str, Any]] = []

    def submit(self, texts: list[str], *options: Any, **settings: Any) -> Any:
        self.calls.append({"options": options, **settings})
        return self._translator.submit(texts, *options, **settings)


def watched(pivot: Pivot) -> tuple[Pivot, dict[str, Any]]:
    first, second = Watched(pivot.first), Watched(pivot.second)
    made: Any = Pivot(first, second)
    return made, {"first": first.calls, "second": second.calls}


def test_texts_are_translated_twice(pivot: Pivot) -> None:
    wanted = pivot.second.translate(pivot.first.translate(TEXTS))
    assert pivot.translate(TEXTS) == wanted
    assert [pivot.translate(text) for text in TEXTS] == wanted
    assert pivot.submit(TEXTS).texts() == wanted
    assert list(pivot.stream(iter(TEXTS))) == wanted
    assert pivot.translate([]) == []
    assert list(pivot.stream([])) == []


def test_results_are_the_second_s_of_the_first_s_best(pivot: Pivot) -> None:
    between = pivot.first.translate(TEXTS, beam_size=3)
    wanted = pivot.second.results(between, beam_size=3, num_hypotheses=3)
    found = pivot.results(TEXTS, beam_size=3, num_hypotheses=3)
    assert [len(ranked) for ranked in found] == [len(ranked) for ranked in wanted]
    for one, other in zip(itertools.chain(*found), itertools.chain(*wanted), strict=True):
        assert (one.text, one.tokens, one.score) == (other.text, other.tokens, other.score)
        assert one.alignment is None


def test_warnings_of_both_are_there(pivot: Pivot) -> None:
    texts = ["I have 123 apples and 77 pears and 1,600 books.", "I was born in 1977."]
    for text, [found] in zip(texts, pivot.results(texts), strict=True):
        [[before]] = pivot.first.results([text])
        [[after]] = pivot.second.results([before.text])
        assert set(found.warnings) == {*before.warnings, *after.warnings}


def test_pieces_cover_the_text_and_the_translation(pivot: Pivot) -> None:
    for text, [found] in zip(TEXTS, pivot.results(TEXTS), strict=True):
        for spans, whole in (
            ([piece.source for piece in found.pieces], text),
            ([piece.target for piece in found.pieces], found.text),
        ):
            ends = [0, *(end for _, end in spans)]
            assert [begin for begin, _ in spans] == ends[:-1]
            assert ends[-1] == len(whole) or not spans
    [found] = pivot.results([TEXTS[1]])[0]
    copied = [TEXTS[1][slice(*piece.source)] for piece in found.pieces if piece.copied]
    assert any(part.endswith("\n\n2. ") or part == "\n\n" for part in copied)


def slow_alignment(before: Translation, after: Translation) -> np.ndarray[Any, Any]:
    """How much each token of the target looked at each of the source, by characters between."""
    assert before.alignment is not None
    assert after.alignment is not None
    assert before.target_spans is not None
    assert after.source_spans is not None
    rows = []
    for row in after.alignment:
        looked = np.zeros(before.alignment.shape[1])
        for weight, (begin, end) in zip(row, after.source_spans, strict=False):
            for place in range(begin, end):
                for token, (low, high) in enumerate(before.target_spans):
                    if low <= place < high:
                        looked += weight / (end - begin) * before.alignment[token]
        rows.append(
            looked / looked.sum() if looked.sum() else np.full(len(looked), 1 / len(looked))
        )
    return np.array(rows)


def test_alignment_leads_from_the_text_to_the_translation(pivot: Pivot) -> None:
    texts = [text for text in TEXTS if text.strip("42")]
    for text, [found] in zip(texts, pivot.results(texts, alignment=True), strict=True):
        [[before]] = pivot.first.results([text], alignment=True)
        [[after]] = pivot.second.results([before.text], alignment=True)
        assert found.alignment is not None
        assert found.alignment.dtype == np.float32
        assert found.alignment.shape == (len(found.token_scores), len(found.source_spans or ()))
        np.testing.assert_allclose(found.alignment.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(found.alignment, slow_alignment(before, after), atol=1e-5)
        assert found.source_spans == before.source_spans
        assert found.target_spans == after.target_spans


def test_first_model_shares_the_options_of_the_search_itself(pivot: Pivot) -> None:
    made, calls = watched(pivot)
    prefix = pivot.second.tokenizer.encode(["Yo"])[0][:1]
    made.results(
        TEXTS[:1], beam_size=2, num_hypotheses=2, target_prefix=prefix, max_new_tokens=9,
        split="never",
    )  # fmt: skip
    assert calls["first"] == [
        {
            "options": (), "source": None, "kept": None, "beam_size": 2, "max_new_tokens": 9,
            "scores": False, "alignment": False, "split": "never",
        }
    ]  # fmt: skip
    assert calls["second"] == [
        {
            "options": (None,), "target": None, "kept": None, "beam_size": 2, "num_hypotheses": 2,
            "target_prefix": prefix, "max_new_tokens": 9, "split": "never",
        }
    ] * 2  # fmt: skip  # once to check them


def test_options_as_an_object_are_the_same_as_keywords(pivot: Pivot) -> None:
    options = pivot.second.model.generation.replace(beam_size=2, length_penalty=0.3)
    assert pivot.translate(TEXTS, options) == pivot.translate(
        TEXTS, beam_size=2, length_penalty=0.3
    )
    assert isinstance(options, GenerationOptions)


@pytest.mark.parametrize("method", ["translate", "results", "submit", "stream"])
def test_wrong_use_fails_at_once(method: str, pivot: Pivot) -> None:
    use = getattr(pivot, method)
    with pytest.raises(TypeError, match="unknown option 'num_beams': did you mean 'beam_size'"):
        use(["a"], num_beams=3)
    with pytest.raises(ValueError, match="beam_size"):
        use(["a"], beam_size=0)
    with pytest.raises(ValueError, match="num_hypotheses"):
        use(["a"], num_hypotheses=0)
    if method not in ("translate", "stream"):
        with pytest.raises(TypeError, match="texts is str"):
            use("a")
    with pytest.raises(TypeError, match="texts is dict"):
        use({"a": "b"})


def test_stream_reads_an_endless_source_in_order(pivot: Pivot) -> None:
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        for text in itertools.cycle(["I am hungry.", "Thank you very much."]):
            read += 1
            yield text

    found = list(itertools.islice(pivot.stream(source(), max_new_tokens=8), 40))
    assert found == pivot.translate(["I am hungry.", "Thank you very much."] * 20, max_new_tokens=8)
    assert read < 5000


def test_pivot_is_awaited(pivot: Pivot) -> None:
    async def main() -> Any:
        return await asyncio.gather(pivot.submit(TEXTS[:1]), pivot.submit(TEXTS[4:]))

    found = asyncio.run(main())
    assert [ranked[0][0].text for ranked in found] == pivot.translate([TEXTS[0], TEXTS[4]])


def test_pending_is_polled_and_cancelled(pivot: Pivot) -> None:
    pending = pivot.submit(TEXTS)
    while not pending.done():
        pass
    assert len(pending) == len(TEXTS)
    assert pending.texts() == pivot.translate(TEXTS)
    pending = pivot.submit([f"My {number} apples are in the kitchen." for number in range(2000)])
    pending.cancel()
    with pytest.raises(ValueError, match="cancel"):
        pending.results()


def test_pivot_is_pickled_and_closed() -> None:
    with Pivot(pyattn.load(threads=1), pyattn.load(threads=1)) as pivot:
        wanted = pivot.translate(TEXTS)
        with pickle.loads(pickle.dumps(pivot)) as other:
            assert other.translate(TEXTS) == wanted
        assert repr(pivot).startswith("<pyattn.Pivot <pyattn.Translator marian")
    for translator in (pivot.first, pivot.second):
        with pytest.raises(ValueError, match="closed"):
            translator.translate("a")


def test_documents_are_translated_with_their_markup(pivot: Pivot, tmp_path: pathlib.Path) -> None:
    page = b"<p>I am <b>hungry</b>, see https://example.org/x.</p><p>Thank you.</p>"
    (tmp_path / "a.html").write_bytes(page)
    pivot.translate_file(tmp_path / "a.html", tmp_path / "b.html")
    found = (tmp_path / "b.html").read_bytes()
    assert found == pyattn.documents.translate(page, "html", pivot)
    assert found.count(b"<b>") == found.count(b"</b>") == 1
    assert found.count(b"https://example.org/x") == 1
    assert found.endswith(pivot.translate("Thank you.").encode() + b"</p>")


def test_settings_of_texts_are_for_both(pivot: Pivot) -> None:
    made, calls = watched(pivot)
    made.translate(TEXTS[:1], protect=True, guard=False, reuse=False)
    for call in calls["first"] + calls["second"]:
        assert (call["protect"], call["guard"], call["reuse"]) == (True, False, False)


def test_kept_parts_are_found_in_the_language_between() -> None:
    texts = ["see {a} and {ab} and {a}", "none", "lost x"]
    kept = [[(4, 7), (12, 16), (21, 24)], [], [(5, 6)]]
    between = ["{a} y {ab}, {a}", "nada", "perdido"]
    assert kept_again(texts, kept, between) == [[(0, 3), (6, 10), (12, 15)], [], []]


@pytest.mark.parametrize("other", [None, "argos:en-es", pyattn.load])
def test_what_is_no_translator_is_refused_at_once(other: Any) -> None:
    translator = pyattn.load(threads=1)
    with pytest.raises(TypeError, match=r"Pivot: second is .*, expected a Translator"):
        Pivot(translator, other)
    with pytest.raises(TypeError, match=r"Pivot: first is .*, expected a Translator"):
        Pivot(other, translator)


def test_both_models_share_the_time(pivot: Pivot, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100.0, 3.0)  # every look at the clock is three seconds later
    monkeypatch.setattr("pyattn.pivot.monotonic", lambda: next(clock))
    made, calls = watched(pivot)
    made.results(TEXTS[:1], max_time=10.0)
    assert [call.get("max_time") for call in calls["first"]] == [10.0]
    assert [call.get("max_time") for call in calls["second"]] == [10.0, 7.0]
    made.results(TEXTS[:1], GenerationOptions(max_time=2.0))
    assert calls["second"][-1]["max_time"] == 0.0
    made.results(TEXTS[:1])
    assert "max_time" not in calls["second"][-1]
