import pathlib
import warnings
from typing import Any

import model_folders as made
import pytest

from pyattn.errors import ModelError
from pyattn.formats import read_checkpoint
from pyattn.options import GenerationOptions


def options(tmp_path: pathlib.Path, generation: Any = None, **config: Any) -> GenerationOptions:
    values = made.config(**config)
    folder = tmp_path / "model"
    made.folder(folder, values, made.tensors(values), generation=generation)
    return read_checkpoint(folder).generation


def test_generation_config_is_followed(tmp_path: pathlib.Path) -> None:
    assert options(
        tmp_path,
        {
            "num_beams": 5, "max_length": 12, "min_length": 3, "length_penalty": 0.6,
            "early_stopping": True, "bad_words_ids": [[10], [0], [4]], "suppress_tokens": [7],
            "forced_eos_token_id": 0, "repetition_penalty": 1.2, "no_repeat_ngram_size": 3,
            "encoder_repetition_penalty": 1.1, "encoder_no_repeat_ngram_size": 4,
            "forced_bos_token_id": 5, "begin_suppress_tokens": [6], "sequence_bias": [[[1, 2], -3]],
        },
    ) == GenerationOptions(
        beam_size=5, max_new_tokens=11, min_new_tokens=2, length_penalty=0.6, early_stopping=True,
        suppress_tokens=(4, 7, 10), force_end=True, repetition_penalty=1.2, no_repeat_ngram_size=3,
        encoder_repetition_penalty=1.1, encoder_no_repeat_ngram_size=4, forced_bos_token=5,
        begin_suppress_tokens=(6,), sequence_bias=(((1, 2), -3.0),),
    )  # fmt: skip


def test_sampling_by_default_is_followed(tmp_path: pathlib.Path) -> None:
    found = options(tmp_path, {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "min_p": 0.05})
    wanted = GenerationOptions(temperature=0.6, top_p=0.9, min_p=0.05, do_sample=True, top_k=50)
    assert found == wanted.replace(max_new_tokens=found.max_new_tokens)
    assert options(tmp_path, {"do_sample": True, "top_k": 0}).top_k == 0
    assert options(tmp_path, {"do_sample": True, "num_beams": 4}).do_sample
    assert options(tmp_path, {"do_sample": False, "temperature": 0.6}).top_k == 0


def test_forbidden_sequence_of_several_tokens_is_one(tmp_path: pathlib.Path) -> None:
    found = options(tmp_path, {"bad_words_ids": [[1, 2], [3], [4, 5, 6]]})
    assert found.suppress_tokens == (3,)
    assert found.suppress_sequences == ((1, 2), (4, 5, 6))


def test_generation_config_overrides_config(tmp_path: pathlib.Path) -> None:
    keys = {"num_beams": 6, "max_length": 10, "bad_words_ids": [[10]]}
    found = options(tmp_path, {"num_beams": 2, "decoder_start_token_id": 3}, **keys)
    assert (found.beam_size, found.max_new_tokens, found.suppress_tokens) == (2, 9, (10,))
    assert read_checkpoint(tmp_path / "model").config.start == 3


def test_config_alone_may_carry_generation_keys(tmp_path: pathlib.Path) -> None:
    found = options(tmp_path, num_beams=6, max_length=10, forced_eos_token_id=0)
    assert (found.beam_size, found.max_new_tokens, found.force_end) == (6, 9, True)


def test_marian_forces_the_end_unless_generation_config_drops_it(tmp_path: pathlib.Path) -> None:
    assert options(tmp_path).force_end
    assert not options(tmp_path, {}).force_end
    assert not options(tmp_path, {"forced_eos_token_id": None}, forced_eos_token_id=0).force_end


def test_max_new_tokens_goes_before_max_length(tmp_path: pathlib.Path) -> None:
    assert options(tmp_path, {"max_length": 12, "max_new_tokens": 5}).max_new_tokens == 5


def test_no_target_is_longer_than_there_are_positions(tmp_path: pathlib.Path) -> None:
    assert options(tmp_path, {"max_length": 512}).max_new_tokens == 16
    assert options(tmp_path).max_new_tokens == 16


def test_min_new_tokens_goes_before_min_length(tmp_path: pathlib.Path) -> None:
    assert options(tmp_path, {"min_length": 9, "min_new_tokens": 2}).min_new_tokens == 2


@pytest.mark.parametrize("value", [True, False, "never"])
def test_early_stopping_has_three_values(tmp_path: pathlib.Path, value: bool | str) -> None:
    assert options(tmp_path, {"early_stopping": value}).early_stopping == value


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"num_beams": 0}, "num_beams is 0, expected 1 to"),
        ({"num_beams": 10_000}, "beam_size: expected 1 to 256"),
        ({"max_length": 1}, "max_length is 1, expected 2 to"),
        ({"max_new_tokens": "many"}, "max_new_tokens is 'many', expected 1 to"),
        ({"min_length": 40}, "min_new_tokens: 39 is above max_new_tokens, 16"),
        ({"length_penalty": "high"}, "length_penalty is 'high', expected a number"),
        ({"length_penalty": 10**400}, "length_penalty is 1000.*, expected a number"),
        ({"length_penalty": True}, "length_penalty is True, expected a number"),
        ({"early_stopping": "always"}, "early_stopping is 'always', expected true or false"),
        ({"bad_words_ids": 10}, "bad_words_ids is 10, expected a list"),
        ({"bad_words_ids": [10]}, "bad_words_ids has 10, expected ids below 11"),
        ({"bad_words_ids": [[11]]}, "bad_words_ids has a list of 1, expected ids below 11"),
        ({"bad_words_ids": [[-1]]}, "bad_words_ids has a list of 1, expected ids below 11"),
        ({"suppress_tokens": [1.5]}, "suppress_tokens has a list of 1, expected ids below 11"),
        ({"begin_suppress_tokens": [11]}, "begin_suppress_tokens has a list of 1, expected ids "),
        ({"sequence_bias": [[[1, 2]]]}, "sequence_bias has a list of 1, expected pairs of ids "),
        ({"sequence_bias": [[[1, 11], 2]]}, "sequence_bias has a list of 2, expected ids below 11"),
        ({"repetition_penalty": 0}, "repetition_penalty: expected 0.001 to 1000, got 0"),
        ({"eos_token_id": 99}, "eos_token_id is 99, expected one id below 11"),
    ],
)
def test_generation_config_out_of_range_is_an_error(
    tmp_path: pathlib.Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ModelError, match=rf"^generation_config\.json: {problem}"):
        options(tmp_path, changes)


def test_infinite_length_penalty_is_an_error(tmp_path: pathlib.Path) -> None:
    folder = made.folder(tmp_path, made.config(), made.tensors(made.config()))
    (folder / "generation_config.json").write_text('{"length_penalty": 1e999}')
    with pytest.raises(ModelError, match="length_penalty is inf, expected a number"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"diversity_penalty": 1.2}, "diversity_penalty 1.2"),
        ({"typical_p": 0.5}, "typical_p 0.5"),
        ({"num_beam_groups": 3}, "num_beam_groups 3"),
    ],
)
def test_defaults_without_a_counterpart_are_warned_of(
    tmp_path: pathlib.Path, changes: dict[str, Any], name: str
) -> None:
    with pytest.warns(UserWarning, match=name):
        options(tmp_path, changes)


def test_neutral_values_are_not_warned_of(tmp_path: pathlib.Path) -> None:
    neutral = {"do_sample": False, "repetition_penalty": 1.0, "forced_bos_token_id": None}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options(tmp_path, {**neutral, "renormalize_logits": True})
