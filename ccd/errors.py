"""The failures that explain themselves."""

from __future__ import annotations


class CcdError(Exception):
    """A failure whose message says it all: what, why, and the mend.

    The command line shows the message alone. Every other exception is a fault of ours,
    and leaves its traceback in the log.
    """
