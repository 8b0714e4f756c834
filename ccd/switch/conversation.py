"""Caller and agent together: who hears whom, whoever holds, and the recording of it."""

from __future__ import annotations

from ccd.events import Bridged, EventStream, Held, Retrieved, Transferred
from ccd.media.tones import RINGBACK
from ccd.model import ConnectionState, Party
from ccd.switch.call import Call, Leg
from ccd.switch.patch import Patch
from ccd.switch.recordings import Recordings


class Conversations:
    """Joins and parts the two parties of a call, and follows holds of either side.

    There are two holds: ours (`hold`) and the far end's (its SDP says so). A party hears
    the other's voice only while there is neither; `Held` and `Retrieved` are told when the
    first begins and the last ends. `recordings` is None where nothing is to be recorded.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        events: EventStream,
        recordings: Recordings | None,
        hold_music: str,
    ) -> None:
        self._patch = patch
        self._events = events
        self._recordings = recordings
        self._hold_music = hold_music

    def join(self, call: Call) -> None:
        """Caller and agent hear each other from now on."""
        agent = call.answered
        if agent is None or not call.caller.connected or call.bridged:
            return
        call.bridged = True
        if call.transferred_from is not None:
            self._events.publish(
                Transferred(call=call.id, from_leg=call.transferred_from, to_leg=agent.id)
            )
            call.transferred_from = None
        call.ringback = None
        for leg in (call.caller, agent):
            self._patch.stop(leg)
        self._hear_each_other(call)
        self._events.publish(
            Bridged(call=call.id, legs=(call.caller.id, agent.id), agent=agent.agent)
        )
        if self._recordings is not None:
            self._recordings.start(call, agent)

    def part(self, call: Call) -> None:
        """They hear each other no more."""
        if not call.bridged:
            return
        call.bridged = False
        if self._recordings is not None:
            self._recordings.stop(call)
        for leg in call.legs:
            self._patch.hear(leg, ())

    def hold(self, leg: Leg) -> None:
        """It hears music, the other one nothing of it."""
        if leg.connected and not leg.held and leg.call.bridged:
            leg.held = True
            self._changed(leg, by=Party.SYSTEM)

    def retrieve(self, leg: Leg) -> None:
        """Both hear each other again, unless the far end holds as well."""
        if leg.connected and leg.held:
            leg.held = False
            self._changed(leg, by=Party.SYSTEM)

    def follow(self, leg: Leg) -> None:
        """Heed a hold of the leg's far end that began or ended with its newest SDP."""
        assert leg.agreed is not None
        if leg.agreed.held != leg.held_by_far_end:
            leg.held_by_far_end = leg.agreed.held
            self._changed(leg, by=leg.party)

    def play_music(self, leg: Leg, path: str = "") -> None:
        """Let a leg hear the music that plays to all who wait (empty: the built-in one)."""
        if leg.port is not None and leg.media_open:
            self._patch.stop(leg)
            self._patch.hear(leg, (self._patch.music(leg.port.worker, path or self._hold_music),))

    def play_ringback(self, call: Call) -> None:
        """Let the agent who answered hear that his customer is being called."""
        if call.answered is not None:
            self._patch.hear(call.answered, ())
            tone = RINGBACK["cn"].sounds()
            self._patch.play(call.answered, tone, loop=True, ended=lambda _leg: None)
            call.ringback = call.answered.player

    def stop_ringback(self, call: Call) -> None:
        """The customer answered or can't be had; what else plays to the agent goes on."""
        if call.ringback is not None:
            if call.answered is not None and call.answered.player == call.ringback:
                self._patch.stop(call.answered)
            call.ringback = None

    def _changed(self, leg: Leg, *, by: Party) -> None:
        holding = leg.held or leg.held_by_far_end
        state = ConnectionState.HOLD if holding else ConnectionState.CONNECTED
        if state is not leg.state:
            leg.state = state
            happened = Held if holding else Retrieved
            self._events.publish(happened(call=leg.call.id, leg=leg.id, by=by))
        if leg.call.bridged:
            self._hear_each_other(leg.call)

    def _hear_each_other(self, call: Call) -> None:
        """Voice both ways; music to who is held, or whose other party holds."""
        caller, agent = call.caller, call.agent
        assert agent is not None
        for leg, other in ((caller, agent), (agent, caller)):
            if leg.held or other.held_by_far_end:
                self.play_music(leg)
            elif other.held:
                self._patch.hear(leg, ())
            else:
                self._patch.hear(leg, (other.node,))
