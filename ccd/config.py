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
    """PEM file with our certificate and its chain, for `tls:` listeners."""
    private_key: str = ""
    """PEM file with the certificate's key."""
    session_expires_s: int = 1800
    """Session timer that we ask for (RFC 4028): a call whose far end vanished ends after this."""
    max_new_calls_per_s: float = 400.0
    """New calls above this rate are answered 503 with Retry-After."""
    require_registration_auth: bool = True
    """Whether a phone must know its password to register; false only in a closed test network."""
    digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    """Offered to phones in this order; put MD5 first for old ones that look at the first alone."""


class Media(Section, frozen=True, kw_only=True):
    """`[media]`: the patch bay's workers and ports."""

    address: str = "0.0.0.0"
    """Where RTP is heard; `0.0.0.0`: every interface."""
    ports: tuple[int, int] = (16384, 32767)
    """First and last UDP port; even ones carry RTP, the next odd one RTCP. Few are used while
    callers' addresses differ; calls of one address and agents' phones need a pair each."""
    workers: int = 1
    """Media processes; one carries about 1,000 two-party calls on a core."""
    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    """In order of preference."""
    rtp_timeout_s: float = 30.0
    """End a call whose party sends no RTP for so long while it should; 0: never."""
    nat: str = "auto"
    """`auto`: latch where signalling and media addresses differ; `always`; `never`."""


class Recording(Section, frozen=True, kw_only=True):
    """`[recording]`: evidence of every conversation."""

    enabled: bool = True
    """Record every conversation, caller on the left channel, agent on the right."""
    folder: str = ""
    """Empty: `recordings` in the state folder."""


class Store(Section, frozen=True, kw_only=True):
    """`[store]`: the database."""

    batch_ms: int = 50
    """How long at most an event waits to be written."""
    keep_events_days: int = 30
    """Events older than this are deleted; call records stay."""


class Cti(Section, frozen=True, kw_only=True):
    """`[cti]`: the door for clients on this machine; ipc in the state folder where empty."""

    commands: str = ""
    """ZeroMQ endpoint for commands."""
    events: str = ""
    """ZeroMQ endpoint for events."""
    replay_events: int = 100_000
    """How many events are kept in memory for clients that come back."""


class Trunk(Section, frozen=True, kw_only=True):
    """`[[trunk]]`: a peer whose calls are taken without a password, by its address."""

    name: str
    """What call records and events call it."""
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
    """Its digest password."""


class Agent(Section, frozen=True, kw_only=True):
    """`[[agent]]`: a person."""

    name: str
    """What the agent logs in as."""
    phone: str
    """The `[[phone]]` that rings."""
    queues: tuple[str, ...]
    """The `[[queue]]`s whose calls this agent takes."""
    full_name: str = ""
    """As people read it."""
    password_hash: str = ""
    """argon2, for CTI over TCP; empty: only clients on this machine may log in as this agent."""


class Queue(Section, frozen=True, kw_only=True):
    """`[[queue]]`: where callers wait."""

    name: str
    """What flows and agents call it."""
    ring_timeout_s: float = 20.0
    """An agent's phone that rings longer is not answered: the call goes to another agent."""
    wrap_up_s: float = 0.0
    """Time for after-call work before an agent is given the next call."""
    service_level_s: float = 20.0
    """An answer within this time counts for the service level."""
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
