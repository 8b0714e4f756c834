"""Digest access authentication (RFC 7616, as SIP uses it by RFC 3261, 22.4 and RFC 8760).

The header's grammar and the arithmetic, which both sides share; `ccd.sip.auth` has the two
sides. Values are kept as they stand between their quotes: what is hashed is what was sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

MAX_HEADER = 4096
"""Characters of a challenge or of credentials that are read; longer ones are nobody's."""

ALGORITHMS: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
"""Hash of bytes, in hex, by its name in RFC 7616, weakest first."""

_PARAMETER = re.compile(
    r"""\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*)"|([^\s,"]+))\s*(,|$)"""
)


def parse(value: str) -> dict[str, str] | None:
    """Read the value of an authentication header; None unless it is well-formed Digest.

    Names are in lower case. Of a parameter given twice the first counts.
    """
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest" or len(value) > MAX_HEADER:
        return None
    parameters: dict[str, str] = {}
    position = 0
    while position < len(rest):
        found = _PARAMETER.match(rest, position)
        if found is None:
            return None
        name, quoted, token, _ = found.groups()
        parameters.setdefault(name.lower(), token if quoted is None else quoted)
        position = found.end()
    return parameters


def unparse(parameters: Sequence[tuple[str, str]], *, bare: Sequence[str]) -> str:
    """Write a Digest header's value; all values are quoted but those of the names in `bare`."""
    return "Digest " + ", ".join(
        f"{name}={value}" if name in bare else f'{name}="{value}"' for name, value in parameters
    )


def quote(text: str) -> str:
    """Make `text` fit to stand between quotes; raises ValueError for control characters."""
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError("control character in a user name")
    return text.replace("\\", "\\\\").replace('"', '\\"')


def unquote(text: str) -> str:
    """What stood between quotes, without its escapes."""
    return re.sub(r"\\(.)", r"\1", text)


def octets(text: str) -> bytes:
    """The bytes of a message's text; what was not UTF-8 in it comes back as it was."""
    return text.encode("utf-8", "surrogateescape")


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """H(A1) (RFC 7616, 3.4.2), all that a server needs to keep of a password."""
    return ALGORITHMS[algorithm](octets(f"{username}:{realm}:{password}"))


def response(
    algorithm: str,
    secret: str,
    *,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The `response` parameter (RFC 7616, 3.4.1), for `secret` = H(A1).

    Without `qop` it is that of RFC 2069, which old phones still speak.
    """
    hashed = ALGORITHMS[algorithm]
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 += f":{hashed(body)}"
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return hashed(octets(f"{secret}:{middle}:{hashed(octets(a2))}"))
