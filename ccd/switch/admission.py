"""At the door: who is this INVITE from, may it come in, and for which number; who may go out.

A trunk is known by its address, a phone by its password; a stranger is refused. New
calls are shed here when the machine has more than it can carry, before live calls
suffer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sipmessage import Address

from ccd.model import Cause
from ccd.sip.hop import Hop
from ccd.sip.message import Request
from ccd.sip.overload import Overload, Shed
from ccd.sip.trunks import Trunks
from ccd.switch.errors import NotReachable
from ccd.switch.phones import Denied, Phones

_SAFE_USER = re.compile(r"[0-9A-Za-z+*#._-]{1,64}")
"""What we take over from a stranger's user part into our own headers and records."""

ANONYMOUS = "anonymous"

PHONE_PREFIX = "phone:"
"""Instead of a trunk's name, for calls from our own phones."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Come in."""

    trunk: str
    ani: str
    dnis: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not now, or not you."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()
    reason: str = ""


def user_of(uri_user: str | None) -> str:
    """A user part as a number for our records; `anonymous` where it is none we would print."""
    if uri_user and _SAFE_USER.fullmatch(uri_user):
        return uri_user
    return ANONYMOUS


def caller_number(request: Request) -> str:
    """ANI: the network's word (P-Asserted-Identity, RFC 3325) before the caller's own (From)."""
    asserted = request.headers.get("P-Asserted-Identity")
    if asserted is not None:
        try:
            return user_of(Address.parse(asserted).uri.user)
        except ValueError:
            pass
    try:
        return user_of(request.from_address.uri.user)
    except ValueError:
        return ANONYMOUS


class Admission:
    """Decides on each new INVITE, ours too; keeps the trunks' channels.

    `is_up` says whether a trunk answers its pings, `is_emergency` whether a phone's call comes
    in whatever the load.
    """

    def __init__(
        self,
        trunks: Trunks,
        phones: Phones,
        overload: Overload,
        *,
        is_up: Callable[[str], bool] = lambda _trunk: True,
        is_emergency: Callable[[str], bool] = lambda _number: False,
    ) -> None:
        self._trunks = trunks
        self._phones = phones
        self._overload = overload
        self._is_up = is_up
        self._is_emergency = is_emergency
        self.draining = False

    def judge(self, request: Request, source: Hop, now: float) -> Admitted | Refused:
        """Admit the call, taking a channel of its trunk (see `leave`), or refuse it."""
        dnis = user_of(request.uri.user)
        phone = self._phones.claimed_by(request)
        emergency = phone is not None and self._is_emergency(dnis)
        if self.draining and not emergency:
            return Refused(503, (("Retry-After", "10"),), "shutting down")
        if phone is not None:
            proven = self._phones.check(request, source, now)
            if isinstance(proven, Denied):
                return Refused(proven.code, proven.headers, f"phone {phone}: {proven.reason}")
            if proven != phone:
                return Refused(403, (), f"phone {proven} says it is {phone}")
            shed = None if emergency else self._shed(now)
            return shed or Admitted(PHONE_PREFIX + phone, phone, dnis)
        trunk = self._trunks.match(source.host, source.port)
        if trunk is None:
            return Refused(403, (), f"{source.host}:{source.port} is no trunk")
        shed = self._shed(now)
        if shed is not None:
            return shed
        if not self._trunks.take(trunk.name):
            return Refused(503, (("Retry-After", "5"),), f"trunk {trunk.name}: no channel free")
        return Admitted(trunk.name, caller_number(request), dnis)

    def _shed(self, now: float) -> Refused | None:
        """Turn a call away for overload. Asked last, so that strangers use up nobody's rate."""
        verdict = self._overload.admit(now)
        return Refused(503, verdict.headers, verdict.reason) if isinstance(verdict, Shed) else None

    def let_out(self, trunk: str, *, emergency: bool = False) -> Hop:
        """Take a channel of a trunk to call through (see `leave`); where to send the INVITE.

        Calls of ours use up nobody's rate of new calls, and are not begun while callers are
        turned away; an `emergency` passes over that, over a stop and over the channels' limit.
        Raises `NotReachable`.
        """
        peers = self._trunks.peers.get(trunk)
        if peers is None:
            raise NotReachable(Cause.DESTINATION_NOT_OBTAINABLE, f"there is no trunk {trunk!r}")
        hop = next((peer.hop for peer in peers if peer.hop is not None), None)
        if hop is None:
            raise NotReachable(
                Cause.DESTINATION_NOT_OBTAINABLE,
                f"trunk {trunk!r} has no peer to call: give one a port, like 192.0.2.7:5060",
            )
        if self.draining and not emergency:
            raise NotReachable(Cause.SHUTDOWN, "shutting down")
        if self._overload.shedding and not emergency:
            raise NotReachable(Cause.OVERLOAD, "new calls are being shed")
        if not self._is_up(trunk):
            raise NotReachable(
                Cause.DESTINATION_OUT_OF_ORDER, f"trunk {trunk!r} does not answer its pings"
            )
        if not self._trunks.take(trunk, always=emergency):
            raise NotReachable(Cause.TRUNKS_BUSY, f"trunk {trunk!r}: no channel free")
        return hop

    def leave(self, admitted_by: str) -> None:
        """Give back the channel that a leg held."""
        if not admitted_by.startswith(PHONE_PREFIX):
            self._trunks.release(admitted_by)
