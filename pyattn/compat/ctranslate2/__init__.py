"""CTranslate2's interface for encoder-decoders, on pyattn's engine.

    import pyattn.compat.ctranslate2 as ctranslate2

    translator = ctranslate2.Translator("model-folder")
    translator.translate_batch([["▁Hello", "▁world"]])

Names, arguments, defaults, results and errors are those of version 4.8 for `Translator` on a CPU.
A model's folder may also be of any other layout that `pyattn.load` reads, if it has a vocabulary.
It differs where that has a known defect:

* Batch sizes, `inter_threads` and `max_queued_batches` change no result and are not needed for
  speed: requests of all threads are decoded as one batch.
* Attention and coverage are the sentence's own; in a batch, CTranslate2 takes those of a first beam
  step from another sentence.
* `coverage_penalty` also works with a `beam_size` of 1.
* A beam search samples with any `sampling_topk`, which is about the continuations of each
  hypothesis, as is `sampling_topp`.
* `return_logits_vocab` works with every beam size and gives NumPy arrays; they are the model's
  logits, before any mask or penalty.
* `return_alternatives` with a prefix begins behind the prefix for models of every family, and
  penalties, n-grams, suppressed sequences and minimum lengths see what the alternative begins with.
* A prefix of full length is its own translation, as often as asked for, with a score of 0; the
  model is not run, so there is no attention.
* Beam search behind a prefix may find that nothing has to follow it, also where the end is not the
  likeliest token.
* `use_vmap` goes with all other options, and callbacks are told ids of the whole vocabulary.
* A number type that the CPU has no instructions for is computed in another, not refused; see
  `Translator.compute_type`.
* Arguments are checked at once, also where no sentence has tokens; a negative size is a ValueError.
* A forked process, an interrupt and a file that is no model are no danger.
"""

from __future__ import annotations

import os
import pathlib

from pyattn.compat.ctranslate2.results import (
    AsyncScoringResult,
    AsyncTranslationResult,
    ExecutionStats,
    GenerationStepResult,
    ScoringResult,
    TranslationResult,
)
from pyattn.compat.ctranslate2.sampling import set_random_seed
from pyattn.compat.ctranslate2.translator import Translator

# The version whose interface this is.
__version__ = "4.8.5"

__all__ = [
    "AsyncScoringResult",
    "AsyncTranslationResult",
    "ExecutionStats",
    "GenerationStepResult",
    "ScoringResult",
    "TranslationResult",
    "Translator",
    "contains_model",
    "get_cuda_device_count",
    "get_supported_compute_types",
    "set_random_seed",
]


def contains_model(path: str | os.PathLike[str]) -> bool:
    """Whether a folder seems to hold a CTranslate2 model."""
    return (pathlib.Path(path) / "model.bin").is_file()


def get_cuda_device_count() -> int:
    """GPUs that can be used: none."""
    return 0


def get_supported_compute_types(device: str, device_index: int = 0) -> set[str]:
    """What `Translator` computes in on a device.

    Raises:
        ValueError: if the device is not "cpu" or "auto".
    """
    if device not in ("cpu", "auto") or device_index != 0:
        raise ValueError(f"unsupported device {device}:{device_index}, expected cpu:0")
    return {"float32", "bfloat16", "int8", "int8_float32", "int8_bfloat16"}
