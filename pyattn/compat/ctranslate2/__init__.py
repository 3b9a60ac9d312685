"""CTranslate2's interface for translators, encoders and generators, on pyattn's engine.

    import pyattn.compat.ctranslate2 as ctranslate2

    translator = ctranslate2.Translator("model-folder")
    translator.translate_batch([["▁Hello", "▁world"]])

Names, arguments, defaults, results and errors are those of version 4.8 for `Translator`, `Encoder`
and `Generator` on a CPU. A model may also be a package of Argos Translate (.argosmodel), which
holds one of CTranslate2's; an encoder or a generator also a folder of transformers.
The differences below are deliberate; most are defects of CTranslate2.

Batches and threads:

* Batch sizes and `max_queued_batches` change no result and are not needed for speed: requests of
  all threads are decoded as one batch. A call is one active batch, and none is queued.
* `inter_threads` times `intra_threads` is the number of threads, which all requests share.
* A sentence is translated as if it were alone. In a batch, CTranslate2 takes the attention and
  coverage of a first beam step from another sentence (or alternative), and a prefix of one sentence
  changes the search for those without a prefix.
* Forked processes, Ctrl-C and files that are no models are safe.

Searches:

* A prefix of `max_decoding_length` tokens is its own translation; with several hypotheses, all have
  the score of the first.
* `prefix_bias_beta` favours the prefix in each hypothesis that has followed it so far. CTranslate2
  keeps this state by place in the beam, and mixes hypotheses up.
* With several end tokens, a hypothesis that has ended is never continued.
* `prefix_bias_beta` with a `beam_size` of 1 finds one hypothesis, whatever `patience` is.
* If every token is suppressed, the search is a ValueError.
* `coverage_penalty` also works with a `beam_size` of 1.
* `set_random_seed` makes samples repeatable, but they are not CTranslate2's samples.
* A beam search samples with any `sampling_topk`, which is about the continuations of each
  hypothesis, as is `sampling_topp`.
* `return_alternatives` with a prefix begins behind the prefix for models of every family, and
  penalties, n-grams, suppressed sequences and minimum lengths see what the alternative begins with.
* `use_vmap` works with all other options; end tokens that the map lacks may come.

Generators:

* A prompt is continued as if it were alone. In a batch, CTranslate2 returns parts of the longer
  prompts even without `include_prompt_in_result`, and counts them in `max_length`.
* Penalties, n-grams and suppressed sequences see the whole prompt, of which CTranslate2 leaves out
  the first token, or all without `include_prompt_in_result`.
* `return_alternatives` without `include_prompt_in_result` finds as many tokens as with it.
* A continuation that reaches the model's last position ends there; only a prompt that leaves no
  room is an error.
* Prompts that begin the same share their beginning, so `cache_static_prompt` changes nothing.
* The padding of `forward_batch` is zeros.

Results and errors:

* `return_logits_vocab` works with every beam size and gives NumPy arrays; they are the model's
  logits, before any mask or penalty. `GenerationStepResult.logits` is None.
* Callbacks get ids of the whole vocabulary, also with `use_vmap`. A callback together with
  `return_alternatives` is a ValueError.
* A number type that the CPU has no instructions for is replaced by another, which
  `Translator.compute_type` names.
* A negative size and an `end_token` id outside the vocabulary are ValueErrors. An empty `end_token`
  list means the model's own end.
* An encoder answers an empty batch with empty arrays, and an empty sequence with states of zeros.
  Ids and types that the model does not have are ValueErrors. The pooler is computed in float32.
* `set_log_level` sets the level of Python's logger `pyattn.compat.ctranslate2`.
"""

from __future__ import annotations

import os
import pathlib

from pyattn.compat.ctranslate2.encoder import Encoder, EncoderForwardOutput
from pyattn.compat.ctranslate2.generator import Generator
from pyattn.compat.ctranslate2.log import get_log_level, set_log_level
from pyattn.compat.ctranslate2.results import (
    AsyncGenerationResult,
    AsyncScoringResult,
    AsyncTranslationResult,
    ExecutionStats,
    GenerationResult,
    GenerationStepResult,
    ScoringResult,
    TranslationResult,
)
from pyattn.compat.ctranslate2.sampling import set_random_seed
from pyattn.compat.ctranslate2.storage import DataType, Device, StorageView
from pyattn.compat.ctranslate2.translator import Translator

# The version whose interface this is.
__version__ = "4.8.5"

__all__ = [
    "AsyncGenerationResult",
    "AsyncScoringResult",
    "AsyncTranslationResult",
    "DataType",
    "Device",
    "Encoder",
    "EncoderForwardOutput",
    "ExecutionStats",
    "GenerationResult",
    "GenerationStepResult",
    "Generator",
    "ScoringResult",
    "StorageView",
    "TranslationResult",
    "Translator",
    "contains_model",
    "get_cuda_device_count",
    "get_log_level",
    "get_supported_compute_types",
    "set_log_level",
    "set_random_seed",
]


def contains_model(path: str | os.PathLike[str]) -> bool:
    """Whether a folder seems to hold a CTranslate2 model."""
    return (pathlib.Path(path) / "model.bin").is_file()


def get_cuda_device_count() -> int:
    """GPUs that can be used: none."""
    return 0


def get_supported_compute_types(device: str, device_index: int = 0) -> set[str]:  # noqa: ARG001 (there is one CPU)
    """The compute types of `Translator` on a device.

    Raises:
        ValueError: if the device is not "cpu" or "auto".
    """
    if device not in ("cpu", "auto"):
        raise ValueError(f"unsupported device {device}")
    return {"float32", "bfloat16", "int8", "int8_float32", "int8_bfloat16"}
