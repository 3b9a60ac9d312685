"""State dictionaries of `torch.nn.Transformer` with embeddings around it, as courses build it.

Under any prefix PREFIX, layer N of either stack has

    PREFIX{encoder,decoder}.layers.N.self_attn.in_proj_weight    [3 * dim, dim]: query, key, value
    PREFIX{encoder,decoder}.layers.N.self_attn.out_proj.weight
    PREFIXdecoder.layers.N.multihead_attn.{in_proj_weight,out_proj.weight}
    PREFIX{encoder,decoder}.layers.N.{linear1,linear2}.weight
    PREFIX{encoder,decoder}.layers.N.{norm1,norm2}.weight, PREFIXdecoder.layers.N.norm3.weight
    PREFIX{encoder,decoder}.norm.weight                          if norms end the stacks

and a bias with each, unless the module was made without. The embeddings, the positions and the
output's matrix are whatever the program around it calls them, and are found by their shapes and by
words that are usual in their names.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.errors import ModelError
from pyattn.files.named_tensors import Weights, tied
from pyattn.files.pickled import read_pickled
from pyattn.files.reading import listed
from pyattn.files.safetensors import read_safetensors
from pyattn.files.tensors import DTYPES, Tensor
from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.stored import Array, Stored, Tensors

_FIRST = re.compile(r"(.*?)encoder\.layers\.0\.self_attn\.in_proj_weight")
_LAYER = re.compile(r"layers\.(\d+)\.")

# The blocks of a layer: their names in PyTorch, and the number of the norm of each.
_ATTENTION = {"self_attention": "self_attn", "cross_attention": "multihead_attn"}
_NORMS = {
    "encoder": {"self_attention": 1, "feed_forward": 2},
    "decoder": {"self_attention": 1, "cross_attention": 2, "feed_forward": 3},
}
_JOINED = ("query", "key", "value")
_WORDS = {"output": "out_proj", "up": "linear1", "down": "linear2"}

# Words in the names of what a program has around the stacks.
_POSITION = re.compile(r"pos|(^|[._])pe($|[._])", re.IGNORECASE)
_SOURCE = re.compile(r"src|source|enc|input", re.IGNORECASE)
_TARGET = re.compile(r"tgt|trg|target|dec", re.IGNORECASE)
_OUTPUT = re.compile(r"generator|output|out|fc|linear|proj|head|logit", re.IGNORECASE)

_Part = Literal["source", "target", "output", "source_positions", "target_positions"]
_PARTS: tuple[_Part, ...] = ("source", "target", "output", "source_positions", "target_positions")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TorchTransformer:
    """What a state dictionary of `torch.nn.Transformer` does not say of its model.

        facts = pyattn.TorchTransformer(heads=8, start=2, end=3)
        model = pyattn.Model(facts.checkpoint("model.pt"))

    Attributes:
        heads: `nhead`.
        start: Id in front of the first target token.
        end: Id that ends a target. (Whether sources end with it, and begin with `start`, is for who
            makes their ids: sources are encoded as they are.)
        pad: Id of padding, which is not used here.
        activation: `activation`: "relu" or "gelu".
        norm_first: `norm_first`: norms stand before blocks.
        norm_epsilon: `layer_norm_eps`.
        embedding_scale: What embeddings are multiplied by before positions are added; None is
            sqrt(dim) (Vaswani et al. 2017, section 3.4).
        max_positions: Length of the longest sequence where the file has no table of positions: then
            they are sines and cosines in turns (Vaswani et al. 2017, section 3.5).
        names: Names in the file of "source", "target" (embeddings), "output" (its matrix),
            "source_positions" and "target_positions", where they cannot be guessed.
    """

    heads: int
    start: int
    end: int
    pad: int | None = None
    activation: Literal["relu", "gelu"] = "relu"
    norm_first: bool = False
    norm_epsilon: float = 1e-5
    embedding_scale: float | None = None
    max_positions: int = 1024
    names: Mapping[_Part, str] = dataclasses.field(default_factory=dict)

    def checkpoint(self, state: str | os.PathLike[str] | Mapping[str, Any]) -> Checkpoint:
        """The model of a state dictionary.

        Args:
            state: What `torch.save(model.state_dict(), path)` or safetensors wrote, or the
                dictionary itself, of arrays or PyTorch's tensors.

        Raises:
            ModelError: if it is no such dictionary, or a part of it is missing or has another
                shape; the message names it.
            ValueError: if `names` has another key, or `heads`, `start` or `end` do not fit.
        """
        unknown = sorted(set(self.names) - set(_PARTS))
        if unknown:
            raise ValueError(
                f"TorchTransformer: names has {', '.join(map(repr, unknown))}, expected some of "
                f"{', '.join(_PARTS)}"
            )
        return _Reader(self, *_tensors_of(state)).checkpoint()


def _tensors_of(
    state: str | os.PathLike[str] | Mapping[str, Any],
) -> tuple[str, dict[str, Tensor]]:
    """The name of the file for errors, and its tensors."""
    if isinstance(state, Mapping):
        return "state", {name: _tensor_of(name, value) for name, value in state.items()}
    path = pathlib.Path(state)
    if not path.is_file():
        raise ModelError(f"{path}: no such file, expected a state dictionary")
    read = read_safetensors if path.suffix == ".safetensors" else read_pickled
    return path.name, read(path)


def _tensor_of(name: str, value: Any) -> Tensor:
    detached = value.detach().cpu() if hasattr(value, "detach") else value
    if str(getattr(detached, "dtype", "")) == "torch.bfloat16":
        detached = detached.float()  # NumPy has no such type
    array = np.asarray(detached)
    for dtype, numpy in DTYPES.items():
        if array.dtype == numpy and dtype not in ("BF16", "BOOL"):
            return Tensor("state", name, dtype, array)
    raise ModelError(f"state: {name} has dtype {array.dtype}, expected numbers")


class _Reader:
    """One state dictionary on its way to a checkpoint."""

    def __init__(self, facts: TorchTransformer, file: str, tensors: dict[str, Tensor]) -> None:
        self._facts = facts
        self._file = file
        self._tensors = tensors
        self._weights = Weights(file, tensors)
        firsts = [match[1] for name in tensors if (match := _FIRST.fullmatch(name))]
        if len(firsts) != 1:
            raise ModelError(
                f"{file}: {len(firsts)} tensors are named [...]encoder.layers.0.self_attn."
                "in_proj_weight, expected one, as torch.nn.Transformer has it"
            )
        self._prefix = firsts[0]
        self._dim = self._shape(f"{self._prefix}encoder.layers.0.self_attn.in_proj_weight", 2)[1]
        self._around = {
            name: tensor
            for name, tensor in tensors.items()
            if not name.startswith((f"{self._prefix}encoder.", f"{self._prefix}decoder."))
        }

    def checkpoint(self) -> Checkpoint:
        """The model."""
        names = self._names()
        tables = {
            stack: self._table(names.get(part))
            for stack, part in (("encoder", "source_positions"), ("decoder", "target_positions"))
        }
        config = self._config(names, tables)
        shapes = dict(tensor_shapes(config))
        matrices = {
            "encoder.embedding": names["source"],
            "decoder.embedding": names["target"],
            "output.weight": names["output"],
        }
        stored = tied(self._weights, shapes, matrices)
        bias = self._weights.optional(names["output"].removesuffix("weight") + "bias")
        if bias is not None:
            stored["output.bias"] = bias.stored()
        for stack, table in tables.items():
            stored[f"{stack}.positions"] = Stored("float32", table)
        for name, shape in shapes.items():
            if name not in stored:
                stored[name] = self._part(name, shape)
        self._weights.check_all_taken("torch.nn.Transformer")
        return Checkpoint(config, Tensors(stored), GenerationOptions())

    def _config(self, names: Mapping[str, str], tables: Mapping[str, Array]) -> ModelConfig:
        facts = self._facts
        source, target = (self._shape(names[part], 2)[0] for part in ("source", "target"))
        if facts.heads < 1 or self._dim % facts.heads:
            raise ValueError(
                f"TorchTransformer: heads is {facts.heads}, expected a divisor of {self._dim}, the "
                f"width of {self._file}"
            )
        for name, id in (("start", facts.start), ("end", facts.end)):
            if not 0 <= id < target:
                raise ValueError(
                    f"TorchTransformer: {name} is {id}, expected one of the {target} target ids"
                )
        stacks = ("encoder", "decoder")
        final = {f"{self._prefix}{stack}.norm.weight" in self._tensors for stack in stacks}
        if len(final) == 2:
            raise ModelError(f"{self._file}: one stack ends with a norm, expected both or none")
        ffn = [
            self._shape(f"{self._prefix}{stack}.layers.0.linear1.weight", 2)[0] for stack in stacks
        ]
        layers = [self._layers(stack) for stack in stacks]
        return ModelConfig(
            family="torch",
            source_vocab=source,
            target_vocab=target,
            dim=self._dim,
            encoder_layers=layers[0],
            decoder_layers=layers[1],
            encoder_heads=facts.heads,
            decoder_heads=facts.heads,
            encoder_ffn=ffn[0],
            decoder_ffn=ffn[1],
            max_positions=len(tables["decoder"]),
            encoder_max_positions=len(tables["encoder"]),
            start=facts.start,
            end=facts.end,
            pad=facts.pad,
            norm="pre" if facts.norm_first else "post",
            norm_epsilon=facts.norm_epsilon,
            final_norm=final.pop(),
            activation=facts.activation,
            positions="learned",
            embedding_scale=(
                math.sqrt(self._dim) if facts.embedding_scale is None else facts.embedding_scale
            ),
        )

    def _shape(self, name: str, axes: int) -> tuple[int, ...]:
        tensor = self._tensors.get(name)
        if tensor is None or len(tensor.shape) != axes or 0 in tensor.shape:
            shape = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
            raise ModelError(f"{self._file}: {name} is {shape}, expected {axes} axes")
        return tensor.shape

    def _layers(self, stack: str) -> int:
        begin = f"{self._prefix}{stack}."
        found = {
            int(match[1])
            for name in self._tensors
            if name.startswith(begin) and (match := _LAYER.match(name, len(begin)))
        }
        return len(found)

    def _names(self) -> dict[str, str]:
        """Names of what stands around the stacks, those of positions only where there are some."""
        names = {str(part): name for part, name in self._facts.names.items()}
        left = [name for name in self._around if name not in names.values()]
        tables = [name for name in left if _POSITION.search(name)]
        matrices = [
            name
            for name in left
            if name not in tables
            and len(self._around[name].shape) == 2
            and self._around[name].shape[1] == self._dim
        ]
        if "output" not in names:
            named = [name for name in matrices if _OUTPUT.search(name)]
            biased = [name for name in matrices if name.removesuffix("weight") + "bias" in left]
            names["output"] = self._one("output", biased or named, matrices)
        rest = [name for name in matrices if name != names["output"]]
        for part, word in (("source", _SOURCE), ("target", _TARGET)):
            if part not in names:
                one = rest if len(rest) == 1 else [name for name in rest if word.search(name)]
                names[part] = self._one(part, one, rest)
        for part, word in (("source_positions", _SOURCE), ("target_positions", _TARGET)):
            if part not in names and tables:
                one = tables if len(tables) == 1 else [name for name in tables if word.search(name)]
                names[part] = self._one(part, one, tables)
        return names

    def _one(self, part: str, found: list[str], among: list[str]) -> str:
        if len(found) != 1:
            raise ModelError(
                f"{self._file}: {part} cannot be told from its name among "
                f"{listed(among) if among else 'no matrices of this width'}; say it in "
                f"TorchTransformer(names={{{part!r}: ...}})"
            )
        return found[0]

    def _table(self, name: str | None) -> Array:
        """The positions of a stack, [any, dim]."""
        if name is None:
            return _alternating(self._facts.max_positions, self._dim)
        tensor = self._weights.optional(name)
        shape = None if tensor is None else [n for n in tensor.shape if n != 1]
        if tensor is None or not shape or shape[-1] != self._dim or len(shape) > 2:
            has = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
            raise ModelError(
                f"{self._file}: {name}, the positions, is {has}, expected [any, {self._dim}]"
            )
        return tensor.float32().reshape(-1, self._dim)

    def _part(self, name: str, shape: tuple[int, ...]) -> Stored:
        """A tensor of a stack, of those that PyTorch has joined a part."""
        stack, *words, block, kind = name.split(".")
        place = f"{self._prefix}{stack}."
        if words == [] and block == "final_norm":
            return self._tensor(f"{place}norm.{kind}", shape)
        place += ".".join(words[:2]) + "."  # layers.N
        if block.endswith("_norm"):
            number = _NORMS[stack][block.removesuffix("_norm")]
            return self._tensor(f"{place}norm{number}.{kind}", shape)
        outer = words[2]
        if outer == "feed_forward":
            return self._tensor(f"{place}{_WORDS[block]}.{kind}", shape)
        place += f"{_ATTENTION[outer]}."
        if block == "output":
            return self._tensor(f"{place}out_proj.{kind}", shape)
        joined = self._tensor(f"{place}in_proj_{kind}", (3 * self._dim, *shape[1:]))
        begin = _JOINED.index(block) * self._dim
        return Stored(joined.dtype, joined.values[begin : begin + self._dim])

    def _tensor(self, name: str, shape: tuple[int, ...]) -> Stored:
        """A tensor; of biases that a module was made without, zeros."""
        if name.endswith("bias") and name not in self._tensors:
            return Stored("float32", np.zeros(shape, np.float32))
        return self._weights.take(name, shape).stored()


def _alternating(count: int, dim: int) -> Array:
    """Sines and cosines in turns, [count, dim]: of p / 10000 ** (2 i / dim) at 2 i and 2 i + 1."""
    angles = np.arange(count)[:, None] * 10000.0 ** (-2.0 * np.arange((dim + 1) // 2) / dim)
    table = np.empty((count, dim), np.float32)
    table[:, 0::2] = np.sin(angles)
    table[:, 1::2] = np.cos(angles[:, : dim // 2])
    return table
