"""The plan of RTP ports: who may share one, who must not."""

from __future__ import annotations

import contextlib
import itertools
import random
import time

import pytest

from ccd.media.pool import divide
from ccd.media.ports import RESTING, NoPortFree, PortPlan

A = ("192.0.2.1", 4000)
B = ("192.0.2.2", 4000)


def test_legs_with_one_remote_never_share_a_port() -> None:
    plan = PortPlan(range(100, 120, 2), shared=3)
    numbers = [plan.take(A, latch=False)[0] for _ in range(10)]
    assert len(set(numbers)) == 10
    with pytest.raises(NoPortFree, match=r"192\.0\.2\.1:4000"):
        plan.take(A, latch=False)


def test_legs_with_different_remotes_share_evenly() -> None:
    plan = PortPlan(range(100, 200, 2), shared=4)
    numbers = [plan.take(("192.0.2.1", 1000 + n), latch=False)[0] for n in range(100)]
    assert sorted(set(numbers)) == [100, 102, 104, 106]
    assert {numbers.count(number) for number in set(numbers)} == {25}


@pytest.mark.parametrize(("remote", "latch"), [(A, True), (None, False), (None, True)])
def test_unsure_legs_have_a_port_alone(remote: tuple[str, int] | None, latch: bool) -> None:
    plan = PortPlan(range(100, 140, 2), shared=4)
    numbers = [plan.take(remote, latch=latch)[0] for _ in range(20)]
    assert len(set(numbers)) == 20
    with pytest.raises(NoPortFree):
        plan.take(B, latch=False)


def test_latched_port_can_be_shared_but_not_with_the_same_remote() -> None:
    plan = PortPlan([100], shared=1)
    _, key = plan.take(A, latch=True)
    with pytest.raises(NoPortFree):
        plan.take(B, latch=False)
    plan.settle(key, A)
    with pytest.raises(NoPortFree):
        plan.take(A, latch=False)
    assert plan.take(B, latch=False)[0] == 100
    with pytest.raises(NoPortFree):
        plan.take(None, latch=True)


def test_moving_to_a_remote_that_the_port_has_is_refused() -> None:
    plan = PortPlan([100], shared=1)
    _, first = plan.take(A, latch=False)
    plan.take(B, latch=False)
    with pytest.raises(ValueError, match="another leg"):
        plan.settle(first, B)
    assert not plan.reserve(first)
    plan.settle(first, ("192.0.2.3", 1))
    plan.take(A, latch=False)


def test_released_ports_come_back_last() -> None:
    plan = PortPlan(range(100, 108, 2), shared=1)
    first, key = plan.take(None, latch=True)
    plan.release(key)
    plan.release(key)
    assert [plan.take(None, latch=True)[0] for _ in range(3)][-1] == first
    assert len(plan) == 3


def test_few_calls_use_few_ports_again_and_again() -> None:
    plan = PortPlan(range(100, 228, 2), spare=range(228, 1000, 2))
    used = []
    for _ in range(500):
        keys = [plan.take(None, latch=True)[1] for _ in range(10)]
        for key in keys:
            plan.release(key)
        used += [plan.take(A, latch=False)[0]]
        plan.release(1 + max(keys))
    assert max(used) < 228
    taken = [plan.take(None, latch=True)[0] for _ in range(48)]
    assert sorted(taken)[:16] != sorted(taken)[-16:]
    assert sum(number >= 228 for number in taken) == 48 - 16  # 32 rest


def test_a_port_rests_before_its_next_leg() -> None:
    plan = PortPlan(range(100, 228, 2), spare=range(228, 1000, 2))
    number, key = plan.take(None, latch=True)
    plan.release(key)
    for _ in range(RESTING):
        other, key = plan.take(None, latch=True)
        assert other != number
        plan.release(key)


def test_two_thousand_calls_of_one_address_and_their_agents() -> None:
    """SIPp's `uac` announces one port for all its calls."""
    plan = PortPlan(range(16384, 16512, 2), spare=range(16512, 32768, 2))
    began = time.process_time()
    callers = [plan.take(A, latch=False)[0] for _ in range(2000)]
    agents = [plan.take(None, latch=False) for _ in range(2000)]
    assert len(set(callers)) == 2000
    assert len({number for number, _ in agents}) == 2000
    assert not set(callers) & {number for number, _ in agents}
    for at, (_, key) in enumerate(agents):
        plan.settle(key, ("192.0.2.9", 10000 + at))
    # More of them go where an agent's leg is alone with its known peer.
    more = [plan.take(A, latch=False)[0] for _ in range(2000)]
    assert set(more) == {number for number, _ in agents}
    assert time.process_time() - began < 2.0


def test_ports_of_others_are_passed_over_and_asked_for_again_last() -> None:
    others = {104, 106}
    asked = []

    def usable(number: int) -> bool:
        asked.append(number)
        return number not in others

    plan = PortPlan([100, 102], spare=[104, 106, 108], usable=usable, shared=1)
    assert {plan.take(None, latch=True)[0] for _ in range(3)} == {100, 102, 108}
    with pytest.raises(NoPortFree, match="2 more are not to be had"):
        plan.take(None, latch=True)
    others.clear()
    assert {plan.take(None, latch=True)[0] for _ in range(2)} == {104, 106}
    assert asked[:3] == [104, 106, 108]


def test_a_port_that_could_not_be_bound_comes_last() -> None:
    plan = PortPlan([100], spare=[102, 104], shared=1)
    number, key = plan.take(A, latch=True)
    assert number == 102
    plan.settle(key, A)
    plan.lose(102)
    assert [plan.take(B, latch=False)[0] for _ in range(1)] == [100]
    assert plan.take(B, latch=False)[0] == 104  # not with A's leg, which ends soon
    with pytest.raises(NoPortFree):
        plan.take(B, latch=False)
    plan.release(key)
    assert plan.take(B, latch=False)[0] == 102


def test_what_fits_is_said_before_anything_changes() -> None:
    plan = PortPlan([100], shared=1)
    _, first = plan.take(A, latch=False)
    assert plan.fits(first, B, latch=False)
    assert plan.fits(first, None, latch=False)
    _, second = plan.take(B, latch=False)
    assert not plan.fits(first, B, latch=False)
    assert plan.fits(second, B, latch=False)
    assert not plan.fits(second, B, latch=True)


@pytest.mark.parametrize("spare", [0, 20], ids=["bound", "on demand"])
def test_rules_hold_over_any_history(spare: int) -> None:
    rng = random.Random(3)
    numbers = range(100, 160, 2)
    plan = PortPlan(
        numbers[: 30 - spare],
        spare=numbers[30 - spare :],
        usable=lambda _: rng.random() < 0.7,
        shared=5,
    )
    leases: dict[int, tuple[int, tuple[str, int] | None]] = {}
    refused = 0
    for _ in range(5000):
        act = rng.random()
        if act < 0.5:
            remote = rng.choice([None, *((f"192.0.2.{n}", 4000) for n in range(1, 30))])
            latch = rng.random() < 0.3
            try:
                number, key = plan.take(remote, latch=latch)
            except NoPortFree:
                refused += 1
                continue
            leases[key] = number, None if latch else remote
        elif act < 0.6 and leases:
            key = rng.choice(list(leases))
            number, remote = leases[key]
            if remote is None:
                remote = ("192.0.2.99", rng.randint(1, 5))
                plan.settle(key, remote)
                leases[key] = number, remote
        elif leases:
            key = rng.choice(list(leases))
            plan.release(key)
            del leases[key]
        if spare and rng.random() < 0.01:
            plan.lose(rng.choice(numbers[30 - spare :]))
        by_port = sorted(leases.values(), key=lambda lease: lease[0])
        for _, group in itertools.groupby(by_port, key=lambda lease: lease[0]):
            remotes = [remote for _, remote in group]
            assert len(remotes) == len(set(remotes))
            assert None not in remotes or len(remotes) == 1
    assert refused
    for key in leases:
        plan.release(key)
    assert len(plan) == 0
    again: set[int] = set()
    while len(again) < 30:  # `usable` says no to some for a while
        with contextlib.suppress(NoPortFree):
            again.add(plan.take(None, latch=True)[0])
    assert again == set(numbers)
    with pytest.raises(NoPortFree):
        plan.take(None, latch=True)


def test_ranges_are_divided_in_even_parts() -> None:
    assert divide((16384, 17407), 1) == [(16384, 17407)]
    assert divide((16384, 17407), 2) == [(16384, 16895), (16896, 17407)]
    assert divide((10001, 10011), 2) == [(10002, 10005), (10006, 10009)]
    assert divide((0, 0), 3) == [(0, 0)] * 3
    with pytest.raises(ValueError, match="too few"):
        divide((10000, 10003), 3)
