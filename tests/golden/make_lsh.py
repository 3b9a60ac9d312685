"""Makes tests/golden/lsh.npz: what transformers' Reformer makes of queries and values.

    python tests/golden/make_lsh.py

`LSHSelfAttention` with a seed for its rotations, causal, two hashes, of longer sequences than a
chunk and of one that is not. Wants PyTorch and transformers.
"""

from __future__ import annotations

import pathlib

import numpy as np
import torch
from transformers import ReformerConfig
from transformers.models.reformer.modeling_reformer import LSHSelfAttention

HEADS, WIDTH, CHUNK, HASHES, BUCKETS, SEED = 2, 6, 8, 2, 4, 3


def main() -> None:
    torch.manual_seed(11)
    found: dict[str, np.ndarray] = {}
    for name, causal, time in (("causal", True, 40), ("open", False, 32), ("short", True, CHUNK)):
        config = ReformerConfig(
            hidden_size=HEADS * WIDTH,
            num_attention_heads=HEADS,
            attention_head_size=WIDTH,
            num_hashes=HASHES,
            num_buckets=BUCKETS,
            lsh_attn_chunk_length=CHUNK,
            lsh_num_chunks_before=1,
            lsh_num_chunks_after=0,
            is_decoder=causal,
            hash_seed=SEED,
            lsh_attention_probs_dropout_prob=0.0,
        )
        module = LSHSelfAttention(config).eval()
        states = torch.randn(1, time, HEADS * WIDTH) * 2

        def by_head(x: torch.Tensor) -> np.ndarray:
            return x.reshape(1, -1, HEADS, WIDTH).transpose(1, 2).contiguous().numpy()

        with torch.no_grad():
            found[f"{name}_out"] = by_head(module(states, num_hashes=HASHES).hidden_states)
            found[f"{name}_query_key"] = by_head(module.query_key(states))
            found[f"{name}_value"] = by_head(module.value(states))
    torch.manual_seed(SEED)  # as the module draws them
    found["rotations"] = torch.randn(HEADS, WIDTH, HASHES, BUCKETS // 2).numpy()
    np.savez_compressed(pathlib.Path(__file__).parent / "lsh.npz", **found)


if __name__ == "__main__":
    main()
