"""Asking the daemon that runs: how commands that need one come to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ccd.commands.options import elsewhere
from ccd.paths import PASSWORD_VARIABLE

if TYPE_CHECKING:
    from ccd.cti.client import SyncClient
    from ccd.paths import StatePaths


@contextmanager
def daemon(paths: StatePaths, name: str) -> Iterator[SyncClient]:
    """Give a session with the daemon of a state folder, or with that of `ccd --connect`; `name`
    is what its log calls us.

    Raises CcdError where none runs, or it does not answer; what it refuses is a `CtiError`,
    whose message goes to the user as it is.
    """
    from ccd import state_lock
    from ccd.cti.client import CtiError, ErrorCode, SyncClient
    from ccd.errors import CcdError

    distant = elsewhere()
    if distant is not None:
        with SyncClient(commands=distant.address, keys=distant.keys, name=name) as client:
            if distant.user:
                client.authenticate(distant.user, _password(distant.user))
            yield client
        return
    running = state_lock.owner(paths.lock)
    if running is None:
        raise CcdError(f"no daemon runs on {paths.root}; start one with `ccd run`")
    try:
        with SyncClient(paths.root, name=name) as client:
            yield client
    except CtiError as error:
        if error.code not in (ErrorCode.TIMEOUT, ErrorCode.UNAVAILABLE):
            raise
        raise CcdError(f"the daemon (process {running}) does not answer: {error}") from None


def _password(user: str) -> str:
    """The password of who asks from another machine."""
    import typer

    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return given
    asked: str = typer.prompt(f"Password of {user}", hide_input=True, err=True)
    return asked
