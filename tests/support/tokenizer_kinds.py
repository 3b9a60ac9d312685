"""A tokenizer of every kind: the golden ones, and what else may be in the files of a model."""

from __future__ import annotations

import functools
import io
import json
import pathlib
from collections.abc import Callable
from typing import Any

import sentencepiece
import tokenizers

import pyattn
from golden.tokenizer_lines import corpus
from pyattn.files.sentencepieces import Pieces
from pyattn.text.tokenizers import Tokenizer, load_tokenizer
from pyattn.text.tokenizers.framed import FramedTokenizer
from pyattn.text.tokenizers.json_file import JsonCutter
from pyattn.text.tokenizers.sentencepieces import PieceCutter
from support.tokenizer_folders import NAMES, golden_folder

SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"
END = "</s>"


def pieces(folder: pathlib.Path, **settings: Any) -> Pieces:
    """A SentencePiece model trained on the corpus."""
    model = io.BytesIO()
    (folder / "rules.tsv").write_text("61\t41 41 41\n62\t\n")  # "a" becomes "AAA", "b" nothing
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, num_threads=1, minloglevel=2,
        **{"vocab_size": 150, "hard_vocab_limit": False, "bos_id": -1, **settings},
    )  # fmt: skip
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return Pieces(processor, [processor.id_to_piece(id) for id in range(len(processor))])


def of_pieces(source: Pieces, target: Pieces | None = None) -> FramedTokenizer:
    """Cut by one, joined by another, with ids of their own, of which some pieces have none."""
    target = target or source
    known = sorted({*source.names, *target.names} - {"<unk>", END})
    ids = {piece: id for id, piece in enumerate([END, "<unk>", *known[::-1][3:]])}
    special = frozenset({END, "<unk>"})
    cutter = PieceCutter(source, target, ids, ids, unknown=ids["<unk>"], special=special)
    return FramedTokenizer(cutter, end=ids[END])


def of_json(tokenizer: tokenizers.Tokenizer, **settings: Any) -> FramedTokenizer:
    rows = tokenizer.get_vocab_size()
    cutter = JsonCutter(tokenizer, "tokenizer.json", (rows, rows), **settings)
    return FramedTokenizer(cutter, end=cutter.ids[END], before=(cutter.ids["<s>"],))


def trained(model: Any, *, normalizer: Any = None, splitter: Any, decoder: Any) -> Any:
    """A tokenizer of the package tokenizers."""
    made = tokenizers.Tokenizer(model)
    made.normalizer, made.pre_tokenizer, made.decoder = normalizer, splitter, decoder
    special = ["<s>", END, "<unk>"]
    trainer = model.get_trainer()
    trainer.vocab_size, trainer.special_tokens, trainer.show_progress = 300, special, False
    made.train_from_iterator(corpus(), trainer)
    return made


def byte_fallback() -> FramedTokenizer:
    """As Gemma's and Llama's: what has no token is cut into bytes."""
    words = tokenizers.Tokenizer(tokenizers.models.BPE())
    words.normalizer = tokenizers.normalizers.Replace(" ", "\u2581")
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=120, show_progress=False)
    words.train_from_iterator([line.lower() for line in corpus() if line.isascii()], trainer)
    model = json.loads(words.to_str())["model"]
    order = ["<s>", END, "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *model["vocab"]]
    merges = [tuple(pair) for pair in model["merges"]]
    ids = {token: id for id, token in enumerate(order)}
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True)
    )
    made.normalizer = words.normalizer
    decoders = tokenizers.decoders
    made.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    made.add_special_tokens(["<s>", END, "<unk>"])
    return of_json(made)


def word_pieces() -> FramedTokenizer:
    """As BERT's, without capitals and accents."""
    return of_json(
        trained(
            tokenizers.models.WordPiece(unk_token="<unk>"),
            normalizer=tokenizers.normalizers.BertNormalizer(lowercase=True),
            splitter=tokenizers.pre_tokenizers.BertPreTokenizer(),
            decoder=tokenizers.decoders.WordPiece(),
        )
    )


def bare_words() -> FramedTokenizer:
    """Without a decoder: tokens are joined by spaces, and then texts are cleaned."""
    return of_json(
        trained(
            tokenizers.models.WordLevel(unk_token="<unk>"),
            splitter=tokenizers.pre_tokenizers.Whitespace(),
            decoder=None,
        ),
        cleans=True,
    )


BYTES = {"byte_fallback": True, "vocab_size": 400, "character_coverage": 0.98}
ALL_SPACES = {"remove_extra_whitespaces": False, "normalization_rule_name": "identity"}

MADE: dict[str, Callable[[pathlib.Path], Tokenizer]] = {
    "shipped": lambda _: load_tokenizer(SHIPPED),  # type: ignore[return-value, dict-item]
    "two vocabularies": lambda folder: of_pieces(
        pieces(folder, character_coverage=0.98), pieces(folder, model_type="bpe")
    ),
    "bytes among pieces": lambda folder: of_pieces(pieces(folder, **BYTES)),
    "spaces at the ends of pieces": lambda folder: of_pieces(
        pieces(folder, treat_whitespace_as_suffix=True)
    ),
    "all spaces": lambda folder: of_pieces(pieces(folder, **ALL_SPACES)),
    "all spaces and bytes": lambda folder: of_pieces(pieces(folder, **BYTES, **ALL_SPACES)),
    "lower case": lambda folder: of_pieces(pieces(folder, normalization_rule_name="nmt_nfkc_cf")),
    "denormalization": lambda folder: of_pieces(
        pieces(folder, denormalization_rule_tsv=str(folder / "rules.tsv"))
    ),
    "byte fallback": lambda _: byte_fallback(),
    "word pieces": lambda _: word_pieces(),
    "bare words": lambda _: bare_words(),
}
KINDS = [*NAMES, *MADE]


@functools.cache
def of_kind(name: str, folder: pathlib.Path) -> Tokenizer:
    (folder / name).mkdir()
    if name in MADE:
        return MADE[name](folder / name)
    tokenizer = load_tokenizer(golden_folder(folder / name, name))
    assert tokenizer is not None
    return tokenizer
