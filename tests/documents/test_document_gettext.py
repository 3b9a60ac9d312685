"""PO: which messages are translated, plural forms, flags, and that polib reads the same."""

from __future__ import annotations

import collections
import re

import polib
import pytest

from pyattn import documents
from pyattn.documents.placeholders import placeholders
from pyattn.documents.plurals import numbers_of_forms, plural_forms
from pyattn.errors import DocumentError
from support.document_makers import Maker
from support.toy_translators import Capitals, capitals, identity, reversed_order, same_order


def translated(text: str, order: object = same_order, **options: object) -> str:
    translate = Capitals(order)
    return documents.translate(text.encode(), "po", translate, **options).decode()


def read(text: str) -> polib.POFile:
    return polib.pofile(text.replace("\r\n", "\n"))


def used(text: str, flags: list[str]) -> collections.Counter[str]:
    return collections.Counter(text[slice(*span)] for span in placeholders(text, flags))


def test_polib_reads_the_same_messages_with_translations() -> None:
    for seed in range(150):
        text = Maker(seed).po()
        before, after = read(text), read(translated(text, reversed_order))
        assert after.metadata == before.metadata
        assert len(before) == len(after)
        for old, new in zip(before, after, strict=True):
            same = ("msgid", "msgid_plural", "msgctxt", "comment", "tcomment", "occurrences")
            for name in (*same, "obsolete", "previous_msgid"):
                assert getattr(new, name) == getattr(old, name)
            if old.translated() or old.obsolete:
                assert (new.msgstr, new.msgstr_plural) == (old.msgstr, old.msgstr_plural)
                assert new.flags == old.flags
                continue
            if not any(map(str.isalpha, old.msgid)):
                continue  # numbers are left alone
            assert new.fuzzy
            assert sorted({*new.flags} - {"fuzzy"}) == sorted({*old.flags} - {"fuzzy"})
            forms = new.msgstr_plural.values() if new.msgid_plural else [new.msgstr]
            for source, form in zip([new.msgid, new.msgid_plural], forms, strict=False):
                assert sorted(form.upper().split()) == sorted(source.upper().split()), seed
                assert used(form, new.flags) == used(source, new.flags)
                assert form.endswith("\n") == source.endswith("\n")


def test_translated_messages_stay_unless_asked() -> None:
    text = 'msgid "a b"\nmsgstr "x"\n\n#, fuzzy\nmsgid "c"\nmsgstr "y"\n'
    assert translated(text) == text.replace('"y"', '"C"')
    assert translated(text, retranslate=True) == (
        '#, fuzzy\nmsgid "a b"\nmsgstr "A B"\n\n#, fuzzy\nmsgid "c"\nmsgstr "C"\n'
    )


def test_new_translations_are_fuzzy_unless_asked() -> None:
    text = (
        '#. note\n#, c-format\nmsgid "a"\nmsgstr ""\n\n'
        '#, fuzzy\n#| msgid "x"\nmsgid "b"\nmsgstr ""\n'
    )
    assert translated(text) == text.replace("#, c", "#, fuzzy, c").replace(
        'msgid "a"\nmsgstr ""', 'msgid "a"\nmsgstr "A"'
    ).replace('msgid "b"\nmsgstr ""', 'msgid "b"\nmsgstr "B"')
    assert translated(text, mark_fuzzy=False) == (
        '#. note\n#, c-format\nmsgid "a"\nmsgstr "A"\n\n#| msgid "x"\nmsgid "b"\nmsgstr "B"\n'
    )


HEADER = (
    'msgid ""\nmsgstr ""\n"Language: \\n"\n'
    '"Content-Type: text/plain; charset={}\\n"\n"Plural-Forms: {}\\n"\n'
)
PLURAL = '\nmsgid "%d file"\nmsgid_plural "%d files"\nmsgstr[0] ""\nmsgstr[1] ""\n'


def test_templates_get_the_plural_forms_of_the_target() -> None:
    template = HEADER.format("CHARSET", "nplurals=INTEGER; plural=EXPRESSION;") + PLURAL
    found = read(translated(template, target_language="pl"))
    assert found.metadata["Plural-Forms"] == plural_forms("pl")
    assert found.metadata["Language"] == "pl"
    assert found.metadata["Content-Type"] == "text/plain; charset=UTF-8"
    assert found[0].msgstr_plural == {0: "%d FILE", 1: "%d FILES", 2: "%d FILES"}
    found = read(translated(template, target_language="ja"))
    assert found[0].msgstr_plural[0] == "%d FILES"
    assert found.metadata["Plural-Forms"] == "nplurals=1; plural=0;"


def test_forms_of_more_numbers_than_one_keep_the_number() -> None:
    text = HEADER.format("UTF-8", plural_forms("ru")) + PLURAL.replace('%d file"', 'one file"')
    assert read(translated(text))[0].msgstr_plural == dict.fromkeys(range(3), "%d FILES")


@pytest.mark.parametrize(
    "language", ["en", "fr", "ru", "pl", "cs", "sl", "lt", "lv", "ro", "ar", "ja"]
)
def test_every_form_of_a_language_has_numbers(language: str) -> None:
    assert all(numbers_of_forms(plural_forms(language)))


@pytest.mark.parametrize(
    "rule",
    ["", "nplurals=2; plural=n/0;", "nplurals=2; plural=__import__;", "nplurals=1; plural=n;"],
)
def test_rules_that_are_none_are_not_used(rule: str) -> None:
    assert numbers_of_forms(rule) == ()


def test_placeholders_survive_what_a_translator_makes_of_them() -> None:
    text = '#, python-format\nmsgid "Delete %(count)d of %(name)s?"\nmsgstr ""\n'
    found = documents.translate(text.encode(), "po", Capitals(reversed_order)).decode()
    assert 'msgstr "%(name)s? OF %(count)d DELETE"' in found
    found = documents.translate(text.encode(), "po", lambda _: ["Borrar?"]).decode()
    assert used(read(found)[0].msgstr, ["python-format"]) == {"%(count)d": 1, "%(name)s": 1}


def test_escapes_and_line_breaks_are_those_of_gettext() -> None:
    text = 'msgid ""\n"one \\"two\\"\\n"\n"three\\n"\nmsgstr ""\n'
    assert translated(text).endswith('msgstr ""\n"ONE \\"TWO\\"\\n"\n"THREE\\n"\n')
    assert translated('msgid "a\\tb"\nmsgstr ""\n', mark_fuzzy=False) in (
        'msgid "a\\tb"\nmsgstr "A B"\n',
        'msgid "a\\tb"\nmsgstr "A\\tB"\n',
    )


def test_a_file_in_latin_1_becomes_utf_8_if_it_must() -> None:
    data = (
        HEADER.format("ISO-8859-1", "nplurals=1; plural=0;") + '\nmsgid "a"\nmsgstr ""\n'
    ).encode()
    assert documents.translate(data, "po", lambda _: ["á"]).endswith(b'"\xe1"\n')
    found = documents.translate(data, "po", lambda _: ["日本"]).decode()
    assert "charset=UTF-8" in found
    assert read(found)[0].msgstr == "日本"


@pytest.mark.parametrize("line", ['msgid "a', "msgid", "nonsense", 'msgstr "a" b', '"a"'])
def test_broken_lines_are_refused_with_their_place(line: str) -> None:
    with pytest.raises(DocumentError, match=r"po: line 3, column 1: "):
        documents.translate(f"# a\n\n{line}\n".encode(), "po", identity)


def test_capitals_of_a_function_keep_their_placeholders() -> None:
    text = 'msgid "open {name} now"\nmsgstr ""\n'
    found = documents.translate(text.encode(), "po", capitals).decode()
    assert re.search(r'msgstr "OPEN \{name\} NOW"', found)
