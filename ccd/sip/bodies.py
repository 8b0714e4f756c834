"""Which part of a message body is the session description."""

from __future__ import annotations

from ccd.sip.grammar import params
from ccd.sip.message import Request, Response

SDP = "application/sdp"
_MAX_PARTS = 16
"""Parts of a multipart body looked at: a call with a picture and a pidf has three."""


class UnsupportedBody(ValueError):  # noqa: N818 - as in 415 Unsupported Media Type
    """The body is of a kind we cannot use: answer 415 with Accept."""


def session_description(message: Request | Response) -> bytes | None:
    """The SDP a message carries, None where it carries no body.

    A description within multipart/mixed or multipart/alternative is found (RFC 5621).
    Raises `UnsupportedBody` for any other body, and for an encoded one.
    """
    if not message.body:
        return None
    declared: str = message.headers.get("Content-Type") or ""
    encoding = message.headers.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedBody(f"body encoded with {encoding}")
    kind, semicolon, rest = declared.partition(";")
    kind = kind.strip().lower()
    if kind == SDP:
        return message.body
    if kind.startswith("multipart/"):
        boundary = params(semicolon + rest).get("boundary")
        part = _part(message.body, boundary) if boundary else None
        if part is not None:
            return part
    raise UnsupportedBody(f"body of type {kind or 'unknown'}")


def _part(body: bytes, boundary: str) -> bytes | None:
    delimiter = b"--" + boundary.encode("utf-8", "surrogateescape")
    for section in (b"\r\n" + body).split(b"\r\n" + delimiter)[1 : _MAX_PARTS + 1]:
        head, blank, content = section.partition(b"\r\n\r\n")
        if not blank:
            continue
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() in (b"content-type", b"c"):
                if value.partition(b";")[0].strip().lower() == SDP.encode():
                    return content
                break
    return None
