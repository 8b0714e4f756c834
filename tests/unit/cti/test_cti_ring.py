"""The ring of newest events, against a plain list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.cti.publisher import Ring
from ccd.cti.wire import CtiError, ErrorCode


@given(
    size=st.integers(1, 8),
    start=st.integers(0, 3),
    count=st.integers(0, 30),
    since=st.integers(0, 40),
    limit=st.integers(1, 10),
)
def test_what_is_kept_is_found(size: int, start: int, count: int, since: int, limit: int) -> None:
    ring = Ring(size, start)
    kept: list[int] = []
    for seq in range(start + 1, start + count + 1):
        ring.add(seq, str(seq).encode())
        kept = [*kept, seq][-size:]
    assert ring.oldest == (kept[0] if kept else start + 1)
    newest = start + count
    if since > newest or since + 1 < ring.oldest:
        with pytest.raises(CtiError) as caught:
            ring.since(since, limit)
        assert caught.value.code is ErrorCode.GONE
        assert caught.value.details == {"oldest": ring.oldest, "seq": newest}
    else:
        wanted = [str(seq).encode() for seq in kept if seq > since][:limit]
        assert ring.since(since, limit) == wanted


def test_a_jump_in_numbers_begins_anew() -> None:
    ring = Ring(4, 0)
    for seq in (1, 2, 7, 8):
        ring.add(seq, str(seq).encode())
    assert ring.oldest == 7
    assert ring.since(6, 10) == [b"7", b"8"]
    with pytest.raises(CtiError, match="7 is the oldest"):
        ring.since(2, 10)
