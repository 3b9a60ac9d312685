"""Texts of models for long sources: which tokens see all, and where the model stops to read."""

from __future__ import annotations

import json
import pathlib

import pytest
import tokenizers

import pyattn
from pyattn.translator import Translator
from support.long_models import changed

BEGIN, END, SEPARATOR = 0, 2, 60


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """The golden LED, with words of one letter and the separator of PRIMERA among its tokens."""
    made = changed(tmp_path, "led", {})
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = {token: id for id, token in enumerate([*special, *map(chr, range(97, 123))])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        "<s> $A </s>", special_tokens=[("<s>", BEGIN), ("</s>", END)]
    )
    tokenizer.add_special_tokens(special)
    (made / "tokenizer.json").write_text(tokenizer.to_str())
    return made


def with_separator(folder: pathlib.Path) -> pathlib.Path:
    content = json.loads((folder / "tokenizer.json").read_text())
    one = dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)
    token = {"id": SEPARATOR, "content": "<doc-sep>", "special": True, **one}
    # An added token has the next id, so the vocabulary has to reach up to it.
    vocabulary = content["model"]["vocab"]
    vocabulary |= {f"<extra_{id}>": id for id in range(len(vocabulary), SEPARATOR)}
    content["added_tokens"].append(token)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder


def score(translator: Translator, text: str) -> float | None:
    [[best]] = translator.results([text], max_new_tokens=4, guard=False)
    return best.score


def scores(translator: Translator, ids: list[int], positions: list[list[int]]) -> list[float]:
    """Of the target, with the global tokens at each of some positions."""
    model = translator.model
    return [
        model.generate([ids], global_tokens=[one], max_new_tokens=4)[0][0].score  # type: ignore[misc]
        for one in positions
    ]


TEXT = "a b c d e f g h i j k l m n o p q r s t u v w x y z"


def test_first_token_of_a_text_sees_all(folder: pathlib.Path) -> None:
    with pyattn.load(folder, dtype="float32") as translator:
        [ids] = translator.tokenizer.encode([TEXT])
        assert (ids[0], ids[-1], len(ids)) == (BEGIN, END, 28)
        first, none = scores(translator, ids, [[0], []])
        assert score(translator, TEXT) == first != none


def test_separators_of_a_text_see_all(folder: pathlib.Path) -> None:
    text = TEXT.replace(" e ", " e <doc-sep> ").replace(" q ", " q <doc-sep> ")
    with pyattn.load(with_separator(folder), dtype="float32") as translator:
        assert translator.model.config.global_ids == (SEPARATOR,)
        [ids] = translator.tokenizer.encode([text])
        places = [place for place, id in enumerate(ids) if id == SEPARATOR]
        assert len(places) == 2
        default, first = scores(translator, ids, [[0, *places], [0]])
        assert score(translator, text) == default != first


def test_global_tokens_are_no_choice_for_texts(folder: pathlib.Path) -> None:
    with (
        pyattn.load(folder, dtype="float32") as translator,
        pytest.raises(TypeError, match=r"'global_tokens': model\.generate takes"),
    ):
        translator.translate("a", global_tokens=[[0]])


def test_text_is_read_up_to_the_positions_of_the_encoder(folder: pathlib.Path) -> None:
    with pyattn.load(folder, dtype="float32") as translator:
        most = translator.model.config.stack("encoder").max_positions
        text = " ".join([TEXT] * 10)
        [ids] = translator.tokenizer.encode([text])
        assert len(ids) > most == 140
        with pytest.warns(UserWarning, match="1 of 1 texts have more than 140 tokens and were cut"):
            [[best]] = translator.results([text], max_new_tokens=4, guard=False)
        [cut] = translator.model.generate([[*ids[: most - 1], END]], max_new_tokens=4)
        assert (best.tokens, best.score) == (cut[0].tokens, cut[0].score)
        assert best.warnings == ("truncated",)
