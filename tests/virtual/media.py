"""A patch bay on paper: the real port plan, and edges that can be looked at.

It follows commands as the worker does (docs/architecture.md, `ccd.media.protocol`) and
carries no audio. What a leg hears is a set of names; keys and the ends of prompts come
when the test says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ccd.media import protocol as p
from ccd.media.ports import Port, PortPlan
from ccd.model import Quality


class PaperBay:
    """Stands where `MediaPool` stands."""

    def __init__(self, report: Callable[[int, p.Report], None], soon: Callable[..., None]) -> None:
        self._report = report
        self._soon = soon
        self.plan = PortPlan(range(20000, 20400, 2))
        self._nodes = 0
        self.legs: dict[int, p.OpenLeg | p.ModifyLeg] = {}
        self.players: dict[int, p.Play] = {}
        self.recorders: dict[int, str] = {}
        self.edges: dict[tuple[int, int], p.Connect] = {}
        self.digits_sent: list[tuple[int, str]] = []
        """Node and keys."""
        self.alive = True
        self.leases: set[int] = set()
        self.refuses: str = ""
        """Why the next leg can't be opened or changed."""

    # --- MediaPool's interface ----------------------------------------------------------

    def node(self) -> int:
        self._nodes += 1
        return self._nodes

    def take_port(
        self, remote: p.Address | None, *, latch: bool, worker: int | None = None
    ) -> Port:
        number, key = self.plan.take(remote, latch=latch)
        self.leases.add(key)
        return Port(0, "10.0.0.1", number, key)

    def latched(self, port: Port, remote: p.Address) -> None:
        self.plan.settle(port.key, remote)

    def moved(self, port: Port, remote: p.Address | None, *, latch: bool = False) -> bool:
        if remote is None or latch:
            return self.plan.reserve(port.key)
        try:
            self.plan.settle(port.key, remote)
        except ValueError:
            return False
        return True

    def release(self, port: Port) -> None:
        self.leases.discard(port.key)
        self.plan.release(port.key)

    def is_ready(self, worker: int) -> bool:
        return self.alive

    @property
    def workers(self) -> int:
        return 1

    def send(self, worker: int, *commands: p.Command) -> None:
        if self.alive:
            for command in commands:
                self._take(command)

    # --- the worker's behaviour ---------------------------------------------------------

    def _take(self, command: p.Command) -> None:
        match command:
            case p.OpenLeg() | p.ModifyLeg() if self.refuses:
                self._say(p.LegFailed(node=command.node, reason=self.refuses))
                self._say(p.LegClosed(node=command.node, quality=Quality()))
                self.legs.pop(command.node, None)
                self._forget_edges(command.node)
                self.refuses = ""
            case p.OpenLeg() | p.ModifyLeg():
                self.legs[command.node] = command
            case p.MeasureLeg(node=node):
                self._say(p.LegMeasured(node=node, quality=Quality()))
            case p.CloseLeg(node=node):
                self.legs.pop(node, None)
                self._forget_edges(node)
                self._say(p.LegClosed(node=node, quality=Quality(mos=4.4)))
            case p.Connect():
                self.edges[command.source, command.sink] = command
            case p.Disconnect():
                self.edges.pop((command.source, command.sink), None)
            case p.Play():
                self.players[command.node] = command
                for sink in command.sinks:
                    self.edges[command.node, sink] = p.Connect(source=command.node, sink=sink)
            case p.Record():
                self.recorders[command.node] = command.path
            case p.Stop(node=node):
                self._forget_edges(node)
                if self.players.pop(node, None) is not None:
                    self._say(p.PlayFinished(node=node, reason="stopped"))
                if (path := self.recorders.pop(node, None)) is not None:
                    self._say(p.RecordFinished(node=node, path=path, seconds=1.0))
            case p.SendDigits():
                self.digits_sent.append((command.node, command.digits))
            case _:
                raise AssertionError(f"a command this bay does not know: {command}")

    def _forget_edges(self, node: int) -> None:
        self.edges = {pair: edge for pair, edge in self.edges.items() if node not in pair}

    def _say(self, report: p.Report) -> None:
        self._soon(lambda: self._report(0, report))

    # --- for tests ------------------------------------------------------------------------

    def sources(self, node: int) -> set[int]:
        """The nodes that this one hears."""
        return {source for source, sink in self.edges if sink == node}

    def files_heard(self, node: int) -> set[str]:
        """The names of the files that play to this node."""
        return {
            Path(sound.path).name
            for source in self.sources(node)
            if source in self.players
            for sound in self.players[source].sounds
            if sound.path
        }

    def finish(self, node: int) -> None:
        """Let the prompt that this node hears come to its end by itself."""
        for source in self.sources(node):
            play = self.players.get(source)
            if play is not None and not play.loop:
                del self.players[source]
                self._forget_edges(source)
                self._say(p.PlayFinished(node=source, reason="completed"))

    def press(self, node: int, digit: str) -> None:
        """Have the peer of a leg press a key."""
        self._say(p.Digit(node=node, digit=digit))

    def time_out(self, node: int) -> None:
        """Have a leg's peer fall silent for good."""
        self._say(p.LegTimedOut(node=node))
