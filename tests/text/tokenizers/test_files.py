"""Tokenizer files of families other than Marian's, none of which is trusted."""

import contextlib
import json
import pathlib
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest

import pyattn
from golden.tokenizer_lines import lines_for
from pyattn.errors import ModelError
from pyattn.files.native import write_native
from pyattn.text.tokenizers import (
    NoTokenizer,
    TextError,
    Tokenizer,
    json_file,
    load_tokenizer,
    tokenizer_files,
)
from support.tokenizer_folders import NAMES, ROWS, golden_folder, random_checkpoint

JSON = "tokenizer.json"


def loaded(folder: pathlib.Path) -> Tokenizer:
    tokenizer = load_tokenizer(folder)
    assert tokenizer is not None
    return tokenizer


def changed(folder: pathlib.Path, **values: Any) -> pathlib.Path:
    """A folder with some parts of its tokenizer.json replaced."""
    content = json.loads((folder / JSON).read_text()) | values
    (folder / JSON).write_text(json.dumps(content))
    return folder


# --- what is there -----------------------------------------------------------------------------


def test_missing_package_is_named_with_the_extra(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for name in ("t5-json", "bart-merges"):
        golden_folder(tmp_path / name, name)
        with pytest.raises(NoTokenizer, match=r"pip install 'pyattn\[tokenizers\]'"):
            load_tokenizer(tmp_path / name)
    # What SentencePiece cuts needs nothing else.
    assert loaded(golden_folder(tmp_path / "t5", "t5-pieces")).encode([""]) == [[1]]


def test_texts_of_fsmt_are_refused_and_its_ids_are_not(tmp_path: pathlib.Path) -> None:
    write_native(tmp_path / "fsmt", random_checkpoint("fsmt", end=2))
    with pyattn.load(tmp_path / "fsmt", threads=1) as translator:
        assert len(translator.model.generate([[5, 2]])) == 1
        with pytest.raises(ModelError, match=r"Moses and BPE .* ids to translator\.model"):
            translator.translate("a")


@pytest.mark.parametrize(
    ("name", "missing"),
    [("t5-json", JSON), ("m2m-pieces", "sentencepiece.bpe.model"), ("bart-merges", "merges.txt")],
)
def test_what_cannot_be_read_asks_for_tokenizer_json(
    tmp_path: pathlib.Path, name: str, missing: str
) -> None:
    golden_folder(tmp_path, name)
    (tmp_path / missing).unlink()
    (tmp_path / "vocab.json").write_text('{"<s>": 0, "</s>": 1, "<unk>": 2}')
    with pytest.raises(NoTokenizer, match=r"no tokenizer\.json beside .*vocab\.json"):
        load_tokenizer(tmp_path)


def test_a_folder_without_files_has_no_tokenizer(tmp_path: pathlib.Path) -> None:
    golden_folder(tmp_path, "t5-json")
    (tmp_path / JSON).unlink()
    assert load_tokenizer(tmp_path) is None
    assert tokenizer_files(tmp_path) == {}


@pytest.mark.parametrize("name", NAMES)
def test_native_folder_has_the_same_tokenizer(tmp_path: pathlib.Path, name: str) -> None:
    golden_folder(tmp_path / "model", name)
    first = loaded(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    made = random_checkpoint(
        config["model_type"],
        end=first.end,
        start=config["decoder_start_token_id"],
        rows=config["vocab_size"],
    )
    files = tokenizer_files(tmp_path / "model")
    write_native(tmp_path / "native", made, tokenizer_files=files)
    second = loaded(tmp_path / "native")
    lines = lines_for(name)
    assert second.encode(lines) == first.encode(lines)
    assert second.languages.targets == first.languages.targets


@pytest.mark.parametrize(
    ("name", "more", "roles"),
    [
        ("t5-json", "spiece.model", {"json"}),
        ("bart-json", "vocab.json", {"json"}),
        ("m2m-pieces", "merges.txt", {"pieces", "vocab", "settings"}),
        ("byt5", "spiece.model", {"settings"}),
    ],
)
def test_native_folder_gets_no_more_than_it_needs(
    tmp_path: pathlib.Path, name: str, more: str, roles: set[str]
) -> None:
    golden_folder(tmp_path, name)
    (tmp_path / more).write_text("")
    assert tokenizer_files(tmp_path).keys() == roles


def test_native_folder_of_a_model_without_texts_has_no_tokenizer(tmp_path: pathlib.Path) -> None:
    golden_folder(tmp_path, "bart-merges")
    (tmp_path / "vocab.json").unlink()
    assert tokenizer_files(tmp_path) == {}


def test_no_thread_is_started(tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(golden_folder(tmp_path, "nllb-json"))
    tasks = pathlib.Path("/proc/self/task")
    before = threading.active_count(), len(list(tasks.iterdir())) if tasks.exists() else 0
    tokenizer.decode(tokenizer.encode(lines_for("nllb-json") * 10))
    after = threading.active_count(), len(list(tasks.iterdir())) if tasks.exists() else 0
    assert after == before


# --- tokenizer.json ----------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"model": {}}', "\udcff", "{" * 9999])
def test_malformed_json_is_an_error(tmp_path: pathlib.Path, content: str) -> None:
    golden_folder(tmp_path, "t5-json")
    (tmp_path / JSON).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=r"^tokenizer\.json: not usable: "):
        load_tokenizer(tmp_path)


def test_large_file_is_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden_folder(tmp_path, "t5-json")
    monkeypatch.setattr(json_file, "_MOST_BYTES", 1000)
    with pytest.raises(ModelError, match=r"tokenizer\.json: \d+ bytes, expected at most 1000"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["t5-json", "nllb-json", "bart-json"])
def test_flipped_bytes_never_crash(tmp_path: pathlib.Path, name: str) -> None:
    content = (golden_folder(tmp_path, name) / JSON).read_bytes()
    random = np.random.default_rng(5)
    read = 0
    for _ in range(150):
        spoiled = bytearray(content)
        for place in random.integers(0, len(content), random.integers(1, 3)):
            spoiled[place] = random.integers(32, 127)
        (tmp_path / JSON).write_bytes(spoiled)
        with contextlib.suppress(ModelError):
            tokenizer = loaded(tmp_path)
            for row in tokenizer.encode(lines_for(name)[:30]):
                assert all(0 <= id < ROWS for id in row)
            tokenizer.decode([list(range(ROWS + 5))])
            tokenizer.encode_with_spans(lines_for(name)[:5])
            tokenizer.decode_with_spans([list(range(0, ROWS + 5, 5))])
            read += 1
    assert 0 < read < 150


def test_panic_of_the_package_is_an_error() -> None:
    class PanicException(BaseException):
        """As Rust's is called, which is no Exception."""

    with (
        pytest.raises(ModelError, match=r"^a\.json: not usable: out of bounds"),
        json_file.refused("a.json"),
    ):
        raise PanicException("out of bounds\nand a trace")
    with pytest.raises(KeyboardInterrupt), json_file.refused("a.json"):
        raise KeyboardInterrupt


def test_truncation_and_padding_of_a_file_are_not_done(tmp_path: pathlib.Path) -> None:
    golden_folder(tmp_path, "t5-json")
    expected = loaded(tmp_path).encode(["a cat and a dog", "a"])
    truncation = {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    padding = {
        "strategy": {"Fixed": 10**9}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>",
    }  # fmt: skip
    changed(tmp_path, truncation=truncation, padding=padding)
    assert loaded(tmp_path).encode(["a cat and a dog", "a"]) == expected


def added(id: int, content: str, *, special: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": content, "special": special, **flags}


def test_special_token_that_the_model_has_no_row_for_is_refused_in_texts_alone(
    tmp_path: pathlib.Path,
) -> None:
    golden_folder(tmp_path, "bart-json", vocab_size=310)
    tokens = json.loads((tmp_path / JSON).read_text())["added_tokens"]
    changed(tmp_path, added_tokens=[*tokens, added(310, "<late>", special=True)])
    tokenizer = loaded(tmp_path)
    assert tokenizer.decode(tokenizer.encode(["a cat"])) == ["a cat"]
    for operation in ("encode", "encode_bodies", "encode_with_spans"):
        problem = rf"^{operation}: texts\[1\] has <late>, which the model has no embedding for$"
        with pytest.raises(TextError, match=problem) as refused:
            getattr(tokenizer, operation)(["a cat", "a <late> cat"])
        # A caller may number its texts otherwise, or be in another process.
        assert refused.value.index == 1
        assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    changed(tmp_path, added_tokens=[*tokens, added(310, "<late>", special=False)])
    with pytest.raises(ModelError, match=r"tokenizer\.json: <late> has id 310, .* has 310 ids"):
        load_tokenizer(tmp_path)


def test_end_that_is_not_the_models_is_an_error(tmp_path: pathlib.Path) -> None:
    golden_folder(tmp_path, "t5-json", eos_token_id=3)
    with pytest.raises(
        ModelError, match=r"tokenizer\.json: </s> has id 1, config\.json's end is 3"
    ):
        load_tokenizer(tmp_path)


def test_sources_are_framed_as_the_file_says(tmp_path: pathlib.Path) -> None:
    golden_folder(tmp_path, "t5-json")
    (plain,) = loaded(tmp_path).encode(["a cat"])
    template = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "b", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"b": {"id": "b", "ids": [7], "tokens": ["b"]}},
    }
    changed(tmp_path, post_processor=template)
    assert loaded(tmp_path).encode(["a cat", ""]) == [[7, *plain[:-1]], [7]]
    template["special_tokens"]["b"]["ids"] = [ROWS]  # type: ignore[index]
    changed(tmp_path, post_processor=template)
    with pytest.raises(ModelError, match=rf"post_processor adds id {ROWS}, the model has {ROWS}"):
        load_tokenizer(tmp_path)


def test_spaces_before_punctuation_go_where_the_settings_say(tmp_path: pathlib.Path) -> None:
    golden_folder(tmp_path, "t5-json")
    (ids,) = loaded(tmp_path).encode(["a cat , a dog don 't run ."])
    (tmp_path / "tokenizer_config.json").write_text('{"clean_up_tokenization_spaces": true}')
    assert loaded(tmp_path).decode([ids]) == ["a cat, a dog don 't run."]


def test_texts_are_cut_as_behind_a_space_where_the_settings_say(tmp_path: pathlib.Path) -> None:
    golden_folder(tmp_path, "bart-merges")
    (spaced,) = loaded(tmp_path).encode([" a cat"])
    (tmp_path / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    assert loaded(tmp_path).encode(["a cat"]) == [spaced]


# --- other files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("#version: 0.2\na b c\n", r"line 2 is 'a b c', expected two tokens"),
        ("ab\n", r"line 1 is 'ab', expected two tokens"),
        ("q\u0436 q\n", r"not usable: "),
        ("\udcff", r"not valid UTF-8"),
    ],
)
def test_malformed_merges_are_an_error(tmp_path: pathlib.Path, content: str, problem: str) -> None:
    golden_folder(tmp_path, "bart-merges")
    (tmp_path / "merges.txt").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match=rf"^merges\.txt: {problem}"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("value", [-1, 1.5, "0", True, 2**40])
def test_malformed_vocabulary_is_an_error(tmp_path: pathlib.Path, value: Any) -> None:
    golden_folder(tmp_path, "bart-merges")
    vocab = json.loads((tmp_path / "vocab.json").read_text()) | {"a": value}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    with pytest.raises(ModelError, match=r"^vocab\.json: a is .*, expected an id"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "t5-pieces",
            r"spiece\.model: .* has id \d+, config\.json's source vocabulary has 100 rows",
        ),
        ("pegasus-pieces", r"spiece\.model: .* has id \d+"),
        ("m2m-pieces", r"vocab\.json: 131 ids and 100 languages, config\.json has 100 ids"),
        ("mbart50-pieces", r"sentencepiece\.bpe\.model: 131 ids and 25 languages, .* has 100 ids"),
        ("byt5", r"ByT5 has 259 ids, config\.json has 100"),
        ("t5-json", r"tokenizer\.json: .* has id \d+, config\.json has 100 ids"),
        ("bart-merges", r"vocab\.json: .* has id \d+, config\.json has 100 ids"),
    ],
)
def test_ids_beyond_the_model_are_an_error(tmp_path: pathlib.Path, name: str, problem: str) -> None:
    golden_folder(tmp_path, name, vocab_size=100)
    with pytest.raises(ModelError, match=problem):
        load_tokenizer(tmp_path)


def test_bytes_that_are_no_text_are_left_out(tmp_path: pathlib.Path) -> None:
    tokenizer = loaded(golden_folder(tmp_path, "byt5"))
    (ids,) = tokenizer.encode(["aé"])
    assert ids == [ord("a") + 3, 0xC3 + 3, 0xA9 + 3, 1]
    assert tokenizer.decode([[0, *ids, 2, 300], ids[:2], [-5 + 10**6]]) == ["aé", "a", ""]


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("bart-merges", "led"),
        ("bart-json", "led"),
        ("t5-pieces", "longt5"),
        ("pegasus-pieces", "pegasus_x"),
        ("t5-json", "longt5"),
    ],
)
def test_families_for_long_sources_cut_as_their_siblings(
    tmp_path: pathlib.Path, name: str, family: str
) -> None:
    texts = ["One text.", "And another one </s>"]
    own = loaded(golden_folder(tmp_path / "own", name, model_type=family))
    sibling = loaded(golden_folder(tmp_path / "sibling", name))
    assert own.encode(texts) == sibling.encode(texts)


def test_pieces_of_pegasus_begin_at_the_offset_of_the_settings(tmp_path: pathlib.Path) -> None:
    texts = ["One text.", "And another one"]
    own = golden_folder(tmp_path / "bigbird", "pegasus-pieces", model_type="bigbird_pegasus")
    usual = loaded(golden_folder(tmp_path / "usual", "pegasus-pieces")).encode(texts)
    for offset, settings in ((0, {}), (0, {"offset": 0}), (9, {"offset": 9})):
        (own / "tokenizer_config.json").write_text(json.dumps(settings))
        assert loaded(own).encode(texts) == [
            [*(id - 103 + offset for id in row[:-1]), row[-1]] for row in usual
        ]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("added_tokens.json", {"<doc-sep>": "next", "<s>": 0}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"next": {"content": "<doc-sep>"}}}),
    ],
)
def test_tokens_behind_the_vocabulary_are_cut_and_not_joined(
    tmp_path: pathlib.Path, file: str, content: dict[str, Any]
) -> None:
    folder = golden_folder(tmp_path, "bart-merges", model_type="led")
    first = len(json.loads((folder / "vocab.json").read_text()))
    written = json.dumps(content).replace('"next":', f'"{first}":').replace('"next"', str(first))
    (folder / file).write_text(written)
    tokenizer = loaded(folder)
    [begin, *body, end] = tokenizer.encode(["one<doc-sep>two"])[0]
    place = body.index(first)
    assert tokenizer.encode(["one", "two"]) == [
        [begin, *body[:place], end], [begin, *body[place + 1 :], end]
    ]  # fmt: skip
    assert tokenizer.decode([body]) == ["onetwo"]

    (folder / file).write_text(written.replace(str(first), str(first + 1)))
    with pytest.raises(
        ModelError, match=rf"<doc-sep> is added as id {first + 1}, expected {first}"
    ):
        load_tokenizer(folder)
