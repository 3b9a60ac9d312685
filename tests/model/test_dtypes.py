import json
import pathlib

import numpy as np
import pytest

import pyattn
from pyattn.checkpoint import Checkpoint
from pyattn.files import read_checkpoint
from support.inputs import FAMILIES, ISAS, checkpoint, sentences, targets
from support.lanes import but_slow, each_on_each
from support.number_types import ROUND_INPUTS, bfloat16
from support.paths import GOLDEN

DTYPES = ["bfloat16", "int8"]
GOLDEN = GOLDEN / "en-es"
SHIPPED = pathlib.Path(pyattn.__file__).parent / "models" / "en-es"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "isa"), each_on_each(["post", *FAMILIES], ISAS))
def test_sentence_has_the_same_bits_in_any_batch_on_any_threads(
    name: str, isa: str, dtype: str
) -> None:
    made = checkpoint(name)
    sources = sentences(1, made.config, 9, 20)
    with pyattn.Model(made, dtype=dtype, isa=isa, threads=1) as model:
        alone = [model.generate([source], beam_size=2)[0] for source in sources]
    for threads in (1, 3):
        with pyattn.Model(made, dtype=dtype, isa=isa, threads=threads) as model:
            together = model.generate(sources[::-1], beam_size=2)[::-1]
        for one, other in zip(alone, together, strict=True):
            for ours, theirs in zip(one, other, strict=True):
                assert ours.tokens == theirs.tokens
                assert ours.score == theirs.score
                assert ours.token_scores.tobytes() == theirs.token_scores.tobytes()


# Of the largest logit. These models are narrow: of few channels each has a large share.
@pytest.mark.parametrize(("dtype", "most"), [("bfloat16", 0.03), ("int8", 0.08)])
@pytest.mark.parametrize(("name", "isa"), each_on_each(FAMILIES, ISAS))
def test_every_family_computes_nearly_the_same_in_fewer_bits(
    name: str, isa: str, dtype: str, most: float
) -> None:
    made = checkpoint(name)
    sources, given = sentences(1, made.config, 9, 40), targets(2, made.config, 9, 30)
    with pyattn.Model(made, dtype="float32") as model:
        exact = np.concatenate(model.logits(sources, given))
    with pyattn.Model(made, dtype=dtype, isa=isa) as model:
        rounded = np.concatenate(model.logits(sources, given))
    assert 0 < np.abs(rounded - exact).max() < most * np.abs(exact).max()


@pytest.mark.parametrize("isa", [isa for isa in ISAS if isa not in ROUND_INPUTS])
def test_keys_and_values_are_kept_as_exactly_as_their_products(isa: str) -> None:
    made = checkpoint("post")
    # Of these, bfloat16 products of float32 inputs are float32 products: only what is kept differs.
    rounded = {
        name: bfloat16(tensor) if tensor.ndim == 2 else tensor
        for name, tensor in made.tensors.items()
    }
    made = Checkpoint(made.config, rounded, made.generation)
    sources, given = sentences(1, made.config, 5, 9), targets(2, made.config, 5, 9)

    def logits(dtype: pyattn.running.precision.DTypes) -> bytes:
        with pyattn.Model(made, dtype=dtype, isa=isa, threads=1) as model:
            return b"".join(rows.tobytes() for rows in model.logits(sources, given))

    products = ("self_attention.query_key_value", "cross_attention.key_value")
    alone: list[dict[str, pyattn.running.precision.DType]] = [
        {f"decoder.*.{product}": "float32"} for product in products
    ]
    exact = logits("float32")
    assert logits({"*": "bfloat16"} | alone[0] | alone[1]) == exact
    assert logits({"*": "bfloat16"} | alone[0]) != exact
    assert logits({"*": "bfloat16"} | alone[1]) != exact


# What rounding the weights, and for int8 the activations too, may cost a log-probability: a
# twentieth and a quarter of a nat where the distributions of this model are a few nats deep.
@pytest.mark.parametrize(("dtype", "most"), [("bfloat16", 0.05), ("int8", 0.25)])
def test_shipped_model_says_nearly_the_same_in_fewer_bits(dtype: str, most: float) -> None:
    made = read_checkpoint(SHIPPED)
    sources = [[*source, made.config.end] for source in sentences(3, made.config, 8, 12)]
    with pyattn.Model(made, dtype="float32") as model:
        wanted = model.generate(sources, beam_size=1)
        given = [hypotheses[0].tokens for hypotheses in wanted]
        exact = model.score(sources, given)
    with pyattn.Model(made, dtype=dtype) as model:
        assert model.config.dtype == dtype
        rounded = model.score(sources, given)
    difference = np.concatenate(rounded) - np.concatenate(exact)
    assert 0 < np.abs(difference).mean() < most


@pytest.mark.parametrize("isa", but_slow(ISAS, "reference"))
def test_shipped_model_translates_nearly_the_same_by_default(isa: str) -> None:
    golden = json.loads((GOLDEN / "golden.json").read_text("utf-8"))
    case = next(case for case in golden["cases"] if (case["options"] or {}).get("beam_size") == 1)
    with pyattn.Model(read_checkpoint(SHIPPED), isa=isa) as model:
        every = 3 if isa == "reference" else 1  # it is a hundred times slower
        found = model.generate(golden["sources"][::every], **case["options"])
    pairs = zip(found, case["tokens"][::every], strict=True)
    same = sum([one.tokens for one in ours] == wanted for ours, wanted in pairs)
    # 0.96 of a thousand sentences in int8, give or take 0.01 for 300 of them.
    assert same / len(found) > 0.92


def test_number_types_take_less_memory() -> None:
    made = read_checkpoint(SHIPPED)
    sizes = []
    for dtype in ("float32", "bfloat16", "int8"):
        with pyattn.Model(made, dtype=dtype) as model:
            sizes.append(model.nbytes)
    assert sizes[0] > 1.9 * sizes[1] > 3.5 * sizes[2]


def test_targets_of_random_models_are_scored_in_every_type() -> None:
    made = checkpoint("post")
    sources, given = sentences(1, made.config, 5, 9), targets(2, made.config, 5, 9)
    for dtype in DTYPES:
        with pyattn.Model(made, dtype=dtype) as model:
            logits, scores = model.logits(sources, given), model.score(sources, given)
        for rows, row_scores, target in zip(logits, scores, given, strict=True):
            picked = rows[np.arange(len(rows)), [*target, made.config.end]]
            total = np.log(np.exp(rows.astype(np.float64)).sum(axis=-1))
            np.testing.assert_allclose(row_scores, picked - total, atol=2e-5)


def test_unknown_number_type_is_named() -> None:
    with pytest.raises(ValueError, match="dtype: expected auto, float32, bfloat16, int8"):
        pyattn.Model(checkpoint("post"), dtype="float16")
