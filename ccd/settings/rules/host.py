"""`[host]`: a book that is there, and times that are times."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Settings
from ccd.settings.problems import Problem
from ccd.settings.rules.common import file, not_negative, positive


def host(settings: Settings) -> Iterator[Problem]:
    """What is said of the brokerage's systems."""
    given = settings.host
    yield from file(("host", "book"), given.book)
    yield from positive(("host", "timeout_s"), given.timeout_s)
    yield from positive(("host", "failures"), given.failures)
    yield from not_negative(("host", "rest_s"), given.rest_s, "it is asked again at once")
