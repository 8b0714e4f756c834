"""Dialling plans of any kind, and whatever people may dial."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.config import Agent, Dialling, DiallingRule, ForbiddenNumber, Queue, Settings, Trunk
from ccd.control.dialling import DiallingPlan, DiallingRefused, Outside, Progress
from ccd.settings.dial_patterns import DIALLED, Pattern, parse_pattern

EMERGENCY = ("110", "119", "120", "122", "112")
TRUNKS = (Trunk(name="a", peers=("192.0.2.1:5060",)), Trunk(name="b", peers=("192.0.2.2:5060",)))

numbers = st.text("0123456789*#", min_size=1, max_size=6)
places = st.one_of(st.sampled_from("XZN0123456789*#"), st.sampled_from(["[1-3]", "[05-9]", "[*#]"]))
patterns = st.builds(
    lambda begin, end: "".join(begin) + end,
    st.lists(places, min_size=1, max_size=4),
    st.sampled_from(["", "", ".", "!"]),
)
people = st.lists(st.sampled_from(["li", "wang"]), max_size=2).map(tuple)
roles = st.lists(st.sampled_from(["agent", "supervisor"]), max_size=1).map(tuple)
outside_rules = st.builds(
    DiallingRule,
    number=patterns,
    trunks=st.just(("a", "b")),
    strip=st.integers(0, 3),
    prefix=st.sampled_from(["", "0", "11", "00"]),
    roles=roles,
    agents=people,
)
inside_rules = st.builds(
    DiallingRule,
    number=patterns,
    to=st.one_of(st.sampled_from(["queue:q", "agent:li"]), numbers.map("dial:{}".format)),
    agents=people,
)
diallings = st.builds(
    Dialling,
    rule=st.lists(st.one_of(outside_rules, inside_rules), max_size=5).map(tuple),
    forbidden=st.lists(
        st.builds(ForbiddenNumber, number=patterns, reason=st.just("no")), max_size=2
    ).map(tuple),
    emergency_prefixes=st.sampled_from([(), ("9",), ("0", "00")]),
)
dialled = st.one_of(numbers, st.text(max_size=12), st.sampled_from(["li", "q", "agent:li", "110"]))
diallers = st.sampled_from([("li", "agent"), ("wang", "agent"), (None, "supervisor"), (None, "")])


def plan_of(dialling: Dialling) -> DiallingPlan:
    agents = tuple(
        Agent(name=name, phone=name, queues=(), extension=extension)
        for name, extension in (("li", "81"), ("wang", "82"))
    )
    return DiallingPlan(
        Settings(trunk=TRUNKS, agent=agents, queue=(Queue(name="q"),), dialling=dialling)
    )


@given(diallings, dialled, diallers, st.booleans())
def test_a_text_is_resolved_or_refused_and_explained_alike(
    dialling: Dialling, text: str, who: tuple[str | None, str], locked: bool
) -> None:
    plan = plan_of(dialling)
    agent, role = who
    explained = plan.explain(text, agent=agent, role=role, at=0.0, locked=locked)
    plan.progress(text)
    msgspec.json.encode(explained)
    if explained.refused is None:
        found = plan.resolve(text, agent=agent, role=role, at=0.0, locked=locked)
        assert explained.destination == found
        assert any(step.decided for step in explained.steps)
        return
    assert explained.destination is None
    with pytest.raises(DiallingRefused) as refused:
        plan.resolve(text, agent=agent, role=role, at=0.0, locked=locked)
    assert (explained.refused, explained.message) == (refused.value.code, refused.value.message)


@given(diallings, st.sampled_from(EMERGENCY), diallers, st.booleans(), st.booleans())
def test_emergency_numbers_are_always_reached(
    dialling: Dialling,
    number: str,
    who: tuple[str | None, str],
    locked: bool,
    prefixed: bool,
) -> None:
    plan = plan_of(dialling)
    text = number
    if prefixed and dialling.emergency_prefixes:
        text = dialling.emergency_prefixes[-1] + number
    found = plan.resolve(text, agent=who[0], role=who[1], at=0.0, locked=locked)
    assert found == Outside(number, ("a", "b"), emergency=True)
    assert plan.progress(text) is Progress.COMPLETE


@given(diallings, numbers, diallers)
def test_nobody_gets_outside_but_by_a_rule_that_is_for_him(
    dialling: Dialling, number: str, who: tuple[str | None, str]
) -> None:
    agent, role = who
    try:
        found = plan_of(dialling).resolve(number, agent=agent, role=role, at=0.0)
    except DiallingRefused:
        return
    if not isinstance(found, Outside) or found.emergency:
        return
    assert agent is not None or role
    outside = [rule for rule in dialling.rule if rule.to == "outside"]
    assert any(
        role in rule.roles or agent in rule.agents or not (rule.roles or rule.agents)
        for rule in outside
        if found.number.startswith(rule.prefix)
    )
    for entry in dialling.forbidden:
        assert not parse_pattern(entry.number).fits(found.number)


def regular_expression(pattern: str) -> re.Pattern[str]:
    """The same pattern by other means, as oracle."""
    signs = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", "*": r"\*", "#": r"\#"}
    body = pattern.rstrip(".!")
    end = {"": "", ".": r"[0-9*#]+", "!": r"[0-9*#]*"}[pattern[len(body) :]]
    parts = re.findall(r"\[[^]]*\]|.", body)
    return re.compile("".join(signs.get(part, part) for part in parts) + end)


@given(patterns, numbers)
def test_a_pattern_fits_what_its_regular_expression_fits(pattern: str, number: str) -> None:
    fits = regular_expression(pattern).fullmatch(number) is not None
    assert parse_pattern(pattern).fits(number) == fits


@given(patterns, patterns, numbers)
def test_who_covers_has_all_numbers_of_the_other(one: str, other: str, number: str) -> None:
    first, second = parse_pattern(one), parse_pattern(other)
    if first.covers(second) and second.fits(number):
        assert first.fits(number)
    if first.fits(number) and second.fits(number):
        assert first.meets(second)
        assert second.meets(first)
    if first.covers(second):
        assert first.meets(second)


@given(patterns, numbers, st.text("0123456789*#", min_size=1, max_size=3))
def test_what_fits_later_may_grow_to_fit(pattern: str, begin: str, rest: str) -> None:
    found: Pattern = parse_pattern(pattern)
    if found.fits(begin + rest):
        assert found.may_grow_to_fit(begin)


@given(st.text(max_size=8))
def test_a_text_is_a_pattern_or_a_mistake_with_a_mend(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except ValueError as error:
        mistake, _, mend = str(error).partition("; ")
    else:
        assert all(cell <= DIALLED for cell in pattern.cells)
        return
    assert mistake
    assert mend
