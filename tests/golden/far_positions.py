"""The golden models of long sources with learned positions, and tables of more of these."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FAR = 5008
# By folder: the field of config.json that counts the positions, and the tensors that have them.
TABLES = {
    "led": ("max_encoder_position_embeddings", ["led.encoder.embed_positions.weight"]),
    "bigbird-pegasus": (
        "max_position_embeddings",
        ["model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"],
    ),
    "longformer": (
        "max_position_embeddings",
        ["longformer.embeddings.position_embeddings.weight"],
    ),
    "big-bird": ("max_position_embeddings", ["bert.embeddings.position_embeddings.weight"]),
}


def table(dim: int) -> npt.NDArray[np.float32]:
    """Positions that are as large as those of the models, [FAR, dim]; nowhere stored."""
    angles = np.arange(FAR)[:, None] / (1 + np.arange(dim)) + np.arange(dim)
    return (0.2 * np.sin(angles)).astype(np.float32)
