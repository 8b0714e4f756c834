"""`[sip]`: addresses to listen at, names, timers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ccd.config import Settings
from ccd.settings import addresses
from ccd.settings.places import Path as Key
from ccd.settings.problems import Problem
from ccd.settings.rules.common import choices, file, positive

DIGEST_ALGORITHMS = ("SHA-256", "MD5")

T1_MS = range(50, 2001)
"""Below, a busy loop would be taken for a lost packet; above, a caller hears nothing for two seconds."""


def listen(settings: Settings) -> Iterator[Problem]:
    """Addresses that can be listened at, side by side."""
    sip = settings.sip
    if not sip.listen:
        mend = 'for example listen = ["udp:0.0.0.0:5060"]'
        yield Problem(("sip", "listen"), "is empty, so no call could come in", mend)
    seen: list[addresses.Listen] = []
    for index, text in enumerate(sip.listen):
        key = ("sip", "listen", index)
        try:
            one = addresses.parse_listen(text)
        except ValueError as error:
            mend = 'write it like "udp:0.0.0.0:5060" or "tcp:[::]:5060"'
            yield Problem(key, f'"{text}" {error}', mend)
            continue
        yield from _overlapping_listen(key, one, seen)
        seen.append(one)
        if one.protocol == "tls" and not (sip.certificate and sip.private_key):
            mend = "set sip.certificate and sip.private_key to PEM files"
            yield Problem(key, "TLS needs a certificate and its key", mend)


def _overlapping_listen(
    key: Key, one: addresses.Listen, seen: Sequence[addresses.Listen]
) -> Iterator[Problem]:
    stream = one.protocol != "udp"
    for other in seen:
        same_kind = stream == (other.protocol != "udp")
        same_port = one.port != 0 and one.port == other.port
        if same_kind and same_port and addresses.overlap(one.host, other.host):
            mend = "give each a port of its own"
            yield Problem(key, f"is the same port as {':'.join(map(str, other))}", mend)
            return


def digest_algorithms(settings: Settings) -> Iterator[Problem]:
    """Algorithms that we have."""
    algorithms = settings.sip.digest_algorithms
    if not algorithms:
        key = ("sip", "digest_algorithms")
        yield Problem(key, "is empty, so no phone could register", f"of {DIGEST_ALGORITHMS}")
    for index, algorithm in enumerate(algorithms):
        if algorithm not in DIGEST_ALGORITHMS:
            mend = choices(algorithm.upper(), DIGEST_ALGORITHMS)
            yield Problem(
                ("sip", "digest_algorithms", index), f'"{algorithm}" is no algorithm of ours', mend
            )


def values(settings: Settings) -> Iterator[Problem]:
    """Names, timers, rates and files."""
    sip = settings.sip
    if sip.advertise and not addresses.is_host(sip.advertise):
        mend = "only the address, without a port; empty to have it found"
        yield Problem(("sip", "advertise"), f'"{sip.advertise}" is no address', mend)
    if not addresses.is_host(sip.domain):
        mend = 'a name such as "calls.example.com"'
        yield Problem(("sip", "domain"), f'"{sip.domain}" is no domain name', mend)
    if sip.session_expires_s < 90:
        # RFC 4028, 4: the smallest Min-SE, and so the smallest interval that may be asked for.
        yield Problem(
            ("sip", "session_expires_s"), f"{sip.session_expires_s} is too short", "90 at least"
        )
    if sip.t1_ms not in T1_MS:
        mend = f"{T1_MS[0]} to {T1_MS[-1]}; RFC 3261 has 500"
        yield Problem(("sip", "t1_ms"), f"{sip.t1_ms} is out of range", mend)
    yield from positive(("sip", "max_new_calls_per_s"), sip.max_new_calls_per_s)
    for name in ("certificate", "private_key"):
        yield from file(("sip", name), getattr(sip, name))
