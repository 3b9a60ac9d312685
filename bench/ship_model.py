"""Makes the model in the box: `python bench/ship_model.py CHECKPOINT`.

CHECKPOINT is the Hugging Face folder of the trained English-Spanish model (`bench/train_model.py`).
It becomes `pyattn/models/en-es`: int8 weights with a scale per output channel, as `pyattn convert
CHECKPOINT OUT --dtype int8` writes them, the SentencePiece model, and how its texts are treated.
Empty the folder first, but for ATTRIBUTION.md, which stays and has to say what it was trained on.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import tempfile

import numpy as np

from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.text.tokenizers import tokenizer_files
from pyattn.text_settings import NORMALIZATION_STEPS, TextSettings

SHIPPED = pathlib.Path(__file__).resolve().parent.parent / "pyattn" / "models" / "en-es"
LARGEST_MIB = 12

# Trained on single sentences with straight quotes, and hardly on capitals.
TEXT = TextSettings(whole_tokens=0, normalize=NORMALIZATION_STEPS, source="en", target="es")
# As Marian's own decoder has it.
MAX_LENGTH_FACTOR = 3.0


def main() -> None:
    """Converts the checkpoint, and checks what was written against it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path, help="folder of the trained model")
    parser.add_argument("--out", type=pathlib.Path, default=SHIPPED, help="default: the package's")
    options = parser.parse_args()

    trained = read_checkpoint(options.checkpoint)
    adapted = dataclasses.replace(
        trained,
        text=TEXT,
        generation=trained.generation.replace(max_length_factor=MAX_LENGTH_FACTOR),
    )
    with tempfile.TemporaryDirectory() as folder:
        new = pathlib.Path(folder, "model")
        write_native(
            new, adapted, dtype="int8", tokenizer_files=tokenizer_files(options.checkpoint)
        )
        options.out.mkdir(parents=True, exist_ok=True)
        for path in new.iterdir():
            (options.out / path.name).write_bytes(path.read_bytes())

    shipped = read_checkpoint(options.out)
    assert shipped.config == trained.config
    for name, array in trained.tensors.items():
        step = np.abs(array).max(axis=1, keepdims=True) / 127 if array.ndim == 2 else 0
        # The last digits of the scale and of the product come on top of half a step.
        assert (np.abs(shipped.tensors[name] - array) <= 0.5001 * step).all(), name
    size = sum(path.stat().st_size for path in options.out.iterdir()) / 2**20
    assert size < LARGEST_MIB, size
    print(f"{options.out}: {size:.2f} MiB, every value within half a step of its row")


if __name__ == "__main__":
    main()
