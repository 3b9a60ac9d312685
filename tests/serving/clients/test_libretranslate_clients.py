"""Programs for LibreTranslate, with a service that is a process of its own."""

from __future__ import annotations

import asyncio
import pathlib
import urllib.error
import urllib.request

import pytest

from pyattn import documents
from support import service
from support.lanes import slow

pytestmark = slow

_LINES = ["You are welcome.", "Where is the station?", "I am hungry."]


def expected() -> list[str]:
    return service.translator().translate(_LINES)


def test_libretranslatepy(address: str) -> None:
    package = pytest.importorskip("libretranslatepy")
    client = package.LibreTranslateAPI(address, "secret-1")
    assert client.translate(_LINES[1], "en", "es") == expected()[1]
    [found] = client.detect("¿Dónde está la estación?")
    assert found["language"] == "es"
    assert [one["code"] for one in client.languages()] == ["en", "es"]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        package.LibreTranslateAPI(address, "wrong").translate("a", "en", "es")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        client.translate("a", "en", "zz")


def test_libretranslate_aio(address: str, tmp_path: pathlib.Path) -> None:
    package = pytest.importorskip("libretranslate_aio")
    page = tmp_path / "a.html"
    page.write_text("<p>Where is the <b>station</b>?")
    made = documents.translate(page.read_bytes(), "html", service.translator())
    with package.LibreTranslate(address, api_key="secret-1") as client:
        assert client.health()
        found = client.translate(_LINES, "auto", "es")
        assert found.translated_text == expected()
        assert [one.language for one in found.detected_language] == ["en"] * 3
        assert client.translate(_LINES[0], "en", "es").translated_text == expected()[0]
        marked = client.translate("<b>I am</b> here", "en", "es", format="html").translated_text
        assert marked.count("<b>") == marked.count("</b>") == 1
        assert len(client.translate(_LINES[1], "en", "es", alternatives=2).alternatives) == 2
        assert client.detect(_LINES[0])[0].language == "en"
        assert [one.code for one in client.languages()] == ["en", "es"]
        assert client.frontend_settings().key_required
        assert client.suggest("a", "b", "en", "es")
        place = client.translate_file(page, "en", "es").translated_file_url
        with urllib.request.urlopen(place) as answer:
            assert answer.read() == made
        with pytest.raises(package.BadRequestError, match="zz is not supported"):
            client.translate("a", "en", "zz")
    with (
        package.LibreTranslate(address, api_key="wrong") as client,
        pytest.raises(package.ForbiddenError, match="Invalid API key"),
    ):
        client.translate("a", "en", "es")
    with package.LibreTranslate(address) as client, pytest.raises(package.BadRequestError):
        client.translate("a", "en", "es")


def test_libretranslate_aio_with_many_texts_at_once(address: str) -> None:
    package = pytest.importorskip("libretranslate_aio")

    async def run() -> list[str]:
        async with package.AsyncLibreTranslate(address, api_key="secret-1") as client:
            tasks = [client.translate(one, "en", "es") for one in _LINES * 4]
            return [one.translated_text for one in await asyncio.gather(*tasks)]

    assert asyncio.run(run()) == expected() * 4


def test_deep_translator(address: str) -> None:
    package = pytest.importorskip("deep_translator")
    options = {"source": "en", "target": "es", "custom_url": f"{address}/"}
    client = package.LibreTranslator(api_key="secret-1", **options)
    assert client.translate(_LINES[0]) == expected()[0]
    assert client.translate_batch(_LINES) == expected()
    wrong = package.LibreTranslator(api_key="wrong", **options)
    with pytest.raises(package.exceptions.AuthorizationException):
        wrong.translate("a")
