"""Long random days in the whole centre, with SIP: at their end nobody and nothing is left.

Callers come, wait, press keys, give up and call again; agents come, go, answer, let it ring
and hang up; phones are busy, CANCELs are lost, queues change. Whatever happens, no phone is
rung that rings already, and when everybody answers again, every caller, callback and message
is served.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual.town import Town, person

from ccd.acd.errors import AcdError
from ccd.config import Announce, Callback, Customer, CustomerClass, Overflow, Queue, Ring
from ccd.events import CallbackRequested, CallbackResolved, VoicemailHeard, VoicemailLeft
from ccd.model import Cause
from ccd.switch.switch import NotReachable

PEOPLE = [f"1380000000{number}" for number in range(7)]
SITE = "01088880000"
CALLBACK = Callback(
    trunk="carrier", offer_position=1, abandoned=True, abandoned_after_s=20.0, spacing_s=30.0
)

QUEUES = (
    Queue(
        name="orders",
        skills={"bonds": 5},
        ring=(Ring(after_s=15.0),),
        ring_agents=2,
        ring_timeout_s=8.0,
        wrap_up_s=3.0,
        last_agent_s=10.0,
        adviser_s=10.0,
        announce=Announce(first_s=4.0, every_s=10.0),
        callback=CALLBACK,
        overflow=(
            Overflow(to="queue:help", wait_s=40.0),
            Overflow(to=f"number:{SITE}", trunk="carrier", length=3),
        ),
    ),
    Queue(
        name="help",
        ring_agents=3,
        ring_timeout_s=10.0,
        callback=msgspec.structs.replace(CALLBACK, first="customer"),
        overflow=(
            Overflow(to="voicemail", no_agents=True),
            Overflow(to="callback", wait_s=60.0),
        ),
    ),
)

ADVICE = Queue(name="advice", ring_agents=2, ring_timeout_s=8.0, callback=CALLBACK)


class Day:
    """One history, from a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.town = Town(
            folder,
            queues=QUEUES,
            agents=[
                person("anna", "orders", "help", skills={"bonds": 7}),
                person("bert", "orders", "help", skills={"bonds": 5}),
                person("clara", "help", "orders"),
            ],
            classes=[CustomerClass(name="gold", head_start_s=30.0)],
            customers=[
                Customer(number=PEOPLE[0], customer_class="gold"),
                Customer(number=PEOPLE[1], adviser="bert"),
            ],
        )
        self.acd = self.town.centre.acd
        self.cancels_lost_until = 0.0
        self.town.network.filter = lambda sent: (
            not sent.start_line.startswith("CANCEL")
            or self.town.network.now >= self.cancels_lost_until
        )
        self.town.register(*self.town.names)
        self.doings: list[Callable[[], None]] = [
            *[self.somebody_comes] * 5,
            *[self.somebody_leaves] * 2,
            *[self.somebody_presses] * 2,
            *[self.prompts_end] * 4,
            *[self.agent_hangs_up] * 3,
            *[self.agent_ready] * 4,
            self.agent_not_ready,
            self.agent_logs_off,
            *[self.phone_changes] * 2,
            *[self.customer_changes] * 2,
            self.cancels_are_lost,
            self.queue_changes,
            self.somebody_is_moved,
            self.agent_learns,
            self.media_fail,
            self.somebody_falls_silent,
            self.a_call_is_cleared,
            self.a_queue_comes_and_goes,
            *[self.a_call_is_transferred] * 3,
            self.somebody_is_asked,
        ]
        self.asked: dict[str, str] = {}
        """Agents who are engaged, and in what."""

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            act = self.rng.choice(self.doings)
            self.town.do(act, self.rng.choice([0.0, 0.02, 0.5, 3.0, 9.0]))

    # --- what happens -------------------------------------------------------------------

    def somebody_comes(self) -> None:
        who = self.town.who(self.rng.choice([*PEOPLE, "anonymous"]))
        if not who.on_the_phone:
            queue = self.rng.choice(["orders", "orders", "help", "agent:clara"])
            self.town.exchange.call(who, self.town.hop, self.town._numbers[queue])

    def somebody_leaves(self) -> None:
        who = self.town.who(self.rng.choice([*PEOPLE, SITE, "anonymous"]))
        if who.on_the_phone:
            who.hang_up()

    def somebody_presses(self) -> None:
        calls = list(self.town.centre.switch.calls.values())
        for call in self.rng.sample(calls, min(2, len(calls))):
            self.town.bay.press(call.caller.node, self.rng.choice("1#"))

    def prompts_end(self) -> None:
        for node in tuple(self.town.bay.legs):
            self.town.bay.finish(node)

    def agent_hangs_up(self) -> None:
        phone = self.town.phones[self.rng.choice(self.town.names)]
        if phone.session is not None and not phone.session.over:
            phone.hang_up()

    def agent_ready(self) -> None:
        name = self.rng.choice(self.town.names)
        if self.town_state(name) in ("", "logged_out"):
            self.acd.log_on(name)
        self.try_(lambda: self.acd.ready(name))

    def agent_not_ready(self) -> None:
        self.try_(lambda: self.acd.not_ready(self.rng.choice(self.town.names), "lunch"))

    def agent_logs_off(self) -> None:
        self.try_(lambda: self.acd.log_off(self.rng.choice(self.town.names)))

    def media_fail(self) -> None:
        if self.rng.random() < 0.3:
            self.town.bay.refuses = "RTP port 20002: Address already in use"

    def somebody_falls_silent(self) -> None:
        nodes = list(self.town.bay.legs)
        if nodes:
            self.town.bay.time_out(self.rng.choice(nodes))

    def a_call_is_cleared(self) -> None:
        calls = list(self.town.centre.switch.calls.values())
        if calls:
            self.town.centre.switch.clear_call(self.rng.choice(calls), Cause.NORMAL_CLEARING)

    def a_call_is_transferred(self) -> None:
        talking = [call for call in self.town.centre.switch.calls.values() if call.bridged]
        if talking:
            call, to = self.rng.choice(talking), self.rng.choice(self.town.names)
            if call.controller is self.acd:
                self.try_(lambda: self.acd.transfer(call, to))

    def somebody_is_asked(self) -> None:
        """A question among colleagues, that is no call here; or it is over."""
        name = self.rng.choice(self.town.names)
        question = self.asked.pop(name, None)
        if question is not None:
            self.acd.disengage(name, question)
        elif self.town_state(name) and self.acd.is_free(name):
            self.asked[name] = f"question {self.town.network.now}"
            self.acd.engage(name, self.asked[name])

    def a_queue_comes_and_goes(self) -> None:
        if "advice" not in {queue.name for queue in self.acd.queues()}:
            self.acd.add_queue(ADVICE)
            self.acd.change_agent("bert", ["orders", "help", "advice"], {"bonds": 5})
            for contact in self.acd._distributor.waiting("help")[:2]:
                self.acd.move(contact, "advice")
        else:
            self.try_(lambda: self.acd.remove_queue("advice", self.rng.choice(["help", "orders"])))

    def phone_changes(self) -> None:
        phone = self.town.phones[self.rng.choice(self.town.names)]
        phone.silent = self.rng.random() < 0.1
        phone.answers_after = self.rng.choice([0.2, 1.0, 3.0, None])
        phone.refuses_with = self.rng.choice([None, None, None, 486])

    def customer_changes(self) -> None:
        who = self.town.who(self.rng.choice([*PEOPLE, SITE]))
        who.answers_after = self.rng.choice([0.5, 4.0, None])
        who.refuses_with = self.rng.choice([None, None, 486, 603])

    def cancels_are_lost(self) -> None:
        self.cancels_lost_until = self.town.network.now + 3.0

    def queue_changes(self) -> None:
        queue = self.rng.choice(QUEUES)
        self.acd.change_queue(
            msgspec.structs.replace(
                queue,
                ring_agents=self.rng.choice([1, 2, 3]),
                strategy=self.rng.choice(["linear", "least_occupied", "round_robin"]),
                overflow=self.rng.choice([queue.overflow, ()]),
            )
        )

    def somebody_is_moved(self) -> None:
        waiting = self.acd._distributor.waiting("orders")
        if waiting:
            self.acd.move(self.rng.choice(waiting), "help")

    def agent_learns(self) -> None:
        queues = self.rng.choice([["help"], ["orders"], ["orders", "help"]])
        self.acd.change_agent("clara", queues, {"bonds": self.rng.choice([1, 9])})

    def town_state(self, name: str) -> str:
        return next((v.state.value for v in self.acd.agents() if v.name == name), "")

    @staticmethod
    def try_(act: Callable[[], None]) -> None:
        with contextlib.suppress(AcdError, NotReachable):
            act()

    # --- the evening -----------------------------------------------------------------------

    def everybody_is_served(self) -> None:
        """Phones and customers answer, agents work, until there is nothing to do."""
        town = self.town
        for phone in town.phones.values():
            phone.answers_after, phone.refuses_with, phone.silent = 0.2, None, False
        for number in (*PEOPLE, SITE):
            town.who(number).answers_after, town.who(number).refuses_with = 0.5, None
        for name, question in self.asked.items():
            assert self.acd.disengage(name, question)
        for _ in range(60):
            for name in town.names:
                if self.town_state(name) in ("", "logged_out"):
                    self.acd.log_on(name)
                self.try_(lambda name=name: self.acd.ready(name))  # type: ignore[misc]
            town.do(self.prompts_end, 5.0)
            for call in tuple(town.centre.switch.calls.values()):
                if call.bridged:
                    town.who(call.number).hang_up()
                elif call.answered is not None:
                    town.bay.press(call.answered.node, "2")
            town.run(2.0)
            floor = town.centre.floor
            if not (town.centre.switch.calls or floor.callbacks.open or floor.voicemail.open):
                return
        raise AssertionError(f"still there: {self.left()}")

    def left(self) -> object:
        floor = self.town.centre.floor
        calls = [
            (c.id, c.number, type(c.controller)) for c in self.town.centre.switch.calls.values()
        ]
        return calls, floor.callbacks.open, floor.voicemail.open, self.acd._hanging_up


def live(seed: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder), seed)
        day.go_on(steps)
        day.everybody_is_served()
        town = day.town
        requested = {event.callback for event in town.told(CallbackRequested)}
        resolved = [event.callback for event in town.told(CallbackResolved)]
        assert sorted(resolved) == sorted(requested)
        left = {event.voicemail for event in town.told(VoicemailLeft)}
        assert {event.voicemail for event in town.told(VoicemailHeard)} == left
        town.assert_nothing_left()


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_at_the_end_of_the_day_nobody_is_left(seed: int) -> None:
    live(seed, 120)
