"""The envelope: what is packed comes back, and nothing else gets through."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.cti.access import MASK, check_password, hash_password, masked
from ccd.cti.wire import (
    MAX_DEPTH,
    MAX_REQUEST,
    CtiError,
    ErrorCode,
    Packed,
    pack,
    pack_error,
    pack_request,
    pack_result,
    unpack,
    unpack_request,
)
from ccd.model import AgentState

plain = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False),
        st.text(), st.binary(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)  # fmt: skip


@given(plain)
def test_values_come_back(value: Any) -> None:
    assert unpack(pack(value)) == value


@given(op=st.text(max_size=64), number=st.integers(0, 2**63 - 1), text=st.text())
def test_requests_come_back(op: str, number: int, text: str) -> None:
    request = unpack_request(pack_request(op, {"text": text}, number))
    assert (request.op, request.id, request.args) == (op, number, {"text": text})


@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_or_a_cti_error(data: bytes) -> None:
    try:
        unpack_request(data)
    except CtiError as error:
        outcome = error.code
    else:
        outcome = None
    assert outcome in (
        None,
        ErrorCode.BAD_REQUEST,
        ErrorCode.UNSUPPORTED_VERSION,
        ErrorCode.TOO_LARGE,
    )


def request_with(args: Any) -> bytes:
    packed: bytes = msgpack.packb({"v": 1, "id": 1, "op": "x", "args": args})
    return packed


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"x": value}
    return value


def test_depth_has_an_end() -> None:
    unpack_request(request_with(deep(MAX_DEPTH - 1)))
    with pytest.raises(CtiError, match="nested deeper") as caught:
        unpack_request(request_with(deep(MAX_DEPTH)))
    assert caught.value.details == {"id": 1}


def test_size_has_an_end_on_both_sides() -> None:
    with pytest.raises(CtiError) as caught:
        pack_request("echo", {"text": "x" * MAX_REQUEST}, 1)
    assert caught.value.code is ErrorCode.TOO_LARGE
    with pytest.raises(CtiError) as caught:
        unpack_request(request_with({"text": "x" * MAX_REQUEST}))
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_packed_lists_are_spliced_in() -> None:
    items = [pack({"n": number}) for number in range(40)]
    answer = unpack(pack_result("a", Packed({"seq": 40, "more": False}, "events", items)))
    assert answer == {
        "id": "a",
        "ok": True,
        "result": {"seq": 40, "more": False, "events": [{"n": n} for n in range(40)]},
    }


def test_errors_are_spelt_by_code() -> None:
    error = CtiError(ErrorCode.GONE, "too old", {"oldest": 7})
    assert unpack(pack_error(None, error)) == {
        "id": None,
        "ok": False,
        "error": {"code": "gone", "message": "too old", "details": {"oldest": 7}},
    }


def test_enumerations_go_as_their_values() -> None:
    assert unpack(pack({"state": AgentState.WRAP_UP})) == {"state": "wrap_up"}


def test_passwords() -> None:
    stored = hash_password("s3cret")
    assert "s3cret" not in stored
    assert check_password(stored, "s3cret")
    assert not check_password(stored, "S3cret")
    assert not check_password("not a hash", "s3cret")
    assert not check_password(None, "nobody")


def test_secrets_are_masked_where_there_are_any() -> None:
    said = {"agent": "a", "password": "x", "digits": "", "pin": "1"}
    assert masked(said) == {"agent": "a", "password": MASK, "digits": "", "pin": MASK}
