"""Lock-outs, rates and remembered answers, over any history."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ccd.cti.answered import Answered, Seen
from ccd.cti.bucket import Rate, TokenBucket
from ccd.cti.lockout import Lockout, LockoutPolicy

POLICY = LockoutPolicy(attempts=3, window_s=10.0, first_s=5.0, longest_s=40.0)

steps = st.lists(
    st.tuples(st.floats(0.0, 30.0), st.sampled_from("ab"), st.sampled_from(["wrong", "right"])),
    max_size=60,
)


@given(steps)
def test_who_is_locked_has_failed_often_enough_and_lately(
    history: list[tuple[float, str, str]],
) -> None:
    """The model: the failures since the last success or lock, within the window."""
    lockout, now = Lockout(POLICY), 0.0
    failures: dict[str, list[float]] = {"a": [], "b": []}
    for wait, name, password in history:
        now += wait
        if lockout.locked_for(name, now):
            failures[name] = []
            continue
        if password == "right":
            lockout.succeeded(name)
            failures[name] = []
            continue
        failures[name] = [at for at in failures[name] if at > now - POLICY.window_s] + [now]
        length = lockout.failed(name, now)
        assert (length > 0) == (len(failures[name]) >= POLICY.attempts)
        assert 0 <= length <= POLICY.longest_s
        if length:
            assert [each.subject for each in lockout.locked(now) if each.subject == name] == [name]
            assert not lockout.locked_for(name, now + length + 0.001)


def test_each_lock_is_twice_as_long_until_the_longest_and_a_quiet_time_forgives() -> None:
    lockout, now, lengths = Lockout(POLICY), 0.0, []
    for _ in range(5):
        for _ in range(POLICY.attempts):
            length = lockout.failed("a", now)
        lengths.append(length)
        now += length
    assert lengths == [5.0, 10.0, 20.0, 40.0, 40.0]
    now += POLICY.longest_s
    assert [lockout.failed("a", now) for _ in range(3)] == [0.0, 0.0, 5.0]
    assert lockout.lift("a", now)
    assert not lockout.lift("a", now)
    assert Lockout(LockoutPolicy(attempts=0)).failed("a", now) == 0.0


@given(st.lists(st.integers(0, 30), max_size=100))
def test_made_up_names_are_bounded_and_free_no_locked_one(names: list[int]) -> None:
    lockout = Lockout(POLICY, most=8)
    for _ in range(POLICY.attempts):
        lockout.failed("victim", 0.0)
    for number, name in enumerate(names):
        lockout.failed(f"made-up {name} {number}", 1.0)
        assert len(lockout) <= 8
    assert lockout.locked_for("victim", 1.0) == 4.0


@given(st.lists(st.floats(0.0, 2.0), max_size=80), st.floats(1.0, 10.0), st.floats(0.5, 20.0))
def test_a_bucket_never_gives_more_than_its_rate_and_burst(
    waits: list[float], burst: float, per_s: float
) -> None:
    bucket, now, given_out = TokenBucket(Rate(per_s, burst), 0.0), 0.0, 0
    for wait in waits:
        now += wait
        pause = bucket.take(now)
        if pause == 0.0:
            given_out += 1
        else:
            assert pause <= 1.0 / per_s + 1e-9
            assert given_out >= 1  # a burst of one at least
        assert given_out <= burst + per_s * now + 1e-6


def test_a_bucket_waits_as_long_as_it_says_and_debt_is_bounded() -> None:
    bucket = TokenBucket(Rate(per_s=2.0, burst=2.0), 0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert bucket.take(0.5) == 0.0
    bucket.charge(1e9, 0.5)
    assert bucket.take(0.5) == 1.5
    assert bucket.take(2.0) == 0.0
    free = TokenBucket(Rate(per_s=0.0), 0.0)
    assert not any(free.take(0.0) for _ in range(10_000))


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from([b"x", b"y"])), max_size=80))
def test_nothing_is_done_twice_whatever_comes_again(requests: list[tuple[int, bytes]]) -> None:
    """A number is done once at most, also long after its answer is no longer remembered."""
    answered, done = Answered(keep=3), dict[int, bytes]()
    for number, body in requests:
        seen = answered.look(number, body)
        if seen is Seen.NEW:
            assert number not in done
            answered.begin(number, body)
            assert answered.look(number, body) is Seen.UNDER_WAY
            answered.end(number, b"answer " + body, keep=True)
            done[number] = body
        elif seen is Seen.ANSWERED:
            assert answered.answer(number) == b"answer " + done[number]
            assert done[number] == body
        elif seen is Seen.OTHER:
            assert done[number] != body
        assert len(answered) <= 3


def test_what_changes_nothing_may_be_done_again() -> None:
    answered = Answered()
    answered.begin("a", b"x")
    answered.end("a", b"answer", keep=False)
    assert answered.look("a", b"x") is Seen.NEW
