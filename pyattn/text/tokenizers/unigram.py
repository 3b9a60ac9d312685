"""SentencePiece's models in fairseq's order of ids, cut by the package tokenizers.

    xlm-roberta    <s> <pad> </s> <unk>, the pieces behind SentencePiece's first three, <mask>
    camembert      <s>NOTUSED <pad> </s>NOTUSED <unk> <unk>NOTUSED, the pieces behind the first one,
                   so that <s> is 5 and </s> is 6, <mask>

They are what transformers would build of the file.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from pyattn.errors import ModelError
from pyattn.files.reading import listed
from pyattn.files.sentencepieces import read_scored_pieces
from pyattn.text.tokenizers.json_file import package, refused

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# What SentencePiece's models of these families begin with.
_FIRST = ["<unk>", "<s>", "</s>"]
# What is in front of the pieces, the score of each, and how many pieces give way.
_XLM_ROBERTA = (dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>"], 0.0), 3)
_CAMEMBERT = (
    {
        **dict.fromkeys(["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>"], 0.0),
        # SentencePiece's own unknown piece, which no text is to have.
        "<unk>NOTUSED": -100.0,
    },
    1,
)
_ORDERS = {"xlm-roberta": _XLM_ROBERTA, "camembert": _CAMEMBERT}


def read_unigram(path: pathlib.Path, family: str, *, spaced: bool) -> Tokenizer:
    """The tokenizer of a SentencePiece model.

    Args:
        path: The model.
        family: "xlm-roberta" or "camembert".
        spaced: Whether words at the beginning of a text are cut as if a space stood before them.

    Raises:
        NoTokenizer: if the package tokenizers is not installed.
        ModelError: if the file cannot be read, or is no such model.
    """
    pieces = read_scored_pieces(path)
    names = [name for name, _ in pieces.scored[: len(_FIRST)]]
    if names != _FIRST:
        raise ModelError(
            f"{path.name}: the first pieces are {listed(names)}, expected {listed(_FIRST)}"
        )
    front, taken = _ORDERS[family]
    scored = [*front.items(), *pieces.scored[taken:], ("<mask>", 0.0)]
    unknown = list(front).index("<unk>")
    tokenizers = package(path.name)
    with refused(path.name):
        made: Tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(scored, unknown))
        if pieces.charsmap:
            made.normalizer = tokenizers.normalizers.Precompiled(pieces.charsmap)
        scheme = "always" if spaced else "never"
        cutters = tokenizers.pre_tokenizers
        made.pre_tokenizer = cutters.Sequence(
            [cutters.WhitespaceSplit(), cutters.Metaspace(prepend_scheme=scheme)]
        )
        made.decoder = tokenizers.decoders.Metaspace(prepend_scheme=scheme)
    return made
