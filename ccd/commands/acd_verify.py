"""`ccd acd verify`: whether the journal's decisions are taken again as they were."""

from __future__ import annotations

import typer

from ccd.commands.options import Json, State

EPILOG = """\
[bold]Examples[/]

  ccd acd verify           every assignment that the journal holds, decided again

  ccd acd verify --json    for a program; exit status 1 where one differs
"""


def verify(json: Json = False, state: State = None) -> None:
    """Decide every assignment of the journal again, and say whether it comes out as it was.

    The journal holds what the distributor was told, and it is deterministic: told the same,
    it decides the same. A difference means that the journal was changed, or that another
    version of ccd decided. Reads only, whether a daemon runs or not.
    """
    from ccd.acd import tape
    from ccd.commands.output import console, print_json
    from ccd.events import DistributorTold, Routed
    from ccd.paths import state_paths
    from ccd.store.database import open_read_only
    from ccd.store.queries import events_of_types

    db = open_read_only(state_paths(state).database)
    try:
        verdict = tape.verify(events_of_types(db, (DistributorTold, Routed)))
    finally:
        db.close()
    if json:
        print_json(verdict)
    else:
        shown = console()
        shown.print(f"{verdict.decisions} decisions were taken again alike.")
        if verdict.untold:
            shown.print(f"{verdict.untold} have no inputs in the journal: the last before a kill.")
        if verdict.difference is not None:
            difference = verdict.difference
            was = "not taken" if difference.was is None else " to ".join(difference.was)
            shown.print(
                f"[bold red]Number {difference.number} differs[/]: it was {was},"
                f" and would be {' to '.join(difference.would_be)}."
            )
    if verdict.difference is not None:
        raise typer.Exit(1)
