"""Names and things that come from other programs, and what is said of them."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import _foreign as foreign
from pyattn.commands import main as cli
from pyattn.commands.conversion import convert
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from pyattn.options import GenerationOptions
from pyattn.translator import Translator

# What stands for an option in the documentation of others, and ours.
OPTIONS = {
    "num_beams": "beam_size",
    "max_length": "max_new_tokens",
    "num_return_sequences": "num_hypotheses",
    "bad_words_ids": "suppress_sequences",
    "forced_bos_token_id": "forced_bos_token",
    "max_decoding_length": "max_new_tokens",
    "sampling_topk": "top_k",
    "return_scores": "scores",
    "beam": "beam_size",
    "beams": "beam_size",
    "nbest": "num_hypotheses",
    "lenpen": "length_penalty",
    "max_len_b": "max_new_tokens",
    "max_tokens": "max_new_tokens",
    "max-length-factor": "max_length_factor",
    "block_ngram_repeat": "no_repeat_ngram_size",
    "src_lang": "source",
    "tgt_lang": "target",
    # Misspelt, in ours and in theirs.
    "beamsize": "beam_size",
    "Beam_Size": "beam_size",
    "num_hypothesis": "num_hypotheses",
    "lengthpenalty": "length_penalty",
    "max_new_token": "max_new_tokens",
    "max_lengths": "max_new_tokens",
    "num_beam": "beam_size",
    "earlystopping": "early_stopping",
    "progressbar": "progress",
}


@pytest.fixture(scope="module")
def translator() -> Iterator[Translator]:
    with pyattn.load(threads=1) as loaded:
        yield loaded


def calls(translator: Translator) -> list[Callable[..., object]]:
    """Everything that takes decoding options."""
    texts, model = ["I am hungry."], translator.model
    return [
        lambda **options: translator.translate(texts, **options),
        lambda **options: translator.translate(texts[0], **options),
        lambda **options: translator.results(texts, **options),
        lambda **options: translator.stream(texts, **options),
        lambda **options: model.generate([[5, 0]], **options),
        lambda **options: model.submit([[5, 0]], **options),
        lambda **options: model.generate_stream([5, 0], **options),
        lambda **options: GenerationOptions().replace(**options),
        GenerationOptions,
    ]


@pytest.mark.parametrize(("name", "meant"), OPTIONS.items())
def test_foreign_or_misspelt_option_gets_the_right_name(name: str, meant: str) -> None:
    with pytest.raises(TypeError) as error:
        GenerationOptions().replace(**{name: 4})
    assert str(error.value) == f"unknown option {name!r}: did you mean {meant!r}?"


def test_every_call_with_options_says_so(translator: Translator) -> None:
    for call in calls(translator):
        with pytest.raises(TypeError, match="unknown option 'num_beams': did you mean 'beam_size'"):
            call(num_beams=4)


def test_what_has_no_counterpart_says_what_there_is(translator: Translator) -> None:
    for call in calls(translator):
        with pytest.raises(TypeError, match="unknown option 'device': pyattn runs on CPUs, and"):
            call(device="cuda")
    for name, problem in (
        ("threads", "use threads of pyattn.load"),
        ("batch_size", "texts of all calls share batches; pyattn.load has batch_rows and"),
        ("num_beam_groups", "pyattn has no such setting"),
    ):
        with pytest.raises(TypeError, match=f"unknown option '{name}': {problem}"):
            translator.translate("a", **{name: 3})


def test_option_like_no_other_is_short_of_a_list() -> None:
    with pytest.raises(TypeError) as error:
        GenerationOptions().replace(colour="red")
    assert str(error.value) == "unknown option 'colour', and none has a similar name"


def test_arguments_of_a_translator_are_none_of_a_model(translator: Translator) -> None:
    with pytest.raises(TypeError, match="unknown option 'target': only methods of pyattn"):
        translator.model.generate([[5, 0]], target="es")


def test_names_lead_to_what_there_is() -> None:
    fields = set(GenerationOptions.__dataclass_fields__)
    others = {"on_token", "progress", "source", "target", "truncate"}
    assert set(foreign._OPTIONS.values()) <= fields | others
    assert not foreign._OPTIONS.keys() & fields
    assert not foreign._REMARKS.keys() & (fields | foreign._OPTIONS.keys())
    settings = {"path", "dtype", "threads", "shortlist", "batch_rows", "batch_tokens"}
    settings |= {"revision", "token", "cache_dir", "local_files_only", "endpoint"}
    assert set(foreign._SETTINGS.values()) == settings
    assert not foreign._SETTING_REMARKS.keys() & foreign._SETTINGS.keys()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("device", "pyattn runs on CPUs, and needs no such option"),
        ("device_map", "pyattn runs on CPUs, and needs no such option"),
        ("compute_type", "did you mean 'dtype'?"),
        ("torch_dtype", "did you mean 'dtype'?"),
        ("num_threads", "did you mean 'threads'?"),
        ("inter_threads", "did you mean 'threads'?"),
        ("intra_threads", "did you mean 'threads'?"),
        ("model_name_or_path", "did you mean 'path'?"),
        ("model_path", "did you mean 'path'?"),
        ("thread", "did you mean 'threads'?"),
        ("use_auth_token", "did you mean 'token'?"),
        ("download_root", "did you mean 'cache_dir'?"),
        ("offline", "did you mean 'local_files_only'?"),
        (
            "force_download",
            "`pyattn download NAME --update` looks for what is newer than the cache",
        ),
        ("batch_token", "did you mean 'batch_tokens'?"),
    ],
)
def test_foreign_setting_of_load_gets_the_right_name(name: str, problem: str) -> None:
    with pytest.raises(TypeError) as error:
        pyattn.load(**{name: "cuda"})
    assert str(error.value) == f"load: unknown option {name!r}: {problem}"


def test_mapping_of_texts_is_refused(translator: Translator) -> None:
    texts = {"title": "I am hungry."}
    for method in (translator.translate, translator.results, translator.stream):
        with pytest.raises(TypeError, match=r"texts is dict, .* list\(texts\.values\(\)\)"):
            method(texts)
        method(texts.values())


@pytest.mark.parametrize("name", ["Helsinki-NLP/opus-mt-en-es", "en-es", "./absent", "a/b/c"])
def test_name_that_is_no_path_says_what_would_be(name: str, tmp_path: pathlib.Path) -> None:
    message = (
        f"{pathlib.Path(name)}: no such folder or file, expected the folder of a model, with its "
        "config.json and weights, or the file of one of Marian's"
    )
    if name.count("/") == 1 and not name.startswith("."):
        message += "; pyattn.load also takes names of models"
    for use in (read_checkpoint, lambda name: convert(name, tmp_path / "out")):
        with pytest.raises(ModelError) as error:
            use(name)
        assert str(error.value) == message


def test_empty_path_is_not_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    convert(pathlib.Path(pyattn.__file__).parent / "models" / "en-es", tmp_path / "model")
    monkeypatch.chdir(tmp_path / "model")
    pyattn.load(".", threads=1).close()
    for use in (pyattn.load, read_checkpoint):
        with pytest.raises(ModelError, match="'': no path, expected the folder of a model"):
            use("")
    assert cli.main(["translate", "--model", "", "one"]) == 1
    assert "'': no path" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [3, b"folder", ["folder"], {"path": "folder"}])
def test_what_is_no_path_is_named(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"model: path is \w+, expected a str or os.PathLike"):
        pyattn.load(wrong)


class Listed:
    """As PyTorch's tensors: neither a list nor an array, but knows how to be one."""

    def __init__(self, values: Any) -> None:
        self._values = np.array(values)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: int) -> Any:
        value = self._values[place]
        return type(self)(value) if value.ndim else value

    def tolist(self) -> Any:
        return self._values.tolist()


class Arrayed:
    """As those of libraries that only give arrays."""

    def __init__(self, values: Any) -> None:
        self._values = np.array(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._values.astype(dtype or self._values.dtype)


@pytest.mark.parametrize("kind", [Listed, Arrayed])
def test_tensors_of_others_are_taken_as_lists_are(kind: Any, translator: Translator) -> None:
    model = translator.model
    sources, targets = [[20, 30, 40, 0], [7, 9, 11, 0]], [[5, 6], [8, 9]]
    wanted = [ranked[0].tokens for ranked in model.generate(sources, max_new_tokens=9)]
    rows = [kind(row) for row in sources]
    for given in (rows, tuple(rows), kind(sources)):
        found = model.generate(given, max_new_tokens=9)
        assert [ranked[0].tokens for ranked in found] == wanted
    for method in (model.logits, model.score, model.align):
        for one, other in zip(method(sources, targets), method(rows, kind(targets)), strict=True):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(model.encode(sources), model.encode(kind(sources)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [*model.generate_stream(kind(sources[0]))] == [*model.generate_stream(sources[0])]


@pytest.mark.parametrize("kind", [Listed, Arrayed])
@pytest.mark.parametrize("values", [[1.5, 2.0], 3, [[[1, 2]]], ["a"]])
def test_tensors_that_are_no_ids_are_refused(
    kind: Any, values: Any, translator: Translator
) -> None:
    with pytest.raises(TypeError, match="generate: source 0 is not a list of ids"):
        translator.model.generate([kind(values)])
