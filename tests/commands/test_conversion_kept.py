"""What conversion keeps: the types that are stored, to the bit, and the lexical shortlist."""

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import pyattn
from pyattn.checkpoint import Checkpoint
from pyattn.commands import main as cli
from pyattn.commands.conversion import convert
from pyattn.commands.inspection import describe
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint, read_shortlist
from pyattn.files.native import write_native
from pyattn.files.safetensors import read_safetensors
from pyattn.files.shortlist import LexicalShortlist, read_own_shortlist
from pyattn.stored import Tensors
from pyattn.translator import Translator
from support import marian_folders, marian_models, model_folders
from support.paths import GOLDEN

SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"
TEXTS = [*marian_folders.SENTENCES, "the dog", "", "mat mat mat"]
# What is drawn at random would end most targets at once.
LONG: dict[str, Any] = {"min_new_tokens": 6, "max_new_tokens": 12}


@pytest.fixture(scope="module")
def spm() -> bytes:
    return marian_folders.trained()


@pytest.fixture
def student(tmp_path: pathlib.Path, spm: bytes) -> pathlib.Path:
    return marian_folders.firefox(tmp_path / "student", spm)


def assert_same_tensors(one: Checkpoint, other: Checkpoint) -> None:
    """That all are stored alike, but for what is no matrix, which is in float32 then."""
    assert isinstance(one.tensors, Tensors)
    assert isinstance(other.tensors, Tensors)
    assert one.tensors.keys() == other.tensors.keys()
    for name in one.tensors:
        kept, found = one.tensors.stored(name), other.tensors.stored(name)
        if len(kept.shape) == 1 or name.endswith("relative_bias"):
            assert found.dtype == "float32"
            np.testing.assert_array_equal(found.float32(), kept.float32())
            continue
        assert found.dtype == kept.dtype, name
        np.testing.assert_array_equal(found.values, kept.values)
        if kept.scale is not None:
            np.testing.assert_array_equal(found.scale, kept.scale)


def assert_same_results(one: Translator, other: Translator, texts: list[str] = TEXTS) -> None:
    for options in ({"beam_size": 1}, {"beam_size": 4}):
        wanted = one.results(texts, **options, **LONG)
        found = other.results(texts, **options, **LONG)
        assert len({ranked[0].text for ranked in wanted}) > 2
        for mine, theirs in zip(found, wanted, strict=True):
            assert mine[0].text == theirs[0].text
            assert mine[0].tokens == theirs[0].tokens
            np.testing.assert_array_equal(mine[0].token_scores, theirs[0].token_scores)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("marian-untied-gelu-3", "float32"),
        ("marian-float16-swish-64", "float16"),
        ("marian-bfloat16-gelu-64", "bfloat16"),
        ("native-1-int8", "int8"),
        ("native-1-float32", "float32"),
        ("umt5-untied-gated-5", "float32"),
        ("ctranslate2-t5-gated", "float32"),
    ],
)
def test_types_stay_as_they_are_stored(name: str, stored: str, tmp_path: pathlib.Path) -> None:
    assert cli.main(["convert", str(GOLDEN / name), str(tmp_path / "out")]) == 0
    one, other = read_checkpoint(GOLDEN / name), read_checkpoint(tmp_path / "out")
    assert isinstance(other.tensors, Tensors)
    assert other.tensors.stored("decoder.layers.0.feed_forward.down.weight").dtype == stored
    assert (one.config, one.generation) == (other.config, other.generation)
    assert_same_tensors(one, other)


@pytest.mark.parametrize("name", ["marian-float16-swish-64", "marian-bfloat16-gelu-64"])
def test_auto_computes_in_the_same_types_and_bits(name: str, tmp_path: pathlib.Path) -> None:
    convert(GOLDEN / name, tmp_path / "out")
    sources = [[4, 5, 6, 0], [7, 0]]
    with pyattn.load(GOLDEN / name, threads=1) as one, pyattn.load(tmp_path / "out") as other:
        assert one.model.config == other.model.config
        for wanted, found in zip(
            one.model.logits(sources, [[5], [6, 7]]),
            other.model.logits(sources, [[5], [6, 7]]),
            strict=True,
        ):
            np.testing.assert_array_equal(wanted, found)


def test_arrays_are_written_in_float32(tmp_path: pathlib.Path) -> None:
    made = read_checkpoint(GOLDEN / "marian-bfloat16-gelu-64")
    arrays = Checkpoint(made.config, dict(made.tensors), made.generation)
    write_native(str(tmp_path / "out"), arrays)
    tensors = read_safetensors(tmp_path / "out" / "model.safetensors").values()
    assert {tensor.dtype for tensor in tensors} == {"F32"}


@pytest.mark.parametrize("way", ["convert", "save", "model.save"])
def test_every_way_of_writing_keeps_what_is_stored(way: str, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "out"
    if way == "convert":
        convert(SHIPPED, out)
    else:
        with pyattn.load(threads=1) as translator:
            (translator if way == "save" else translator.model).save(out)
    assert_same_tensors(read_checkpoint(SHIPPED), read_checkpoint(out))


@pytest.mark.parametrize(
    "changes", [{"split": False}, {"split": True}, {"suffix": ".gz"}], ids=["one", "two", "gz"]
)
def test_student_is_the_same_in_a_folder_of_ours(
    spm: bytes, changes: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    folder = marian_folders.firefox(tmp_path / "student", spm, **changes)
    assert cli.main(["convert", str(folder), str(tmp_path / "out")]) == 0
    assert_same_tensors(read_checkpoint(folder), read_checkpoint(tmp_path / "out"))
    with pyattn.load(folder, threads=1) as one, pyattn.load(tmp_path / "out", threads=1) as other:
        assert one.model.config == other.model.config
        assert one.model.generation == other.model.generation
        assert one.shortlist is not None
        assert other.shortlist is not None
        for id in range(one.model.config.source_vocab):
            wanted = one.shortlist.candidates([id, 0])
            np.testing.assert_array_equal(other.shortlist.candidates([id, 0]), wanted)
        assert_same_results(one, other)


def test_shortlist_is_of_use_and_can_be_switched_off(
    student: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    convert(student, tmp_path / "out")
    with (
        pyattn.load(tmp_path / "out", threads=1) as with_it,
        pyattn.load(tmp_path / "out", threads=1, shortlist=False) as without,
        pyattn.load(student, threads=1, shortlist=False) as original,
    ):
        assert without.shortlist is None
        assert_same_results(without, original)
        assert with_it.translate(TEXTS, **LONG) != without.translate(TEXTS, **LONG)


def test_shortlist_as_text_is_kept(spm: bytes, tmp_path: pathlib.Path) -> None:
    folder = marian_folders.opus(tmp_path / "opus", spm)
    tokens = [token for token in marian_folders.numbered(spm) if token.isalpha()]
    lines = [f"{b} {a} {n / len(tokens)}" for a in tokens for n, b in enumerate(tokens)]
    (folder / "lex.s2t").write_text("\n".join(lines))
    settings = marian_folders.DECODER | {"shortlist": ["lex.s2t", 5, 3, 0]}
    (folder / "decoder.yml").write_text(marian_models.yaml(settings))
    convert(folder, tmp_path / "out")
    with pyattn.load(folder, threads=1) as one, pyattn.load(tmp_path / "out", threads=1) as other:
        assert one.shortlist is not None
        assert len(one.shortlist.candidates([7])) < 12
        assert_same_results(one, other)


def test_saved_translator_has_the_shortlist_that_it_has(
    student: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for name, wanted in (("with", True), ("without", False)):
        with pyattn.load(student, threads=1, shortlist=wanted) as translator:
            translator.save(tmp_path / name)
            with pyattn.load(tmp_path / name, threads=1) as saved:
                assert (saved.shortlist is not None) == wanted
                assert_same_results(translator, saved)


def test_converted_twice_is_converted_once(student: pathlib.Path, tmp_path: pathlib.Path) -> None:
    convert(student, tmp_path / "first")
    convert(tmp_path / "first", tmp_path / "second")
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert "shortlist.safetensors" in names
    assert names == sorted(path.name for path in (tmp_path / "second").iterdir())
    for name in names:
        one, other = ((tmp_path / which / name).read_bytes() for which in ("first", "second"))
        assert one == other, name


def test_shortlist_that_nothing_translates_with_is_not_kept(
    spm: bytes, tmp_path: pathlib.Path
) -> None:
    class Own:
        def candidates(self, _: Any) -> Any:
            return np.arange(3, dtype=np.int32)

    convert(marian_folders.firefox(tmp_path / "student", spm), tmp_path / "out")
    with pyattn.load(tmp_path / "out", threads=1) as translator:
        translator.shortlist = Own()
        with pytest.raises(ValueError, match="save: the shortlist has no file of its own"):
            translator.save(tmp_path / "saved")


def test_shortlist_is_smaller_than_marians(tmp_path: pathlib.Path) -> None:
    size, random = 3000, np.random.default_rng(1)
    lists = [sorted(random.choice(size, 40, replace=False).tolist()) for _ in range(size)]
    made = marian_models.shortlist(lists)
    begins = np.arange(0, 40 * size + 1, 40)
    ids = np.array(lists).reshape(-1)
    LexicalShortlist(begins, ids, np.arange(3), size, shared=True).write(tmp_path / "own")
    assert (tmp_path / "own").stat().st_size < len(made) * 0.55


def test_ids_above_16_bits_are_kept(tmp_path: pathlib.Path) -> None:
    config = read_checkpoint(GOLDEN / "marian-untied-gelu-3").config
    vocab = {"source_vocab": 2, "target_vocab": 70_001}
    wide = type(config)(**{**vars(config), **vocab, "start": 0, "pad": None})
    begins, ids = np.array([0, 1, 3]), np.array([70_000, 5, 65_536])
    LexicalShortlist(begins, ids, np.array([0]), 70_001, shared=False).write(tmp_path / "own")
    found = read_own_shortlist(tmp_path / "own", wide, shared=False)
    assert found.candidates([1]).tolist() == [0, 5, 65_536]
    assert found.candidates([0, 1]).tolist() == [0, 5, 65_536, 70_000]


def test_inspect_counts_weights_alone(student: pathlib.Path, tmp_path: pathlib.Path) -> None:
    convert(student, tmp_path / "out")
    shown = dict(describe(tmp_path / "out", threads=1))
    assert "U16" not in shown["stored as"]
    assert shown["stored as"].startswith("int8 ")


def spoiled(folder: pathlib.Path, **changes: Any) -> pathlib.Path:
    """The folder with other tensors in its shortlist; None leaves one out."""
    path = folder / "shortlist.safetensors"
    tensors = {**safetensors.numpy.load_file(path), **changes}
    kept = {name: values for name, values in tensors.items() if values is not None}
    path.write_bytes(safetensors.numpy.save(kept))
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"counts": None}, "counts is missing"),
        ({"ids": None}, "ids is missing"),
        ({"always": None}, "always is missing"),
        ({"others": np.zeros(3, np.uint16)}, "others: no such tensors in a model of family"),
        ({"counts": np.zeros(3, np.uint32)}, r"counts is U32 \[3\], expected U16 or U32 \["),
        ({"counts": np.zeros((40, 2), np.uint32)}, "counts is U32 .*, expected U16 or U32"),
        ({"ids": np.zeros(3, np.uint16)}, r"ids is U16 \[3\], expected U16 or U32 \["),
        ({"always": np.zeros(3, np.int32)}, r"always is I32 \[3\], expected U16 or U32 \[3\]"),
        ({"always": np.zeros((1, 1), np.uint16)}, r"always is U16 \[1, 1\], expected"),
        ({"always": np.array([0, 999], np.uint16)}, "always has 999, expected at most "),
        ({"always": np.array([1], np.uint16)}, "always lacks 0, the end"),
        ({"always": np.zeros(0, np.uint16)}, "always lacks 0, the end"),
    ],
)
def test_shortlist_is_not_believed(
    student: pathlib.Path, changes: dict[str, Any], message: str, tmp_path: pathlib.Path
) -> None:
    convert(student, tmp_path / "out")
    with pytest.raises(ModelError, match=rf"^shortlist\.safetensors: {message}"):
        read_shortlist(spoiled(tmp_path / "out", **changes))


def test_ids_and_counts_that_no_model_has_are_refused(
    student: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    convert(student, tmp_path / "out")
    tensors = safetensors.numpy.load_file(tmp_path / "out" / "shortlist.safetensors")
    high = tensors["ids"].copy()
    high[3] = 900
    with pytest.raises(ModelError, match="ids has 900, expected at most"):
        read_shortlist(spoiled(tmp_path / "out", ids=high))
    many = tensors["counts"].copy()
    many[0] = 2**32 - 1
    with pytest.raises(ModelError, match="counts has 4294967295, expected at most"):
        read_shortlist(spoiled(tmp_path / "out", counts=many))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "shortlist is 3, expected an object"),
        ({"shared": True}, "shortlist: file is None, expected the name of a file"),
        ({"file": "../x"}, r"shortlist: file is '\.\./x', expected the name"),
        ({"file": "shortlist.safetensors", "shared": 1}, "shortlist: shared is 1, expected true"),
        ({"file": "shortlist.safetensors", "kind": 1}, "shortlist: kind is not a field"),
        ({"file": "absent"}, "no such file"),
    ],
)
def test_name_of_the_shortlist_is_not_believed(
    student: pathlib.Path, value: Any, message: str, tmp_path: pathlib.Path
) -> None:
    convert(student, tmp_path / "out")
    path = tmp_path / "out" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shortlist": value}))
    with pytest.raises(ModelError, match=message):
        pyattn.load(tmp_path / "out", threads=1)


def test_truncated_shortlist_is_named_and_not_needed_without_it(
    student: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    convert(student, tmp_path / "out")
    path = tmp_path / "out" / "shortlist.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match=r"shortlist\.safetensors: .* truncated"):
        pyattn.load(tmp_path / "out", threads=1)
    pyattn.load(tmp_path / "out", threads=1, shortlist=False).close()


def test_write_native_takes_any_path(tmp_path: pathlib.Path) -> None:
    made = read_checkpoint(GOLDEN / "native-1-int8")
    spm = tmp_path / "spm"
    spm.write_bytes(b"pieces")

    class Place:
        def __fspath__(self) -> str:
            return str(tmp_path / "place")

    places: list[Any] = [str(tmp_path / "text"), tmp_path / "path", Place()]
    for place in places:
        write_native(place, made, tokenizer_files={"source": str(spm), "target": b"more"})
        assert_same_tensors(made, read_checkpoint(place))
        assert (pathlib.Path(place) / "source.spm").read_bytes() == b"pieces"


def test_arguments_of_another_type_or_order_are_named(tmp_path: pathlib.Path) -> None:
    made = read_checkpoint(GOLDEN / "native-1-int8")
    write: Any = write_native
    where = str(tmp_path / "out")
    message = "write_native: folder is Checkpoint, expected a path"
    with pytest.raises(TypeError, match=message):
        write(made, where)
    for wrong, name in ((where, "str"), (None, "NoneType"), (dict(made.tensors), "dict")):
        message = f"write_native: checkpoint is {name}, expected a Checkpoint, behind the folder"
        with pytest.raises(TypeError, match=message):
            write(where, wrong)
    for place in (3, None, b"out"):
        with pytest.raises(TypeError, match=r"write_native: folder is \w+, expected a path"):
            write(place, made)
    with pytest.raises(TypeError, match="tokenizer_files is str, expected a mapping of roles"):
        write(where, made, tokenizer_files="source.spm")
    with pytest.raises(TypeError, match=r"tokenizer_files\['source'\] is int, expected a path"):
        write(where, made, tokenizer_files={"source": 3})
    with pytest.raises(ValueError, match="tokenizer_files has 'spm', expected source, target"):
        write(where, made, tokenizer_files={"spm": b""})
    with pytest.raises(TypeError, match="shortlist is list, expected a LexicalShortlist"):
        write(where, made, shortlist=[])
    lists = LexicalShortlist(np.zeros(4, int), np.zeros(0, int), np.zeros(1, int), 9, shared=True)
    with pytest.raises(ValueError, match="shortlist is of 3 source ids and 9 target ids, the"):
        write(where, made, shortlist=lists)
    assert not [*tmp_path.iterdir()]


def test_original_may_go_once_it_is_converted(
    student: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pyattn.load(student, threads=1) as translator:
        wanted = translator.translate(TEXTS, **LONG)
    convert(student, tmp_path / "out")
    shutil.rmtree(student)
    with pyattn.load(tmp_path / "out", threads=1) as translator:
        assert translator.translate(TEXTS, **LONG) == wanted


def test_model_without_a_shortlist_has_none(tmp_path: pathlib.Path) -> None:
    values = model_folders.config()
    folder = model_folders.folder(tmp_path / "model", values, model_folders.tensors(values))
    convert(folder, tmp_path / "out")
    assert read_shortlist(tmp_path / "out") is None
    assert "shortlist" not in json.loads((tmp_path / "out" / "config.json").read_text())
