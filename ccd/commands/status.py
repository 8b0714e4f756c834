"""`ccd status`: what the daemon is doing now."""

from __future__ import annotations

from ccd.commands.options import Json, State

EPILOG = """\
[bold]Examples[/]

  ccd status

  ccd status --json | jq .calls
"""


def status(json: Json = False, state: State = None) -> None:
    """Ask the running daemon how it is: calls, queues, agents, phones, trunks."""
