import pathlib
import re
import warnings
from typing import Any

import pytest

import pyattn
from pyattn.errors import ModelError
from pyattn.files import generation, read_checkpoint
from pyattn.options import GenerationOptions
from support import model_folders as made


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
        ({"num_beams": 10_000}, "num_beams is 10000, expected 1 to 256"),
        ({"max_length": 1}, "max_length is 1, expected 2 to"),
        ({"max_new_tokens": "many"}, "max_new_tokens is 'many', expected 1 to"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0, expected 1 to"),
        ({"min_length": "3"}, "min_length is '3', expected -"),
        ({"length_penalty": "high"}, "length_penalty is 'high', expected a number"),
        ({"length_penalty": 10**400}, "length_penalty is 1000.*, expected a number"),
        ({"length_penalty": True}, "length_penalty is True, expected a number"),
        ({"early_stopping": "always"}, "early_stopping is 'always', expected true or false"),
        ({"bad_words_ids": 10}, "bad_words_ids is 10, expected a list"),
        ({"bad_words_ids": [10]}, "bad_words_ids has 10, expected ids below 11"),
        ({"bad_words_ids": [[11]]}, "bad_words_ids has a list of 1, expected ids below 11"),
        ({"bad_words_ids": [[-1]]}, "bad_words_ids has a list of 1, expected ids below 11"),
        ({"suppress_tokens": [1.5]}, "suppress_tokens has a list of 1, expected ids below 11"),
        ({"suppress_tokens": 7}, "suppress_tokens is 7, expected a list"),
        ({"begin_suppress_tokens": ["a"]}, "begin_suppress_tokens has a list of 1, expected ids "),
        ({"sequence_bias": [[[1, 2]]]}, "sequence_bias has a list of 1, expected pairs of ids "),
        ({"sequence_bias": [[[1, 11], 2]]}, "sequence_bias has a list of 2, expected ids below 11"),
        ({"sequence_bias": [[[1], True]]}, "sequence_bias has a list of 2, expected pairs of ids"),
        (
            {"repetition_penalty": 0},
            "repetition_penalty is 0, expected a number from 0.001",
        ),
        ({"no_repeat_ngram_size": 1.5}, "no_repeat_ngram_size is 1.5, expected"),
        ({"num_return_sequences": 0}, "num_return_sequences is 0, expected 1 to"),
        ({"forced_eos_token_id": 99}, "forced_eos_token_id is 99, expected one id below 11"),
        ({"max_time": -1}, "max_time is -1, expected a number from 0 to"),
        ({"max_time": "1 s"}, "max_time is '1 s', expected a number"),
        ({"do_sample": "yes"}, "do_sample is 'yes', expected true or false"),
        ({"do_sample": True, "temperature": 0.0}, "temperature is 0.0, expected a number from"),
        ({"do_sample": True, "top_k": -1}, "top_k is -1, expected 0 to"),
        ({"do_sample": True, "top_p": "most"}, "top_p is 'most', expected a number"),
        ({"do_sample": True, "min_p": 2}, "min_p is 2, expected a number from 0 to 1"),
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
        ({"assistant_early_exit": 2}, "assistant_early_exit is 2"),
        ({"constraints": [[1]]}, "constraints is a list of 1"),
        ({"diversity_penalty": 1.2}, "diversity_penalty is 1.2"),
        ({"dola_layers": "low"}, "dola_layers is 'low'"),
        ({"epsilon_cutoff": 0.1}, "epsilon_cutoff is 0.1"),
        ({"eta_cutoff": 0.1}, "eta_cutoff is 0.1"),
        ({"exponential_decay_length_penalty": [5, 1.1]}, "exponential_decay_length_penalty is a"),
        ({"force_words_ids": [[1]]}, "force_words_ids is a list of 1"),
        ({"forced_decoder_ids": [[1, 2]]}, "forced_decoder_ids is a list of 1"),
        ({"guidance_scale": 1.5}, "guidance_scale is 1.5"),
        ({"num_beam_groups": 3}, "num_beam_groups is 3"),
        ({"penalty_alpha": 0.6}, "penalty_alpha is 0.6"),
        ({"prompt_lookup_num_tokens": 3}, "prompt_lookup_num_tokens is 3"),
        ({"stop_strings": ["."]}, "stop_strings is a list of 1"),
        ({"token_healing": True}, "token_healing is True"),
        ({"top_h": 0.4}, "top_h is 0.4"),
        ({"typical_p": 0.5}, "typical_p is 0.5"),
        ({"use_mtp": True}, "use_mtp is True"),
        ({"watermarking_config": {"bias": 2.0}}, "watermarking_config is an object"),
        ({"my_own": 3}, "my_own is 3, which pyattn does not know and ignores"),
        ({"logits_processor": []}, "logits_processor is a list of 0"),
        ({"num_return_sequences": 3}, "num_return_sequences is 3, of which num_beams 1 yields"),
        ({"forced_eos_token_id": 4}, "forced_eos_token_id is 4, which pyattn ignores, as it is"),
        ({"forced_eos_token_id": [0, 4]}, "forced_eos_token_id is a list of 2, which pyattn"),
        ({"min_length": 40}, "min_length is 40, more than a target may have, 16 new tokens"),
        ({"min_new_tokens": 9, "max_length": 5}, "min_new_tokens is 9, more than a target may"),
        ({"temperature": 0.0}, "temperature is 0.0, expected a number from 0.001 to 1000; ignored"),
        (
            {"temperature": "hot"},
            "temperature is 'hot', expected a number .* ignored, as do_sample",
        ),
        ({"top_k": -1}, "top_k is -1, expected 0 to .* ignored, as do_sample is not true"),
        ({"top_p": -0.5}, "top_p is -0.5, expected a number"),
        ({"min_p": 3}, "min_p is 3, expected a number from 0 to 1; ignored"),
    ],
)
def test_what_is_not_followed_is_warned_of_once_and_stops_no_load(
    tmp_path: pathlib.Path, changes: dict[str, Any], name: str
) -> None:
    folder = tmp_path / "model"
    made.folder(folder, made.config(), made.tensors(made.config()), generation=changes)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pyattn.load(folder, threads=1).close()
    (warning,) = seen
    assert re.match(rf"generation_config\.json: {name}", str(warning.message))
    assert "\n" not in str(warning.message)


def test_file_of_a_model_without_generation_config_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.warns(UserWarning, match=r"^config\.json: num_beam_groups is 2, which pyattn does"):
        options(tmp_path, num_beam_groups=2)


@pytest.mark.parametrize(
    "values",
    [
        {"do_sample": False, "repetition_penalty": 1.0, "forced_bos_token_id": None},
        {"renormalize_logits": True, "use_cache": False, "cache_implementation": "static"},
        {"transformers_version": "5.2", "_from_model_config": True, "_commit_hash": "abc"},
        {"typical_p": 1, "guidance_scale": 1, "penalty_alpha": 0.0, "stop_strings": None},
        {"num_assistant_tokens": 20, "output_scores": True, "return_dict_in_generate": True},
        {"suppress_tokens": [-1], "begin_suppress_tokens": [400]},
        {"no_repeat_ngram_size": -1, "min_length": -1, "my_own": None},
        {"max_length": 10**12, "max_new_tokens": 3, "top_p": 2, "num_return_sequences": 1},
        {"max_length": 0, "max_new_tokens": 3, "min_length": 90, "min_new_tokens": 1},
    ],
)
def test_what_decides_nothing_is_not_warned_of(
    tmp_path: pathlib.Path, values: dict[str, Any]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options(tmp_path, values)


def test_every_field_of_transformers_is_known() -> None:
    transformers = pytest.importorskip("transformers")
    fields = vars(transformers.GenerationConfig()).keys()
    assert fields - generation.FOLLOWED - generation.WITHOUT_EFFECT <= {
        *generation.WITHOUT_COUNTERPART
    }


def test_what_asks_for_too_much_gets_what_there_is(tmp_path: pathlib.Path) -> None:
    with pytest.warns(UserWarning, match="min_length is 40"):
        found = options(tmp_path, {"min_length": 40, "max_length": 9})
    assert (found.min_new_tokens, found.max_new_tokens) == (8, 8)
    with pytest.warns(UserWarning, match="num_return_sequences is 5"):
        found = options(tmp_path / "beam", {"num_return_sequences": 5, "num_beams": 4})
    assert (found.num_hypotheses, found.beam_size) == (4, 4)


def test_ids_that_no_token_has_are_suppressed_already(tmp_path: pathlib.Path) -> None:
    found = options(tmp_path, {"suppress_tokens": [-1, 7, 99], "begin_suppress_tokens": [11, 2]})
    assert (found.suppress_tokens, found.begin_suppress_tokens) == ((7,), (2,))


def test_settings_of_sampling_reach_its_ends(tmp_path: pathlib.Path) -> None:
    assert options(tmp_path / "all", {"do_sample": True, "top_p": 3.0}).top_p == 1
    assert 0 < options(tmp_path / "one", {"do_sample": True, "top_p": 0}).top_p <= 1e-6


def test_returned_sequences_and_seconds_are_followed(tmp_path: pathlib.Path) -> None:
    found = options(tmp_path / "beam", {"num_beams": 4, "num_return_sequences": 3, "max_time": 2})
    assert (found.num_hypotheses, found.max_time) == (3, 2.0)
    found = options(tmp_path / "sample", {"do_sample": True, "num_return_sequences": 3})
    assert (found.num_hypotheses, found.beam_size) == (3, 1)


def test_tokens_of_a_model_that_returns_many_are_those_of_one(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "model"
    many = {"do_sample": True, "num_return_sequences": 3}
    made.folder(folder, made.config(), made.tensors(made.config()), generation=many)
    with pyattn.load(folder, threads=1) as translator:
        assert len(translator.model.generate([[3, 0]])[0]) == 3
        assert [*translator.model.generate_stream([3, 0])]


def test_last_bias_of_a_sequence_counts(tmp_path: pathlib.Path) -> None:
    pairs = [[[4, 6], 10.0], [[9], 10.0], [[4, 6], 3.0]]
    found = options(tmp_path, {"sequence_bias": pairs})
    assert dict(found.sequence_bias) == {(4, 6): 3.0, (9,): 10.0}
    assert len(found.sequence_bias) == 2
