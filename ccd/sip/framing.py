"""Cutting messages out of a byte stream (RFC 3261, 18.3), for TCP and TLS. Sans-IO.

A stream whose framing is wrong cannot be brought into step again: the framer then stops, says
why in `error`, and the connection must be closed. What is inside a message is not judged here.
"""

from __future__ import annotations

import re

MAX_HEADER_BYTES = 32_768
"""Start line and headers; twenty times a long INVITE, and little enough to buffer for anybody."""

MAX_BODY_BYTES = 65_536
"""A body; as a datagram could carry at most. SDP has 1 or 2 KiB."""

PING = b"\r\n\r\n"
"""A keep-alive, as `feed` returns it (RFC 5626, 3.5.1); to be answered with `PONG`."""

PONG = b"\r\n"

_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:([^\r]*(?:\r\n[ \t][^\r]*)*)", re.I)
_CONTENT_TYPE = re.compile(rb"\r\n(?:content-type|c)[ \t]*:", re.I)


class Framer:
    """One stream's reader. `error` is empty until the stream has lost its framing."""

    def __init__(self) -> None:
        self.error = ""
        self._buffer = bytearray()
        self._searched = 0
        """Bytes of the buffer known not to contain the end of a header section."""
        self._needed = 0
        """Length of the message begun, once its headers are known."""

    @property
    def incomplete(self) -> bool:
        """A message has begun and not ended."""
        return not PING.startswith(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; return the messages now complete, and `PING` for each ping.

        After an error what follows is ignored. The headers of a message with an impossible
        Content-Length come as the last message, so that they can be answered 400.
        """
        frames: list[bytes] = []
        self._buffer += data
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if self.error:
            buffer.clear()
            return None
        if not self._needed:
            if self._skip_blank_lines():
                return PING
            if not self.incomplete:
                return None
            end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
            if end < 0:
                self._searched = len(buffer)
                if len(buffer) > MAX_HEADER_BYTES + 3:
                    return self._fail(f"headers of more than {MAX_HEADER_BYTES} bytes")
                if b"\n" in buffer and not _starts_like_sip(buffer):
                    return self._fail("not SIP")
                return None
            headers = bytes(buffer[:end])
            if end > MAX_HEADER_BYTES:
                return self._fail(f"headers of more than {MAX_HEADER_BYTES} bytes")
            if not _starts_like_sip(headers):
                return self._fail("not SIP")
            length = _content_length(headers)
            if isinstance(length, str):
                return self._fail(length, headers + b"\r\n\r\n")
            self._needed = end + 4 + length
        if len(buffer) < self._needed:
            return None
        frame = bytes(buffer[: self._needed])
        del buffer[: self._needed]
        self._needed = self._searched = 0
        return frame

    def _skip_blank_lines(self) -> bool:
        """Drop what may stand before a start line (7.5); True if it was a ping, now taken."""
        buffer = self._buffer
        while buffer and buffer[0] in b"\r\n":
            if buffer.startswith(PING):
                del buffer[:4]
                self._searched = 0
                return True
            if PING.startswith(buffer):
                return False  # the rest of a ping may follow, or nothing: it was a pong
            del buffer[:1]
            self._searched = 0
        return False

    def _fail(self, reason: str, last: bytes | None = None) -> bytes | None:
        self.error = reason
        self._buffer.clear()
        return last


def _content_length(headers: bytes) -> int | str:
    """The body's length by its header section, or what is wrong with it."""
    lengths = {found.strip() for found in _CONTENT_LENGTH.findall(headers)}
    if not lengths:
        # It must be there on a stream (20.14); who has no body is forgiven.
        return "Content-Length is missing" if _CONTENT_TYPE.search(headers) else 0
    text = lengths.pop()
    if lengths or not text.isdigit():
        return "Content-Length is not one number"
    if len(text) > 9 or int(text) > MAX_BODY_BYTES:
        return f"Content-Length is above {MAX_BODY_BYTES}"
    return int(text)


def _starts_like_sip(head: bytes | bytearray) -> bool:
    """Whether the first line may be a start line of SIP, of whatever version, well-formed or not."""
    line_end = head.find(b"\n")
    return b"SIP/" in head[: line_end if line_end >= 0 else len(head)]
