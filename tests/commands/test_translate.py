"""Options of `pyattn translate` for lines: --set, --jsonl, languages, and what it says."""

import dataclasses
import io
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from pyattn.options import GenerationOptions
from pyattn.pivot import Pivot
from pyattn.text.tokenizers import Languages
from pyattn.text_settings import TextSettings
from pyattn.translator import Translator
from support.command_runs import Loaded, Run, assert_fails, runner, use_echo
from support.echo import Echo, Letters


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    return use_echo(monkeypatch)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    return runner(monkeypatch, capsysbinary)


# A value of every decoding option that is not its default, as text and as Python has it.
VALUES: dict[str, tuple[str, Any]] = {
    "beam_size": ("4", 4),
    "num_hypotheses": ("3", 3),
    "patience": ("2.5", 2.5),
    "early_stopping": ("never", "never"),
    "max_new_tokens": ("9", 9),
    "max_length_factor": ("3", 3.0),
    "min_new_tokens": ("2", 2),
    "end_tokens": ("3,17", (3, 17)),
    "return_end_token": ("yes", True),
    "force_end": ("True", True),
    "length_penalty": ("-0.5", -0.5),
    "length_counts_prefix": ("true", True),
    "coverage_penalty": ("0.2", 0.2),
    "target_prefix": ("[3, 17]", (3, 17)),
    "prefix_bias_beta": ("0.5", 0.5),
    "return_prefix": ("false", False),
    "end_behind_prefix": ("no", False),
    "forced_bos_token": ("7", 7),
    "suppress_tokens": ("5", (5,)),
    "begin_suppress_tokens": ("5, 6", (5, 6)),
    "suppress_sequences": ("[[3, 17], [5]]", ((3, 17), (5,))),
    "sequence_bias": ("[[[3, 17], -2.5]]", (((3, 17), -2.5),)),
    "disable_unk": ("true", True),
    "repetition_penalty": ("1.2", 1.2),
    "encoder_repetition_penalty": ("1.2", 1.2),
    "no_repeat_ngram_size": ("3", 3),
    "encoder_no_repeat_ngram_size": ("3", 3),
    "history_counts_start": ("false", False),
    "renormalize": ("true", True),
    "do_sample": ("true", True),
    "temperature": ("0.7", 0.7),
    "top_k": ("10", 10),
    "top_p": ("0.9", 0.9),
    "min_p": ("1e-2", 0.01),
    "seed": ("18446744073709551615", 2**64 - 1),
    "return_alternatives": ("true", True),
    "min_alternative_expansion_prob": ("0.1", 0.1),
    "max_time": ("5", 5.0),
    "scores": ("true", True),
    "alignment": ("true", True),
    "alignment_heads": ("[[2, 0], [2, 3]]", ((2, 0), (2, 3))),
}


def test_every_decoding_option_has_a_value_here() -> None:
    assert [*VALUES] == [field.name for field in dataclasses.fields(GenerationOptions)]


@pytest.mark.parametrize("name", VALUES)
def test_every_decoding_option_can_be_set(run: Run, loaded: Loaded, name: str) -> None:
    text, value = VALUES[name]
    wide = ("--set", "patience=3") if name == "num_hypotheses" else ()
    assert run("translate", "one", "--set", f"{name}={text}", *wide)[0] == 0
    found = getattr(loaded.model.settings["options"], name)
    assert (found, type(found)) == (value, type(value))


def test_options_that_may_be_none_can_be_none(run: Run, loaded: Loaded) -> None:
    assert run("translate", "one", "--set", "max_time=none")[0] == 0
    assert loaded.model.settings["options"].max_time is None


def test_choices_for_texts_can_be_set(run: Run, loaded: Loaded) -> None:
    soft = "co\u00adoperation"
    assert run("translate", soft, "--set", "normalize=never")[1].decode() == f"{soft}\n"
    assert run("translate", soft, "--set", "normalize=invisible")[1] == b"cooperation\n"
    run("translate", "one", "one", "--set", "reuse=false")
    assert loaded.model.calls == [["one", "one"]]
    run("translate", "one", "one")
    assert loaded.model.calls == [["one"]]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("beam_size", "--set: expected NAME=VALUE, got 'beam_size'"),
        ("=4", "--set: expected NAME=VALUE, got '=4'"),
        ("num_beams=4", "unknown option 'num_beams': did you mean 'beam_size'?"),
        ("device=cpu", "unknown option 'device': pyattn runs on CPUs"),
        ("guard=no", "guard: use --guard or --no-guard"),
        ("source=en", "source: use --from"),
        ("beam_size=x", "beam_size: expected a whole number from 1 to 256, got 'x'"),
        ("beam_size=257", "beam_size: expected a whole number from 1 to 256, got '257'"),
        ("seed=-1", "seed: expected a whole number from 0 on, got '-1'"),
        ("seed=" + "9" * 5000, "seed: expected a whole number from 0 on, got '99"),
        ("top_p=2", "top_p: expected a number from 1e-06 to 1, got '2'"),
        ("temperature=nan", "temperature: expected a number from 0.001 to 1000, got 'nan'"),
        ("max_time=x", "max_time: expected a number or none, got 'x'"),
        ("max_time=-1", "max_time: expected 0 or more seconds, got -1.0"),
        ("do_sample=maybe", "do_sample: expected true or false, got 'maybe'"),
        ("early_stopping=x", "expected true, false, never or best, got 'x'"),
        ("end_tokens=3,x", "end_tokens: expected token ids, such as 3,17, got '3,x'"),
        ("suppress_sequences=3", "expected lists of token ids as JSON, such as [[3, 17], [5]]"),
        ("suppress_sequences=[3]", "suppress_sequences: expected token ids, got 3"),
        ("sequence_bias=[[", "expected pairs of token ids and a number as JSON"),
        ("alignment_heads=[1]", "alignment_heads: expected pairs of a layer and a head"),
        ("normalize=x", 'expected "auto", "never" or some of invisible, quotes'),
    ],
)
def test_wrong_assignment_is_a_usage_error(run: Run, assignment: str, message: str) -> None:
    assert_fails(run("translate", "one", "--set", assignment), 2, message)


def test_option_that_is_given_twice_is_an_error(run: Run) -> None:
    result = run("translate", "one", "--beam", "4", "--set", "beam_size=5")
    assert_fails(result, 2, "beam_size is also given as --beam")


def test_options_that_contradict_each_other_are_an_error_that_names_them(run: Run) -> None:
    result = run("translate", "one", "--beam", "2", "--set", "num_hypotheses=3")
    assert_fails(result, 1, "num_hypotheses: expected at most 2 with beam_size 2, got 3")


def test_guard_and_protection_reach_the_translator(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    class Watched(Translator):
        def translate(self, texts: Any, **others: Any) -> Any:  # type: ignore[override]
            seen.append(others)
            return list(texts)

    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: Watched(Echo(), Letters()))
    run("translate", "one")
    run("translate", "one", "--protect", "--no-guard")
    run("translate", "one", "--no-protect", "--guard")
    chosen = [{name: one.get(name) for name in ("protect", "guard")} for one in seen]
    assert chosen == [
        {"protect": None, "guard": None},
        {"protect": True, "guard": False},
        {"protect": False, "guard": True},
    ]


# --- JSON -----------------------------------------------------------------------------------------


def test_json_has_what_is_known_of_a_translation(run: Run) -> None:
    arguments = ("--jsonl", "--beam", "3", "--set", "num_hypotheses=2", "--no-guard")
    code, output, error = run("translate", "señor", "", "two\nlines", *arguments)
    assert (code, error) == (0, "")
    assert "señor" in output.decode()  # readable by people
    first, second, third = map(json.loads, output.decode().splitlines())
    assert first == {
        "source": "señor",
        "translation": "señor",
        "score": -6.0,
        "finish_reason": "eos",
        "warnings": [],
        "alternatives": [
            {"translation": "señorseñor", "score": -12.0, "finish_reason": "eos", "warnings": []}
        ],
    }
    assert (second["translation"], second["alternatives"]) == ("", [])
    assert third["translation"] == "two\nlines"


def test_json_names_faults_and_reads_lines(run: Run) -> None:
    code, output, _ = run("translate", "--jsonl", "--set", "max_new_tokens=3", stdin=b"a\n\nlong\n")
    assert code == 0
    found = [json.loads(line) for line in output.splitlines()]
    assert [one["source"] for one in found] == ["a", "", "long"]
    assert [one["finish_reason"] for one in found] == ["eos", "eos", "length"]


def test_json_has_no_infinite_numbers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Impossible(Echo):
        @staticmethod
        def _hypothesis(source: Sequence[int], times: int, options: GenerationOptions) -> Any:
            return dataclasses.replace(
                Echo._hypothesis(source, times, options), score=float("-inf")
            )

    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: Translator(Impossible(), Letters()))
    assert json.loads(run("translate", "--jsonl", "one")[1])["score"] is None


# --- languages ------------------------------------------------------------------------------------


class Multilingual(Letters):
    """Whose texts begin with the names of their languages."""

    languages = Languages(sources={"en": (1,), "ru": (2,)}, targets={"es": (3,), "fr": (4,)})

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        return super().encode([f"{source}-{target}:{text}" for text in texts])

    encode_bodies = encode


@pytest.mark.parametrize(
    "names", [("--from", "--to"), ("--source-language", "--target-language")], ids=str
)
def test_languages_have_their_older_names_as_well(
    run: Run, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    translator = Translator(Echo(), Multilingual())
    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: translator)
    arguments = (names[0], "en", names[1], "fr")
    assert run("translate", "One.", *arguments) == (0, b"en-fr:One.\n", "")


def test_language_of_each_text_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    translator = Translator(Echo(), Multilingual())
    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: translator)
    code, output, _ = run("translate", "Да", "Yes", "--from", "auto", "--to", "fr")
    assert (code, output.decode()) == (0, "ru-fr:Да\nen-fr:Yes\n")


def test_languages_of_a_model_of_one_pair_may_be_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TextSettings(source="en", target="es")
    monkeypatch.setattr(
        "pyattn.loading.load", lambda *_, **__: Translator(Echo(), Letters(), settings=settings)
    )
    assert run("translate", "One.", "--from", "en", "--to", "es") == (0, b"One.\n", "")
    assert run("translate", "One.", "--from", "auto") == (0, b"One.\n", "")
    wrong = run("translate", "One.", "--to", "fr")
    assert_fails(wrong, 1, "target is fr, but this model has no languages to choose from")


def test_two_models_as_one_take_lines_in_several_groups(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Translator(Echo(), Letters(), settings=TextSettings(source="en", target="de"))
    second = Translator(Echo(), Letters(), settings=TextSettings(source="de", target="es"))
    monkeypatch.setattr("pyattn.loading.load", lambda *_, **__: Pivot(first, second))
    lines = b"a\n" * 33_000
    arguments = ("--from", "en", "--to", "es", "--no-guard")
    assert run("translate", *arguments, stdin=lines) == (0, lines, "")


# --- standard input -------------------------------------------------------------------------------


def test_terminal_is_told_what_is_awaited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyattn.commands import main

    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(b"one\n")))
    assert main.main(["translate"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("pyattn: reading lines; Ctrl-")
    assert captured.out == "one\n"


def test_options_may_stand_between_texts(run: Run) -> None:
    assert run("translate", "one", "--beam", "2", "two", "--", "-three") == (
        0,
        b"one\ntwo\n-three\n",
        "",
    )


def test_file_of_lines_is_pointed_to(run: Run, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "letters.en"
    path.write_text("one\n")
    result = run("translate", str(path))
    assert_fails(result, 2, "is a file; --out DIR translates files, --input FILE reads its lines")
    assert run("translate", str(tmp_path))[0] == 0  # a folder's name may be a word
