"""DeepL's own program for Python, with a service that is a process of its own."""

from __future__ import annotations

import io
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pyattn import documents
from support import service
from support.lanes import slow

deepl = pytest.importorskip("deepl")
pytestmark = slow

_LINES = ["You are welcome.", "Where is the station?", "I am hungry."]
_PAGE = b"<p>Where is the <b>station</b>?</p>"


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    found = deepl.DeepLClient("secret-1", server_url=address)
    yield found
    found.close()


def test_texts(client: Any) -> None:
    expected = service.translator().translate(_LINES)
    found = client.translate_text(_LINES, target_lang="ES")
    assert [one.text for one in found] == expected
    assert [one.detected_source_lang for one in found] == ["EN"] * 3
    assert [one.billed_characters for one in found] == [len(line) for line in _LINES]
    one = client.translate_text(
        _LINES[0],
        source_lang="EN",
        target_lang="ES",
        context="Somebody thanks.",
        formality=deepl.Formality.PREFER_LESS,
        split_sentences=deepl.SplitSentences.OFF,
        preserve_formatting=True,
        model_type=deepl.ModelType.PREFER_QUALITY_OPTIMIZED,
    )
    assert one.text == expected[0]


@pytest.mark.parametrize("handling", ["html", "xml"])
def test_tags(client: Any, handling: str) -> None:
    found = client.translate_text(
        "<p>I am very <x>hungry</x>.</p>",
        target_lang="ES",
        tag_handling=handling,
        ignore_tags=["x", "y"],
        splitting_tags="p",
        non_splitting_tags=["i"],
        outline_detection=False,
    )
    assert "<x>hungry</x>" in found.text
    assert found.text.startswith("<p>")


def test_languages_and_usage(client: Any) -> None:
    assert [one.code for one in client.get_source_languages()] == ["EN"]
    [target] = client.get_target_languages()
    assert (target.code, target.name, target.supports_formality) == ("ES", "Spanish", False)
    usage = client.get_usage()
    assert usage.character.valid
    assert not usage.any_limit_reached


def test_glossaries(client: Any) -> None:
    [pair] = client.get_glossary_languages()
    assert (pair.source_lang, pair.target_lang) == ("en", "es")
    entries = {"station": "terminal", "bank": "caja"}
    made = client.create_glossary("towns", "EN", "ES", entries)
    try:
        assert made.ready
        assert made.entry_count == 2
        assert client.get_glossary(made.glossary_id).name == "towns"
        assert client.get_glossary_entries(made) == entries
        assert made.glossary_id in [one.glossary_id for one in client.list_glossaries()]
        found = client.translate_text_with_glossary(_LINES[1], made)
        assert "terminal" in found.text
        found = client.translate_text(
            _LINES[1], source_lang="EN", target_lang="ES", glossary=made.glossary_id
        )
        assert "terminal" in found.text
    finally:
        client.delete_glossary(made)
    with pytest.raises(deepl.GlossaryNotFoundException):
        client.get_glossary(made.glossary_id)
    of_table = client.create_glossary_from_csv("towns", "EN", "ES", "a,b,en,es\n")
    assert client.get_glossary_entries(of_table) == {"a": "b"}
    client.delete_glossary(of_table)


def test_glossaries_of_several_languages(client: Any) -> None:
    entries = deepl.api_data.MultilingualGlossaryDictionaryEntries
    made = client.create_multilingual_glossary("towns", [entries("EN", "ES", {"station": "x"})])
    try:
        made = client.update_multilingual_glossary_name(made, "cities")
        assert made.name == "cities"
        more = entries("EN", "ES", {"station": "terminal", "bank": "caja"})
        made = client.update_multilingual_glossary_dictionary(made, more)
        assert [one.entry_count for one in made.dictionaries] == [2]
        found = client.get_multilingual_glossary_entries(made, "EN", "ES").dictionaries[0]
        assert found.entries == "station\tterminal\nbank\tcaja"
        found = client.translate_text(_LINES[1], source_lang="EN", target_lang="ES", glossary=made)
        assert "terminal" in found.text
        found = client.translate_text(
            _LINES[1], source_lang="EN", target_lang="ES", glossary_ids=[made]
        )
        assert "terminal" in found.text
        changed = client.replace_multilingual_glossary_dictionary(
            made, entries("EN", "ES", {"a": "b"})
        )
        assert changed.entry_count == 1
        client.update_multilingual_glossary_dictionary_from_csv(made, "EN", "ES", "c,d")
        assert client.get_multilingual_glossary(made.glossary_id).dictionaries[0].entry_count == 2
        assert made.glossary_id in [
            one.glossary_id for one in client.list_multilingual_glossaries()
        ]
        with pytest.raises(deepl.DeepLException, match="from 1 to"):
            client.delete_multilingual_glossary_dictionary(made, made.dictionaries[0])
    finally:
        client.delete_multilingual_glossary(made)


def test_documents(client: Any, tmp_path: pathlib.Path) -> None:
    made = documents.translate(_PAGE, "html", service.translator())
    page, out = tmp_path / "a.html", tmp_path / "b.html"
    page.write_bytes(_PAGE)
    done = client.translate_document_from_filepath(page, out, target_lang="ES")
    assert done.done
    assert done.billed_characters == len("Where is the station?")
    assert out.read_bytes() == made
    glossary = client.create_glossary("towns", "EN", "ES", {"station": "terminal"})
    written = io.BytesIO()
    handle = client.translate_document_upload(
        _PAGE, filename="a.html", source_lang="EN", target_lang="ES", glossary=glossary
    )
    assert client.translate_document_wait_until_done(handle).done
    client.translate_document_download(handle, written)
    assert b"terminal" in written.getvalue()
    client.delete_glossary(glossary)
    with pytest.raises(deepl.DeepLException):
        client.translate_document_get_status(handle)


def test_a_broken_document_is_an_exception(client: Any) -> None:
    broken = io.BytesIO(b"PK\x03\x04 nothing")
    broken.name = "a.docx"
    with pytest.raises(deepl.DocumentTranslationException):
        client.translate_document(broken, io.BytesIO(), target_lang="ES")
    with pytest.raises(deepl.DeepLException, match="xyz"):
        client.translate_document_upload(b"a", filename="a.xyz", target_lang="ES")


def test_errors(client: Any, address: str) -> None:
    for key in ("wrong", "secret-1:fx"):
        with pytest.raises(deepl.AuthorizationException, match="the key is not valid"):
            deepl.DeepLClient(key, server_url=address).translate_text("a", target_lang="ES")
    with pytest.raises(deepl.DeepLException, match="XX is not supported"):
        client.translate_text("a", target_lang="XX")
    with pytest.raises(deepl.DeepLException, match="formality"):
        client.translate_text("a", target_lang="ES", formality="more")
    with pytest.raises(deepl.DeepLException, match="Glossary not found"):
        client.translate_text("a", source_lang="EN", target_lang="ES", glossary="unknown")
    with pytest.raises(deepl.DeepLException, match="Not found"):
        client.get_all_style_rules()


def test_the_command(address: str) -> None:
    command = [sys.executable, "-m", "deepl", "--auth-key", "secret-2", "--server-url", address]
    expected = service.translator().translate(_LINES[1])
    made = subprocess.run(
        [*command, "text", "--to", "ES", _LINES[1]], capture_output=True, text=True, check=True
    )
    assert expected in made.stdout
