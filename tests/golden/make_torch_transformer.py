"""Makes tests/golden/torch_transformer: models of `torch.nn.Transformer` as courses build them.

    python tests/golden/make_torch_transformer.py

- tutorial.pt: a scale, sines and cosines in turns as a buffer, norms behind blocks, an output with
  a bias
- learned.safetensors: learned positions of both sides, no scale, norms in front of blocks, gelu
- bare.pt: without biases, one matrix for both embeddings and the output, positions that are not in
  the file, and a prefix as of DistributedDataParallel

The forward pass is PyTorch's own, in double precision; `golden.json` has its logits.
"""

from __future__ import annotations

import json
import math
import pathlib
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = pathlib.Path(__file__).parent / "torch_transformer"
DIM, HEADS, FFN, POSITIONS = 12, 3, 18, 16
SOURCE_VOCAB, TARGET_VOCAB = 19, 23
SIZES: dict[str, Any] = {
    "d_model": DIM,
    "nhead": HEADS,
    "num_encoder_layers": 2,
    "num_decoder_layers": 1,
    "dim_feedforward": FFN,
    "dropout": 0.0,
    "batch_first": True,
}


class Scaled(nn.Module):
    """A table of embeddings times the root of its width."""

    def __init__(self, vocab: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, DIM)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.embedding(ids) * math.sqrt(DIM)


class Positions(nn.Module):
    """Sines at even places, cosines at odd ones, added."""

    def __init__(self, *, saved: bool) -> None:
        super().__init__()
        table = torch.zeros(POSITIONS, 1, DIM)
        for p in range(POSITIONS):
            for i in range(0, DIM, 2):
                angle = p * math.exp(-i * math.log(10000) / DIM)
                table[p, 0, i], table[p, 0, i + 1] = math.sin(angle), math.cos(angle)
        self.register_buffer("pos_embedding", table, persistent=saved)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.pos_embedding[: x.shape[1], 0]


class Tutorial(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(**SIZES)
        self.generator = nn.Linear(DIM, TARGET_VOCAB)
        self.src_tok_emb, self.tgt_tok_emb = Scaled(SOURCE_VOCAB), Scaled(TARGET_VOCAB)
        self.positional_encoding = Positions(saved=True)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.generator(
            decoded(
                self.transformer,
                self.positional_encoding(self.src_tok_emb(source)),
                self.positional_encoding(self.tgt_tok_emb(target)),
            )
        )


class Learned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.src_word_embedding = nn.Embedding(SOURCE_VOCAB, DIM)
        self.src_position_embedding = nn.Embedding(POSITIONS, DIM)
        self.trg_word_embedding = nn.Embedding(TARGET_VOCAB, DIM)
        self.trg_position_embedding = nn.Embedding(POSITIONS - 2, DIM)
        self.transformer = nn.Transformer(**SIZES, activation="gelu", norm_first=True)
        self.fc_out = nn.Linear(DIM, TARGET_VOCAB)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        places = torch.arange(max(source.shape[1], target.shape[1]))
        return self.fc_out(
            decoded(
                self.transformer,
                self.src_word_embedding(source)
                + self.src_position_embedding(places[: source.shape[1]]),
                self.trg_word_embedding(target)
                + self.trg_position_embedding(places[: target.shape[1]]),
            )
        )


class Bare(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.core = nn.Transformer(**SIZES, bias=False)
        self.embed = Scaled(TARGET_VOCAB)
        self.places = Positions(saved=False)
        self.logits = nn.Linear(DIM, TARGET_VOCAB, bias=False)
        self.logits.weight = self.embed.embedding.weight

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.logits(
            decoded(self.core, self.places(self.embed(source)), self.places(self.embed(target)))
        )


def decoded(module: nn.Transformer, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1], dtype=target.dtype)
    return module(source, target, tgt_mask=mask)


def perturb(module: nn.Module) -> None:
    """Norms and biases that differ from ones and zeros."""
    for name, tensor in module.named_parameters():
        if tensor.dim() == 1:
            tensor.data += 0.2 * torch.randn(tensor.shape)
        elif "emb" not in name:
            tensor.data *= 1.5


def main() -> None:
    torch.manual_seed(18)
    FOLDER.mkdir(exist_ok=True)
    golden = {}
    for file, module in (
        ("tutorial.pt", Tutorial()),
        ("learned.safetensors", Learned()),
        ("bare.pt", Bare()),
    ):
        perturb(module)
        state = module.state_dict()
        if file == "bare.pt":
            state = {f"module.{name}": tensor for name, tensor in state.items()}
        if file.endswith(".pt"):
            torch.save(state, FOLDER / file)
        else:
            save_file(state, FOLDER / file)
        module.double().eval()
        cases = []
        for source, target in (
            ([2, 7, 4, 18, 3], [2, 5, 22, 9]),
            ([11], [2]),
            ([3] * 14, [2] * 13),
        ):
            with torch.no_grad():
                logits = module(torch.tensor([source]), torch.tensor([target]))[0]
            cases.append(
                {
                    "source": source,
                    "target": target,
                    "logits": [[round(value, 7) for value in row] for row in logits.tolist()],
                }
            )
        golden[file] = cases
    (FOLDER / "golden.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
