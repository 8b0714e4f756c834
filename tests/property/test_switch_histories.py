"""The switch under random histories of verbs and of what far ends do: nothing stays behind.

Controllers here are careless on purpose: verbs come at any moment, in any order, for calls in
any state. Whatever happens, every call that began is cleared once, every leg that began ends
once, every message is told once, and no node, port, channel or session is left.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual.centre import SERVICE, Telephone, VirtualCentre

from ccd.events import (
    CallCleared,
    ConnectionCleared,
    Delivered,
    Failed,
    Offered,
    Originated,
)
from ccd.media.protocol import Sound
from ccd.model import Cause, ListenMode, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable

EXAMPLES = int(os.environ.get("CCD_EXAMPLES", "60"))
"""More by hand, after a change of the switch."""

AGENTS = ("agent1", "agent2", "agent3")


class Careless:
    """A controller that does something, or nothing, on everything it is told."""

    def __init__(self, history: History) -> None:
        self._history = history

    def offered(self, call: Call) -> None:
        self._history.centre.centre.switch.answer(call)

    def established(self, call: Call, leg: Leg) -> None:
        assert leg.connected
        assert call.answered is None or call.answered.connected
        if self._history.chance.random() < 0.5:
            self._history.centre.centre.switch.bridge(call)
        else:
            self._perhaps(call)

    def alerting(self, call: Call, leg: Leg) -> None:
        self._perhaps(call)

    def failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        assert leg not in call.legs
        assert leg not in call.ringing
        self._perhaps(call)

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        self._perhaps(call)

    def played(self, call: Call, leg: Leg) -> None:
        self._perhaps(call)

    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        assert call.answered is not leg
        if call.answered is not None:
            return
        if not call.caller.connected or self._history.chance.random() < 0.5:
            self._history.centre.centre.switch.clear_call(call, cause, Party.AGENT)

    def caller_left(self, call: Call, cause: Cause) -> None:
        assert not call.caller.connected
        self._perhaps(call)

    def guest_joined(self, call: Call, leg: Leg) -> None:
        assert leg.is_here
        assert leg in call.joined or leg in call.listeners
        if self._history.chance.random() < 0.7:
            self._history.centre.centre.switch.bridge(call)

    def guest_failed(self, call: Call, leg: Leg, cause: Cause) -> None:
        assert leg not in call.legs
        assert leg not in (*call.joined, *call.joining, *call.listeners)
        self._perhaps(call)

    def guest_left(self, call: Call, leg: Leg, cause: Cause) -> None:
        self.guest_failed(call, leg, cause)

    def cleared(self, call: Call) -> None:
        assert call.legs == []
        assert call.ringing == []
        assert [*call.joined, *call.joining, *call.listeners, *call.guests] == []
        self._history.cleared[call.id] += 1

    def _perhaps(self, call: Call) -> None:
        if self._history.chance.random() < 0.3:
            self._history.act_on(call)


class History:
    """One random morning of one small centre."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.centre = VirtualCentre(folder, agents=len(AGENTS), trunk_channels=4)
        self.centre.network.delay = self.chance.choice([0.0, 0.02, 0.3])
        self.cleared: Counter[str] = Counter()
        self.messages: Counter[int] = Counter()
        self._message = 0
        self._over = False
        self._folder = folder
        self._callers: list[Telephone] = []
        for name, phone in self.centre.phones.items():
            self.centre.do(
                lambda phone=phone, name=name: phone.register(self.centre.hop, f"{name}-secret")
            )  # type: ignore[misc]
        self.centre.centre.switch._router = lambda _call: Careless(self)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.centre.do(self._step, self.chance.choice([0.0, 0.01, 0.1, 0.5, 3.0]))
            self._nobody_overhears()
        switch = self.centre.centre.switch
        self._over = True
        for _ in range(2):  # an INVITE that is under way still comes in
            self.centre.run(2.0)
            for call in tuple(switch.calls.values()):
                switch.clear_call(call, Cause.NORMAL_CLEARING)
        # Requests that were never answered end after 64*T1.
        self.centre.run(64.0)

    def _step(self) -> None:
        self._moods()
        calls = list(self.centre.centre.switch.calls.values())
        what = self.chance.randrange(10)
        if what == 0 or not calls:
            self._begin()
        elif what == 1:
            self._far_end()
        else:
            self.act_on(self.chance.choice(calls))

    def _nobody_overhears(self) -> None:
        """Voices go only between those who speak in one call, and as listeners' modes say."""
        calls = self.centre.centre.switch.calls.values()
        legs = {leg.node: leg for call in calls for leg in call.legs}
        recorders = {call.recorder for call in calls}
        for source, sink in self.centre.bay.edges:
            if source not in legs or (sink not in legs and sink not in recorders):
                continue  # music, prompts; a message that somebody leaves
            voice = legs[source]
            assert voice.call.bridged
            assert voice.speaks_in(voice.call)
            if sink in legs:
                ear = legs[sink]
                assert ear.call is voice.call
                assert ear.speaks_in(ear.call) or voice.coached is ear
                if voice in voice.call.listeners:
                    assert voice.mode is not ListenMode.SILENT
                    assert voice.mode is ListenMode.ACTIVE or voice.coached is ear
            else:
                assert voice.call.recorder == sink
                assert not voice.call.recording_paused
        for call in calls:
            assert len(set(call.legs)) == len(call.legs)
            for leg in call.legs:
                assert call is leg.call or call in leg.kept
            for leg in (*call.joined, *call.joining, *call.listeners, *call.ringing):
                assert leg in call.legs

    def _moods(self) -> None:
        for phone in (*self.centre.phones.values(), self.centre.caller):
            phone.answers_after = self.chance.choice([None, 0.0, 0.05, 1.0])
            phone.refuses_with = self.chance.choice([None, None, None, 486, 603])
            phone.silent = self.chance.random() < 0.05

    def _begin(self) -> None:
        switch, controller = self.centre.centre.switch, Careless(self)
        begin = self.chance.choice(["in", "dial", "agent"])
        if begin == "in":
            number = len(self._callers) + 2
            caller = Telephone(
                self.centre.network, f"1380000{number:04}", f"10.0.9.{number}", seed=number
            )
            self._callers.append(caller)
            caller.call(self.centre.hop, SERVICE)
        elif begin == "dial":
            self._try(lambda: switch.dial("13911112222", trunk="carrier", controller=controller))
        else:
            name = self.chance.choice(AGENTS)
            self._try(
                lambda: switch.call_agent(
                    agent=name, phone=name, queue="orders", controller=controller
                )
            )

    def _far_end(self) -> None:
        parties = [*self.centre.phones.values(), self.centre.caller, *self._callers]
        party = self.chance.choice(parties)
        if party.session is not None:
            party.session.terminate(now=self.centre.network.now)

    def act_on(self, call: Call) -> None:
        """One verb, whatever the state of the call."""
        if self._over:
            return
        switch, name = self.centre.centre.switch, self.chance.choice(AGENTS)
        leg = self.chance.choice(call.legs) if call.legs else call.caller
        verbs: list[Any] = [
            lambda: switch.ring(call, agent=name, phone=name, queue="orders"),
            lambda: switch.ring(call, agent=name, phone=name, queue="orders"),
            lambda: switch.ring_outside(call, number="0108", trunk="carrier", queue="orders"),
            lambda: switch.add_customer(call, "13911112222", "carrier"),
            lambda: switch.transfer(call, agent=name, phone=name, queue="orders"),
            lambda: switch.bridge(call),
            lambda: switch.answer(call),
            lambda: switch.hold(leg),
            lambda: switch.retrieve(leg),
            lambda: switch.play(leg, [Sound(path="a.wav")]),
            lambda: switch.play_music(leg),
            lambda: switch.stop_playing(leg),
            lambda: self._take_message(call),
            lambda: switch.stop_message(call),
            lambda: self.centre.bay.finish(leg.node),
            lambda: self.centre.bay.press(leg.node, "#"),
            lambda: switch.clear_connection(leg, Cause.NO_ANSWER),
            lambda: switch.clear_connection(leg, Cause.ANSWERED_ELSEWHERE),
            lambda: switch.clear_connection(leg, Cause.NORMAL_CLEARING, call),
            lambda: switch.invite(call, agent=name, phone=name, host=Careless(self)),
            lambda: switch.invite_outside(
                call, number="0108", trunk="carrier", host=Careless(self)
            ),
            lambda: switch.transfer_outside(call, number="0108", trunk="carrier", queue="orders"),
            lambda: self._listen(call, name),
            lambda: self._listener(call, lambda one: switch.change_listening(one, self._mode())),
            lambda: self._listener(call, switch.take_over),
            lambda: self._begin_another(leg),
            lambda: self._begin_another(leg),
            lambda: self._two_calls(lambda one, kept: switch.retrieve(one, kept)),
            lambda: self._two_calls(lambda one, kept: switch.merge(kept, one.call, one, stay=True)),
            lambda: self._two_calls(
                lambda one, kept: switch.merge(kept, one.call, one, stay=False)
            ),
            lambda: self._two_calls(
                lambda one, kept: switch.merge(one.call, kept, one, stay=False)
            ),
            lambda: switch.detach_agent(call),
            lambda: switch.part_caller(call),
            lambda: switch.caller_back(call),
            lambda: switch.start_recording(call),
            lambda: switch.stop_recording(call),
            lambda: switch.pause_recording(call),
            lambda: switch.resume_recording(call),
            lambda: switch.clear_call(call, Cause.NORMAL_CLEARING),
        ]
        self._try(self.chance.choice(verbs))

    def _mode(self) -> ListenMode:
        return self.chance.choice(list(ListenMode))

    def _listen(self, call: Call, name: str) -> None:
        if call.answered is not None:
            self.centre.centre.switch.listen(
                call,
                agent=name,
                phone=name,
                mode=self._mode(),
                host=Careless(self),
                to=call.answered,
            )

    def _listener(self, call: Call, verb: Any) -> None:
        if call.listeners:
            verb(self.chance.choice(call.listeners))

    def _begin_another(self, leg: Leg) -> None:
        if leg.is_here and leg is leg.call.answered and leg.call.ending is None:
            self.centre.centre.switch.begin(leg, Careless(self))

    def _two_calls(self, verb: Any) -> None:
        """Of the legs that keep a call on hold one does something with it."""
        legs = [
            leg
            for call in self.centre.centre.switch.calls.values()
            for leg in call.legs
            if leg.kept and leg.is_here and leg.call.ending is None
        ]
        if legs:
            leg = self.chance.choice(legs)
            kept = self.chance.choice(leg.kept)
            if kept.ending is None:
                verb(leg, kept)

    def _take_message(self, call: Call) -> None:
        self._message += 1
        number = self._message
        self.messages[number] = 0

        def done(_call: Call, _path: str, _seconds: float) -> None:
            self.messages[number] += 1

        self.centre.centre.switch.record_message(call, self._folder / "m.wav", 5.0, done)

    @staticmethod
    def _try(verb: Any) -> None:
        with contextlib.suppress(NotReachable):
            verb()


@given(seed=st.integers(min_value=0, max_value=2**32), steps=st.integers(min_value=1, max_value=60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_nothing_stays_behind(seed: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        history = History(seed, Path(folder))
        history.run(steps)
        centre = history.centre
        begun = {event.call for event in (*centre.told(Offered), *centre.told(Originated))}
        ended = Counter(event.call for event in centre.told(CallCleared))
        assert ended == dict.fromkeys(begun, 1)
        assert history.cleared == ended
        legs = {event.leg for event in (*centre.told(Offered), *centre.told(Originated))}
        legs |= {event.leg for event in centre.told(Delivered)}
        gone = {event.leg for event in (*centre.told(ConnectionCleared), *centre.told(Failed))}
        assert gone == legs
        # A connection is a call and a leg; one that went over to another call ends there.
        ends = Counter(
            (event.call, event.leg)
            for event in (*centre.told(ConnectionCleared), *centre.told(Failed))
        )
        assert not ends or max(ends.values()) == 1
        assert set(history.messages.values()) <= {1}
        assert set(centre.records) == begun
        centre.assert_nothing_left()
