"""What is not translated keeps its bytes."""

from __future__ import annotations

import pytest

from pyattn import documents
from support.document_makers import FORMATS, Maker
from support.package_makers import PACKAGES
from support.toy_translators import Capitals, identity, same_order


def document(format: str, seed: int) -> bytes:
    text = FORMATS[format](Maker(seed))
    encoding = ["utf-8", "utf-8-sig", "utf-8", "utf-16"][seed % 4]
    return text.encode(encoding)


@pytest.mark.parametrize("format", FORMATS)
def test_documents_whose_texts_stay_the_same_keep_every_byte(format: str) -> None:
    for seed in range(100):
        data = document(format, seed)
        assert documents.translate(data, format, identity) == data


@pytest.mark.parametrize("format", FORMATS)
def test_some_text_of_nearly_every_document_is_translated(format: str) -> None:
    changed = sum(
        documents.translate(document(format, seed), format, Capitals(same_order))
        != document(format, seed)
        for seed in range(100)
    )
    assert changed > 75


def test_every_format_has_documents() -> None:
    names = {name for name in documents.format_names() if name not in _ALIASES}
    assert names == {*FORMATS, *PACKAGES}


_ALIASES = {"lines", "text", "htm", "xht", "markdown", "pot", "ssa", "xlf"}
