import contextlib
import io
import json
import pathlib
import threading
from typing import Any

import numpy as np
import pytest
import sentencepiece

import pyattn
from pyattn.commands.conversion import convert
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.text.tokenizers import Tokenizer, load_tokenizer, tokenizer_files
from support import ctranslate2_folders
from support import model_folders as made

SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"

ENGLISH = [
    "the cat sat on the mat", "a dog ran to the cat", "do cats sit on mats?", "dogs run, cats sit.",
    "the mat is on the dog", "is a cat a dog?", "cats and dogs do not sit", "sit on it, dog!",
]  # fmt: skip
SPANISH = [
    "el gato está en la alfombra", "un perro corre hacia el gato", "¿los gatos están sentados?",
    "los perros corren.", "la alfombra está en el perro", "¿es un gato un perro?", "¡eso, perro!",
]  # fmt: skip
END, UNKNOWN = 0, 1


def trained(sentences: list[str], **settings: Any) -> bytes:
    """A SentencePiece model of characters and a few longer pieces."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, vocab_size=50, model_type="unigram",
        hard_vocab_limit=False, bos_id=-1, num_threads=1, minloglevel=2, **settings,
    )  # fmt: skip
    return model.getvalue()


@pytest.fixture(scope="module")
def english() -> bytes:
    return trained(ENGLISH, unk_id=0, eos_id=1)


@pytest.fixture(scope="module")
def spanish() -> bytes:
    return trained(SPANISH, unk_id=0, eos_id=1)


def pieces(model: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(id) for id in range(processor.get_piece_size())]


def numbered(*models: bytes, more: tuple[str, ...] = ()) -> dict[str, int]:
    """As OPUS-MT has it: end, unknown, all pieces in an order of its own, padding."""
    found = sorted({piece for model in models for piece in pieces(model)} - {"</s>", "<unk>"})
    return {piece: id for id, piece in enumerate(["</s>", "<unk>", *found, *more, "<pad>"])}


def folder(
    path: pathlib.Path, source: bytes, target: bytes, vocab: Any, **config: Any
) -> pathlib.Path:
    """A Hugging Face folder with a tokenizer and a config; weights are of no interest here."""
    path.mkdir(exist_ok=True)
    size = len(vocab)
    ids = {"vocab_size": size, "pad_token_id": size - 1, "decoder_start_token_id": size - 1}
    (path / "config.json").write_text(json.dumps(made.config(**{**ids, **config})))
    (path / "vocab.json").write_text(json.dumps(vocab))
    (path / "source.spm").write_bytes(source)
    (path / "target.spm").write_bytes(target)
    return path


def loaded(path: pathlib.Path) -> Tokenizer:
    tokenizer = load_tokenizer(path)
    assert tokenizer is not None
    return tokenizer


@pytest.fixture
def opus(tmp_path: pathlib.Path, english: bytes, spanish: bytes) -> pathlib.Path:
    return folder(tmp_path, english, spanish, numbered(english, spanish))


def test_ids_are_those_of_the_pieces_in_the_vocabulary(opus: pathlib.Path, english: bytes) -> None:
    vocab = json.loads((opus / "vocab.json").read_text())
    processor = sentencepiece.SentencePieceProcessor(model_proto=english)
    cut = [processor.encode(text, out_type=str) for text in ENGLISH]
    assert loaded(opus).encode(ENGLISH) == [[vocab[piece] for piece in row] + [END] for row in cut]


def test_targets_come_back_as_they_were(opus: pathlib.Path, spanish: bytes) -> None:
    vocab = json.loads((opus / "vocab.json").read_text())
    processor = sentencepiece.SentencePieceProcessor(model_proto=spanish)
    ids = [[vocab[piece] for piece in processor.encode(text, out_type=str)] for text in SPANISH]
    assert loaded(opus).decode(ids) == SPANISH


def test_other_networks_may_have_marians_files(opus: pathlib.Path) -> None:
    expected = loaded(opus).encode(ENGLISH)
    config = json.loads((opus / "config.json").read_text())
    config |= {"model_type": "pegasus", "forced_eos_token_id": END}
    (opus / "config.json").write_text(json.dumps(config))
    assert loaded(opus).encode(ENGLISH) == expected


def test_an_empty_text_is_the_end_alone(opus: pathlib.Path) -> None:
    tokenizer = loaded(opus)
    assert tokenizer.encode([]) == []
    assert tokenizer.encode(["", "  "]) == [[END], [END]]
    assert tokenizer.decode([]) == []
    assert tokenizer.decode([[], [END]]) == ["", ""]


def test_sizes_and_end_are_exposed(opus: pathlib.Path) -> None:
    size = len(json.loads((opus / "vocab.json").read_text()))
    tokenizer = loaded(opus)
    assert (tokenizer.source_vocab, tokenizer.target_vocab, tokenizer.end) == (size, size, END)


def test_special_tokens_have_no_text(opus: pathlib.Path) -> None:
    tokenizer = loaded(opus)
    cat = tokenizer.encode(["cat"])[0][:-1]
    pad = tokenizer.source_vocab - 1
    assert tokenizer.decode([[pad, END, *cat, UNKNOWN, END], [pad + 1, 10**9]]) == ["cat", ""]


def test_special_tokens_in_a_text_are_just_text(opus: pathlib.Path) -> None:
    (ids,) = loaded(opus).encode(["a </s> <pad> cat"])
    assert ids.count(END) == 1
    assert loaded(opus).source_vocab - 1 not in ids


def test_what_the_source_does_not_know_is_unknown(opus: pathlib.Path) -> None:
    (ids,) = loaded(opus).encode(["cat \N{SNOWMAN}\N{SNOWMAN} cat"])
    assert ids.count(UNKNOWN) == 1  # SentencePiece joins neighbours


def test_what_only_the_target_knows_has_its_id(opus: pathlib.Path) -> None:
    vocab = json.loads((opus / "vocab.json").read_text())
    (ids,) = loaded(opus).encode(["cat ¿"])
    assert vocab["¿"] in ids
    assert UNKNOWN not in ids


def test_pieces_without_an_id_are_unknown(
    tmp_path: pathlib.Path, english: bytes, spanish: bytes
) -> None:
    vocab = {"</s>": END, "<unk>": UNKNOWN, "<pad>": 2}
    tokenizer = loaded(folder(tmp_path, english, spanish, vocab))
    (ids,) = tokenizer.encode(["the cat"])
    assert set(ids[:-1]) == {UNKNOWN}


def test_separate_vocabularies_number_targets_by_their_own(
    tmp_path: pathlib.Path, english: bytes, spanish: bytes
) -> None:
    source, target = numbered(english), numbered(spanish)
    folder(
        tmp_path, english, spanish, source, share_encoder_decoder_embeddings=False,
        decoder_vocab_size=len(target), pad_token_id=5, decoder_start_token_id=5,
    )  # fmt: skip
    (tmp_path / "target_vocab.json").write_text(json.dumps(target))
    (tmp_path / "tokenizer_config.json").write_text('{"separate_vocabs": true}')
    tokenizer = loaded(tmp_path)
    assert (tokenizer.source_vocab, tokenizer.target_vocab) == (len(source), len(target))
    processor = sentencepiece.SentencePieceProcessor(model_proto=spanish)
    row = [target[piece] for piece in processor.encode(SPANISH[0], out_type=str)]
    assert tokenizer.decode([row]) == [SPANISH[0]]
    assert tokenizer_files(tmp_path).keys() == {"source", "target", "vocab", "target_vocab"}


@pytest.mark.parametrize("count", [0, 1, 19, 20, 64])
def test_texts_have_their_ids_however_many_they_are(opus: pathlib.Path, count: int) -> None:
    tokenizer = loaded(opus)
    texts = [ENGLISH[n % len(ENGLISH)][n:] + " \N{SNOWMAN}" * (n % 3) for n in range(count)]
    ids = tokenizer.encode(texts)
    assert ids == [tokenizer.encode([text])[0] for text in texts]
    assert tokenizer.decode(ids) == [tokenizer.decode([row])[0] for row in ids]


# --- languages ---------------------------------------------------------------------------------


@pytest.fixture
def multilingual(tmp_path: pathlib.Path, english: bytes, spanish: bytes) -> pathlib.Path:
    more = (">>fra<<", ">>spa<<", ">>zho_Hans<<")
    return folder(tmp_path, english, spanish, numbered(english, spanish, more=more))


def test_a_language_is_one_token_before_the_text(multilingual: pathlib.Path) -> None:
    vocab = json.loads((multilingual / "vocab.json").read_text())
    tokenizer = loaded(multilingual)
    plain, *heads = tokenizer.encode(["a cat", ">>spa<< a cat", "  >>zho_Hans<<a cat"])
    assert heads == [[vocab[">>spa<<"], *plain], [vocab[">>zho_Hans<<"], *plain]]


def test_a_language_that_the_caller_names_is_that_token(multilingual: pathlib.Path) -> None:
    tokenizer = loaded(multilingual)
    assert list(tokenizer.languages.targets) == ["fra", "spa", "zho_Hans"]
    assert tokenizer.encode(["a cat"], target="spa") == tokenizer.encode([">>spa<< a cat"])
    with pytest.raises(ValueError, match="source is eng, but this model takes no source language"):
        tokenizer.encode(["a cat"], source="eng", target="spa")


def test_a_language_elsewhere_is_text(multilingual: pathlib.Path) -> None:
    vocab = json.loads((multilingual / "vocab.json").read_text())
    for text in ["a >>spa<< cat", ">> spa << cat", ">> a << b", ">><< cat"]:
        assert vocab[">>spa<<"] not in loaded(multilingual).encode([text])[0]


def test_what_follows_a_language_is_text(multilingual: pathlib.Path) -> None:
    vocab = json.loads((multilingual / "vocab.json").read_text())
    tokenizer = loaded(multilingual)
    for rest in (" >>fra<< a cat", ">>spa<<", " >>xyz<< a cat"):
        (ids,) = tokenizer.encode([f">>spa<<{rest}"])
        assert ids[0] == vocab[">>spa<<"]
        assert not {vocab[">>fra<<"], vocab[">>spa<<"]} & set(ids[1:])
        assert [ids] == tokenizer.encode_bodies([rest], target="spa")
    asked, rest = tokenizer.languages.split(" >>spa<< >>fra<< cat", "texts[0]")
    assert (asked, rest) == ("spa", " >>fra<< cat")


def test_bodies_have_no_heads(multilingual: pathlib.Path) -> None:
    vocab = json.loads((multilingual / "vocab.json").read_text())
    tokenizer = loaded(multilingual)
    texts = [">>spa<< cat", ">>xyz<< cat", " >>zho_Hans<< cat", "a cat", ""]
    bodies = tokenizer.encode_bodies(texts, target="fra")
    assert [ids[0] for ids in bodies] == [vocab[">>fra<<"]] * 5
    assert not {vocab[">>spa<<"], vocab[">>zho_Hans<<"]} & {id for ids in bodies for id in ids}
    assert bodies[3:] == tokenizer.encode(texts[3:], target="fra")
    assert tokenizer.encode_bodies([]) == []
    with pytest.raises(ValueError, match="target is xyz, which the model does not have"):
        tokenizer.encode_bodies(texts, target="xyz")


def test_an_unknown_language_names_the_nearest(multilingual: pathlib.Path) -> None:
    problem = r"^encode: texts\[1\] asks for >>spn<<, .*; the nearest of its 3 languages are spa"
    with pytest.raises(ValueError, match=problem):
        loaded(multilingual).encode(["a cat", ">>spn<< a cat"])


def test_a_model_of_one_language_takes_the_signs_for_text(opus: pathlib.Path) -> None:
    tokenizer = loaded(opus)
    (ids,) = tokenizer.encode([">>spa<< cat"])
    # ">>", which no English sentence has, is unknown; the letters are not.
    assert ids[-2:] == tokenizer.encode(["cat"])[0][-2:]
    assert ids.count(UNKNOWN) == 2
    assert len(ids) > 6


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 3, b"cat", ["cat"], np.str_])
def test_what_is_not_a_text_is_named_by_its_index(opus: pathlib.Path, value: Any) -> None:
    problem = rf"encode: texts\[1\] is {type(value).__name__}, expected str"
    with pytest.raises(TypeError, match=problem):
        loaded(opus).encode(["cat", value])


def test_lone_surrogate_is_named_by_its_index(opus: pathlib.Path, multilingual: Any) -> None:
    for path in (opus, multilingual):
        with pytest.raises(
            ValueError, match=r"encode: texts\[2\] has a lone surrogate at char.* 1"
        ):
            loaded(path).encode(["cat", "", "a\ud800"])


@pytest.mark.parametrize("texts", ["cat", b"cat"])
def test_one_text_is_not_a_list_of_its_letters(opus: pathlib.Path, texts: Any) -> None:
    with pytest.raises(TypeError, match="expected a list of str"):
        loaded(opus).encode(texts)


@pytest.mark.parametrize("texts", [("a cat", "a dog"), np.array(["a cat", "a dog"])])
def test_any_sequence_of_texts_will_do(opus: pathlib.Path, texts: Any) -> None:
    assert loaded(opus).encode(texts) == loaded(opus).encode(["a cat", "a dog"])


@pytest.mark.parametrize(
    ("rows", "error", "problem"),
    [
        ([[3], [-1]], ValueError, r"ids\[1\] has a negative id"),
        ([3], TypeError, r"ids\[0\] is 3, expected a list of ids"),
        ([[], ["a"]], TypeError, r"ids\[1\] is \['a'\], expected a list of ids"),
        ([[3.5]], TypeError, r"ids\[0\] is \[3.5\], expected a list of ids"),
    ],
)
def test_what_is_not_ids_is_named_by_its_index(
    opus: pathlib.Path, rows: Any, error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem):
        loaded(opus).decode(rows)


def test_any_integers_are_ids(opus: pathlib.Path) -> None:
    tokenizer = loaded(opus)
    (ids,) = tokenizer.encode(["a cat"])
    assert tokenizer.decode([np.array(ids, np.int32), tuple(ids)]) == ["a cat", "a cat"]


@pytest.mark.parametrize(
    "text", ["\0", "cat\0cat", "▁", "a\u0301", "\u200b", "😀" * 1000, "\t\n\r"]
)
def test_odd_texts_have_ids(opus: pathlib.Path, text: str) -> None:
    (ids,) = loaded(opus).encode([text])
    assert ids[-1] == END
    assert all(0 <= id < loaded(opus).source_vocab for id in ids)


def test_encoding_starts_no_thread_that_stays(opus: pathlib.Path) -> None:
    tokenizer = loaded(opus)
    tokenizer.encode(ENGLISH)
    before = threading.active_count()
    tasks = pathlib.Path("/proc/self/task")
    native = len(list(tasks.iterdir())) if tasks.exists() else 0
    tokenizer.decode(tokenizer.encode(ENGLISH * 100))
    assert threading.active_count() == before
    assert (len(list(tasks.iterdir())) if tasks.exists() else 0) == native


# --- files -------------------------------------------------------------------------------------


def test_a_folder_without_a_tokenizer_has_none(opus: pathlib.Path) -> None:
    for name in ("source.spm", "target.spm", "vocab.json"):
        (opus / name).unlink()
    assert load_tokenizer(opus) is None
    assert tokenizer_files(opus) == {}


@pytest.mark.parametrize("name", ["source.spm", "target.spm", "vocab.json"])
def test_a_part_of_a_tokenizer_is_an_error(opus: pathlib.Path, name: str) -> None:
    (opus / name).unlink()
    with pytest.raises(ModelError, match=f"no {name}, which its tokenizer needs"):
        load_tokenizer(opus)


@pytest.mark.parametrize("name", ["source.spm", "target.spm"])
@pytest.mark.parametrize("content", [b"", b"hello", bytes(1000), b"\xff" * 100])
def test_malformed_model_is_an_error(opus: pathlib.Path, name: str, content: bytes) -> None:
    (opus / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"^{name}: not a SentencePiece model"):
        load_tokenizer(opus)


@pytest.mark.parametrize("name", ["source.spm", "target.spm"])
def test_truncated_model_is_an_error_or_smaller(opus: pathlib.Path, name: str) -> None:
    content = (opus / name).read_bytes()
    for size in np.linspace(0, len(content) - 1, 60, dtype=int):
        (opus / name).write_bytes(content[:size])
        with contextlib.suppress(ModelError):
            tokenizer = loaded(opus)
            tokenizer.decode(tokenizer.encode(ENGLISH))


def test_flipped_bytes_of_a_model_never_crash(opus: pathlib.Path) -> None:
    content = (opus / "source.spm").read_bytes()
    random = np.random.default_rng(7)
    read = 0
    for run in range(300):
        spoiled = bytearray(content)
        # The pieces come first; most of the file are the tables of its normalisation.
        size = 2000 if run % 2 else len(content)
        for place in random.integers(0, size, random.integers(1, 4)):
            spoiled[place] ^= random.integers(1, 256)
        (opus / "source.spm").write_bytes(spoiled)
        try:
            tokenizer = loaded(opus)
        except ModelError:
            continue
        read += 1
        for row in tokenizer.encode(ENGLISH):
            assert all(0 <= id < tokenizer.source_vocab for id in row)
    assert 0 < read < 300


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"</s>": "0"}, "</s> is '0', expected an id"),
        ({"</s>": -1}, "</s> is -1, expected an id"),
        ({"</s>": 1.0}, "</s> is 1.0, expected an id"),
        ({"</s>": False}, "</s> is False, expected an id"),
        ({"</s>": 2**40}, "</s> is 1099511627776, expected an id"),
        ({"</s>": 1}, "</s> and <unk> both have id 1"),
        ({"</s>": None}, "</s> is missing"),
        ({"<unk>": None}, "<unk> is missing"),
        ({"</s>": 1, "<unk>": 0}, "</s> has id 1, config.json's end is 0"),
        ({"x\n": 999}, r"x\\n has id 999, config.json's source vocabulary has \d+ rows"),
    ],
)
def test_vocabulary_that_contradicts_the_model_is_an_error(
    opus: pathlib.Path, changes: dict[str, Any], problem: str
) -> None:
    vocab = json.loads((opus / "vocab.json").read_text()) | changes
    text = json.dumps({piece: id for piece, id in vocab.items() if id is not None})
    (opus / "vocab.json").write_text(text)
    with pytest.raises(ModelError, match=rf"^vocab\.json: {problem}"):
        load_tokenizer(opus)


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1, "a": 2}', "{"])
def test_malformed_vocabulary_is_an_error(opus: pathlib.Path, content: str) -> None:
    (opus / "vocab.json").write_text(content)
    with pytest.raises(ModelError, match=r"^vocab\.json: "):
        load_tokenizer(opus)


# --- native folders ----------------------------------------------------------------------------


def converted(source: pathlib.Path, target: pathlib.Path) -> Tokenizer:
    values = json.loads((source / "config.json").read_text())
    (source / "model.safetensors").write_bytes(made.safetensors(made.tensors(values)))
    files = tokenizer_files(source)
    write_native(target, read_checkpoint(source), tokenizer_files=files)
    return loaded(target)


def test_a_native_folder_has_the_same_tokenizer(opus: pathlib.Path) -> None:
    native = converted(opus, opus / "native")
    tokenizer = loaded(opus)
    assert (opus / "native" / "vocab.json").exists()
    ids = native.encode(ENGLISH)
    assert ids == tokenizer.encode(ENGLISH)
    rows = np.random.default_rng(8).integers(0, tokenizer.target_vocab, (50, 9)).tolist()
    assert native.decode(rows) == tokenizer.decode(rows)


def test_a_vocabulary_that_numbers_as_sentencepiece_does_is_left_out(
    tmp_path: pathlib.Path,
) -> None:
    model = trained(ENGLISH + SPANISH, eos_id=0, unk_id=1)
    vocab = {piece: id for id, piece in enumerate([*pieces(model), "<pad>"])}
    source = folder(tmp_path / "model", model, model, vocab)
    native = converted(source, tmp_path / "native")
    names = {path.name for path in (tmp_path / "native").iterdir()}
    assert names == {"config.json", "model.safetensors", "source.spm"}
    texts = [*ENGLISH, *SPANISH, "\N{SNOWMAN} 7"]
    assert native.encode(texts) == loaded(source).encode(texts)
    assert native.decode([[5, 6, len(vocab) - 1]]) == loaded(source).decode([[5, 6]])


def test_shipped_tokenizer_has_the_models_ids() -> None:
    tokenizer = loaded(SHIPPED)
    config = read_checkpoint(SHIPPED).config
    assert tokenizer.end == config.end
    assert tokenizer.source_vocab <= config.source_vocab
    (ids,) = tokenizer.encode(["You are welcome."])
    assert ids == [47, 72, 3284, 2, 0]
    assert tokenizer.decode([ids]) == ["You are welcome."]


def for_ctranslate2(
    path: pathlib.Path, source: bytes, target: bytes, *, zero_start: bool = True, **config: Any
) -> pathlib.Path:
    """A CTranslate2 folder of a Marian model, which has lost its padding, with a tokenizer."""
    words = [piece for piece in numbered(source, target) if piece != "<pad>"]
    size = len(words)
    model = ctranslate2_folders.checkpoint(
        source_vocab=size, target_vocab=size, zero_start=zero_start
    )
    settings = ctranslate2_folders.CONFIG | {"decoder_start_token": "</s>"} | config
    ctranslate2_folders.folder(path, model, config=settings)
    for role in ("source", "target"):
        (path / f"{role}_vocabulary.json").unlink()
    ctranslate2_folders.write_vocabulary(path / "shared_vocabulary", words)
    (path / "source.spm").write_bytes(source)
    (path / "target.spm").write_bytes(target)
    return path


def test_a_converted_marian_model_is_cut_for_as_before(
    opus: pathlib.Path, tmp_path: pathlib.Path, english: bytes, spanish: bytes
) -> None:
    other = for_ctranslate2(tmp_path / "converted", english, spanish)
    before, after = loaded(opus), loaded(other)
    texts = [*ENGLISH, "", "\N{SNOWMAN} cat"]
    assert after.encode(texts) == before.encode(texts)
    assert after.decode(before.encode(SPANISH)) == before.decode(before.encode(SPANISH))
    assert (after.end, after.source_vocab) == (before.end, before.source_vocab - 1)
    with pyattn.load(other, threads=1) as translator:
        [found, empty] = translator.translate(["the cat", " "], max_new_tokens=3)
    assert isinstance(found, str)
    assert empty == " "


def test_a_model_that_adds_the_end_itself_is_cut_for_with_it(
    tmp_path: pathlib.Path, english: bytes, spanish: bytes
) -> None:
    one = for_ctranslate2(tmp_path / "one", english, spanish, zero_start=False, add_source_eos=True)
    assert loaded(one).encode(["the cat"])[0][-1] == END


def test_whether_other_models_want_an_end_is_not_guessed(
    tmp_path: pathlib.Path, english: bytes, spanish: bytes
) -> None:
    assert (
        load_tokenizer(for_ctranslate2(tmp_path / "one", english, spanish, zero_start=False))
        is None
    )


def test_a_converted_model_has_both_tokenizer_files_or_none(
    tmp_path: pathlib.Path, english: bytes, spanish: bytes
) -> None:
    one = for_ctranslate2(tmp_path / "one", english, spanish)
    (one / "target.spm").unlink()
    with pytest.raises(ModelError, match=r"target\.spm: no such file"):
        load_tokenizer(one)
    (one / "source.spm").unlink()
    assert load_tokenizer(one) is None


@pytest.mark.parametrize("zero_start", [True, False])
def test_a_native_folder_of_a_converted_model_cuts_for_it_as_before(
    tmp_path: pathlib.Path, english: bytes, spanish: bytes, zero_start: bool
) -> None:
    one = for_ctranslate2(
        tmp_path / "one", english, spanish, zero_start=zero_start, add_source_eos=not zero_start
    )
    convert(one, tmp_path / "native")
    names = {path.name for path in (tmp_path / "native").iterdir()}
    assert {"source.spm", "target.spm", "vocab.json"} <= names
    assert "target_vocab.json" not in names
    before, after = loaded(one), loaded(tmp_path / "native")
    texts = [*ENGLISH, "", "\N{SNOWMAN} cat"]
    assert after.encode(texts) == before.encode(texts)
    assert after.decode(before.encode(SPANISH)) == before.decode(before.encode(SPANISH))


def test_a_converted_model_without_a_tokenizer_stays_without(tmp_path: pathlib.Path) -> None:
    ctranslate2_folders.folder(tmp_path / "one", ctranslate2_folders.checkpoint())
    convert(tmp_path / "one", tmp_path / "native")
    assert load_tokenizer(tmp_path / "native") is None
