"""REGISTER and bindings, step by step of RFC 3261, 10.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip.hop import Hop
from ccd.sip.message import Request, parse
from ccd.sip.registrar import Registered, Registrar, Reply, Unregistered

NAT = Hop("udp", "203.0.113.5", 41234)
OTHER = Hop("udp", "203.0.113.6", 5060)
STREAM = Hop("tcp", "203.0.113.7", 50001)


def request(
    *headers: str, user: str = "1001", cseq: int = 1, call_id: str = "c1", body: str = ""
) -> Request:
    lines = [
        "REGISTER sip:ccd.local SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKx",
        f"From: <sip:{user}@ccd.local>;tag=1",
        f"To: <sip:{user}@ccd.local>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        "Max-Forwards: 70",
        *headers,
        "Content-Length: 0",
        "",
        body,
    ]
    message = parse("\r\n".join(lines).encode())
    assert isinstance(message, Request)
    return message


@pytest.fixture
def registrar() -> Registrar:
    return Registrar(lambda user: user.startswith("10"))


def events(registrar: Registrar) -> list[tuple[str, str]]:
    found = []
    while (event := registrar.next_event()) is not None:
        match event:
            case Registered():
                found.append(
                    ("refreshed" if event.refreshed else "registered", event.binding.contact)
                )
            case Unregistered():
                found.append((event.reason, event.binding.contact))
    return found


def contacts(reply: Reply) -> list[str]:
    assert reply.code == 200, reply
    return [value for name, value in reply.headers if name == "Contact"]


def test_binds_the_contact_to_where_the_request_came_from(registrar: Registrar) -> None:
    reply = registrar.register(
        request("Contact: <sip:1001@10.0.0.9:5060;ob>;expires=600"), NAT, 100.0
    )
    assert contacts(reply) == ["<sip:1001@10.0.0.9:5060;ob>;expires=600"]
    (binding,) = registrar.lookup("1001")
    assert (binding.contact, binding.hop, binding.expires_at) == (
        "sip:1001@10.0.0.9:5060;ob",
        NAT,
        700.0,
    )
    assert events(registrar) == [("registered", "sip:1001@10.0.0.9:5060;ob")]


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        (["Contact: <sip:1001@h>"], 3600),
        (["Contact: <sip:1001@h>", "Expires: 120"], 120),
        (["Contact: <sip:1001@h>;expires=90", "Expires: 120"], 90),
        (["Contact: <sip:1001@h>;expires=86400"], 3600),
        (["Contact: <sip:1001@h>;expires=99999999999999999999"], 3600),
        (["Contact: <sip:1001@h>;expires=soon"], 3600),
        (["m: sip:1001@h;expires=60"], 60),
    ],
)
def test_expiry_is_granted_within_limits(
    registrar: Registrar, headers: list[str], granted: int
) -> None:
    assert contacts(registrar.register(request(*headers), NAT, 0.0)) == [
        f"<sip:1001@h>;expires={granted}"
    ]


def test_too_brief_is_told_the_minimum_and_binds_nothing(registrar: Registrar) -> None:
    reply = registrar.register(
        request("Contact: <sip:1001@a>;expires=600, <sip:1001@b>;expires=59"), NAT, 0.0
    )
    assert (reply.code, reply.headers) == (423, (("Min-Expires", "60"),))
    assert registrar.lookup("1001") == []
    assert events(registrar) == []


def test_several_contacts_best_first(registrar: Registrar) -> None:
    reply = registrar.register(
        request(
            "Contact: <sip:1001@a>;q=0.1, <sip:1001@b>;q=0.75",
            "Contact: <sip:1001@c>;q=lots",
        ),
        NAT,
        0.0,
    )
    assert contacts(reply) == [
        "<sip:1001@c>;expires=3600",
        "<sip:1001@b>;expires=3600;q=0.75",
        "<sip:1001@a>;expires=3600;q=0.1",
    ]
    registrar.register(request("Contact: <sip:1001@d>", call_id="c2"), OTHER, 10.0)
    assert [b.contact[-1] for b in registrar.lookup("1001")] == ["d", "c", "b", "a"]


def test_without_contact_it_is_a_question(registrar: Registrar) -> None:
    assert contacts(registrar.register(request(), NAT, 0.0)) == []
    registrar.register(request("Contact: <sip:1001@a>;expires=100", cseq=2), NAT, 0.0)
    reply = registrar.register(request(cseq=3), NAT, 40.4)
    assert contacts(reply) == ["<sip:1001@a>;expires=60"]


def test_refresh_and_move(registrar: Registrar) -> None:
    for cseq, hop in enumerate([NAT, NAT, OTHER], 1):
        registrar.register(request("Contact: <sip:1001@A:5060>", cseq=cseq), hop, float(cseq))
    assert events(registrar) == [
        ("registered", "sip:1001@A:5060"),
        ("refreshed", "sip:1001@A:5060"),
        ("registered", "sip:1001@A:5060"),
    ]
    assert [b.hop for b in registrar.lookup("1001")] == [OTHER]
    registrar.register(request("Contact: <sip:1001@a:5060;x=y>", cseq=9), OTHER, 5.0)
    assert len(registrar.lookup("1001")) == 1
    registrar.register(request("Contact: <sip:1001@a:5062>", cseq=10), OTHER, 5.0)
    assert len(registrar.lookup("1001")) == 2


def test_expires_zero_removes_one(registrar: Registrar) -> None:
    registrar.register(request("Contact: <sip:1001@a>, <sip:1001@b>"), NAT, 0.0)
    reply = registrar.register(
        request("Contact: <sip:1001@a>;expires=0, <sip:1001@never>;expires=0", cseq=2), NAT, 0.0
    )
    assert contacts(reply) == ["<sip:1001@b>;expires=3600"]
    assert events(registrar)[2:] == [("removed", "sip:1001@a")]


class TestStar:
    def test_removes_all(self, registrar: Registrar) -> None:
        registrar.register(request("Contact: <sip:1001@a>, <sip:1001@b>"), NAT, 0.0)
        reply = registrar.register(request("Contact: *", "Expires: 0", cseq=2), NAT, 0.0)
        assert contacts(reply) == []
        assert registrar.counts["users"] == 0
        assert events(registrar)[2:] == [("removed", "sip:1001@a"), ("removed", "sip:1001@b")]

    @pytest.mark.parametrize(
        "headers",
        [
            ["Contact: *"],
            ["Contact: *", "Expires: 60"],
            ["Contact: *, <sip:1001@a>", "Expires: 0"],
            ["Contact: *", "Contact: *", "Expires: 0"],
        ],
    )
    def test_only_alone_and_with_expires_zero(
        self, registrar: Registrar, headers: list[str]
    ) -> None:
        registrar.register(request("Contact: <sip:1001@a>"), NAT, 0.0)
        assert registrar.register(request(*headers, cseq=2), NAT, 0.0).code == 400
        assert len(registrar.lookup("1001")) == 1

    def test_overtaken_changes_nothing(self, registrar: Registrar) -> None:
        registrar.register(request("Contact: <sip:1001@a>", call_id="x"), NAT, 0.0)
        registrar.register(request("Contact: <sip:1001@b>", cseq=7), NAT, 0.0)
        reply = registrar.register(request("Contact: *", "Expires: 0", cseq=7), NAT, 0.0)
        assert reply.code == 500
        assert len(registrar.lookup("1001")) == 2


def test_a_request_overtaken_by_a_newer_one_changes_nothing(registrar: Registrar) -> None:
    registrar.register(request("Contact: <sip:1001@a>", cseq=5), NAT, 0.0)
    late = request("Contact: <sip:1001@new>, <sip:1001@a>;expires=0", cseq=4)
    assert registrar.register(late, NAT, 1.0).code == 500
    assert [b.contact for b in registrar.lookup("1001")] == ["sip:1001@a"]
    restarted = request("Contact: <sip:1001@a>;expires=0", cseq=1, call_id="after-reboot")
    assert registrar.register(restarted, NAT, 1.0).code == 200
    assert registrar.lookup("1001") == []


@pytest.mark.parametrize(
    ("sent", "identity", "code"),
    [
        (request("Contact: <sip:x@a>", user="2000"), None, 404),
        (request("Contact: <sip:x@a>", user="1001"), "1002", 403),
        (request("Contact: <sip:x@a>", "Require: path, gruu"), "1001", 420),
        (request("Contact: <tel:+49>"), "1001", 400),
        (request("Contact: rubbish"), "1001", 400),
        (request("Contact: " + ", ".join(f"<sip:1001@h{i}>" for i in range(11))), "1001", 403),
    ],
)
def test_what_is_refused(
    registrar: Registrar, sent: Request, identity: str | None, code: int
) -> None:
    reply = registrar.register(sent, NAT, 0.0, identity=identity)
    assert reply.code == code
    assert registrar.counts["users"] == 0
    if code == 420:
        assert reply.headers == (("Unsupported", "path, gruu"),)


def test_an_eleventh_contact_takes_the_place_of_the_oldest(registrar: Registrar) -> None:
    for i in range(11):
        registrar.register(request(f"Contact: <sip:1001@h{i}>", call_id=f"boot{i}"), NAT, float(i))
    assert [b.contact for b in registrar.lookup("1001")] == [
        f"sip:1001@h{i}" for i in range(10, 0, -1)
    ]
    assert ("replaced", "sip:1001@h0") in events(registrar)


def test_users_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccd.sip.registrar.MAX_USERS", 3)
    registrar = Registrar(lambda user: True)
    codes = [
        registrar.register(request("Contact: <sip:x@a>", user=f"u{i}"), NAT, 0.0).code
        for i in range(4)
    ]
    assert codes == [200, 200, 200, 503]


class TestExpiry:
    def test_at_its_time_and_not_before(self, registrar: Registrar) -> None:
        assert registrar.get_timer() is None
        registrar.register(request("Contact: <sip:1001@a>;expires=100"), NAT, 0.0)
        registrar.register(request("Contact: <sip:1002@b>;expires=60", user="1002"), NAT, 0.0)
        assert registrar.get_timer() == 60.0
        registrar.register(
            request("Contact: <sip:1002@b>;expires=90", user="1002", cseq=2), NAT, 50.0
        )
        assert registrar.get_timer() == 100.0
        registrar.handle_timer(99.9)
        assert len(registrar.lookup("1001")) == 1
        registrar.handle_timer(100.0)
        assert registrar.lookup("1001") == []
        assert registrar.get_timer() == 140.0
        registrar.handle_timer(1000.0)
        assert registrar.get_timer() is None
        assert events(registrar)[-2:] == [("expired", "sip:1001@a"), ("expired", "sip:1002@b")]

    def test_refreshing_for_ever_costs_no_memory(self, registrar: Registrar) -> None:
        for cseq in range(1, 2000):
            registrar.register(request("Contact: <sip:1001@a>", cseq=cseq), NAT, cseq / 1000)
        events(registrar)
        assert registrar.counts["expiries"] < 100
        registrar.handle_timer(5000.0)
        assert set(registrar.counts.values()) == {0}


def test_a_broken_connection_takes_its_phones_along(registrar: Registrar) -> None:
    for user in ("1001", "1002"):
        registrar.register(
            request(f"Contact: <sip:{user}@a;transport=tcp>", user=user), STREAM, 0.0
        )
    registrar.register(request("Contact: <sip:1001@b>", call_id="c2"), NAT, 0.0)
    events(registrar)
    registrar.unreachable(NAT, 1.0)
    assert events(registrar) == []
    registrar.unreachable(STREAM, 1.0)
    assert sorted(events(registrar)) == [
        ("unreachable", "sip:1001@a;transport=tcp"),
        ("unreachable", "sip:1002@a;transport=tcp"),
    ]
    assert [b.hop for b in registrar] == [NAT]
    assert registrar.counts["connections"] == 0


steps = st.tuples(
    st.sampled_from(["1001", "1002"]),
    st.sampled_from("abc"),
    st.sampled_from([0, 60, 100, 1000]),
    st.sampled_from([NAT, OTHER, STREAM]),
    st.floats(0, 200),
)


@given(st.lists(steps, max_size=40))
def test_events_tell_the_whole_story(walk: list[tuple[str, str, int, Hop, float]]) -> None:
    """Folding the events gives the table, whatever happens, and in the end nothing is left."""
    registrar = Registrar(lambda user: True)
    story: dict[tuple[str, str], Hop] = {}
    now = 0.0
    for cseq, (user, contact, expires, hop, pause) in enumerate(walk, 1):
        now += pause
        registrar.handle_timer(now)
        timer = registrar.get_timer()
        assert timer is None or timer > now
        registrar.register(
            request(f"Contact: <sip:{contact}@h>;expires={expires}", user=user, cseq=cseq), hop, now
        )
        if hop == STREAM and contact == "c":
            registrar.unreachable(hop, now)
        while (event := registrar.next_event()) is not None:
            key = (event.binding.user, event.binding.contact)
            if isinstance(event, Registered):
                assert event.refreshed == (story.get(key) == event.binding.hop)
                story[key] = event.binding.hop
            else:
                assert story.pop(key) == event.binding.hop
        assert story == {(b.user, b.contact): b.hop for b in registrar}
    registrar.handle_timer(now + 4000)
    assert set(registrar.counts.values()) == {0}
