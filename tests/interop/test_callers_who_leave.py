"""Callers hang up, cancel, or vanish, at every point of a call; nothing of them stays."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from peers.centre import RTP_TIMEOUT_S, SERVICE, STRAIGHT, Centre, Desk
from peers.daemon import Watch
from peers.raw import Dialog, NothingCameError, RawRtp, RawSip, sdp

from ccd.events import (
    AgentReady,
    Bridged,
    CallCleared,
    ConnectionCleared,
    Delivered,
    Dequeued,
    DigitsDetected,
    Established,
    Offered,
    Queued,
)
from ccd.model import Cause, Outcome, Party

pytestmark = pytest.mark.peer


class RawCaller:
    """A caller made of bare sockets: quick, and exact about when it leaves."""

    def __init__(self, centre: Centre, port: int = 0) -> None:
        self.sip = RawSip(centre.address, user="13700000000", port=port)
        self.rtp = RawRtp()
        self._uri = centre.uri
        self.dialog: Dialog | None = None

    def close(self) -> None:
        self.sip.socket.close()
        self.rtp.socket.close()

    def dial(self, number: str = SERVICE) -> int:
        """Call, and return the final status."""
        self.dialog = self.sip.invite(self._uri(number), sdp(self.rtp.port))
        return self.sip.answer_of(self.dialog).code

    def press(self, digit: str) -> None:
        assert self.dialog is not None
        assert self.dialog.invite is not None
        self.rtp.press(digit, self.dialog.invite.media)

    def hang_up(self) -> int:
        assert self.dialog is not None
        return self.sip.bye(self.dialog).code


@pytest.fixture
def caller(centre: Centre) -> Iterator[RawCaller]:
    raw = RawCaller(centre)
    yield raw
    raw.close()


async def left(watch: Watch, call: str, centre: Centre, outcome: Outcome) -> None:
    """The call is over by the caller's doing, and written down as such."""
    cleared = await watch.expect(CallCleared, call=call)
    assert cleared.released_by is Party.CALLER
    record = centre.daemon.record(call)
    assert record.outcome is outcome
    assert record.released_by is Party.CALLER
    assert record.cleared_at == pytest.approx(cleared.at, abs=0.05)


async def test_during_the_welcome(centre: Centre, watch: Watch, caller: RawCaller) -> None:
    assert caller.dial() == 200
    offered = await watch.expect(Offered)
    assert caller.hang_up() == 200
    await left(watch, offered.call, centre, Outcome.SELF_SERVED)


async def test_during_the_menu(centre: Centre, watch: Watch, caller: RawCaller) -> None:
    """A key without a meaning was pressed; the menu goes on."""
    assert caller.dial() == 200
    offered = await watch.expect(Offered)
    await watch.expect(Established, call=offered.call)
    caller.press("5")
    await watch.expect(DigitsDetected, call=offered.call, digits="5")
    assert caller.hang_up() == 200
    await left(watch, offered.call, centre, Outcome.SELF_SERVED)


async def test_in_the_queue(centre: Centre, watch: Watch, caller: RawCaller) -> None:
    assert caller.dial() == 200
    offered = await watch.expect(Offered)
    await watch.expect(Established, call=offered.call)
    caller.press("1")
    await watch.expect(Queued, call=offered.call)
    assert caller.hang_up() == 200
    dequeued = await watch.expect(Dequeued, call=offered.call)
    assert dequeued.reason == "abandoned"
    await left(watch, offered.call, centre, Outcome.ABANDONED)


async def test_while_the_agents_phone_rings(
    centre: Centre, watch: Watch, caller: RawCaller
) -> None:
    async with Desk(centre, watch, answer_after=None) as desk:
        since = watch.mark()
        assert caller.dial(STRAIGHT) == 200
        theirs = (await desk.incoming())["call"]
        delivered = await watch.expect(Delivered)
        assert caller.hang_up() == 200
        ended = await desk.phone.state(theirs, "disconnected")
        assert ended["code"] == 487
        await left(watch, delivered.call, centre, Outcome.ABANDONED)
        # Not the agent's fault: ready again, not set aside.
        await watch.expect(AgentReady, agent="agent1", since=since)
    assert centre.daemon.record(delivered.call).rings_unanswered == 0


async def test_while_talking(centre: Centre, watch: Watch, caller: RawCaller) -> None:
    async with Desk(centre, watch) as desk:
        assert caller.dial(STRAIGHT) == 200
        bridged = await watch.expect(Bridged)
        theirs = (await desk.incoming())["call"]
        assert caller.hang_up() == 200
        await desk.phone.state(theirs, "disconnected")
        await left(watch, bridged.call, centre, Outcome.ANSWERED)


async def test_by_vanishing(centre: Centre, watch: Watch, caller: RawCaller) -> None:
    """Power cut: no BYE, no more RTP. The media's silence ends the call."""
    async with Desk(centre, watch) as desk:
        assert caller.dial(STRAIGHT) == 200
        bridged = await watch.expect(Bridged)
        assert caller.dialog is not None
        assert caller.dialog.invite is not None
        for _ in range(10):
            caller.rtp.send(caller.rtp.packet(b"\xff" * 160), caller.dialog.invite.media)
        theirs = (await desk.incoming())["call"]
        cleared = await watch.expect(CallCleared, call=bridged.call, within=RTP_TIMEOUT_S + 4)
        assert cleared.cause is Cause.MEDIA_TIMEOUT
        assert cleared.at - bridged.at == pytest.approx(RTP_TIMEOUT_S, abs=2.0)
        await desk.phone.state(theirs, "disconnected")
        # We end our side by the book, whether or not anybody listens.
        assert caller.sip.receive(method="BYE", call_id=caller.dialog.call_id).method == "BYE"


async def test_a_cancel_on_the_heels_of_the_invite(centre: Centre, watch: Watch) -> None:
    """Sent at once and a little later: each INVITE gets one final answer, each CANCEL a 200."""
    rng = random.Random(9)
    ways: dict[int, int] = {200: 0, 487: 0}
    since = watch.mark()
    with RawSip(centre.address) as sip, RawRtp() as rtp:
        for _ in range(40):
            dialog = sip.invite(centre.uri(), sdp(rtp.port))
            await asyncio.sleep(rng.choice((0, 0, 0.0005, 0.001, 0.003)))
            sip.cancel(dialog)
            answer = sip.answer_of(dialog)
            ways[answer.code] += 1
            cancelled = [m for m in sip.drain(0.02) if m.method == "CANCEL"]
            assert all(m.code in {200, 481} for m in cancelled)
            if answer.code == 200:
                assert sip.bye(dialog).code == 200
    assert sum(ways.values()) == 40
    await watch.expect(CallCleared, where=lambda _: len(watch.of(CallCleared, since)) == 40)
    assert len({e.call for e in watch.of(Offered, since)}) == 40
    assert len(watch.of(ConnectionCleared, since)) == 40


async def test_an_ack_that_never_comes(centre: Centre, watch: Watch) -> None:
    """RFC 3261, 13.3.1.4: the 200 is repeated; a caller without ACK is not kept for ever.

    The BYE that a caller may send without having acknowledged ends the call at once.
    """
    with RawSip(centre.address) as sip, RawRtp() as rtp:
        dialog = sip.invite(centre.uri(), sdp(rtp.port))
        first = sip.answer_of(dialog, acknowledge=False)
        again = sip.receive(method="INVITE", code=200, call_id=dialog.call_id, timeout=2)
        assert again.to_tag == first.to_tag
        offered = await watch.expect(Offered)
        assert sip.bye(dialog).code == 200
        await watch.expect(CallCleared, call=offered.call)
        with pytest.raises(NothingCameError):
            sip.receive(method="INVITE", call_id=dialog.call_id, timeout=1.5)


async def test_an_invite_for_a_number_that_is_nobodys(centre: Centre, watch: Watch) -> None:
    with RawSip(centre.address) as sip, RawRtp() as rtp:
        answer = sip.answer_of(sip.invite(centre.uri("12345"), sdp(rtp.port)))
    assert answer.code == 404
    offered = await watch.expect(Offered)
    cleared = await watch.expect(CallCleared, call=offered.call)
    assert cleared.status == 404
    assert centre.daemon.record(offered.call).outcome is Outcome.REFUSED


async def test_a_trunk_has_no_channel_left(centre: Centre, watch: Watch) -> None:
    """Two channels: the third call is refused with 503 and Retry-After, and room comes back."""
    port = centre.small_trunk_port
    with RawSip(centre.address, port=port) as sip, RawRtp() as rtp:
        dialogs = [sip.invite(centre.uri(), sdp(rtp.port)) for _ in range(2)]
        assert [sip.answer_of(dialog).code for dialog in dialogs] == [200, 200]
        refused = sip.answer_of(sip.invite(centre.uri(), sdp(rtp.port)))
        assert refused.code in {486, 503}
        assert refused.code == 486 or int(refused.get("Retry-After").split()[0]) > 0
        first = await watch.expect(Offered)
        assert first.trunk == "small"
        assert sip.bye(dialogs[0]).code == 200
        await watch.expect(CallCleared, call=first.call)
        again = sip.invite(centre.uri(), sdp(rtp.port))
        assert sip.answer_of(again).code == 200
        for dialog in (dialogs[1], again):
            assert sip.bye(dialog).code == 200
