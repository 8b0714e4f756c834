"""RFC 4733 both ways: what the sender says, and what the receiver makes of a bad network."""

import itertools
import random
import struct
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.media.dtmf import EVENTS, EventReceiver, EventSender

DIGITS = st.text(alphabet=EVENTS, min_size=1, max_size=12)
BASES = st.integers(0, 2**32 - 1)


def packets(digits, on_ms=100, gap_ms=60, *, base=1000):
    """Everything a sender sends, as (payload, timestamp, marker)."""
    sender = EventSender(digits, on_ms, gap_ms)
    sent = []
    while not sender.finished:
        sent += [
            (packet.payload, (base + packet.offset) % 2**32, packet.marker)
            for packet in sender.next_frame()
        ]
    return sent


def heard(stream):
    receiver = EventReceiver()
    return "".join(filter(None, (receiver.feed(*packet) for packet in stream)))


def test_one_press_packet_by_packet():
    sender = EventSender("5", 100, 60, volume=7)
    frames = []
    while not sender.finished:
        frames.append(sender.next_frame())
    assert len(frames) == 8  # 100 ms and 60 ms
    said = [(*struct.unpack("!BBH", packet.payload), packet.offset, packet.marker)
            for frame in frames for packet in frame]  # fmt: skip
    assert said == [
        (5, 7, 160, 0, True),
        (5, 7, 320, 0, False),
        (5, 7, 480, 0, False),
        (5, 7, 640, 0, False),
        (5, 0x80 | 7, 800, 0, False),
        (5, 0x80 | 7, 800, 0, False),
        (5, 0x80 | 7, 800, 0, False),
    ]
    assert [len(frame) for frame in frames] == [1, 1, 1, 1, 1, 1, 1, 0]
    assert sender.next_frame() == ()


def test_digits_follow_each_other_at_their_own_timestamps():
    stream = packets("12", 40, 80, base=2**32 - 500)
    starts = sorted({timestamp for _, timestamp, _ in stream})
    assert starts == [(2**32 - 500 + 6 * 160) % 2**32, 2**32 - 500]
    assert [marker for *_, marker in stream].count(True) == 2


def test_a_gap_is_never_so_short_that_end_packets_meet_the_next_press():
    sender = EventSender("11", 20, 0)
    per_frame = []
    while not sender.finished:
        per_frame.append(len(sender.next_frame()))
    assert max(per_frame) == 1
    assert heard(packets("1111", 20, 0)) == "1111"


def test_a_long_press_is_said_in_segments_and_heard_once():
    stream = packets("9", 20_000)
    durations = [struct.unpack("!BBH", payload)[2] for payload, *_ in stream]
    assert max(durations) == 0xFFFF
    starts = sorted({timestamp for _, timestamp, _ in stream})
    assert [later - start for start, later in itertools.pairwise(starts)] == [0xFFFF] * 2
    assert sum(marker for *_, marker in stream) == 1
    ended = [timestamp for payload, timestamp, _ in stream if payload[1] & 0x80]
    assert ended == [starts[-1]] * 3
    assert heard(stream) == "9"
    whole = starts[-1] - starts[0] + durations[-1]
    assert whole == 20_000 * 8


@pytest.mark.parametrize("digits", ["12x", "1 2", "é", "E"])
def test_no_digit_is_an_error_that_names_it(digits):
    with pytest.raises(ValueError, match="is no DTMF digit"):
        EventSender(digits)


@pytest.mark.parametrize("wrong", [{"on_ms": 0}, {"gap_ms": -1}, {"volume": 64}])
def test_impossible_times_and_volumes_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        EventSender("1", **wrong)


def test_lower_case_letters_are_digits_too():
    assert heard(packets("abcd")) == "ABCD"


def test_no_digits_are_finished_at_once():
    assert EventSender("").finished


def event(code, duration, *, end=False):
    return struct.pack("!BBH", code, 10 | (0x80 if end else 0), duration)


def test_the_digit_is_told_with_the_first_packet():
    receiver = EventReceiver()
    assert receiver.feed(event(1, 0), 0, True) == "1"
    assert receiver.feed(event(1, 160), 0, False) is None


def test_lost_start_packets_do_not_lose_the_digit():
    assert heard([(event(7, 800, end=True), 5000, False)]) == "7"


def test_late_end_packets_of_the_last_press_are_not_a_new_one():
    one, two = packets("1", base=1000), packets("2", base=3000)
    assert heard([*one[:5], *two, *one[5:], *one]) == "12"


def test_two_presses_of_one_key_are_two():
    assert heard([*packets("5", base=0), *packets("5", base=100_000)]) == "55"


def test_a_quick_second_press_without_its_marker_is_two_when_the_first_has_ended():
    first = packets("5", base=0)
    second = [(payload, timestamp, False) for payload, timestamp, _ in packets("5", base=1200)]
    assert heard(first + second) == "55"


def test_a_marker_is_a_new_press_even_if_the_first_one_never_ended():
    first = [packet for packet in packets("5", base=0) if not packet[0][1] & 0x80]
    assert heard(first + packets("5", base=900)) == "55"


def test_a_gateway_that_moves_the_timestamp_is_one_press():
    stream = [(event(3, 160 * n), 160 * (n - 1), n == 1) for n in range(1, 10)]
    stream += [(event(3, 1440, end=True), 1440 + 160 * n, False) for n in range(3)]
    assert heard(stream) == "3"


def test_segments_that_stop_at_a_whole_packet_are_one_press():
    first = [(event(4, 160 * n), 0, n == 1) for n in range(1, 410)]
    second = [(event(4, 160 * n), 65440, False) for n in range(1, 20)]
    assert heard([*first, *second, (event(4, 3200, end=True), 65440, False)]) == "4"


def test_a_segment_that_overtakes_is_one_press():
    stream = packets("6", 9000)
    later = [packet for packet in stream if packet[1] != 1000]
    sooner = [packet for packet in stream if packet[1] == 1000]
    assert heard([*sooner[100:-2], later[0], *sooner[-2:], *later[1:]]) == "6"
    assert heard([later[0], *sooner, *later[1:]]) == "6"


@pytest.mark.parametrize("payload", [b"", b"\1", b"\1\0\0", event(16, 160), event(255, 65535)])
def test_what_is_no_digit_is_nothing(payload):
    assert EventReceiver().feed(payload, 0, True) is None


def test_a_reset_forgets():
    receiver = EventReceiver()
    assert receiver.feed(event(1, 160), 0, True) == "1"
    receiver.reset()
    assert receiver.feed(event(1, 160), 0, True) == "1"


def test_memory_stays_bounded():
    receiver = EventReceiver()
    for press in range(10_000):
        assert receiver.feed(event(press % 10, 160, end=True), press * 2000, True)
    assert len(receiver._segments) <= 256


@settings(deadline=None)
@given(
    digits=DIGITS, on_ms=st.integers(1, 300), gap_ms=st.integers(0, 300), base=BASES,
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_any_network_tells_each_press_at_most_once(digits, on_ms, gap_ms, base, seed):
    rng = random.Random(seed)
    stream = packets(digits, on_ms, gap_ms, base=base)
    survivors = [packet for packet in stream if rng.random() < rng.random()]
    survivors += rng.choices(stream, k=rng.randrange(20))
    rng.shuffle(survivors)
    told = Counter(heard(survivors))
    assert not told - Counter(digits)
    # And everything of which anything arrived is told.
    starts = {}
    for payload, timestamp, _ in survivors:
        starts[timestamp] = EVENTS[payload[0]]
    assert told == Counter(starts.values())


@settings(deadline=None)
@given(
    digits=DIGITS, on_ms=st.integers(1, 300), gap_ms=st.integers(0, 300), base=BASES,
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_two_losses_and_any_duplicates_tell_every_press_in_order(digits, on_ms, gap_ms, base, seed):
    rng = random.Random(seed)
    stream = packets(digits, on_ms, gap_ms, base=base)
    lost = set(rng.sample(range(len(stream)), k=2))
    arrived = []
    for index, packet in enumerate(stream):
        if index not in lost:
            arrived += [packet] * rng.choice((1, 1, 1, 2, 3))
    # Neighbours swap places, within one press.
    for index in range(len(arrived) - 1):
        if rng.random() < 0.2 and arrived[index][1] == arrived[index + 1][1]:
            arrived[index], arrived[index + 1] = arrived[index + 1], arrived[index]
    assert heard(arrived) == digits


@settings(deadline=None, max_examples=25)
@given(on_ms=st.integers(8000, 30_000), base=BASES, seed=st.integers(0, 2**32))
def test_long_presses_are_told_once_through_loss(on_ms, base, seed):
    rng = random.Random(seed)
    stream = packets("42", on_ms, base=base)
    kept = [packet for packet in stream if rng.random() < 0.7 or packet[0][1] & 0x80]
    assert heard(kept) == "42"


@given(st.lists(st.tuples(st.binary(max_size=8), BASES, st.booleans()), max_size=50))
def test_any_bytes_are_survived(stream):
    assert set(heard(stream)) <= set(EVENTS)
