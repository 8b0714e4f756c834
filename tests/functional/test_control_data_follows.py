"""Data follows the caller through a flow, an agent, a consultation and its transfer, over the wire."""

from __future__ import annotations

from pathlib import Path

from virtual.stage import CALLER, CONSULTED, Stage

from ccd.control.situations import Situation
from ccd.events import Delivered, Transferred

GATHERED = {"pin": "6222", "order": "600519"}
"""Keyed in the flow; attached by the agent."""


async def test_data_follows_through_flow_agent_consultation_and_transfer(tmp_path: Path) -> None:
    async with Stage(tmp_path, Situation.CONNECTED) as stage:
        town, since = stage.town, stage.town.stream.last_seq
        await stage.ask("send_to_ivr", flow="pin")
        for digit in "6222":
            town.press(CALLER, digit)
        town.run(6.0)  # the flow waits for a further digit, then brings him back
        await stage.ask("associate_data", data={"order": "600519"})
        await stage.ask("consultation_call", number=CONSULTED, seconds=1.0)
        delivered = town.told(Delivered)[-1]
        assert delivered.agent == CONSULTED
        assert delivered.data.items() >= GATHERED.items()
        await stage.ask("transfer_call", seconds=1.0)
        assert await stage.connections() == {"D2C1": "connected", "D3C1": "connected"}
        (seen,) = [call for call in (await stage.snapshot()).calls if call.ani == CALLER]
        assert town.call_of(CALLER).data.items() >= GATHERED.items()
        (gone,) = town.told(Transferred)
        assert (gone.call, gone.secondary) == (seen.call, delivered.call)
        assert (gone.agent, gone.to_agent) == ("agent1", CONSULTED)
        told = [each for each in stage.told(since) if not each.startswith("Recording")]
        assert told == [
            "SentToIvr C1",
            "Held D1C1",
            "ReturnedFromIvr C1",
            "DataAssociated C1",
            "Retrieved D1C1",
            "Bridged C1",
            "DataAssociated C1",
            "Held D1C1",
            "Originated D1C2",
            "Delivered D3C2",
            "Established D3C2",
            "Bridged C2",
            "Transferred C1",
            "CallCleared C2 (transfer)",
            "ConnectionCleared D1C1 (transfer)",
        ]
