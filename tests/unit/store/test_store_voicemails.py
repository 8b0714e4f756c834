"""Messages that nobody is done with, as a new daemon finds them in the journal."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ccd import events as e
from ccd.events import Event, EventStream
from ccd.store import rows
from ccd.store.database import open_for_writing
from ccd.store.queries import OPEN_VOICEMAILS, open_voicemails


def left(number: int) -> Event:
    return e.VoicemailLeft(
        voicemail=f"vm-{number}",
        call=f"c-{number}",
        queue="orders",
        number="138",
        path=f"/vm/{number}.wav",
        seconds=4.5,
    )


def heard(number: int) -> Event:
    return e.VoicemailHeard(voicemail=f"vm-{number}", agent="li")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.integers(0, 9).flatmap(
            lambda number: st.sampled_from([left(number), heard(number)])
        ),
        max_size=30,
    )
)  # fmt: skip
def test_open_are_those_left_and_not_heard(said: list[Event]) -> None:
    stream = EventStream(lambda: 5.0)
    told = [stream.publish(event) for event in _plausible(said)]
    db = open_for_writing(Path(":memory:"))
    db.conn.executemany(rows.INSERT_EVENT, [rows.event_row(event) for event in told])
    expected: dict[str, Event] = {}
    for event in told:
        if isinstance(event, e.VoicemailLeft):
            expected[event.voicemail] = event
        elif isinstance(event, e.VoicemailHeard):
            expected.pop(event.voicemail, None)
    assert open_voicemails(db) == list(expected.values())
    db.close()


def _plausible(said: list[Event]) -> list[Event]:
    """A message is left once, and heard after it was left."""
    there: set[str] = set()
    return [
        event
        for event in said
        if isinstance(event, e.VoicemailLeft | e.VoicemailHeard)
        and (event.voicemail in there) is isinstance(event, e.VoicemailHeard)
        and not there.add(event.voicemail)
    ]


def test_looking_for_them_does_not_read_a_day_s_events(tmp_path: Path) -> None:
    db = open_for_writing(tmp_path / "ccd.sqlite")
    steps = [row[3] for row in db.execute(f"explain query plan {OPEN_VOICEMAILS}")]
    assert steps[0] == "SCAN message USING INDEX events_messages"
    assert any("USING INDEX events_contact" in step for step in steps)
    db.close()
