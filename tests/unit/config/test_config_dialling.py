"""What is told of a dialling plan when the settings are read."""

from __future__ import annotations

import pytest

from ccd.config import Agent, Dialling, DiallingRule, ForbiddenNumber, Queue, Route, Settings, Trunk
from ccd.settings.check import warnings
from ccd.settings.rules import dialling

TRUNKS = (
    Trunk(name="carrier", peers=("192.0.2.1:5060",)),
    Trunk(name="inward", peers=("192.0.2.0/24",)),
)


def settings(*rules: DiallingRule, **keys: object) -> Settings:
    agents = (Agent(name="li.na", phone="p", queues=(), extension="8001", class_of_service="deal"),)
    return Settings(
        trunk=TRUNKS,
        agent=agents,
        queue=(Queue(name="orders"),),
        route=(Route(dnis="95500", flow="f.yaml"),),
        dialling=Dialling(rule=rules, **keys),  # type: ignore[arg-type]
    )


def complaints(found: Settings) -> list[str]:
    checks = (dialling.emergency, dialling.numbers, dialling.rules)
    return [str(problem) for check in checks for problem in check(found)]


def outside(number: str, **keys: object) -> DiallingRule:
    return DiallingRule(number=number, **{"trunks": ("carrier",), **keys})  # type: ignore[arg-type]


RIGHT = outside("9X.", strip=1)


def test_a_plan_that_is_right() -> None:
    plan = settings(
        outside("900.", roles=("supervisor",)),
        RIGHT,
        outside("+86.", strip=3, prefix="0"),
        DiallingRule(number="6000", to="queue:orders"),
        DiallingRule(number="6001", to="service:95500"),
        DiallingRule(number="*01", to="dial:913800138000"),
        DiallingRule(number="*02", to="dial:*01"),
        ani="+862168880000",
    )
    assert complaints(plan) == []
    assert list(warnings(plan)) == []


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (outside(""), "is no number"),
        (outside("9A"), 'has "A", which nobody can dial'),
        (outside("9.X"), "stands at the end only"),
        (outside("9[12"), "without its ]"),
        (outside("9[]"), "empty []"),
        (outside("9[3-1]"), "no set"),
        (outside("9+1"), "has a + within"),
        (outside("9" * 33), "longer than any number"),
        (outside("9X.", trunks=()), "trunks: is empty"),
        (outside("9X.", trunks=("carrie",)), 'did you mean "carrier"'),
        (outside("9X.", trunks=("inward",)), "no peer that could be called"),
        (outside("9X.", trunks=("carrier", "carrier")), "is there twice"),
        (outside("9X.", strip=-1), "is negative"),
        (outside("9X", strip=2), "leaves nothing to dial"),
        (outside("9X.", prefix="abc"), "is no number"),
        (outside("+86.", prefix="0"), "comes before a +"),
        (outside("9X.", ani="li.na"), "is no number"),
        (outside("9X.", roles=("boss",)), 'no role "boss"'),
        (outside("9X.", agents=("li.n",)), 'did you mean "li.na"'),
        (outside("9X.", classes=("dealing",)), 'did you mean "deal"'),
        (outside("9X.", hours="trading"), 'no calendar "trading"'),
        (DiallingRule(number="6000", to="orders"), "leads nowhere"),
        (DiallingRule(number="6000", to="quee:orders"), 'did you mean "queue"'),
        (DiallingRule(number="6000", to="queue:"), "does not say which"),
        (DiallingRule(number="6000", to="queue:order"), 'did you mean "orders"'),
        (DiallingRule(number="6000", to="agent:wang"), 'no agent "wang"'),
        (DiallingRule(number="6000", to="service:1"), 'no route "1"'),
        (DiallingRule(number="6000", to="dial:li"), "cannot be dialled"),
        (DiallingRule(number="6000", to="dial:7777"), "leads nowhere"),
        (DiallingRule(number="6000", to="dial:6000"), "in a circle: 6000 -> 6000"),
        (DiallingRule(number="6000", to="queue:orders", strip=1), "is for `outside` only"),
        (outside("8001"), "is the number of agent li.na"),
        (outside("95500"), "is the number of route 95500"),
        (outside("*8"), "is the number of dialling.pickup"),
        (outside("705"), "is the number of park slot 705"),
        (outside("110"), "is an emergency number"),
    ],
)
def test_a_rule_that_cannot_work(rule: DiallingRule, says: str) -> None:
    (told,) = complaints(settings(rule))
    assert told.startswith("dialling.rule[1]")
    assert says in told


@pytest.mark.parametrize(
    ("earlier", "later", "reached"),
    [
        (outside("9X."), outside("900."), False),
        (outside("9X."), outside("9X."), False),
        (outside("9X.", roles=("agent", "qa")), outside("900.", roles=("qa",)), False),
        (outside("9X."), outside("900.", hours=""), False),
        (outside("900."), outside("9X."), True),
        (outside("9X.", roles=("agent",)), outside("9X.", roles=("qa",)), True),
        (outside("9X.", roles=("agent",)), outside("9X."), True),
        # Outside is for people, inside also for a phone with nobody at it.
        (outside("6X"), DiallingRule(number="60", to="queue:orders"), True),
        (outside("6X"), DiallingRule(number="60", to="queue:orders", roles=("qa",)), False),
        (outside("9X!"), outside("9!"), True),
        (outside("9!"), outside("9"), False),
    ],
)
def test_a_rule_that_is_never_reached(
    earlier: DiallingRule, later: DiallingRule, reached: bool
) -> None:
    told = complaints(settings(earlier, later))
    assert bool(told) is not reached
    assert all("never reached: rule 1" in each for each in told)


def test_a_rule_that_is_forbidden_altogether() -> None:
    forbidden = (ForbiddenNumber(number="900.", reason="No."),)
    (told,) = complaints(settings(outside("9004."), forbidden=forbidden))
    assert 'dialling.rule[1].number: "9004." is forbidden by "900."' in told
    assert complaints(settings(outside("9X."), forbidden=forbidden)) == []


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"emergency": ()}, "nobody could call for help"),
        ({"emergency": ("help",)}, '"help" is no number'),
        ({"emergency_prefixes": ("",)}, '"" is no number'),
        ({"emergency_trunks": ("inward",)}, "no peer that could be called"),
        ({"ani": "x"}, '"x" is no number'),
        ({"emergency_ani": "*8"}, '"*8" is no number'),
        ({"pickup": "abc"}, '"abc" is no number'),
        ({"pickup": "8001"}, '"8001" is the number of dialling.pickup already'),
        ({"pickup": "*77"}, "begin alike"),
        ({"park_slots": "720-701"}, "no row of slots"),
        ({"park_slots": "7-12"}, "of one length"),
        ({"park_slots": "1000-9999"}, "more slots than anybody finds again"),
        ({"park_slots": "8001"}, '"8001" is the number of park slot 8001 already'),
        ({"emergency": ("80",)}, "whoever dials it reaches 80"),
        ({"emergency": ("0",), "emergency_prefixes": ("8",)}, "whoever dials it reaches 80"),
        ({"forbidden": (ForbiddenNumber(number="9Y", reason="No."),)}, 'has "Y"'),
        ({"forbidden": (ForbiddenNumber(number="9X", reason=" "),)}, "reason: is empty"),
    ],
)
def test_values_that_cannot_work(keys: dict[str, object], says: str) -> None:
    (told,) = complaints(settings(**keys))
    assert says in told


def test_nothing_may_be_switched_off_but_codes_and_slots() -> None:
    assert complaints(settings(pickup="", park="", park_slots="")) == []


def test_an_extension_that_a_rule_would_take_for_a_call_for_help() -> None:
    found = settings(outside("8X.", strip=1), emergency=("001",))
    (told,) = complaints(found)
    assert 'agent[1].extension: "8001" begins like an emergency number' in told


def test_what_is_only_worth_a_look() -> None:
    lonely = Settings()
    assert [str(each) for each in warnings(lonely)] == [
        "dialling.emergency: leads nowhere: no trunk that can be called "
        "(give a [[trunk]] a peer with a port)"
    ]
    both = settings(outside("9[1-5]X"), DiallingRule(number="9[5-9]!", to="queue:orders"))
    (told,) = warnings(both)
    assert 'has numbers in common with rule 1 ("9[1-5]X")' in str(told)
