"""A whole centre with any settings, and a town of people who call it: for stories.

    town = Town(tmp_path, queues=[Queue(name="orders")], agents=[person("anna", "orders")])
    town.staff("anna")
    town.come("13800000001", "orders")
    town.run(2.0)
    assert town.conversations == [("13800000001", "anna")]

Every queue has a number of its own whose flow leads straight to it. Phones and subscribers
have one line each: whoever rings one that rings already finds it busy, as in life.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ccd.acd.stories.story import Story, tell
from ccd.alarm import Alarm
from ccd.config import (
    Acd,
    Agent,
    Calendar,
    Customer,
    CustomerClass,
    Phone,
    Queue,
    Route,
    Settings,
    Sip,
    Skill,
    Trunk,
)
from ccd.events import Bridged, Dequeued, Event, Offered, Originated, Routed
from ccd.media.prompt import Prompt
from ccd.media.prompt_book import PromptBook
from ccd.media.protocol import Sound
from ccd.switch.call import Call
from virtual.centre import DOMAIN, EPOCH, VirtualCentre
from virtual.exchange import HOST, Exchange, Subscriber

NUMBERS = "95500{}"
"""A queue's number, by its place in the settings."""

STRAIGHT_TO_QUEUE = """\
version: 1
name: straight
start: queue
steps:
  queue: {{type: queue, queue: "{}"}}
"""


class SpokenBook(PromptBook):
    """Every prompt is at hand: its file is named as the prompt is."""

    def sounds(self, prompts: Sequence[Prompt]) -> tuple[Sound, ...]:
        return tuple(Sound(path=f"{prompt.key or prompt.text}.{prompt.lang}") for prompt in prompts)


def person(name: str, *queues: str, **keys: Any) -> Agent:
    """An agent whose phone has his name."""
    return Agent(name=name, phone=name, queues=queues or ("orders",), **keys)


class Town(VirtualCentre):
    """See the module."""

    def __init__(
        self,
        tmp_path: Path,
        *,
        queues: Sequence[Queue] = (Queue(name="orders"),),
        agents: Sequence[Agent] = (),
        classes: Sequence[CustomerClass] = (),
        customers: Sequence[Customer] = (),
        customers_file: Path | None = None,
        calendars: Sequence[Calendar] = (),
        acd: Acd | None = None,
        channels: int = 0,
        epoch: float = EPOCH,
    ) -> None:
        skills = {name for agent in agents for name in agent.skills}
        for queue in queues:
            skills.update(queue.skills, *(ring.skills for ring in queue.ring))
        named = [queue.name for queue in queues] + [f"agent:{agent.name}" for agent in agents]
        self._numbers = {name: NUMBERS.format(index) for index, name in enumerate(named)}
        settings = Settings(
            sip=Sip(domain=DOMAIN),
            acd=acd or Acd(),
            trunk=(
                Trunk(name="carrier", peers=("10.0.9.0/24", f"{HOST}:5060"), channels=channels),
            ),
            phone=tuple(
                Phone(name=agent.phone, password=f"{agent.phone}-secret") for agent in agents
            ),
            agent=tuple(agents),
            skill=tuple(Skill(name=name) for name in sorted(skills)),
            customer_class=tuple(classes),
            customer=tuple(customers),
            calendar=tuple(calendars),
            queue=tuple(queues),
            route=tuple(Route(dnis=dnis, flow="f.yaml") for dnis in self._numbers.values()),
        )
        super().__init__(
            tmp_path,
            settings=settings,
            flows={dnis: STRAIGHT_TO_QUEUE.format(name) for name, dnis in self._numbers.items()},
            prompts=SpokenBook(tmp_path, studio=tmp_path),
            languages=("zh", "en"),
            epoch=epoch,
            customers_file=customers_file,
        )
        self.exchange = Exchange(self.network)
        for phone in self.phones.values():
            phone.one_line = True

    # --- what people do -------------------------------------------------------------------

    def who(self, number: str) -> Subscriber:
        """Whose number this is."""
        return self.exchange.subscriber(number)

    def come(self, number: str, queue: str = "orders", seconds: float = 0.1) -> Subscriber:
        """Somebody calls a queue; a moment later he is in it."""
        who = self.who(number)
        self.do(lambda: self.exchange.call(who, self.hop, self._numbers[queue]), seconds)
        return who

    def leave(self, number: str, seconds: float = 0.1) -> None:
        """He hangs up."""
        self.do(self.who(number).hang_up, seconds)

    def hang_up(self, agent: str, seconds: float = 0.1) -> None:
        """An agent hangs up."""
        self.do(self.phones[agent].hang_up, seconds)

    def register(self, *names: str) -> None:
        """Have these agents' phones known, and log nobody on."""
        for name in names:
            phone = self.phones[name]
            self.do(partial(phone.register, self.hop, f"{name}-secret"), 0.1)

    def staff(self, *names: str, answers_after: float | None = 0.5) -> None:
        """Register phones, log their agents on, ready."""
        self.register(*(names or self.names))
        for name in names or tuple(self.names):
            self.phones[name].answers_after = answers_after
            self.centre.acd.log_on(name)
            self.centre.acd.ready(name)

    def press(self, number: str, digit: str, seconds: float = 0.1) -> None:
        """A caller presses a key."""
        self.do(lambda: self.bay.press(self.call_of(number).caller.node, digit), seconds)

    def hear_out(self, number: str, seconds: float = 0.1) -> None:
        """A caller hears to its end what is being said to him."""
        self.do(lambda: self.bay.finish(self.call_of(number).caller.node), seconds)

    # --- what is so ------------------------------------------------------------------------

    def call_of(self, number: str) -> Call:
        """The live call of a customer."""
        (found,) = [call for call in self.centre.switch.calls.values() if call.number == number]
        return found

    def is_gone(self, number: str) -> bool:
        """Whether the centre has no call of his any more."""
        return all(call.number != number for call in self.centre.switch.calls.values())

    def waiting(self, queue: str = "orders") -> list[str]:
        """The numbers of those who wait, next one first; a callback is `cb` and his number."""
        distributor = self.centre.acd._distributor
        names = []
        for contact in distributor.waiting(queue):
            call = self.centre.switch.calls.get(contact)
            case = distributor._cases[contact]
            names.append(call.number if call is not None else f"cb {case.contact.customer}")
        return names

    def heard(self, number: str) -> set[str]:
        """What plays to a caller."""
        return self.bay.files_heard(self.call_of(number).caller.node)

    @property
    def numbers_of_calls(self) -> dict[str, str]:
        """The customer's number of every call there ever was."""
        found = {event.call: event.ani for event in self.told(Offered)}
        for event in self.told(Originated):
            found[event.call] = event.dnis
        return found

    @property
    def conversations(self) -> list[tuple[str, str]]:
        """Who spoke with whom, in the order in which they came together."""
        numbers = self.numbers_of_calls
        return [(numbers[event.call], event.agent or "") for event in self.told(Bridged)]

    def dequeued(self, number: str) -> list[str]:
        """Why this caller's waits ended."""
        numbers = self.numbers_of_calls
        return [event.reason for event in self.told(Dequeued) if numbers[event.call] == number]

    def call_id(self, number: str) -> str:
        """The last call of a customer, over or not."""
        return [call for call, its in self.numbers_of_calls.items() if its == number][-1]

    def routed(self, contact: str) -> list[Routed]:
        """The steps of a contact's way."""
        return [event for event in self.told(Routed) if event.contact == contact]

    def steps(self, number: str) -> list[str]:
        """The steps of a customer's last call, in words."""
        return [event.step for event in self.routed(self.call_id(number))]

    def story(self, contact: str) -> Story:
        """What `ccd acd explain` would be given of it."""
        own = [event for event in self.events if contact in names_in(event)]
        return tell(contact, own, self.told(Routed))

    # --- nothing is left ---------------------------------------------------------------------

    def assert_nothing_left(self) -> None:
        """No call, leg, session, case or timer of anybody's; agents may be logged on."""
        super().assert_nothing_left()
        floor, acd = self.centre.floor, self.centre.acd
        self.run(acd.redials._window + 1.0)
        alive = {
            "acd": len(acd),
            "distributor": len(acd._distributor),
            "hanging up": len(acd._hanging_up),
            "forecasts": len(acd.forecasts._waiting),
            "waiting": len(floor.waiting),
            "exits": len(floor.exits),
            "callback calls": len(floor.callbacks),
            "callbacks": len(floor.callbacks.open),
            "voicemail calls": len(floor.voicemail),
            "messages": len(floor.voicemail.open),
            "redials": len(acd.redials),
            "handling": len(acd.forecasts._handling),
        }
        assert {name: count for name, count in alive.items() if count} == {}
        assert acd._distributor.get_timer() is None
        assert [name for name in self.timers() if ".acd." in name and "_watch" not in name] == []
        assert not any(phone.found_busy for phone in self.phones.values())

    def timers(self) -> list[str]:
        """Who waits for a time to come."""
        found = []
        for act in self.loop.pending():
            owner = getattr(act, "__self__", None)
            if isinstance(owner, Alarm):
                if owner._due is not None:
                    found.append(f"{owner._ring.__module__}.{owner._ring.__qualname__}")
            else:
                found.append(f"{act.__module__}.{act.__qualname__}")
        return found


def names_in(event: Event) -> set[str]:
    """The contacts and calls that an event is about, as the journal indexes them."""
    keys = ("call", "contact", "callback", "voicemail")
    return {name for key in keys if (name := getattr(event, key, None))}


__all__ = ["Town", "person"]
