"""Classes of characters, as regular expressions write them between brackets."""

# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
from __future__ import annotations

# What `str.splitlines` ends a line at; all of it is white space.
BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"

# White space inside of a line, brackets and all.
BLANK = rf"[^\S{BREAKS}]"

# Marks that end a sentence in front of white space only: they also stand inside of words.
STOPS = ".!?…‼⁇⁈⁉‽․"
# And those of Chinese and Japanese, Arabic, Urdu, Hindi, Armenian, Amharic, Burmese, Khmer,
# Mongolian, Sinhala and others, which end one wherever they are (Unicode's Sentence_Terminal).
WIDE = "。！？｡．﹒﹖﹗؟۔।॥։።፧፨။។៕᠃᠉෴᭞᭟᱾᱿꘎꘏꛳꛷꣎꣏꩝꩟꯫"

# Chinese and Japanese, which have no spaces between words.
HAN = "\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

# Letters of Latin, Greek, Cyrillic and Armenian, the scripts with capitals.
LOWER = "".join(filter(str.islower, map(chr, range(0x61, 0x58A))))
UPPER = "".join(filter(str.isupper, map(chr, range(0x41, 0x58A))))
