"""What names mean, and what is said of names that lead nowhere."""

from __future__ import annotations

import pathlib

import pytest

import pyattn
from pyattn import ModelError
from pyattn.hub.names import HubName, Name, RegistryName, parse
from pyattn.hub.suggestions import closest, near_names

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Helsinki-NLP/opus-mt-en-es", HubName(repository="Helsinki-NLP/opus-mt-en-es")),
        ("a/b@v1.0", HubName(repository="a/b", revision="v1.0")),
        ("a/b@refs/pr/3", HubName(repository="a/b", revision="refs/pr/3")),
        (f"a/b@{COMMIT}", HubName(repository="a/b", revision=COMMIT)),
        ("hf:a/b", HubName(repository="a/b")),
        ("HF:a/b@main", HubName(repository="a/b", revision="main")),
        ("hf:t5-small", HubName(repository="t5-small")),
        ("hf://a/b", HubName(repository="a/b")),
        ("https://huggingface.co/a/b", HubName(repository="a/b")),
        ("https://huggingface.co/a/b/", HubName(repository="a/b")),
        ("http://hf.co/a/b/tree/dev", HubName(repository="a/b", revision="dev")),
        (
            "https://huggingface.co/a/b/blob/main/config.json?x=1",
            HubName(repository="a/b", revision="main"),
        ),
        ("firefox:en-pt", RegistryName(registry="firefox", pairs=(("en", "pt"),))),
        ("Firefox:en_pt", RegistryName(registry="firefox", pairs=(("en", "pt"),))),
        ("argos:en->es", RegistryName(registry="argos", pairs=(("en", "es"),))),
        ("argos:en-es@1.9", RegistryName(registry="argos", pairs=(("en", "es"),), revision="1.9")),
        (
            "firefox:en-zh-Hans",
            RegistryName(registry="firefox", pairs=(("en", "zh-Hans"),)),
        ),
        (
            "argos:en-pt-BR",
            RegistryName(registry="argos", pairs=(("en", "pt-BR"), ("en-pt", "BR"))),
        ),
    ],
)
def test_name_is_parsed(text: str, name: Name) -> None:
    assert parse(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "en-es", "model", "./a/b", "../a/b", "/a/b", "~/b", ".", "..", "a/b/c", "a\\b", "C:\\a\\b",
        "a//b", "a/", "/", "a/..", "a--b/c", "a/b c", "a/-b", "a/b@", "ä/b", "a/" + "b" * 100,
    ],
)  # fmt: skip
def test_path_is_no_name(text: str) -> None:
    if text == "a/b@":
        with pytest.raises(ModelError, match="'' is no revision"):
            parse(text)
    else:
        assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("firefox:enpt", "expected firefox: and two codes of languages, as in firefox:en-es"),
        ("firefox:", "expected firefox: and two codes"),
        ("argos:eng-spa-fra", "expected argos: and two codes"),
        ("firefox:english-spanish", "expected firefox: and two codes"),
        ("https://huggingface.co/datasets/a/b", "only pages of models"),
        ("argos:../x-y", "expected argos: and two codes"),
        ("hf:", "expected hf:org/name"),
        ("hf:a/b/c", "expected hf:org/name"),
        ("hf:../b", "expected hf:org/name"),
        ("https://example.org/model.zip", "only pages of models on huggingface.co are names"),
        ("https://huggingface.co", "only pages of models"),
        ("http://[::1/a/b", "not an address"),
        ("a/b@../../x", "is no revision"),
        ("a/b@x y", "is no revision"),
    ],
)
def test_malformed_name_says_what_is_expected(text: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        parse(text)


def test_two_revisions_are_refused() -> None:
    assert parse("a/b", "dev") == parse("a/b@dev") == parse("a/b@dev", "dev")
    with pytest.raises(ModelError, match="revision is main, but the name has another"):
        parse("a/b@dev", "main")


def test_mirror_s_addresses_are_names(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://mirror.example/a/b"
    with pytest.raises(ModelError, match="only pages"):
        parse(address)
    assert parse(address, endpoint="https://mirror.example") == HubName(repository="a/b")
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert parse(address) == HubName(repository="a/b")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("opus-mt-en-es", ["Helsinki-NLP/opus-mt-en-es"]),
        ("nllb-200-distilled-600M", ["facebook/nllb-200-distilled-600M"]),
        ("en-es", ["firefox:en-es", "argos:en-es", "Helsinki-NLP/opus-mt-en-es"]),
        ("EN_pt", ["firefox:en-pt", "argos:en-pt", "Helsinki-NLP/opus-mt-en-pt"]),
        ("en2de", ["firefox:en-de", "argos:en-de", "Helsinki-NLP/opus-mt-en-de"]),
        ("my model", []),
    ],
)
def test_likely_names_are_near(text: str, near: list[str]) -> None:
    assert near_names(text) == near


def test_similar_names_are_found_whatever_their_case() -> None:
    known = ["Helsinki-NLP/opus-mt-en-es", "facebook/bart-base"]
    assert closest("helsinki-nlp/opus-mt-en-xx", known) == known[:1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("opus-mt-en-es", ["no such folder", "did you mean 'Helsinki-NLP/opus-mt-en-es'?"]),
        ("en-pt", ["'firefox:en-pt', 'argos:en-pt' or 'Helsinki-NLP/opus-mt-en-pt'?"]),
        ("en-es", ["'firefox:en-es',", "the included model, without a path, is English-Spanish"]),
        ("./typo", ["typo: no such folder or file", "did you mean 'typos'?"]),
        ("typos/x/y", ["no such folder or file"]),
        ("spanish", ["a name such as org/name, hf:org/name, firefox:en-pt or argos:en-es"]),
        ("", ["'': no path", '"." is the current folder']),
        ("https://example.org/x", ["only pages of models on huggingface.co"]),
        ("x" * 5000, ["no such folder"]),
        ("a\0b", ["no such folder"]),
        ("ftp:x", ["no such folder"]),
    ],
)
def test_what_leads_nowhere_is_one_sentence_with_a_remedy(
    text: str, said: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "typos").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as error:
        pyattn.load(text)
    assert "\n" not in str(error.value)
    for part in said:
        assert part in str(error.value)


def test_home_that_nobody_replaced_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    with pytest.raises(ModelError, match=r"Python does not replace ~, .*model is"):
        pyattn.load("~/model")


@pytest.mark.parametrize("text", ["org/name", "firefox:en-pt", "argos:en-es"])
def test_path_that_exists_wins(
    text: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / text).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"no config\.json"):
        pyattn.load(text)


def test_path_object_is_never_a_name() -> None:
    with pytest.raises(ModelError, match="no such folder or file"):
        pyattn.load(pathlib.Path("org/name"))
