"""Answer call (ECMA-269, 17.1.3): a phone that rings is told to answer by itself.

The phone is the agent's own device, so it is asked: a NOTIFY of the event `talk` in the
dialog of its INVITE, as desk phones know it. One that does not know it refuses, and is to be
answered by hand.
"""

from __future__ import annotations

from collections.abc import Callable

from ccd.control.errors import ControlError, Refused
from ccd.control.service import CallControl
from ccd.control.situations import Verb
from ccd.switch.switch import Switch

Outcome = Callable[[ControlError | None], None]


class Answering:
    """The verb answer call."""

    def __init__(self, *, switch: Switch, calls: CallControl) -> None:
        self._switch = switch
        self._calls = calls

    def answer(self, agent: str, call: str | None, told: Outcome) -> None:
        """Have the agent's phone answer; `told` hears once whether it will. Raises `ControlError`.

        `Established` follows when it has.
        """
        _, leg = self._calls.connection(Verb.ANSWER_CALL, agent, call)

        def came(status: int) -> None:
            told(None if 200 <= status < 300 else _refused(f"it said {status}"))

        if not self._switch.ask_to_answer(leg, came):
            raise _refused("it does not ring yet")


def _refused(why: str) -> ControlError:
    return ControlError(
        Refused.NOT_REACHABLE,
        f"the phone does not answer by itself ({why}): answer it at the phone",
    )
