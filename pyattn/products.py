"""The products of a model by name, and which of them fewer bits cost most.

Projections that share their input are one product. Its name is {stack}.layers.N.BLOCK.PRODUCT, as
`pyattn.blocks.BLOCKS` lists blocks and products:

    encoder.layers.0.self_attention.query_key_value
    decoder.layers.3.feed_forward.down

The projection to the vocabulary is "output". A model without a decoder has those of its encoder.
"""

from __future__ import annotations

from pyattn.blocks import products as block_products
from pyattn.checkpoint import blocks
from pyattn.model_config import ModelConfig

_ATTENTION_INPUTS = frozenset({"query_key_value", "global_query", "global_key_value"})


def products(config: ModelConfig) -> dict[str, tuple[str, ...]]:
    """The names of a model's products, in the order of computation, each with its matrices'."""
    found = {}
    for stack in config.stacks:
        layer = [
            (f"{block}.{product}", [f"{block}.{matrix.name}.weight" for matrix in matrices])
            for block in blocks(config, stack)
            for product, matrices in block_products(block, config, stack).items()
        ]
        for n in range(config.stack(stack).layers):
            prefix = f"{stack}.layers.{n}"
            for product, weights in layer:
                found[f"{prefix}.{product}"] = tuple(f"{prefix}.{weight}" for weight in weights)
    return found | ({"output": ("output.weight",)} if "decoder" in config.stacks else {})


def sensitive(product: str, config: ModelConfig) -> bool:
    """Whether int8 hurts a product more than others.

    If norms stand in front of blocks, the feed-forwards of large models have a few channels far
    above the others (Dettmers et al. 2022), which the product behind them reads. Queries, keys and
    values of an encoder that stands alone make half of the error of int8 in the vectors of MiniLM.
    """
    outliers = config.norm != "post" and product.endswith(".feed_forward.down")
    return outliers or (_alone(config) and product.rpartition(".")[2] in _ATTENTION_INPUTS)


def eight_bits(config: ModelConfig) -> dict[str, str]:
    """The integer type of eight bits that each product loses least in, for its time.

    A scale for each group of inputs leaves the other groups their precision where some inputs are
    far above them, for 3 to 6 % of T5-base's time, or 13 % of MiniLM's with groups everywhere. In
    bfloat16 in place of them, T5-base took 1.1 to 1.2 times as long. The vectors of an encoder that
    stands alone are its answer, so each product counts: the mean cosine of MiniLM's with those of
    float32 is 0.9992 with groups everywhere, 0.9990 with bfloat16 for what is sensitive, 0.9982 in
    int8.
    """
    return {
        product: "int8_grouped" if _alone(config) or sensitive(product, config) else "int8"
        for product in products(config)
    }


def _alone(config: ModelConfig) -> bool:
    return "decoder" not in config.stacks


def four_bits(config: ModelConfig) -> dict[str, str]:
    """The number type of each product of a model in int4.

    The projection to the vocabulary is int8: it is the last product, so nothing hides its error.
    Products that int8 would hurt are in int8_grouped.
    """
    return {
        product: "int8"
        if product == "output"
        else "int8_grouped"
        if sensitive(product, config)
        else "int4"
        for product in products(config)
    }
