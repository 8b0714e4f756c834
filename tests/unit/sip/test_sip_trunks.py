"""Trunks: who belongs to which, how many channels are taken, and which are alive."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.config import Trunk
from ccd.sip.hop import Hop
from ccd.sip.pings import HASTE_S, TRANSITIONS, Ping, Pings, State, TrunkChanged
from ccd.sip.trunks import TrunkError, Trunks, parse_peer


def table(**peers: tuple[str, ...]) -> Trunks:
    return Trunks([Trunk(name=name, peers=of) for name, of in peers.items()])


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("192.0.2.7", 5060, "exact"),
        ("192.0.2.7", 5061, "host"),
        ("::ffff:192.0.2.7", 5061, "host"),
        ("192.0.2.8", 5060, "narrow"),
        ("192.0.9.1", 1, "wide"),
        ("2001:db8::1", 5060, "six"),
        ("2001:DB8:0::1", 5060, "six"),
        ("2001:db8::1", 5062, "six_wide"),
        ("198.51.100.1", 5060, None),
        ("2001:db9::1", 5060, None),
        ("trunk.example.com", 5060, None),
    ],
)
def test_the_most_specific_entry_wins(host: str, port: int, name: str | None) -> None:
    trunks = table(
        wide=("192.0.0.0/16",),
        narrow=("192.0.2.0/24",),
        host=("192.0.2.7",),
        exact=("192.0.2.7:5060",),
        six=("[2001:db8::1]:5060",),
        six_wide=("2001:db8::/32",),
    )
    found = trunks.match(host, port)
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        ("192.0.2", "no address or network"),
        ("sip.example.com", "no address or network"),
        ("sip.example.com:5060", "no address or network"),
        ("192.0.2.7/24", "host bits"),
        ("192.0.2.7:", "port"),
        ("192.0.2.7:0", "port"),
        ("192.0.2.7:sip", "port"),
        ("192.0.2.7:655360", "port"),
        ("192.0.2.0/24:5060", "network, which has no port"),
        ("[2001:db8::1]5060", "bracket"),
        ("", "no address or network"),
    ],
)
def test_a_wrong_peer_is_named_with_its_trunk(peer: str, reason: str) -> None:
    with pytest.raises(TrunkError, match=reason) as caught:
        table(provider=("10.0.0.1", peer))
    assert "'provider'" in str(caught.value)
    assert repr(peer) in str(caught.value)


@pytest.mark.parametrize(
    ("trunks", "reason"),
    [
        ([Trunk(name="a", peers=("10.0.0.1",)), Trunk(name="a", peers=("10.0.0.2",))], "twice"),
        (
            [Trunk(name="a", peers=("10.0.0.1",)), Trunk(name="b", peers=("10.0.0.1/32",))],
            "already trunk 'a'",
        ),
        ([Trunk(name="a", peers=())], "no peers"),
        ([Trunk(name="a", peers=("10.0.0.1",), channels=-1)], "channels"),
    ],
)
def test_a_table_that_contradicts_itself(trunks: list[Trunk], reason: str) -> None:
    with pytest.raises(TrunkError, match=reason):
        Trunks(trunks)


class TestChannels:
    def test_limit(self) -> None:
        trunks = Trunks([Trunk(name="a", peers=("10.0.0.1",), channels=2)])
        assert [trunks.take("a") for _ in range(3)] == [True, True, False]
        trunks.release("a")
        assert trunks.take("a")
        assert trunks.in_use("a") == 2

    def test_zero_is_no_limit(self) -> None:
        trunks = table(a=("10.0.0.1",))
        assert all(trunks.take("a") for _ in range(1000))

    def test_release_of_what_was_not_taken_is_a_fault(self) -> None:
        with pytest.raises(ValueError, match="'a'"):
            table(a=("10.0.0.1",)).release("a")


hosts = st.ip_addresses(v=4).map(str)


@given(
    st.lists(
        st.tuples(hosts, st.integers(8, 32), st.none() | st.integers(1, 3)), unique=True, max_size=8
    ),
    hosts,
    st.integers(1, 3),
)
def test_match_agrees_with_trying_every_entry(
    entries: list[tuple[str, int, int | None]], host: str, port: int
) -> None:
    texts = dict.fromkeys(
        f"{h}:{p}" if p else str(ipaddress.ip_network(f"{h}/{bits}", strict=False))
        for h, bits, p in entries
    )
    trunks = Trunks([Trunk(name=text, peers=(text,)) for text in texts])
    fitting = [
        (parsed.port is not None, parsed.network.prefixlen, text)
        for text in texts
        for parsed in [parse_peer("", text)]
        if ipaddress.ip_address(host) in parsed.network and parsed.port in (None, port)
    ]
    found = trunks.match(host, port)
    assert (found.name if found else None) == (max(fitting)[2] if fitting else None)


class TestPings:
    @pytest.fixture
    def pings(self) -> Pings:
        trunk = Trunk(
            name="a", peers=("10.0.0.1:5060", "10.0.0.2:5070", "10.0.0.3"), options_ping_s=30
        )
        return Pings(Trunks([trunk, Trunk(name="quiet", peers=("10.0.0.9:5060",))]), 100.0)

    def drain(self, pings: Pings) -> list[Ping | TrunkChanged]:
        found = []
        while (action := pings.next_action()) is not None:
            found.append(action)
        return found

    def test_asks_each_peer_with_a_port_in_its_turn(self, pings: Pings) -> None:
        assert pings.get_timer() == 100.0
        pings.handle_timer(100.0)
        first = Ping("a", "sip:10.0.0.1:5060", Hop("udp", "10.0.0.1", 5060))
        assert self.drain(pings) == [first]
        assert pings.get_timer() == 115.0
        pings.handle_timer(115.0)
        (second,) = self.drain(pings)
        assert isinstance(second, Ping)
        assert second.hop == Hop("udp", "10.0.0.2", 5070)
        assert pings.get_timer() is None  # both are out
        pings.answered(first, 200, 120.0)
        assert pings.get_timer() == 150.0

    def walk(self, pings: Pings, codes: dict[str, list[int]]) -> list[tuple[bool, str]]:
        """Answer each ping with the next code of its host; the changes that were told."""
        changes = []
        now = 100.0
        while any(codes.values()):
            now = pings.get_timer() or now
            pings.handle_timer(now)
            for action in self.drain(pings):
                if isinstance(action, TrunkChanged):
                    changes.append((action.up, action.reason))
                elif codes[action.hop.host]:
                    pings.answered(action, codes[action.hop.host].pop(0), now)
                else:
                    pings.answered(action, 200, now)
        changes += [(a.up, a.reason) for a in self.drain(pings) if isinstance(a, TrunkChanged)]
        return changes

    def test_down_when_no_peer_answers_and_up_when_one_does(self, pings: Pings) -> None:
        changes = self.walk(
            pings,
            {
                "10.0.0.1": [200, 408, 408, 408, 408, 408, 408, 408, 408, 408],
                "10.0.0.2": [503, 408, 408, 408, 200, 408, 200, 200],
            },
        )
        assert changes == [
            (False, "udp:10.0.0.1:5060 does not answer"),
            (True, "udp:10.0.0.2:5070 answers again"),
        ]
        assert pings.is_up("a")

    def test_two_lost_are_no_outage_and_a_refusal_is_life(self, pings: Pings) -> None:
        codes = [404, 408, 408, 405, 408, 503, 486]
        assert self.walk(pings, {"10.0.0.1": list(codes), "10.0.0.2": list(codes)}) == []

    def test_in_doubt_it_asks_sooner(self, pings: Pings) -> None:
        pings.handle_timer(100.0)
        (ping,) = self.drain(pings)
        assert isinstance(ping, Ping)
        pings.answered(ping, 408, 132.0)
        assert pings.state("a")[ping.hop] is State.MISSED_ONE
        pings.handle_timer(115.0)
        self.drain(pings)
        assert pings.get_timer() == 132.0 + HASTE_S

    def test_who_is_never_asked_is_up(self, pings: Pings) -> None:
        assert pings.is_up("quiet")
        assert pings.state("quiet") == {}

    def test_the_table_is_complete_and_has_hysteresis(self) -> None:
        assert set(TRANSITIONS) == {(state, alive) for state in State for alive in (True, False)}
        for (state, _), then in TRANSITIONS.items():
            if state in (State.UP, State.UNKNOWN):
                assert then.in_service
            if state is State.DOWN:
                assert not then.in_service
