"""The error for arguments that do not go together."""


class UsageError(Exception):
    """Arguments that do not go together, found when a command runs; ends it with exit code 2."""
