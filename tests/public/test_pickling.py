"""Translators and models that are pickled, copied and described."""

import concurrent.futures
import copy
import multiprocessing
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn.commands.conversion import convert
from pyattn.errors import ModelError
from pyattn.model import Model
from pyattn.results import Hypothesis
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.translator import Translator
from support import marian_folders, model_folders
from support.inputs import checkpoint

TEXTS = ["I am hungry.", "", "Where is the station? It is late."]


def again(thing: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(thing, protocol))


@pytest.fixture
def translator() -> Any:
    with pyattn.load(threads=1) as loaded:
        yield loaded


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_unpickled_translator_translates_as_the_first(
    translator: Translator, protocol: int
) -> None:
    with again(translator, protocol) as other:
        assert other.model is not translator.model
        assert other.model.config == translator.model.config
        for one, two in zip(translator.results(TEXTS), other.results(TEXTS), strict=True):
            assert one[0].text == two[0].text
            np.testing.assert_array_equal(one[0].token_scores, two[0].token_scores)


def test_unpickled_model_generates_as_the_first(translator: Translator) -> None:
    ids = translator.tokenizer.encode(TEXTS[:1])
    with again(translator.model) as other:
        [[one]], [[two]] = translator.model.generate(ids), other.generate(ids)
        assert one.tokens == two.tokens
        np.testing.assert_array_equal(one.token_scores, two.token_scores)


@pytest.mark.parametrize("make", [copy.deepcopy, again])
def test_copies_outlive_the_first(translator: Translator, make: Any) -> None:
    wanted = translator.translate(TEXTS)
    other = make(translator)
    translator.close()
    assert other.translate(TEXTS) == wanted
    other.close()


def test_shallow_copy_shares_the_model(translator: Translator) -> None:
    other = copy.copy(translator)
    assert other.model is translator.model
    assert other.translate(TEXTS) == translator.translate(TEXTS)


def test_model_and_translator_that_go_together_stay_together(translator: Translator) -> None:
    model, other, same = again((translator.model, translator, translator))
    assert other is same
    assert other.model is model


def test_pickle_holds_no_weights_and_no_path_of_the_shipped_model(translator: Translator) -> None:
    content = pickle.dumps(translator)
    assert len(content) < 4000
    assert os.fsencode(SHIPPED_MODEL) not in content


def test_settings_are_as_they_were(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = marian_folders.firefox(tmp_path / "student", marian_folders.trained())
    monkeypatch.chdir(tmp_path)
    settings: dict[str, Any] = {
        "dtype": {"*": "float32", "*.down": "bfloat16"}, "threads": 2, "batch_rows": 7,
        "batch_tokens": 99, "cache_bytes": 1 << 20,
    }  # fmt: skip
    with pyattn.load("student", **settings) as one:
        one.model.generation = one.model.generation.replace(beam_size=3)
        content = pickle.dumps(one)
        monkeypatch.chdir("/")
        with pickle.loads(content) as other:
            assert other.model.config == one.model.config
            assert other.model.config.other_dtypes
            assert other.model.threads == 2
            assert other.model.generation == one.model.generation
            assert other.model.origin == one.model.origin
            assert other.model.origin.path == str(folder)
            assert other.shortlist is not None
    with pyattn.load(folder, threads=1, shortlist=False) as one, again(one) as other:
        assert other.shortlist is None


def test_converted_model_keeps_its_shortlist(tmp_path: pathlib.Path) -> None:
    student = marian_folders.firefox(tmp_path / "student", marian_folders.trained())
    convert(student, tmp_path / "out")
    with pyattn.load(tmp_path / "out", threads=1) as one, again(one) as other:
        assert other.translate(["the dog"]) == one.translate(["the dog"])
        np.testing.assert_array_equal(
            one.shortlist.candidates([3]),  # type: ignore[union-attr]
            other.shortlist.candidates([3]),
        )


def test_model_without_a_tokenizer_is_pickled_too(tmp_path: pathlib.Path) -> None:
    values = model_folders.config()
    folder = model_folders.folder(tmp_path / "model", values, model_folders.tensors(values))
    with pyattn.load(folder, threads=1) as one, again(one) as other:
        with pytest.raises(ModelError, match="this model has no tokenizer"):
            other.translate("a")
        assert (
            other.model.generate([[3, 0]])[0][0].tokens == one.model.generate([[3, 0]])[0][0].tokens
        )


def test_path_that_is_gone_is_named(tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(SHIPPED_MODEL, tmp_path / "model")
    with pyattn.load(folder, threads=1) as translator:
        content = pickle.dumps(translator)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="model: no such folder"):
        pickle.loads(content)


@pytest.mark.parametrize("make", [pickle.dumps, copy.copy, copy.deepcopy])
def test_what_no_path_leads_to_says_why(make: Any, translator: Translator) -> None:
    with Model(checkpoint("post"), threads=1) as model:
        with pytest.raises(TypeError, match="pickle: the model was not made by "):
            make(model)
        with pytest.raises(TypeError, match="pickle: the translator was not made"):
            make(Translator(model, None))
    with pytest.raises(TypeError, match="pickle: the translator was not made"):
        make(Translator(translator.model, translator.tokenizer))

    class Own:
        def candidates(self, _: Any) -> Any:
            return np.arange(3, dtype=np.int32)

    translator.shortlist = Own()
    with pytest.raises(TypeError, match="the translator's shortlist was not read from its files"):
        make(translator)


def test_closed_ones_are_refused(translator: Translator) -> None:
    translator.close()
    for thing in (translator, translator.model):
        with pytest.raises(TypeError, match="pickle: the model is closed"):
            pickle.dumps(thing)


def test_results_and_options_can_be_pickled(translator: Translator) -> None:
    [[found]] = translator.results(["I am hungry."])
    other = again(found)
    assert (other.text, other.tokens, other.score) == (found.text, found.tokens, found.score)
    np.testing.assert_array_equal(other.token_scores, found.token_scores)
    [[plain]] = translator.model.generate([[20, 0]])
    assert isinstance(again(plain), Hypothesis)
    for thing in (translator.model.generation, translator.model.config, ModelError("a: b")):
        assert repr(again(thing)) == repr(thing)


def test_spawned_workers_take_translators(translator: Translator) -> None:
    wanted = translator.translate(TEXTS)
    # A pool of multiprocessing would replace a worker that fails at this, again and again.
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, spawn) as pool:
        found = pool.map(Translator.translate, [translator] * 2, [TEXTS] * 2)
        assert list(found) == [wanted] * 2


def test_pickle_of_one_process_is_that_of_another(tmp_path: pathlib.Path) -> None:
    code = """
        import pickle, sys, pyattn
        with pyattn.load(threads=1) as translator:
            sys.stdout.buffer.write(pickle.dumps(translator))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=240,
    )
    with pickle.loads(run.stdout) as other, pyattn.load(threads=1) as one:
        assert other.translate(TEXTS) == one.translate(TEXTS)


def test_description_says_what_a_model_is(translator: Translator) -> None:
    isa = translator.model.config.isa
    dtype = translator.model.config.dtype
    model = f"marian, 6+3 layers, dim 256, vocabulary 8,768, {dtype} on {isa}, threads 1"
    assert repr(translator) == f"<pyattn.Translator {model}, {str(SHIPPED_MODEL)!r}>"
    assert repr(translator.model) == f"<pyattn.Model {model}, {str(SHIPPED_MODEL)!r}>"
    translator.close()
    closed = model.replace("threads 1", "closed")
    assert repr(translator) == f"<pyattn.Translator {closed}, {str(SHIPPED_MODEL)!r}>"


def test_descriptions_of_what_is_under_way_count_it(translator: Translator) -> None:
    pending = translator.submit(["I am hungry.", "Thank you."])
    pending.texts()
    assert repr(pending) == "<pyattn.PendingTranslations of 2 texts, done>"
    search = translator.model.submit(translator.tokenizer.encode(["I am hungry."]))
    search.results()
    assert repr(search) == "<pyattn.PendingSearch 1 of 1 sentences done>"
    packed = pyattn.ops.pack(np.ones((3, 5), np.float32), dtype="int8")
    assert repr(packed) == f"<pyattn.PackedLinear [3, 5] int8, {pyattn.cpu_info().isa}>"


def test_description_of_a_model_of_arrays_is_one_line(tmp_path: pathlib.Path) -> None:
    with Model(checkpoint("odd"), dtype={"*": "float32", "*.down": "bfloat16"}, threads=2) as model:
        config = model.config
        assert repr(model) == (
            f"<pyattn.Model {config.family}, {config.encoder_layers}+{config.decoder_layers} "
            f"layers, dim {config.dim}, vocabularies {config.source_vocab} and "
            f"{config.target_vocab}, mostly float32 on {config.isa}, threads 2>"
        )
        assert repr(Translator(model, None)).startswith("<pyattn.Translator ")
    folder = tmp_path / "two\nlines"
    shutil.copytree(SHIPPED_MODEL, folder)
    with pyattn.load(folder, threads=1) as translator:
        assert "\n" not in repr(translator)
