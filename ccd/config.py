"""`ccd.toml`: typed settings, each with its default and its meaning."""

from __future__ import annotations

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; a key that is not a field is an error."""


class Sip(Section, frozen=True, kw_only=True):
    """`[sip]`: where signalling is heard, and how we name ourselves."""

    listen: tuple[str, ...] = ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060")
    """`udp|tcp|tls:HOST:PORT`, port 0 for any free one."""
    advertise: str = ""
    """Address put into Via, Contact and SDP; empty: found from the listening address."""
    domain: str = "ccd.local"
    """Realm and domain of our own phones."""
    certificate: str = ""
    private_key: str = ""
    session_expires_s: int = 1800
    max_new_calls_per_s: float = 400.0
    """New calls above this rate are answered 503 with Retry-After."""
    require_registration_auth: bool = True


class Media(Section, frozen=True, kw_only=True):
    """`[media]`: the patch bay's workers and ports."""

    address: str = "0.0.0.0"
    ports: tuple[int, int] = (16384, 17407)
    """First and last UDP port; even ones carry RTP, the next odd one RTCP."""
    workers: int = 1
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    """In order of preference."""
    rtp_timeout_s: float = 30.0
    nat: str = "auto"
    """`auto`: latch where signalling and media addresses differ; `always`; `never`."""


class Recording(Section, frozen=True, kw_only=True):
    """`[recording]`: evidence of every conversation."""

    enabled: bool = True
    folder: str = ""
    """Empty: `recordings` in the state folder."""


class Store(Section, frozen=True, kw_only=True):
    """`[store]`: the database."""

    batch_ms: int = 50
    """How long at most an event waits to be written."""
    keep_events_days: int = 30


class Cti(Section, frozen=True, kw_only=True):
    """`[cti]`: the door for clients on this machine; ipc in the state folder where empty."""

    commands: str = ""
    events: str = ""
    replay_events: int = 100_000
    """How many events are kept in memory for clients that come back."""


class Trunk(Section, frozen=True, kw_only=True):
    """`[[trunk]]`: a peer whose calls are taken without a password, by its address."""

    name: str
    peers: tuple[str, ...]
    """Addresses or networks, with an optional `:port`: `192.0.2.7`, `10.0.0.0/24`, `127.0.0.1:5062`."""
    channels: int = 0
    """Most calls at once; 0: no limit."""
    options_ping_s: float = 0.0
    """Probe with OPTIONS this often (only for peers with a port); 0: never."""


class Phone(Section, frozen=True, kw_only=True):
    """`[[phone]]`: a device that registers with us."""

    name: str
    """User part of its address, and its digest user name."""
    password: str


class Agent(Section, frozen=True, kw_only=True):
    """`[[agent]]`: a person."""

    name: str
    phone: str
    queues: tuple[str, ...]
    full_name: str = ""
    password_hash: str = ""
    """argon2, for CTI over TCP; empty: only clients on this machine may log in as this agent."""


class Queue(Section, frozen=True, kw_only=True):
    """`[[queue]]`: where callers wait."""

    name: str
    ring_timeout_s: float = 20.0
    wrap_up_s: float = 0.0
    service_level_s: float = 20.0
    music: str = ""
    """WAV file; empty: the built-in one."""


class Route(Section, frozen=True, kw_only=True):
    """`[[route]]`: which flow answers a dialled number."""

    dnis: str
    """The number, or `*` for every other one."""
    flow: str
    """File name, relative to the settings file."""


class Settings(Section, frozen=True, kw_only=True):
    """The whole of `ccd.toml`."""

    sip: Sip = Sip()
    media: Media = Media()
    recording: Recording = Recording()
    store: Store = Store()
    cti: Cti = Cti()
    trunk: tuple[Trunk, ...] = ()
    phone: tuple[Phone, ...] = ()
    agent: tuple[Agent, ...] = ()
    queue: tuple[Queue, ...] = ()
    route: tuple[Route, ...] = ()
