"""The demo's options: the struct that is passed about, and the command line that fills it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a demo runs with; seconds throughout."""

    calls: int | None = 60
    """How many callers dial; None: as many as arrive within `duration`."""
    duration: float | None = None
    """Callers arrive for so long at most; None: until `calls` have dialled."""
    rate: float = 3.0
    """Mean arrivals a second (Poisson)."""
    robots: int = 8
    talk: float = 4.0
    """Mean talk time."""
    seed: int = 1
    channels: int = 500
    """Of the trunk."""
    digit: str = "1"
    """The key that leads to the queue."""
    json: bool = False
    plain: bool = False
    """Lines instead of a live picture, in a terminal too."""
    keep_state: bool = False
    state: Path | None = None
    """The state folder; None: a temporary one, removed after a clean run."""
    grace: float = 90.0
    """After the last caller dialled, the run ends at the latest so much later."""
    mute: tuple[str, ...] = ()
    """Robots that say nothing: a planted fault, to see that it is found."""


def parse(argv: Sequence[str]) -> DemoOptions:
    """Read the command line. Ends the process with status 2 where it is wrong, as argparse does."""
    default = DemoOptions()
    parser = argparse.ArgumentParser(
        prog="ccd demo",
        description="Callers, queue and agents for real on this machine: SIP, RTP, a verdict.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--calls", type=_count, default=None, help="callers that dial (60 without --duration)")
    add(
        "--duration", type=_positive, default=None, metavar="S", help="callers arrive for S seconds"
    )
    add("--rate", type=_positive, default=default.rate, metavar="R", help="arrivals a second")
    add("--robots", type=_count, default=default.robots, metavar="N", help="robot agents")
    add("--talk", type=_positive, default=default.talk, metavar="S", help="mean talk time")
    add("--seed", type=int, default=default.seed, help="repeats a run's callers")
    add("--channels", type=_count, default=default.channels, metavar="N", help="of the trunk")
    add("--digit", default=default.digit, help=argparse.SUPPRESS)
    add("--json", action="store_true", help="the closing figures as JSON on standard output")
    add("--plain", action="store_true", help="lines instead of the live picture")
    add("--keep-state", action="store_true", help="keep the state folder after a clean run too")
    add("--state", type=Path, default=None, metavar="DIR", help="state folder, kept")
    add("--grace", type=_positive, default=default.grace, metavar="S", help=argparse.SUPPRESS)
    add("--mute", action="append", default=[], metavar="AGENT", help=argparse.SUPPRESS)
    given = vars(parser.parse_args(argv))
    if given["calls"] is None and given["duration"] is None:
        given["calls"] = default.calls
    given["mute"] = tuple(given["mute"])
    return DemoOptions(**given)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number
