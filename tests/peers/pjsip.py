"""A PJSIP phone: the stack behind many desk and soft phones, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers.driver import Peer, Said
from peers.ports import free_range


class PjsipPhone(Peer):
    """One line, up to four calls (what the wheel is built for).

    `wav` is said, looped, into every call; `record` of `call` keeps what is heard as mono
    16 bit 8 kHz; `port` is its own for SIP, 0 for any. Events: `registration`, `incoming`,
    `state` (calling, early, connecting, confirmed, disconnected, with `code`), `media`, `digit`,
    `recorded`.
    """

    def __init__(
        self,
        user: str,
        *,
        domain: str = "127.0.0.1",
        registrar: str = "",
        password: str = "",
        wav: Path | None = None,
        tcp: bool = False,
        codecs: Sequence[str] = ("PCMU", "PCMA"),
        ptime: int = 20,
        vad: bool = False,
        prack: str = "optional",
        session_timer: int = 0,
        expires: int = 300,
        port: int = 0,
        log: Path | None = None,
    ) -> None:
        options = {
            "user": user,
            "domain": domain,
            "registrar": registrar,
            "password": password,
            "wav": str(wav) if wav else "",
            "tcp": tcp,
            "codecs": list(codecs),
            "ptime": ptime,
            "vad": vad,
            "prack": prack,
            "session_timer": session_timer,
            "expires": expires,
            "port": port,
            "log": str(log) if log else "",
            "rtp_port": free_range(40),
        }
        super().__init__("peers.pjsip_process", f"pjsip {user}", json.dumps(options))
        self.user = user
        self.tcp = tcp
        self.address = ""
        """`host:port` of its SIP transport, once started."""

    async def start(self, within: float = 15.0) -> Said:
        """Start the process; returns its `ready` event."""
        ready = await super().start(within)
        self.address = ready["address"]
        return ready

    @property
    def uri(self) -> str:
        """Where it can be called without a registrar."""
        return f"sip:{self.user}@{self.address}" + (";transport=tcp" if self.tcp else "")

    @property
    def registered(self) -> bool:
        """Whether it runs, and the registrar's last word was that it is registered."""
        said = self.said("registration")
        return self.running and bool(said) and bool(said[-1]["active"])

    async def register(self, within: float = 10.0) -> Said:
        """Register; returns the `registration` event, whatever its code."""
        since = self.mark()
        await self.command("register")
        return await self.expect("registration", since=since, within=within)

    async def unregister(self, within: float = 10.0) -> Said:
        """Take the registration back."""
        since = self.mark()
        await self.command("unregister")
        return await self.expect("registration", since=since, within=within)

    async def auto_answer(self, delay: float | None = 0.0, code: int = 200) -> None:
        """Answer calls `delay` seconds after they rang (with `code`); None lets them ring."""
        await self.command("auto_answer", delay=delay, code=code)

    async def call(
        self,
        uri: str,
        *,
        record: Path | None = None,
        late_offer: bool = False,
        headers: dict[str, str] | None = None,
    ) -> int:
        """Call `uri`; returns the call's number at once."""
        result = await self.command(
            "call",
            uri=uri,
            record=str(record) if record else None,
            late_offer=late_offer,
            headers=headers or {},
        )
        return int(result)

    async def answer(self, call: int, code: int = 200) -> None:
        """Answer a call that came in, with any status."""
        await self.command("answer", call=call, code=code)

    async def hang_up(self, call: int, code: int = 0) -> None:
        """CANCEL, refuse or BYE, whichever fits."""
        await self.command("hang_up", call=call, code=code)

    async def state(self, call: int, state: str, *, since: int = 0, within: float = 10.0) -> Said:
        """Wait until the call was in this state."""
        return await self.expect("state", call=call, state=state, since=since, within=within)

    async def hold(self, call: int, within: float = 10.0) -> None:
        """Put the call on hold by re-INVITE, and wait until that is agreed."""
        since = self.mark()
        await self.command("hold", call=call)
        await self.expect("media", call=call, status="local_hold", since=since, within=within)

    async def retrieve(self, call: int, within: float = 10.0) -> None:
        """Take the call back from hold."""
        since = self.mark()
        await self.command("retrieve", call=call)
        await self.expect("media", call=call, status="active", since=since, within=within)

    async def update(self, call: int) -> None:
        """Send an UPDATE with an offer."""
        await self.command("update", call=call)

    async def digits(self, call: int, digits: str) -> None:
        """Press keys (RFC 4733)."""
        await self.command("digits", call=call, digits=digits)

    async def record(self, call: int, path: Path) -> None:
        """Record from now on what the call hears."""
        await self.command("record", call=call, path=str(path))

    async def stop_recording(self, call: int) -> None:
        """Finish the file now (`recorded` says when that is done); when the call ends it is by itself."""
        await self.command("stop_recording", call=call)

    async def play(self, wav: Path | None) -> None:
        """Say another WAV from now on, or nothing."""
        await self.command("play", path=str(wav) if wav else None)

    async def statistics(self, call: int) -> dict[str, Any]:
        """RTP packet counts of a call as PJSIP saw them."""
        return dict(await self.command("statistics", call=call))
