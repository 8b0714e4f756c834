"""Call records from events."""

import itertools

import msgspec
import pytest

from ccd import events as e
from ccd.events import Event
from ccd.model import CallRecord, Cause, Outcome, Party, Quality
from ccd.store.records import LINGER_S, CallRecords, outcome


class Centre:
    """Feeds events a second apart, and keeps the last record of each call."""

    def __init__(self) -> None:
        self.fold = CallRecords()
        self.at = 1000.0
        self.seq = itertools.count(1)
        self.records: dict[str, CallRecord] = {}

    def happens(self, *happenings: Event, after: float = 1.0) -> CallRecord | None:
        record = None
        for event in happenings:
            self.at += after
            stamped = msgspec.structs.replace(event, seq=next(self.seq), at=self.at)
            record = self.fold.feed(stamped)
            if record is not None:
                self.records[record.call] = record
        return record


def offered(call: str = "c") -> Event:
    return e.Offered(call=call, leg=f"{call}-in", ani="13800138000", dnis="95500", trunk="t")


def answered(call: str = "c") -> Event:
    return e.Established(call=call, leg=f"{call}-in", party=Party.CALLER)


def queued(call: str = "c") -> Event:
    return e.Queued(call=call, queue="orders", position=1)


def delivered(agent: str = "li", call: str = "c") -> Event:
    return e.Delivered(call=call, leg=f"{call}-{agent}", agent=agent, queue="orders")


def bridged(agent: str = "li", call: str = "c") -> Event:
    return e.Bridged(call=call, legs=(f"{call}-in", f"{call}-{agent}"), agent=agent)


def cleared(
    by: Party = Party.CALLER,
    cause: Cause = Cause.NORMAL_CLEARING,
    call: str = "c",
    status: int | None = None,
) -> Event:
    return e.CallCleared(call=call, cause=cause, released_by=by, status=status)


def test_a_call_from_its_first_event_to_its_last() -> None:
    centre = Centre()
    record = centre.happens(
        offered(),  # 1001
        answered(),
        e.FlowStepped(call="c", flow="demo", step="welcome"),
        e.DigitsDetected(call="c", leg="c-in", digits="1"),
        e.FlowStepped(call="c", flow="demo", step="orders"),  # 1005
        queued(),
        e.Dequeued(call="c", queue="orders", reason="assigned", waited=1.0),
        delivered(),  # 1008
        e.Established(call="c", leg="c-li", party=Party.AGENT, agent="li"),
        bridged(),  # 1010
        e.RecordingStarted(call="c", path="/r/c.wav"),
        e.ConnectionCleared(call="c", leg="c-in", party=Party.CALLER, cause=Cause.NORMAL_CLEARING),
        cleared(),  # 1013
    )
    assert record == CallRecord(
        call="c",
        ani="13800138000",
        dnis="95500",
        trunk="t",
        outcome=Outcome.ANSWERED,
        offered_at=1001.0,
        answered_at=1002.0,
        queued_at=1006.0,
        queue="orders",
        delivered_at=1008.0,
        connected_at=1010.0,
        cleared_at=1013.0,
        agent="li",
        released_by=Party.CALLER,
        cause=Cause.NORMAL_CLEARING,
        digits="1",
        ivr_path=("demo:welcome", "demo:orders"),
        recording="/r/c.wav",
    )


def test_nothing_is_recorded_before_the_call_is_cleared() -> None:
    centre = Centre()
    centre.happens(offered(), answered(), queued(), delivered(), bridged())
    assert centre.records == {}
    assert centre.fold.open_calls == ["c"]


def test_audio_figures_and_the_end_of_wrap_up_come_later() -> None:
    centre = Centre()
    centre.happens(offered(), answered(), queued(), delivered(), bridged(), cleared())
    good, fair = Quality(mos=4.3), Quality(mos=3.1)
    centre.happens(e.QualityReported(call="c", leg="c-in", party=Party.CALLER, quality=good))
    centre.happens(e.QualityReported(call="c", leg="c-li", party=Party.AGENT, quality=fair))
    centre.happens(e.AgentWorkingAfterCall(agent="li", call="c"))
    record = centre.happens(e.AgentReady(agent="li"))
    assert record is not None
    assert (record.caller_quality, record.agent_quality) == (good, fair)
    assert record.wrap_up_ended_at == centre.at


def test_audio_figures_may_come_with_the_clearing() -> None:
    centre = Centre()
    gone = e.ConnectionCleared(
        call="c",
        leg="c-in",
        party=Party.CALLER,
        cause=Cause.NORMAL_CLEARING,
        quality=Quality(mos=4.0),
    )
    record = centre.happens(offered(), answered(), gone, cleared())
    assert record is not None
    assert record.caller_quality == Quality(mos=4.0)


@pytest.mark.parametrize(
    "end",
    [
        e.AgentReady(agent="li"),
        e.AgentNotReady(agent="li", reason="lunch"),
        e.AgentReserved(agent="li", call="next"),
        e.AgentLoggedOff(agent="li"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_whatever_an_agent_does_next_ends_the_wrap_up(end: Event) -> None:
    centre = Centre()
    centre.happens(offered(), answered(), queued(), delivered(), bridged())
    # The agent's phone may be put down before the call is cleared for everybody.
    centre.happens(e.AgentWorkingAfterCall(agent="li", call="c"), cleared(Party.AGENT))
    record = centre.happens(end)
    assert record is not None
    assert record.wrap_up_ended_at == centre.at
    assert centre.happens(e.AgentReady(agent="li")) is None


def test_a_long_wrap_up_still_finds_its_call() -> None:
    centre = Centre()
    centre.happens(offered(), answered(), queued(), delivered(), bridged(), cleared())
    centre.happens(e.AgentWorkingAfterCall(agent="li", call="c"))
    centre.happens(offered("other"), after=LINGER_S * 10)
    record = centre.happens(e.AgentReady(agent="li"))
    assert record is not None
    assert record.call == "c"


def test_a_ring_unanswered_is_counted_and_the_wait_goes_on() -> None:
    centre = Centre()
    no_answer = e.Failed(call="c", leg="c-li", party=Party.AGENT, cause=Cause.NO_ANSWER, agent="li")
    centre.happens(offered(), answered(), queued())
    began = centre.at
    record = centre.happens(
        delivered("li"), no_answer, queued(), delivered("wang"), bridged("wang"), cleared()
    )
    assert record is not None
    assert record.rings_unanswered == 1
    assert record.queued_at == began
    assert record.agent == "wang"
    assert record.delivered_at == began + 4


@pytest.mark.parametrize(
    ("cause", "rings"),
    [
        (Cause.NO_ANSWER, 1),
        (Cause.REJECTED, 1),
        (Cause.BUSY, 0),
        (Cause.DESTINATION_NOT_OBTAINABLE, 0),
        (Cause.CALL_CANCELLED, 0),
    ],
)
def test_only_a_phone_that_rang_counts_as_ring_unanswered(cause: Cause, rings: int) -> None:
    centre = Centre()
    failed = e.Failed(call="c", leg="c-li", party=Party.AGENT, cause=cause, agent="li")
    record = centre.happens(offered(), answered(), queued(), delivered(), failed, cleared())
    assert record is not None
    assert record.rings_unanswered == rings


def test_an_agent_who_is_reached_without_ringing() -> None:
    """A nailed-up leg is bridged at once."""
    centre = Centre()
    record = centre.happens(offered(), answered(), queued(), bridged(), cleared())
    assert record is not None
    assert (record.agent, record.delivered_at) == ("li", record.connected_at)


OUTCOMES = [
    # by, cause, status, answered, queued, connected
    (Party.CALLER, Cause.NORMAL_CLEARING, None, True, True, True, Outcome.ANSWERED),
    (Party.AGENT, Cause.NORMAL_CLEARING, None, True, True, True, Outcome.ANSWERED),
    (Party.SYSTEM, Cause.MEDIA_WORKER_LOST, None, True, True, True, Outcome.ANSWERED),
    (Party.CALLER, Cause.NORMAL_CLEARING, None, True, True, False, Outcome.ABANDONED),
    (Party.CALLER, Cause.CALL_CANCELLED, None, False, False, False, Outcome.ABANDONED),
    (Party.CALLER, Cause.NORMAL_CLEARING, None, True, False, False, Outcome.SELF_SERVED),
    (Party.SYSTEM, Cause.NORMAL_CLEARING, None, True, False, False, Outcome.SELF_SERVED),
    (Party.SYSTEM, Cause.INCOMPATIBLE_MEDIA, 488, False, False, False, Outcome.REFUSED),
    (Party.SYSTEM, Cause.OVERLOAD, 503, False, False, False, Outcome.REFUSED),
    (Party.SYSTEM, Cause.DESTINATION_NOT_OBTAINABLE, 404, False, False, False, Outcome.REFUSED),
    (Party.SYSTEM, Cause.NETWORK_FAILURE, None, False, False, False, Outcome.FAILED),
    (Party.SYSTEM, Cause.MEDIA_TIMEOUT, None, True, True, False, Outcome.FAILED),
    (Party.SYSTEM, Cause.MEDIA_WORKER_LOST, None, True, False, False, Outcome.FAILED),
    (Party.SYSTEM, Cause.SHUTDOWN, None, True, True, False, Outcome.FAILED),
    (Party.CALLER, Cause.NETWORK_FAILURE, None, True, True, False, Outcome.FAILED),
]


@pytest.mark.parametrize(
    ("by", "cause", "status", "was_answered", "was_queued", "was_connected", "expected"), OUTCOMES
)
def test_how_a_call_ended(
    by: Party,
    cause: Cause,
    status: int | None,
    was_answered: bool,
    was_queued: bool,
    was_connected: bool,
    expected: Outcome,
) -> None:
    last = e.CallCleared(call="c", cause=cause, released_by=by, status=status)
    found = outcome(last, answered=was_answered, queued=was_queued, connected=was_connected)
    assert found is expected


def promised(origin: str) -> Event:
    return e.CallbackRequested(
        callback="cb", queue="orders", number="138", origin=origin, enqueued_at=0.0, call="c"
    )


LEFT = e.VoicemailLeft(
    voicemail="vm-c", call="c", queue="orders", number="138", path="/c.wav", seconds=5.0
)


@pytest.mark.parametrize(
    ("told", "by", "outcome"),
    [
        (LEFT, Party.CALLER, Outcome.SELF_SERVED),
        (LEFT, Party.SYSTEM, Outcome.SELF_SERVED),
        (promised("offered"), Party.SYSTEM, Outcome.SELF_SERVED),
        (promised("overflow"), Party.CALLER, Outcome.SELF_SERVED),
        (promised("abandoned"), Party.CALLER, Outcome.ABANDONED),
        (answered(), Party.SYSTEM, Outcome.ABANDONED),  # told goodbye while he waited
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_who_left_a_message_or_was_promised_a_callback_is_not_lost(
    told: Event, by: Party, outcome: Outcome, late: bool
) -> None:
    centre = Centre()
    centre.happens(offered(), answered(), queued())
    end = (cleared(by), told) if late else (told, cleared(by))
    centre.happens(*end)
    assert centre.records["c"].outcome is outcome


@pytest.mark.parametrize(
    ("told", "expected"), [((), Outcome.ABANDONED), ((LEFT,), Outcome.SELF_SERVED)]
)
def test_who_is_sent_on_at_the_door_of_a_queue_wanted_an_agent(
    told: tuple[Event, ...], expected: Outcome
) -> None:
    """He never had a place, and yet a closed queue has not served him."""
    centre = Centre()
    sent = e.Routed(contact="c", step="overflowed", queue="orders", why="closed: to a goodbye")
    centre.happens(offered(), answered(), sent, *told, cleared(Party.SYSTEM))
    record = centre.records["c"]
    assert (record.outcome, record.queue, record.queued_at) == (expected, "orders", None)


def test_events_of_unknown_calls_mean_nothing() -> None:
    centre = Centre()
    centre.happens(answered(), queued(), delivered(), bridged(), cleared())
    centre.happens(e.AgentWorkingAfterCall(agent="li", call="c"), e.AgentReady(agent="li"))
    assert centre.records == {}


def test_a_call_is_cleared_once() -> None:
    centre = Centre()
    first = centre.happens(offered(), cleared(Party.CALLER, Cause.CALL_CANCELLED))
    assert centre.happens(cleared(Party.SYSTEM, Cause.SHUTDOWN)) is None
    assert first == centre.records["c"]


def test_calls_at_once_do_not_mix() -> None:
    centre = Centre()
    for events in zip(
        [offered("a"), answered("a"), queued("a"), delivered("li", "a"), bridged("li", "a")],
        [offered("b"), answered("b"), queued("b"), delivered("wu", "b"), bridged("wu", "b")],
        strict=True,
    ):
        centre.happens(*events)
    centre.happens(cleared(call="b"), cleared(call="a"))
    assert (centre.records["a"].agent, centre.records["b"].agent) == ("li", "wu")


def test_nothing_is_remembered_of_calls_long_gone() -> None:
    centre = Centre()
    for number in range(200):
        name = f"c{number}"
        centre.happens(offered(name), answered(name), cleared(call=name))
    assert len(centre.fold._calls) <= LINGER_S / 3 + 2
    assert len(centre.fold._cleared) == len(centre.fold._calls)
