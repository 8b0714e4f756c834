"""A reader's chain, cut off at any moments, gives out what was published: all, in order, once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ccd.cti.chain import Chain, MonitorChain
from ccd.cti.wire import BEAT

HEARD, LOST, BEATS, LATE = "heard", "lost", "beat", "late"
MOMENTS = st.lists(st.sampled_from([HEARD, LOST, BEATS, LATE]), max_size=60)


@given(MOMENTS, st.integers(0, 1000), st.integers(1, 7))
def test_the_stream_without_a_gap(moments: list[str], since: int, page: int) -> None:
    chain, published, given_out = Chain(since), since, list[int]()
    asked = 0

    def fetch() -> None:
        """Ask page by page, as a feed does, while the chain is behind."""
        while True:
            after = [{"seq": n} for n in range(chain.seq + 1, published + 1)][:page]
            given_out.extend(each["seq"] for each in chain.page(after))
            if chain.seq == published:
                return

    for moment in moments:
        if moment in (HEARD, LOST):
            published += 1
        if moment == LOST:
            continue
        if moment == BEATS:
            taken, missing = chain.message(BEAT, {"boot": "b", "seq": published})
        else:  # a late one: sent before a break, read after what was fetched meanwhile
            number = published if moment == HEARD else max(since, published - 1)
            taken, missing = chain.message(b"event/t/X", {"seq": number})
        given_out.extend(each["seq"] for each in taken)
        assert missing == (moment != LATE and chain.seq < published) or moment == LATE
        if missing:
            asked += 1
            fetch()
    if chain.message(BEAT, {"boot": "b", "seq": published})[1]:
        fetch()
    assert given_out == list(range(since + 1, published + 1))
    if LOST not in moments and LATE not in moments:
        assert asked == 0


@given(MOMENTS, st.integers(0, 1000))
def test_a_monitor_counts_for_itself(moments: list[str], begun: int) -> None:
    """Numbers of events have gaps that mean nothing; the monitor's own have none."""
    chain, sent, given_out = MonitorChain(begun, 0), list[dict[str, object]](), list[int]()

    def fetch() -> None:
        given_out.extend(m["n"] for m in chain.page(m for m in sent if m["n"] > chain.n))  # type: ignore[operator]

    for place, moment in enumerate(moments):
        if moment in (HEARD, LOST):
            sent.append({"n": len(sent) + 1, "event": {"seq": begun + 3 * place + 1}})
        if moment == LOST or not sent:
            continue
        message = {"n": len(sent)} if moment == BEATS else sent[-1 if moment == HEARD else -2 :][0]
        taken, missing = chain.message(b"monitor/m/", message)
        given_out.extend(each["n"] for each in taken)
        assert missing == (message["n"] > chain.n)  # type: ignore[operator]
        if missing:
            fetch()
    if chain.message(b"monitor/m/", {"n": len(sent)})[1]:
        fetch()
    assert given_out == list(range(1, len(sent) + 1))
    assert chain.seq == (sent[-1]["event"]["seq"] if sent else begun)  # type: ignore[index]


@given(st.integers(1, 100), st.integers(0, 100))
def test_another_daemon_is_asked_even_where_it_seems_to_be_behind(seq: int, newest: int) -> None:
    chain = Chain(seq)
    chain.beat("one", seq)
    assert chain.beat("two", newest) == (newest != seq)
    assert not Chain(seq).message(BEAT, {"boot": "x", "seq": seq})[1]
