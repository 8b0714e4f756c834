"""Which phone an agent speaks with, and how it is set up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from ccd.errors import CcdError

BackEnd = Literal["pjsip", "pyvoip", "desk"]
Transport = Literal["udp", "tcp", "tls"]
Srtp = Literal["off", "optional", "required"]

NULL = "null"
"""As a device: hear nothing, say nothing."""
DEFAULT = "default"
"""As a device: the one the system prefers."""
CODECS = {"pjsip": ("G722", "PCMU", "PCMA"), "pyvoip": ("PCMU",), "desk": ()}
"""What each back end speaks, best first; pyVoIP would send PCMA as mu-law."""

_HOST = re.compile(r"\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+")
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/%-]+")  # RFC 3261, 25.1: user


class PhoneSettingsError(CcdError):
    """A setting of the phone that cannot be: which, why, and the mend."""


class PhoneSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A phone's settings. Raises `PhoneSettingsError` when made of what cannot be.

    `capture` and `playback` are `default`, `null`, the name of a device or a part of it, or a
    path to a WAV that is said, looped, or written with what is heard.
    """

    back_end: BackEnd = "desk"
    user: str = ""
    """The phone's name at the server (`[[phone]]`), which need not be the agent's."""
    password: str = ""
    host: str = "127.0.0.1"
    port: int = 5060
    transport: Transport = "udp"
    domain: str = ""
    """What stands after the @ of its address; empty: the host."""
    local_address: str = ""
    """The address that SIP and RTP are bound to; empty: the one that the server is reached from."""
    local_port: int = 0
    """Where it hears SIP; 0: any free one."""
    rtp_port: int = 0
    """The first of 40 for RTP; 0: any free ones."""
    expires_s: int = 120
    """How long a registration lasts; it is renewed before. Found out at most this long after the
    server was begun anew, so not long."""
    retry_s: int = 5
    """How long after a failed registration another is tried."""
    codecs: tuple[str, ...] = ()
    """Those to offer, best first; empty: all that the back end has."""
    srtp: Srtp = "off"
    verify_server: bool = True
    """With TLS: refuse a certificate that nobody known has signed."""
    ca_file: Path | None = None
    """With TLS: PEM file with who may sign, in place of the system's."""
    capture: str = DEFAULT
    playback: str = DEFAULT
    ring: str = ""
    """The device that rings, beside the headset; empty: no ring through a device."""
    cancel_echo: bool = False
    """Take what the loudspeaker says out of what the microphone hears: for who has no headset."""
    auto_answer: bool = False
    """Answer whatever comes, after a short tone in the ear: for who has asked for calls by being
    ready. Off, only calls that the server marks so are answered by themselves (those that the
    agent began)."""
    log: Path | None = None
    """Write everything that is sent and received here: for the search of faults, never for good."""

    def __post_init__(self) -> None:
        if self.back_end == "desk":
            return
        if not self.user:
            raise _wrong("user", "is empty", "name the phone as the server's settings do")
        if not _USER.fullmatch(self.user):
            raise _wrong("user", f"{self.user!r} is no SIP user", "write the part before the @")
        if not _HOST.fullmatch(self.host):
            raise _wrong("host", f"{self.host!r} is no host", "write a name or an address, no port")
        if self.domain and not _HOST.fullmatch(self.domain):
            raise _wrong("domain", f"{self.domain!r} is no domain", "write the part after the @")
        for name in ("port", "local_port", "rtp_port"):
            value = getattr(self, name)
            if not (1 if name == "port" else 0) <= value <= 65535:
                raise _wrong(name, f"{value} is no port", "write one of 1 to 65535")
        if self.rtp_port % 2:
            raise _wrong("rtp_port", f"{self.rtp_port} is odd", "RTP has even ports (RFC 3550, 11)")
        for name, least in (("expires_s", 10), ("retry_s", 1)):
            if getattr(self, name) < least:
                raise _wrong(name, f"{getattr(self, name)} is too short", f"write {least} or more")
        known = CODECS[self.back_end]
        for codec in self.codecs:
            if codec not in known:
                raise _wrong(
                    "codecs", f"{self.back_end} does not know {codec!r}", f"of {', '.join(known)}"
                )
        if self.ca_file is not None and not self.ca_file.is_file():
            raise _wrong("ca_file", f"there is no file {self.ca_file}", "give the PEM file's path")
        if is_file(self.capture) and not Path(self.capture).is_file():
            raise _wrong("capture", f"there is no file {self.capture}", "give a WAV, or a device")
        if self.back_end == "pyvoip":
            self._check_pyvoip()

    def _check_pyvoip(self) -> None:
        mend = 'choose back_end = "pjsip"'
        if self.transport != "udp":
            raise _wrong("transport", f"pyvoip has no {self.transport}", f'write "udp", or {mend}')
        if self.srtp != "off":
            raise _wrong("srtp", "pyvoip has none", f'write "off", or {mend}')

    @property
    def offered(self) -> tuple[str, ...]:
        """The codecs to offer, best first."""
        return self.codecs or CODECS[self.back_end]

    @property
    def address(self) -> str:
        """`user@domain`, as the phone calls itself."""
        return f"{self.user}@{self.domain or self.host}"


def is_file(device: str) -> bool:
    """Whether a device's name is a WAV's path."""
    return device.lower().endswith(".wav")


def _wrong(field: str, what: str, mend: str) -> PhoneSettingsError:
    return PhoneSettingsError(f"phone: {field}: {what}; {mend}")
