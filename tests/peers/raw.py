"""A SIP and RTP peer made of two bare sockets, which says exactly what it is told to.

For what no decent stack can be made to send: broken messages, lying lengths, wrong tags, RTP
from where it does not belong. Synchronous, without transactions or timers; every wait is
bounded.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from peers.ports import HOST

Address = tuple[str, int]


class NothingCameError(Exception):
    """No such message arrived in time."""


@dataclass(frozen=True)
class Message:
    """A SIP message, taken apart as far as the tests need it."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source: Address | None = None

    @classmethod
    def parse(cls, data: bytes, source: Address | None = None) -> Self:
        """Split at the empty line; header names are kept as they came."""
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("utf-8", "replace").split("\r\n")
        headers = []
        for line in lines:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        return cls(first, tuple(headers), body, source)

    @property
    def code(self) -> int:
        """The status of a response; 0 for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method of a request, or the one that a response answers."""
        return self.start.split()[0] if not self.code else self.get("CSeq").split()[-1]

    def get(self, name: str, default: str = "") -> str:
        """First header of this name."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), default)

    def all(self, name: str) -> list[str]:
        """All headers of this name."""
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def to_tag(self) -> str:
        """The To header's tag, or nothing."""
        found = re.search(r";\s*tag=([^;,\s]+)", self.get("To"))
        return found[1] if found else ""

    @property
    def contact(self) -> str:
        """The URI of the Contact header."""
        found = re.search(r"<([^>]+)>", self.get("Contact"))
        return found[1] if found else self.get("Contact").split(";")[0]

    @property
    def media(self) -> Address:
        """Where the SDP wants audio."""
        text = self.body.decode()
        port = re.search(r"^m=audio (\d+)", text, re.MULTILINE)
        host = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
        if port is None or host is None:
            raise ValueError(f"no audio in {text!r}")
        return host[1].strip(), int(port[1])


def sdp(
    port: int,
    *,
    host: str = HOST,
    formats: str = "0 8 101",
    attributes: Iterable[str] = ("rtpmap:101 telephone-event/8000", "fmtp:101 0-15"),
    media: str = "audio",
    version: int = 1,
) -> bytes:
    """Write a session description."""
    lines = [
        "v=0",
        f"o=raw 1 {version} IN IP4 {host}",
        "s=-",
        f"c=IN IP4 {host}",
        "t=0 0",
        f"m={media} {port} RTP/AVP {formats}",
        *(f"a={a}" for a in attributes),
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


@dataclass
class Dialog:
    """What identifies one call of ours, and how far its CSeq counts."""

    call_id: str
    from_tag: str
    uri: str
    branch: str
    cseq: int = 1
    to_tag: str = ""
    target: str = ""
    invite: Message | None = field(default=None, repr=False)


class RawSip:
    """A UDP socket that speaks SIP to one server."""

    def __init__(
        self, server: Address, *, user: str = "raw", host: str = HOST, port: int = 0, seed: int = 1
    ) -> None:
        self.server = server
        self.user = user
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.address: Address = self.socket.getsockname()
        self._random = random.Random((seed << 20) ^ self.address[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def token(self) -> str:
        """Eight random hex digits."""
        return f"{self._random.getrandbits(32):08x}"

    def send(self, data: bytes) -> None:
        """Send any bytes."""
        self.socket.sendto(data, self.server)

    def receive(
        self,
        *,
        timeout: float = 3.0,
        code: int | None = None,
        method: str | None = None,
        call_id: str | None = None,
        final: bool = False,
    ) -> Message:
        """Wait for a message with this status, method and Call-ID; drops what comes before."""
        end = time.monotonic() + timeout
        passed: list[str] = []
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data, source = self.socket.recvfrom(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
            message = Message.parse(data, source)
            passed.append(message.start)
            if code is not None and message.code != code:
                continue
            if method is not None and message.method != method:
                continue
            if call_id is not None and message.get("Call-ID") != call_id:
                continue
            if final and message.code < 200:
                continue
            return message
        raise NothingCameError(f"no {method or ''} {code or ''} in {timeout} s; came: {passed}")

    def drain(self, seconds: float = 0.0) -> list[Message]:
        """Take all that has come, waiting at most so long for more."""
        taken = []
        with contextlib.suppress(NothingCameError):
            while True:
                taken.append(self.receive(timeout=max(seconds, 0.001)))
        return taken

    def request(
        self,
        method: str,
        uri: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "application/sdp",
        drop: Iterable[str] = (),
        dialog: Dialog | None = None,
        branch: str | None = None,
    ) -> bytes:
        """Compose a request; `headers` replace what would be there, `drop` leaves out."""
        dialog = dialog or Dialog(self.token(), self.token(), uri, self.branch())
        host, port = self.address
        to = f"<{dialog.uri}>" + (f";tag={dialog.to_tag}" if dialog.to_tag else "")
        fields = {
            "Via": f"SIP/2.0/UDP {host}:{port};branch={branch or dialog.branch};rport",
            "Max-Forwards": "70",
            "From": f"<sip:{self.user}@{host}>;tag={dialog.from_tag}",
            "To": to,
            "Call-ID": dialog.call_id,
            "CSeq": f"{dialog.cseq} {method}",
            "Contact": f"<sip:{self.user}@{host}:{port}>",
            **({"Content-Type": content_type} if body else {}),
            "Content-Length": str(len(body)),
        }
        fields.update(headers or {})
        for name in drop:
            fields.pop(name, None)
        lines = [f"{method} {uri} SIP/2.0", *(f"{n}: {v}" for n, v in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def branch(self) -> str:
        """A fresh Via branch."""
        return f"z9hG4bK{self.token()}{self.token()}"

    # -- calls -------------------------------------------------------------------------

    def invite(
        self,
        uri: str,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/sdp",
    ) -> Dialog:
        """Send an INVITE and return its dialog, without waiting for anything."""
        dialog = Dialog(self.token(), self.token(), uri, self.branch(), target=uri)
        self.send(
            self.request(
                "INVITE", uri, dialog=dialog, body=body, headers=headers, content_type=content_type
            )
        )
        return dialog

    def answer_of(
        self, dialog: Dialog, *, timeout: float = 5.0, acknowledge: bool = True
    ) -> Message:
        """Wait for the INVITE's final answer and ACK it."""
        answer = self.receive(timeout=timeout, method="INVITE", call_id=dialog.call_id, final=True)
        if answer.to_tag:
            dialog.to_tag = answer.to_tag
        if answer.code < 300:
            dialog.target = answer.contact or dialog.target
        dialog.invite = answer
        if acknowledge:
            self.acknowledge(dialog, answer)
        return answer

    def acknowledge(self, dialog: Dialog, answer: Message, body: bytes = b"") -> None:
        """ACK: in the INVITE's transaction where it was refused, in its own where accepted."""
        if answer.code >= 300:
            self.send(self.request("ACK", dialog.uri, dialog=dialog, drop=("Contact",)))
        else:
            self.send(
                self.request("ACK", dialog.target, dialog=dialog, branch=self.branch(), body=body)
            )

    def bye(self, dialog: Dialog, *, timeout: float = 3.0) -> Message:
        """Hang up, and return the answer."""
        dialog.cseq += 1
        self.send(self.request("BYE", dialog.target, dialog=dialog, branch=self.branch()))
        return self.receive(timeout=timeout, method="BYE", call_id=dialog.call_id, final=True)

    def cancel(self, dialog: Dialog) -> None:
        """CANCEL the INVITE."""
        self.send(self.request("CANCEL", dialog.uri, dialog=dialog, drop=("Contact",)))

    def reply(self, request: Message, code: int, phrase: str = "OK", body: bytes = b"") -> None:
        """Answer a request that came in."""
        to = request.get("To")
        if "tag=" not in to:
            to += f";tag={self.token()}"
        lines = [
            f"SIP/2.0 {code} {phrase}",
            *(f"Via: {v}" for v in request.all("Via")),
            f"From: {request.get('From')}",
            f"To: {to}",
            f"Call-ID: {request.get('Call-ID')}",
            f"CSeq: {request.get('CSeq')}",
            f"Contact: <sip:{self.user}@{self.address[0]}:{self.address[1]}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        self.socket.sendto(
            ("\r\n".join(lines) + "\r\n\r\n").encode() + body, request.source or self.server
        )

    # -- registration ------------------------------------------------------------------

    def register(
        self, user: str, password: str, domain: str, *, expires: int = 60, timeout: float = 5.0
    ) -> Message:
        """REGISTER with MD5 digest (RFC 2617's form with qop); returns the final answer."""
        registrar = f"sip:{domain}"
        dialog = Dialog(self.token(), self.token(), f"sip:{user}@{domain}", self.branch())
        extra = {
            "Contact": f"<sip:{user}@{self.address[0]}:{self.address[1]}>",
            "From": f"<sip:{user}@{domain}>;tag={dialog.from_tag}",
            "Expires": str(expires),
        }
        self.send(self.request("REGISTER", registrar, dialog=dialog, headers=extra))
        answer = self.receive(
            timeout=timeout, method="REGISTER", call_id=dialog.call_id, final=True
        )
        if answer.code != 401:
            return answer
        challenges = answer.all("WWW-Authenticate")
        challenge = next((c for c in challenges if "SHA-256" not in c.upper()), challenges[0])
        extra["Authorization"] = digest(challenge, user, password, "REGISTER", registrar, "raw42")
        dialog.cseq += 1
        dialog.branch = self.branch()
        self.send(self.request("REGISTER", registrar, dialog=dialog, headers=extra))
        return self.receive(timeout=timeout, method="REGISTER", call_id=dialog.call_id, final=True)


def digest(
    challenge: str, user: str, password: str, method: str, uri: str, cnonce: str, count: int = 1
) -> str:
    """Answer a digest challenge (RFC 7616), MD5 or SHA-256 as it asks."""
    values = {
        name.lower(): quoted or bare
        for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)
    }
    algorithm = values.get("algorithm", "MD5").upper()
    hashing = hashlib.sha256 if algorithm.startswith("SHA-256") else hashlib.md5

    def hashed(text: str) -> str:
        return hashing(text.encode()).hexdigest()

    first = hashed(f"{user}:{values['realm']}:{password}")
    second = hashed(f"{method}:{uri}")
    nonce = values["nonce"]
    fields = (
        f'username="{user}", realm="{values["realm"]}", nonce="{nonce}", uri="{uri}", '
        f"algorithm={algorithm}"
    )
    if "qop" in values:
        nc = f"{count:08x}"
        response = hashed(f"{first}:{nonce}:{nc}:{cnonce}:auth:{second}")
        fields += f', qop=auth, nc={nc}, cnonce="{cnonce}"'
    else:
        response = hashed(f"{first}:{nonce}:{second}")
    if "opaque" in values:
        fields += f', opaque="{values["opaque"]}"'
    return f'Digest {fields}, response="{response}"'


class RawRtp:
    """A UDP socket that sends RTP packets one by one, as told."""

    def __init__(self, host: str = HOST) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.address: Address = self.socket.getsockname()
        self.ssrc = self.address[1] * 0x10001
        self.sequence = 100
        self.stamp = 1000

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    @property
    def port(self) -> int:
        """Its own port, for the SDP."""
        return self.address[1]

    def packet(self, payload: bytes, payload_type: int = 0, *, marker: bool = False) -> bytes:
        """Make the next packet of the stream."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        header = struct.pack(
            "!BBHII",
            0x80,
            payload_type | (0x80 if marker else 0),
            self.sequence,
            self.stamp,
            self.ssrc,
        )
        self.stamp = (self.stamp + len(payload)) & 0xFFFFFFFF
        return header + payload

    def send(self, data: bytes, to: Address) -> None:
        """Send any bytes; a closed port at the other end is not our matter."""
        with contextlib.suppress(ConnectionRefusedError):
            self.socket.sendto(data, to)

    def press(
        self, digit: str, to: Address, payload_type: int = 101, *, pace: float = 0.02
    ) -> None:
        """Send a key as RFC 4733 events: eight packets, the end three times."""
        event = "0123456789*#ABCD".index(digit)
        stamp = self.stamp
        for count in range(1, 9):
            last = count == 8
            body = struct.pack("!BBH", event, (0x80 if last else 0) | 10, count * 160)
            for _ in range(3 if last else 1):
                packet = bytearray(self.packet(body, payload_type, marker=count == 1))
                packet[4:8] = struct.pack("!I", stamp)
                self.send(bytes(packet), to)
            time.sleep(pace)
        self.stamp = (stamp + 8 * 160) & 0xFFFFFFFF

    def received(self, seconds: float) -> list[tuple[bytes, Address]]:
        """All packets that come within so long."""
        taken: list[tuple[bytes, Address]] = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                taken.append(self.socket.recvfrom(2048))
        return taken
