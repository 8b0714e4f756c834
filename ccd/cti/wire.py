"""The CTI's wire: msgpack maps, what bounds them, and how errors are spelt.

A request is `{v: 1, id, op, args}`, its answer `{id, ok: true, result}` or
`{id, ok: false, error: {code, message, details}}`. Anybody may send us anything, so
decoding is bounded in size and depth and ends in a `CtiError` at worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgpack
import msgspec
from msgspec import Meta

from ccd.errors import CcdError

VERSION = 1
"""Of this envelope; a request with another is refused with `unsupported_version`."""

MAX_REQUEST = 64 * 1024
"""Bytes of one request. The largest honest one is a few hundred."""

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes of anything else: an answer (a snapshot of 20,000 agents is 3 MB) or an event."""

MAX_DEPTH = 16
"""Maps and lists within each other, in a request."""

BEAT = b"beat"
"""The topic of the publisher's own heartbeat."""

EVENT_TOPIC = b"event/"
"""Every event's topic is this, a token and its type (`ccd.cti.topics`)."""

MONITOR_TOPIC = b"monitor/"
"""A monitor's topic is this, its id and a slash."""

T = TypeVar("T")


class ErrorCode(StrEnum):
    """Everything that can be wrong. A client decides by the code; the message is for people."""

    BAD_REQUEST = "bad_request"
    """Not msgpack, or not a request's map."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """`v` is not 1."""
    TOO_LARGE = "too_large"
    """The request has more bytes, or more depth, than one may have."""
    UNKNOWN_OP = "unknown_op"
    """There is no such operation."""
    BAD_ARGS = "bad_args"
    """An argument is missing, unknown or of the wrong type; the message names it."""
    NOT_LOGGED_IN = "not_logged_in"
    """The operation is an agent's, and the session has none (the daemon may have restarted)."""
    WRONG_PASSWORD = "wrong_password"
    """The log-in failed; whether there is such a person is not said."""
    LOCKED = "locked"
    """Too many wrong passwords, of this person or over this client's key: `details` has `retry_after_s`."""
    FORBIDDEN = "forbidden"
    """The session's roles do not allow it."""
    UNKNOWN_AGENT = "unknown_agent"
    """No agent of this name."""
    UNKNOWN_QUEUE = "unknown_queue"
    """No queue of this name."""
    UNKNOWN_CALL = "unknown_call"
    """No call of this id, or it is over."""
    UNKNOWN_MONITOR = "unknown_monitor"
    """This session has no monitor of this id: it ended with the session, or was stopped."""
    UNKNOWN_CONTACT = "unknown_contact"
    """No contact of this id, or it does not wait any more."""
    UNKNOWN_CUSTOMER = "unknown_customer"
    """No customer of this id in the store."""
    HOST_FAILED = "host_failed"
    """The brokerage's systems did not answer, or there are none; the message says which."""
    UNKNOWN_CALLBACK = "unknown_callback"
    """No open callback of this id."""
    DUPLICATE_CONTACT = "duplicate_contact"
    """The contact is already in a queue."""
    DUPLICATE_QUEUE = "duplicate_queue"
    """A queue of this name is there already."""
    QUEUE_NOT_EMPTY = "queue_not_empty"
    """Somebody waits in the queue that is to go; say where they are to wait."""
    UNKNOWN_DISPOSITION = "unknown_disposition"
    """No disposition of this name for the queue; the message lists those there are."""
    UNKNOWN_REASON = "unknown_reason"
    """No not-ready reason of this name; the message lists those there are."""
    DISPOSITION_REQUIRED = "disposition_required"
    """The queue wants to know what came of the call before its wrap-up ends."""
    NOTHING_TO_WRAP_UP = "nothing_to_wrap_up"
    """The agent has had no call yet, or has the next one."""
    NO_NUMBER = "no_number"
    """Nobody can be called at such a number."""
    NO_TRUNK = "no_trunk"
    """The queue has no trunk to call through."""
    WRONG_SETTINGS = "wrong_settings"
    """It breaks rules of the settings; `details` has every one in `problems`. Nothing was changed."""
    REFUSED = "refused"
    """It cannot be done; the message says why."""
    WRONG_STATE = "wrong_state"
    """What it is about is in a state that does not allow it."""
    UNKNOWN_NUMBER = "unknown_number"
    """Nobody and nothing is called by such a number."""
    NOT_ALLOWED = "not_allowed"
    """The agent may not dial it, or do it."""
    PARTY_BUSY = "party_busy"
    """Whom it is about is on the phone, or is being rung."""
    NOT_REACHABLE = "not_reachable"
    """A phone is not registered, a trunk is down or full."""
    SEAT_LOCKED = "seat_locked"
    """The agent locked his seat: it is to be opened first."""
    GONE = "gone"
    """Events asked for are no longer kept: `details` has `oldest` and `seq`; take a snapshot."""
    BUSY = "busy"
    """Too many unanswered requests of this client, answers that it does not read, or too many
    clients. Nothing was done; `details` may have `retry_after_s`."""
    RATE_LIMITED = "rate_limited"
    """Too many requests of this client; nothing was done. `details` has `retry_after_s`."""
    REPLAYED = "replayed"
    """The request's `id` was used before: for something else, or so long ago that it is not
    remembered what came of it. Nothing was done (again)."""
    TIMEOUT = "timeout"
    """No answer in time; whether it was done is not known."""
    UNAVAILABLE = "unavailable"
    """No daemon answers there (said by the client library)."""
    INTERNAL = "internal"
    """A fault of the daemon's, which is in its log."""


class CtiError(CcdError):
    """What a CTI operation came to instead of a result; the same on both ends."""

    def __init__(
        self, code: ErrorCode, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}

    def __repr__(self) -> str:
        return f"CtiError({self.code.value}, {self.message!r})"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Its `id` is the client's, and comes back with the answer."""

    v: int
    id: Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(max_length=64)]
    op: Annotated[str, Meta(max_length=64)]
    args: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The `error` of an answer."""

    code: str
    message: str
    details: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as the client reads it."""

    id: int | str | None
    ok: bool
    result: Any = None
    error: ErrorBody | None = None


class Packed(msgspec.Struct, frozen=True):
    """A result with a list of maps that are packed already: `{**head, key: [*items]}`."""

    head: dict[str, Any]
    key: str
    items: Sequence[bytes]


_packer = msgpack.Packer(autoreset=True)
_encoder = msgspec.msgpack.Encoder()


def pack(value: Any) -> bytes:
    """Return structs, enums and plain values as msgpack.

    msgspec writes structs as they are: 1 µs an event, where msgpack's packer, which must be
    given plain maps, takes 5.
    """
    return _encoder.encode(value)


def unpack(data: bytes | memoryview, limit: int = MAX_MESSAGE) -> Any:
    """Return one msgpack value of at most `limit` bytes. Raises CtiError.

    The unpacker's own limits follow from the length, so that a header's promise of four
    thousand million elements costs nothing.
    """
    if len(data) > limit:
        raise CtiError(ErrorCode.TOO_LARGE, f"{len(data)} bytes; at most {limit} are read")
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CtiError(
            ErrorCode.BAD_REQUEST, f"not one msgpack value: {str(error) or type(error).__name__}"
        ) from None


def unpack_request(data: bytes | memoryview) -> Request:
    """Return a client's request. Raises CtiError, with the request's `id` in `details` if found."""
    plain = unpack(data, MAX_REQUEST)
    if not isinstance(plain, dict):
        raise CtiError(ErrorCode.BAD_REQUEST, "a request is a map {v, id, op, args}")
    found = {"id": plain["id"]} if isinstance(plain.get("id"), int | str) else {}
    if _deeper_than(plain, MAX_DEPTH):
        raise CtiError(ErrorCode.TOO_LARGE, f"nested deeper than {MAX_DEPTH}", found)
    try:
        request = msgspec.convert(plain, Request)
    except msgspec.ValidationError as error:
        raise CtiError(ErrorCode.BAD_REQUEST, str(error), found) from None
    if request.v != VERSION:
        raise CtiError(
            ErrorCode.UNSUPPORTED_VERSION, f"v is {request.v}; this daemon speaks {VERSION}", found
        )
    return request


def pack_request(op: str, args: dict[str, Any], number: int) -> bytes:
    """Return a request. Raises CtiError where it is larger than the daemon reads."""
    data = pack({"v": VERSION, "id": number, "op": op, "args": args})
    if len(data) > MAX_REQUEST:
        raise CtiError(ErrorCode.TOO_LARGE, f"{op}: {len(data)} bytes; at most {MAX_REQUEST}")
    return data


def pack_result(number: int | str, result: Any) -> bytes:
    """Return the answer to a request that was carried out."""
    if isinstance(result, Packed):
        return b"".join(
            [
                _packer.pack_map_header(3),
                *map(_packer.pack, ("id", number, "ok", True, "result")),
                _packer.pack_map_header(len(result.head) + 1),
                *(_packer.pack(part) for item in result.head.items() for part in item),
                _packer.pack(result.key),
                _packer.pack_array_header(len(result.items)),
                *result.items,
            ]
        )
    return pack({"id": number, "ok": True, "result": result})


def pack_error(number: int | str | None, error: CtiError) -> bytes:
    """Return the answer to a request that was not."""
    body = ErrorBody(code=error.code.value, message=error.message, details=error.details)
    return pack({"id": number, "ok": False, "error": body})


def convert(value: Any, kind: type[T]) -> T:
    """Return a plain value as a typed one. Raises CtiError(bad_args) that names what is wrong."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise CtiError(ErrorCode.BAD_ARGS, str(error)) from None


def _deeper_than(value: Any, depth: int) -> bool:
    """Whether more than so many maps and lists are nested, looked at level by level."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
