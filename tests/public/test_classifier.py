"""Scores of texts and pairs: those of transformers' heads, whatever else is computed with them."""

import functools
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
from pyattn import Classifier, Embedder, ModelError, _core
from pyattn.commands.conversion import convert
from pyattn.embedding.heads import SCORES
from pyattn.files.safetensors import Entry, read_safetensors, write_safetensors
from support.lanes import each_on_each
from support.paths import GOLDEN

FOLDERS = GOLDEN / "classifiers"
CLASSIFIERS = sorted(path.name for path in FOLDERS.iterdir() if path.is_dir())
TEXTS: list[Any] = json.loads((FOLDERS / "texts.json").read_text())
# Of float32 sums in another order, on logits of size 1.
CLOSE = 1e-4
# Some of the texts are too long.
pytestmark = pytest.mark.filterwarnings("ignore:.*were cut:UserWarning")

Floats = npt.NDArray[np.float32]


def golden(name: str, key: str) -> list[Any]:
    """What transformers makes of each text."""
    return [answer[key] for answer in json.loads((FOLDERS / name / "golden.json").read_text())]


def changed(to: pathlib.Path, name: str, **fields: Any) -> pathlib.Path:
    """A golden folder with other fields in its config.json; None removes one."""
    folder = to / name
    shutil.copytree(FOLDERS / name, folder)
    values = json.loads((folder / "config.json").read_text()) | fields
    kept = {key: value for key, value in values.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))
    return folder


def rewritten(folder: pathlib.Path, **tensors: Floats | None) -> None:
    """Replaces tensors of a folder, or removes them, by the last words of their names."""
    file = folder / "model.safetensors"
    kept: dict[str, Floats] = {}
    for name, tensor in read_safetensors(file).items():
        ends = [key for key in tensors if name.endswith(key.replace("__", "."))]
        values = tensors[ends[0]] if ends else tensor.float32().copy()
        if values is not None:
            kept[name] = values
    file.unlink()
    write_safetensors(
        file,
        {
            name: Entry(dtype="F32", shape=values.shape, values=functools.partial(_same, values))
            for name, values in kept.items()
        },
    )


def _same(values: Floats) -> Floats:
    return values


@pytest.mark.parametrize(("name", "isa"), each_on_each(CLASSIFIERS, _core.isas()))
def test_logits_are_those_of_transformers(name: str, isa: str) -> None:
    with Classifier(FOLDERS / name, dtype="float32", isa=isa, threads=2) as classifier:
        found = classifier.scores(TEXTS, activation="identity")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, golden(name, "logits"), rtol=0, atol=CLOSE)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_ids_are_those_of_transformers_also_where_pairs_are_cut(name: str) -> None:
    with Classifier(FOLDERS / name) as classifier:
        found = [classifier.tokenizer.encode(text).ids for text in TEXTS]
    assert found == golden(name, "ids")
    assert max(map(len, found)) == 16


@pytest.mark.parametrize(
    ("settings", "types", "first"),
    [
        ({}, [0, 0, 0, 1, 1, 1], "the"),
        ({"tokenizer_class": "TokenizersBackend"}, [0] * 6, "the"),
        ({"model_input_names": ["input_ids", "attention_mask"]}, [0] * 6, "the"),
        (
            {
                "model_input_names": ["input_ids", "token_type_ids"],
                "tokenizer_class": "TokenizersBackend",
                "truncation_side": "left",
            },
            [0, 0, 0, 1, 1, 1],
            "sat",
        ),
    ],
)
def test_types_and_the_side_that_is_cut_are_those_of_the_tokenizer_s_config(
    settings: dict[str, Any], types: list[int], first: str, tmp_path: pathlib.Path
) -> None:
    folder = changed(tmp_path, "bert")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"model_max_length": 6}))
    ids = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    with Classifier(folder) as classifier:
        assert classifier.tokenizer.encode(("a", "cat sat")).types == types
        assert classifier.tokenizer.encode("the cat sat on a mat").ids[1] == ids[first]


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("bert", "softmax"),
        ("bert-reranker", "sigmoid"),
        ("camembert-many", "sigmoid"),
        ("xlm-roberta-reranker", "identity"),
    ],
)
def test_scores_are_what_the_files_ask_for(name: str, function: str) -> None:
    logits = np.array(golden(name, "logits"))
    wanted = {
        "identity": logits,
        "sigmoid": 1 / (1 + np.exp(-logits)),
        "softmax": np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True),
    }[function]
    with Classifier(FOLDERS / name, dtype="float32") as classifier:
        assert classifier.activation == function
        np.testing.assert_allclose(classifier.scores(TEXTS), wanted, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(
    ("name", "fields", "function"),
    [
        ("bert-reranker", {"problem_type": "regression"}, "identity"),
        ("bert", {"problem_type": "multi_label_classification"}, "sigmoid"),
        ("bert", {"problem_type": "single_label_classification"}, "softmax"),
        (
            "bert-reranker",
            {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}},
            "identity",
        ),
        ("bert", {"sbert_ce_default_activation_function": "torch.nn.Sigmoid"}, "sigmoid"),
    ],
)
def test_function_of_scores_comes_from_the_config(
    name: str, fields: dict[str, Any], function: str, tmp_path: pathlib.Path
) -> None:
    with Classifier(changed(tmp_path, name, **fields)) as classifier:
        assert classifier.activation == function


def test_functions_keep_small_scores_and_do_not_overflow() -> None:
    logits = np.array([[-80, 90, 0]], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sigmoid, softmax = (SCORES[name](logits) for name in ("sigmoid", "softmax"))
    np.testing.assert_allclose(sigmoid, [[np.exp(-80), 1, 0.5]], rtol=1e-5)
    np.testing.assert_allclose(softmax, [[0, 1, np.exp(-90)]], rtol=1e-5, atol=1e-38)
    assert sigmoid.dtype == softmax.dtype == np.float32


def test_labels_have_the_names_of_the_config(tmp_path: pathlib.Path) -> None:
    with Classifier(FOLDERS / "bert") as named, Classifier(FOLDERS / "mpnet") as numbered:
        assert named.labels == ("bad", "middling", "good")
        assert numbered.labels == ("LABEL_0", "LABEL_1")
    for fields in ({"id2label": None}, {"id2label": None, "num_labels": 3}):
        folder = changed(tmp_path / str(len(fields)), "bert", **fields)
        with Classifier(folder) as counted:
            assert counted.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_bits_do_not_depend_on_other_texts_or_threads() -> None:
    folder = FOLDERS / "electra"
    with Classifier(folder, threads=1) as one, Classifier(folder, threads=2) as two:
        together = one.scores(TEXTS)
        assert two.scores(TEXTS).tobytes() == together.tobytes()
        for n, text in enumerate(TEXTS):
            assert one.scores([text]).tobytes() == together[n].tobytes()


def test_one_text_is_one_row_and_none_are_none() -> None:
    with Classifier(FOLDERS / "bert") as classifier:
        assert classifier.scores("a cat").shape == (3,)
        assert classifier.scores([]).shape == (0, 3)
        assert classifier.scores(tuple(text) for text in TEXTS[4:6]).shape == (2, 3)


def test_documents_are_ranked_best_first() -> None:
    query, documents = "where is the cat?", ["on the mat", "a dog", "", "on the mat", "two roads"]
    with Classifier(FOLDERS / "bert-reranker") as reranker:
        scores = reranker.scores([(query, text) for text in documents])[:, 0]
        ranked = reranker.rank(query, documents)
        assert [entry.score for entry in ranked] == sorted(scores.tolist(), reverse=True)
        assert [scores[entry.document] for entry in ranked] == [entry.score for entry in ranked]
        places = [entry.document for entry in ranked]
        assert places.index(3) == places.index(0) + 1
        assert reranker.rank(query, iter(documents), top_k=2) == ranked[:2]
        assert reranker.rank(query, documents, top_k=99) == ranked
        assert reranker.rank(query, [], top_k=3) == []
        logits = reranker.rank(query, documents, activation="identity")
        assert [entry.document for entry in logits] == places


def test_only_a_single_label_is_ranked() -> None:
    with (
        Classifier(FOLDERS / "bert") as classifier,
        pytest.raises(ValueError, match="rank: the model has 3 labels, expected one"),
    ):
        classifier.rank("a", ["b"])


def test_weights_that_are_no_numbers_give_scores_that_are_none(tmp_path: pathlib.Path) -> None:
    folder = changed(tmp_path, "bert-reranker")
    rewritten(folder, classifier__bias=np.full(1, np.nan, np.float32))
    with Classifier(folder, dtype="float32") as reranker:
        assert np.isnan(reranker.scores(["a"])).all()
        assert [entry.document for entry in reranker.rank("a", ["b", "c"])] == [0, 1]


def test_load_returns_what_the_folder_holds() -> None:
    with pyattn.load(FOLDERS / "bert") as found:
        assert isinstance(found, Classifier)
        assert repr(found).startswith("<pyattn.Classifier bert, 2 layers, dim 16, vocabulary ")
        assert found.model.config.family == "bert"
    with Embedder(FOLDERS / "bert") as embedder:
        assert embedder.embed(["a"]).shape == (1, 16)


def test_tensors_decide_if_the_config_names_no_architecture(tmp_path: pathlib.Path) -> None:
    folder = changed(tmp_path, "bert", architectures=None)
    with pyattn.load(folder) as found:
        assert isinstance(found, Classifier)
    rewritten(folder, pooler__dense__weight=None)
    with pyattn.load(folder) as found:
        assert isinstance(found, Embedder)


def test_folder_of_a_cross_encoder_is_a_classifier(tmp_path: pathlib.Path) -> None:
    folder = changed(tmp_path, "bert-reranker")
    module = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.Transformer"}
    (folder / "modules.json").write_text(json.dumps([module]))
    settings = {
        "model_type": "CrossEncoder",
        "activation_fn": "torch.nn.modules.linear.Identity",
        "prompts": {"where": "where is "},
    }
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    with pyattn.load(folder, dtype="float32") as found:
        assert isinstance(found, Classifier)
        wanted = golden("bert-reranker", "logits")
        np.testing.assert_allclose(found.scores(TEXTS), wanted, rtol=0, atol=CLOSE)
        found.save(tmp_path / "saved")
    settings["default_prompt_name"] = "where"
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    convert(folder, tmp_path / "converted")
    scores = [wanted[4][0]]
    for place in (tmp_path / "saved", folder, tmp_path / "converted"):
        name = "where" if place.name == "saved" else None
        with pyattn.load(place, dtype="float32") as found:
            assert isinstance(found, Classifier)
            row = found.scores([("the cat?", "On the mat.")], prompt_name=name)[0]
            ranked = found.rank("the cat?", ["On the mat."], prompt="where is ")
            np.testing.assert_allclose([row[0], ranked[0].score], scores * 2, rtol=0, atol=CLOSE)
    (folder / "modules.json").unlink()
    convert(folder, tmp_path / "converted-again")
    with pyattn.load(tmp_path / "converted-again") as found:
        assert isinstance(found, Classifier)
    (folder / "modules.json").write_text(json.dumps([module, module]))
    with pytest.raises(ModelError, match="2 modules, expected a Transformer alone"):
        Classifier(folder)


@pytest.mark.parametrize(
    "folder", [GOLDEN / "embedder", GOLDEN / "bart-tied-gelu-5", GOLDEN / "encoders" / "bert-head"]
)
def test_models_of_other_tasks_are_refused(folder: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=r"does not classify|Transformer alone"):
        Classifier(folder)


@pytest.mark.parametrize("name", ["bert", "electra", "xlm-roberta-reranker", "modernbert-reranker"])
def test_saved_and_converted_folders_hold_the_same(name: str, tmp_path: pathlib.Path) -> None:
    with Classifier(FOLDERS / name) as classifier:
        wanted = classifier.scores(TEXTS)
        classifier.save(tmp_path / "saved")
    convert(FOLDERS / name, tmp_path / "converted")
    for place in ("saved", "converted"):
        with pyattn.load(tmp_path / place) as again:
            assert isinstance(again, Classifier)
            assert again.scores(TEXTS).tobytes() == wanted.tobytes()
            assert (again.labels, again.activation) == (classifier.labels, classifier.activation)
            again.save(tmp_path / f"{place}-again")


def test_pickled_classifier_is_the_same() -> None:
    with (
        Classifier(FOLDERS / "bert", threads=1) as classifier,
        pickle.loads(pickle.dumps(classifier)) as again,
    ):
        assert again.scores("a cat").tobytes() == classifier.scores("a cat").tobytes()
        assert again.model.threads == 1


def test_long_pairs_are_cut_with_a_warning_or_refused() -> None:
    with Classifier(FOLDERS / "bert") as classifier:
        assert classifier.max_tokens == 16
        with pytest.warns(UserWarning, match="5 of 11 texts have more than 16") as caught:
            classifier.scores(TEXTS)
        assert caught[0].filename == __file__
        with pytest.warns(UserWarning, match="rank: 1 of 1 texts have more") as caught:
            _ranked(classifier, TEXTS[3])
        with pytest.raises(ValueError, match="scores: text 2 has more than 16 tokens"):
            classifier.scores(TEXTS, truncate=False)


def test_no_text_has_more_tokens_than_the_longest(tmp_path: pathlib.Path) -> None:
    with Classifier(FOLDERS / "bert") as classifier:
        for longest in (2, 3, 4, 5):
            classifier.tokenizer.limit(longest)
            texts = [text for text in TEXTS if isinstance(text, str) or longest > 2]
            assert max(len(classifier.tokenizer.encode(text).ids) for text in texts) == longest
        classifier.tokenizer.limit(2)
        with pytest.raises(ValueError, match="pair: 3 tokens stand around its texts, expected at"):
            classifier.scores([("a", "b")])
        with pytest.raises(ValueError, match="longest text: 1 tokens, expected 2 to 20"):
            classifier.tokenizer.limit(1)
    folder = changed(tmp_path, "bert")
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1}')
    with pytest.raises(ModelError, match=r"tokenizer\.json: 2 tokens stand around a text"):
        Classifier(folder)


@pytest.mark.parametrize("part", ["single", "pair"])
def test_special_token_that_the_model_lacks_is_refused(part: str, tmp_path: pathlib.Path) -> None:
    folder = changed(tmp_path, "bert")
    content = json.loads((folder / "tokenizer.json").read_text())
    frame = content["post_processor"]
    frame["special_tokens"]["new"] = {"id": "new", "ids": [1 << 20], "tokens": ["new"]}
    frame[part].append({"SpecialToken": {"id": "new", "type_id": 0}})
    (folder / "tokenizer.json").write_text(json.dumps(content))
    message = r"tokenizer\.json: its post_processor adds id 1048576, the model has \d+"
    with pytest.raises(ModelError, match=message):
        Classifier(folder)


def _ranked(classifier: Classifier, text: str) -> None:
    classifier.labels = ("one",)
    classifier.rank("a", [text])


@pytest.mark.parametrize(
    ("texts", "options", "error", "message"),
    [
        (3, {}, TypeError, "scores: texts is int, expected a list of str, or of pairs of str"),
        (b"a", {}, TypeError, "scores: texts is bytes"),
        ({"a": "b"}, {}, TypeError, "its values are list(texts.values())"),
        (["a", 3], {}, TypeError, "scores: texts[1] is int, expected str or a pair of str"),
        ([None], {}, TypeError, "scores: texts[0] is NoneType"),
        ([("a", 3)], {}, TypeError, "scores: texts[0][1] is int, expected str"),
        ([("a",)], {}, ValueError, "scores: texts[0] has 1 parts, expected 2, or a str"),
        ([("a", "b", "c")], {}, ValueError, "scores: texts[0] has 3 parts"),
        (("a", "b"), {}, TypeError, "expected a list: [(first, second)] for one pair"),
        (["\ud800"], {}, ValueError, "scores: texts[0] has a lone surrogate"),
        ([("a", "\ud800")], {}, ValueError, "scores: texts[0][1] has a lone surrogate"),
        (["a"], {"activation": "relu"}, ValueError, "activation is 'relu', expected 'identity', "),
        (["a"], {"activation": np.tanh}, ValueError, "scores: activation is <ufunc 'tanh'>"),
    ],
)
def test_bad_arguments_are_refused(
    texts: Any, options: Any, error: type[Exception], message: str
) -> None:
    with (
        Classifier(FOLDERS / "bert") as classifier,
        pytest.raises(error, match=re.escape(message)),
    ):
        classifier.scores(texts, **options)


@pytest.mark.parametrize(
    ("query", "documents", "top_k", "error", "message"),
    [
        (3, ["a"], None, TypeError, "rank: query is int, expected str"),
        ("a", "b", None, TypeError, "rank: documents is str, expected an iterable of str"),
        ("a", ["b", ("c", "d")], None, TypeError, "rank: documents[1] is tuple, expected str"),
        ("a", ["b"], -1, ValueError, "rank: top_k is -1, expected 0 or more"),
        ("a", ["b"], 1.5, TypeError, "rank: top_k is float, expected int or None"),
    ],
)
def test_bad_arguments_of_rank_are_refused(
    query: Any, documents: Any, top_k: Any, error: type[Exception], message: str
) -> None:
    with (
        Classifier(FOLDERS / "bert-reranker") as reranker,
        pytest.raises(error, match=re.escape(message)),
    ):
        reranker.rank(query, documents, top_k=top_k)


@pytest.mark.parametrize(
    ("name", "fields", "tensors", "message"),
    [
        (
            "bert",
            {"id2label": {"0": "a", "1": "b"}},
            {},
            "classifier.weight has shape [3, 16], config.json's id2label says 2",
        ),
        ("bert", {}, {"classifier__weight": None}, "classifier.weight is missing"),
        ("bert", {}, {"pooler__dense__weight": None}, "bert.pooler.dense.weight is missing"),
        ("roberta", {}, {"out_proj__bias": None}, "classifier.out_proj.bias is missing"),
        (
            "distilbert",
            {},
            {"pre_classifier__bias": np.zeros(3, np.float32)},
            "pre_classifier.bias has shape [3], config.json's dim says 16",
        ),
        ("bert", {"id2label": {"1": "a"}}, {}, "config.json: id2label has None for 0, expected"),
        ("bert", {"id2label": [1]}, {}, "config.json: id2label is a list of 1"),
        ("bert", {"problem_type": "x"}, {}, "config.json: problem_type is 'x', supported are"),
        (
            "bert",
            {"sentence_transformers": {"activation_fn": "torch.nn.ReLU"}},
            {},
            "config.json: sentence_transformers: activation_fn is torch.nn.ReLU, supported are",
        ),
        (
            "modernbert",
            {"classifier_pooling": "max"},
            {},
            "config.json: classifier_pooling is 'max', supported are cls, mean",
        ),
        (
            "modernbert",
            {"classifier_activation": "silu"},
            {},
            "config.json: classifier_activation is 'silu', supported are gelu, relu, tanh",
        ),
        ("modernbert", {}, {"head__norm__weight": None}, "head.norm.weight is missing"),
        ("modernbert", {"classifier_bias": True}, {}, "head.dense.bias is missing"),
        ("modernbert", {"norm_bias": True}, {}, ".bias is missing"),
    ],
)
def test_damaged_folders_are_refused(
    name: str,
    fields: dict[str, Any],
    tensors: dict[str, Floats | None],
    message: str,
    tmp_path: pathlib.Path,
) -> None:
    folder = changed(tmp_path, name, **fields)
    rewritten(folder, **tensors)
    with pytest.raises(ModelError, match=re.escape(message)):
        Classifier(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"labels": []}, "classifier.json: labels is a list of 0, expected one string at least"),
        ({"labels": ["a"]}, "out.weight has shape [3, 16], config.json's labels says 1"),
        ({"scores": "x"}, "classifier.json: scores is 'x', supported are identity"),
        ({"activation": "silu"}, "classifier.json: activation is 'silu', supported are tanh"),
        ({"pooling": "max"}, "classifier.json: pooling is 'max', supported are cls, mean"),
        ({"norm_epsilon": -1}, "classifier.json: norm_epsilon is -1, expected a number from 0 to"),
        ({"more": 1}, "classifier.json: more is not a field that pyattn knows"),
    ],
)
def test_damaged_native_folders_are_refused(
    content: dict[str, Any], message: str, tmp_path: pathlib.Path
) -> None:
    folder = tmp_path / "native"
    convert(FOLDERS / "bert", folder)
    values = json.loads((folder / "classifier.json").read_text()) | content
    (folder / "classifier.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match=re.escape(message)):
        Classifier(folder)
