"""Makes tests/golden/textbook: a training state as attention-is-all-you-need-pytorch saves it.

    python tests/golden/make_textbook.py

The network is written here from the paper and that program's names of parameters: heads of queries
and values of different widths, a norm on the sum of embedding and position, sines and cosines that
alternate, logits scaled by d_model ** -0.5 since the projection is the embedding. `golden.json` has
its logits, in double precision. Wants PyTorch.
"""

from __future__ import annotations

import argparse
import json
import pathlib

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).parent / "textbook"
D_MODEL, FFN, LAYERS, HEADS, D_K, D_V, VOCAB, POSITIONS = 12, 20, 2, 3, 4, 6, 23, 24


def parameters() -> dict[str, torch.Tensor]:
    """Seeded float32 tensors under the names of the program's state_dict."""
    generator = torch.Generator().manual_seed(5)

    def random(*shape: int, scale: float = 0.4) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * scale

    made: dict[str, torch.Tensor] = {}

    def norm(name: str) -> None:
        made[f"{name}.layer_norm.weight"] = 1 + random(D_MODEL, scale=0.3)
        made[f"{name}.layer_norm.bias"] = random(D_MODEL, scale=0.1)

    embedding = random(VOCAB, D_MODEL, scale=1.0)
    for stack, word in (("encoder", "src"), ("decoder", "trg")):
        made[f"{stack}.{word}_word_emb.weight"] = embedding
        made[f"{stack}.position_enc.pos_table"] = position_table()[None]
        blocks = ["slf_attn"] if stack == "encoder" else ["slf_attn", "enc_attn"]
        for n in range(LAYERS):
            for block in blocks:
                name = f"{stack}.layer_stack.{n}.{block}"
                made[f"{name}.w_qs.weight"] = random(HEADS * D_K, D_MODEL)
                made[f"{name}.w_ks.weight"] = random(HEADS * D_K, D_MODEL)
                made[f"{name}.w_vs.weight"] = random(HEADS * D_V, D_MODEL)
                made[f"{name}.fc.weight"] = random(D_MODEL, HEADS * D_V)
                norm(name)
            name = f"{stack}.layer_stack.{n}.pos_ffn"
            made[f"{name}.w_1.weight"] = random(FFN, D_MODEL)
            made[f"{name}.w_1.bias"] = random(FFN, scale=0.1)
            made[f"{name}.w_2.weight"] = random(D_MODEL, FFN)
            made[f"{name}.w_2.bias"] = random(D_MODEL, scale=0.1)
            norm(name)
        norm(stack)
    made["trg_word_prj.weight"] = embedding
    return made


def position_table() -> torch.Tensor:
    """[POSITIONS, D_MODEL]: sine and cosine of each angle side by side."""
    column = np.arange(D_MODEL)
    angles = np.arange(POSITIONS)[:, None] / 10000 ** (2 * (column // 2) / D_MODEL)
    return torch.tensor(np.where(column % 2, np.cos(angles), np.sin(angles)), dtype=torch.float32)


class Network:
    """The forward pass, in double precision."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self._tensors = {name: tensor.double() for name, tensor in tensors.items()}

    def logits(self, source: list[int], target: list[int]) -> torch.Tensor:
        """[len(target), VOCAB]."""
        memory = self._embedded("encoder", "src", source)
        for n in range(LAYERS):
            layer = f"encoder.layer_stack.{n}"
            memory = self._attend(f"{layer}.slf_attn", memory, memory, causal=False)
            memory = self._feed_forward(f"{layer}.pos_ffn", memory)
        x = self._embedded("decoder", "trg", target)
        for n in range(LAYERS):
            layer = f"decoder.layer_stack.{n}"
            x = self._attend(f"{layer}.slf_attn", x, x, causal=True)
            x = self._attend(f"{layer}.enc_attn", x, memory, causal=False)
            x = self._feed_forward(f"{layer}.pos_ffn", x)
        return x @ self._tensors["trg_word_prj.weight"].T * D_MODEL**-0.5

    def _embedded(self, stack: str, word: str, ids: list[int]) -> torch.Tensor:
        x = self._tensors[f"{stack}.{word}_word_emb.weight"][ids]
        return self._norm(
            stack, x + self._tensors[f"{stack}.position_enc.pos_table"][0, : len(ids)]
        )

    def _attend(
        self, name: str, x: torch.Tensor, memory: torch.Tensor, *, causal: bool
    ) -> torch.Tensor:
        def heads(matrix: str, rows: torch.Tensor) -> torch.Tensor:
            made = rows @ self._tensors[f"{name}.{matrix}.weight"].T
            return made.reshape(len(rows), HEADS, -1).transpose(0, 1)

        q, k, v = heads("w_qs", x), heads("w_ks", memory), heads("w_vs", memory)
        scores = q @ k.transpose(1, 2) / D_K**0.5
        if causal:
            scores = scores.masked_fill(torch.ones(len(x), len(x)).triu(1).bool(), -torch.inf)
        mixed = (scores.softmax(-1) @ v).transpose(0, 1).reshape(len(x), -1)
        return self._norm(name, x + mixed @ self._tensors[f"{name}.fc.weight"].T)

    def _feed_forward(self, name: str, x: torch.Tensor) -> torch.Tensor:
        tensors = self._tensors
        middle = (x @ tensors[f"{name}.w_1.weight"].T + tensors[f"{name}.w_1.bias"]).relu()
        return self._norm(
            name, x + middle @ tensors[f"{name}.w_2.weight"].T + tensors[f"{name}.w_2.bias"]
        )

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        gamma, beta = (self._tensors[f"{name}.layer_norm.{part}"] for part in ("weight", "bias"))
        return torch.nn.functional.layer_norm(x, (D_MODEL,), gamma, beta, 1e-6)


def main() -> None:
    """Writes the state, as a file of PyTorch since 1.6 and as one of before, and the logits."""
    settings = argparse.Namespace(
        epoch=10,
        batch_size=64,
        d_model=D_MODEL,
        d_inner_hid=FFN,
        d_k=D_K,
        d_v=D_V,
        n_head=HEADS,
        n_layers=LAYERS,
        n_warmup_steps=4000,
        lr_mul=2.0,
        seed=None,
        dropout=0.1,
        embs_share_weight=True,
        proj_share_weight=True,
        scale_emb_or_prj="prj",
        output_dir="out",
        no_cuda=True,
        label_smoothing=True,
        cuda=False,
        max_token_seq_len=100,
        src_pad_idx=1,
        trg_pad_idx=1,
        src_vocab_size=VOCAB,
        trg_vocab_size=VOCAB,
    )
    tensors = parameters()
    state = {"epoch": 9, "settings": settings, "model": tensors}
    FOLDER.mkdir(exist_ok=True)
    torch.save(state, FOLDER / "model.chkpt")
    torch.save(state, FOLDER / "legacy.chkpt", _use_new_zipfile_serialization=False)
    network = Network(tensors)
    cases = []
    for source, target in (([5, 9, 3], [2]), ([2, 7, 8, 20, 3], [2, 11, 4, 19]), ([3], [2, 3, 3])):
        logits = network.logits(source, target)
        cases.append({"source": source, "target": target, "logits": logits.tolist()})
    text = json.dumps(cases).replace("}, {", "},\n{")
    (FOLDER / "golden.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
