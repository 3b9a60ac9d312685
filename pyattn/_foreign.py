"""Names that other programs have for our options, for errors that name the right one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

# transformers, CTranslate2, fairseq, Marian, OpenNMT and Sockeye have these for our options.
_OPTIONS = {
    "allow_unk": "disable_unk",
    "bad_words_ids": "suppress_sequences",
    "bad_words": "suppress_sequences",
    "beam": "beam_size",
    "beam_width": "beam_size",
    "beams": "beam_size",
    "block_ngram_repeat": "no_repeat_ngram_size",
    "callback": "on_token",
    "end_token": "end_tokens",
    "eos_token": "end_tokens",
    "eos_token_id": "end_tokens",
    "forced_bos_token_id": "forced_bos_token",
    "forced_eos_token_id": "force_end",
    "include_eos_in_hypotheses": "return_end_token",
    "include_prompt_in_result": "return_prefix",
    "len_penalty": "length_penalty",
    "lenpen": "length_penalty",
    "logprobs": "scores",
    "max_decoding_length": "max_new_tokens",
    "max_decoding_steps": "max_new_tokens",
    "max_generation_length": "max_new_tokens",
    "max_len": "max_new_tokens",
    "max_len_a": "max_length_factor",
    "max_len_b": "max_new_tokens",
    "max_length": "max_new_tokens",
    "max_output_length": "max_new_tokens",
    "max_output_tokens": "max_new_tokens",
    "max_target_length": "max_new_tokens",
    "max_tokens": "max_new_tokens",
    "min_decoding_length": "min_new_tokens",
    "min_len": "min_new_tokens",
    "min_length": "min_new_tokens",
    "min_tokens": "min_new_tokens",
    "n": "num_hypotheses",
    "n_beams": "beam_size",
    "n_best": "num_hypotheses",
    "nbest": "num_hypotheses",
    "nbest_size": "num_hypotheses",
    "normalize_scores": "length_penalty",
    "num_beams": "beam_size",
    "num_return_sequences": "num_hypotheses",
    "output_attentions": "alignment",
    "output_scores": "scores",
    "prefix": "target_prefix",
    "prefix_tokens": "target_prefix",
    "progress_bar": "progress",
    "random_sampling_temp": "temperature",
    "random_sampling_topk": "top_k",
    "random_sampling_topp": "top_p",
    "random_seed": "seed",
    "renormalize_logits": "renormalize",
    "return_alignments": "alignment",
    "return_attention": "alignment",
    "return_scores": "scores",
    "sample": "do_sample",
    "sampling": "do_sample",
    "sampling_seed": "seed",
    "sampling_temperature": "temperature",
    "sampling_topk": "top_k",
    "sampling_topp": "top_p",
    "show_progress": "progress",
    "show_progress_bar": "progress",
    "source_lang": "source",
    "source_language": "source",
    "src": "source",
    "src_lang": "source",
    "stop_token_ids": "end_tokens",
    "suppress_token_ids": "suppress_tokens",
    "suppressed_tokens": "suppress_tokens",
    "target_lang": "target",
    "target_language": "target",
    "temp": "temperature",
    "tgt": "target",
    "tgt_lang": "target",
    "timeout": "max_time",
    "topk": "top_k",
    "topp": "top_p",
    "trg_lang": "target",
    "truncation": "truncate",
    "verbose": "progress",
    "with_alignment": "alignment",
}
# Arguments of a translator that are no decoding options.
_ARGUMENTS = (
    *("guard", "normalize", "progress", "protect", "reuse", "source", "split", "target"),
    "truncate",
)
_CPU = "pyattn runs on CPUs, and needs no such option"
_OF_LOAD = "use {} of pyattn.load"
_BATCHES = "texts of all calls share batches; pyattn.load has batch_rows and batch_tokens"
_NOT_HERE = "pyattn has no such setting"
_LONG = "a source may have as many tokens as the model has positions; truncate is for longer texts"
_GLOBAL = "model.generate takes global_tokens, positions of ids; texts have the model's default"
_ENDS = "a search ends at tokens: end_tokens"
# Names that are no options of a search here.
_REMARKS = {
    "asynchronous": "model.submit returns at once",
    "batch_size": _BATCHES,
    "batch_type": _BATCHES,
    "compute_type": _OF_LOAD.format("dtype"),
    "cpu": _CPU,
    "device": _CPU,
    "device_index": _CPU,
    "dtype": _OF_LOAD.format("dtype"),
    "max_batch_size": _BATCHES,
    "global_attention_mask": _GLOBAL,
    "global_tokens": _GLOBAL,
    "max_input_length": _LONG,
    "max_source_length": _LONG,
    "num_beam_groups": _NOT_HERE,
    "num_threads": _OF_LOAD.format("threads"),
    "replace_unk": _NOT_HERE,
    "replace_unknowns": _NOT_HERE,
    "return_tensors": "ids are lists",
    "shortlist": _OF_LOAD.format("shortlist"),
    "stop": _ENDS,
    "stop_sequences": _ENDS,
    "stop_strings": _ENDS,
    "streamer": "model.generate_stream yields tokens, and on_token is called with them",
    "threads": _OF_LOAD.format("threads"),
    "use_vmap": _OF_LOAD.format("shortlist"),
    "word_penalty": _NOT_HERE,
}
# Names that others have for settings of `pyattn.load`.
_SETTINGS = {
    "auth_token": "token",
    "cache_folder": "cache_dir",
    "checkpoint": "path",
    "compute_dtype": "dtype",
    "compute_type": "dtype",
    "cpu_threads": "threads",
    "download_root": "cache_dir",
    "folder": "path",
    "gemm_precision": "dtype",
    "hf_token": "token",
    "inter_threads": "threads",
    "intra_threads": "threads",
    "local_only": "local_files_only",
    "max_batch_size": "batch_rows",
    "max_batch_tokens": "batch_tokens",
    "model": "path",
    "model_dir": "path",
    "model_folder": "path",
    "model_id": "path",
    "model_name": "path",
    "model_name_or_path": "path",
    "model_path": "path",
    "mirror": "endpoint",
    "n_threads": "threads",
    "name": "path",
    "num_threads": "threads",
    "num_workers": "threads",
    "offline": "local_files_only",
    "precision": "dtype",
    "pretrained_model_name_or_path": "path",
    "quantization": "dtype",
    "quantize": "dtype",
    "torch_dtype": "dtype",
    "translator": "path",
    "use_auth_token": "token",
    "use_vmap": "shortlist",
    "version": "revision",
    "vmap": "shortlist",
    "workers": "threads",
}
_UPDATE = "`pyattn download NAME --update` looks for what is newer than the cache"
_SETTING_REMARKS = {
    "device": _CPU,
    "device_index": _CPU,
    "device_map": _CPU,
    "force_download": _UPDATE,
    "gpu": _CPU,
    "use_cuda": _CPU,
    "use_gpu": _CPU,
}


def unknown_option(name: str, known: Collection[str]) -> str:
    """The error message for a decoding option that does not exist.

    Args:
        name: The unknown name.
        known: The options that exist.
    """
    if name in _ARGUMENTS:
        return f"unknown option {name!r}: only methods of pyattn.Translator take it"
    return _unknown(name, [*known, *_ARGUMENTS], _OPTIONS, _REMARKS)


def meant_option(name: str, known: Collection[str]) -> str | None:
    """The option that a misspelling, or another program's name, stands for; None if there is none.

    Args:
        name: The name, as an identifier or with hyphens.
        known: The options that exist.
    """
    return _meant(name, [*known, *_ARGUMENTS], _OPTIONS)


def unknown_setting(name: str, known: Collection[str]) -> str:
    """The same for a setting of `pyattn.load`."""
    return _unknown(name, known, _SETTINGS, _SETTING_REMARKS)


def _unknown(
    name: str, known: Collection[str], others: Mapping[str, str], remarks: Mapping[str, str]
) -> str:
    remark = remarks.get(_plain(name))
    if remark is not None:
        return f"unknown option {name!r}: {remark}"
    meant = _meant(name, known, others)
    if meant is None:
        return f"unknown option {name!r}, and none has a similar name"
    return f"unknown option {name!r}: did you mean {meant!r}?"


def _meant(name: str, known: Collection[str], others: Mapping[str, str]) -> str | None:
    plain = _plain(name)
    if plain in known:
        return plain
    meant = others.get(plain)
    if meant is None:
        # The name may also be a misspelling of another program's name.
        near = difflib.get_close_matches(plain, [*known, *others], n=1, cutoff=0.75)
        meant = others.get(near[0], near[0]) if near else None
    return meant


def _plain(name: str) -> str:
    return name.lower().strip("-").replace("-", "_")
