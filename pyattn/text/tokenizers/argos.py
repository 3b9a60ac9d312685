"""The tokenizer of Argos Translate's packages: a SentencePiece model, and CTranslate2's tokens."""

from __future__ import annotations

import pathlib

from pyattn.files.argos import PIECES_FILE, opened
from pyattn.files.ctranslate2 import read_vocabularies
from pyattn.files.sentencepieces import read_pieces
from pyattn.text.tokenizers.contract import NoTokenizer
from pyattn.text.tokenizers.framed import FramedTokenizer
from pyattn.text.tokenizers.sentencepieces import PieceCutter


def argos_tokenizer(path: pathlib.Path) -> FramedTokenizer:
    """The tokenizer of a package.

    Raises:
        NoTokenizer: if it cuts texts otherwise than by SentencePiece.
        ModelError: if a file is malformed.
    """
    with opened(path) as package:
        if not package.pieces.exists():
            raise NoTokenizer(
                f"{path.name}: no {PIECES_FILE}, and nothing here cuts texts as its bpe.model "
                f"would: pass ids to translator.model.generate"
            )
        pieces, vocabularies = read_pieces(package.pieces), read_vocabularies(package.model)
    source, target = vocabularies.source, vocabularies.target
    # The prefix is said, but not meant.
    special = {vocabularies.begin, vocabularies.end, target.tokens[target.unk], package.prefix}
    return FramedTokenizer(
        PieceCutter(
            pieces,
            pieces,
            source.numbered(),
            target.numbered(),
            unknown=source.unk,
            special=frozenset(special),
        ),
        end=target.id_of(vocabularies.end),
        before=(source.id_of(vocabularies.begin),) if vocabularies.add_begin else (),
        after=(source.id_of(vocabularies.end),) if vocabularies.add_end else (),
    )
