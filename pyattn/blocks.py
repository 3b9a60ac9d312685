"""What the blocks of a layer are made of: the one list of their matrices.

From it follow the tensors of a checkpoint and their shapes (`pyattn.checkpoint`), the products that
have a number type of their own (`pyattn.running.precision`), what the core packs
(`pyattn.running.packing`) and the weights of `pyattn.reference`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias


@dataclasses.dataclass(frozen=True)
class Matrix:
    """A matrix of a block, and when a model has it.

    Attributes:
        name: Its name in the block.
        rows: Its outputs: an attribute of `StackSizes` or of `ModelConfig`.
        columns: Its inputs, likewise.
        bias: Whether it has a bias [rows]; or the attribute of `ModelConfig` that decides.
        needs: The attribute of `ModelConfig` that must not be 0 or False for the matrix to exist;
            None is always.
        pattern: The `encoder_pattern` that needs it, in the encoder alone; None is all, and both
            stacks.
    """

    name: str
    rows: str
    columns: str
    bias: bool | str
    needs: str | None = None
    pattern: str | None = None

    def is_in(self, config: Any, stack: str) -> bool:
        """Whether this stack of a model of this `ModelConfig` has it."""
        if self.pattern is not None:
            return stack == "encoder" and bool(config.encoder_pattern == self.pattern)
        return self.needs is None or bool(getattr(config, self.needs))

    def has_bias(self, config: Any) -> bool:
        """Whether it has a bias in a model of this `ModelConfig`."""
        return bool(getattr(config, self.bias)) if isinstance(self.bias, str) else self.bias

    def shape(self, config: Any, sizes: Any) -> tuple[int, int]:
        """[rows, columns] in a stack of these `StackSizes`."""

        def length(side: str) -> int:
            found: int = getattr(sizes if hasattr(sizes, side) else config, side)
            return found

        return length(self.rows), length(self.columns)


# Name to the matrices that share an input and are computed as one product, in the order of its
# outputs. A gate is the exception: it stands before the matrix whose outputs it multiplies.
Products: TypeAlias = dict[str, tuple[Matrix, ...]]

_QUERY = Matrix("query", "width", "dim", bias="attention_bias")
_KEY = Matrix("key", "kv_width", "dim", bias="attention_bias")
_VALUE = Matrix("value", "kv_width", "dim", bias="attention_bias")
_OUTPUT = Matrix("output", "dim", "width", bias="biased_attention_output")
# Of a global token's own queries, and of the keys and values that it alone looks at.
_GLOBAL_QUERY = dataclasses.replace(_QUERY, name="global_query", pattern="tokens")
_GLOBAL_KEY = dataclasses.replace(_KEY, name="global_key", pattern="tokens")
_GLOBAL_VALUE = dataclasses.replace(_VALUE, name="global_value", pattern="tokens")
_GATE = Matrix("gate", "ffn", "dim", bias="feed_forward_bias", needs="gated")
_UP = Matrix("up", "ffn", "dim", bias="feed_forward_bias")
_DOWN = Matrix("down", "dim", "ffn", bias="feed_forward_bias")
_AVERAGE_UP = Matrix("up", "average_ffn", "dim", bias=True, needs="average_ffn")
_AVERAGE_DOWN = Matrix("down", "dim", "average_ffn", bias=True, needs="average_ffn")

# The products of each block, in the order of computation.
BLOCKS: dict[str, Products] = {
    "self_attention": {
        "query_key_value": (_QUERY, _KEY, _VALUE),
        "global_query": (_GLOBAL_QUERY,),
        "global_key_value": (_GLOBAL_KEY, _GLOBAL_VALUE),
        "output": (_OUTPUT,),
    },
    "cross_attention": {"query": (_QUERY,), "key_value": (_KEY, _VALUE), "output": (_OUTPUT,)},
    "feed_forward": {"up": (_GATE, _UP), "down": (_DOWN,)},
    "ssru": {
        "input_forget": (
            Matrix("input", "dim", "dim", bias=False),
            Matrix("forget", "dim", "dim", bias=True),
        )
    },
    "average": {
        "up": (_AVERAGE_UP,),
        "down": (_AVERAGE_DOWN,),
        "input_gate": (Matrix("input_gate", "dim", "dim", bias=True, needs="average_gates"),),
        "forget_gate": (Matrix("forget_gate", "dim", "dim", bias=True, needs="average_gates"),),
    },
}

# The vectors of a norm by its kind, each [dim].
NORMS: dict[str, tuple[str, ...]] = {"layer": ("weight", "bias"), "rms": ("weight",)}


def products(block: str, config: Any, stack: str) -> Products:
    """The products of a block in a stack of this `ModelConfig`, each with the matrices it has."""
    found = {
        product: tuple(matrix for matrix in matrices if matrix.is_in(config, stack))
        for product, matrices in BLOCKS[block].items()
    }
    return {product: matrices for product, matrices in found.items() if matrices}
