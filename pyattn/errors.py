"""The errors that pyattn raises on its own account."""


class ModelError(ValueError):
    """A model file cannot be used; the message names the file, the field and what to change."""
