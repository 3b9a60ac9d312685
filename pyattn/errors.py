"""The errors that only pyattn raises."""


class ModelError(ValueError):
    """A model file cannot be used; the message names the file, the field and what to change."""


class DocumentError(ValueError):
    """A document cannot be read or written; the message names the format, the place and why."""
