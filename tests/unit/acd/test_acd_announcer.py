"""When a waiting caller is told what: the whole of `ccd.acd.waiting.announcer`, on a clock of its own."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ccd.acd.waiting.announcer import OFFER_CHECK_S, Announcer, Estimate, Phase, Say
from ccd.config import Announce, Callback


class Estimated(NamedTuple):
    p50: float | None = None
    p90: float | None = None


SOON = Estimated(170.0, 280.0)
NO_CALLBACK = Callback()


class Wait:
    """An announcer, and a caller who listens; each announcement takes four seconds."""

    def __init__(self, callback: Callback = NO_CALLBACK, **announce: object) -> None:
        settings = {"first_s": 10.0, "every_s": 30.0, "language": "en"} | announce
        self.announcer = Announcer(
            Announce(**settings),  # type: ignore[arg-type]
            callback,
            str(settings["language"]).split("+"),
            0.0,
        )

    def say(self, now: float, position: int | None, estimate: Estimate | None = None) -> str:
        said = self.announcer.handle_timer(now, position, estimate)
        return "" if said is None else text(said)

    def hear(self, position: int | None, estimate: Estimate | None = None) -> str:
        """What is said when its time has come."""
        due = self.announcer.get_timer()
        assert due is not None
        said = self.say(due, position, estimate)
        if said:
            self.announcer.spoken(due + 4.0)
        return said


def text(said: Say) -> str:
    return " ".join(prompt.text for prompt in said.prompts)


def test_the_schedule_runs_from_the_end_of_each_announcement() -> None:
    wait = Wait()
    assert wait.announcer.get_timer() == 10.0
    assert wait.say(9.9, 3) == ""
    assert wait.say(10.0, 3) == "You are number three in line."
    assert wait.announcer.phase is Phase.ANNOUNCEMENT
    assert wait.announcer.get_timer() is None
    assert wait.say(15.0, 2) == ""
    wait.announcer.spoken(14.0)
    assert wait.announcer.get_timer() == 44.0


def test_position_and_wait_in_each_language() -> None:
    wait = Wait(language="zh+en")
    assert wait.hear(2, SOON) == (
        "您现在排在 第二位。 预计还需等待大约 三到 五分钟。"
        " You are number two in line. Your wait is likely to be about three to five minutes."
    )


@pytest.mark.parametrize(
    ("announce", "said"),
    [
        ({"position": False}, "Your wait is likely to be about three to five minutes."),
        ({"wait": False}, "You are number two in line."),
        ({"position": False, "wait": False}, "All our agents are still busy. Please stay on the line."),
    ],
)  # fmt: skip
def test_only_what_the_queue_wants_said(announce: dict[str, bool], said: str) -> None:
    assert Wait(**announce).hear(2, SOON) == said


def test_a_caller_of_whom_nothing_is_known_hears_that_he_is_not_forgotten() -> None:
    assert Wait().hear(None, None) == "All our agents are still busy. Please stay on the line."


def test_a_place_lost_to_others_is_not_said_and_none_is_invented() -> None:
    wait = Wait()
    assert wait.hear(3) == "You are number three in line."
    assert wait.hear(5) == "All our agents are still busy. Please stay on the line."
    assert wait.hear(4, SOON) == "Your wait is likely to be about three to five minutes."
    assert wait.hear(3) == "You are number three in line."
    assert wait.hear(1) == "You are next in line."


def test_another_queue_is_another_line() -> None:
    wait = Wait()
    wait.hear(2)
    wait.announcer.moved(Announce(first_s=5.0, every_s=60.0), NO_CALLBACK, ["zh"], 50.0)
    assert wait.announcer.get_timer() == 55.0
    assert wait.hear(7) == "您现在排在 第七位。"


def test_nothing_new_begins_while_a_phone_rings() -> None:
    wait = Wait()
    wait.announcer.assigned()
    assert wait.announcer.get_timer() is None
    assert wait.say(10.0, 1) == ""
    wait.announcer.returned(25.0)
    assert wait.announcer.get_timer() == 25.0  # due meanwhile
    assert wait.hear(1) == "You are next in line."
    wait.announcer.assigned()
    wait.announcer.returned(35.0)
    assert wait.announcer.get_timer() == 59.0  # not due yet: its time stands


def test_an_announcement_is_heard_to_its_end_while_a_phone_rings() -> None:
    wait = Wait()
    wait.say(10.0, 1)
    wait.announcer.assigned()
    wait.announcer.spoken(14.0)
    assert wait.announcer.phase is Phase.RINGING
    wait.announcer.returned(30.0)
    assert wait.announcer.get_timer() == 44.0


def test_an_agent_who_refuses_during_an_announcement_does_not_start_another() -> None:
    wait = Wait()
    wait.say(10.0, 1)
    wait.announcer.assigned()
    wait.announcer.returned(11.0)
    assert wait.announcer.get_timer() is None
    wait.announcer.spoken(14.0)
    assert wait.announcer.get_timer() == 44.0


def test_a_queue_that_announces_nothing_has_no_timer() -> None:
    assert Wait(every_s=0.0).announcer.get_timer() is None


OFFER = "If you would rather not wait, press one, and we will call you back. You keep your place in line."


@pytest.mark.parametrize(
    ("callback", "position", "estimate", "offered"),
    [
        (Callback(offer_position=3), 2, None, False),
        (Callback(offer_position=3), 3, None, True),
        (Callback(offer_position=3), 9, None, True),
        (Callback(offer_position=3), None, None, False),
        (Callback(offer_ewt_s=170.0), 1, SOON, True),
        (Callback(offer_ewt_s=171.0), 1, SOON, False),
        (Callback(offer_ewt_s=100.0), 1, Estimated(), False),
        (Callback(), 99, SOON, False),
    ],
)
def test_a_callback_is_offered_by_position_or_by_wait(
    callback: Callback, position: int | None, estimate: Estimate | None, offered: bool
) -> None:
    wait = Wait(callback)
    assert wait.hear(position, estimate).endswith(OFFER) is offered
    assert wait.announcer.offered is offered
    assert wait.announcer.digit("1") is offered


def test_it_is_offered_once_in_a_wait_also_after_another_queue() -> None:
    wait = Wait(Callback(offer_position=3))
    assert OFFER in wait.hear(5)
    assert OFFER not in wait.hear(4)
    wait.announcer.moved(Announce(every_s=30.0), Callback(offer_position=1), ["en"], 80.0)
    assert OFFER not in wait.hear(5)
    assert wait.announcer.digit("1")


def test_the_key_counts_from_the_offer_on_except_while_a_phone_rings() -> None:
    wait = Wait(Callback(offer_position=3, key="5"))
    assert not wait.announcer.digit("5")
    wait.say(10.0, 3)
    assert not wait.announcer.digit("1")
    assert wait.announcer.digit("5")  # in the middle of the offer
    wait.announcer.spoken(14.0)
    wait.announcer.assigned()
    assert not wait.announcer.digit("5")
    wait.announcer.returned(20.0)
    assert wait.announcer.digit("5")


def test_an_offer_is_made_where_nothing_else_is_announced() -> None:
    wait = Wait(Callback(offer_position=3), every_s=0.0)
    assert wait.hear(2) == ""
    assert wait.announcer.get_timer() == 10.0 + OFFER_CHECK_S
    assert wait.hear(4) == OFFER
    assert wait.announcer.get_timer() is None
