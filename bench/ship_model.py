"""Makes the model in the box: `python bench/ship_model.py CHECKPOINT`.

CHECKPOINT is the Hugging Face folder of the trained English-Spanish model (`bench/train_model.py`).
It becomes `pyattn/models/en-es`: int8 weights with a scale per output channel, the SentencePiece
model, and the attribution that the training data asks for. Remove the old folder first.
"""

from __future__ import annotations

import argparse
import pathlib

import numpy as np

from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.text.tokenizers import tokenizer_files

SHIPPED = pathlib.Path(__file__).resolve().parent.parent / "pyattn" / "models" / "en-es"
LARGEST_MIB = 12

ATTRIBUTION = """\
# The English-Spanish model

Trained on sentences from Tatoeba (tatoeba.org), CC BY 2.0 FR
(https://creativecommons.org/licenses/by/2.0/fr/), in the selection of manythings.org/anki:
116,055 sentence pairs, normalised to NFC, duplicates removed, 1,000 pairs with no source sentence
in common with the others set aside to measure on.

## What it is
A MarianMT Transformer: 6 encoder and 3 decoder layers, width 256, feed-forward 1,024, 4 heads,
SiLU, norms after the residuals, sinusoidal positions, one embedding for source, target and output;
10.1 million parameters. One SentencePiece unigram vocabulary of 8,000 pieces for both languages.
Here its matrices are stored in int8 with one float32 scale per output channel.

## How it was trained
`bench/train_model.py`: AdamW, label smoothing 0.1, dropout 0.1, batches of about 4,000 tokens,
bfloat16 autocast, a cosine rate from 6e-4, about 19 epochs in two runs, an exponential average of
the weights (0.998).

## What it scores
On the 1,000 pairs set aside, the float32 weights, decoded by transformers, sacrebleu's BLEU (13a)
and chrF: greedy 40.97 / 61.17, beam 4 43.24 / 62.57 (at most 100 new tokens). It knows everyday
sentences only: no news, no names, no long texts.
"""


def main() -> None:
    """Converts the checkpoint, and checks what was written against it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path, help="folder of the trained model")
    folder: pathlib.Path = parser.parse_args().checkpoint

    trained = read_checkpoint(folder)
    write_native(SHIPPED, trained, dtype="int8", tokenizer_files=tokenizer_files(folder))
    (SHIPPED / "ATTRIBUTION.md").write_text(ATTRIBUTION, encoding="utf-8")

    shipped = read_checkpoint(SHIPPED)
    assert shipped.config == trained.config
    assert shipped.generation == trained.generation
    for name, array in trained.tensors.items():
        step = np.abs(array).max(axis=1, keepdims=True) / 127 if array.ndim == 2 else 0
        # The last digits of the scale and of the product come on top of half a step.
        assert (np.abs(shipped.tensors[name] - array) <= 0.5001 * step).all(), name
    size = sum(path.stat().st_size for path in SHIPPED.iterdir()) / 2**20
    assert size < LARGEST_MIB, size
    print(f"{SHIPPED}: {size:.2f} MiB, every value within half a step of its row")


if __name__ == "__main__":
    main()
