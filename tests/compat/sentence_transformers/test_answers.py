"""The face of sentence-transformers: its signatures, and what it answers."""

import inspect
import json
import logging
import pathlib
import pickle
import re
import shutil
import sys
import types
import warnings
from typing import Any

import numpy as np
import pytest

from pyattn.compat import sentence_transformers
from pyattn.compat.sentence_transformers import (
    CrossEncoder,
    SentenceTransformer,
    SimilarityFunction,
    quantize_embeddings,
    util,
)
from support.paths import GOLDEN

FOLDER = GOLDEN / "embedder"
RERANKER = GOLDEN / "classifiers" / "bert-reranker"
ANSWERS = json.loads((GOLDEN / "sentence_transformers.json").read_text())
SIGNATURES = [
    (kind, name) for kind, methods in ANSWERS["signatures"].items() for name in sorted(methods)
]
TEXTS = ["The cat sat on the mat.", "", "Dogs ran.", "Was the dog seen by two cats on the road?"]
# Of float32 sums in another order.
CLOSE = 1e-5
LOGITS_CLOSE = 1e-4


def assert_same(found: Any, wanted: Any, close: float = CLOSE) -> None:
    """Compares types, shapes, number types and values."""
    if isinstance(wanted, dict) and "dtype" in wanted:
        assert isinstance(found, np.ndarray if "array" in wanted else np.generic)
        assert (list(found.shape), str(found.dtype)) == (wanted["shape"], wanted["dtype"])
        values = wanted.get("array", wanted.get("number"))
        np.testing.assert_allclose(found, values, rtol=0, atol=close)
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            assert_same(found[key], wanted[key], close)
    elif isinstance(wanted, list):
        assert isinstance(found, list)
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other, close)
    elif isinstance(wanted, float):
        assert isinstance(found, float)
        assert found == pytest.approx(wanted, abs=close)
    else:
        assert type(found) is type(wanted)
        assert found == wanted


@pytest.fixture(scope="module")
def model() -> SentenceTransformer:
    return SentenceTransformer(str(FOLDER))


@pytest.mark.parametrize(("kind", "name"), SIGNATURES)
def test_signatures_are_the_same(kind: str, name: str) -> None:
    function = inspect.getattr_static(getattr(sentence_transformers, kind), name)
    found = [
        [one.name, one.kind.name, None if one.default is one.empty else repr(one.default)]
        for one in inspect.signature(function).parameters.values()
        if one.name != "self"
    ]
    wanted = ANSWERS["signatures"][kind][name]
    for ours, theirs in zip(found, wanted, strict=True):
        # Functions as defaults have addresses in what they are shown as.
        assert [str(part).partition(" at ")[0] for part in ours] == [
            str(part).partition(" at ")[0] for part in theirs
        ]


@pytest.mark.parametrize("n", range(len(ANSWERS["encoded"])))
def test_vectors_are_the_same(n: int, model: SentenceTransformer) -> None:
    call = ANSWERS["encoded"][n]
    found = getattr(model, call["method"])(call["inputs"], **call["options"])
    # Values of integers may be on the edge of a step.
    assert_same(found, call["answer"], 1 if "int8" in str(call["options"]) else CLOSE)


@pytest.mark.parametrize("n", range(len(ANSWERS["scored"])))
def test_scores_are_the_same(n: int) -> None:
    call = ANSWERS["scored"][n]
    scorer = CrossEncoder(str(GOLDEN / "classifiers" / call["model"]))
    found = getattr(scorer, call["method"])(*call["arguments"], **call["options"])
    assert_same(found, call["answer"], LOGITS_CLOSE)


@pytest.mark.parametrize("name", ANSWERS["similar"])
def test_similarities_are_the_same(name: str, model: SentenceTransformer) -> None:
    vectors = model.encode(TEXTS)
    wanted, function = ANSWERS["similar"][name], getattr(util, name)
    if name == "semantic_search":
        assert_same(function(vectors[:2], vectors, top_k=3), wanted)
        chunked = function(vectors[:2], vectors, 1, 2, top_k=3)
        assert_same(chunked, wanted)
    elif name.startswith("pairwise"):
        assert_same(function(vectors[:2], vectors[2:]), wanted)
        model.similarity_fn_name = name.split("_")[1].replace("cos", "cosine")
        assert_same(model.similarity_pairwise(vectors[:2], vectors[2:]), wanted)
    else:
        assert_same(function(vectors, list(vectors[1:3])), wanted)
        model.similarity_fn_name = name.split("_")[0].replace("cos", "cosine")
        assert_same(model.similarity(vectors, vectors[1:3]), wanted)
    model.similarity_fn_name = None


def test_similarity_of_one_vector_has_one_row(model: SentenceTransformer) -> None:
    vectors = model.encode(TEXTS)
    assert model.similarity(vectors[0], vectors).shape == (1, 4)
    assert model.similarity_fn_name == "cosine"
    assert SimilarityFunction.DOT is SimilarityFunction.DOT_PRODUCT


def test_texts_are_tokenized_with_padding(model: SentenceTransformer) -> None:
    found = model.tokenize(TEXTS)
    assert {name: rows.tolist() for name, rows in found.items() if name != "token_type_ids"} == (
        ANSWERS["features"]
    )


def test_all_values_of_a_text_come_together(model: SentenceTransformer) -> None:
    [first, second] = model.encode(TEXTS[:2], output_value=None)
    assert first["input_ids"].tolist() == model.tokenize([TEXTS[0]])["input_ids"][0].tolist()
    assert second["token_embeddings"].shape == (2, 16)
    assert second["sentence_embedding"].tobytes() == model.encode("").tobytes()


def test_texts_come_in_any_sequence(model: SentenceTransformer) -> None:
    wanted = model.encode(TEXTS)
    for inputs in (tuple(TEXTS), np.array(TEXTS), (text for text in TEXTS)):
        assert model.encode(inputs).tobytes() == wanted.tobytes()
    assert model.encode(sentences=TEXTS).tobytes() == wanted.tobytes()
    assert model.encode_query(sentences=TEXTS).shape == (4, 5)
    assert CrossEncoder(RERANKER).predict(np.array([["a", "b"], ["c", "d"]])).shape == (2,)
    assert CrossEncoder(RERANKER).predict(np.array(["a", "b"])).shape == ()


def test_long_texts_are_cut_silently(model: SentenceTransformer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        long = model.encode(TEXTS[0] * 9)
        CrossEncoder(RERANKER).predict([(TEXTS[0] * 9, TEXTS[0])])
    short = SentenceTransformer(FOLDER, processor_kwargs={"model_max_length": 5})
    assert (model.max_seq_length, short.get_max_seq_length()) == (16, 5)
    short.max_seq_length = 16
    assert short.encode(TEXTS[0] * 9).tobytes() == long.tobytes()
    scorer = CrossEncoder(RERANKER, max_length=8)
    assert (scorer.max_seq_length, scorer.max_length) == (8, 8)


def test_number_type_is_float32_unless_another_is_asked_for() -> None:
    for given, wanted in (
        (None, "float32"),
        ({"torch_dtype": "torch.bfloat16"}, "bfloat16"),
        ({"dtype": "int8", "attn_implementation": "sdpa"}, "int8"),
        ({"torch_dtype": "float16"}, "float32"),
    ):
        model = SentenceTransformer(FOLDER, model_kwargs=given)
        assert model._engine.model.config.dtype == wanted


def test_prompts_are_those_of_the_model_and_the_caller() -> None:
    model = SentenceTransformer(FOLDER, prompts={"mine": "two "}, default_prompt_name="mine")
    assert model.prompts == {"query": "ask: ", "document": "", "mine": "two "}
    assert model.encode("cats").tobytes() == model.encode("two cats", prompt="").tobytes()
    with pytest.raises(ValueError, match="default_prompt_name is 'x', expected one of 'query'"):
        SentenceTransformer(FOLDER, default_prompt_name="x")


def test_tokens_of_the_prompt_may_be_left_out(model: SentenceTransformer) -> None:
    other = SentenceTransformer(FOLDER)
    other.set_pooling_include_prompt(False)
    both = [one.encode("cats", prompt="ask: ") for one in (model, other)]
    assert not np.allclose(*both)


def test_similarity_comes_from_the_files(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(FOLDER, folder)
    settings = {"similarity_fn_name": "dot"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    assert SentenceTransformer(folder).similarity_fn_name == "dot"
    model = SentenceTransformer(folder, similarity_fn_name=SimilarityFunction.EUCLIDEAN)
    assert model.similarity_fn_name == "euclidean"


def test_vectors_may_be_shortened_for_a_while(model: SentenceTransformer) -> None:
    with model.truncate_sentence_embeddings(2):
        assert model.encode(TEXTS).shape == (4, 2)
        assert model.get_sentence_embedding_dimension() == 2
    assert model.get_embedding_dimension() == 5


def test_functions_of_scores_are_the_caller_s() -> None:
    scorer = CrossEncoder(RERANKER, activation_fn=lambda logits: logits * 2)
    raw = scorer.predict([("a", "b")], activation_fn=lambda logits: logits)
    np.testing.assert_array_equal(scorer.predict([("a", "b")]), raw * 2)
    assert scorer.rank("a", ["b"], activation_fct=np.tanh)[0]["score"] == np.tanh(raw[0])
    assert scorer.default_activation_function is scorer.activation_fn


def test_config_s_task_does_not_choose_the_function(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(RERANKER, folder)
    values = json.loads((folder / "config.json").read_text()) | {"problem_type": "regression"}
    (folder / "config.json").write_text(json.dumps(values))
    found = CrossEncoder(folder).predict([("a", "b")])
    assert found.tobytes() == CrossEncoder(RERANKER).predict([("a", "b")]).tobytes()


class _Tensor(np.ndarray):
    """What there is of a tensor if PyTorch is a stand-in."""

    def detach(self) -> "_Tensor":
        return self

    float = cpu = detach

    def numpy(self) -> np.ndarray:
        return np.asarray(self)


def test_tensors_are_made_if_asked_for(
    model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = types.ModuleType("torch")
    torch.from_numpy = lambda array: array.view(_Tensor)  # type: ignore[attr-defined]
    torch.Tensor = _Tensor  # type: ignore[attr-defined]
    torch.nn = types.SimpleNamespace(Module=type("Module", (), {}))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    scorer = CrossEncoder(RERANKER)
    whole = model.encode(TEXTS, convert_to_tensor=True)
    assert type(whole) is _Tensor
    assert type(model.similarity(whole, model.encode(TEXTS))) is _Tensor
    assert type(util.cos_sim(list(whole), whole)) is _Tensor
    assert type(model.similarity(model.encode(TEXTS), model.encode(TEXTS))) is np.ndarray
    for found in (
        model.encode(TEXTS, convert_to_numpy=False),
        model.encode(TEXTS, output_value="token_embeddings", convert_to_tensor=True),
        list(model.encode(TEXTS, output_value=None, convert_to_tensor=True)[0].values()),
        scorer.predict([("a", "b")], convert_to_numpy=False),
        [scorer.predict([("a", "b")], convert_to_tensor=True)],
        [model.encode([], convert_to_tensor=True)],
    ):
        assert isinstance(found, list)
        assert {type(one) for one in found} == {_Tensor}
    module = type("Sigmoid", (torch.nn.Module,), {})()
    pairs = [("a", "b")]
    assert scorer.predict(pairs, activation_fn=module) == scorer.predict(pairs)

    def of_tensors(logits: Any) -> Any:
        if not isinstance(logits, _Tensor):
            raise TypeError("expected a tensor")
        return logits + 1

    raw = scorer.predict(pairs, activation_fn=lambda logits: logits)
    assert scorer.predict(pairs, activation_fn=of_tensors) == raw + 1
    [score] = scorer.predict(pairs, convert_to_numpy=False)
    assert score.shape == ()


def test_tensors_need_pytorch(model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="encode: tensors need the package torch"):
        model.encode("a", convert_to_tensor=True)


def test_bar_is_drawn_only_if_asked_for(
    model: SentenceTransformer, capsys: pytest.CaptureFixture[str]
) -> None:
    model.encode(TEXTS)
    assert capsys.readouterr().err == ""
    pytest.importorskip("tqdm")
    model.encode(TEXTS, show_progress_bar=True)
    assert "4/4" in capsys.readouterr().err
    logging.getLogger("pyattn.compat.sentence_transformers").setLevel(logging.INFO)
    try:
        CrossEncoder(RERANKER).predict([("a", "b")])
    finally:
        logging.getLogger("pyattn.compat.sentence_transformers").setLevel(logging.NOTSET)
    assert "1/1" in capsys.readouterr().err


def test_pickled_models_answer_the_same(model: SentenceTransformer) -> None:
    again = pickle.loads(pickle.dumps(model))
    assert again.encode(TEXTS).tobytes() == model.encode(TEXTS).tobytes()


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ([1, 2], {}, "encode: texts[0] is int, expected str or a pair of str; other modalities"),
        ([None], {}, "texts[0] is NoneType"),
        (3, {}, "inputs is int, expected a text or a list of them"),
        ({"a": 1}, {}, "inputs is dict"),
        (["a", ("b",)], {}, "texts[1] has 1 parts, expected 2"),
        (["a"], {"batch_size": 0}, "batch_size is 0, expected at least 1"),
        (["a"], {"prompt_name": "x"}, "prompt_name is 'x', expected 'query', 'document'"),
        (["a"], {"precision": "int4"}, "precision is 'int4', expected 'float32', 'int8'"),
        (["a"], {"precision": "int8"}, "a single vector has no ranges for int8"),
        (["a"], {"output_value": "x"}, "output_value is 'x', expected 'sentence_embedding'"),
        (["a"], {"device": "cuda"}, "device is 'cuda', expected 'cpu'"),
        (["a"], {"device": ["cpu", "cuda:0"]}, "device is 'cuda:0', expected 'cpu'"),
        (["a"], {"pool": {}}, "pool is not supported"),
        (["a"], {"foo": 1, "bar": 2}, "encode: bar, foo: no such arguments are supported"),
    ],
)
def test_bad_arguments_are_refused(
    inputs: Any, options: Any, message: str, model: SentenceTransformer
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        model.encode(inputs, **options)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("a", "inputs is a str, expected a pair, or a list of pairs"),
        (["a", "b", "c"], "texts[0] has 3 parts, expected 2"),
        ([("a", 1)], "texts[0][1] is int, expected str"),
        (3, "inputs is int"),
    ],
)
def test_bad_pairs_are_refused(inputs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        CrossEncoder(RERANKER).predict(inputs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "onnx"}, "backend is 'onnx', expected 'torch'"),
        ({"modules": [1]}, "modules is not supported"),
        ({"config_kwargs": {"a": 1}}, "config_kwargs is not supported"),
        ({"device": "cuda"}, "device is 'cuda', expected 'cpu'"),
        ({"model_kwargs": {"dtype": "int4"}}, "model_kwargs has dtype 'int4', expected 'auto'"),
        ({"model_kwargs": {"file_name": "a"}}, "model_kwargs has 'file_name', supported is"),
        ({"processor_kwargs": {"a": 1}}, "processor_kwargs has 'a', supported is"),
    ],
)
@pytest.mark.parametrize(
    ("kind", "folder"), [(SentenceTransformer, FOLDER), (CrossEncoder, RERANKER)]
)
def test_what_is_not_supported_is_refused(
    kind: Any, folder: pathlib.Path, options: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        kind(folder, **options)


def test_other_errors_are_clear(model: SentenceTransformer) -> None:
    for name in ("fit", "push_to_hub", "start_multi_process_pool", "tokenizer"):
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=f"SentenceTransformer.{name} is not supported"):
            getattr(model, name)
    with pytest.raises(AttributeError, match="'CrossEncoder' object has no attribute 'x'"):
        CrossEncoder(RERANKER).x  # noqa: B018
    with pytest.raises(ValueError, match="similarity_fn_name is 'maxsim', expected 'cosine'"):
        model.similarity_fn_name = "maxsim"
    with pytest.raises(ValueError, match="longest text: 21 tokens, expected 2 to 20"):
        model.max_seq_length = 21
    with pytest.raises(ValueError, match="num_labels is 2, expected 1"):
        CrossEncoder(RERANKER, num_labels=2)
    with pytest.raises(ValueError, match="rank: the model has 3 labels, expected one"):
        CrossEncoder(GOLDEN / "classifiers" / "bert").rank("a", ["b"])
    with pytest.raises(ValueError, match="precision is 'x', expected 'float32'"):
        quantize_embeddings(np.zeros((2, 3), np.float32), "x")
    assert model.to("cpu").eval() is model


def test_names_without_a_slash_are_of_its_own_organization(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def found(name: str, settings: Any) -> pathlib.Path:
        asked.append((name, settings.revision, settings.local_files_only))
        return FOLDER if "sentence" in name else RERANKER

    monkeypatch.setattr("pyattn.hub.resolving.one_folder", found)
    SentenceTransformer("all-small", revision="v1")
    CrossEncoder("ms-small", local_files_only=True)
    CrossEncoder("other/model")
    assert asked == [
        ("sentence-transformers/all-small", "v1", None),
        ("cross-encoder/ms-small", None, True),
        ("other/model", None, None),
    ]
