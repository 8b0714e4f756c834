"""`ccd acd queues`: who waits where, for how long still, and whether one can believe that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ccd.commands.options import Json, State

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ccd.cti.catalogue import EstimateView, QueueView

EPILOG = """\
[bold]Examples[/]

  ccd acd queues

  ccd acd queues --json | jq '.[] | select(.waiting > 5) | .queue'
"""


def queues(json: Json = False, state: State = None) -> None:
    """List the queues: who waits, for how long, the likely wait of who comes now, and its error.

    The error is how far such estimates were off on the mean of the last waits; the two shares
    are how many of these waits were below what had been said (50 and 90 in a hundred, where
    estimates are honest).
    """
    import msgspec

    from ccd.commands.asking import daemon
    from ccd.commands.output import console, print_json
    from ccd.paths import state_paths

    with daemon(state_paths(state), "ccd acd queues") as client:
        found: tuple[QueueView, ...] = client.snapshot().queues
        said: tuple[EstimateView, ...] = client.call("estimates").estimates
    estimates = {each.queue: each for each in said}
    if json:
        print_json(
            [
                {
                    **msgspec.structs.asdict(queue),
                    "estimate": estimates.get(queue.queue),
                }
                for queue in found
            ]
        )
    else:
        console().print(_table(found, estimates))


def _table(found: tuple[QueueView, ...], estimates: dict[str, EstimateView]) -> RenderableType:
    from rich.markup import escape

    from ccd.commands.output import plain_table, seconds
    from ccd.cti.catalogue import EstimateView

    numbers = ("waiting", "idle", "longest", "half within", "90 % within", "off by", "below")
    table = plain_table("queue", *numbers, "", right=numbers)
    for queue in found:
        estimate = estimates.get(queue.queue, EstimateView(queue=queue.queue))
        table.add_row(
            escape(queue.queue),
            str(queue.waiting),
            str(queue.idle_agents),
            seconds(queue.oldest_wait_s) or "-",
            seconds(estimate.p50) or "-",
            seconds(estimate.p90) or "-",
            seconds(estimate.error_s) or "-",
            _shares(estimate),
            "[green]✓ sound[/]" if estimate.sound else "[yellow]… not yet sound[/]",
        )
    return table


def _shares(estimate: EstimateView) -> str:
    if estimate.below_p50 is None or estimate.below_p90 is None:
        return "-"
    return f"{estimate.below_p50:.0%} / {estimate.below_p90:.0%}"
