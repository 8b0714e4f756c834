"""The plan of RTP ports: who may share one, who must not."""

from __future__ import annotations

import itertools
import random

import pytest

from ccd.media.pool import divide
from ccd.media.ports import NoPortFree, PortPlan

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


def test_rules_hold_over_any_history() -> None:
    rng = random.Random(3)
    plan = PortPlan(range(100, 160, 2), shared=5)
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
        by_port = sorted(leases.values(), key=lambda lease: lease[0])
        for _, group in itertools.groupby(by_port, key=lambda lease: lease[0]):
            remotes = [remote for _, remote in group]
            assert len(remotes) == len(set(remotes))
            assert None not in remotes or len(remotes) == 1
    assert refused
    for key in leases:
        plan.release(key)
    assert len(plan) == 0
    assert len({plan.take(None, latch=True)[0] for _ in range(30)}) == 30


def test_ranges_are_divided_in_even_parts() -> None:
    assert divide((16384, 17407), 1) == [(16384, 17407)]
    assert divide((16384, 17407), 2) == [(16384, 16895), (16896, 17407)]
    assert divide((10001, 10011), 2) == [(10002, 10005), (10006, 10009)]
    assert divide((0, 0), 3) == [(0, 0)] * 3
    with pytest.raises(ValueError, match="too few"):
        divide((10000, 10003), 3)
