"""What is told of a contact: its way, the figures, who overtook it, what was promised."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from ccd import events as e
from ccd.acd.contact import RingSettings
from ccd.acd.distributor import (
    Assign,
    Contact,
    Distributor,
    Noted,
    Positioned,
    QueueSettings,
    Removed,
)
from ccd.acd.steps import Step
from ccd.acd.stories.lines import STEP_TEXTS, line_of
from ccd.acd.stories.story import Story, span, tell
from ccd.model import Cause, Party

EPOCH = 1_790_000_000.0


class Journal:
    """A distributor whose decisions are written down as the service does."""

    def __init__(self, *queues: QueueSettings) -> None:
        self.acd = Distributor(notes=True)
        self.now = 0.0
        self.events: list[e.Event] = []
        self.owner: dict[int, str] = {}
        for queue in queues:
            self.acd.add_queue(queue)

    def say(self, contact: str, event: e.Event) -> None:
        seq = len(self.events) + 1
        self.owner[seq] = contact
        self.events.append(msgspec.structs.replace(event, seq=seq, at=EPOCH + self.now))

    def agent(self, name: str, *queues: str, **skills: int) -> None:
        self.acd.agent_log_on(name, queues, self.now, skills=skills)
        self.ready(name)

    def ready(self, name: str) -> None:
        self.acd.agent_ready(name, self.now)
        self.pump()

    def call(self, contact: str, queue: str = "orders", **more: object) -> None:
        self.say(
            contact,
            e.Offered(call=contact, leg=f"{contact}/1", ani="1391234", dnis="95500", trunk="t"),
        )
        self.acd.enqueue(
            msgspec.convert(
                {"id": contact, "queue": queue, "enqueued_at": self.now, **more}, Contact
            ),
            self.now,
        )
        self.pump()

    def answer(self, contact: str, agent: str) -> None:
        assert self.acd.offer_accepted(contact, self.now, agent=agent)
        self.pump()
        legs = (f"{contact}/1", f"{contact}/2")
        self.say(contact, e.Bridged(call=contact, legs=legs, agent=agent))

    def no_answer(self, contact: str, agent: str) -> None:
        self.say(
            contact,
            e.Failed(call=contact, leg="x", party=Party.AGENT, cause=Cause.NO_ANSWER, agent=agent),
        )
        assert self.acd.offer_failed(contact, Cause.NO_ANSWER, self.now, agent=agent)
        self.pump()

    def hang_up(self, contact: str, by: Party = Party.CALLER) -> None:
        if not self.acd.remove(contact, "abandoned", self.now):
            assert self.acd.contact_ended(contact, self.now)
        self.pump()
        cleared = e.CallCleared(call=contact, cause=Cause.NORMAL_CLEARING, released_by=by)
        self.say(contact, cleared)

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.acd.get_timer()) is not None and due <= until:
            self.now = due
            self.acd.handle_timer(due)
            self.pump()
        self.now = until

    def pump(self) -> None:
        while (action := self.acd.next_action()) is not None:
            match action:
                case Noted(contact, step, queue, agent, why, facts):
                    self.say(
                        contact,
                        e.Routed(
                            contact=contact,
                            step=step,
                            queue=queue,
                            agent=agent,
                            why=why,
                            facts=facts,
                        ),
                    )
                case Positioned(contact, queue, position):
                    self.say(contact, e.Queued(call=contact, queue=queue, position=position))
                case Assign(contact, agent, queue):
                    self.say(
                        contact,
                        e.Delivered(call=contact, leg=f"{contact}/2", agent=agent, queue=queue),
                    )
                case Removed(contact, queue, reason, waited):
                    self.say(
                        contact,
                        e.Dequeued(call=contact, queue=queue, reason=reason, waited=waited),
                    )
                case _:
                    pass

    def story(self, contact: str) -> Story:
        own = [each for each in self.events if self.owner[each.seq] == contact]
        return tell(contact, own, self.events)


def kinds(story: Story) -> list[str]:
    return [line.kind for line in story.lines]


def test_a_call_that_waits_rings_and_is_answered() -> None:
    journal = Journal(QueueSettings(name="orders"))
    journal.call("c1")
    journal.wait(12.5)
    journal.agent("anna", "orders")
    journal.wait(2.0)
    journal.answer("c1", "anna")
    journal.wait(60.0)
    journal.hang_up("c1", Party.AGENT)
    story = journal.story("c1")
    assert kinds(story) == ["offered", "enqueued", "assigned", "talking", "cleared"]
    assert (story.outcome, story.agent, story.offers) == ("answered", "anna", 1)
    assert story.waited_s == pytest.approx(14.5)
    assert story.ended_at == EPOCH + 74.5
    assert (story.caller, story.number, story.queues) == ("1391234", "95500", ("orders",))
    assert [line.after_s for line in story.lines] == pytest.approx([0, 0, 12.5, 14.5, 74.5])
    # The position that `Queued` tells is a figure of the line that says why.
    assert story.lines[1].facts["position"] == 1
    assert story.overtaken_by == ()


def test_a_vip_overtakes_and_it_is_said_why() -> None:
    journal = Journal(QueueSettings(name="orders"))
    journal.agent("anna", "orders")
    journal.call("busy")
    journal.answer("busy", "anna")
    journal.call("c1")
    journal.wait(30)
    journal.call("vip", head_start_s=120, customer_class="VIP")
    journal.call("late")
    journal.wait(10)
    journal.hang_up("busy")
    journal.answer("vip", "anna")
    journal.hang_up("vip")
    journal.answer("c1", "anna")
    (over,) = journal.story("c1").overtaken_by
    assert (over.contact, over.reason, over.why) == ("vip", "class", "VIP, head start 120 s")
    assert (over.came_later_s, over.after_s, over.agent) == (30.0, 40.0, "anna")
    assert journal.story("vip").overtaken_by == ()
    assert journal.story("vip").customer_class == "VIP"
    # The one who came last was passed by nobody: all the others were there before.
    assert journal.story("late").overtaken_by == ()


def test_who_needs_less_is_answered_by_who_could_not_help_the_other() -> None:
    rings = (RingSettings(after_s=60.0),)
    journal = Journal(QueueSettings(name="orders", rings=rings))
    journal.call("c1", skills={"english": 5})
    journal.wait(5)
    journal.agent("bert", "orders", english=2)
    journal.call("c2")
    (over,) = journal.story("c1").overtaken_by
    assert (over.contact, over.reason) == ("c2", "skills")
    assert "bert has not what this one needed then" in over.why


def test_an_adviser_is_waited_for_and_another_is_served_meanwhile() -> None:
    journal = Journal(QueueSettings(name="orders", adviser_s=30.0))
    journal.agent("anna", "orders")
    journal.call("busy")
    journal.answer("busy", "anna")
    journal.call("c1", adviser="anna")
    journal.wait(5)
    journal.agent("bert", "orders")
    journal.call("c2")
    journal.answer("c2", "bert")
    journal.wait(40)
    story = journal.story("c1")
    assert sorted(kinds(story)) == ["enqueued", "offered", "preference", "preference_ended"]
    (over,) = story.overtaken_by
    assert (over.contact, over.reason) == ("c2", "waited_for_one")
    assert over.why == "this one waited for adviser anna then"


def test_rona_puts_it_back_and_both_waits_are_told() -> None:
    journal = Journal(QueueSettings(name="orders"))
    journal.agent("anna", "orders")
    journal.call("c1")
    journal.wait(20)
    journal.no_answer("c1", "anna")
    journal.wait(5)
    journal.agent("bert", "orders")
    journal.wait(3)
    journal.answer("c1", "bert")
    story = journal.story("c1")
    assert kinds(story) == [
        *("offered", "enqueued", "assigned", "returned", "assigned", "talking"),
    ]
    returned = story.lines[3]
    assert returned.text == "is back at its place in orders: anna did not take it"
    assert returned.why == "anna: rona"
    assert (story.offers, story.agent, story.outcome) == (2, "bert", "talking")
    assert story.waited_s == pytest.approx(28.0)
    assert story.ended_at is None


def test_who_gives_up_is_told_as_such() -> None:
    journal = Journal(QueueSettings(name="orders"))
    journal.call("c1")
    journal.wait(33)
    assert journal.story("c1").outcome == "waiting"
    journal.hang_up("c1")
    story = journal.story("c1")
    assert kinds(story) == ["offered", "enqueued", "dequeued", "cleared"]
    assert story.lines[2].text == "gives up waiting in orders"
    assert story.waited_s == pytest.approx(33.0)
    assert (story.outcome, story.agent) == ("abandoned", None)


def test_what_was_estimated_is_held_against_what_came() -> None:
    journal = Journal(QueueSettings(name="orders"))
    journal.call("c1")
    say = partial(e.WaitEstimated, contact="c1", queue="orders", position=1)
    journal.say("c1", say(p50=None, p90=None))
    journal.wait(10)
    journal.say("c1", say(p50=20.0, p90=45.0))
    journal.wait(50)
    journal.agent("anna", "orders")
    journal.answer("c1", "anna")
    journal.say("c1", say(p50=1.0, p90=2.0))
    first, second = journal.story("c1").estimates[:2]
    assert (first.came, first.error_s, first.within_p90) == (60.0, None, None)
    assert (second.after_s, second.came, second.error_s) == (10.0, 50.0, 30.0)
    assert second.within_p90 is False


def test_a_place_kept_from_before_overtakes_nobody() -> None:
    journal = Journal(QueueSettings(name="orders"))
    journal.wait(100)
    journal.call("c1")
    journal.wait(10)
    journal.call("redial", enqueued_at=50.0)
    journal.agent("anna", "orders")
    journal.answer("redial", "anna")
    assert journal.story("redial").agent == "anna"
    assert journal.story("c1").overtaken_by == ()


def test_a_move_goes_on_in_the_other_queue() -> None:
    journal = Journal(QueueSettings(name="orders"), QueueSettings(name="night"))
    journal.call("c1")
    journal.wait(9)
    assert journal.acd.move("c1", "night", journal.now)
    journal.pump()
    journal.wait(1)
    journal.hang_up("c1")
    story = journal.story("c1")
    assert story.queues == ("orders", "night")
    assert "moved" in kinds(story)
    assert story.waited_s == pytest.approx(10.0)


def test_a_callback_has_a_story_of_its_own_and_both_know_each_other() -> None:
    requested = e.CallbackRequested(
        seq=1, at=EPOCH, callback="cb-1", queue="orders", number="139", origin="offered",
        enqueued_at=EPOCH - 60, call="c1",
    )  # fmt: skip
    offered = e.Offered(seq=0, at=EPOCH - 90, call="c1", leg="a", ani="139", dnis="9", trunk="")
    tried = e.CallbackTried(seq=2, at=EPOCH + 30, callback="cb-1", attempt=1, cause=Cause.BUSY)
    done = e.CallbackResolved(
        seq=3, at=EPOCH + 90, callback="cb-1", queue="orders", number="139", outcome="answered"
    )
    call = tell("c1", [offered, requested])
    assert [(link.contact, link.what) for link in call.links] == [("cb-1", "callback")]
    assert call.outcome == "callback"
    back = tell("cb-1", [requested, tried, done])
    assert [(link.contact, link.what) for link in back.links] == [("c1", "call")]
    assert (back.channel, back.caller, back.outcome) == ("callback", "139", "answered")
    assert back.ended_at == EPOCH + 90
    assert [line.text for line in back.lines] == [
        "139 wants to be called back, as he was offered",
        "call back, attempt 1: not reached: busy",
        "need not be called back any more: answered",
    ]


def test_the_calls_that_a_callback_led_to_are_part_of_its_story() -> None:
    """Customer first: the call made for it waits, is overtaken by nobody, and is answered."""
    facts: dict[str, str | int | float] = {"enqueued_at": 1.0, "due": 1.0, "channel": "callback"}
    events = [
        e.CallbackRequested(
            callback="cb-1", queue="orders", number="139", origin="offered", enqueued_at=EPOCH
        ),
        e.Originated(call="o-1", leg="o-1/1", ani="95500", dnis="139", trunk="carrier"),
        e.Routed(contact="o-1", step="enqueued", queue="orders", facts=facts),
        e.Routed(contact="o-1", step="assigned", queue="orders", agent="anna"),
        e.Bridged(call="o-1", legs=("o-1/1", "o-1/2"), agent="anna"),
        e.CallCleared(call="o-1", cause=Cause.NORMAL_CLEARING, released_by=Party.AGENT),
        e.CallbackResolved(callback="cb-1", queue="orders", number="139", outcome="answered"),
    ]
    told = [msgspec.structs.replace(each, seq=n, at=EPOCH + n) for n, each in enumerate(events)]
    story = tell("cb-1", told, told, ["o-1"])
    assert kinds(story) == [
        *("callback_requested", "originated", "enqueued", "assigned", "talking"),
        *("cleared", "callback_resolved"),
    ]
    assert (story.outcome, story.agent, story.channel) == ("answered", "anna", "callback")
    assert story.overtaken_by == ()
    assert [(link.contact, link.what) for link in story.links] == [("o-1", "call")]


def test_the_way_through_the_ivr_is_one_line() -> None:
    steps = [
        e.FlowStepped(seq=n, at=EPOCH + n, call="c1", flow="welcome", step=step)
        for n, step in enumerate(("hello", "menu", "to_orders"))
    ]
    (line,) = tell("c1", steps).lines
    assert line.text == "IVR welcome: hello → menu → to_orders"
    assert tell("c1", steps).outcome == "in_ivr"


def test_every_step_has_words_and_a_strange_one_its_name() -> None:
    assert set(STEP_TEXTS) == set(Step)
    for step in Step:
        line = line_of(e.Routed(contact="c", step=step, queue="orders", agent="anna"), 0.0)
        assert line is not None
        assert "{" not in line.text
        nameless = line_of(e.Routed(contact="c", step=step), 0.0)
        assert nameless is not None
        assert "None" not in nameless.text
    odd = line_of(e.Routed(contact="c", step="sent_to_mars"), 0.0)
    assert odd is not None
    assert odd.text == "sent to mars"


def test_only_the_time_in_queues_concerns_others() -> None:
    flow = e.FlowStepped(seq=3, at=EPOCH, call="c1", flow="f", step="s")
    assert span([flow]) is None
    queued = e.Queued(seq=7, at=EPOCH, call="c1", queue="orders", position=1)
    later = e.Bridged(seq=9, at=EPOCH, call="c1", legs=("a", "b"), agent="anna")
    assert span([flow, queued, later]) == (7, 9)


def test_no_events_are_no_story() -> None:
    with pytest.raises(ValueError, match="no events"):
        tell("c1", [])


def test_a_phone_that_stops_ringing_as_another_answered_is_no_agent_who_failed() -> None:
    journal = Journal(QueueSettings(name="orders", ring_agents=2))
    for name in ("anna", "bert"):
        journal.agent(name, "orders")
    journal.call("c1")
    journal.wait(1.0)
    journal.answer("c1", "bert")
    journal.say(
        "c1",
        e.Failed(
            call="c1", leg="x", party=Party.AGENT, cause=Cause.ANSWERED_ELSEWHERE, agent="anna"
        ),
    )
    line = journal.story("c1").lines[-1]
    assert (line.kind, line.agent) == (Step.WITHDRAWN, "anna")
    assert line.text == "rings at anna no longer: another was first"


def test_the_wait_is_over_when_a_callback_is_taken_not_when_the_goodbye_is() -> None:
    journal = Journal(QueueSettings(name="orders"))
    journal.call("c1")
    journal.wait(20.0)
    assert journal.acd.remove("c1", "callback", journal.now)
    journal.pump()
    journal.wait(8.0)  # he is told that he will be called
    journal.say(
        "c1",
        e.CallCleared(call="c1", cause=Cause.NORMAL_CLEARING, released_by=Party.SYSTEM),
    )
    assert journal.story("c1").waited_s == pytest.approx(20.0)
