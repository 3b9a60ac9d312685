"""The errors that only pyattn raises."""


class ModelError(ValueError):
    """A model file cannot be used; the message names the file, the field and what to change."""
