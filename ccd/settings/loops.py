"""Circles in a graph: overflows that lead a caller back to where he came from."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping

Graph = Mapping[str, Collection[str]]
"""From each node to those that it leads to; one that is no key leads nowhere."""


def loops(graph: Graph) -> Iterator[tuple[str, ...]]:
    """Yield loops, each once, beginning and ending with that of its nodes which stands first.

    Not every loop there is, of which there can be exponentially many: a shortest one through
    each node that is in one and in none told before. So a graph that yields none has none.
    """
    ring = _in_or_between_loops(graph)
    order = {node: number for number, node in enumerate(graph)}
    told: set[str] = set()
    for node in ring:
        if node in told:
            continue
        found = _shortest_loop(node, ring)
        if found is None:
            continue
        told.update(found)
        begin = found.index(min(found, key=order.__getitem__))
        yield (*found[begin:], *found[:begin], found[begin])


def _in_or_between_loops(graph: Graph) -> dict[str, list[str]]:
    """Return what is left when whatever leads nowhere, or is led to from nowhere, is taken away."""
    left = {node: [to for to in graph[node] if to in graph] for node in graph}
    for one in (_without_dead_ends, _reversed, _without_dead_ends, _reversed):
        left = one(left)
    return {node: left[node] for node in graph if node in left}


def _without_dead_ends(graph: dict[str, list[str]]) -> dict[str, list[str]]:
    leads_on = {node: len(to) for node, to in graph.items()}
    back = _reversed(graph)
    ends = deque(node for node, count in leads_on.items() if not count)
    gone: set[str] = set()
    while ends:
        end = ends.popleft()
        gone.add(end)
        for before in back[end]:
            leads_on[before] -= 1
            if not leads_on[before]:
                ends.append(before)
    return {
        node: [t for t in to if t not in gone] for node, to in graph.items() if node not in gone
    }


def _reversed(graph: dict[str, list[str]]) -> dict[str, list[str]]:
    back: dict[str, list[str]] = {node: [] for node in graph}
    for node, leads_to in graph.items():
        for to in leads_to:
            back[to].append(node)
    return back


def _shortest_loop(start: str, graph: Graph) -> tuple[str, ...] | None:
    """Return the nodes of a shortest way from `start` back to it (breadth first), without its end."""
    came_from: dict[str, str] = {}
    ahead = deque([start])
    while ahead:
        node = ahead.popleft()
        for to in graph[node]:
            if to == start:
                way = [node]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if to not in came_from:
                came_from[to] = node
                ahead.append(to)
    return None
