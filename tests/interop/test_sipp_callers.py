"""SIPp against the daemon: its stock caller and ours, over UDP and TCP."""

from __future__ import annotations

from pathlib import Path

import pytest
from peers.centre import STRAIGHT, Centre, Desk
from peers.daemon import Watch
from peers.sipp import Sipp

from ccd.events import Bridged, CallCleared, DigitsDetected, Held, Offered, Retrieved
from ccd.model import Outcome, Party

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("sipp_program")]

TRANSPORTS = ["u1", "un", "t1", "tn"]


async def settled(centre: Centre, watch: Watch, calls: int) -> None:
    """Every one of so many calls came and went."""
    offered = {event.call for event in watch.of(Offered)}
    assert len(offered) == calls
    for call in offered:
        await watch.expect(CallCleared, call=call)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_stock_caller(
    transport: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    result = await Sipp(
        "uac", tmp_path, remote=centre.address, transport=transport, calls=30, rate=30,
        duration_ms=200,
    ).run()  # fmt: skip
    result.check(30)
    await settled(centre, watch, 30)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_many_short_calls(
    transport: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    result = await Sipp(
        "uac_short", tmp_path, remote=centre.address, transport=transport, calls=100, rate=50,
        duration_ms=300,
    ).run()  # fmt: skip
    result.check(100)
    # Below T1, or every call would be retransmitted; how far below is for the bench to say.
    assert result.percentile("setup", 50) < 500
    await settled(centre, watch, 100)


@pytest.mark.parametrize("transport", ["u1", "t1"])
async def test_a_caller_who_presses_a_key_and_talks(
    transport: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    async with Desk(centre, watch) as desk:
        sipp = Sipp(
            "uac_queue_dtmf", tmp_path, remote=centre.address, transport=transport,
            duration_ms=3500,
        )  # fmt: skip
        await sipp.start()
        bridged = await watch.expect(Bridged)
        assert [e.digits for e in watch.of(DigitsDetected)] == ["1"]
        await desk.incoming()
        (await sipp.wait()).check(1)
        cleared = await watch.expect(CallCleared, call=bridged.call)
        assert cleared.released_by is Party.CALLER


async def test_a_caller_whom_the_agent_leaves(centre: Centre, watch: Watch, tmp_path: Path) -> None:
    async with Desk(centre, watch) as desk:
        sipp = Sipp("uac_queue_until_bye", tmp_path, remote=centre.address)
        await sipp.start()
        bridged = await watch.expect(Bridged)
        theirs = (await desk.incoming())["call"]
        await desk.phone.hang_up(theirs)
        (await sipp.wait()).check(1)
        cleared = await watch.expect(CallCleared, call=bridged.call)
        assert cleared.released_by is Party.AGENT


async def test_a_caller_who_holds_and_resumes(centre: Centre, watch: Watch, tmp_path: Path) -> None:
    async with Desk(centre, watch) as desk:
        sipp = Sipp(
            "uac_reinvite_hold_resume", tmp_path, remote=centre.address, service=STRAIGHT,
            duration_ms=800,
        )  # fmt: skip
        (await sipp.run()).check(1)
        await desk.incoming()
        (held,) = watch.of(Held)
        (retrieved,) = watch.of(Retrieved)
        assert held.by is Party.CALLER
        assert retrieved.at - held.at == pytest.approx(0.8, abs=0.4)


@pytest.mark.parametrize("transport", ["u1", "t1"])
@pytest.mark.parametrize("scenario", ["uac_late_offer", "uac_prack", "uac_cancel", "uac_hangup_at"])
async def test_other_ways_to_call(
    scenario: str, transport: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    sipp = Sipp(
        scenario, tmp_path, remote=centre.address, transport=transport, calls=3, duration_ms=500
    )
    (await sipp.run()).check(3)
    await settled(centre, watch, 3)


@pytest.mark.parametrize("transport", ["u1", "t1"])
@pytest.mark.parametrize("scenario", ["uac_no_audio_sdp", "uac_no_common_codec"])
async def test_offers_that_we_cannot_take(
    scenario: str, transport: str, centre: Centre, watch: Watch, tmp_path: Path
) -> None:
    sipp = Sipp(scenario, tmp_path, remote=centre.address, transport=transport, calls=3)
    (await sipp.run()).check(3)
    for offered in watch.of(Offered):
        cleared = await watch.expect(CallCleared, call=offered.call)
        assert cleared.status == 488
        assert centre.daemon.record(offered.call).outcome is Outcome.REFUSED


async def test_an_unknown_method(centre: Centre, tmp_path: Path) -> None:
    (await Sipp("uac_unknown_method", tmp_path, remote=centre.address).run()).check(1)


async def test_a_trunk_with_two_channels(centre: Centre, watch: Watch, tmp_path: Path) -> None:
    busy = Sipp(
        "uac_short", tmp_path, remote=centre.address, port=centre.small_trunk_port, calls=2,
        rate=100, duration_ms=1500,
    )  # fmt: skip
    await busy.start()
    await watch.expect(Offered)
    await watch.expect(Offered, where=lambda e: e.call != watch.of(Offered)[0].call)
    # The same source address and port is the same trunk: over TCP a port of its own is another.
    (await busy.wait()).check(2)
    assert {e.trunk for e in watch.of(Offered)} == {"small"}
    refused = Sipp(
        "uac_short", tmp_path, remote=centre.address, port=centre.small_trunk_port, calls=4,
        rate=100, duration_ms=1000,
    )  # fmt: skip
    result = await refused.run()
    assert (result.successful, result.failed) == (2, 2)
    assert "503" in result.errors or "486" in result.errors
