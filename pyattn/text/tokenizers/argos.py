"""The tokenizer of Argos Translate's packages: a SentencePiece model, and CTranslate2's tokens."""

from __future__ import annotations

from pyattn.files.argos import MODEL_FOLDER, PIECES_FILE
from pyattn.files.tokenizer_parts import PackagePieces
from pyattn.text.tokenizers.contract import NoTokenizer
from pyattn.text.tokenizers.framed import FramedTokenizer
from pyattn.text.tokenizers.sentencepieces import PieceCutter


def argos_tokenizer(parts: PackagePieces) -> FramedTokenizer:
    """The tokenizer of a package.

    Raises:
        NoTokenizer: if the package has no SentencePiece model.
    """
    pieces, vocabularies = parts.pieces, parts.vocabularies
    if pieces is None:
        raise NoTokenizer(
            f"{parts.name}: no {PIECES_FILE}, and pyattn does not read bpe.model: pass ids to "
            f"translator.model.generate"
        )
    source, target = vocabularies.source, vocabularies.target
    # The prefix begins every target and is no part of its text.
    special = {vocabularies.begin, vocabularies.end, target.tokens[target.unk], parts.prefix}
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


def not_native(parts: PackagePieces) -> NoTokenizer:
    """The error of a package whose tokenizer a native folder would have to hold."""
    return NoTokenizer(
        f"{parts.name}: pyattn's folders cannot hold the tokenizer of an Argos package: keep the "
        f"package, or convert its {MODEL_FOLDER}/ alone"
    )
