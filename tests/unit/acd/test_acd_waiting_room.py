"""Announcements between the music, on a live call in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from virtual.centre import VirtualCentre

from ccd.acd.contact import Contact
from ccd.acd.waiting.languages import Languages, needed
from ccd.acd.waiting.room import WaitingRoom
from ccd.config import Announce, Callback, Customer, Overflow, Queue, Settings
from ccd.events import WaitEstimated
from ccd.media.prompt import Prompt
from ccd.media.protocol import Sound
from ccd.model import Cause
from ccd.switch.call import Call, Leg

ANI = "13800000001"
NEXT = {"acd-position-1.en.wav"}
THIRD = {"acd-position.en.wav", "acd-position-3.en.wav"}
MUSIC = {"music.wav"}


class Estimated(NamedTuple):
    p50: float | None = None
    p90: float | None = None


def sounds(prompts: Sequence[Prompt]) -> tuple[Sound, ...]:
    return tuple(Sound(path=f"/{prompt.key}.{prompt.lang}.wav") for prompt in prompts)


class Hall:
    """A caller in the waiting room, whose controller does what the ACD's service does."""

    def __init__(self, tmp_path: Path, *queues: Queue, customers: tuple[Customer, ...] = ()):
        self.centre = VirtualCentre(tmp_path)
        self.switch = self.centre.centre.switch
        self.position: int | None = 3
        self.estimate: Estimated | None = None
        self.taken: list[str] = []
        settings = Settings(queue=queues, customer=customers)
        self.room = WaitingRoom(
            settings=settings,
            switch=self.switch,
            sounds=sounds,
            languages=Languages(settings, ("zh", "en")),
            events=self.centre.stream,
            loop=self.centre.loop,  # type: ignore[arg-type]
            position=lambda contact: self.position,
            estimate=lambda contact: self.estimate,
            call_back=lambda call: self.taken.append(call.id),
        )
        self.centre.caller_in_queue()
        self.call: Call = self.centre.call
        self.centre.centre.acd.cleared(self.call)  # the call is ours from now on
        self.call.controller = self

    def enter(self, **data: str) -> None:
        self.room.queued(
            self.call, Contact(id=self.call.id, queue="orders", enqueued_at=0.0, data=data)
        )

    def run(self, seconds: float) -> None:
        self.centre.run(seconds)

    @property
    def heard(self) -> set[str]:
        return self.centre.bay.files_heard(self.call.caller.node)

    def finish(self) -> None:
        self.centre.bay.finish(self.call.caller.node)
        self.run(0.1)

    # --- the call's controller

    def offered(self, call: Call) -> None: ...
    def established(self, call: Call, leg: Leg) -> None: ...
    def alerting(self, call: Call, leg: Leg) -> None: ...
    def failed(self, call: Call, leg: Leg, cause: Cause) -> None: ...
    def agent_left(self, call: Call, leg: Leg, cause: Cause) -> None: ...
    def cleared(self, call: Call) -> None: ...

    def digit(self, call: Call, leg: Leg, digit: str) -> None:
        self.room.digit(call, digit)

    def played(self, call: Call, leg: Leg) -> None:
        self.room.played(call)

    def caller_left(self, call: Call, cause: Cause) -> None:
        self.room.left(call)


ENGLISH = Announce(first_s=10.0, every_s=30.0, language="en")


@pytest.fixture
def hall(tmp_path: Path) -> Hall:
    hall = Hall(
        tmp_path,
        Queue(name="orders", announce=ENGLISH, callback=Callback(offer_position=5)),
        Queue(name="quiet", music="/other.wav", announce=Announce(first_s=3.0, every_s=9.0)),
    )
    hall.enter()
    return hall


def test_music_then_the_announcement_alone_then_music_again(hall: Hall) -> None:
    hall.run(9.0)
    assert hall.heard == MUSIC
    hall.run(1.0)
    assert hall.heard == THIRD
    hall.run(4.0)
    hall.finish()
    assert hall.heard == MUSIC
    hall.position = 1
    hall.run(29.0)
    assert hall.heard == MUSIC
    hall.run(1.0)
    assert hall.heard == NEXT


def test_what_was_said_is_told(hall: Hall) -> None:
    hall.estimate = Estimated(170.0, 280.0)
    hall.run(10.0)
    (told,) = hall.centre.told(WaitEstimated)
    assert (told.contact, told.queue, told.position) == (hall.call.id, "orders", 3)
    assert (told.p50, told.p90) == (170.0, 280.0)
    assert hall.heard == THIRD | {
        "acd-wait-about.en.wav", "acd-from-3.en.wav", "acd-minutes-5.en.wav",
    }  # fmt: skip


def test_nothing_is_told_of_a_wait_without_a_position(hall: Hall) -> None:
    hall.position = None
    hall.run(10.0)
    assert hall.heard == {"acd-busy.en.wav"}
    assert hall.centre.told(WaitEstimated) == []


def test_a_phone_that_rings_keeps_announcements_away_until_it_was_not_answered(hall: Hall) -> None:
    hall.room.assigned(hall.call)
    hall.run(25.0)
    assert hall.heard == MUSIC
    hall.room.returned(hall.call)
    hall.run(0.1)
    assert hall.heard == THIRD


def test_an_announcement_goes_on_while_a_phone_rings_and_music_follows(hall: Hall) -> None:
    hall.run(10.0)
    hall.room.assigned(hall.call)
    assert hall.heard == THIRD
    hall.finish()
    assert hall.heard == MUSIC
    hall.run(60.0)
    assert hall.heard == MUSIC


def test_who_has_left_is_told_nothing_more(hall: Hall) -> None:
    hall.run(10.0)
    hall.centre.do(hall.centre.caller.hang_up)
    assert len(hall.room) == 0
    for late in (hall.room.played, hall.room.assigned, hall.room.returned, hall.room.left):
        late(hall.call)
    hall.room.digit(hall.call, "1")
    hall.room.moved(hall.call, Contact(id=hall.call.id, queue="quiet", enqueued_at=0.0))
    hall.centre.assert_nothing_left()
    assert hall.taken == []


def test_an_answer_before_the_first_announcement_leaves_no_timer(hall: Hall) -> None:
    hall.run(5.0)
    hall.room.left(hall.call)
    hall.run(60.0)
    assert hall.heard == MUSIC
    assert hall.centre.told(WaitEstimated) == []


def test_the_callback_key_counts_once_it_was_offered(hall: Hall) -> None:
    caller = hall.call.caller.node
    hall.position = 5
    hall.centre.do(lambda: hall.centre.bay.press(caller, "1"), 10.0)
    assert hall.taken == []
    assert {"acd-callback-offer.en.wav", "acd-key-1.en.wav"} < hall.heard
    hall.centre.do(lambda: hall.centre.bay.press(caller, "2"))
    assert hall.taken == []
    hall.centre.do(lambda: hall.centre.bay.press(caller, "1"))
    assert hall.taken == [hall.call.id]


def test_who_hides_his_number_is_offered_no_callback(hall: Hall) -> None:
    hall.call.ani = "anonymous"
    hall.position = 9
    hall.enter()
    hall.run(10.0)
    assert hall.heard == {"acd-position.en.wav", "acd-position-9.en.wav"}


def test_another_queue_has_its_own_music_schedule_and_language(hall: Hall) -> None:
    hall.room.moved(hall.call, Contact(id=hall.call.id, queue="quiet", enqueued_at=0.0))
    assert hall.heard == {"other.wav"}
    hall.run(3.0)
    assert hall.heard == {"acd-position.zh.wav", "acd-position-3.zh.wav"}


def test_a_move_in_mid_announcement_does_not_cut_it(hall: Hall) -> None:
    hall.run(10.0)
    hall.room.moved(hall.call, Contact(id=hall.call.id, queue="quiet", enqueued_at=0.0))
    assert hall.heard == THIRD
    hall.finish()
    assert hall.heard == {"other.wav"}


def test_settings_changed_while_running_count_for_who_comes_then(hall: Hall) -> None:
    hall.room.change_queue(
        Queue(name="orders", announce=Announce(first_s=2.0, every_s=9.0, language="en"))
    )
    hall.run(3.0)
    assert hall.heard == MUSIC
    hall.enter()
    hall.run(2.0)
    assert hall.heard == THIRD


@pytest.mark.parametrize(
    ("chosen", "customer", "language"),
    [("", "", "zh"), ("", "en", "en"), ("zh", "en", "zh"), ("en", "", "en"), ("fr", "", "zh")],
)
def test_a_caller_hears_his_own_language(
    tmp_path: Path, chosen: str, customer: str, language: str
) -> None:
    hall = Hall(
        tmp_path,
        Queue(name="orders", announce=Announce(first_s=1.0, every_s=30.0, language="zh")),
        customers=(Customer(number=ANI, language=customer),),
    )
    if chosen:
        hall.call.data["language"] = chosen
    hall.position = 1
    hall.enter()
    hall.run(1.0)
    assert hall.heard == {f"acd-position-1.{language}.wav"}


def test_what_a_contact_says_of_its_language_goes_first(hall: Hall) -> None:
    hall.call.data["language"] = "en"
    hall.position = 1
    hall.enter(language="zh")
    hall.run(10.0)
    assert hall.heard == {"acd-position-1.zh.wav"}


@pytest.mark.parametrize(
    ("queue", "languages"),
    [
        (Queue(name="silent"), ()),
        (Queue(name="speaking", announce=Announce(every_s=30.0)), ("zh", "en")),
        (Queue(name="offering", callback=Callback(offer_ewt_s=60.0)), ("zh", "en")),
        (Queue(name="voicemail", overflow=(Overflow(to="voicemail", closed=True),)), ("zh", "en")),
        (Queue(name="elsewhere", overflow=(Overflow(to="queue:speaking", wait_s=9.0),)), ()),
    ],
)
def test_languages_are_prepared_where_a_queue_speaks(
    queue: Queue, languages: tuple[str, ...]
) -> None:
    settings = Settings(queue=(queue,), customer=(Customer(number=ANI),))
    assert needed(settings, ["en"]) == languages
    assert needed(settings) == languages[:1]
