"""Make the golden searches, and states of thousands of tokens, of models for long sources.

    python tests/golden/make_long_runs.py

Needs torch and transformers, and the folders that make_long.py writes. `searches.json` in a folder
has what greedy search and a beam of four find for some sentences of its `golden.npz`. `far.npz` has
states of sentences that are longer than the folder's learned positions, of which `far_positions`
makes more: the `ids_n`, the positions `rows_n` whose states are `states_n`, [rows, dim], and the
`global_n` of models with global tokens. One sentence at a time, in float64.
"""

from __future__ import annotations

import copy
import json
import pathlib
from typing import Any

import numpy as np
import torch
import transformers
from far_positions import FAR, TABLES, table

_HERE = pathlib.Path(__file__).parent / "long"
_SEARCHED = (1, 17, 44, 129, 700)
_NEW_TOKENS = 12
# In pyattn's words. Models of random weights repeat themselves wherever they may.
_SEARCHES: tuple[dict[str, int], ...] = (
    {"beam_size": 1},
    {"beam_size": 4},
    {"beam_size": 1, "no_repeat_ngram_size": 2},
    {"beam_size": 4, "no_repeat_ngram_size": 2},
)
# BigBird has plans of its own for the first two.
_FAR_LENGTHS = (1024, 4096, 5000)
_ROWS = 20


def main() -> None:
    """Make all of them."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for folder in sorted(_HERE.iterdir()):
        config = transformers.AutoConfig.from_pretrained(folder)
        kind = getattr(transformers, config.architectures[0])
        if config.is_encoder_decoder:
            _search(folder, kind.from_pretrained(folder).eval().double())
        if folder.name in TABLES:
            _look_far(folder, kind)


def _search(folder: pathlib.Path, model: Any) -> None:
    model.generation_config = transformers.GenerationConfig(
        decoder_start_token_id=model.config.decoder_start_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        max_new_tokens=_NEW_TOKENS,
    )
    found = []
    with np.load(folder / "golden.npz") as arrays:
        count = sum(key.startswith("ids_") for key in arrays)
        for n in range(count):
            if len(arrays[f"ids_{n}"]) not in _SEARCHED:
                continue
            given = _given(arrays[f"ids_{n}"], arrays.get(f"global_{n}"))
            cases = [_case(copy.deepcopy(model), given, options) for options in _SEARCHES]
            found.append({"sentence": n, "cases": cases})
    (folder / "searches.json").write_text(json.dumps(found) + "\n")


def _case(model: Any, given: dict[str, Any], options: dict[str, int]) -> dict[str, Any]:
    """What a search finds. The model is a copy: BigBird, once it saw few tokens, uses no blocks."""
    beams = options.get("beam_size", 1)
    out = model.generate(
        **given,
        num_beams=beams,
        num_return_sequences=beams,
        no_repeat_ngram_size=options.get("no_repeat_ngram_size", 0),
        return_dict_in_generate=True,
        output_scores=True,
    )
    tokens = [_tokens(ids, model.config.eos_token_id) for ids in out.sequences.tolist()]
    scores = out.sequences_scores.tolist() if beams > 1 else []
    return {"options": options, "tokens": tokens, "scores": [round(one, 6) for one in scores]}


def _tokens(ids: list[int], end: int) -> list[int]:
    """Without the start, the end and what is behind it."""
    ids = ids[1:]
    return ids[: ids.index(end)] if end in ids else ids


def _look_far(folder: pathlib.Path, kind: Any) -> None:
    key, names = TABLES[folder.name]
    config = transformers.AutoConfig.from_pretrained(folder)
    setattr(config, key, FAR)
    model = kind.from_pretrained(folder, config=config, ignore_mismatched_sizes=True).eval()
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name in names:
            parameters[name].copy_(torch.tensor(table(parameters[name].shape[1])))
    random = np.random.default_rng(9)
    arrays: dict[str, Any] = {}
    for n, length in enumerate(_FAR_LENGTHS):
        ids = random.integers(3, config.vocab_size, size=length).astype(np.uint8)
        rows = np.unique([0, length - 1, *random.integers(0, length, size=_ROWS)])
        arrays |= {f"ids_{n}": ids, f"rows_{n}": rows.astype(np.int32)}
        if folder.name in ("led", "longformer"):
            positions = np.unique([0, *random.integers(0, length, size=3)])
            arrays[f"global_{n}"] = positions.astype(np.int32)
        given = _given(ids, arrays.get(f"global_{n}"))
        whole = copy.deepcopy(model).double()
        encoder = whole.get_encoder() if config.is_encoder_decoder else whole.base_model
        with torch.inference_mode():
            states = encoder(**given).last_hidden_state[0]
        arrays[f"states_{n}"] = states.float().numpy()[rows]
    np.savez_compressed(folder / "far.npz", **arrays)


def _given(ids: Any, positions: Any) -> dict[str, Any]:
    given = {
        "input_ids": torch.tensor(ids[None].astype(np.int64)),
        "attention_mask": torch.ones(1, len(ids), dtype=torch.int64),
    }
    if positions is not None:
        mask = np.zeros((1, len(ids)), np.int64)
        mask[0, positions] = 1
        given["global_attention_mask"] = torch.tensor(mask)
    return given


if __name__ == "__main__":
    main()
