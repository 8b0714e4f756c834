"""Circles in a graph, whatever its shape."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ccd.settings.loops import loops


def test_a_graph_without_loops_has_none() -> None:
    diamond = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": ["nowhere"]}
    assert list(loops(diamond)) == []


def test_each_loop_is_told_once_from_its_first_node() -> None:
    graph = {"in": ["b"], "a": ["b"], "b": ["c", "out"], "c": ["a"], "s": ["s"], "out": []}
    assert list(loops(graph)) == [("a", "b", "c", "a"), ("s", "s")]


def test_two_loops_with_a_node_between_them() -> None:
    graph = {"a": ["b"], "b": ["a", "bridge"], "bridge": ["c"], "c": ["d"], "d": ["c", "c"]}
    assert list(loops(graph)) == [("a", "b", "a"), ("c", "d", "c")]


def test_the_shortest_is_told() -> None:
    graph = {"a": ["b", "d"], "b": ["c"], "c": ["d"], "d": ["a"]}
    assert next(loops(graph)) == ("a", "d", "a")


def test_a_long_chain_is_no_trouble() -> None:
    chain = {str(n): [str(n + 1)] for n in range(5000)}
    assert list(loops(chain)) == []
    assert [len(loop) for loop in loops({**chain, "5000": ["0"]})] == [5002]


_nodes = st.sampled_from("abcdefg")


@given(st.dictionaries(_nodes, st.lists(_nodes, max_size=3)))
def test_loops_are_loops_and_where_there_is_one_one_is_told(graph: dict[str, list[str]]) -> None:
    told = list(loops(graph))
    for loop in told:
        assert loop[0] == loop[-1]
        assert len(set(loop)) == len(loop) - 1
        assert all(to in graph[one] for one, to in pairwise(loop))
    reach = {node: set(graph[node]) for node in graph}
    for _ in graph:
        reach = {
            n: to | {far for each in to for far in reach.get(each, ())} for n, to in reach.items()
        }
    in_a_loop = {node for node in graph if node in reach[node]}
    named = {node for loop in told for node in loop}
    assert named <= in_a_loop
    assert bool(named) == bool(in_a_loop)
