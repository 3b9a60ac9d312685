"""Tokenizers of folders without tokenizer.json: the ids of transformers all the same."""

import json
import pathlib
import re
import shutil
from typing import Any

import pytest

import pyattn
from pyattn import Classifier
from pyattn.commands.conversion import convert
from support.paths import GOLDEN

FOLDERS = GOLDEN / "classifiers"
TEXTS = json.loads((FOLDERS / "texts.json").read_text())
BYTES = GOLDEN / "tokenizers"


def without_json(to: pathlib.Path, name: str, **settings: Any) -> pathlib.Path:
    """A golden folder with vocab.txt in place of its tokenizer.json, and other settings."""
    folder = to / name
    shutil.copytree(FOLDERS / name, folder)
    ids = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    words = sorted(ids, key=ids.__getitem__)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words))
    settings = {"model_max_length": 16} | settings
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("bert", {}),
        ("distilbert", {"cls_token": {"content": "[CLS]", "lstrip": False}}),
        ("electra", {}),
        ("mpnet", {"unk_token": "<unk>"}),
    ],
)
def test_ids_are_those_of_transformers(
    name: str, settings: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    wanted = json.loads((FOLDERS / name / "golden.json").read_text())
    with Classifier(without_json(tmp_path, name, **settings)) as classifier:
        for text, answer in zip(TEXTS, wanted, strict=True):
            framed = classifier.tokenizer.encode(text)
            assert framed.ids == answer["ids"]
        types = classifier.tokenizer.encode(("a", "cat sat")).types
        assert types == ([0] * 7 if name == "mpnet" else [0, 0, 0, 1, 1, 1])


def test_roberta_s_bytes_are_cut_by_merges(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "roberta"
    shutil.copytree(FOLDERS / "roberta", folder)
    (folder / "tokenizer.json").unlink()
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(BYTES / f"bart-merges-{name}", folder / name)
    vocab = json.loads((folder / "vocab.json").read_text())
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"vocab_size": len(vocab)}))
    from pyattn.files import open_model
    from pyattn.text.tokenizers.pairs import load_pair_tokenizer

    with open_model(folder) as files:
        tokenizer = load_pair_tokenizer(files, 16)
    cat, dog = (tokenizer.encode(text).ids[1:-1] for text in ("cat", "dog"))
    begin, end = vocab["<s>"], vocab["</s>"]
    assert cat
    assert tokenizer.encode("cat").ids == [begin, *cat, end]
    assert tokenizer.encode(("cat", "dog")).ids == [begin, *cat, end, end, *dog, end]


@pytest.mark.parametrize(
    ("settings", "text", "words"),
    [
        ({}, "The CAT", ["the", "cat"]),
        ({"do_lower_case": False}, "The cat", ["[UNK]", "cat"]),
        ({"do_lower_case": False, "strip_accents": True}, "thé cat", ["the", "cat"]),
        ({"strip_accents": False}, "thé cat", ["[UNK]", "cat"]),
        ({}, "the [SEP] cat", ["the", "[SEP]", "cat"]),
    ],
)
def test_settings_are_followed(
    settings: dict[str, Any], text: str, words: list[str], tmp_path: pathlib.Path
) -> None:
    folder = without_json(tmp_path, "bert", **settings)
    tokens = (folder / "vocab.txt").read_text().split("\n")
    with Classifier(folder) as classifier:
        ids = classifier.tokenizer.encode(text).ids
    assert [tokens[id] for id in ids] == ["[CLS]", *words, "[SEP]"]


def test_converted_folder_keeps_the_file(tmp_path: pathlib.Path) -> None:
    folder = without_json(tmp_path, "bert")
    convert(folder, tmp_path / "native")
    assert (tmp_path / "native" / "vocab.txt").exists()
    with pyattn.load(folder) as one, pyattn.load(tmp_path / "native") as other:
        assert isinstance(one, Classifier)
        assert isinstance(other, Classifier)
        assert one.scores(TEXTS[:2]).tobytes() == other.scores(TEXTS[:2]).tobytes()


@pytest.mark.parametrize(
    ("words", "settings", "message"),
    [
        (b"", {}, "vocab.txt: no tokens"),
        (b"\xff\n", {}, "vocab.txt: not valid UTF-8 at byte 0"),
        (b"[UNK]\n[CLS]\n", {}, "vocab.txt: no [SEP], which stands around every text"),
        (b"[CLS]\n[SEP]\n", {}, "vocab.txt: not usable"),
        (None, {"cls_token": 3}, "tokenizer_config.json: cls_token is 3, expected a token"),
        (None, {"do_lower_case": 1}, "tokenizer_config.json: do_lower_case is 1, expected true"),
        (
            None,
            {"added_tokens_decoder": {"99": {"content": "<new>"}}},
            "added_tokens_decoder has '<new>', which vocab.txt lacks: save the tokenizer",
        ),
    ],
)
def test_damaged_files_are_refused(
    words: bytes | None, settings: dict[str, Any], message: str, tmp_path: pathlib.Path
) -> None:
    folder = without_json(tmp_path, "bert", **settings)
    if words is not None:
        (folder / "vocab.txt").write_bytes(words)
    with pytest.raises(pyattn.ModelError, match=re.escape(message)), Classifier(folder) as found:
        found.scores(["zzz"])


def test_folder_without_any_tokenizer_takes_ids(tmp_path: pathlib.Path) -> None:
    folder = without_json(tmp_path, "bert")
    (folder / "vocab.txt").unlink()
    with Classifier(folder) as classifier:
        assert len(classifier.model.encode([[2, 3]])[0]) == 2
        with pytest.raises(pyattn.ModelError, match=r"no tokenizer\.json, nor vocab\.txt, from"):
            classifier.scores(["a"])
