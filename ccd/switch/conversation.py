"""Who hears whom in a call: conversation, hold of either side, conference, listeners, recording.

All of it is one rule, worked out anew whenever something changes (`Conversations.settle`):

- whoever speaks in the call hears everybody else who does, and who barges in;
- who is whispered to hears that as well;
- who holds, or keeps the call while he speaks in another, hears nothing of it;
- who hears nobody, because somebody holds, hears music;
- who listens hears everybody who speaks;
- the recorder hears the customer's side on the left, ours on the right.
"""

from __future__ import annotations

from ccd.events import Bridged, Conferenced, EventStream, Held, Joined, Retrieved, Transferred
from ccd.media.tones import RINGBACK
from ccd.model import ConnectionState, ListenMode, Party
from ccd.switch.call import Call, Leg
from ccd.switch.patch import Patch
from ccd.switch.recordings import Recordings


class Conversations:
    """Joins and parts the parties of a call, and follows holds of either side.

    There are two holds: ours (`hold`) and the far end's (its SDP says so). A party is in the
    conversation only while there is neither; `Held` and `Retrieved` are told when the first
    begins and the last ends. `recordings` is None where nothing is to be recorded.
    """

    def __init__(
        self,
        *,
        patch: Patch,
        events: EventStream,
        recordings: Recordings,
        hold_music: str,
    ) -> None:
        self._patch = patch
        self._events = events
        self._recordings = recordings
        self._hold_music = hold_music

    def join(self, call: Call) -> None:
        """The parties hear each other from now on."""
        parties = call.parties
        if len(parties) < 2 or call.bridged or call.caller_away:
            return
        first, second = parties[0], parties[1]
        call.bridged = True
        if call.transferred_from is not None:
            giver, call.transferred_from = call.transferred_from, None
            self._events.publish(
                Transferred(
                    call=call.id,
                    from_leg=giver.id,
                    to_leg=second.id,
                    agent=giver.agent,
                    to_agent=second.agent,
                )
            )
        call.ringback = None
        for leg in parties:
            if leg.call is call:
                self._patch.stop(leg)
        self.settle(call)
        self._events.publish(Bridged(call=call.id, legs=(first.id, second.id), agent=second.agent))
        self._recordings.begin(call)

    def part(self, call: Call) -> None:
        """They hear each other no more."""
        if not call.bridged:
            return
        call.bridged = False
        self._recordings.stop(call)
        for leg in call.legs:
            if leg.call is call:
                self._patch.hear(leg, ())

    def part_caller(self, call: Call) -> None:
        """The caller leaves the conversation for a while; the agent stays, as one who holds."""
        agent = call.answered
        assert agent is not None
        self.part(call)
        call.caller_away = True
        if not agent.held:
            agent.held = True
            self._changed(agent, by=agent.party)

    def caller_back(self, call: Call) -> None:
        """He is back: with his agent, or with music where that one speaks in another call."""
        call.caller_away = False
        agent = call.answered
        if agent is not None and agent.call is call:
            self.retrieve(agent)
        self.join(call)

    def widen(self, call: Call, leg: Leg, *, secondary: str = "", by: Leg | None = None) -> None:
        """A further party is in the conversation; says so."""
        self._patch.stop(leg)
        self.settle(call)
        self._events.publish(
            Conferenced(
                call=call.id,
                leg=leg.id,
                legs=tuple(each.id for each in call.parties if each.speaks_in(call)),
                secondary=secondary,
                agent=None if by is None else by.agent,
            )
        )

    def listen(self, leg: Leg) -> None:
        """Who listens does so as `leg.mode` says from now on; says so."""
        assert leg.mode is not None
        self.settle(leg.call)
        self._events.publish(
            Joined(
                call=leg.call.id,
                leg=leg.id,
                agent=leg.agent or "",
                mode=leg.mode,
                to_agent=None if leg.coached is None else leg.coached.agent,
            )
        )

    # --- hold ------------------------------------------------------------------------------

    def hold(self, leg: Leg) -> None:
        """It leaves the conversation that it is in, and stays connected."""
        if leg.connected and not leg.held and leg.call.bridged:
            leg.held = True
            self._changed(leg, by=leg.party)

    def retrieve(self, leg: Leg) -> None:
        """It is in the conversation again, unless the far end holds as well."""
        if leg.connected and leg.held and not leg.call.caller_away:
            leg.held = False
            self._changed(leg, by=leg.party)

    def follow(self, leg: Leg) -> None:
        """Heed a hold of the leg's far end that began or ended with its newest SDP."""
        assert leg.agreed is not None
        if leg.agreed.held == leg.held_by_far_end:
            return
        leg.held_by_far_end = leg.agreed.held
        if not leg.standing:
            self._changed(leg, by=leg.party)

    def turn_to(self, leg: Leg, call: Call) -> None:
        """The leg speaks in this call from now on, and keeps the one that it spoke in on hold.

        `call` is one that it keeps, or a new one of which it is a party already.
        """
        before = leg.call
        if before is call:
            return
        was_holding = leg.state is ConnectionState.HOLD
        self._patch.stop(leg)
        self._patch.hear(leg, ())
        if call in leg.kept:
            leg.kept.remove(call)
            returned = True
        else:
            returned = False
        leg.kept.append(before)
        leg.call, leg.held = call, call.caller_away
        holding = leg.held or leg.held_by_far_end
        leg.state = ConnectionState.HOLD if holding else ConnectionState.CONNECTED
        if not was_holding:
            self._events.publish(Held(call=before.id, leg=leg.id, by=leg.party))
        if returned and leg.state is ConnectionState.CONNECTED:
            self._events.publish(Retrieved(call=call.id, leg=leg.id, by=leg.party))
        self.settle(before)
        self.settle(call)

    def turn_back(self, leg: Leg) -> None:
        """The leg leaves the call that it spoke in; it has the newest that it kept, still on hold."""
        self._patch.stop(leg)
        self._patch.hear(leg, ())
        leg.call = leg.kept.pop()
        leg.held = True
        leg.state = ConnectionState.HOLD

    # --- who hears whom ----------------------------------------------------------------------

    def settle(self, call: Call) -> None:
        """Patch everybody of this call as the rule says."""
        if not call.bridged:
            return
        parties = call.parties
        speaking = [leg for leg in parties if leg.speaks_in(call)]
        listeners = [leg for leg in call.listeners if leg.speaks_in(call)]
        voices = speaking + [leg for leg in listeners if leg.mode is ListenMode.ACTIVE]
        for leg in parties:
            if leg.call is not call:
                continue
            whispers = {
                other.node
                for other in listeners
                if other.mode is ListenMode.WHISPER and other.coached is leg
            }
            if leg not in speaking:
                self._hear(leg, whispers)
            elif heard := {other.node for other in voices if other is not leg} | whispers:
                self._hear(leg, heard)
            elif len(parties) > 1 and leg.player is None:
                self.play_music(leg)
            else:
                self._hear(leg, set())
        for leg in call.listeners:
            heard = {other.node for other in voices if other is not leg}
            self._hear(leg, heard if leg in listeners else set())
        self._recordings.follow(call)

    def _hear(self, leg: Leg, nodes: set[int]) -> None:
        """These, and what is being played to it."""
        self._patch.hear(leg, nodes if leg.player is None else nodes | {leg.player})

    def play_music(self, leg: Leg, path: str = "") -> None:
        """Let a leg hear the music that plays to all who wait (empty: the built-in one)."""
        if leg.port is not None and leg.media_open:
            self._patch.stop(leg)
            self._patch.hear(leg, (self._patch.music(leg.port.worker, path or self._hold_music),))

    def play_ringback(self, call: Call) -> None:
        """Let the agent who answered hear that somebody is being called."""
        agent = call.answered
        if agent is not None and agent.call is call:
            self._patch.hear(agent, ())
            tone = RINGBACK["cn"].sounds()
            self._patch.play(agent, tone, loop=True, ended=lambda _leg: None)
            call.ringback = agent.player

    def stop_ringback(self, call: Call) -> None:
        """The one called answered or can't be had; what else plays to the agent goes on."""
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
        self.settle(leg.call)
