"""The endpoint against SIPp's stock scenarios, over UDP and TCP."""

from __future__ import annotations

from pathlib import Path

import pytest
from peers.sipp import Sipp
from sip_party import party

from ccd.sip.events import Accepted, Rejected, Terminated
from ccd.sip.hop import Hop
from ccd.sip.timers import Timers

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("sipp_program")]

CALLS = 60


@pytest.mark.parametrize("transport", ["u1", "t1", "un", "tn"])
async def test_sipp_calls_us(tmp_path: Path, transport: str) -> None:
    async with party(timers=Timers(t4=0.1, d=0.5)) as callee:
        hop = callee.endpoint.hop("udp" if transport[0] == "u" else "tcp")
        caller = Sipp(
            "uac", tmp_path, remote=(hop.host, hop.port), transport=transport, calls=CALLS, rate=60
        )
        result = (await caller.run()).check(CALLS)
        assert result.retransmissions == 0
        assert not [e for e in callee.events if isinstance(e, Terminated) and e.by != "remote"]
        await callee.told(Terminated, CALLS)
        assert callee.endpoint.agent.counts.sessions == 0
        assert callee.endpoint.faults == 0


@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_we_call_sipp(tmp_path: Path, transport: str) -> None:
    async with (
        Sipp("uas", tmp_path, transport=transport, calls=CALLS) as callee,
        party(timers=Timers(t4=0.1, d=0.5)) as caller,
    ):
        hop = Hop("udp" if transport[0] == "u" else "tcp", "127.0.0.1", callee.port)
        for number in range(1, CALLS + 1):
            session = caller.call(hop)
            await caller.told(Accepted, number)
            assert caller.agreed[session.id].codec == "PCMU"
            caller.hang_up(session)
        (await callee.wait()).check(CALLS)
        await caller.told(Terminated, CALLS)
        assert not [event for event in caller.events if isinstance(event, Rejected)]
        assert caller.endpoint.faults == 0
