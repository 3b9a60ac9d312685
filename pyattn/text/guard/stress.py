"""Odd lines to try translators with: pasted by mistake, or unlike what models were trained on."""

# ruff: noqa: RUF001 (odd characters are meant)
from __future__ import annotations

_BLANK = [
    *(
        "",
        " ",
        "\t",
        "\xa0",
        "\u3000",
        "\u200b",
        "  \t ",
        "\ufeff",
        "\u2028",
        "\r\n",
    ),
]
_MARKS = [
    *("-", "--", "—", "- -", ".", "..", "...", "…", "!", "!!!", "?", "???", "?!", "¿?", ","),
    *(";", ":", "/", "\\", "|", "*", "***", "* * *", "#", "##", "@", "&", "%", "$", "€", "£"),
    *("~", "^", "_", "__", "(", ")", "()", "[]", "{}", "<>", "<", ">", '"', '""', "'", "''"),
    *("`", "«»", "“”", "+", "=", "==", "•", "→", "←→", "©", "™", "§", "°", "½", "∞", "≤"),
    *(
        "√",
        "∑",
        "-----",
        "=====",
        "_____",
        "!?!?!?",
    ),
]
_NUMBERS = [
    *("0", "7", "42", "007", "1,600", "1.600", "3.14", "-5", "+5", "50%", "$20", "20 €"),
    *("10:30", "2:30", "1977", "2024-11-30", "30/11/2024", "1st", "2nd", "3x", "10 km"),
    *("5 kg", "1/2", "1-2", "555-1234", "+44 20 7946 0958", "1 2 3 4 5", "1, 2, 3"),
    *("192.168.0.1", "1e6", "0x1F", "IV", "XVI", "No. 5", "#1", "Page 3", "3 of 7", "v1.2.3"),
    *(
        "A4",
        "B12",
        "R2D2",
        "9/11",
        "24/7",
        "100000000000",
    ),
]
_WORDS = [
    *("Hello", "hello", "Hi", "Yes", "No", "Okay", "Cancel", "Save", "Delete", "Home"),
    *("Search", "Settings", "Thanks", "Sorry", "Goodbye", "Help", "Error", "Warning", "Next"),
    *("Back", "Open", "Close", "Apple", "cat", "run", "the", "of", "and", "quickly"),
    *("beautiful", "water", "Monday", "January", "Paris", "Tom", "Mary", "Google"),
    *("Wikipedia", "antidisestablishmentarianism", "supercalifragilisticexpialidocious"),
    *("pneumonoultramicroscopicsilicovolcanoconiosis", "qwerty", "asdf", "lorem", "foo"),
    *(
        "xyzzy",
        "USA",
        "NATO",
        "HTTP",
        "iPhone",
        "e-mail",
        "co-operate",
        "don't",
    ),
]
_CAPITALS = [
    *("HELLO", "STOP", "WHERE IS THE STATION?", "HELP!", "I LOVE YOU", "DO NOT ENTER"),
    *("THANK YOU.", "THE CAT SAT ON THE MAT.", "Where Is The Station?"),
    *("wHERE iS tHE sTATION?", "NO SMOKING", "EXIT", "OPEN THE DOOR NOW"),
    *("WARNING: HIGH VOLTAGE", "PLEASE WAIT...", "WHAT?!", "THIS IS TOM'S BOOK."),
    *(
        "ALL RIGHTS RESERVED",
        "END OF LINE",
        "GAME OVER",
        "LEVEL 2",
        "MADE IN SPAIN",
    ),
]
_EMOJI = [
    *("😀", "😀😀😀", "👍🏽", "👩\u200d👩\u200d👧", "🇪🇸", "❤️", "1️⃣", "I ❤️ you"),
    *("Good morning ☀️", "🎉 Happy birthday! 🎉", "😂😂😂😂😂😂😂😂😂😂", ":-)", ";)", ":D"),
    *(
        "<3",
        "¯\\_(ツ)_/¯",
        "(╯°□°)╯︵ ┻━┻",
        "^_^",
        "Hello 👋",
        "ok 👌",
    ),
]
_RUNS = [
    *("a", "aa", "aaaaaaaaaa", "a" * 40, "hahaha", "hahahahahahahahaha", "zzzzzz"),
    *("Noooooo!", "sooooo good", "ababababab", "abcabcabcabc", "la la la la la"),
    *("no no no no no no", "ha ha ha", "blah blah blah blah", "very very very very good"),
    *("x" * 100, "xyz" * 30, "wow " * 20, "the the the the", "ooo ooo ooo ooo"),
    *("A A A A A A", "a b c d e f g", "q w e r t y", "1 1 1 1 1 1 1 1", "mmmm"),
    *(
        "Aaaaargh!!!!!!",
        "bzzzzzzzt",
    ),
]
_MIXED = [
    *("你好", "你好 world", "Hello 世界", "こんにちは", "안녕하세요", "Привет"),
    *("Привет, Tom!", "مرحبا", "שלום", "Ελλάδα", "नमस\u094dते", "สวัสดี", "Hola"),
    *("Bonjour tout le monde", "Guten Tag", "I live in München.", "The word 猫 means cat."),
    *("Пушкин was a poet.", "naïve café", "Ｈｅｌｌｏ", "𝓗𝓮𝓵𝓵𝓸", "ⓗⓔⓛⓛⓞ"),
    *("H\u0337e\u0337l\u0337l\u0337o\u0337", "ﬁne", "Ærøskøbing", "Łódź", "Þingvellir"),
    *(
        "ıstanbul",
        "e\u0301te\u0301",
        "co\xadop\xader\xadate",
    ),
]
_CODE = [
    *("print('hello')", "x = y + 1;", "if (a < b) { return; }", "SELECT * FROM users;"),
    *("git commit -m 'x'", "https://example.com/a?b=c", "bob@example.com", "/usr/bin/env"),
    *("C:\\Windows", "{name}", "%s", "<br>", "<b>Hello</b>", "&nbsp;", "foo_bar", "fooBar"),
    *("FOO_BAR", "a.b.c", "--help", "null", "lorem ipsum dolor", "deadbeef"),
    *("550e8400-e29b-41d4-a716-446655440000", "N/A", "e.g.", "i.e.", "etc.", "a)", "1."),
    *("Subject: Re: Fwd: hello", "Mr.", "Dr. No", "U.S.", "p.m.", "asap", "lol", "btw"),
    *(
        "FYI",
        "RSVP",
        "ETA",
    ),
]

LINES = [*_BLANK, *_MARKS, *_NUMBERS, *_WORDS, *_CAPITALS, *_EMOJI, *_RUNS, *_MIXED, *_CODE]
