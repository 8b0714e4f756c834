"""Whatever a network does to a stream, the jitter buffer plays it in order and keeps going."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.media.codecs import FRAME
from ccd.media.nodes import Kind, Nodes
from ccd.media.playout import BEHIND, Moment, Playout


def leg() -> tuple[Nodes, Playout, int]:
    nodes = Nodes(4)
    row = nodes.take()
    nodes.kind[row] = Kind.LEG
    nodes.listening[row] = True
    return nodes, Playout(nodes), row


@settings(max_examples=150, deadline=None)
@given(
    delays=st.lists(st.integers(0, 400), min_size=30, max_size=200),
    lost=st.sets(st.integers(0, 200)),
    start=st.integers(0, 1 << 33),
    drift=st.integers(-20, 20),
)
def test_frames_are_played_in_order_and_at_most_once(
    delays: list[int], lost: set[int], start: int, drift: int
) -> None:
    """Packets are numbered by their content; each is up to 400 ms late, some never come."""
    _, playout, row = leg()
    rows = np.array([row])
    arrivals = sorted(
        (number * (20_000 + drift * 10) / 1000 + delay, number)
        for number, delay in enumerate(delays)
        if number not in lost
    )
    silent = np.zeros((1, FRAME), np.int16)
    played = []
    for tick in range(1, len(delays) + 60):
        while arrivals and arrivals[0][0] < tick * 20:
            at, number = arrivals.pop(0)
            left = int(tick * 20 - at)
            payload = np.full((1, FRAME), number, np.uint8)
            playout.put(rows, np.array([start + number * FRAME]), payload, Moment(tick, left))
        payload, have, _ = playout.take(rows)
        playout.settle(rows, have, silent)
        if have[0]:
            played.append(int(payload[0, 0]))
        if tick % 50 == 0:
            playout.adapt(tick)
    # A silent frame may be repeated to gain margin; nothing is ever played backwards.
    assert played == sorted(played)
    repeats = len(played) - len(set(played))
    assert repeats <= len(delays) // 50 + 1
    assert set(played) <= set(range(len(delays))) - lost


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(-(1 << 31), 1 << 31), st.integers(1, 480)), min_size=1, max_size=60
    )
)
def test_any_timestamps_and_lengths_keep_the_delay_bounded(steps: list[tuple[int, int]]) -> None:
    nodes, playout, row = leg()
    rows = np.array([row])
    ts = 1 << 34
    silent = np.zeros((1, FRAME), np.int16)
    for tick, (step, size) in enumerate(steps, 1):
        ts = max(ts + step, 1 << 33)
        when = Moment(tick, tick % 20)
        if size == FRAME:
            playout.put(rows, np.array([ts]), np.zeros((1, FRAME), np.uint8), when)
        else:
            playout.put_bytes(row, ts, bytes(size), 0xFF, when)
        assert -BEHIND <= nodes.high[row] - nodes.play[row] <= 32
        _, have, _ = playout.take(rows)
        playout.settle(rows, have, silent)
