"""`[recording]`: what agents may do with the evidence."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Settings
from ccd.settings.problems import Problem
from ccd.settings.rules.common import not_negative


def recording(settings: Settings) -> Iterator[Problem]:
    """A pause ends after some time, however long: a recording is not stopped by it."""
    longest = settings.recording.pause_longest_s
    yield from not_negative(("recording", "pause_longest_s"), longest, "no pause at all")
