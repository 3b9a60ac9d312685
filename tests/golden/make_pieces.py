"""Make the golden ids of encoders with SentencePiece's models. Needs transformers and protobuf.

    python tests/golden/make_pieces.py

`pieces.json` has, for the tokenizers of XLM-R and CamemBERT, the ids that transformers makes of
lines and of pairs of lines. Their folders have nothing but the tiny sentencepiece.bpe.model of
`tokenizers/`.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import tempfile

import transformers
from tokenizer_lines import lines

_HERE = pathlib.Path(__file__).parent
_MODEL = _HERE / "tokenizers" / "mbart-pieces-sentencepiece.bpe.model"
KINDS = {"xlm-roberta": "XLMRobertaTokenizer", "camembert": "CamembertTokenizer"}
TEXTS = [*lines(90), "a <mask> cat", "<s> the </s>", "cat<mask>", "<s>NOTUSED a", "a\nb\r\nc"]
PAIRS = [("the cat", "two dogs"), ("", "a"), ("a", "")]


def main() -> None:
    """Make them."""
    found = {}
    for family, kind in KINDS.items():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(_MODEL, pathlib.Path(folder) / "sentencepiece.bpe.model")
            tokenizer = getattr(transformers, kind).from_pretrained(folder)
        ids = [tokenizer(text)["input_ids"] for text in TEXTS]
        # Lists, as a second text that is empty is otherwise none at all.
        pairs = [tokenizer([one], [other])["input_ids"][0] for one, other in PAIRS]
        found[family] = {"texts": ids, "pairs": pairs}
    content = {"texts": TEXTS, "pairs": PAIRS, "ids": found}
    (_HERE / "pieces.json").write_text(json.dumps(content, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
