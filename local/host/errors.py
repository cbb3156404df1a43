"""What ends the host with one sentence."""


class HostError(Exception):
    """Something that the person who started the host can put right; its text is shown as it is."""
