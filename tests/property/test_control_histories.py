"""Random days of call control: agents do anything at any moment, while callers come and go.

Whatever they do: the only exception is call control's own refusal, what the ACD says of an
agent fits what his phone does, and at the end nothing is left.
"""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual.centre import SERVICE, Telephone, VirtualCentre

from ccd.acd.errors import AcdError
from ccd.control.errors import ControlError
from ccd.events import CallCleared, Offered, Originated
from ccd.model import AgentState, Cause, ListenMode

EXAMPLES = int(os.environ.get("CCD_EXAMPLES", "40"))
"""More by hand, after a change of call control."""

NUMBERS = ("agent1", "agent2", "agent3", "agent4", "orders", "110", "nobody")

HANGING_UP_S = 1.0
"""What a BYE and its answer, and what follows from them, may take in virtual time."""


class ControlDay:
    """One centre, four agents, callers; everybody acts as chance has it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance = random.Random(seed)
        self.centre = VirtualCentre(
            folder, agents=4, ring_timeout_s=5.0, wrap_up_s=self.chance.choice([0.0, 3.0])
        )
        self.centre.network.delay = self.chance.choice([0.0, 0.02])
        self.centre.staff(answers_after=0.3)
        for name in self.centre.names:
            if self.chance.random() < 0.5:
                self._nail_up(name)
        self.callers: list[Telephone] = []
        self.control = self.centre.centre.control
        self.acd = self.centre.centre.acd

    def step(self) -> None:
        """Somebody does something, and some time passes."""
        self.centre.do(self._act, self.chance.choice([0.0, 0.05, 0.4, 1.0, 4.0]))

    def everybody_goes(self) -> None:
        for phone in self.centre.phones.values():
            phone.silent, phone.refuses_with = False, None
        switch = self.centre.centre.switch
        for name in self.centre.names:
            self.control.lines.log_on(name, name, False)
        for _ in range(4):  # a call that waits is given to the next agent, and ended then
            self.centre.run(2.0)
            for call in tuple(switch.calls.values()):
                switch.clear_call(call, Cause.NORMAL_CLEARING)
        self.centre.run(130.0)
        for call in tuple(switch.calls.values()):
            switch.clear_call(call, Cause.NORMAL_CLEARING)
        self.centre.run(10.0)

    def _act(self) -> None:
        what = self.chance.randrange(10)
        if what == 0:
            self._call_in()
        elif what == 1:
            self._mood()
        elif what == 2:
            self._hang_up()
        elif what == 3:
            self._agent_verb()
        else:
            self._verb()

    def _nail_up(self, agent: str) -> None:
        self.centre.centre.control.lines.log_on(agent, agent, True)

    def _call_in(self) -> None:
        number = len(self.callers) + 2
        caller = Telephone(self.centre.network, f"138000{number:05}", f"10.0.9.{number}", number)
        self.callers.append(caller)
        caller.call(self.centre.hop, SERVICE)
        press = lambda: self._press(caller)  # noqa: E731
        self.centre.network.at(self.centre.network.now + 0.3, press)

    def _press(self, caller: Telephone) -> None:
        for call in self.centre.centre.switch.calls.values():
            if call.ani == caller.name and call.caller.media_open:
                self.centre.bay.press(call.caller.node, "1")

    def _mood(self) -> None:
        phone = self.chance.choice(list(self.centre.phones.values()))
        phone.answers_after = self.chance.choice([None, 0.1, 0.3, 2.0])
        phone.refuses_with = self.chance.choice([None, None, None, 486])
        phone.one_line = True

    def _hang_up(self) -> None:
        party = self.chance.choice([*self.centre.phones.values(), *self.callers])
        if party.session is not None:
            party.session.terminate(now=self.centre.network.now)

    def _agent_verb(self) -> None:
        agent = self.chance.choice(self.centre.names)
        verbs: list[Callable[[], Any]] = [
            lambda: self.acd.ready(agent),
            lambda: self.acd.ready(agent),
            lambda: self.acd.not_ready(agent, "break"),
            lambda: self.acd.wrap_up_done(agent),
            lambda: self._nail_up(agent),
            lambda: self.control.lines.log_on(agent, agent, False),
        ]
        with contextlib.suppress(AcdError):
            self.chance.choice(verbs)()

    def _verb(self) -> None:
        chance, calls, control = self.chance, self.control.calls, self.control
        agent, number = chance.choice(self.centre.names), chance.choice(NUMBERS)
        mode = chance.choice(list(ListenMode))
        verbs: list[Callable[[], Any]] = [
            lambda: calls.make_call(agent, number),
            lambda: calls.make_call(agent),
            lambda: control.answering.answer(agent, None, lambda _: None),
            lambda: control.answering.answer(agent, None, lambda _: None),
            lambda: calls.dial_digits(agent, number),
            lambda: calls.hold_call(agent),
            lambda: calls.retrieve_call(agent),
            lambda: calls.alternate_call(agent),
            lambda: calls.consultation_call(agent, number),
            lambda: calls.consultation_call(agent, number),
            lambda: calls.consultation_call(agent, number),
            lambda: calls.reconnect_call(agent),
            lambda: calls.transfer_call(agent),
            lambda: calls.conference_call(agent),
            lambda: calls.single_step_transfer(agent, number),
            lambda: calls.single_step_conference(agent, number),
            lambda: calls.clear_connection(agent),
            lambda: calls.clear_call(agent),
            lambda: calls.associate_data(agent, {"account": "1"}),
            lambda: control.supervision.join_call(
                agent, mode, role="supervisor", to_agent=chance.choice(self.centre.names)
            ),
            lambda: control.supervision.take_over_call(agent, role="supervisor"),
            lambda: control.pickup.directed_pickup(
                agent, from_agent=chance.choice(self.centre.names)
            ),
            lambda: control.pickup.group_pickup(agent),
            lambda: control.pickup.deflect_call(agent, number),
            lambda: control.parking.park_call(agent),
            lambda: control.parking.unpark_call(agent, "701"),
        ]
        with contextlib.suppress(ControlError):
            chance.choice(verbs)()

    def agents_are_what_their_phones_say(self) -> None:
        """Once everything has had its time: busy is who has a leg, ready is who has none."""
        switch = self.centre.centre.switch
        for view in self.acd.agents():
            legs = switch.legs_of(view.name)
            if view.state is AgentState.BUSY:
                assert legs, f"{view.name} is busy with {view.contact}, and has no leg"
            elif view.state is AgentState.READY:
                connected = [leg for leg in legs if leg.connected]
                assert not connected, f"{view.name} is ready, and is on the phone"


@given(seed=st.integers(min_value=0, max_value=2**32), steps=st.integers(min_value=1, max_value=60))
@settings(max_examples=EXAMPLES, deadline=None)
def test_whatever_agents_do(seed: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        day = ControlDay(seed, Path(folder))
        for _ in range(steps):
            day.step()
            if day.chance.random() < 0.2:
                day.centre.run(HANGING_UP_S)
                day.agents_are_what_their_phones_say()
        day.everybody_goes()
        centre = day.centre
        begun = {event.call for event in (*centre.told(Offered), *centre.told(Originated))}
        ended = [event.call for event in centre.told(CallCleared)]
        assert sorted(ended) == sorted(begun)
        day.agents_are_what_their_phones_say()
        assert len(day.control.own_calls) == 0
        centre.assert_nothing_left()
