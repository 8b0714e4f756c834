"""Quick readers for the few header values every message is judged by.

sipmessage parses whole headers into frozen values, which costs about 40 µs a message.
Transactions and dialogs need only a branch, two tags and a URI out of them, and what
they echo must stay byte for byte what the peer sent. So these functions slice raw
text by RFC 3261's grammar (25.1) and leave full parsing to sipmessage, on demand.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote as percent

from sipmessage import URI, Address, Parameters

TOKEN_CHARS = r"A-Za-z0-9\-.!%*_+`'~"
TOKEN = re.compile(f"[{TOKEN_CHARS}]+")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# A gen-value is a token, a host (so also [ : ]) or a quoted string. Whitespace is
# collapsed before, hence " ?": a run of blanks cannot make these patterns backtrack.
_PARAMS = rf"(?: ?; ?[{TOKEN_CHARS}]+(?: ?= ?(?:[{TOKEN_CHARS}:\[\]]+|{_QUOTED}))?)*"
_PARAM = re.compile(
    rf" ?; ?(?P<name>[{TOKEN_CHARS}]+)(?: ?= ?(?P<value>[{TOKEN_CHARS}:\[\]]+|{_QUOTED}))?", re.S
)
_VIA = re.compile(
    rf"SIP ?/ ?\d+\.\d+ ?/ ?(?P<transport>[{TOKEN_CHARS}]+) "
    r"(?P<host>[A-Za-z0-9.\-_]+|\[[0-9A-Fa-f:.]+\])(?: ?: ?(?P<port>[0-9]{1,5}))?"
    rf"(?P<params>{_PARAMS}) ?(?P<rest>,|$)",
    re.S | re.I,
)
_BRANCH = re.compile(rf"; ?branch ?= ?([{TOKEN_CHARS}:\[\]]+)", re.I)
_URI = r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"]+"
# Display names must be tokens or quoted; unquoted UTF-8 is let through, because phones
# do send Chinese names that way and nothing is ambiguous about it.
_WORD = rf"[{TOKEN_CHARS}\x80-\U0010ffff]+"
_NAME_ADDR = re.compile(
    rf"(?P<display>{_QUOTED}|(?:{_WORD}(?: {_WORD})*)?) ?"
    rf"<(?P<uri>{_URI})>(?P<params>{_PARAMS}) ?$",
    re.S,
)
# Without <> every ; belongs to the header and ? or , may not occur (RFC 3261, 20.10).
_ADDR_SPEC = re.compile(
    rf"(?P<uri>[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\";?,]+)(?P<params>{_PARAMS}) ?$", re.S
)
_REQUEST_URI = re.compile(f"{_URI}$")
_USER_SAFE = "-_.!~*'()&=+$,;?/"
_PLAIN_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/]*")
_BLANKS = re.compile(r"[ \t\r\n]+")
_LISTED = re.compile(rf"{_QUOTED}|<[^>]*>|,", re.S)


class GrammarError(ValueError):
    """A header value that does not follow RFC 3261's grammar; says which and why."""


class TopVia(NamedTuple):
    """The topmost Via: who sent this, and how to answer."""

    transport: str
    host: str
    port: int | None
    branch: str
    """Empty where there is none (RFC 2543 peers)."""
    params_text: str
    end: int
    """Length of the topmost value in `text` (a list may follow)."""
    text: str
    """The whole header line's value, blanks collapsed."""

    @property
    def params(self) -> dict[str, str | None]:
        """The parameters."""
        return params(self.params_text)

    @property
    def sent_by(self) -> str:
        """Host and port as written, for matching (RFC 3261, 17.2.3)."""
        return f"{self.host}:{self.port}" if self.port is not None else self.host


class NameAddr(NamedTuple):
    """A From, To, Contact, Route... value, taken apart but not decoded."""

    display: str
    uri: str
    params: str
    tag: str = ""
    """The tag parameter, empty where there is none."""


def collapse(value: str) -> str:
    """Linear white space as a single blank (RFC 3261, 7.3.1), quick where there is none."""
    if "  " in value or "\t" in value:
        value = _BLANKS.sub(" ", value)
    return value.strip()


def params(text: str) -> dict[str, str | None]:
    """`;a=b;c` as a mapping with lower-case names; quotes removed; the first of a name wins."""
    found: dict[str, str | None] = {}
    for match in _PARAM.finditer(text):
        value = match["value"]
        if value is not None and value.startswith('"'):
            value = unquote(value)
        found.setdefault(match["name"].lower(), value)
    return found


def unquote(value: str) -> str:
    """The content of a quoted-string, escapes undone; anything else unchanged."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.S)
    return value


def quote(value: str) -> str:
    """`value` as a quoted-string."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def escape_user(user: str) -> str:
    """A user name, as decoded from some URI, as it is written into one (RFC 3261, 19.1.2)."""
    return user if _PLAIN_USER.fullmatch(user) else percent(user, safe=_USER_SAFE)


def split_list(value: str) -> list[str]:
    """A comma-separated header value as its elements; commas in quotes or <> do not count."""
    if "," not in value:
        value = value.strip()
        return [value] if value else []
    parts: list[str] = []
    start = 0
    for match in _LISTED.finditer(value):
        if match[0] == ",":
            parts.append(value[start : match.start()].strip())
            start = match.end()
    parts.append(value[start:].strip())
    return [part for part in parts if part]


def tokens(values: list[str]) -> frozenset[str]:
    """All tokens of a header that is a list of tokens (Require, Supported, Allow)."""
    if len(values) == 1:
        return _tokens(values[0])
    return frozenset().union(*map(_tokens, values))


@lru_cache(maxsize=1024)  # every message of one make of phone has the same
def _tokens(value: str) -> frozenset[str]:
    return frozenset(split_list(value))


def parse_via(value: str) -> TopVia:
    """The topmost Via of a header line. Raises `GrammarError`."""
    text = collapse(value)
    match = _VIA.match(text)
    if match is None:
        raise GrammarError("Via is not valid")
    port = match["port"]
    number = int(port) if port else None
    if number is not None and not 0 < number < 65536:
        raise GrammarError("Via has a port out of range")
    rest = match["params"]
    plain = _BRANCH.search(rest) if '"' not in rest else None
    return TopVia(
        match["transport"].lower(),
        match["host"],
        number,
        plain[1] if plain is not None else params(rest).get("branch") or "",
        rest,
        match.end("params"),
        text,
    )


@lru_cache(maxsize=4096)  # one dialog shows the same From and To in every message
def parse_name_addr(value: str) -> NameAddr:
    """A name-addr or addr-spec with its parameters. Raises `GrammarError`."""
    text = collapse(value)
    match = _NAME_ADDR.match(text) if "<" in text else _ADDR_SPEC.match(text)
    if match is None:
        raise GrammarError("address is not valid")
    groups = match.groupdict()
    rest = match["params"]
    return NameAddr(
        unquote((groups.get("display") or "").strip()),
        match["uri"],
        rest,
        params(rest).get("tag") or "" if rest else "",
    )


def check_request_uri(text: str) -> None:
    """Raise `GrammarError` unless `text` is an absolute URI that may stand in a Request-Line.

    No blanks, no brackets around it, and no headers in a SIP URI (RFC 3261, 19.1.1). A `?`
    in the user part is an ordinary character.
    """
    if _REQUEST_URI.match(text) is None:
        raise GrammarError("Request-URI is not valid")
    if "?" in text and text[:4].lower() in ("sip:", "sips") and "?" in text.rpartition("@")[2]:
        raise GrammarError("Request-URI carries headers")


@lru_cache(maxsize=4096)
def parse_uri(text: str) -> URI:
    """`text` as sipmessage's URI; what that cannot express comes back opaque, never raises.

    Headers after `?` are dropped: nothing here acts on them. An unknown scheme has
    everything after the colon in `host`.
    """
    bare = text.split("?", 1)[0] if "?" in text else text
    for candidate in (text, bare):
        try:
            return URI.parse(candidate)
        except ValueError:
            continue
    scheme, _, rest = text.partition(":")
    return URI(scheme=scheme.lower(), host=rest)


@lru_cache(maxsize=2048)
def parse_address(value: str) -> Address:
    """A name-addr as sipmessage's Address. Raises `GrammarError`."""
    name = parse_name_addr(value)
    return Address(
        uri=parse_uri(name.uri),
        name=name.display,
        parameters=Parameters(**params(name.params)),
    )
