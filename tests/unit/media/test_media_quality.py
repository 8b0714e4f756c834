"""The E-model against ITU-T's own figures; RFC 3550's counters against their definition."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.media.emodel import G711_CONCEALED as CONCEALED
from ccd.media.emodel import (
    G711_PLAIN,
    equipment_impairment,
    mos,
    pure_delay_impairment,
    r_factor,
)
from ccd.media.quality import Jitter, Reception, burst_ratio, fraction_lost, rate


def test_default_values_give_the_ratings_of_the_recommendation():
    # G.107 7.7: 93.2 with all parameters at their defaults, more exactly 93.206208.
    assert r_factor() == pytest.approx(93.206208, abs=1e-6)


@pytest.mark.parametrize(
    ("r", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)]
)
def test_scores_of_annex_b(r, score):
    assert mos(r) == pytest.approx(score, abs=0.01)


def test_scores_have_their_ends():
    assert mos(-5) == mos(0) == mos(3) == 1.0
    assert mos(100) == mos(120) == 4.5
    scores = [mos(r / 10) for r in range(1001)]
    assert scores == sorted(scores)


@pytest.mark.parametrize(
    ("percent", "impairment"),
    [(0, 0), (1, 5), (2, 7), (3, 10), (5, 15), (7, 20), (10, 25), (15, 35), (20, 45)],
)
def test_loss_with_concealment_is_as_tabulated_in_g113(percent, impairment):
    # G.113 appendix I first tabulated G.711 with concealment, then fitted Bpl to it.
    assert equipment_impairment(CONCEALED, percent / 100, 1.0) == pytest.approx(impairment, abs=3)


def test_loss_without_concealment_is_much_worse():
    assert equipment_impairment(G711_PLAIN, 0.01, 1.0) == pytest.approx(95 / 5.3)
    assert equipment_impairment(G711_PLAIN, 0.03, 1.0) > 35


def test_bursts_are_worse_than_single_losses():
    # G.107 formula 7-29: at 2 %, BurstR 2: 95 * 2 / (2 / 2 + 25.1).
    assert equipment_impairment(CONCEALED, 0.02, 2.0) == pytest.approx(190 / 26.1)
    assert r_factor(loss=0.05, burst_ratio=2.0) < r_factor(loss=0.05)


def test_delay_alone():
    # Formulas 7-27 and 7-28 at Ta = 200 ms, where X is 1.
    expected = 25 * (2 ** (1 / 6) - 3 * (1 + 3**-6) ** (1 / 6) + 2)
    assert pure_delay_impairment(200) == pytest.approx(expected)
    assert expected == pytest.approx(3.0444, abs=0.0001)
    assert pure_delay_impairment(100) == pure_delay_impairment(0) == 0


@pytest.mark.parametrize("delay", [50, 100, 150, 177, 200, 250, 300])
def test_delay_with_echo_follows_the_usual_straight_lines(delay):
    # Cole and Rosenbluth, "Voice over IP performance monitoring" (2001): G.107's Id with
    # default echo is 0.024 d + 0.11 (d - 177.3) H(d - 177.3).
    lines = 0.024 * delay + 0.11 * max(0.0, delay - 177.3)
    assert r_factor() - r_factor(delay_ms=delay) == pytest.approx(lines, abs=1.0)


def test_without_echo_a_delay_of_150_ms_is_hardly_felt():
    # G.114: below 150 ms most applications are not affected.
    assert r_factor() - r_factor(delay_ms=150, echo_loss_db=110) < 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": -0.1},
        {"loss": 1.1},
        {"delay_ms": -1},
        {"delay_ms": float("nan")},
        {"burst_ratio": 0},
    ],
)
def test_what_can_not_be_is_refused(wrong):
    with pytest.raises(ValueError, match="of"):
        r_factor(**wrong)


@given(
    delay=st.floats(0, 2000), loss=st.floats(0, 1), burst=st.floats(1, 20), echo=st.floats(30, 110)
)
def test_ratings_stay_on_the_scale_and_loss_never_helps(delay, loss, burst, echo):
    rating = r_factor(delay_ms=delay, loss=loss, burst_ratio=burst, echo_loss_db=echo)
    assert 0 <= rating <= 100
    assert 1 <= mos(rating) <= 4.5
    assert rating <= r_factor(delay_ms=delay, echo_loss_db=echo)


def test_a_leg_is_rated():
    clean = rate(expected=1000, missing=0)
    assert clean.r_factor == pytest.approx(92.6, abs=0.5)
    assert clean.mos == pytest.approx(4.40, abs=0.02)
    singly = rate(expected=1000, missing=30, bursts=30)
    in_runs = rate(expected=1000, missing=30, bursts=5)
    silent = rate(expected=1000, missing=30, bursts=30, concealed=False)
    assert clean > singly > in_runs > silent
    assert rate(expected=1000, missing=0, round_trip_ms=500) < clean
    assert rate(expected=0, missing=0).mos == pytest.approx(clean.mos)
    assert rate(expected=10, missing=20).mos >= 1


def test_burst_ratio_of_random_loss_is_about_one():
    rng = random.Random(5)
    lost = [rng.random() < 0.2 for _ in range(50_000)]
    bursts = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    assert burst_ratio(len(lost), sum(lost), bursts) == pytest.approx(1.0, abs=0.05)
    assert burst_ratio(1000, 100, 10) == pytest.approx(9.0)
    assert burst_ratio(0, 0, 0) == burst_ratio(10, 10, 1) == 1.0


def counted(sequences):
    reception = Reception()
    for sequence in sequences:
        reception.packet(sequence)
    return reception


def test_a_whole_stream_over_the_wrap():
    reception = counted(n % 65536 for n in range(65000, 200_000))
    assert (reception.expected, reception.received, reception.lost) == (135_000, 135_000, 0)
    assert reception.extended_highest == 199_999
    assert (reception.duplicates, reception.reordered) == (0, 0)


def test_loss_duplicates_and_disorder_are_told_apart():
    reception = counted([10, 11, 13, 12, 13, 13, 11, 16])
    assert reception.expected == 7
    assert reception.received == 8
    assert reception.lost == -1  # A.3: duplicates count as received
    assert reception.duplicates == 3
    assert reception.reordered == 1


def test_disorder_at_the_wrap():
    reception = counted([65534, 0, 65535, 1])
    assert (reception.expected, reception.lost, reception.reordered) == (4, 0, 1)


def test_one_stray_sequence_number_is_not_believed_two_are():
    reception = counted([100, 101, 30_000, 102])
    assert (reception.expected, reception.received) == (3, 3)
    reception = counted([100, 101, 30_000, 30_001, 30_002])
    assert reception.lost == 0  # the first of the new ones is not counted, as in A.1
    assert reception.packet(30_003)


def test_fraction_lost_is_of_the_interval():
    reception = counted(n for n in range(100) if n % 4)
    assert reception.interval() == (24 << 8) // 99
    for n in range(100, 200):
        reception.packet(n)
    assert reception.interval() == 0


@pytest.mark.parametrize(
    ("expected", "received", "fraction"),
    [
        (0, 0, 0),
        (100, 100, 0),
        (100, 103, 0),
        (100, 75, 64),
        (4, 3, 64),
        (10, 0, 255),
        (256, 255, 1),
    ],
)
def test_fraction_lost(expected, received, fraction):
    assert fraction_lost(expected, received) == fraction


@given(st.lists(st.integers(0, 65535), max_size=200))
def test_any_sequence_numbers_are_counted_without_nonsense(sequences):
    reception = counted(sequences)
    assert reception.received <= len(sequences)
    assert 0 <= reception.interval() <= 255
    assert 0 <= reception.extended_highest < 2**32
    assert reception.expected >= (1 if sequences else 0)


def one_by_one(arrivals, timestamps):
    """RFC 3550 A.8, as written there but in floating point."""
    jitter = 0.0
    before = None
    for arrival, timestamp in zip(arrivals, timestamps, strict=True):
        transit = arrival * 8000 - timestamp
        if before is not None:
            jitter += (abs(transit - before) - jitter) / 16
        before = transit
    return jitter


def test_jitter_of_many_streams_is_that_of_each():
    rng = np.random.default_rng(11)
    streams, count = 20, 300
    starts = rng.integers(0, 2**31, streams)
    jitter = Jitter(streams)
    arrivals = np.arange(count) * 0.02 + rng.exponential(0.005, (streams, count)) + 1e6
    for k in range(count):
        rows = np.flatnonzero(rng.random(streams) < 0.9)
        arrivals[np.setdiff1d(np.arange(streams), rows), k] = np.nan
        jitter.packets(rows, arrivals[rows, k], (starts[rows] + 160 * k).astype(np.uint32))
    for stream in range(streams):
        came = np.flatnonzero(~np.isnan(arrivals[stream]))
        expected = one_by_one(arrivals[stream, came], starts[stream] + 160 * came)
        assert jitter.samples[stream] == pytest.approx(expected, rel=1e-6)
        assert jitter.milliseconds[stream] == pytest.approx(expected / 8, rel=1e-6)


def test_jitter_survives_the_wrap_of_the_timestamp():
    jitter = Jitter(1)
    row = np.array([0])
    for k in range(200):
        stamp = np.array([(2**32 - 8000 + 160 * k) % 2**32], dtype=np.uint32)
        jitter.packets(row, np.array([5.0 + 0.02 * k]), stamp)
    assert jitter.milliseconds[0] == pytest.approx(0, abs=1e-6)


def test_a_new_stream_does_not_count_as_jitter():
    jitter = Jitter(2)
    rows = np.array([0, 1])
    jitter.packets(rows, np.array([1.0, 1.0]), np.array([0, 0], dtype=np.uint32))
    jitter.restart(np.array([0]))
    jitter.packets(rows, np.array([1.02, 1.02]), np.array([10**6, 320], dtype=np.uint32))
    assert jitter.samples[0] == 0
    assert jitter.samples[1] == pytest.approx(160 / 16)
    jitter.reset(np.array([1]))
    assert jitter.samples[1] == 0
