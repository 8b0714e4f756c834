"""Whatever order events come in, the fold of call records stands, and a replay agrees."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd import events as e
from ccd.events import Event
from ccd.model import CallRecord, Cause, Outcome, Party, Quality
from ccd.store.records import CallRecords
from ccd.store.rows import event_from_body, event_row

calls = st.sampled_from(["c1", "c2", "c3"])
legs = st.sampled_from(["in", "out1", "out2"])
agents = st.sampled_from(["li", "wang"])
parties = st.sampled_from(Party)
causes = st.sampled_from(Cause)

happenings: st.SearchStrategy[Event] = st.one_of(
    st.builds(e.Offered, call=calls, leg=legs, ani=st.text(max_size=4), dnis=st.just("1"), trunk=st.just("t")),
    st.builds(e.Established, call=calls, leg=legs, party=parties, agent=st.none() | agents),
    st.builds(e.Queued, call=calls, queue=st.sampled_from(["q", "r"]), position=st.integers(1, 9)),
    st.builds(e.Delivered, call=calls, leg=legs, agent=agents, queue=st.just("q")),
    st.builds(e.Bridged, call=calls, legs=st.tuples(legs, legs), agent=st.none() | agents),
    st.builds(e.Failed, call=calls, leg=legs, party=parties, cause=causes),
    st.builds(e.ConnectionCleared, call=calls, leg=legs, party=parties, cause=causes),
    st.builds(
        e.CallCleared,
        call=calls,
        cause=causes,
        released_by=parties,
        status=st.none() | st.integers(400, 699),
    ),
    st.builds(
        e.QualityReported, call=calls, leg=legs, party=parties, quality=st.builds(Quality)
    ),
    st.builds(e.FlowStepped, call=calls, flow=st.just("f"), step=st.text(max_size=3)),
    st.builds(e.DigitsDetected, call=calls, leg=legs, digits=st.text("0123456789*#", max_size=3)),
    st.builds(e.AgentWorkingAfterCall, agent=agents, call=calls),
    st.builds(e.AgentReady, agent=agents),
    st.builds(e.AgentNotReady, agent=agents, reason=st.just("x")),
)  # fmt: skip


def number(events: list[Event], steps: list[float]) -> list[Event]:
    at, numbered = 1000.0, []
    for seq, (event, step) in enumerate(zip(events, steps, strict=False), 1):
        at += step
        numbered.append(msgspec.structs.replace(event, seq=seq, at=at))
    return numbered


def fold(events: list[Event]) -> list[CallRecord]:
    records = CallRecords()
    return [record for event in events if (record := records.feed(event)) is not None]


@settings(deadline=None)
@given(
    st.lists(happenings, max_size=60),
    st.lists(st.floats(0, 50), min_size=60, max_size=60),
)
def test_a_replay_from_the_journal_gives_the_same_records(
    events: list[Event], steps: list[float]
) -> None:
    numbered = number(events, steps)
    replayed = [event_from_body(event_row(event)[4]) for event in numbered]
    assert replayed == numbered
    assert fold(replayed) == fold(numbered)


@settings(deadline=None)
@given(st.lists(happenings, max_size=60))
def test_what_a_record_says_fits_together(events: list[Event]) -> None:
    for record in fold(number(events, [1.0] * len(events))):
        assert record.offered_at <= record.cleared_at
        for at in (record.answered_at, record.queued_at, record.delivered_at, record.connected_at):
            assert at is None or record.offered_at <= at
        assert (record.outcome is Outcome.ANSWERED) == (record.connected_at is not None)
        assert (record.agent is None) == (record.connected_at is None)
        if record.outcome is Outcome.REFUSED:
            assert record.answered_at is None
        if record.outcome is Outcome.SELF_SERVED:
            assert record.queued_at is None
