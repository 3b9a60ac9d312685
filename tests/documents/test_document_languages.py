"""The language of each document, found in the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyattn import documents
from pyattn.text.tokenizers import Languages
from pyattn.translator import Translator
from support.echo import Echo, Letters


class Named(Letters):
    """Whose texts end with the names of their languages."""

    languages = Languages(
        sources={"en": (1,), "ru": (2,), "el": (3,)}, targets={"es": (4,), "fr": (5,)}
    )

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        return super().encode([f"{text}|{source}-{target}" for text in texts])

    encode_bodies = encode


RUSSIAN, GREEK = "Доброе", "Γειά"
LANGUAGES: dict[str, Any] = {"source_language": "auto", "target_language": "fr", "guard": False}


def echoing(tokenizer: Any) -> Translator:
    model: Any = Echo()
    return Translator(model, tokenizer)


def test_each_document_has_one_language_also_for_texts_that_do_not_show_it() -> None:
    translator = echoing(Named())
    files = [(f"OK\n\n{RUSSIAN}\n".encode(), "txt"), (b"OK\n", "txt")]
    first, second = documents.translate_all(files, translator, **LANGUAGES)
    assert isinstance(first, bytes)
    assert first.decode() == f"OK|ru-fr\n\n{RUSSIAN}|ru-fr\n"
    assert second == b"OK|en-fr\n"


def test_attributes_follow_the_language_that_was_found() -> None:
    translator = echoing(Named())
    page = f'<p lang="ru">{RUSSIAN}.</p><p lang="el">{GREEK}.</p>'
    [made] = documents.translate_all([(page.encode(), "html")], translator, **LANGUAGES)
    assert isinstance(made, bytes)
    assert made.decode() == f'<p lang="fr">{RUSSIAN}.|ru-fr</p><p lang="el">{GREEK}.</p>'


def test_model_of_one_pair_looks_at_nothing() -> None:
    translator = echoing(Letters())
    text = "Доброе утро.\n".encode()
    assert documents.translate(text, "txt", translator, source_language="auto") == text
