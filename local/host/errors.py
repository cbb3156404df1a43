"""The error that the host reports when it can't start."""


class HostError(Exception):
    """The host can't start. The message says what is wrong with the app or its settings."""
