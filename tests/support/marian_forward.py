"""Marian's forward pass in plain NumPy, from its equations: y = x W + b with W [in, out].

One sentence at a time, in float64, and with none of pyattn's own code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float64]


class Forward:
    """A model: options and parameters, by Marian's names for both."""

    def __init__(
        self, chosen: Mapping[str, Any], parameters: Mapping[str, npt.NDArray[np.floating]]
    ) -> None:
        self._chosen = chosen
        self._parameters = {name: values.astype(np.float64) for name, values in parameters.items()}
        self._heads: int = chosen["transformer-heads"]

    def logits(self, source: Sequence[int], target: Sequence[int]) -> Rows:
        """Of what follows each of the first tokens of a target, [len(target) + 1, vocab]."""
        memory = self._encode(source)
        one = self._one_embedding()
        table = self._parameters["Wemb" if one else "decoder_Wemb"]
        # The first input is no token's.
        x = np.concatenate([np.zeros((1, table.shape[1])), table[list(target)]])
        x = self._embedded(x, "decoder")
        tied = self._chosen["transformer-tied-layers"]
        for number in tied or range(1, self._chosen["dec-depth"] + 1):
            layer = f"decoder_l{number}"
            x = self._mixed(layer, x)
            x = self._attended(f"{layer}_context", x, memory)
            x = self._fed(f"{layer}_ffn", x)
        x = self._on_top("decoder", x)
        return x @ self._output(table) + self._parameters["decoder_ff_logit_out_b"]

    def _encode(self, source: Sequence[int]) -> Rows:
        table = self._parameters["Wemb" if self._one_embedding() else "encoder_Wemb"]
        x = self._embedded(table[list(source)], "encoder")
        for number in range(1, self._chosen["enc-depth"] + 1):
            x = self._attended(f"encoder_l{number}_self", x, None)
            x = self._fed(f"encoder_l{number}_ffn", x)
        return self._on_top("encoder", x)

    def _one_embedding(self) -> bool:
        return bool(self._chosen["tied-embeddings-all"] or self._chosen["tied-embeddings-src"])

    def _output(self, table: Rows) -> Rows:
        if "decoder_ff_logit_out_W" in self._parameters:
            return self._parameters["decoder_ff_logit_out_W"]
        if "decoder_ff_logit_out_Wt" in self._parameters:
            return self._parameters["decoder_ff_logit_out_Wt"].T
        return table.T

    def _embedded(self, x: Rows, stack: str) -> Rows:
        time, dim = x.shape
        if "Wpos" in self._parameters:
            x = x + self._parameters["Wpos"][:time]
        else:
            x = x * np.sqrt(dim) + sinusoid(time, dim)
        if "n" in self._chosen["transformer-postprocess-emb"]:
            x = self._norm(f"{stack}_emb", x, "_pre")
        return x

    def _on_top(self, stack: str, x: Rows) -> Rows:
        operations = self._chosen.get("transformer-postprocess-top", "")
        return self._norm(f"{stack}_top", x) if "n" in operations else x

    def _affine(self, prefix: str, suffix: str, x: Rows) -> Rows:
        return x @ self._parameters[f"{prefix}_W{suffix}"] + self._parameters[f"{prefix}_b{suffix}"]

    def _norm(self, name: str, x: Rows, suffix: str = "") -> Rows:
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6)
        scale = self._parameters[f"{name}_ln_scale{suffix}"]
        return centred / deviation * scale + self._parameters[f"{name}_ln_bias{suffix}"]

    def _before(self, name: str, x: Rows) -> Rows:
        for operation in self._chosen["transformer-preprocess"]:
            if operation == "n":
                x = self._norm(name, x, "_pre")
        return x

    def _behind(self, name: str, y: Rows, x: Rows) -> Rows:
        for operation in self._chosen["transformer-postprocess"]:
            if operation == "a":
                y = y + x
            elif operation == "n":
                y = self._norm(name, y)
        return y

    def _attended(self, prefix: str, x: Rows, memory: Rows | None, *, causal: bool = False) -> Rows:
        normed = self._before(f"{prefix}_Wo", x)
        seen = normed if memory is None else memory
        queries = self._split(self._affine(prefix, "q", normed))
        keys, values = (self._split(self._affine(prefix, part, seen)) for part in "kv")
        scores = queries @ keys.transpose(0, 2, 1) / np.sqrt(queries.shape[-1])
        if causal:
            scores = np.where(np.tri(len(x)) > 0, scores, -np.inf)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        joined = (shares @ values).transpose(1, 0, 2).reshape(x.shape)
        return self._behind(f"{prefix}_Wo", self._affine(prefix, "o", joined), x)

    def _split(self, x: Rows) -> Rows:
        return x.reshape(len(x), self._heads, -1).transpose(1, 0, 2)

    def _fed(self, prefix: str, x: Rows) -> Rows:
        middle = self._affine(prefix, "1", self._before(f"{prefix}_ffn", x))
        middle = activated(self._chosen["transformer-ffn-activation"], middle)
        return self._behind(f"{prefix}_ffn", self._affine(prefix, "2", middle), x)

    def _mixed(self, layer: str, x: Rows) -> Rows:
        kind = self._chosen["transformer-decoder-autoreg"]
        if kind == "rnn":
            return self._recurrent(f"{layer}_rnn", x)
        if kind == "average-attention":
            return self._averaged(f"{layer}_aan", x)
        return self._attended(f"{layer}_self", x, None, causal=True)

    def _recurrent(self, prefix: str, x: Rows) -> Rows:
        inputs = self._before(prefix, x)
        kept = sigmoid(self._affine(prefix, "f", inputs))
        offered = inputs @ self._parameters[f"{prefix}_W"]
        cell = np.zeros(x.shape[1])
        outputs = []
        for share, new in zip(kept, offered, strict=True):
            cell = share * cell + (1 - share) * new
            outputs.append(np.maximum(cell, 0))
        return self._behind(f"{prefix}_ffn", np.array(outputs), x)

    def _averaged(self, prefix: str, x: Rows) -> Rows:
        y = np.cumsum(x, axis=0) / np.arange(1, len(x) + 1)[:, None]
        if self._chosen["transformer-aan-depth"] == 2:
            middle = activated(
                self._chosen["transformer-aan-activation"], self._affine(prefix, "1", y)
            )
            y = self._affine(prefix, "2", middle)
        if not self._chosen["transformer-aan-nogate"]:
            inputs, forget = self._affine(prefix, "i", x), self._affine(prefix, "f", y)
            y = sigmoid(inputs) * x + sigmoid(forget) * y
        return self._behind(f"{prefix}_ffn", y, x)


def sinusoid(time: int, dim: int) -> Rows:
    """All sines, then all cosines."""
    half = dim // 2
    rates = np.exp(-np.arange(half) * np.log(10000) / (half - 1))
    angles = np.arange(time)[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def activated(name: str, x: Rows) -> Rows:
    """relu or swish."""
    return np.maximum(x, 0) if name == "relu" else x * sigmoid(x)


def sigmoid(x: Rows) -> Rows:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))
