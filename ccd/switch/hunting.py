"""Several trunks for one number: the first that takes the call (trunk hunting)."""

from __future__ import annotations

from collections.abc import Callable

from ccd.model import Cause
from ccd.switch.call import Leg
from ccd.switch.errors import NotReachable

NEXT_TRUNK = frozenset(
    {Cause.TRUNKS_BUSY, Cause.DESTINATION_OUT_OF_ORDER, Cause.NETWORK_FAILURE, Cause.OVERLOAD}
)
"""Why a call came to nothing that may succeed through another trunk."""


def first_to_take(trunks: list[str], call: Callable[[str], Leg]) -> Leg:
    """Return the leg of the first trunk through which `call` can call.

    Trunks are taken off the list as they are tried, so that what is left of it can be tried
    when that leg fails. Raises `NotReachable`, the last one's, where none of them can.
    """
    refusal = NotReachable(Cause.DESTINATION_NOT_OBTAINABLE, "there is no trunk to call through")
    while trunks:
        try:
            return call(trunks.pop(0))
        except NotReachable as error:
            refusal = error
    raise refusal
