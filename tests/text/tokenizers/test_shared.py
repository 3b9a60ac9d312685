"""Threads share tokenizers and shortlists."""

import concurrent.futures
import pathlib

import pytest

from golden.tokenizer_lines import lines_for
from pyattn.files import read_shortlist
from pyattn.text.tokenizers import load_tokenizer
from support import marian_folders
from support.tokenizer_folders import NAMES, golden_folder


@pytest.mark.parametrize("name", NAMES)
def test_tokenizer_gives_every_thread_the_same(name: str, tmp_path: pathlib.Path) -> None:
    tokenizer = load_tokenizer(golden_folder(tmp_path, name))
    assert tokenizer is not None
    languages = {}
    for side, names in (("source", tokenizer.languages.sources), ("target", {})):
        if names:
            languages[side] = sorted(names)[0]
    lines = lines_for(name)

    def work(_: int) -> object:
        ids = tokenizer.encode(lines, **languages)
        spans = tokenizer.encode_with_spans(lines[:20], **languages)
        return ids, spans, tokenizer.decode(ids), tokenizer.decode_with_spans(ids[:20])

    wanted = work(0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(found == wanted for found in pool.map(work, range(8)))


def test_shortlist_gives_every_thread_the_same(tmp_path: pathlib.Path) -> None:
    spm = marian_folders.trained()
    shortlist = read_shortlist(marian_folders.firefox(tmp_path, spm))
    assert shortlist is not None
    size = len(marian_folders.pieces(spm))
    sources = [[first, (first * 7) % size, 0] for first in range(size)]

    def work(_: int) -> list[list[int]]:
        return [shortlist.candidates(source).tolist() for source in sources]

    wanted = work(0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(found == wanted for found in pool.map(work, range(8)))
