"""CTranslate2's level of logging, as that of a logger of Python's."""

from __future__ import annotations

import logging

# Loading and unloading of a model are messages of level INFO. Where they go is up to the program's
# configuration of `logging`; without any, nowhere.
logger = logging.getLogger("pyattn.compat.ctranslate2")
logger.setLevel(logging.WARNING)

_LEVELS = (
    logging.CRITICAL,
    logging.ERROR,
    logging.WARNING,
    logging.INFO,
    logging.DEBUG,
    logging.NOTSET,
)


def set_log_level(level: int) -> None:
    """Sets the level, which is one of the module `logging`.

    Raises:
        ValueError: if it is not.
    """
    if level not in _LEVELS:
        raise ValueError(f"Level {level} is not a valid logging level")
    logger.setLevel(level)


def get_log_level() -> int:
    """The level, of the module `logging`."""
    return logger.level
