"""Files through pyattn.compat.ctranslate2."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyattn.compat import ctranslate2
from support import compat_models


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> ctranslate2.Translator:
    folder = compat_models.folder(tmp_path_factory.mktemp("compat") / "bare", "bare")
    return ctranslate2.Translator(folder, compute_type="float32", intra_threads=1)


@pytest.fixture
def lines(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "source").write_text("d c b e j\n\nh k i e\n")
    (tmp_path / "target").write_text("f g\n\nf\n")
    return tmp_path


def written(place: pathlib.Path) -> list[list[str]]:
    """The fields of each line of the output."""
    text = (place / "output").read_text()
    assert text.endswith("\n")
    return [line.split(" ||| ") for line in text[:-1].split("\n")]


def test_file_has_a_line_for_each_hypothesis(
    translator: ctranslate2.Translator, lines: pathlib.Path
) -> None:
    stats = translator.translate_file(
        str(lines / "source"), str(lines / "output"), num_hypotheses=2, with_scores=True
    )
    results = translator.translate_batch(
        [list("dcbej"), [], list("hkie")], num_hypotheses=2, return_scores=True
    )
    wanted = [
        [f"{score:.6g}", " ".join(tokens)]
        for result in results
        for score, tokens in zip(result.scores, result.hypotheses, strict=True)
    ]
    assert written(lines) == wanted
    assert stats.num_examples == 3
    assert stats.num_tokens == sum(len(result.hypotheses[0]) for result in results)
    assert stats.total_time_in_ms > 0


def test_file_is_cut_and_joined_by_functions(
    translator: ctranslate2.Translator, lines: pathlib.Path
) -> None:
    translator.translate_file(
        lines / "source",
        lines / "output",
        lines / "target",
        source_tokenize_fn=lambda line: line.split()[::-1],
        target_tokenize_fn=lambda line: line.split()[:1],
        target_detokenize_fn="-".join,
    )
    wanted = translator.translate_batch([list("jebcd"), [], list("eikh")], [["f"], [], ["f"]])
    assert written(lines) == [["-".join(result.hypotheses[0])] for result in wanted]


@pytest.mark.parametrize("offset", [0, 1])
def test_scored_file_has_mean_target_and_scores_of_tokens(
    translator: ctranslate2.Translator, lines: pathlib.Path, offset: int
) -> None:
    stats = translator.score_file(
        lines / "source", lines / "target", lines / "output", offset=offset, with_tokens_score=True
    )
    results = translator.score_batch(
        [list("dcbej"), [], list("hkie")], [["f", "g"], [], ["f"]], offset=offset
    )
    assert written(lines) == [
        [
            f"{np.mean(result.log_probs):.6g}",
            " ".join(result.tokens),
            " ".join(f"{one:.6g}" for one in result.log_probs),
        ]
        for result in results
    ]
    assert stats.num_examples == 3
    assert stats.num_tokens == sum(len(result.tokens) for result in results)
    translator.score_file(lines / "source", lines / "target", lines / "output")
    assert [len(line) for line in written(lines)] == [2, 2, 2]


def test_files_that_cannot_be_opened_are_runtime_errors(
    translator: ctranslate2.Translator, lines: pathlib.Path
) -> None:
    output, nowhere = lines / "output", lines / "nowhere"
    asked: tuple[Callable[[], Any], ...] = (
        lambda: translator.translate_file(nowhere, output),
        lambda: translator.translate_file(lines / "source", nowhere / "output"),
        lambda: translator.translate_file(lines / "source", output, nowhere),
        lambda: translator.score_file(lines / "source", nowhere, output),
    )
    for ask in asked:
        with pytest.raises(RuntimeError, match=r"Failed to open file: .*nowhere"):
            ask()


@pytest.mark.parametrize("missing", [1, 2])
def test_fewer_prefixes_or_targets_than_lines_are_a_runtime_error(
    translator: ctranslate2.Translator, lines: pathlib.Path, missing: int
) -> None:
    (lines / "target").write_text("f\n" * (3 - missing))
    for ask in (translator.translate_file, translator.score_file):
        with pytest.raises(RuntimeError, match="One input stream has less examples than the other"):
            ask(
                source_path=lines / "source",
                target_path=lines / "target",
                output_path=lines / "output",
                max_batch_size=1,
            )


def test_more_prefixes_or_targets_than_lines_are_not_needed(
    translator: ctranslate2.Translator, lines: pathlib.Path
) -> None:
    for ask in (translator.translate_file, translator.score_file):
        arguments = {
            "source_path": lines / "source",
            "target_path": lines / "target",
            "output_path": lines / "output",
        }
        (lines / "target").write_text("f g\n\nf\n")
        ask(**arguments)
        wanted = written(lines)
        (lines / "target").write_text("f g\n\nf\na\nb\n")
        assert ask(**arguments).num_examples == 3
        assert written(lines) == wanted


def tokenize(line: str) -> list[str]:
    return line.split()


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"source_tokenize_fn": tokenize}, "source_tokenize_fn and target_detokenize_fn should"),
        ({"target_detokenize_fn": "".join}, "source_tokenize_fn and target_detokenize_fn should"),
        (
            {"source_tokenize_fn": tokenize, "target_detokenize_fn": "".join},
            "target_tokenize_fn should be set when passing a target file",
        ),
    ],
)
def test_functions_of_a_translated_file_belong_together(
    translator: ctranslate2.Translator,
    lines: pathlib.Path,
    functions: dict[str, Any],
    message: str,
) -> None:
    paths = (lines / "source", lines / "output", lines / "target")
    with pytest.raises(ValueError, match=message):
        translator.translate_file(*paths, **functions)
    assert not (lines / "output").exists()


def test_functions_of_a_scored_file_belong_together(
    translator: ctranslate2.Translator, lines: pathlib.Path
) -> None:
    functions = {
        "source_tokenize_fn": tokenize,
        "target_tokenize_fn": tokenize,
        "target_detokenize_fn": " ".join,
    }
    paths = (lines / "source", lines / "target", lines / "output")
    translator.score_file(*paths, **functions)
    with_functions = written(lines)
    translator.score_file(*paths)
    assert written(lines) == with_functions
    for name in functions:
        with pytest.raises(ValueError, match="should all be set or none at all"):
            translator.score_file(*paths, **functions | {name: None})


# --- what a line is ---


def rewritten(
    translator: ctranslate2.Translator, place: pathlib.Path, content: bytes, **options: Any
) -> list[bytes]:
    """The lines of the translations of a file."""
    (place / "source").write_bytes(content)
    translator.translate_file(place / "source", place / "output", **options)
    output = (place / "output").read_bytes()
    assert output.endswith(b"\n")
    return output[:-1].split(b"\n")


@pytest.mark.parametrize(
    "space", ["\t", "\v", "\f", "\x1c", "\x85", "\xa0", "\u2003", "\u2028", "\u3000", "\r", "\x00"]
)
def test_lines_are_cut_at_spaces_alone(
    translator: ctranslate2.Translator, tmp_path: pathlib.Path, space: str
) -> None:
    line = f"  h {space}  k{space}i e "
    [found] = rewritten(translator, tmp_path, line.encode())
    [wanted] = translator.translate_batch([["h", space, f"k{space}i", "e"]])
    assert found.decode() == " ".join(wanted.hypotheses[0])


def test_carriage_return_before_a_line_break_is_no_part_of_the_line(
    translator: ctranslate2.Translator, tmp_path: pathlib.Path
) -> None:
    found = rewritten(translator, tmp_path, b"h k\r\ni e\r\r\n\r\ng")
    wanted = translator.translate_batch([["h", "k"], ["i", "e\r"], [], ["g"]])
    assert found == [" ".join(result.hypotheses[0]).encode() for result in wanted]


@pytest.mark.parametrize("spoiled", [b"\xff", b"k\xc3", b"\xed\xb0\x80", b"\xc0\xaf", b"\xf8"])
def test_what_is_no_utf8_is_an_unknown_token(
    translator: ctranslate2.Translator, tmp_path: pathlib.Path, spoiled: bytes
) -> None:
    content = [b"d c b e j"] * 50 + [b"h " + spoiled + b" e"] + [b"i c c"] * 50
    found = rewritten(translator, tmp_path, b"\n".join(content))
    wanted = translator.translate_batch([list("dcbej"), ["h", "<unk>", "e"], list("icc")])
    first, middle, last = (" ".join(result.hypotheses[0]).encode() for result in wanted)
    assert found == [first] * 50 + [middle] + [last] * 50


def test_what_is_no_utf8_comes_back_as_it_was(
    translator: ctranslate2.Translator, tmp_path: pathlib.Path
) -> None:
    # The unknown token that the target begins with can only look at the one of the source.
    (tmp_path / "target").write_bytes(b"\xf0\n")
    for replaced, wanted in ((False, b"<unk>"), (True, b"\xff\xfe")):
        [found] = rewritten(
            translator,
            tmp_path,
            b"\xff\xfe\n",
            target_path=tmp_path / "target",
            replace_unknowns=replaced,
        )
        assert found.split(b" ")[0] == wanted


def test_empty_lines_of_callers_who_end_their_sentences_stay_empty(
    translator: ctranslate2.Translator, tmp_path: pathlib.Path
) -> None:
    found = rewritten(translator, tmp_path, b"h k i e </s>\n</s>\n<s> </s>\n\nd c </s>\n")
    assert [len(line) > 0 for line in found] == [True, False, False, False, True]
