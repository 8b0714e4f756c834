"""A screen in a browser: the same command, without `--web`, run for each who opens the page."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from ccd.errors import CcdError


def command(arguments: Sequence[str]) -> str:
    """Return the command line for a page: this one without `--web` and its address."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == "--web":
            skip = True
        elif not argument.startswith("--web="):
            kept.append(argument)
    return shlex.join([sys.executable, "-m", "ccd", *kept])


def serve(at: str, arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted. Raises CcdError where `at` is no HOST:PORT.

    Whoever reaches the port has the agent's screen: it is for this machine, or behind a proxy
    that knows who comes.
    """
    host, _, port = at.rpartition(":")
    if not host or not port.isdigit():
        raise CcdError(f"--web {at!r}: it is written HOST:PORT, such as 127.0.0.1:8000")
    try:
        from textual_serve.server import Server
    except ImportError as error:
        raise CcdError(f'--web needs {error.name}: pip install "ccd-toolkit[agent]"') from None
    Server(
        command(sys.argv[1:] if arguments is None else arguments),
        host=host,
        port=int(port),
        title="ccd",
    ).serve()
