"""The interface for the plugin Immersive Translate."""

import pytest

from support import service

_LINES = ["You are welcome.", "Where is the station?"]


@pytest.mark.parametrize("path", ["/immersive", "/"])
def test_the_texts_of_a_page_are_translated_together(path: str) -> None:
    with service.client() as client:
        fields = {"source_lang": "auto", "target_lang": "es", "text_list": _LINES}
        expected = service.translator().translate(_LINES)
        assert client.post(path, json=fields).json() == {
            "translations": [{"detected_source_lang": "en", "text": one} for one in expected]
        }
        assert client.post(path, json=fields | {"source_lang": "en"}).status_code == 200
        wrong = client.post(path, json=fields | {"target_lang": "zz"})
        assert (wrong.status_code, wrong.json()) == (400, {"error": "zz is not supported"})
        assert client.post(path, json={"text_list": [1], "target_lang": "es"}).status_code == 400


def test_a_key_is_in_the_address_or_a_header() -> None:
    with service.client(keys=("secret",)) as client:
        fields = {"target_lang": "es", "text_list": ["a"]}
        assert client.post("/immersive?key=secret", json=fields).status_code == 200
        bearer = {"Authorization": "Bearer secret"}
        assert client.post("/immersive", json=fields, headers=bearer).status_code == 200
        assert client.post("/immersive?key=wrong", json=fields).status_code == 403
        assert client.post("/immersive", json=fields).status_code == 401
