"""Digest authentication: the RFCs' own vectors, and the two sides against each other."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.sip import digest
from ccd.sip.auth import MAX_CLIENT_NONCES, Credentials, authorize, is_stale
from ccd.sip.authenticator import (
    FREE_TRIES,
    FREE_TRIES_A_SOURCE,
    MAX_DELAY_S,
    Accepted,
    Authenticator,
    Challenge,
    Ha1,
    Refused,
    Verdict,
)

URI = "sip:ccd.local"
PASSWORDS: dict[str, str | Ha1] = {
    "1001": "open sesame",
    "1002": Ha1(
        md5=digest.ha1("MD5", "1002", "ccd.local", "secret"),
        sha256=digest.ha1("SHA-256", "1002", "ccd.local", "secret"),
    ),
    "1003": Ha1(md5=digest.ha1("MD5", "1003", "ccd.local", "secret")),
    'o"b\\r': "pass",
}


class Client:
    """One phone: keeps its challenge and nonce counts."""

    def __init__(self, username: str, password: str, source: str = "192.0.2.50") -> None:
        self.credentials = Credentials(username, password)
        self.source = source
        self.challenges: tuple[tuple[str, str], ...] = ()
        self.counts: dict[str, int] = {}
        self.rng = random.Random(7)

    def header(self, uri: str = URI, method: str = "REGISTER") -> str:
        answer = authorize(
            self.challenges, self.credentials, method, uri, b"", self.counts, self.rng
        )
        assert answer is not None
        assert answer[0] == "Authorization"
        return answer[1]

    def register(self, server: Authenticator, now: float) -> Verdict:
        """One request with what is known; a challenge is remembered."""
        sent = [self.header()] if self.challenges else []
        verdict = server.check("REGISTER", URI, sent, source=self.source, now=now)
        if isinstance(verdict, Challenge):
            self.challenges = verdict.headers
        return verdict


@pytest.fixture
def server() -> Authenticator:
    return Authenticator("ccd.local", PASSWORDS.get, b"sealing wax")


class TestArithmetic:
    @pytest.mark.parametrize(
        ("algorithm", "expected"),
        [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ],
    )
    def test_example_of_rfc_7616_section_3_9_1(self, algorithm: str, expected: str) -> None:
        secret = digest.ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
        assert (
            digest.response(
                algorithm,
                secret,
                method="GET",
                uri="/dir/index.html",
                nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                qop="auth",
                nc="00000001",
                cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            )
            == expected
        )

    def test_example_of_rfc_2617_section_3_5(self) -> None:
        secret = digest.ha1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life")
        assert secret == "939e7578ed9e3c518a452acee763bce9"
        common = {
            "method": "GET",
            "uri": "/dir/index.html",
            "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        }
        with_qop = digest.response(
            "MD5", secret, qop="auth", nc="00000001", cnonce="0a4f113b", **common
        )
        assert with_qop == "6629fae49393a05397450978507c4ef1"
        assert digest.response("MD5", secret, **common) == "670fd8c2df070c60b045671b8b24ff02"


class TestGrammar:
    def test_commas_and_escapes_inside_quotes(self) -> None:
        read = digest.parse(r'Digest realm="a, \"b\"",qop="auth,auth-int" , nonce=abc,stale=TRUE')
        assert read == {
            "realm": r"a, \"b\"",
            "qop": "auth,auth-int",
            "nonce": "abc",
            "stale": "TRUE",
        }

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "Basic dXNlcg==",
            "Digest realm",
            'Digest realm="open',
            'Digest realm="a" nonce="b"',
            'Digest realm="a\x01"',
            "Digest =x",
            "Digest " + "a=b," * 2000,
        ],
    )
    def test_anything_else_is_none(self, value: str) -> None:
        assert digest.parse(value) is None

    @given(st.text(max_size=60))
    def test_never_raises_nor_hangs(self, noise: str) -> None:
        digest.parse("Digest " + noise)
        digest.parse('Digest a="' + noise * 20)


class TestClient:
    def challenge(self, text: str, name: str = "WWW-Authenticate") -> list[tuple[str, str]]:
        return [("Via", "x"), (name, text)]

    def answer(self, challenges: list[tuple[str, str]]) -> tuple[str, dict[str, str]] | None:
        counts: dict[str, int] = {}
        made = authorize(
            challenges, Credentials("u", "p"), "INVITE", "sip:x", b"", counts, random.Random(1)
        )
        if made is None:
            return None
        parameters = digest.parse(made[1])
        assert parameters is not None
        return made[0], parameters

    def test_strongest_of_several(self) -> None:
        made = self.answer(
            [
                ("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"'),
                ("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=MD5, qop="auth"'),
                ("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=FUTURE'),
            ]
        )
        assert made is not None
        assert made[1]["algorithm"] == "SHA-256"
        assert len(made[1]["response"]) == 64

    def test_proxy_challenge_and_opaque(self) -> None:
        made = self.answer(
            self.challenge(
                'Digest realm="r", nonce="n", opaque="o", qop=auth', "proxy-authenticate"
            )
        )
        assert made is not None
        assert made[0] == "Proxy-Authorization"
        assert (made[1]["opaque"], made[1]["nc"], made[1]["qop"]) == ("o", "00000001", "auth")
        assert "algorithm" not in made[1]

    def test_old_server_without_qop(self) -> None:
        made = self.answer(self.challenge('Digest realm="r", nonce="n"'))
        assert made is not None
        assert {"qop", "nc", "cnonce"}.isdisjoint(made[1])

    def test_integrity_where_it_must_be(self) -> None:
        made = self.answer(self.challenge('Digest realm="r", nonce="n", qop="auth-int"'))
        assert made is not None
        assert made[1]["qop"] == "auth-int"

    @pytest.mark.parametrize(
        "text",
        [
            "Basic realm=x",
            'Digest realm="r"',
            'Digest nonce="n"',
            'Digest realm="r", nonce="n", algorithm=AKAv1-MD5',
            'Digest realm="r", nonce="n", qop="token"',
        ],
    )
    def test_challenge_that_cannot_be_answered(self, text: str) -> None:
        assert self.answer(self.challenge(text)) is None

    def test_count_grows_and_memory_does_not(self) -> None:
        counts: dict[str, int] = {}
        for i in range(100):
            for turn in ("1", "2"):
                made = authorize(
                    self.challenge(f'Digest realm="r", nonce="{i}", qop=auth'),
                    Credentials("u", "p"),
                    "BYE",
                    "sip:x",
                    b"",
                    counts,
                    random.Random(1),
                )
                assert made is not None
                assert f"nc=0000000{turn}" in made[1]
        assert len(counts) == MAX_CLIENT_NONCES

    def test_password_does_not_show(self) -> None:
        assert "hush" not in repr(Credentials("u", "hush"))
        assert "hush" not in f"{Ha1(md5='hush')}"

    def test_stale_is_read(self) -> None:
        assert is_stale(self.challenge('Digest realm="r", nonce="n", stale=TRUE'))
        assert not is_stale(self.challenge('Digest realm="r", nonce="n", stale=false'))


class TestAuthenticator:
    @pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5",), ("SHA-256",)])
    @pytest.mark.parametrize(
        ("username", "password"), [("1001", "open sesame"), ("1002", "secret")]
    )
    def test_asks_then_accepts(
        self, algorithms: tuple[str, ...], username: str, password: str
    ) -> None:
        server = Authenticator("ccd.local", PASSWORDS.get, b"x", algorithms=algorithms)
        client = Client(username, password)
        asked = client.register(server, 0)
        assert isinstance(asked, Challenge)
        assert (asked.code, asked.stale, len(asked.headers)) == (401, False, len(algorithms))
        assert client.register(server, 1) == Accepted(username)
        assert client.register(server, 2) == Accepted(username)

    def test_quotes_in_a_user_name(self, server: Authenticator) -> None:
        client = Client('o"b\\r', "pass")
        client.register(server, 0)
        assert client.register(server, 0) == Accepted('o"b\\r')

    def test_md5_secret_only_serves_md5(self, server: Authenticator) -> None:
        client = Client("1003", "secret")
        client.register(server, 0)
        assert isinstance(client.register(server, 0), Challenge)
        client.challenges = tuple(h for h in client.challenges if "SHA" not in h[1])
        assert client.register(server, 0) == Accepted("1003")

    def test_old_nonce_is_stale_and_costs_no_try(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(server, 0)
        for turn in range(1, 10):
            asked = client.register(server, turn * 1000.0)
            assert isinstance(asked, Challenge)
            assert asked.stale
            assert is_stale(asked.headers)
        assert client.register(server, 9001) == Accepted("1001")

    def test_replay_is_not_accepted(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(server, 0)
        captured = client.header()
        first = server.check("REGISTER", URI, [captured], source="192.0.2.50", now=1)
        again = server.check("REGISTER", URI, [captured], source="203.0.113.6", now=2)
        assert first == Accepted("1001")
        assert isinstance(again, Challenge)
        assert again.stale

    def test_without_qop_a_nonce_serves_once(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(server, 0)
        client.challenges = tuple((n, v.replace('qop="auth", ', "")) for n, v in client.challenges)
        assert "nc=" not in client.header()
        assert client.register(server, 0) == Accepted("1001")
        assert isinstance(client.register(server, 0), Challenge)

    def test_nonce_of_somebody_else_is_stale(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(Authenticator("ccd.local", PASSWORDS.get, b"other wax"), 0)
        asked = client.register(server, 0)
        assert isinstance(asked, Challenge)
        assert asked.stale

    def test_credentials_for_another_realm_are_challenged(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(Authenticator("elsewhere", PASSWORDS.get, b"sealing wax"), 0)
        assert isinstance(client.register(server, 0), Challenge)
        assert server.counts["sources"] == 0

    def test_another_method_or_resource_does_not_pass(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(server, 0)
        sent = [client.header()]
        assert isinstance(server.check("INVITE", URI, sent, source="1.1.1.1", now=0), Challenge)
        other = server.check("REGISTER", "sip:x@else", sent, source="1.1.1.1", now=0)
        assert other == Refused(400, "digest uri is not the Request-URI")

    def test_uri_may_differ_in_what_does_not_matter(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(server, 0)
        sent = [client.header("sip:CCD.local:5060;transport=udp")]
        verdict = server.check("REGISTER", URI, sent, source="1.1.1.1", now=0)
        assert verdict == Accepted("1001")

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("algorithm=SHA-256", "algorithm=SHA-1", "algorithm"),
            ("qop=auth", "qop=none", "qop"),
            ("nc=00000001", "nc=1", "nc"),
            ("nc=00000001", "nc=0x000001", "nc"),
            ("qop=auth, ", "", "nc without qop"),
            ('username="1001"', 'username=""', "username"),
        ],
    )
    def test_credentials_that_make_no_sense(
        self, server: Authenticator, old: str, new: str, reason: str
    ) -> None:
        client = Client("1001", "open sesame")
        client.register(server, 0)
        sent = client.header()
        assert old in sent
        verdict = server.check("REGISTER", URI, [sent.replace(old, new)], source="1.1.1.1", now=0)
        assert isinstance(verdict, Refused)
        assert verdict.code == 400
        assert reason in verdict.reason

    def test_bytes_that_are_no_utf8_are_a_wrong_password(self, server: Authenticator) -> None:
        client = Client("1001", "open sesame")
        client.register(server, 0)
        sent = client.header().replace("1001", "10\udcff1").replace("response=", "response=\udcfe")
        sent = sent.replace('response=\udcfe"', 'response="\udcfe')
        verdict = server.check("REGISTER", URI, [sent], source="1.1.1.1", now=0)
        assert isinstance(verdict, Challenge)
        assert server.counts["sources"] == 2


class TestGuessing:
    @pytest.mark.parametrize("username", ["1001", "nobody"])
    def test_wrong_password_is_403_after_tries_with_growing_delay(
        self, server: Authenticator, username: str
    ) -> None:
        client = Client(username, "guess")
        now = 0.0
        client.register(server, now)
        verdicts = [client.register(server, now) for _ in range(FREE_TRIES)]
        assert [type(v) for v in verdicts] == [Challenge] * (FREE_TRIES - 1) + [Refused]
        delays = []
        for _ in range(12):
            refused = client.register(server, now)
            assert isinstance(refused, Refused)
            assert refused.code == 403
            assert refused.headers == (("Retry-After", str(refused.retry_after)),)
            delays.append(refused.retry_after)
            now += refused.retry_after
            client.register(server, now)
        assert delays[:4] == [2, 4, 8, 16]
        assert delays == sorted(delays)
        assert delays[-1] == MAX_DELAY_S

    def test_right_password_waits_too_then_clears(self, server: Authenticator) -> None:
        guesser, owner = Client("1001", "guess"), Client("1001", "open sesame")
        guesser.register(server, 0)
        for _ in range(FREE_TRIES):
            guesser.register(server, 0)
        owner.register(server, 1)
        assert isinstance(owner.register(server, 1), Refused)
        asked_again = server.check("REGISTER", URI, [], source=owner.source, now=1)
        assert isinstance(asked_again, Challenge)
        assert owner.register(server, 3) == Accepted("1001")
        assert isinstance(guesser.register(server, 3), Challenge)

    def test_a_neighbour_behind_the_same_address_is_not_punished(
        self, server: Authenticator
    ) -> None:
        guesser, neighbour = Client("1001", "guess"), Client("1002", "secret")
        for _ in range(10):
            guesser.register(server, 0)
        neighbour.register(server, 0)
        assert neighbour.register(server, 0) == Accepted("1002")

    def test_many_names_from_one_source_are_one_guesser(self, server: Authenticator) -> None:
        for i in range(FREE_TRIES_A_SOURCE):
            client = Client(f"10{i}", "guess", source=f"2001:db8::{i + 1:x}")
            client.register(server, 0)
            last = client.register(server, 0)
        assert isinstance(last, Refused)
        other = Client("1002", "secret", source="2001:db8:0:1::1")
        other.register(server, 0)
        assert other.register(server, 0) == Accepted("1002")

    def test_is_forgotten_after_an_hour(self, server: Authenticator) -> None:
        client = Client("1001", "guess")
        for _ in range(8):
            client.register(server, 0)
        now = 4000.0
        client.challenges = ()
        client.register(server, now)
        assert isinstance(client.register(server, now), Challenge)


def test_tables_are_bounded_and_a_dropped_count_is_never_trusted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ccd.sip.authenticator.MAX_NONCES", 10)
    monkeypatch.setattr("ccd.sip.authenticator.MAX_SOURCES", 10)
    server = Authenticator("ccd.local", PASSWORDS.get, b"sealing wax")
    early = Client("1001", "open sesame")
    early.register(server, 0.0)
    captured = early.header()
    first = server.check("REGISTER", URI, [captured], source="192.0.2.50", now=0.1)
    assert first == Accepted("1001")
    for i in range(40):
        client = Client("1001", "open sesame", source=f"198.51.100.{i}")
        client.register(server, 1.0 + i)
        assert client.register(server, 1.0 + i) == Accepted("1001")
        guesser = Client("1001", "guess", source=f"203.0.113.{i}")
        guesser.register(server, 1.0 + i)
        guesser.register(server, 1.0 + i)
    assert server.counts == {"nonces": 10, "sources": 10}
    again = server.check("REGISTER", URI, [captured], source="192.0.2.50", now=45)
    assert isinstance(again, Challenge)


@pytest.mark.parametrize("algorithms", [(), ("SHA-1",)])
def test_algorithms_we_have_not_are_named(algorithms: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="there are MD5, SHA-256"):
        Authenticator("r", PASSWORDS.get, b"", algorithms=algorithms)


@given(st.text(max_size=80))
def test_any_header_gets_a_verdict(noise: str) -> None:
    server = Authenticator("ccd.local", PASSWORDS.get, b"x")
    for value in (noise, f'Digest realm="ccd.local", {noise}'):
        verdict = server.check("REGISTER", noise, [value], source=noise, now=0)
        assert isinstance(verdict, Challenge | Refused)
