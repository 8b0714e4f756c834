"""Digest authentication, the side that asks: challenge those who register, judge what they send.

Sans-IO. Nonces are not kept: each carries its time and our seal. Two bounded tables are: the
counts seen with nonces, against replay, and who guessed wrong lately, against guessing.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from ccd.sip import digest

NONCE_LIFE_S = 300.0
"""How long a nonce is good for. A phone that refreshes later is asked again, once, as stale."""

MAX_NONCES = 20_000
"""Nonces whose count is kept; when more are in use the oldest become stale before their time."""

MAX_SOURCES = 10_000
"""Guessers remembered; those silent longest are forgotten first."""

FREE_TRIES = 3
"""Wrong passwords that one user name from one source is forgiven: people do mistype."""

FREE_TRIES_A_SOURCE = 30
"""The same over all user names of one source: an office behind one NAT address has many."""

FIRST_DELAY_S = 2.0
MAX_DELAY_S = 900.0
"""The delay doubles with every wrong try from the first to this one."""

FORGET_S = 3600.0
"""Without a wrong try for so long, a source is as good as new."""


class Ha1(msgspec.Struct, frozen=True):
    """A password in the form of `digest.ha1` for our realm, so that no clear one is kept."""

    md5: str | None = None
    sha256: str | None = None

    def __repr__(self) -> str:
        return "Ha1(…)"


class Accepted(msgspec.Struct, frozen=True):
    """The request is from this user."""

    username: str


class Challenge(msgspec.Struct, frozen=True):
    """Answer 401 with these headers."""

    headers: tuple[tuple[str, str], ...]
    stale: bool = False
    code: int = 401


class Refused(msgspec.Struct, frozen=True):
    """Answer with this code: 403 with Retry-After, or 400 for credentials that make no sense."""

    code: int
    reason: str
    retry_after: int = 0
    """Seconds; 0: say nothing of trying again."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What to add to the refusal (RFC 3261, 20.33)."""
        return (("Retry-After", str(self.retry_after)),) if self.retry_after else ()


Verdict = Accepted | Challenge | Refused


class _Guesses:
    """Wrong tries of one source, or of one user name from it."""

    __slots__ = ("blocked_until", "count", "last")

    def __init__(self) -> None:
        self.count = 0
        self.last = 0.0
        self.blocked_until = 0.0


class Authenticator:
    """Challenges and checks requests for one realm.

    `lookup` gives a user's password, clear or as `Ha1`, or None for a user we don't have (who
    is treated like one with another password, in the same time). `secret` seals the nonces:
    random bytes, new with every start of the daemon. `algorithms` are offered in this order,
    for phones that take the first they understand and those that take the last they see.
    """

    def __init__(
        self,
        realm: str,
        lookup: Callable[[str], str | Ha1 | None],
        secret: bytes,
        *,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        nonce_life: float = NONCE_LIFE_S,
    ) -> None:
        unknown = [name for name in algorithms if name not in digest.ALGORITHMS]
        if unknown or not algorithms:
            known = ", ".join(digest.ALGORITHMS)
            raise ValueError(
                f"no digest algorithm {', '.join(unknown) or 'given'}; there are {known}"
            )
        self.realm = realm
        self.algorithms = tuple(algorithms)
        self._lookup = lookup
        self._secret = secret
        self._nonce_life = nonce_life
        self._issued = 0
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._oldest = float("-inf")
        """Nonces from before this are stale: the count of one of them was dropped."""
        self._guesses: OrderedDict[tuple[str, str], _Guesses] = OrderedDict()

    def challenge(self, now: float, *, stale: bool = False) -> Challenge:
        """Ask for credentials, once an algorithm, with a fresh nonce (RFC 8760, 2.4)."""
        nonce = self._nonce(now)
        headers = []
        for algorithm in self.algorithms:
            values = [("realm", digest.quote(self.realm)), ("nonce", nonce), ("qop", "auth")]
            values.append(("algorithm", algorithm))
            if stale:
                values.append(("stale", "true"))
            header = digest.unparse(values, bare=("algorithm", "stale"))
            headers.append(("WWW-Authenticate", header))
        return Challenge(tuple(headers), stale)

    def check(
        self,
        method: str,
        uri: str,
        authorizations: Sequence[str],
        *,
        source: str,
        now: float,
        body: bytes = b"",
    ) -> Verdict:
        """Judge a request by its Authorization headers' values.

        `uri` is the Request-URI as it came, `source` the IP address it came from. A request
        that carries nothing for our realm is challenged.
        """
        for value in authorizations:
            given = digest.parse(value)
            if given is not None and given.get("realm") == digest.quote(self.realm):
                break
        else:
            return self.challenge(now)
        problem = self._problem(given, uri)
        if problem is not None:
            return Refused(400, problem)
        who, username = _neighbourhood(source), given["username"]
        wait = max(self._wait((who, username), now), self._wait((who, ""), now))
        if wait > 0:
            return Refused(403, "too many wrong passwords", _seconds(wait))
        if not self._proves(method, given, body):
            return self._wrong(who, username, now)
        self._guesses.pop((who, username), None)
        if not self._fresh(given["nonce"], int(given.get("nc", "1"), 16), now):
            return self.challenge(now, stale=True)
        return Accepted(digest.unquote(username))

    @property
    def counts(self) -> dict[str, int]:
        """Rows kept: nonces in use, and sources that guessed wrong."""
        return {"nonces": len(self._counts), "sources": len(self._guesses)}

    # --- passwords

    def _problem(self, given: dict[str, str], uri: str) -> str | None:
        """What is wrong with the form of these credentials, whoever sent them."""
        missing = [n for n in ("username", "nonce", "uri", "response") if not given.get(n)]
        if missing:
            return f"credentials without {', '.join(missing)}"
        if given.get("algorithm", "MD5").upper() not in self.algorithms:
            return "digest algorithm not offered"
        if "qop" in given:
            if given["qop"].lower() not in ("auth", "auth-int"):
                return "qop not offered"
            if not re.fullmatch("[0-9A-Fa-f]{8}", given.get("nc", "")) or not given.get("cnonce"):
                return "qop without nc or cnonce"
        elif "nc" in given:
            return "nc without qop"
        # The same resource, not the same text: phones add and drop parameters (RFC 3261, 22.4).
        if _resource(given["uri"]) != _resource(uri):
            return "digest uri is not the Request-URI"
        return None

    def _proves(self, method: str, given: dict[str, str], body: bytes) -> bool:
        algorithm = given.get("algorithm", "MD5").upper()
        username = given["username"]
        known = self._lookup(digest.unquote(username))
        if isinstance(known, Ha1):
            secret = known.md5 if algorithm == "MD5" else known.sha256
        else:
            # A user we don't have costs the same time as one we have, and never matches.
            secret = digest.ha1(algorithm, username, self.realm, "" if known is None else known)
            secret = secret if known is not None else None
        expected = digest.response(
            algorithm,
            secret or "",
            method=method,
            uri=given["uri"],
            nonce=given["nonce"],
            qop=given.get("qop", "").lower(),
            nc=given.get("nc", ""),
            cnonce=given.get("cnonce", ""),
            body=body,
        )
        same = hmac.compare_digest(expected.encode(), digest.octets(given["response"].lower()))
        return same and secret is not None

    # --- nonces

    def _nonce(self, now: float) -> str:
        self._issued += 1
        stamp = f"{int(now * 1000) & 0xFFFFFFFFFFFF:012x}{self._issued & 0xFFFFFFFF:08x}"
        return stamp + self._seal(stamp)

    def _seal(self, stamp: str) -> str:
        return hmac.new(self._secret, digest.octets(stamp), hashlib.sha256).hexdigest()[:32]

    def _fresh(self, nonce: str, count: int, now: float) -> bool:
        """Whether a nonce is ours, still good, and its count higher than any seen with it."""
        stamp = nonce[:20]
        if not hmac.compare_digest(self._seal(stamp).encode(), digest.octets(nonce[20:])):
            return False
        issued = int(stamp[:12], 16) / 1000
        if now - issued > self._nonce_life or count <= self._counts.get(nonce, 0):
            return False
        if nonce not in self._counts:
            if issued <= self._oldest:
                return False
            self._make_room(now)
        self._counts[nonce] = count
        return True

    def _make_room(self, now: float) -> None:
        while self._counts:
            issued = int(next(iter(self._counts))[:12], 16) / 1000
            if now - issued > self._nonce_life:
                self._counts.popitem(last=False)
            elif len(self._counts) >= MAX_NONCES:
                self._counts.popitem(last=False)
                # Its count is lost, so it must never be taken again, nor any older one.
                self._oldest = max(self._oldest, issued)
            else:
                return

    # --- guessers

    def _wait(self, key: tuple[str, str], now: float) -> float:
        guesses = self._guesses.get(key)
        return 0.0 if guesses is None else guesses.blocked_until - now

    def _wrong(self, who: str, username: str, now: float) -> Verdict:
        self._guess((who, ""), FREE_TRIES_A_SOURCE, now)
        self._guess((who, username), FREE_TRIES, now)
        wait = max(self._wait((who, username), now), self._wait((who, ""), now))
        if wait > 0:
            return Refused(403, "wrong password", _seconds(wait))
        return self.challenge(now)

    def _guess(self, key: tuple[str, str], free: int, now: float) -> None:
        guesses = self._guesses.pop(key, None)
        if guesses is None or now - guesses.last > FORGET_S:
            guesses = _Guesses()
        self._guesses[key] = guesses
        guesses.count += 1
        guesses.last = now
        over = guesses.count - free
        if over >= 0:
            guesses.blocked_until = now + min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(over, 32))
        while len(self._guesses) > MAX_SOURCES:
            self._guesses.popitem(last=False)


def _neighbourhood(source: str) -> str:
    """Who shares a fate: one IPv4 address, or one IPv6 /64, which is one customer's."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return source


def _resource(uri: str) -> tuple[str, str]:
    """User and host of a URI, without scheme, port and parameters."""
    _, _, rest = uri.strip("<> ").partition(":")
    rest = re.split("[;?]", rest, maxsplit=1)[0]
    user, _, host = rest.rpartition("@")
    return user, re.sub(r":\d*$", "", host).lower()


def _seconds(wait: float) -> int:
    return max(1, int(-(-wait // 1)))
