"""Digest authentication, the side that proves who it is: answering a peer's challenge.

The side that asks is `ccd.sip.authenticator`.
"""

from __future__ import annotations

import random
from collections.abc import MutableMapping, Sequence

import msgspec

from ccd.sip import digest

MAX_CLIENT_NONCES = 32
"""Nonces whose count a client keeps: a server has one or two in use at a time."""


class Credentials(msgspec.Struct, frozen=True):
    """A user name and its password; the password does not show in `repr`."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, password=…)"


def authorize(
    challenges: Sequence[tuple[str, str]],
    credentials: Credentials,
    method: str,
    uri: str,
    body: bytes,
    nonce_counts: MutableMapping[str, int],
    rng: random.Random,
) -> tuple[str, str] | None:
    """Answer a 401 or 407: the header, name and value, to add to the request sent again.

    `challenges` are headers of the response, others among them are passed over; the strongest
    algorithm we know is chosen. `nonce_counts` is the client's memory of nonces (RFC 7616,
    3.3, nc), which this updates and bounds. None when there is no challenge we can answer.
    """
    strongest: tuple[int, str, dict[str, str]] | None = None
    for name, parameters in _challenges(challenges):
        algorithm = parameters.get("algorithm", "MD5").upper()
        qops = _tokens(parameters.get("qop", ""))
        if algorithm not in digest.ALGORITHMS or not parameters.get("nonce"):
            continue
        if "realm" not in parameters or (qops and not {"auth", "auth-int"} & set(qops)):
            continue
        strength = list(digest.ALGORITHMS).index(algorithm)
        if strongest is None or strength > strongest[0]:
            strongest = (strength, name, parameters)
    if strongest is None:
        return None
    _, name, parameters = strongest
    algorithm = parameters.get("algorithm", "MD5").upper()
    nonce, realm = parameters["nonce"], parameters["realm"]
    username = digest.quote(credentials.username)
    values = [("username", username), ("realm", realm), ("nonce", nonce), ("uri", uri)]
    qops = _tokens(parameters.get("qop", ""))
    qop = nc = cnonce = ""
    if qops:
        qop = "auth" if "auth" in qops else "auth-int"
        nc = f"{_count(nonce_counts, nonce):08x}"
        cnonce = f"{rng.getrandbits(64):016x}"
        values += [("qop", qop), ("nc", nc), ("cnonce", cnonce)]
    secret = digest.ha1(algorithm, username, realm, credentials.password)
    answer = digest.response(
        algorithm,
        secret,
        method=method,
        uri=uri,
        nonce=nonce,
        qop=qop,
        nc=nc,
        cnonce=cnonce,
        body=body,
    )
    values += [("response", answer)]
    if "algorithm" in parameters:
        values += [("algorithm", algorithm)]
    if "opaque" in parameters:
        values += [("opaque", parameters["opaque"])]
    header = "Authorization" if name == "www-authenticate" else "Proxy-Authorization"
    return header, digest.unparse(values, bare=("qop", "nc", "algorithm"))


def is_stale(challenges: Sequence[tuple[str, str]]) -> bool:
    """The password was right and only the nonce too old: worth another try (RFC 7616, 3.3)."""
    return any(
        parameters.get("stale", "").lower() == "true" for _, parameters in _challenges(challenges)
    )


def _challenges(headers: Sequence[tuple[str, str]]) -> list[tuple[str, dict[str, str]]]:
    found = []
    for name, value in headers:
        lower = name.lower()
        if lower in ("www-authenticate", "proxy-authenticate"):
            parameters = digest.parse(value)
            if parameters is not None:
                found.append((lower, parameters))
    return found


def _tokens(text: str) -> list[str]:
    return [token for token in (part.strip().lower() for part in text.split(",")) if token]


def _count(nonce_counts: MutableMapping[str, int], nonce: str) -> int:
    count = nonce_counts.pop(nonce, 0) + 1
    nonce_counts[nonce] = count
    while len(nonce_counts) > MAX_CLIENT_NONCES:
        del nonce_counts[next(iter(nonce_counts))]
    return count
