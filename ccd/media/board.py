"""The board: every node by the core's number, the edges between them, and the plan of both."""

from __future__ import annotations

from ccd.media.nodes import NONE, Kind, Nodes
from ccd.media.patch import Edges, Plan, compile_plan


class Board:
    """Who is there and who hears whom. Whatever alters that calls `change`."""

    def __init__(self) -> None:
        self.nodes = Nodes(256)
        self.edges = Edges(256)
        self._rows: dict[int, int] = {}
        self._plan: Plan | None = None
        self._private = 0

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._rows)

    def row(self, node: int) -> int | None:
        """The row of the core's node number; a recorder's first."""
        return self._rows.get(node)

    def take(self, node: int, kind: Kind) -> int:
        """A row for a new node. Raises ValueError where the number is in use."""
        if node in self._rows:
            raise ValueError(f"node {node} is in use")
        row = self.take_more(kind)
        self.nodes.node[row] = node
        self._rows[node] = row
        return row

    def take_more(self, kind: Kind) -> int:
        """A further row, of a node that has several."""
        row = self.nodes.take()
        self.nodes.kind[row] = kind
        self.change()
        return row

    def private(self) -> int:
        """A node number that the core does not know of: below zero."""
        self._private -= 1
        return self._private

    def drop(self, node: int, *rows: int) -> None:
        """The node and all its edges are gone."""
        self._rows.pop(node, None)
        for row in rows:
            self.edges.isolate(row)
            self.nodes.kind[row] = Kind.FREE
            self.nodes.listening[row] = False
            self.nodes.relay_sink[row] = NONE
            self.nodes.give_back(row)
        self.change()

    def change(self) -> None:
        """The plan is no longer true."""
        self._plan = None

    def plan(self) -> Plan:
        """What each frame has to do, as of now."""
        if self._plan is None:
            self._plan = compile_plan(self.nodes, self.edges)
        return self._plan
