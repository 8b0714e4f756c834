"""`ccd status`: what the daemon is doing now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccd.commands.options import Json, State

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

    from ccd.cti.catalogue import SnapshotResult, StatusResult
    from ccd.paths import StatePaths

EPILOG = """\
[bold]Examples[/]

  ccd status

  ccd status --json | jq '.queues[].waiting'
"""


def status(json: Json = False, state: State = None) -> None:
    """Ask the running daemon how it is: load, trunks, queues, agents, calls.

    The exit status is 1 where none runs.
    """
    from ccd.commands.output import console, print_json
    from ccd.paths import state_paths

    paths = state_paths(state)
    answer, snapshot = _ask(paths)
    if json:
        import msgspec

        print_json(
            {
                **msgspec.to_builtins(answer),
                "state": str(paths.root),
                "queues": snapshot.queues,
                "agents_present": snapshot.agents,
                "calls_present": snapshot.calls,
            }
        )
    else:
        console().print(_picture(answer, snapshot, paths))


def _ask(paths: StatePaths) -> tuple[StatusResult, SnapshotResult]:
    """Raises CcdError where no daemon runs on the folder, or it does not answer."""
    from ccd.commands.asking import daemon

    with daemon(paths, "ccd status") as client:
        return client.status(), client.snapshot()


def _picture(status: StatusResult, snapshot: SnapshotResult, paths: StatePaths) -> Group:
    from rich.console import Group
    from rich.markup import escape

    parts: list[RenderableType] = [_headline(status, paths), ""]
    if snapshot.queues:
        parts += [_queues(snapshot), ""]
    if status.trunks:
        parts += [_trunks(status), ""]
    agents = ", ".join(f"{count} {state}" for state, count in status.agents.items() if count)
    parts.append(
        f"Agents: {escape(agents) or 'none logged on'}. Phones registered: {status.phones}."
    )
    if snapshot.calls:
        parts += ["", _calls(snapshot)]
    return Group(*parts)


def _headline(status: StatusResult, paths: StatePaths) -> str:
    from rich.markup import escape

    from ccd.commands.output import clock

    if status.shedding:
        mood = "[bold red]! shedding new calls[/]"
    elif not status.accepting:
        mood = "[yellow]! taking no new calls[/]"
    else:
        mood = "[green]● taking calls[/]"
    return (
        f"{mood}  ccd {escape(status.version)}, process {status.pid}, since "
        f"{clock(status.started_at)}, on {escape(str(paths.root))}\n"
        f"{status.calls} calls, {status.waiting} waiting, event {status.seq:,}, "
        f"{status.media_workers} media worker{'s' if status.media_workers != 1 else ''}"
    )


def _queues(snapshot: SnapshotResult) -> RenderableType:
    from rich.markup import escape

    from ccd.commands.output import plain_table, seconds

    table = plain_table(
        *("queue", "waiting", "longest", "idle agents"), right=("waiting", "longest", "idle agents")
    )
    for queue in snapshot.queues:
        table.add_row(
            escape(queue.queue),
            str(queue.waiting),
            seconds(queue.oldest_wait_s) or "-",
            str(queue.idle_agents),
        )
    return table


def _trunks(status: StatusResult) -> RenderableType:
    from rich.markup import escape

    from ccd.commands.output import plain_table

    table = plain_table("trunk", "", "calls", "channels", right=("calls", "channels"))
    for trunk in status.trunks:
        table.add_row(
            escape(trunk.trunk),
            "[green]✓ up[/]" if trunk.up else "[bold red]✗ down[/]",
            str(trunk.calls),
            str(trunk.channels) if trunk.channels else "no limit",
        )
    return table


def _calls(snapshot: SnapshotResult) -> RenderableType:
    from rich.markup import escape

    from ccd.commands.output import clock, plain_table

    table = plain_table("came in", "caller", "number", "queue", "agent", "parties", "call")
    for call in snapshot.calls:
        parties = ", ".join(f"{leg.agent or leg.party} {leg.state}" for leg in call.legs)
        table.add_row(
            clock(call.offered_at),
            escape(call.ani),
            escape(call.dnis),
            escape(call.queue or ""),
            escape(call.agent or ""),
            escape(parties),
            escape(call.call),
        )
    return table
