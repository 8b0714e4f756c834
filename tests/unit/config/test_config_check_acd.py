"""Settings of the ACD that are well typed and still cannot work."""

import math
import sys
from pathlib import Path

import pytest

from ccd.acd import strategies
from ccd.config import (
    Acd,
    Agent,
    Announce,
    Calendar,
    Callback,
    Customer,
    CustomerClass,
    Overflow,
    Phone,
    Queue,
    Ring,
    Settings,
    Skill,
    Trunk,
    Voicemail,
)
from ccd.settings import SettingsError, load
from ccd.settings.check import check
from ccd.settings.rules.queues import STRATEGIES

CARRIER = Trunk(name="carrier", peers=("192.0.2.7:5060",))
NETWORK = Trunk(name="network", peers=("10.0.0.0/24", "192.0.2.9"))
PHONE = Phone(name="1001", password="x")
SKILLS = (Skill(name="orders"), Skill(name="english"))
SESSION = Calendar(name="session", open={"weekdays": ("09:30-11:30",)})


def complaints(settings: Settings) -> list[str]:
    return [str(problem) for problem in check(settings)]


def the_only(settings: Settings) -> str:
    (found,) = complaints(settings)
    return found


def with_queue(*, more: tuple[Queue, ...] = (), **fields: object) -> Settings:
    return Settings(
        trunk=(CARRIER, NETWORK),
        skill=SKILLS,
        calendar=(SESSION,),
        queue=(Queue(name="orders", **fields), *more),  # type: ignore[arg-type]
    )


def with_agent(**fields: object) -> Settings:
    fields = {"name": "li", "phone": "1001", "queues": ("*",)} | fields
    return Settings(
        phone=(PHONE,),
        skill=SKILLS,
        queue=(Queue(name="orders"),),
        agent=(Agent(**fields),),  # type: ignore[arg-type]
    )


# --- [acd], skills, agents, customers --------------------------------------------------


@pytest.mark.parametrize(
    ("acd", "says"),
    [
        (
            Acd(order="servicelevel"),
            'acd.order: "servicelevel" is none of the choices (did you mean "service_level"?)',
        ),
        (Acd(order="x"), "one of: age, service_level"),
        (Acd(redial_window_s=-1), "acd.redial_window_s: -1 is negative (0 means never)"),
        (Acd(last_agent_days=-0.5), "acd.last_agent_days: -0.5 is negative"),
        (Acd(redial_window_s=math.inf), "is no length of time"),
        (Acd(redial_window_s=math.nan), "is no length of time"),
    ],
)
def test_acd(acd: Acd, says: str) -> None:
    assert says in the_only(Settings(acd=acd))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {"skills": {"order": 5}},
            'agent[1].skills.order: there is no skill "order" (did you mean "orders"?)',
        ),
        ({"skills": {"orders": 0}}, "agent[1].skills.orders: level 0 is out of range (1 to 10)"),
        ({"skills": {"orders": 11}}, "level 11 is out of range"),
        (
            {"capacity": {"chats": 3}},
            'agent[1].capacity.chats: there is no channel "chats" (did you mean "chat"?)',
        ),
        ({"capacity": {"chat": 0}}, "agent[1].capacity.chat: 0 is too few (1 at least)"),
        ({"queues": ("*", "orders")}, 'agent[1].queues: "*" stands for every queue already'),
    ],
)
def test_agents(fields: dict[str, object], says: str) -> None:
    assert says in the_only(with_agent(**fields))


def test_agents_that_are_right() -> None:
    assert complaints(with_agent(skills={"orders": 1, "english": 10}, capacity={"chat": 3})) == []


def test_names_are_taken_once() -> None:
    settings = Settings(
        skill=(Skill(name="a"), Skill(name="a"), Skill(name="")),
        customer_class=(CustomerClass(name="vip"), CustomerClass(name="vip")),
        customer=(Customer(number="139"), Customer(number="138"), Customer(number="139")),
        calendar=(SESSION, SESSION),
    )
    assert complaints(settings) == [
        'skill[2].name: "a" is taken by skill[1] (every one needs its own)',
        "skill[3].name: is empty (every skill needs one)",
        'customer_class[2].name: "vip" is taken by customer_class[1] (every one needs its own)',
        'customer[3].number: "139" is taken by customer[1] (every one needs its own)',
        'calendar[2].name: "session" is taken by calendar[1] (every one needs its own)',
    ]


@pytest.mark.parametrize(
    ("customer", "says"),
    [
        (
            Customer(number="1", customer_class="vpi"),
            'customer[1].customer_class: there is no customer class "vpi" (did you mean "vip"?)',
        ),
        (
            Customer(number="1", adviser="lu"),
            'customer[1].adviser: there is no agent "lu" (one of: li)',
        ),
        (Customer(number="1", language="cn"), 'customer[1].language: "cn" is none of the choices'),
        (Customer(number=""), "customer[1].number: is empty"),
    ],
)
def test_customers(customer: Customer, says: str) -> None:
    settings = Settings(
        phone=(PHONE,),
        agent=(Agent(name="li", phone="1001", queues=()),),
        customer_class=(CustomerClass(name="vip", head_start_s=60.0),),
        customer=(customer,),
    )
    assert says in the_only(settings)


def test_a_head_start_that_no_wait_makes_good_is_refused() -> None:
    for head_start_s in (-1.0, math.inf, math.nan):
        classes = (CustomerClass(name="vip", head_start_s=head_start_s),)
        assert "customer_class[1].head_start_s" in the_only(Settings(customer_class=classes))


# --- [[calendar]] ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        (
            Calendar(name="c", timezone="Shanghai", open=SESSION.open),
            'calendar[1].timezone: "Shanghai" is no time zone of the IANA database (did you mean',
        ),
        (
            Calendar(name="c", open={"tues": ("09:00-11:00",)}),
            'calendar[1].open.tues: "tues" is no day of the week (did you mean "tue"?)',
        ),
        (
            Calendar(name="c", open={"daily": ("09:00-11:00", "11:00")}),
            'calendar[1].open.daily[2]: "11:00" is not written like "09:30-11:30"',
        ),
        (
            Calendar(name="c", open={"daily": ("09:00-11:00", "10:00-12:00")}),
            'calendar[1].open.daily: "09:00-11:00" and "10:00-12:00" overlap',
        ),
        (
            Calendar(name="c", open=SESSION.open, holidays=("2026-10-01", "Christmas")),
            'calendar[1].holidays[2]: "Christmas" is not written like "2026-10-01"',
        ),
        (
            Calendar(name="c", open=SESSION.open, special={"2026-13-01": ("09:00-11:00",)}),
            'calendar[1].special.2026-13-01: "2026-13-01" is a day that no year has',
        ),
        (
            Calendar(name="c", special={"2026-12-01": ("25:00-26:00",)}),
            'calendar[1].special.2026-12-01[1]: "25:00-26:00" has a time that no clock shows',
        ),
        (Calendar(name="c", open={"mon": ()}), "calendar[1]: is never open (such as open ="),
    ],
)
def test_calendars(calendar: Calendar, says: str) -> None:
    assert the_only(Settings(calendar=(calendar,))).startswith(says)


# --- [[queue]] and its rings -------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"skills": {"chinese": 3}}, 'queue[1].skills.chinese: there is no skill "chinese"'),
        ({"skills": {"orders": 12}}, "queue[1].skills.orders: level 12 is out of range (1 to 10)"),
        (
            {"skill_weights": {"orders": -1.0}},
            "queue[1].skill_weights.orders: -1 is no weight (0 or more",
        ),
        ({"skill_weights": {"order": 2.0}}, "queue[1].skill_weights.order: there is no skill"),
        ({"ring_agents": 0}, "queue[1].ring_agents: 0 is out of range (1 to 20)"),
        ({"ring_agents": 21}, "queue[1].ring_agents: 21 is out of range"),
        ({"weight_s": -5.0}, "queue[1].weight_s: -5 is negative"),
        ({"weight_s": math.inf}, "queue[1].weight_s: inf is no length of time"),
        ({"last_agent_s": -5.0}, "queue[1].last_agent_s: -5 is negative"),
        ({"adviser_s": -5.0}, "queue[1].adviser_s: -5 is negative"),
        ({"wrap_up_s": math.nan}, "queue[1].wrap_up_s"),
        (
            {"hours": "sesion"},
            'queue[1].hours: there is no calendar "sesion" (did you mean "session"?)',
        ),
        (
            {"strategy": "longest-idle"},
            'queue[1].strategy: there is no strategy "longest-idle" (did you mean "longest_idle"?; a plug-in is',
        ),
        ({"strategy": "math:"}, 'there is no strategy "math:"'),
        (
            {"strategy": "no_such_module:f"},
            '"no_such_module:f" cannot be imported: ModuleNotFoundError: No module named',
        ),
        ({"strategy": "math:sin2"}, '"math:sin2" cannot be imported: AttributeError'),
        ({"strategy": "math:pi"}, '"math:pi" cannot be called (a function of agent, need and time'),
        ({"strategy": ".x:y"}, '".x:y" cannot be imported: TypeError'),
        (
            {"announce": Announce(language="zh,en")},
            'queue[1].announce.language: "zh,en" is none of the choices (did you mean "zh+en"?)',
        ),
        ({"announce": Announce(first_s=-1)}, "queue[1].announce.first_s: -1 is negative"),
        ({"announce": Announce(every_s=-1)}, "queue[1].announce.every_s: -1 is negative"),
        ({"voicemail": Voicemail(max_s=0)}, "queue[1].voicemail.max_s: 0 is not above zero"),
        ({"voicemail": Voicemail(min_s=-1)}, "queue[1].voicemail.min_s: -1 is negative"),
        ({"voicemail": Voicemail(max_s=5, min_s=5)}, "min_s: 5 is not below max_s"),
    ],
)
def test_queues(fields: dict[str, object], says: str) -> None:
    assert says in the_only(with_queue(**fields))


def test_a_queue_is_not_named_like_all_of_them() -> None:
    assert 'queue[1].name: "*" is no name' in the_only(Settings(queue=(Queue(name="*"),)))


def test_the_built_in_strategies_are_the_distributor_s() -> None:
    assert tuple(strategies.BUILT_IN) == STRATEGIES
    for name in STRATEGIES:
        assert complaints(with_queue(strategy=name)) == []


def test_a_plug_in_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ccd_test_strategy.py").write_text("def nearest(agent, need, now):\n    return 0\n")
    (tmp_path / "ccd_test_broken.py").write_text("raise SystemExit('not on this host')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("ccd_test_strategy", "ccd_test_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert complaints(with_queue(strategy="ccd_test_strategy:nearest")) == []
    assert "SystemExit: not on this host" in the_only(with_queue(strategy="ccd_test_broken:x"))


@pytest.mark.parametrize(
    ("rings", "says"),
    [
        (
            (Ring(after_s=0),),
            "queue[1].ring[1].after_s: 0 is not later than what comes before it (above 0",
        ),
        ((Ring(after_s=-1),), "queue[1].ring[1].after_s: -1 is negative"),
        (
            (Ring(after_s=20, skills={"orders": 3}), Ring(after_s=20)),
            "queue[1].ring[2].after_s: 20 is not later than what comes before it (above 20",
        ),
        (
            (Ring(after_s=20), Ring(after_s=10)),
            "queue[1].ring[2].after_s: 10 is not later than what comes before it (above 20",
        ),
        (
            (Ring(after_s=20, skills={"orders": 6}),),
            'queue[1].ring[1].skills.orders: "orders" at 6, while the queue asks for 5 (a ring asks for less',
        ),
        (
            (Ring(after_s=20, skills={"english": 1}),),
            'ring[1].skills.english: "english" at 1, while the queue does not ask for it',
        ),
        (
            (Ring(after_s=20), Ring(after_s=40, skills={"orders": 1})),
            'ring[2].skills.orders: "orders" at 1, while ring 1 does not ask for it',
        ),
        ((Ring(after_s=20, skills={"order": 1}),), 'ring[1].skills.order: there is no skill "order"'),
        ((Ring(after_s=20, skills={"orders": 0}),), "ring[1].skills.orders: level 0 is out of range"),
    ],
)  # fmt: skip
def test_rings_only_widen(rings: tuple[Ring, ...], says: str) -> None:
    assert says in the_only(with_queue(skills={"orders": 5}, ring=rings))


def test_rings_that_are_right() -> None:
    rings = (
        Ring(after_s=10, skills={"orders": 5}),
        Ring(after_s=20, skills={"orders": 3}),
        Ring(after_s=60),
    )
    assert complaints(with_queue(skills={"orders": 5, "english": 2}, ring=rings)) == []


# --- callbacks ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callback", "says"),
    [
        (Callback(offer_position=-1), "queue[1].callback.offer_position: -1 is negative"),
        (Callback(offer_ewt_s=-1), "queue[1].callback.offer_ewt_s: -1 is negative"),
        (Callback(key=""), 'queue[1].callback.key: "" is no key of a telephone'),
        (Callback(key="12"), '"12" is no key of a telephone'),
        (Callback(key="x"), '"x" is no key of a telephone (one of 0 1 2'),
        (Callback(first="caller"), 'callback.first: "caller" is none of the choices'),
        (
            Callback(closing="carry"),
            'callback.closing: "carry" is none of the choices (did you mean "carry_over"?)',
        ),
        (Callback(ani="Harbour"), 'callback.ani: "Harbour" is no number (digits only'),
        (Callback(abandoned_after_s=-1), "callback.abandoned_after_s: -1 is negative"),
        (Callback(attempts=0), "callback.attempts: 0 is too few (1 at least)"),
        (Callback(spacing_s=-1), "callback.spacing_s: -1 is negative"),
    ],
)
def test_callbacks(callback: Callback, says: str) -> None:
    fields = {name: getattr(callback, name) for name in callback.__struct_fields__}
    found = complaints(with_queue(callback=Callback(**fields | {"trunk": "carrier"})))
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"callback": Callback(offer_position=3)}, "but they are offered (offer_position)"),
        ({"callback": Callback(offer_ewt_s=60)}, "but they are offered (offer_ewt_s)"),
        ({"callback": Callback(abandoned=True)}, "but who hangs up is called back"),
        ({"overflow": (Overflow(to="callback", wait_s=60),)}, "but callers overflow to one"),
        (
            {"callback": Callback(trunk="carier")},
            'callback.trunk: there is no trunk "carier" (did you mean "carrier"?)',
        ),
        (
            {"callback": Callback(trunk="network")},
            'callback.trunk: trunk "network" has no peer that could be called (give its first peer a port',
        ),
    ],
)
def test_a_callback_needs_a_trunk_that_can_be_called(fields: dict[str, object], says: str) -> None:
    assert says in the_only(with_queue(**fields))


# --- overflow ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            Overflow(to="goodbye"),
            "queue[1].overflow[1]: has no condition, so nobody could wait (give it one of wait_s, length,",
        ),
        (Overflow(to="goodbye", wait_s=-1), "overflow[1].wait_s: -1 is negative (0 means at once)"),
        (Overflow(to="goodbye", length=0), "overflow[1].length: 0 is too short (1 at least"),
        (Overflow(to="goodbye", ewt_s=0), "overflow[1].ewt_s: 0 is not above zero"),
        (
            Overflow(to="goodbye", closed=True),
            "overflow[1].closed: never holds, for the queue has no hours (name a [[calendar]]",
        ),
        (
            Overflow(to="queue:advise", wait_s=1),
            'overflow[1].to: there is no queue "advise" (did you mean "advice"?)',
        ),
        (Overflow(to="mars", wait_s=1), 'overflow[1].to: "mars" leads nowhere (there are: queue:'),
        (Overflow(to="number:123", wait_s=1), 'overflow[1].to: "number:123" needs a trunk'),
        (
            Overflow(to="number:123", wait_s=1, trunk="x"),
            'overflow[1].trunk: there is no trunk "x"',
        ),
        (
            Overflow(to="number:123", wait_s=1, trunk="network"),
            'overflow[1].trunk: trunk "network" has no peer that could be called',
        ),
        (Overflow(to="goodbye", wait_s=1, trunk="carrier"), "overflow[1].trunk: is for a number:"),
    ],
)
def test_overflow(rule: Overflow, says: str) -> None:
    assert says in the_only(with_queue(overflow=(rule,), more=(Queue(name="advice"),)))


def test_overflows_that_are_right() -> None:
    overflow = (
        Overflow(to="number:+862150001234", wait_s=0.0, trunk="carrier", no_agents=True),
        Overflow(to="queue:advice", length=10),
        Overflow(to="voicemail", closed=True),
        Overflow(to="callback", ewt_s=120.0),
    )
    callback = Callback(trunk="carrier")
    settings = with_queue(
        overflow=overflow, callback=callback, hours="session", more=(Queue(name="advice"),)
    )
    assert complaints(settings) == []


def queue_to(name: str, *others: str, **condition: object) -> Queue:
    condition = condition or {"wait_s": 60.0}
    rules = tuple(Overflow(to=f"queue:{other}", **condition) for other in others)  # type: ignore[arg-type]
    return Queue(name=name, overflow=rules, hours="session" if "closed" in condition else "")


def test_a_loop_is_named_as_a_whole() -> None:
    queues = (
        queue_to("welcome", "quotes"),
        queue_to("orders", "welcome", "advice"),
        queue_to("quotes", "orders"),
        queue_to("advice"),
    )
    assert the_only(Settings(queue=queues)) == (
        "queue[1].overflow[1].to: leads round in a circle: "
        "welcome -> quotes -> orders -> welcome "
        "(take one of these rules away, or let it lead elsewhere)"
    )


def test_every_loop_is_told_and_a_queue_s_own_too() -> None:
    queues = (
        queue_to("a", "b"),
        queue_to("b", "c", "a"),
        queue_to("c", "d"),
        queue_to("d", "d"),
    )
    assert [text.split(" (")[0] for text in complaints(Settings(queue=queues))] == [
        "queue[1].overflow[1].to: leads round in a circle: a -> b -> a",
        "queue[4].overflow[1].to: leads round in a circle: d -> d",
    ]


@pytest.mark.parametrize("condition", [{"closed": True}, {"no_agents": True}, {"length": 5}])
def test_a_loop_is_one_whatever_its_conditions(condition: dict[str, object]) -> None:
    queues = (queue_to("a", "b", **condition), queue_to("b", "a", **condition))
    settings = Settings(queue=queues, calendar=(SESSION,))
    assert "leads round in a circle: a -> b -> a" in the_only(settings)


def test_two_ways_to_one_queue_are_no_loop() -> None:
    queues = (
        queue_to("a", "b", "c"),
        queue_to("b", "d"),
        queue_to("c", "d"),
        queue_to("d"),
    )
    assert complaints(Settings(queue=queues)) == []


# --- all together, with lines -----------------------------------------------------------


def test_mistakes_have_the_line_of_the_text_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "ccd.toml"
    path.write_text(
        """\
[[skill]]
name = "orders"
[[queue]]
name = "orders"
skills = { order = 11 }
[[queue.overflow]]
to = "queue:orders"
length = 5
[[queue.ring]]
after_s = 10
[queue.ring.skills]
orders = 3
[[calendar]]
name = "c"
holidays = [
  "2026-10-01",
  "x",
]
"""
    )
    with pytest.raises(SettingsError) as caught:
        load(path)
    assert [problem.line for problem in caught.value.problems] == [5, 5, 7, 12, 13, 17]
    assert str(caught.value.problems[3]) == (
        'line 12: queue[1].ring[1].skills.orders: "orders" at 3, while the queue does not ask '
        "for it (a ring asks for less, so that more agents will do)"
    )


def test_a_hint_is_not_longer_than_a_line() -> None:
    queues = tuple(Queue(name=f"q{n}") for n in range(2000))
    settings = Settings(
        phone=(PHONE,), queue=queues, agent=(Agent(name="a", phone="1001", queues=("xyz",)),)
    )
    assert the_only(settings).endswith("(one of: q0, q1, q2, q3, q4, q5, q6, q7 and 1992 more)")


GARBAGE = (
    "",
    " ",
    ":",
    "-",
    "/",
    "\x00",
    "x" * 5000,
    "..",
    "/",
    "queue:",
    "09:00-",
    "é",
    "0000-00-00",
)


@pytest.mark.parametrize("text", GARBAGE)
def test_whatever_text_stands_there_the_answer_is_a_complaint(text: str) -> None:
    settings = Settings(
        acd=Acd(order=text),
        skill=(Skill(name="s"),),
        customer=(Customer(number="1", customer_class=text or "-", adviser=text, language=text),),
        calendar=(
            Calendar(
                name="c",
                timezone=text,
                open={text: (text,)},
                holidays=(text,),
                special={text: (text, text)},
            ),
        ),
        queue=(
            Queue(
                name="q",
                skills={text: 1},
                strategy=text,
                hours=text or "-",
                ring=(Ring(after_s=1, skills={text: 1}),),
                overflow=(Overflow(to=text, trunk=text, wait_s=1.0),),
                announce=Announce(language=text),
                callback=Callback(key=text, first=text, trunk=text or "-"),
            ),
        ),
    )
    named = " ".join(complaints(settings))
    for key in ("order", "customer_class", "timezone", "open", "holidays", "special", "skills",
                "strategy", "hours", "to", "language", "key", "first", "trunk"):  # fmt: skip
        assert f"{key}" in named
