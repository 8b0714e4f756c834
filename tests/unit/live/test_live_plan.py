"""What a reload would do: found by comparing two settings."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ccd.config import (
    Agent,
    Calendar,
    CustomerClass,
    Phone,
    Queue,
    Route,
    Settings,
    Sip,
    Skill,
    Trunk,
)
from ccd.reload import Plan, Verb, plan, with_what_applies

replace = msgspec.structs.replace

OLD = Settings(
    trunk=(Trunk(name="carrier", peers=("192.0.2.7",)),),
    phone=(Phone(name="1001", password="a"),),
    agent=(Agent(name="anna", phone="1001", queues=("orders",)),),
    queue=(Queue(name="orders"), Queue(name="advice")),
    route=(Route(dnis="95500", flow="/etc/welcome.yaml"),),
)


def said(found: Plan) -> list[str]:
    return [str(change) for change in found.apply]


def test_the_same_settings_need_nothing() -> None:
    assert not plan(OLD, OLD)
    turned = replace(OLD, queue=tuple(reversed(OLD.queue)))
    assert not plan(OLD, turned), "the order of tables means nothing"


def test_changes_name_their_keys() -> None:
    new = replace(
        OLD,
        agent=(replace(OLD.agent[0], skills={"english": 5}, queues=("orders", "advice")),),
        queue=(replace(OLD.queue[0], wrap_up_s=5.0), OLD.queue[1]),
    )
    assert said(plan(OLD, new)) == [
        "queue orders changes: wrap_up_s",
        "agent anna changes: queues, skills",
    ]


def test_what_is_named_comes_before_those_who_name_it_and_goes_after_them() -> None:
    new = replace(
        OLD,
        skill=(Skill(name="english"),),
        customer_class=(CustomerClass(name="vip", head_start_s=60.0),),
        calendar=(Calendar(name="office"),),
        phone=(Phone(name="1002", password="b"),),
        agent=(Agent(name="bert", phone="1002", queues=("night",)),),
        queue=(OLD.queue[0], Queue(name="night", hours="office")),
    )
    assert said(plan(OLD, new)) == [
        "skill english is added",
        "customer class vip is added",
        "calendar office is added",
        "phone 1002 is added",
        "queue night is added",
        "agent bert is added",
        "queue advice is removed",
        "agent anna is removed",
        "phone 1001 is removed",
    ]


def test_what_is_read_at_the_start_alone_needs_a_restart() -> None:
    new = replace(
        OLD,
        sip=Sip(listen=("udp:127.0.0.1:5070",), domain="other.example"),
        trunk=(
            replace(OLD.trunk[0], channels=30),
            Trunk(name="second", peers=("192.0.2.8",)),
        ),
    )
    found = plan(OLD, new)
    assert found.apply == ()
    assert [each.key for each in found.restart] == [
        *("sip.listen", "sip.domain", "trunk carrier", "trunk second"),
    ]
    assert str(found.restart[0]) == "sip.listen has changed: restart the daemon to have it"
    # It is named until the restart: what applies is what was.
    assert with_what_applies(OLD, new) == OLD


def test_flows_that_are_used_and_differ_are_changes() -> None:
    found = plan(OLD, OLD, ["/etc/welcome.yaml", "/etc/unused.yaml", "/etc/welcome.yaml"])
    assert said(found) == ["flow /etc/welcome.yaml changes"]


names = st.sampled_from("abcd")
queues = st.lists(
    st.builds(Queue, name=names, wrap_up_s=st.sampled_from([0.0, 5.0])),
    unique_by=lambda queue: queue.name,
    max_size=4,
).map(tuple)
agents = st.lists(
    st.builds(
        Agent,
        name=names,
        phone=st.just("1"),
        queues=st.just(("*",)),
        skills=st.dictionaries(names, st.integers(1, 10), max_size=2),
    ),
    unique_by=lambda agent: agent.name,
    max_size=4,
).map(tuple)
worlds = st.builds(Settings, queue=queues, agent=agents, sip=st.sampled_from([Sip(), OLD.sip]))


@given(worlds, worlds)
def test_who_makes_every_change_has_the_new_settings(old: Settings, new: Settings) -> None:
    for table in ("queue", "agent"):
        kept = {each.name: each for each in getattr(old, table)}
        wanted = {each.name: each for each in getattr(new, table)}
        for change in plan(old, new).apply:
            if change.table == table:
                assert (change.name in kept) == (change.verb is not Verb.ADD)
                if change.verb is Verb.REMOVE:
                    del kept[change.name]
                else:
                    kept[change.name] = wanted[change.name]
        assert kept == wanted
    applied = with_what_applies(old, new)
    assert not plan(applied, new).apply
    back = plan(new, old)
    assert len(back.apply) == len(plan(old, new).apply)
