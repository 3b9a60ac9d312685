"""Readers of model files: each yields the same `Checkpoint`."""
