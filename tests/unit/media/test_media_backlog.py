"""Commands that wait: in order, a beat's worth at a time."""

from __future__ import annotations

from ccd.media.backlog import Backlog
from ccd.media.protocol import CloseLeg, Command


class Desk:
    """Takes a millisecond for each command."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[int] = []
        self.backlog = Backlog(self.obey, lambda: self.now)

    def obey(self, command: Command) -> None:
        assert isinstance(command, CloseLeg)
        self.now += 0.001
        self.done.append(command.node)


def test_a_burst_is_spread_and_keeps_its_order() -> None:
    desk = Desk()
    desk.backlog.add(CloseLeg(node=node) for node in range(10))
    desk.backlog.work(0.0035)
    assert desk.done == [0, 1, 2, 3]
    assert len(desk.backlog) == 6
    desk.backlog.add([CloseLeg(node=10)])
    desk.backlog.work(1.0)
    assert desk.done == list(range(11))
    assert not desk.backlog


def test_even_without_time_it_goes_on() -> None:
    desk = Desk()
    desk.backlog.work(0.0)
    desk.backlog.add(CloseLeg(node=node) for node in range(3))
    for _ in range(3):
        desk.backlog.work(0.0)
    assert desk.done == [0, 1, 2]
