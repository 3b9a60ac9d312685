"""A model's files are opened once, whatever reads them."""

import ast
import collections
import json
import pathlib
import zipfile
from collections.abc import Callable

import pytest

import pyattn
import pyattn.compat.ctranslate2 as ctranslate2_face
from pyattn.commands.conversion import convert
from support import ctranslate2_folders, marian_folders, model_folders
from support.lanes import but_slow
from support.paths import GOLDEN
from support.processes import output
from support.tokenizer_folders import golden_folder

# Counts the files that are opened. An archive that is unpacked is written elsewhere, so files of
# other folders count by their names.
COUNTED = """
import contextlib, json, os, sys

opened = []

def note(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        opened.append((os.fsdecode(arguments[0]), arguments[1]))

action, model, out = sys.argv[1:]
import pyattn
import pyattn.compat.ctranslate2
from pyattn.commands.conversion import convert
from pyattn.commands.inspection import describe
from pyattn.text.tokenizers import NoTokenizer, load_tokenizer

actions = {
    "load": lambda: pyattn.load(model, threads=1).close(),
    "inspect": lambda: describe(model, threads=1),
    "convert": lambda: convert(model, out),
    "compat": lambda: pyattn.compat.ctranslate2.Translator(model, intra_threads=1),
    "tokenizer": lambda: load_tokenizer(model),
}
sys.addaudithook(note)
with contextlib.suppress(NoTokenizer):  # which a folder of our own cannot hold
    actions[action]()
print(json.dumps(opened))
"""

SPM = marian_folders.trained()
PIECES = marian_folders.pieces(SPM)


def own(path: pathlib.Path) -> pathlib.Path:
    """A folder of our own layout, with a shortlist."""
    convert(firefox(path / "firefox"), path / "own")
    return path / "own"


def huggingface(path: pathlib.Path) -> pathlib.Path:
    values = model_folders.config(vocab_size=len(PIECES))
    values |= dict.fromkeys(("decoder_start_token_id", "pad_token_id"), 0)
    model_folders.folder(path, values, model_folders.tensors(values))
    files = {
        "generation_config.json": {"max_length": 9, "eos_token_id": 0},
        "tokenizer_config.json": {"source_lang": "eng", "target_lang": "spa"},
        "vocab.json": {piece: id for id, piece in enumerate(PIECES)},
    }
    for name, content in files.items():
        (path / name).write_text(json.dumps(content))
    for name in ("source.spm", "target.spm"):
        (path / name).write_bytes(SPM)
    return path


def ctranslate2(path: pathlib.Path) -> pathlib.Path:
    rows = len(PIECES)
    checkpoint = ctranslate2_folders.checkpoint(
        source_vocab=rows, target_vocab=rows, start=0, end=0, unk=1, zero_start=True
    )
    config = ctranslate2_folders.CONFIG | {"decoder_start_token": "</s>"}
    ctranslate2_folders.folder(path, checkpoint, config=config)
    for role in ("source", "target"):
        ctranslate2_folders.write_vocabulary(path / f"{role}_vocabulary", PIECES)
        (path / f"{role}.spm").write_bytes(SPM)
    (path / "vmap.txt").write_text("")
    return path


def firefox(path: pathlib.Path) -> pathlib.Path:
    return marian_folders.firefox(path, SPM)


def bare(path: pathlib.Path) -> pathlib.Path:
    (model,) = firefox(path).glob("model.*.bin")
    return model


def opus(path: pathlib.Path) -> pathlib.Path:
    return marian_folders.opus(path, SPM)


def argos(path: pathlib.Path) -> pathlib.Path:
    folder = ctranslate2(path / "made")
    with zipfile.ZipFile(path / "en_es.argosmodel", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("en_es/metadata.json", json.dumps({"from_code": "en", "to_code": "es"}))
        archive.writestr("en_es/sentencepiece.model", SPM)
        for file in folder.iterdir():
            archive.write(file, f"en_es/model/{file.name}")
    return path / "en_es.argosmodel"


def textbook(_: pathlib.Path) -> pathlib.Path:
    return GOLDEN / "textbook" / "model.chkpt"


LAYOUTS: list[Callable[[pathlib.Path], pathlib.Path]] = [
    own, huggingface, ctranslate2, firefox, bare, opus, argos, textbook,
]  # fmt: skip


def opens(action: str, model: pathlib.Path, out: pathlib.Path) -> dict[str, int]:
    """How often each file of the model was opened for reading, by name."""
    found = json.loads(output(COUNTED, action, str(model), str(out)))
    folders = {model, model.parent}
    counts: collections.Counter[str] = collections.Counter()
    for name, mode in found:
        path = pathlib.Path(name)
        # An unpacked archive lies in a folder of the system's.
        unpacked = any(part.startswith("pyattn-") for part in path.parts[:-1])
        if path.parent in folders or (unpacked and mode != "w"):
            counts[path.name] += 1
    return counts


@pytest.mark.parametrize("action", but_slow(["load", "inspect", "convert"], "inspect", "convert"))
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_file_is_opened_once(
    layout: Callable[[pathlib.Path], pathlib.Path], action: str, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "model").mkdir()
    model = layout(tmp_path / "model")
    counts = opens(action, model, tmp_path / "out")
    assert counts
    for name, count in counts.items():
        # The first bytes of a .bin show whose it is; a tokenizer's files are checked, then copied.
        looks = name.endswith(".bin")
        copies = action == "convert" and layout in (own, huggingface)
        copied = copies and name.endswith((".spm", "vocab.json"))
        assert count <= 1 + looks + copied, f"{name} is opened {count} times"


@pytest.mark.parametrize("layout", [ctranslate2, argos], ids=lambda layout: layout.__name__)
def test_face_of_ctranslate2_opens_every_file_once(
    layout: Callable[[pathlib.Path], pathlib.Path], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "model").mkdir()
    counts = opens("compat", layout(tmp_path / "model"), tmp_path)
    assert counts["config.json"] == counts["vmap.txt"] == 1
    assert {name for name, count in counts.items() if count > 1} <= {"model.bin"}
    assert counts["model.bin"] <= 2


@pytest.mark.parametrize("name", ["m2m-pieces", "nllb-json", "byt5", "bart-merges"])
def test_every_file_of_a_tokenizer_is_opened_once(name: str, tmp_path: pathlib.Path) -> None:
    counts = opens("tokenizer", golden_folder(tmp_path, name), tmp_path)
    assert {"config.json"} < counts.keys()
    assert set(counts.values()) == {1}


def test_layout_is_decided_in_one_place() -> None:
    decides = {"is_argos", "is_textbook", "find_models", "is_ctranslate2", "is_native"}
    package = pathlib.Path(pyattn.__file__).parent
    callers = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in decides
    }
    assert callers == {"files/opened.py"}


def test_face_of_ctranslate2_needs_lists_of_tokens(tmp_path: pathlib.Path) -> None:
    problem = r"its layout has no lists of tokens, expected a model of CTranslate2's"
    with pytest.raises(RuntimeError, match=problem):
        ctranslate2_face.Translator(firefox(tmp_path))


def test_archive_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    # Its unpacked files are deleted, and stay readable as they are mapped.
    code = """
    import pathlib, sys, tempfile
    import pyattn

    with pyattn.load(sys.argv[1], threads=1) as translator:
        print(list(pathlib.Path(tempfile.gettempdir()).iterdir()), end="")
        assert translator.model.generate([[3, 0]], max_new_tokens=2)
    """
    (tmp_path / "model").mkdir()
    (tmp_path / "system").mkdir()
    model = argos(tmp_path / "model")
    assert output(code, str(model), TMPDIR=str(tmp_path / "system")) == b"[]"
