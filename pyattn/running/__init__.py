"""From a checkpoint to what the core runs: number types, packing, memory, searches under way."""
