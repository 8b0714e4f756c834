"""Messages as we send them: composed as text in one go, checked before they leave.

Every line passes one check: the finished header section has exactly as many CRs and
LFs as it has line ends, so no value, wherever it came from, can smuggle in a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ccd.sip.hop import Hop, bracketed, default_port
from ccd.sip.message import Request

Headers = Sequence[tuple[str, str]]

PHRASES = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued",
    183: "Session Progress", 200: "OK", 202: "Accepted", 300: "Multiple Choices",
    301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
    503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported",
    513: "Message Too Large", 600: "Busy Everywhere", 603: "Decline",
    604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip
"""Reason phrases (RFC 3261, 21, and the RFCs that added codes)."""

_RPORT = re.compile(r" ?; ?(?:rport|received)(?: ?= ?[^;,]*)?(?=[;, ]|$)", re.I)


def check_headers(headers: Iterable[tuple[str, str]], *values: str | None) -> None:
    """Raise ValueError where one of these carries a CR or LF.

    For verbs that change a state before they compose: a caller's mistake is to be found
    before anything has happened.
    """
    texts = [text for header in headers for text in header]
    for text in (*texts, *(value for value in values if value is not None)):
        if "\r" in text or "\n" in text:
            raise ValueError(f"a CR or LF in {text[:40]!r}")


def assemble(lines: list[str], body: bytes, content_type: str | None) -> bytes:
    """The message of these header lines and this body.

    `lines` starts with the start line and is extended in place. Raises ValueError where
    a value carries a CR or LF: that is a bug or an attack, never a message.
    """
    if body:
        lines.append(f"Content-Type: {content_type or 'application/sdp'}")
        lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    else:
        lines.append("Content-Length: 0\r\n\r\n")
    text = "\r\n".join(lines)
    breaks = len(lines) + 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        raise ValueError(f"a header of {lines[0]!r} carries a CR or LF")
    return text.encode("utf-8", "surrogateescape") + body


class OutgoingRequest:
    """A request of ours, kept so that it can be cancelled, acknowledged or sent again.

    `from_` and `to` are whole header values including tags. `via` is our Via without a
    branch; the transaction that carries the request chooses one. `headers` are further
    lines, ours or the caller's; Max-Forwards is 70 unless one of them says otherwise.
    """

    __slots__ = (
        "body", "call_id", "content_type", "cseq", "from_", "headers", "hop", "method", "routes",
        "to", "uri", "via",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        uri: str,
        hop: Hop,
        *,
        via: str,
        from_: str,
        to: str,
        call_id: str,
        cseq: int,
        routes: tuple[str, ...] = (),
        headers: Headers = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> None:
        self.method = method
        self.uri = uri
        self.hop = hop
        self.via = via
        self.from_ = from_
        self.to = to
        self.call_id = call_id
        self.cseq = cseq
        self.routes = routes
        self.headers = headers
        self.body = body
        self.content_type = content_type

    def lines(self, method: str, branch: str, to: str) -> list[str]:
        """The lines that this request shares with its ACK and its CANCEL."""
        lines = [
            f"{method} {self.uri} SIP/2.0",
            f"Via: {self.via}{branch}",
            f"From: {self.from_}",
            f"To: {to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
        ]
        lines.extend([f"Route: {route}" for route in self.routes])
        return lines

    def serialise(self, branch: str) -> bytes:
        """The request as octets, under this branch."""
        lines = self.lines(self.method, branch, self.to)
        forwards = True
        for name, value in self.headers:
            if forwards and name.lower() == "max-forwards":
                forwards = False
            lines.append(f"{name}: {value}")
        if forwards:
            lines.append("Max-Forwards: 70")
        return assemble(lines, self.body, self.content_type)

    def acknowledge(self, branch: str, to: str) -> bytes:
        """The ACK to a refusal: same branch, the refusal's To (RFC 3261, 17.1.1.3)."""
        lines = self.lines("ACK", branch, to)
        lines.append("Max-Forwards: 70")
        return assemble(lines, b"", None)

    def cancel(self, branch: str, reason: str | None) -> bytes:
        """The CANCEL of this request (RFC 3261, 9.1), with a Reason (RFC 3326)."""
        lines = self.lines("CANCEL", branch, self.to)
        lines.append("Max-Forwards: 70")
        if reason:
            lines.append(f"Reason: {reason}")
        return assemble(lines, b"", None)

    def replace(self, *, cseq: int, headers: Headers) -> OutgoingRequest:
        """The same request anew, with another CSeq and other further headers."""
        return OutgoingRequest(
            self.method, self.uri, self.hop, via=self.via, from_=self.from_, to=self.to,
            call_id=self.call_id, cseq=cseq, routes=self.routes, headers=headers,
            body=self.body, content_type=self.content_type,
        )  # fmt: skip


class ReplyHead:
    """What every response to one request has in common, composed once.

    `hop` is where responses go: for a connection back over it; for UDP to the source
    address, and to its port where the peer asked for that (RFC 3581) or else to the
    port of its Via (RFC 3261, 18.2.2). A `maddr` is not honoured: it would let a
    stranger aim our responses at somebody else.
    """

    __slots__ = ("common", "hop", "record_routes", "to")

    def __init__(self, request: Request, source: Hop) -> None:
        fields = request.headers
        top = request.top_via
        vias = fields.getlist("Via")
        head, rest = top.text[: top.end], top.text[top.end :]
        asked = "rport" in top.params
        if asked or top.host != bracketed(source.host):
            head = _RPORT.sub("", head) + f";received={source.host}"
            if asked:
                head += f";rport={source.port}"
        self.common = [f"Via: {head}{rest}"]
        for via in vias[1:]:
            self.common.append(f"Via: {via}")
        self.common.append(f"From: {fields.get('From')}")
        self.common.append(f"Call-ID: {fields.get('Call-ID')}")
        self.common.append(f"CSeq: {fields.get('CSeq')}")
        self.to: str = fields.get("To")
        self.record_routes = [f"Record-Route: {v}" for v in fields.getlist("Record-Route")]
        if source.reliable or asked:
            self.hop = source
        else:
            self.hop = Hop(source.protocol, source.host, top.port or default_port(source.protocol))

    def lines(self, code: int, phrase: str | None, to_tag: str) -> list[str]:
        """The first lines of a response; `to_tag` is left out where To has one already."""
        if phrase is None:
            phrase = PHRASES.get(code, "")
        to = f"{self.to};tag={to_tag}" if to_tag else self.to
        return [f"SIP/2.0 {code} {phrase}", *self.common, f"To: {to}"]


def reply(
    head: ReplyHead,
    code: int,
    *,
    to_tag: str = "",
    phrase: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
    record_routes: bool = False,
) -> bytes:
    """A response as octets (RFC 3261, 8.2.6); `record_routes` where it makes a dialog."""
    lines = head.lines(code, phrase, to_tag)
    if record_routes:
        lines += head.record_routes
    for name, value in headers:
        lines.append(f"{name}: {value}")
    return assemble(lines, body, content_type)
