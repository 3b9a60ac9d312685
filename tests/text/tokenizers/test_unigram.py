"""XLM-R's and CamemBERT's tokenizers of sentencepiece.bpe.model alone: the ids of transformers."""

import io
import json
import pathlib
import re
import shutil
from collections.abc import Sequence
from typing import Any

import pytest
import sentencepiece

import pyattn
from golden.tokenizer_lines import corpus
from pyattn import Classifier
from pyattn.commands.conversion import convert
from pyattn.files.sentencepieces import read_scored_pieces
from support.paths import GOLDEN

PIECES = GOLDEN / "tokenizers" / "mbart-pieces-sentencepiece.bpe.model"
WANTED: dict[str, Any] = json.loads((GOLDEN / "pieces.json").read_text())
FOLDERS = {"xlm-roberta": "xlm-roberta-reranker", "camembert": "camembert-many"}
FILE = "sentencepiece.bpe.model"


def folder(to: pathlib.Path, family: str, **settings: Any) -> pathlib.Path:
    """A golden folder with the pieces in place of its tokenizer.json."""
    made = to / family
    shutil.copytree(GOLDEN / "classifiers" / FOLDERS[family], made)
    (made / "tokenizer.json").unlink()
    shutil.copy(PIECES, made / FILE)
    (made / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512} | settings))
    return made


def tokenizer(made: pathlib.Path, rows: int = 400) -> Any:
    """The tokenizer of a folder, whose model may have fewer ids."""
    from pyattn.text.tokenizers.pairs import load_pair_tokenizer

    config = json.loads((made / "config.json").read_text())
    more = {"vocab_size": rows, "max_position_embeddings": 514}
    (made / "config.json").write_text(json.dumps(config | more))
    with pyattn.files.open_model(made) as files:
        return load_pair_tokenizer(files)


@pytest.mark.parametrize("family", FOLDERS)
def test_ids_are_those_of_transformers(family: str, tmp_path: pathlib.Path) -> None:
    wanted = WANTED["ids"][family]
    read = tokenizer(folder(tmp_path, family))
    assert [read.encode(text).ids for text in WANTED["texts"]] == wanted["texts"]
    assert [read.encode(tuple(pair)).ids for pair in WANTED["pairs"]] == wanted["pairs"]


def test_added_tokens_of_older_files_are_there(tmp_path: pathlib.Path) -> None:
    added = {"0": {"content": "<s>NOTUSED"}, "5": {"content": "<s>"}, "134": {"content": "<mask>"}}
    read = tokenizer(folder(tmp_path, "camembert", added_tokens_decoder=added))
    assert read.encode("a<mask>").ids[-2:] == [134, 6]


def test_text_may_begin_without_a_space(tmp_path: pathlib.Path) -> None:
    names = read_scored_pieces(PIECES).scored
    ids = {name: id + 1 for id, (name, _) in enumerate(names)}
    read = tokenizer(folder(tmp_path, "xlm-roberta", add_prefix_space=False))
    assert read.encode("b").ids == [0, ids["b"], 2]


def trained(sentences: Sequence[str] = (), **settings: Any) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences or corpus()), model_writer=model,
        **{"num_threads": 1, "minloglevel": 2},
        **{"vocab_size": 150, "hard_vocab_limit": False, **settings},
    )  # fmt: skip
    return model.getvalue()


@pytest.mark.parametrize("family", FOLDERS)
def test_converted_folder_keeps_the_file(family: str, tmp_path: pathlib.Path) -> None:
    made = folder(tmp_path, family, model_max_length=16)
    (made / FILE).write_bytes(trained(["the cat sat", "a dog ran home"] * 9, vocab_size=20))
    convert(made, tmp_path / "native")
    assert (tmp_path / "native" / "pieces.model").read_bytes() == (made / FILE).read_bytes()
    with Classifier(made) as one, Classifier(tmp_path / "native") as other:
        texts = ["the cat", ("a dog", "ran home")]
        assert len({*one.tokenizer.encode("the cat").ids}) > 3
        assert one.scores(texts).tobytes() == other.scores(texts).tobytes()


def test_model_with_fewer_ids_is_refused(tmp_path: pathlib.Path) -> None:
    last = len(read_scored_pieces(PIECES).scored) + 4
    with pytest.raises(pyattn.ModelError, match=rf"^{FILE}: <mask> has id {last}, config.json has"):
        Classifier(folder(tmp_path, "camembert"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": "bpe"}, "the pieces are not those of a unigram model"),
        (
            {"unk_id": 2, "bos_id": 0, "eos_id": 1},
            "the first pieces are <s>, </s>, <unk>, expected <unk>, <s>, </s>",
        ),
    ],
)
def test_pieces_of_another_kind_are_refused(
    settings: dict[str, Any], message: str, tmp_path: pathlib.Path
) -> None:
    made = folder(tmp_path, "xlm-roberta")
    (made / FILE).write_bytes(trained(**settings))
    with pytest.raises(pyattn.ModelError, match=f"^{FILE}: {re.escape(message)}"):
        tokenizer(made)


def test_normalization_may_have_no_rules(tmp_path: pathlib.Path) -> None:
    made = folder(tmp_path, "xlm-roberta")
    (made / FILE).write_bytes(trained(normalization_rule_name="identity"))
    read = tokenizer(made)
    assert read_scored_pieces(made / FILE).charsmap == b""
    assert read.encode("the \uff21").ids[-2] == 3


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9])
def test_damaged_file_is_refused(share: float, tmp_path: pathlib.Path) -> None:
    made, content = folder(tmp_path, "camembert"), PIECES.read_bytes()
    (made / FILE).write_bytes(content[: int(share * len(content))])
    with pytest.raises(pyattn.ModelError, match=rf"^{FILE}: not a SentencePiece model"):
        tokenizer(made)


def test_missing_file_is_named(tmp_path: pathlib.Path) -> None:
    made = folder(tmp_path, "camembert")
    (made / FILE).unlink()
    with (
        Classifier(made) as classifier,
        pytest.raises(pyattn.ModelError, match=rf"no tokenizer\.json, nor {FILE}, from"),
    ):
        classifier.scores(["a"])
