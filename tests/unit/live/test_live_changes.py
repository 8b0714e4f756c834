"""Changes of a running centre: all or none, and by the rules of the settings file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from ccd.acd.errors import QueueNotEmptyError
from ccd.acd.views import QueueView
from ccd.config import Agent, Calendar, Dialling, DiallingRule, Phone, Queue, Route, Settings
from ccd.live import Live, QueueInUseError, WrongSettingsError

replace = msgspec.structs.replace


class Rooms:
    """ACD, phones and IVR as far as they can be changed; says what it was told."""

    def __init__(self, settings: Settings) -> None:
        self.open = {queue.name: queue for queue in settings.queue}
        self.known = {agent.name: agent for agent in settings.agent}
        self.serving = {agent.name: (agent.queues, agent.skills) for agent in settings.agent}
        self.waiting: dict[str, int] = {}
        self.on_offer: set[str] = set()
        self.told: list[str] = []

    def queues(self) -> list[QueueView]:
        return [
            QueueView(name=name, waiting=self.waiting.get(name, 0), idle_agents=0)
            for name in self.open
        ]

    def add_queue(self, queue: Queue) -> None:
        assert queue.name not in self.open
        self.open[queue.name] = queue
        self.told.append(f"+{queue.name}")

    def change_queue(self, queue: Queue) -> None:
        assert queue.name in self.open
        self.open[queue.name] = queue
        self.told.append(f"~{queue.name}")

    def remove_queue(self, name: str, move_to: str | None) -> None:
        if name in self.on_offer:
            raise QueueNotEmptyError(name, 1)
        del self.open[name]
        self.told.append(f"-{name}>{move_to}")

    def add_agent(self, agent: Agent) -> None:
        self.known[agent.name] = agent

    def change_agent(self, agent: str, queues: Sequence[str], skills: Mapping[str, int]) -> None:
        self.serving[agent] = (tuple(queues), dict(skills))

    def remove_agent(self, agent: str) -> None:
        del self.known[agent]

    def change_settings(self, settings: Settings) -> None:
        self.told.append(f"tables:{len(settings.calendar)}")

    def phones_changed(self, settings: Settings) -> None:
        self.told.append(f"phones:{len(settings.phone)}")

    def routes_changed(self, settings: Settings) -> None:
        self.told.append(f"routes:{len(settings.route)}")


@pytest.fixture
def settings() -> Settings:
    return Settings(
        phone=(Phone(name="1001", password="a"), Phone(name="1002", password="b")),
        agent=(
            Agent(name="anna", phone="1001", queues=("orders",)),
            Agent(name="bert", phone="1002", queues=("advice",)),
        ),
        queue=(Queue(name="orders"), Queue(name="advice")),
    )


@pytest.fixture
def rooms(settings: Settings) -> Rooms:
    return Rooms(settings)


@pytest.fixture
def live(settings: Settings, rooms: Rooms) -> Live:
    return Live(settings, distribution=rooms, answering=rooms)


def test_a_change_is_made_and_applies_from_then_on(live: Live, rooms: Rooms) -> None:
    old = live.settings
    new = replace(
        old,
        queue=(*old.queue, Queue(name="night")),
        agent=(replace(old.agent[0], queues=("orders", "night")), old.agent[1]),
    )
    done = live.change(new)
    assert [str(change) for change in done.apply] == [
        "queue night is added",
        "agent anna changes: queues",
    ]
    assert "night" in rooms.open
    assert rooms.serving["anna"] == (("orders", "night"), {})
    assert live.settings == new
    assert not live.change(new)


def test_a_preview_changes_nothing(live: Live, rooms: Rooms) -> None:
    old = live.settings
    assert live.preview(replace(old, queue=(*old.queue, Queue(name="night"))))
    assert (rooms.told, live.settings) == ([], old)


def test_what_breaks_a_rule_is_refused_with_every_reason(live: Live, rooms: Rooms) -> None:
    old = live.settings
    new = replace(
        old,
        queue=(*old.queue, Queue(name="night", ring_timeout_s=-1.0)),
        agent=(replace(old.agent[0], queues=("oders",)), old.agent[1]),
    )
    with pytest.raises(WrongSettingsError) as error:
        live.change(new)
    assert "queue[3].ring_timeout_s: -1 is not above zero" in str(error.value)
    assert 'did you mean "orders"?' in str(error.value)
    assert (rooms.told, live.settings) == ([], old)


def test_what_was_wrong_before_does_not_forbid_a_change(rooms: Rooms, settings: Settings) -> None:
    gone = replace(settings, route=(Route(dnis="9", flow=str(Path("/deleted/since.yaml"))),))
    live = Live(gone, distribution=rooms, answering=rooms)
    assert live.change(replace(gone, queue=(*gone.queue, Queue(name="night"))))


def test_a_queue_with_callers_stays_unless_they_go_elsewhere(live: Live, rooms: Rooms) -> None:
    rooms.waiting["advice"] = 3
    old = live.settings
    new = replace(old, queue=old.queue[:1], agent=(old.agent[0],))
    with pytest.raises(QueueInUseError, match="'advice' cannot be removed: 3 wait in it"):
        live.change(new)
    assert set(rooms.open) == {"orders", "advice"}
    assert set(rooms.known) == {"anna", "bert"}
    live.change(new, move_to={"advice": "orders"})
    assert rooms.told == ["tables:0", "-advice>orders"]


def test_a_failure_on_the_way_takes_back_what_was_done(live: Live, rooms: Rooms) -> None:
    """A call is on offer in the second queue that goes: the first is opened again."""
    rooms.on_offer.add("advice")
    old = live.settings
    new = replace(
        old,
        calendar=(Calendar(name="office", open={"daily": ("09:00-17:00",)}),),
        queue=(Queue(name="night"),),
        agent=(replace(old.agent[0], queues=("night",)),),
    )
    with pytest.raises(QueueNotEmptyError):
        live.change(new)
    assert rooms.open == {queue.name: queue for queue in old.queue}
    assert rooms.known == {agent.name: agent for agent in old.agent}
    assert rooms.serving["anna"] == (("orders",), {})
    assert live.settings == old
    assert [each for each in rooms.told if each.startswith("tables")] == ["tables:1", "tables:0"]


def test_rooms_that_take_tables_whole_are_told_once(live: Live, rooms: Rooms) -> None:
    old = live.settings
    live.change(replace(old, phone=old.phone + tuple(Phone(name=n, password="x") for n in "789")))
    assert rooms.told == ["phones:5"]


def test_a_flow_s_new_version_reaches_the_ivr(
    rooms: Rooms, settings: Settings, tmp_path: Path
) -> None:
    flow = tmp_path / "welcome.yaml"
    flow.touch()
    routed = replace(settings, route=(Route(dnis="9", flow=str(flow)),))
    live = Live(routed, distribution=rooms, answering=rooms)
    assert live.change(routed, changed_flows=[str(flow)])
    assert rooms.told == ["routes:1"]


def test_a_dialling_plan_is_made_anew_without_a_restart(live: Live, rooms: Rooms) -> None:
    rule = DiallingRule(number="6000", to=f"queue:{live.settings.queue[0].name}")
    new = replace(live.settings, dialling=Dialling(rule=(rule,)))
    done = live.change(new)
    assert [str(change) for change in done.apply] == ["dialling changes: rule"]
    assert done.restart == ()
    assert rooms.told == ["tables:0"]
    assert live.settings == new
