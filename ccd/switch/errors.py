"""What a verb of the switch raises."""

from __future__ import annotations

from ccd.model import Cause


class NotReachable(Exception):  # noqa: N818 - what it says
    """A leg could not even be tried; `cause` says why."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
