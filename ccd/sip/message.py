"""SIP messages as they arrive: read with limits, judged early, kept byte for byte.

`parse` checks what the transaction layer needs (start line, Via, CSeq, Call-ID, From,
To, Content-Length) and leaves every other header as text until somebody asks. The
classes are sipmessage's, with its typed accessors, over a header store that is one
dictionary look-up instead of a scan.

A message that cannot be used raises `MalformedMessage`, which carries as much of the
request as is needed to answer it.
"""

from __future__ import annotations

import re
from typing import Any

import sipmessage
from sipmessage import URI, Address
from sipmessage.message import COMPACT_FORMS

from ccd.sip.grammar import (
    TOKEN,
    GrammarError,
    TopVia,
    check_request_uri,
    parse_address,
    parse_name_addr,
    parse_uri,
    parse_via,
    split_list,
)

MAX_MESSAGE = 65_536
"""A UDP datagram cannot be larger; a peer on TCP has no business sending more."""
MAX_HEADERS = 200
"""Header lines. A request through ten proxies has about 60; each costs memory and time."""
MAX_LINE = 8_192
"""Characters of one unfolded header line; RFC 4475's longest test is below 1,000."""
MAX_CSEQ = 2**31 - 1
"""RFC 3261, 8.1.1.5."""

_HEADERS = (
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events",
    "Authentication-Info", "Authorization", "Call-ID", "Call-Info", "Contact",
    "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length",
    "Content-Type", "CSeq", "Date", "Diversion", "Error-Info", "Event", "Expires", "From",
    "History-Info", "In-Reply-To", "Info-Package", "Max-Forwards", "MIME-Version", "Min-Expires",
    "Min-SE", "Organization", "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority",
    "Privacy", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason",
    "Record-Route", "Recv-Info", "Refer-To", "Referred-By", "Remote-Party-ID", "Replaces",
    "Reply-To", "Require", "Retry-After", "Route", "RSeq", "Server", "Service-Route",
    "Session-Expires", "Session-ID", "Subject", "Subscription-State", "Supported", "Timestamp",
    "To", "Unsupported", "User-Agent", "Via", "Warning", "WWW-Authenticate",
)  # fmt: skip
_DISPLAY = {name.lower(): name for name in _HEADERS}
# Every spelling seen in practice leads to its key in one look-up.
_KEYS: dict[str, str] = {}
for _name in _HEADERS:
    _KEYS |= {_name: _name.lower(), _name.lower(): _name.lower(), _name.upper(): _name.lower()}
for _short, _name in COMPACT_FORMS.items():
    _KEYS |= {_short: _name.lower(), _short.upper(): _name.lower()}

_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")


class MalformedMessage(ValueError):  # noqa: N818 - named as RFC 4475 speaks of them
    """A stranger's packet that is not SIP as we can use it.

    `reason` says what is wrong, `code` what to answer, and `request` is what could be
    salvaged for the answer: None where there is nobody to answer (a response, an ACK,
    or a header section too broken to copy from).
    """

    def __init__(self, reason: str, *, code: int = 400, request: Request | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.request = request


class Headers(sipmessage.Headers):
    """Header values by name, case-insensitive and compact forms included."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, list[str]] | None = None) -> None:
        self._fields: dict[str, list[str]] = {} if fields is None else fields

    def add(self, key: str, value: str) -> None:
        """Add one more value."""
        self._fields.setdefault(header_key(key), []).append(value)

    def get(self, key: str, default: Any = None) -> Any:
        """The first value of that name, else `default`."""
        values = self._fields.get(_KEYS.get(key) or header_key(key))
        return values[0] if values else default

    def getlist(self, key: str) -> list[str]:
        """Every value of that name, one for each header line."""
        return self._fields.get(_KEYS.get(key) or header_key(key), [])

    def elements(self, key: str) -> list[str]:
        """Every value of that name, with comma-separated lists taken apart."""
        values = self._fields.get(_KEYS.get(key) or header_key(key))
        if not values:
            return []
        if len(values) == 1 and "," not in values[0]:
            return values if values[0] else []
        return [part for value in values for part in split_list(value)]

    def keys(self) -> list[str]:
        """The names present, in their usual spelling."""
        return [_DISPLAY.get(key, key.title()) for key in self._fields]

    def remove(self, key: str) -> None:
        """Drop every value of that name."""
        self._fields.pop(header_key(key), None)

    def set(self, key: str, value: str) -> None:
        """Have exactly this value of that name."""
        self._fields[header_key(key)] = [value]

    def setlist(self, key: str, values: list[str]) -> None:
        """Have exactly these values of that name."""
        self._fields[header_key(key)] = values

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and header_key(key) in self._fields

    def __getitem__(self, key: str) -> str:
        values = self._fields.get(header_key(key))
        if not values:
            raise KeyError(key)
        return values[0]

    def __str__(self) -> str:
        lines = [
            f"{_DISPLAY.get(key, key.title())}: {value}\r\n"
            for key, values in self._fields.items()
            for value in values
        ]
        return "".join(lines) + "\r\n"


def header_key(name: str) -> str:
    """The key a header is stored under: long form, lower case."""
    key = _KEYS.get(name)
    if key is None:
        key = name.lower()
        key = _KEYS.get(key, key)
    return key


class Request(sipmessage.Request):
    """A request as received.

    `uri_text` and every header are the peer's own text; `uri`, `from_address` and
    `to_address` are parsed when read and never raise on a message that `parse` let
    through. Other typed accessors are sipmessage's and may raise `ValueError`.
    """

    uri_text: str
    top_via: TopVia
    cseq_number: int
    from_tag: str
    to_tag: str

    def __init__(self, method: str, uri_text: str, headers: Headers, body: bytes = b"") -> None:
        self.method = method
        self.uri_text = uri_text
        self.headers: Headers = headers
        self.body = body

    @property
    def uri(self) -> URI:  # type: ignore[override]
        """The Request-URI; opaque where the scheme is unknown."""
        return parse_uri(self.uri_text)

    @property  # type: ignore[misc]
    def from_address(self) -> Address:
        """The From header (RFC 3261, 20.20)."""
        return parse_address(self.headers["From"])

    @property  # type: ignore[misc]
    def to_address(self) -> Address:
        """The To header (RFC 3261, 20.39)."""
        return parse_address(self.headers["To"])


class Response(sipmessage.Response):
    """A response as received; see `Request`."""

    top_via: TopVia
    cseq_number: int
    cseq_method: str
    from_tag: str
    to_tag: str

    def __init__(self, code: int, phrase: str, headers: Headers, body: bytes = b"") -> None:
        self.code = code
        self.phrase = phrase
        self.headers: Headers = headers
        self.body = body

    @property  # type: ignore[misc]
    def from_address(self) -> Address:
        """The From header (RFC 3261, 20.20)."""
        return parse_address(self.headers["From"])

    @property  # type: ignore[misc]
    def to_address(self) -> Address:
        """The To header (RFC 3261, 20.39)."""
        return parse_address(self.headers["To"])


def parse(data: bytes) -> Request | Response:
    """Read one complete message (a datagram, or what a stream's framing cut out).

    Octets beyond Content-Length are dropped (RFC 3261, 18.3); a body shorter than it
    is an error. Raises `MalformedMessage` and nothing else.
    """
    if len(data) > MAX_MESSAGE:
        raise MalformedMessage(f"larger than {MAX_MESSAGE} octets", code=513)
    if data[:1] in (b"\r", b"\n"):
        data = data.lstrip(b"\r\n")  # RFC 3261, 7.5
    end = data.find(b"\r\n\r\n")
    text = (data if end < 0 else data[:end]).decode("utf-8", "surrogateescape")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        # A lone CR or LF is how one message is made to look like two.
        raise MalformedMessage("a CR or LF outside a line end")
    if breaks > MAX_HEADERS:
        raise MalformedMessage(f"more than {MAX_HEADERS} headers")

    fields: dict[str, list[str]] = {}
    broken = "" if end >= 0 else "the header section does not end"
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = _KEYS.get(name) if colon else None
        if key is None:
            name = name.rstrip(" \t")
            key = header_key(name)
            if not colon or TOKEN.fullmatch(name) is None:
                broken = broken or "a header line without a name"
                continue
        if len(line) > MAX_LINE:
            broken = broken or f"a header line longer than {MAX_LINE} characters"
            continue
        values = fields.get(key)
        if values is None:
            fields[key] = [value.strip()]
        else:
            values.append(value.strip())
    headers = Headers(fields)
    body = b"" if end < 0 else data[end + 4 :]

    start = lines[0]
    if start.startswith("SIP/"):
        return _response(start, headers, body, broken)
    return _request(start, headers, body, broken)


def _response(start: str, headers: Headers, body: bytes, broken: str) -> Response:
    version, _, rest = start.partition(" ")
    code, _, phrase = rest.partition(" ")
    if version != "SIP/2.0":
        raise MalformedMessage("unknown protocol version")
    if len(code) != 3 or not (code.isascii() and code.isdigit()) or not "100" <= code < "700":
        raise MalformedMessage("status code is not valid")
    message = Response(int(code), phrase, headers, body)
    try:
        if broken:
            raise GrammarError(broken)
        message.cseq_number, message.cseq_method = _read_common(message)
    except GrammarError as error:
        raise MalformedMessage(str(error)) from None
    return message


def _request(start: str, headers: Headers, body: bytes, broken: str) -> Request:
    parts = start.split(" ")
    method = parts[0]
    if TOKEN.fullmatch(method) is None or len(parts) < 3:
        raise MalformedMessage("neither a request nor a response")
    message = Request(method, " ".join(parts[1:-1]), headers, body)
    code = 400
    try:
        version = parts[-1].upper()
        if version != "SIP/2.0":
            if version.startswith("SIP/"):
                code = 505
                raise GrammarError("unknown protocol version")
            raise GrammarError("the start line does not end with a protocol version")
        check_request_uri(message.uri_text)
        if broken:
            raise GrammarError(broken)
        message.cseq_number, cseq_method = _read_common(message)
        if cseq_method != method:
            raise GrammarError("CSeq names another method")
        hops = headers.get("max-forwards")
        if hops is not None and not (
            len(hops) <= 10 and hops.isascii() and hops.isdigit() and int(hops) <= 255
        ):
            raise GrammarError("Max-Forwards is not valid")
    except GrammarError as error:
        salvaged = None if method == "ACK" else _salvage(message)
        raise MalformedMessage(str(error), code=code, request=salvaged) from None
    return message


def _read_common(message: Request | Response) -> tuple[int, str]:
    """Fill in what both kinds have; the CSeq's two parts. Raises `GrammarError`."""
    fields = message.headers._fields
    for key in _SINGLE:
        values = fields.get(key)
        if values is None:
            continue
        if len(values) > 1:
            raise GrammarError(f"{_DISPLAY[key]} occurs more than once")
    try:
        message.top_via = parse_via(fields["via"][0])
        message.from_tag = parse_name_addr(fields["from"][0]).tag
        message.to_tag = parse_name_addr(fields["to"][0]).tag
        cseq = fields["cseq"][0]
        call_id = fields["call-id"][0]
    except KeyError as missing:
        raise GrammarError(f"{_DISPLAY[missing.args[0]]} is missing") from None
    if not call_id or " " in call_id:
        raise GrammarError("Call-ID is not valid")
    number, _, method = cseq.partition(" ")
    method = method.strip(" \t")
    if "\t" in number:
        number, _, method = cseq.partition("\t")
        method = method.strip(" \t")
    if not (number.isascii() and number.isdigit()) or TOKEN.fullmatch(method) is None:
        raise GrammarError("CSeq is not valid")
    if len(number) > 10 or int(number) > MAX_CSEQ:
        raise GrammarError("CSeq is out of range")
    length = fields.get("content-length")
    if length is not None:
        text = length[0]
        if not (text.isascii() and text.isdigit()):
            raise GrammarError("Content-Length is not valid")
        size = int(text) if len(text) <= 10 else MAX_MESSAGE + 1
        if size > len(message.body):
            raise GrammarError("the body is shorter than Content-Length")
        if size < len(message.body):
            message.body = message.body[:size]
    return int(number), method


def _salvage(message: Request) -> Request | None:
    """`message` if an answer to it can be composed and addressed, else None."""
    fields = message.headers._fields
    if any(not fields.get(key) for key in ("via", "from", "to", "call-id", "cseq")):
        return None
    try:
        message.top_via = parse_via(fields["via"][0])
    except GrammarError:
        return None
    try:
        message.to_tag = parse_name_addr(fields["to"][0]).tag
    except GrammarError:
        message.to_tag = ""
    message.from_tag = ""
    message.cseq_number = 0
    return message
