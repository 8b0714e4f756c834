"""`--agents`: how many more, fewer, or altogether."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ccd.acd.simulation.people import Person


def changed_team(team: Sequence[Person], change: str, *, queue: str | None = None) -> list[Person]:
    """Return the team with `+N` or `-N` people, or `N` in all; new ones are like those there.

    With `queue` only its people are copied or sent home (the last ones first). Raises
    typer.BadParameter where `change` means nothing or cannot be done.
    """
    from ccd.acd.simulation.people import copies

    found = re.fullmatch(r"([+-]?)(\d{1,6})", change.strip())
    if found is None:
        raise _bad(f"{change!r} is no number of agents; write +10, -3, or 40 for that many in all")
    of_queue = [person for person in team if queue is None or queue in person.queues]
    number = int(found[2])
    more = {"+": number, "-": -number, "": number - len(of_queue)}[found[1]]
    if -more > len(of_queue):
        raise _bad(f"cannot take {-more} from {len(of_queue)} agents")
    if more >= 0:
        try:
            return [*team, *copies(team, more, queue=queue)]
        except ValueError as error:
            raise _bad(str(error)) from None
    home = {person.name for person in of_queue[len(of_queue) + more :]}
    return [person for person in team if person.name not in home]


def _bad(message: str) -> typer.BadParameter:
    return typer.BadParameter(message, param_hint="--agents")
