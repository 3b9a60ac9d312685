"""Make the golden files of Reformers. Needs torch, transformers and safetensors.

    python tests/golden/make_reformer.py

Each tiny `ReformerModelWithLMHead` has seeded weights. `golden.json` has prompts and what
transformers generates for them, greedily, tokens and their log-probabilities: `plain` without its
cache, `cached` with it; null if it fails, or draws other random vectors at every token.
`answers.npz` holds for the n-th prompt `logits_n`, [prompt, vocab], and for a model without
`hash_seed` `vectors_n_m`, the random vectors that its m-th hashing layer drew. Prompts whose
answers hang on rounding are drawn again. transformers keeps the number of buckets that its first
long text brings about, so each answer comes from a fresh model.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
import shutil
from typing import Any

import numpy as np
import torch
import transformers
from transformers.models.reformer.modeling_reformer import LSHSelfAttention

_HERE = pathlib.Path(__file__).parent / "reformer"
_VOCAB, _END, _NEW = 37, 2, 9
# Next tokens that are nearer to each other, in log-probability, are no test.
_STEADY = 1e-3
# How far logits may move by weights that differ in their last digits.
_MOVED, _NOISE = 1e-4, 3e-7

_ALL: dict[str, Any] = {
    **{"vocab_size": _VOCAB, "hidden_size": 8, "feed_forward_size": 12, "eos_token_id": _END},
    **{"num_attention_heads": 2, "attention_head_size": 5, "is_decoder": True},
    **{"axial_pos_shape": [6, 8], "axial_pos_embds_dim": [3, 5], "max_position_embeddings": 48},
    **{"local_attn_chunk_length": 4, "lsh_attn_chunk_length": 4},
}


@dataclasses.dataclass(frozen=True)
class Tiny:
    """One tiny model.

    Attributes:
        config: Its config.
        old: Whether it is pickled, with the buffers of the family's first years.
    """

    config: dict[str, Any]
    old: bool = False
    lengths: tuple[int, ...] = (1, 3, 4, 5, 8, 13, 24, 37)


REFORMERS = {
    "local": Tiny({"attn_layers": ["local", "local"]}),
    # More neighbours than a short text has chunks.
    "local-far": Tiny(
        {
            **{"attn_layers": ["local"] * 2, "local_num_chunks_before": 3, "hidden_act": "gelu"},
            "axial_pos_embds": False,
        }
    ),
    "lsh": Tiny(
        {
            **{"attn_layers": ["lsh", "lsh"], "hash_seed": 5, "num_hashes": 2, "num_buckets": 4},
            "axial_pos_embds": False,
        }
    ),
    "lsh-free": Tiny(
        {
            **{"attn_layers": ["lsh"] * 2, "hash_seed": 7, "num_hashes": 3, "hidden_act": "swish"},
            "lsh_num_chunks_before": 2,
        }
    ),
    "both": Tiny(
        {
            **{"attn_layers": ["local", "lsh", "local", "lsh"], "hash_seed": 0},
            **{"num_buckets": [2, 4], "lsh_attn_chunk_length": 6, "num_hashes": 2},
        }
    ),
    "drawn": Tiny(
        {"attn_layers": ["lsh", "local", "lsh"], "num_buckets": [4, 2, 2], "num_hashes": 2},
        old=True,
    ),
}


def main() -> None:
    """Make all of them."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for seed, (name, tiny) in enumerate(REFORMERS.items(), 91):
        _make(_HERE / name, seed, tiny)


def _make(folder: pathlib.Path, seed: int, tiny: Tiny) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)
    config = transformers.ReformerConfig(**_ALL | tiny.config)
    model = transformers.ReformerModelWithLMHead(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and the weights of norms, which begin at 0 and 1, count too.
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.3))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if tiny.old:
        _age(folder, model)
    random = np.random.default_rng(seed)
    prompts, answers, arrays = [], [], {}
    for n, length in enumerate(tiny.lengths):
        for attempt in range(300):
            prompt = random.integers(3, _VOCAB, size=length).tolist()
            logits, vectors = _logits(model, prompt, attempt)
            found = _answers(model, prompt) if _steady(model, prompt, attempt, logits) else None
            if found is not None:
                break
        else:
            raise RuntimeError(f"{folder.name}: all answers of {length} tokens hang on rounding")
        prompts.append(prompt)
        answers.append(found)
        arrays[f"logits_{n}"] = logits.numpy()
        if config.hash_seed is None:
            arrays |= {f"vectors_{n}_{m}": one.numpy() for m, one in enumerate(vectors)}
    np.savez_compressed(folder / "answers.npz", **arrays)
    values = {
        **{"prompts": prompts, "max_new_tokens": _NEW, "answers": answers},
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
    }
    (folder / "golden.json").write_text(json.dumps(values) + "\n", encoding="utf-8")


def _logits(model: Any, prompt: list[int], seed: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The logits, [prompt, vocab], and the random vectors that were drawn on the way."""
    drawn: list[torch.Tensor] = []
    randn = torch.randn

    def watched(*args: Any, **settings: Any) -> torch.Tensor:
        drawn.append(randn(*args, **settings))
        return drawn[-1]

    torch.manual_seed(seed)
    torch.randn = watched
    try:
        with torch.inference_mode():
            found = copy.deepcopy(model)(torch.tensor([prompt]), use_cache=False).logits[0]
    finally:
        torch.randn = randn
    return found, drawn


def _steady(model: Any, prompt: list[int], seed: int, logits: torch.Tensor) -> bool:
    """Whether no hash is so near to another that rounding decides."""
    for noise in (_NOISE, -_NOISE):
        other = copy.deepcopy(model)
        with torch.no_grad():
            for n, parameter in enumerate(other.parameters()):
                parameter.mul_(1 + noise * (-1) ** n)
        if (_logits(other, prompt, seed)[0] - logits).abs().max() > _MOVED:
            return False
    return True


def _answers(model: Any, prompt: list[int]) -> dict[str, Any] | None:
    """What transformers generates in both ways; None if rounding or its guess may change it."""
    if "lsh" in model.config.attn_layers and model.config.hash_seed is None:
        return {"plain": None, "cached": None}  # drawn anew at every token
    found: dict[str, Any] = {}
    for kind, cache in (("plain", False), ("cached", True)):
        try:
            found[kind] = _generated(model, prompt, cache)
        except TypeError:  # without a number of buckets it cannot hash what a step completes
            if not cache or model.config.num_buckets is not None:
                raise
            found[kind] = None
            continue
        if found[kind] is None:
            return None
    return found


def _generated(model: Any, prompt: list[int], cache: bool) -> dict[str, Any] | None:
    guesses: list[bool] = []
    own = LSHSelfAttention._hash_vectors

    def watched(*args: Any, increase_num_buckets: Any = None, **settings: Any) -> torch.Tensor:
        if increase_num_buckets is None:
            return own(*args, **settings)
        guesses.append(bool(increase_num_buckets))
        return own(*args, increase_num_buckets=increase_num_buckets, **settings)

    LSHSelfAttention._hash_vectors = watched
    try:
        found = copy.deepcopy(model).generate(
            torch.tensor([prompt]),
            do_sample=False,
            max_new_tokens=_NEW,
            use_cache=cache,
            return_dict_in_generate=True,
            output_scores=True,
        )
    finally:
        LSHSelfAttention._hash_vectors = own
    # By the largest bucket of the prompt it guesses whether there was one more, that of padding,
    # and of some short prompts it guesses wrong: then new tokens are in the bucket below.
    if len(set(guesses)) > 1 or (guesses and guesses[0] != _counts_padding(model, len(prompt))):
        return None
    new = found.sequences[0, len(prompt) :].tolist()
    logs = []
    for token, scores in zip(new, found.scores, strict=True):
        all_logs = scores[0].log_softmax(-1)
        best = all_logs.topk(2).values
        if best[0] - best[1] < _STEADY:
            return None
        logs.append(round(float(all_logs[token]), 6))
    return {"tokens": new, "scores": logs}


def _counts_padding(model: Any, length: int) -> bool:
    """Whether the buckets of several hashes have one for padding among them."""
    config = model.config
    kinds = {"local": config.local_attn_chunk_length, "lsh": config.lsh_attn_chunk_length}
    chunks = [kinds[kind] for kind in set(config.attn_layers)]
    padded = length > min(chunks) and length % np.lcm.reduce(chunks) > 0
    return bool(padded and config.num_hashes > 1)


def _age(folder: pathlib.Path, model: Any) -> None:
    """The file and the buffers of the family's first years, whose bias has two names."""
    tensors = dict(model.state_dict())
    for n, kind in enumerate(model.config.attn_layers):
        begin = f"reformer.encoder.layers.{n}.attention.self_attention."
        for own in ("", "self_") if kind == "lsh" else ("",):
            for size in (16, 32):
                tensors[f"{begin}{own}mask_value_float{size}"] = torch.tensor(-1e4)
    tensors["lm_head.bias"] = tensors["lm_head.decoder.bias"]
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


if __name__ == "__main__":
    main()
