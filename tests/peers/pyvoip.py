"""A pyVoIP phone in a process of its own: pure Python, and as careless as cheap devices are."""

from __future__ import annotations

import json
from pathlib import Path

from peers.driver import Peer, Said
from peers.ports import free_port, free_range


class PyvoipPhone(Peer):
    """A caller (`register=False`) or a registered phone. UDP and PCMU only.

    Events: `incoming`, `state` (dialing, ringing, answered, ended), `digit`, `recorded`.
    Recordings are unsigned 8 bit, which is what pyVoIP hands out.
    """

    def __init__(
        self,
        user: str,
        server: tuple[str, int],
        *,
        password: str = "",
        register: bool = False,
        wav: Path | None = None,
    ) -> None:
        options = {
            "user": user,
            "server": server[0],
            "server_port": server[1],
            "password": password,
            "register": register,
            "wav": str(wav) if wav else "",
            "port": free_port(),
            "rtp_port": free_range(32),
        }
        super().__init__("peers.pyvoip_process", f"pyvoip {user}", json.dumps(options))
        self.user = user

    async def call(self, number: str, *, record: Path | None = None, within: float = 10.0) -> int:
        """Call a number at the server; returns once something provisional was answered."""
        result = await self.command(
            "call", within, number=number, record=str(record) if record else None
        )
        return int(result)

    async def state(self, call: int, state: str, *, since: int = 0, within: float = 10.0) -> Said:
        """Wait until the call was in this state."""
        return await self.expect("state", call=call, state=state, since=since, within=within)

    async def auto_answer(self, delay: float | None = 0.0) -> None:
        """Answer calls so long after they came in (pyVoIP adds a second of its own)."""
        await self.command("auto_answer", delay=delay)

    async def hang_up(self, call: int) -> None:
        """Send BYE."""
        await self.command("hang_up", call=call)

    async def digits(self, call: int, digits: str) -> None:
        """Press keys (RFC 4733)."""
        await self.command("digits", call=call, digits=digits)
