"""Makes the tiny tokenizers of the families, and what transformers' tokenizers say with them.

    python tests/golden/make_tokenizers.py

Trains SentencePiece and byte-level BPE on the lines of tokenizer_lines.py, has transformers make
its own files of them, and writes these into tests/golden/tokenizers with golden.json: for each
tokenizer the files that its folder would have, digests of the ids of all lines and of the texts
that come back from them, and the ids of the first few.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import pathlib
import shutil
import tempfile
from collections.abc import Sequence
from typing import Any

import sentencepiece
import tokenizers
import transformers
from tokenizer_lines import corpus, lines_for

HERE = pathlib.Path(__file__).resolve().parent / "tokenizers"
SHOWN = 9
NLLB_LANGUAGES = ["eng_Latn", "fra_Latn", "zho_Hans"]
# A few of the changes that SentencePiece's own rules make, whose table has 240 kB.
RULES = "FF21\t41\nFB01\t66 69\nA0\t20\n9\t20\n3000\t20\n65 301\tE9\n"


def spm(**settings: Any) -> bytes:
    """A SentencePiece model trained on the corpus."""
    model = io.BytesIO()
    # By its bare name, which becomes a part of the model.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        pathlib.Path("rules.tsv").write_text(RULES)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(corpus()), model_writer=model, vocab_size=130,
            hard_vocab_limit=False, character_coverage=1.0, num_threads=1, minloglevel=2,
            normalization_rule_tsv="rules.tsv", **settings,
        )  # fmt: skip
    return model.getvalue()


class Written:
    """What goes into the folder: each file once, and what transformers makes of the lines."""

    def __init__(self) -> None:
        shutil.rmtree(HERE, ignore_errors=True)
        HERE.mkdir()
        self.golden: dict[str, Any] = {}
        self._names: dict[bytes, str] = {}

    def add(self, name: str, files: dict[str, bytes], tokenizer: Any) -> None:
        """The tokenizer of a folder with these files."""
        stored = {}
        for file, content in files.items():
            stored[file] = self._names.setdefault(content, f"{name}-{file}")
            (HERE / stored[file]).write_bytes(content)
        ids = [tokenizer(line).input_ids for line in lines_for(name)]
        # M2M100Tokenizer takes the languages of its own targets for text.
        rows = [row[1:] for row in ids] if name == "m2m-pieces" else ids
        texts = [tokenizer.decode(row, skip_special_tokens=True) for row in rows]
        if name.endswith("-pieces"):
            texts = [text.strip() for text in texts]
        self.golden[name] = {
            "files": stored,
            "ids": digest(ids),
            "texts": digest(texts),
            "first_ids": ids[:SHOWN],
        }

    def finish(self) -> None:
        """Write golden.json."""
        made = {"made_by": f"transformers {transformers.__version__}", "tokenizers": self.golden}
        text = json.dumps(made, separators=(",", ":"))
        (HERE / "golden.json").write_text(f"{text}\n", encoding="utf-8")


def digest(values: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def loaded(kind: Any, files: dict[str, bytes], **settings: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            (pathlib.Path(folder) / file).write_bytes(content)
        return kind.from_pretrained(folder, **settings)


def as_json(tokenizer: Any) -> bytes:
    """The tokenizer.json that transformers writes, without its white space."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        value = json.loads((pathlib.Path(folder) / "tokenizer.json").read_text())
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def renumbered(model: bytes) -> bytes:
    """A vocab.json with SentencePiece's pieces in an order of its own."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    found = [processor.id_to_piece(id) for id in range(processor.get_piece_size())]
    order = ["<s>", "<pad>", "</s>", "<unk>", *reversed(found[3:])]
    return json.dumps({piece: id for id, piece in enumerate(order)}).encode()


def byte_level() -> dict[str, bytes]:
    """BART's vocab.json and merges.txt, trained on the corpus."""
    trained = tokenizers.ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(corpus(), vocab_size=310, special_tokens=special)
    with tempfile.TemporaryDirectory() as folder:
        trained.save_model(folder)
        path = pathlib.Path(folder)
        return {name: (path / name).read_bytes() for name in ("vocab.json", "merges.txt")}


def gemma() -> Any:
    """Gemma's tokenizer over BPE trained on the corpus, without the pieces for single bytes."""
    trained = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", fuse_unk=True))
    trained.normalizer = tokenizers.normalizers.Replace(" ", "\u2581")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=180, special_tokens=special, show_progress=False
    )
    trained.train_from_iterator(corpus(), trainer)
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    return transformers.GemmaTokenizer(vocab=model["vocab"], merges=merges, add_bos_token=True)


def main() -> None:
    written = Written()
    google = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    t5 = {"spiece.model": spm(**google)}
    tokenizer = loaded(transformers.T5Tokenizer, t5, extra_ids=2)
    written.add("t5-pieces", t5, tokenizer)
    written.add("t5-json", {"tokenizer.json": as_json(tokenizer)}, tokenizer)
    written.add("pegasus-pieces", t5, loaded(transformers.PegasusTokenizer, t5))

    madlad = {"spiece.model": spm(user_defined_symbols="<2en>,<2pt_BR>", **google)}
    tokenizer = loaded(transformers.T5Tokenizer, madlad, extra_ids=0)
    written.add("madlad-pieces", madlad, tokenizer)
    written.add("madlad-json", {"tokenizer.json": as_json(tokenizer)}, tokenizer)

    french = {"tokenizer_config.json": b'{"src_lang": "fr_XX"}'}
    pieces = {"sentencepiece.bpe.model": spm(unk_id=0, bos_id=1, eos_id=2)}
    tokenizer = loaded(transformers.MBartTokenizer, pieces, src_lang="fr_XX")
    written.add("mbart-pieces", pieces | french, tokenizer)
    tokenizer = loaded(transformers.MBart50Tokenizer, pieces, src_lang="fr_XX")
    written.add("mbart50-pieces", pieces | french, tokenizer)
    written.add("mbart50-json", {"tokenizer.json": as_json(tokenizer)} | french, tokenizer)

    m2m = {**pieces, "vocab.json": renumbered(pieces["sentencepiece.bpe.model"])}
    tokenizer = loaded(transformers.M2M100Tokenizer, m2m, src_lang="fr")
    written.add("m2m-pieces", m2m | {"tokenizer_config.json": b'{"src_lang": "fr"}'}, tokenizer)

    french = {"tokenizer_config.json": b'{"src_lang": "fra_Latn"}'}
    bpe = {"sentencepiece.bpe.model": spm(unk_id=0, bos_id=1, eos_id=2, model_type="bpe")}
    few = {"src_lang": "fra_Latn", "extra_special_tokens": NLLB_LANGUAGES}
    tokenizer = loaded(transformers.NllbTokenizer, bpe, **few)
    written.add("nllb-json", {"tokenizer.json": as_json(tokenizer)} | french, tokenizer)

    bart = byte_level()
    tokenizer = loaded(transformers.BartTokenizer, bart)
    written.add("bart-merges", bart, tokenizer)
    written.add("bart-json", {"tokenizer.json": as_json(tokenizer)}, tokenizer)

    tokenizer = gemma()
    written.add("t5gemma-json", {"tokenizer.json": as_json(tokenizer)}, tokenizer)

    settings = {"tokenizer_config.json": b'{"tokenizer_class": "ByT5Tokenizer"}'}
    written.add("byt5", settings, transformers.ByT5Tokenizer())
    written.finish()


if __name__ == "__main__":
    main()
