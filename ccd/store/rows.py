"""Events and call records as rows, and back."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from ccd.events import (
    AnyEvent,
    CallbackRequested,
    CallbackResolved,
    CallbackTried,
    Event,
    Routed,
    VoicemailHeard,
    VoicemailLeft,
    WaitEstimated,
)
from ccd.model import CallRecord, Cause, Direction, Outcome, Party, Quality
from ccd.store.callbacks import OpenCallback

EventRow = tuple[int, float, str, str | None, str, str | None]
"""seq, at, type, call, body, contact."""

INSERT_EVENT = (
    "insert or ignore into events (seq, at, type, call, body, contact) values (?, ?, ?, ?, ?, ?)"
)
"""An event's number is given once; the same one again is the same event."""

BEGIN_CALL = "insert or ignore into open_calls (call, first_seq) values (?, ?)"
END_CALL = "delete from open_calls where call = ?"

KEEP_CALLBACK = "insert or replace into open_callbacks (callback, body) values (?, ?)"
END_CALLBACK = "delete from open_callbacks where callback = ?"

_CALL_COLUMNS = (
    "call", "ani", "dnis", "trunk", "direction", "outcome", "offered_at", "answered_at", "queued_at", "queue",
    "delivered_at", "connected_at", "cleared_at", "wrap_up_ended_at", "agent", "released_by",
    "cause", "digits", "ivr_path", "rings_unanswered", "recording", "disposition", "notes", "caller_mos", "agent_mos",
    "caller_quality", "agent_quality",
)  # fmt: skip

UPSERT_CALL = (
    f"insert into calls ({', '.join(_CALL_COLUMNS)}) values ({', '.join('?' * len(_CALL_COLUMNS))})"
    " on conflict (call) do update set "
    + ", ".join(f"{name} = excluded.{name}" for name in _CALL_COLUMNS[1:])
)

_CONTACT_FIELDS: dict[type[Event], str] = {
    Routed: "contact",
    WaitEstimated: "contact",
    CallbackRequested: "callback",
    CallbackTried: "callback",
    CallbackResolved: "callback",
    VoicemailLeft: "voicemail",
    VoicemailHeard: "voicemail",
}
"""Events of contacts that need not be calls, and where each says which."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(AnyEvent)
_quality_decoder = msgspec.json.Decoder(Quality)
_callback_decoder = msgspec.json.Decoder(OpenCallback)


def event_row(event: Event) -> EventRow:
    """Return an event as a row of `events`."""
    field = _CONTACT_FIELDS.get(type(event))
    return (
        event.seq,
        event.at,
        type(event).__name__,
        getattr(event, "call", None),
        _encoder.encode(event).decode(),
        None if field is None else getattr(event, field),
    )


def event_from_body(body: str) -> Event:
    """Return the event that a row's body is of. Raises msgspec.ValidationError."""
    event: Event = _decoder.decode(body)
    return event


def callback_row(callback: OpenCallback) -> tuple[str, str]:
    """Return an open callback as a row of `open_callbacks`."""
    return callback.callback, _encoder.encode(callback).decode()


def callback_from_body(body: str) -> OpenCallback:
    """Return the open callback that a row's body is of. Raises msgspec.ValidationError."""
    return _callback_decoder.decode(body)


def record_row(record: CallRecord) -> tuple[Any, ...]:
    """Return a call record as a row of `calls`, in the order of `UPSERT_CALL`."""
    caller, agent = record.caller_quality, record.agent_quality
    return (
        record.call,
        record.ani,
        record.dnis,
        record.trunk,
        str(record.direction),
        str(record.outcome),
        record.offered_at,
        record.answered_at,
        record.queued_at,
        record.queue,
        record.delivered_at,
        record.connected_at,
        record.cleared_at,
        record.wrap_up_ended_at,
        record.agent,
        str(record.released_by),
        str(record.cause),
        record.digits,
        _encoder.encode(record.ivr_path).decode(),
        record.rings_unanswered,
        record.recording,
        record.disposition,
        record.notes,
        caller.mos if caller else None,
        agent.mos if agent else None,
        _encoder.encode(caller).decode() if caller else None,
        _encoder.encode(agent).decode() if agent else None,
    )


def record_from_row(row: dict[str, Any] | sqlite3.Row) -> CallRecord:
    """Return the call record that a row of `calls` holds."""
    values = {name: row[name] for name in _CALL_COLUMNS if name not in ("caller_mos", "agent_mos")}
    values["direction"] = Direction(values["direction"])
    values["outcome"] = Outcome(values["outcome"])
    values["released_by"] = Party(values["released_by"])
    values["cause"] = Cause(values["cause"])
    values["ivr_path"] = tuple(msgspec.json.decode(values["ivr_path"], type=list[str]))
    for name in ("caller_quality", "agent_quality"):
        if values[name] is not None:
            values[name] = _quality_decoder.decode(values[name])
    return CallRecord(**values)
