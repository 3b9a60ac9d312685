"""Makes tests/golden/ctranslate2-encoders: tiny encoders as CTranslate2's own converter saves them.

    python tests/golden/make_ctranslate2_encoders.py

They are models of tests/golden/classifiers, one of them in int8. `golden.json` of each has what
CTranslate2's Encoder makes of a batch of `IDS` and, of families that have some, `TYPES`. The pooler
of camembert, which its classifier lacks, is the converter's own. Wants ctranslate2, transformers
and PyTorch.
"""

from __future__ import annotations

import json
import pathlib
import shutil

import ctranslate2
import numpy as np
import transformers
from ctranslate2.converters import TransformersConverter

FOLDER = pathlib.Path(__file__).parent
MODELS = {
    "bert": ("bert", None),
    "bert-int8": ("bert", "int8"),
    "distilbert": ("distilbert", None),
    "camembert": ("camembert-many", None),
    "xlm-roberta": ("xlm-roberta-reranker", None),
}
IDS = [[2, 5, 6, 3], [2, 3], [2, 7, 8, 9, 10, 11, 12, 3]]
TYPES = [[0, 0, 1, 1], [0, 1], [0, 0, 0, 0, 1, 1, 1, 1]]


def main() -> None:
    """Make them."""
    shutil.rmtree(FOLDER / "ctranslate2-encoders", ignore_errors=True)
    for config in ("BertConfig", "CamembertConfig", "XLMRobertaConfig"):
        # Which the converter looks at, though transformers has dropped it.
        getattr(transformers, config).position_embedding_type = "absolute"
    for name, (source, quantization) in MODELS.items():
        folder = FOLDER / "ctranslate2-encoders" / name
        converter = TransformersConverter(str(FOLDER / "classifiers" / source))
        converter.convert(str(folder), quantization=quantization)
        encoder = ctranslate2.Encoder(str(folder))
        types = TYPES if name.startswith("bert") else None
        output = encoder.forward_batch(IDS, token_type_ids=types)
        found = {"states": output.last_hidden_state, "pooled": output.pooler_output}
        golden = {
            name: np.round(np.array(values, float), 6).tolist()
            for name, values in found.items()
            if values is not None
        }
        (folder / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
