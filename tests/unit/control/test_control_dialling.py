"""Who may dial what, and what it leads to."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from ccd.config import (
    Agent,
    Calendar,
    Dialling,
    DiallingRule,
    ForbiddenNumber,
    Queue,
    Route,
    Settings,
    Trunk,
)
from ccd.control.dialling import (
    Destination,
    DiallingPlan,
    DiallingRefused,
    Feature,
    FeatureName,
    Outside,
    Progress,
    Refusal,
    ToAgent,
    ToQueue,
    ToService,
)
from ccd.cti.catalogue import Role
from ccd.settings.check import check
from ccd.settings.rules.dialling import ROLES

CHINA = ZoneInfo("Asia/Shanghai")
OPEN = datetime(2026, 11, 23, 10, tzinfo=CHINA).timestamp()
CLOSED = datetime(2026, 11, 23, 12, tzinfo=CHINA).timestamp()

SETTINGS = Settings(
    trunk=(
        Trunk(name="inward", peers=("192.0.2.0/24",)),
        Trunk(name="carrier", peers=("198.51.100.1:5060",)),
        Trunk(name="backup", peers=("198.51.100.2:5060",)),
    ),
    agent=(
        Agent(name="li.na", phone="p1", queues=(), extension="8001", class_of_service="dealing"),
        Agent(name="wang", phone="p2", queues=(), extension="8002"),
        Agent(name="8003", phone="p3", queues=()),
    ),
    queue=(Queue(name="orders"),),
    route=(Route(dnis="95500", flow="f.yaml"), Route(dnis="*", flow="f.yaml")),
    calendar=(Calendar(name="trading", open={"weekdays": ("09:30-11:30", "13:00-15:00")}),),
    dialling=Dialling(
        emergency_prefixes=("0",),
        emergency_trunks=("backup",),
        ani="02168880000",
        forbidden=(ForbiddenNumber(number="00850.", reason="No calls there."),),
        rule=(
            DiallingRule(number="6000", to="queue:orders"),
            DiallingRule(number="6001", to="service:95500"),
            DiallingRule(number="6002", to="agent:wang"),
            DiallingRule(number="*01", to="dial:900442071234567"),
            DiallingRule(
                number="900.",
                trunks=("carrier", "backup"),
                strip=1,
                roles=("supervisor",),
                classes=("dealing",),
                hours="trading",
            ),
            DiallingRule(number="91[3-9]XXXXXXXXX", trunks=("carrier",), strip=1, agents=("wang",)),
            DiallingRule(number="9[2-8]XXXXXXX", trunks=("carrier",), strip=1, prefix="021"),
            DiallingRule(number="+86.", trunks=("backup",), strip=3, prefix="0", ani="4008"),
        ),
    ),
)
PLAN = DiallingPlan(SETTINGS)


def lead(
    dialled: str, agent: str | None = "li.na", *, role: str = "agent", at: float = OPEN, **how: bool
) -> Destination:
    return PLAN.resolve(dialled, agent=agent, role=role, at=at, **how)


def refused(dialled: str, agent: str | None = "li.na", **who: object) -> Refusal:
    with pytest.raises(DiallingRefused) as caught:
        lead(dialled, agent, **who)  # type: ignore[arg-type]
    assert caught.value.message == str(caught.value)
    return caught.value.code


def test_the_rules_of_these_tests_are_right() -> None:
    about = [problem for problem in check(SETTINGS) if problem.key[0] in ("dialling", "agent")]
    assert [problem for problem in about if problem.key[-1] not in ("phone", "queues")] == []


@pytest.mark.parametrize(
    ("dialled", "destination"),
    [
        ("8001", ToAgent("li.na")),
        ("80-02", ToAgent("wang")),
        ("8003", ToAgent("8003")),
        ("wang", ToAgent("wang")),
        ("agent:li.na", ToAgent("li.na")),
        ("orders", ToQueue("orders")),
        ("queue:orders", ToQueue("orders")),
        ("service:95500", ToService("95500")),
        ("95500", ToService("95500")),
        ("6000", ToQueue("orders")),
        ("6001", ToService("95500")),
        ("6002", ToAgent("wang")),
        ("*8", Feature(FeatureName.PICKUP)),
        ("*88002", Feature(FeatureName.PICKUP, "wang")),
        ("*7", Feature(FeatureName.PARK)),
        ("*7705", Feature(FeatureName.PARK, "705")),
        ("705", Feature(FeatureName.UNPARK, "705")),
    ],
)
@pytest.mark.parametrize("agent", ["wang", None])
def test_inside_everybody_reaches_everybody(
    dialled: str, destination: Destination, agent: str | None
) -> None:
    assert lead(dialled, agent, role="agent" if agent else "") == destination


@pytest.mark.parametrize(
    ("dialled", "agent", "role", "destination"),
    [
        # By class of service, by role, by name, and by being logged on.
        ("900442071234567", "li.na", "agent", "00442071234567 carrier backup 02168880000"),
        ("900442071234567", "chen", "supervisor", "00442071234567 carrier backup 02168880000"),
        ("9 138 0013 8000", "wang", "agent", "13800138000 carrier 02168880000"),
        ("968880001", "wang", "agent", "02168880001 carrier 02168880000"),
        ("+86 (138) 0013-8000", "wang", "agent", "013800138000 backup 4008"),
        ("*01", "li.na", "agent", "00442071234567 carrier backup 02168880000"),
    ],
)
def test_outside_by_rule(dialled: str, agent: str, role: str, destination: str) -> None:
    number, *trunks, ani = destination.split()
    assert lead(dialled, agent, role=role) == Outside(number, tuple(trunks), ani)


@pytest.mark.parametrize(
    ("dialled", "agent", "code"),
    [
        ("", "li.na", Refusal.INCOMPLETE),
        (" - ", "li.na", Refusal.INCOMPLETE),
        ("80", "li.na", Refusal.INCOMPLETE),
        ("91380013800", "wang", Refusal.INCOMPLETE),
        ("8009", "li.na", Refusal.UNKNOWN_NUMBER),
        ("7000000", "li.na", Refusal.UNKNOWN_NUMBER),
        ("nobody", "li.na", Refusal.UNKNOWN_NUMBER),
        ("sip:13800138000@198.51.100.9", "li.na", Refusal.UNKNOWN_NUMBER),
        ("1" * 200, "li.na", Refusal.UNKNOWN_NUMBER),
        ("\r\nVia: x", "li.na", Refusal.UNKNOWN_NUMBER),
        ("９１３８", "li.na", Refusal.UNKNOWN_NUMBER),
        ("13800138000", "li.na", Refusal.UNKNOWN_NUMBER),
        ("9 13800138000", "li.na", Refusal.NOT_ALLOWED),  # wang alone may
        ("900442071234567", "wang", Refusal.NOT_ALLOWED),
        ("*01", "wang", Refusal.NOT_ALLOWED),  # a short code opens nothing
        ("968880001", None, Refusal.NOT_ALLOWED),  # nobody is logged on there
        ("0085012345", "li.na", Refusal.FORBIDDEN),
        ("90085012345", "li.na", Refusal.FORBIDDEN),  # what the trunk would be given
    ],
)
def test_what_leads_nowhere(dialled: str, agent: str | None, code: Refusal) -> None:
    assert refused(dialled, agent, role="agent" if agent else "") is code


def test_a_rule_holds_while_its_calendar_is_open() -> None:
    assert isinstance(lead("900442071234567", at=OPEN), Outside)
    assert refused("900442071234567", at=CLOSED) is Refusal.NOT_ALLOWED


def test_the_first_rule_that_holds_is_followed() -> None:
    rules = (
        DiallingRule(number="9X.", trunks=("carrier",), roles=("supervisor",)),
        DiallingRule(number="9X.", trunks=("backup",)),
    )
    plan = DiallingPlan(msgspec.structs.replace(SETTINGS, dialling=Dialling(rule=rules)))
    for role, trunk in (("supervisor", "carrier"), ("agent", "backup")):
        found = plan.resolve("9138", agent="wang", role=role, at=OPEN)
        assert found == Outside("9138", (trunk,))


@pytest.mark.parametrize("dialled", ["110", "1-1-0", "0110", "0 110"])
@pytest.mark.parametrize(
    ("agent", "role", "locked"),
    [("li.na", "agent", False), ("wang", "agent", True), (None, "", False), (None, "", True)],
)
def test_emergency_always(dialled: str, agent: str | None, role: str, locked: bool) -> None:
    help_ = lead(dialled, agent, role=role, locked=locked)
    assert help_ == Outside("110", ("backup", "carrier"), "02168880000", emergency=True)
    assert PLAN.is_complete(dialled)


def test_emergency_behind_the_outside_line_of_a_rule_that_is_not_his() -> None:
    rule = DiallingRule(
        number="9X.", trunks=("carrier",), strip=1, roles=("admin",), hours="trading"
    )
    forbidden = (ForbiddenNumber(number="!", reason="No calls today."),)
    dialling = Dialling(rule=(rule,), forbidden=forbidden, emergency_ani="5555")
    plan = DiallingPlan(msgspec.structs.replace(SETTINGS, dialling=dialling))
    for dialled in ("120", "9120"):
        help_ = plan.resolve(dialled, agent=None, role="", at=CLOSED, locked=True)
        assert help_ == Outside("120", ("carrier", "backup"), "5555", emergency=True)


def test_a_locked_seat_reaches_nothing_else() -> None:
    for dialled in ("8001", "wang", "6000", "*8", "968880001", ""):
        assert refused(dialled, locked=True) is Refusal.NOT_ALLOWED


@pytest.mark.parametrize(
    ("dialled", "progress"),
    [
        ("", Progress.INCOMPLETE),
        ("8", Progress.INCOMPLETE),
        ("8001", Progress.COMPLETE),
        ("80011", Progress.NOTHING),
        ("11", Progress.INCOMPLETE),
        ("110", Progress.COMPLETE),
        ("1101", Progress.NOTHING),
        ("*8", Progress.ENOUGH),
        ("*80", Progress.NOTHING),
        ("*88", Progress.INCOMPLETE),
        ("*88001", Progress.COMPLETE),
        ("9138", Progress.INCOMPLETE),
        ("913800138000", Progress.COMPLETE),
        ("9004", Progress.ENOUGH),
        ("wang", Progress.NOTHING),
    ],
)
def test_digit_by_digit(dialled: str, progress: Progress) -> None:
    assert PLAN.progress(dialled) is progress
    assert PLAN.is_complete(dialled) is (progress is Progress.COMPLETE)


def test_why_is_told_step_by_step() -> None:
    told = PLAN.explain("9 13800138000", agent="li.na", role="agent", at=OPEN)
    assert told.number == "913800138000"
    assert told.destination is None
    assert told.refused is Refusal.NOT_ALLOWED
    assert "rule 6 (91[3-9]XXXXXXXXX) is for agent wang, not for agent li.na" in told.message
    told = PLAN.explain("9 13800138000", agent="wang", role="agent", at=OPEN)
    assert told.destination == Outside("13800138000", ("carrier",), "02168880000")
    (decided, _checked) = (step for step in told.steps[-2:])
    assert decided.decided
    assert decided.what == "rule 6 (91[3-9]XXXXXXXXX)"
    assert str(told.destination) == "13800138000 through carrier, showing 02168880000"


def test_a_circle_that_nobody_checked_ends() -> None:
    rules = (
        DiallingRule(number="*1", to="dial:*2"),
        DiallingRule(number="*2", to="dial:*1"),
    )
    plan = DiallingPlan(msgspec.structs.replace(SETTINGS, dialling=Dialling(rule=rules)))
    with pytest.raises(DiallingRefused, match="circle"):
        plan.resolve("*1", agent="wang", role="agent", at=OPEN)


def test_roles_are_those_of_the_cti() -> None:
    assert set(ROLES) == set(Role)
