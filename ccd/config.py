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
    t1_ms: int = 500
    """T1, the estimate of a round trip (RFC 3261, 17.1.1.1): what is not answered is sent again after
    this, doubling, and given up after 64 times this. More on a slow network (a satellite); less only
    in a closed one, where every far end is near: a lost packet is mended sooner there."""
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
    agents_may_stop: bool = False
    """Where every conversation is recorded: an agent may end his own one's recording, too; supervisors always may."""
    pause_longest_s: float = 120.0
    """A recording that an agent paused, while a card number is said, goes on by itself after so long."""


class Store(Section, frozen=True, kw_only=True):
    """`[store]`: the database."""

    batch_ms: int = 50
    """How long at most an event waits to be written."""
    keep_events_days: int = 30
    """Events older than this are deleted; call records stay."""
    keep_audit_days: int = 400
    """Audit lines (`ccd audit`) older than this are deleted."""


class Cti(Section, frozen=True, kw_only=True):
    """`[cti]`: the door for clients, on this machine and, with keys, over TCP."""

    commands: str = ""
    """ZeroMQ `ipc://` endpoint for this machine's commands; empty: in the state folder."""
    events: str = ""
    """ZeroMQ `ipc://` endpoint for this machine's events; empty: in the state folder."""
    listen: str = ""
    """`HOST:PORT` for commands of other machines, encrypted, for clients with a key that `ccd keys` made; empty: none."""
    listen_events: str = ""
    """`HOST:PORT` for events to other machines; empty: the port after that of `listen`."""
    keys: str = ""
    """Folder of the keys; empty: `keys` in the state folder."""
    requests_per_s: float = 1000.0
    """Requests of one client that are answered in the long run; more are refused as `rate_limited`; 0: no limit."""
    request_burst: float = 2000.0
    """Requests of one client that are answered at once."""
    lockout_attempts: int = 5
    """So many wrong passwords of one person within `lockout_window_s` lock him out, and four times as many lock the client's key out; 0: never."""
    lockout_window_s: float = 300.0
    """How long a wrong password counts."""
    lockout_s: float = 60.0
    """How long the first lock lasts; each further one twice as long as the one before."""
    session_timeout_s: float = 30.0
    """A client that says nothing for so long is gone: its agents are not ready (`session_lost`)."""
    lockout_longest_s: float = 3600.0
    """The longest lock; and how long after its end the next one still counts as a further one."""
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
    auto_answer: bool = False
    """It answers by itself where its own agent asked for the call over the CTI, and calls of queues
    with `auto_answer` (Answer-Mode, RFC 5373)."""
    nailed_up: bool = False
    """It is called when its agent logs on, and kept: calls are put through to it, and ring in the ear.
    `ccd agent --nailed-up` asks for the same."""


class Agent(Section, frozen=True, kw_only=True):
    """`[[agent]]`: a person."""

    name: str
    """What the agent logs in as."""
    phone: str
    """The `[[phone]]` that rings."""
    queues: tuple[str, ...]
    """The `[[queue]]`s whose calls this agent takes; `["*"]`: every one that his skills suffice for."""
    skills: dict[str, int] = {}
    """What he can do, and how well: a `[[skill]]` and a level from 1 to 10."""
    capacity: dict[str, int] = {}
    """How many contacts of a channel at once, such as `{ chat = 3 }`; 1 where nothing is said. One
    who has his hands full with one channel gets nothing of another."""
    full_name: str = ""
    """As people read it."""
    extension: str = ""
    """The number at which colleagues call him; empty: his name alone."""
    class_of_service: str = ""
    """What he may dial: a word that `[[dialling.rule]]`s name in their `classes`."""
    password_hash: str = ""
    """argon2, for CTI over TCP (`ccd password` makes it); empty: only clients on this machine may log in as this agent."""
    role: str = "agent"
    """What he may do over the CTI: `agent`, `supervisor` (a team leader who takes calls too), `qa` or `admin`."""


class User(Section, frozen=True, kw_only=True):
    """`[[user]]`: who uses the CTI and takes no calls: a supervisor, an auditor, a program."""

    name: str
    """What he logs in as; no agent may have the same."""
    role: str
    """What he may do: `supervisor`, `qa`, `admin`, or `agent` for a program that only looks and calls back."""
    password_hash: str
    """argon2, as `ccd password` makes it."""
    full_name: str = ""
    """As people read it."""


class Skill(Section, frozen=True, kw_only=True):
    """`[[skill]]`: something that agents can do and callers may need: a language, a product, a licence."""

    name: str
    """What queues, agents and flows call it."""
    title: str = ""
    """As people read it."""


class Disposition(Section, frozen=True, kw_only=True):
    """`[[disposition]]`: what can come of a call, as agents say it in after-call work. With none, any word will do."""

    name: str
    """What call records hold."""
    title: str = ""
    """As people read it."""
    queues: tuple[str, ...] = ()
    """The queues whose calls it is for; empty: all."""


class NotReadyReason(Section, frozen=True, kw_only=True):
    """`[[not_ready_reason]]`: why an agent may take no calls. With none, any word will do."""

    name: str
    """What the journal holds."""
    title: str = ""
    """As people read it."""


class CustomerClass(Section, frozen=True, kw_only=True):
    """`[[customer_class]]`: a class of customer, such as VIP."""

    name: str
    """What customers and flows call it."""
    head_start_s: float = 0.0
    """A caller of this class stands where he would if he had come so many seconds earlier: he
    overtakes whoever came up to that long before him, and nobody who came earlier still."""


class Customer(Section, frozen=True, kw_only=True):
    """`[[customer]]`: a caller known by number, where no host system says who he is."""

    number: str
    """The number that he calls from."""
    customer_class: str = ""
    """His `[[customer_class]]`."""
    adviser: str = ""
    """The `[[agent]]` who looks after him."""
    language: str = ""
    """`zh` or `en`: in which he is spoken to while he waits; empty: the queue's."""


class Ring(Section, frozen=True, kw_only=True):
    """`[[queue.ring]]`: whom else the queue asks when a caller has waited for long."""

    after_s: float
    """From this wait on."""
    skills: dict[str, int] = {}
    """All that is needed from then on: skill and lowest level; one that is not named is needed no longer."""


class Overflow(Section, frozen=True, kw_only=True):
    """`[[queue.overflow]]`: where a caller goes who would wait too long. The first rule that holds
    is followed; one with several conditions holds when all of them do. Nobody comes back to a
    queue that he overflowed from."""

    to: str
    """`queue:NAME`, `number:NUMBER` (another site, through `trunk`), `voicemail`, `callback`, or `goodbye`."""
    wait_s: float | None = None
    """When he has waited so long in this queue."""
    length: int | None = None
    """When he comes and so many wait already."""
    ewt_s: float | None = None
    """When he comes and is likely (P50) to wait for so long."""
    closed: bool = False
    """When he comes, or still waits, outside the queue's `hours`."""
    no_agents: bool = False
    """When nobody is logged on who serves the queue."""
    trunk: str = ""
    """The `[[trunk]]` of a `number:`."""


class Announce(Section, frozen=True, kw_only=True):
    """`[queue.announce]`: what callers are told while they wait."""

    first_s: float = 10.0
    """After this wait for the first time."""
    every_s: float = 0.0
    """And again so long after the last; 0: nothing is announced at all."""
    position: bool = True
    """How many are before him."""
    wait: bool = True
    """How long it is likely to take, where the estimate is good enough to be said."""
    language: str = "zh"
    """`zh`, `en`, or `zh+en` for both, one after the other."""


class Callback(Section, frozen=True, kw_only=True):
    """`[queue.callback]`: calling people back in place of having them wait."""

    offer_position: int = 0
    """Offered to who stands at this position or behind it; 0: not for position."""
    offer_ewt_s: float = 0.0
    """Offered to who is likely (P50) to wait this long; 0: not for that."""
    key: str = "1"
    """The key by which a caller takes the offer."""
    first: str = "agent"
    """Who is called first: `agent`, who then waits for the customer's answer, or `customer`, who then waits for an agent."""
    abandoned: bool = False
    """Call back, once, who hung up while he waited."""
    abandoned_after_s: float = 15.0
    """Only who had waited this long."""
    attempts: int = 3
    """How often a customer is tried who does not answer."""
    spacing_s: float = 600.0
    """Time between two attempts."""
    trunk: str = ""
    """The `[[trunk]]` to call through; its first peer needs a port."""
    ani: str = ""
    """The number that customers are shown; empty: none."""
    closing: str = "carry_over"
    """What becomes of those who are still to be called when the queue closes: `carry_over` to the next
    opening, where each keeps his place, or `resolve`: told as closed, and over."""


class Voicemail(Section, frozen=True, kw_only=True):
    """`[queue.voicemail]`: messages left, and given to agents of the queue like calls."""

    max_s: float = 120.0
    """The longest message."""
    min_s: float = 1.0
    """A shorter one is thrown away."""


class Queue(Section, frozen=True, kw_only=True):
    """`[[queue]]`: where callers wait."""

    name: str
    """What flows and agents call it."""
    title: str = ""
    """As people read it."""
    ring_timeout_s: float = 20.0
    """An agent's phone that rings longer is not answered: the call goes to another agent."""
    auto_answer: bool = False
    """Its calls need not be answered at nailed-up phones, nor at those with `auto_answer`: a short
    tone, and the caller is there."""
    wrap_up_s: float = 0.0
    """Time for after-call work before an agent is given the next call."""
    wrap_up_requires_disposition: bool = False
    """Whether after-call work lasts until the agent has said what came of the call."""
    service_level_s: float = 20.0
    """An answer within this time counts for the service level."""
    music: str = ""
    """WAV file; empty: the built-in one."""
    script: str = ""
    """What its agents are to say, in Markdown, as their screens show it beside the call."""
    skills: dict[str, int] = {}
    """What an agent needs for its calls: a `[[skill]]` and the lowest level that will do."""
    skill_weights: dict[str, float] = {}
    """How much a level of each needed skill counts for the strategies `most_skilled` and `weighted`; 1 where nothing is said."""
    strategy: str = "longest_idle"
    """Which of several agents gets a call: `longest_idle`, `most_skilled`, `least_skilled`, `least_occupied`,
    `round_robin`, `linear`, `weighted`, or a plug-in as `module:name`."""
    ring_agents: int = 1
    """How many phones ring for one call; the first to answer has it."""
    weight_s: float = 0.0
    """Head start, in seconds, of its callers over those of other queues that an agent serves."""
    last_agent_s: float = 0.0
    """How long a caller waits for the agent whom he spoke with last, while that agent is at work; 0: not."""
    adviser_s: float = 0.0
    """How long a caller waits for his adviser, while that adviser is at work; 0: not."""
    hours: str = ""
    """The `[[calendar]]` of when it is served; empty: always."""
    ring: tuple[Ring, ...] = ()
    """Rings, each wider than the one before."""
    overflow: tuple[Overflow, ...] = ()
    """Ways out, in the order in which they are tried."""
    announce: Announce = Announce()
    """What callers are told."""
    callback: Callback = Callback()
    """Calling people back."""
    voicemail: Voicemail = Voicemail()
    """Messages."""


class Directory(Section, frozen=True, kw_only=True):
    """`[directory]`: how customers are told apart, those of `ccd customers` and those of `[[customer]]`."""

    region: str = "CN"
    """The country (ISO 3166) as whose numbers those without a country's code are read."""
    area_code: str = ""
    """Of this place, such as `021`: local numbers without one are read with it; empty: as they are."""
    id_keys: tuple[str, ...] = ("customer",)
    """What flows and programs call a customer's id in a call's data."""
    account_keys: tuple[str, ...] = ("account",)
    """What they call an account number of his."""


class Host(Section, frozen=True, kw_only=True):
    """`[host]`: the brokerage's systems, where customers' accounts, positions and orders are."""

    book: str = ""
    """TOML file that is one, for a first day and for demos (docs/host.md); empty: there is no host."""
    timeout_s: float = 2.0
    """An answer that takes longer is none."""
    failures: int = 3
    """After so many in a row it is left alone for a while."""
    rest_s: float = 15.0
    """For how long."""


class Calendar(Section, frozen=True, kw_only=True):
    """`[[calendar]]`: opening hours."""

    name: str
    """What queues call it."""
    timezone: str = "Asia/Shanghai"
    """Of the IANA database."""
    open: dict[str, tuple[str, ...]] = {}
    """Hours by day of the week (`mon` to `sun`), or `weekdays`, or `daily`: `["09:00-11:30", "13:00-15:00"]`; a day not named is closed."""
    holidays: tuple[str, ...] = ()
    """Days on which it is closed: `2026-10-01`, or `2026-10-01/2026-10-07`."""
    special: dict[str, tuple[str, ...]] = {}
    """Hours of single days, which go before everything else: `"2026-02-14" = ["10:00-12:00"]`."""


class Acd(Section, frozen=True, kw_only=True):
    """`[acd]`: how callers are put in order, over all queues."""

    order: str = "age"
    """`age`: who has waited longest (with the head starts of class and queue) is next;
    `service_level`: who is nearest to missing his queue's `service_level_s`."""
    redial_window_s: float = 600.0
    """A caller who hung up while he waited, and calls again within this time, has his place
    back, and is one customer in the figures; 0: never."""
    last_agent_days: float = 30.0
    """For how long it is remembered with whom a customer spoke last."""
    caller_on_hold: str = "requeue"
    """What becomes of a caller whose agent hangs up, or whose phone dies, while he holds him or
    consults somebody: `requeue`: he is back in his queue, at the place of his age; `end`: his call
    is ended, as that of a caller with whom the agent was speaking."""
    roster: str = ""
    """CSV of who is to do what, when (docs/roster.md); read at the start and with every reload. Empty:
    there is none, and nobody's adherence is known."""


class Route(Section, frozen=True, kw_only=True):
    """`[[route]]`: which flow answers a dialled number."""

    dnis: str
    """The number, or `*` for every other one."""
    flow: str
    """File name, relative to the settings file."""


class ForbiddenNumber(Section, frozen=True, kw_only=True):
    """`[[dialling.forbidden]]`: numbers that nobody may dial, whatever rules say."""

    number: str
    """A pattern, as in a `[[dialling.rule]]`; it is held against what was dialled and against what
    a trunk would be given."""
    reason: str
    """What he is told who dials it."""


class DiallingRule(Section, frozen=True, kw_only=True):
    """`[[dialling.rule]]`: what a dialled number leads to, and who may dial it. The first rule that
    holds is followed: its pattern fits, he may, and it is open. Colleagues, feature codes and
    the numbers of `[[route]]`s need no rule."""

    number: str
    """A pattern as Asterisk writes it: `X` is 0-9, `Z` 1-9, `N` 2-9, `[13-5]` one of these, `.` at the
    end one digit or more, `!` none or more; all else (digits, `*`, `#`, a `+` in front) is itself."""
    to: str = "outside"
    """`outside` through `trunks`, `agent:NAME`, `queue:NAME`, `service:NUMBER` (of a `[[route]]`), or
    `dial:NUMBER`: as if this number had been dialled, by the rules for it."""
    trunks: tuple[str, ...] = ()
    """The `[[trunk]]`s to try, in this order."""
    strip: int = 0
    """So many digits are taken from the front before the number goes to a trunk."""
    prefix: str = ""
    """And these put before what is left."""
    ani: str = ""
    """The number that is shown; empty: that of `[dialling]`."""
    roles: tuple[str, ...] = ()
    """Who may: people with one of these roles (`agent`, `supervisor`, `qa`, `admin`) ..."""
    agents: tuple[str, ...] = ()
    """... or these `[[agent]]`s ..."""
    classes: tuple[str, ...] = ()
    """... or agents of one of these classes of service. None of the three: everybody who is logged on."""
    hours: str = ""
    """Only while this `[[calendar]]` is open; empty: always."""


class Dialling(Section, frozen=True, kw_only=True):
    """`[dialling]`: who may dial what. Inside the house everybody calls everybody; outside, only
    emergency numbers are reached without a `[[dialling.rule]]`."""

    emergency: tuple[str, ...] = ("110", "119", "120", "122", "112")
    """Numbers that everybody reaches at any time from any phone: locked or not, logged on or not,
    while the daemon stops and while callers are turned away."""
    emergency_prefixes: tuple[str, ...] = ()
    """What people are used to dial for an outside line, such as `9`: it may stand before an emergency number."""
    emergency_trunks: tuple[str, ...] = ()
    """The `[[trunk]]`s for them, in this order; every other one that can be called comes after these."""
    emergency_ani: str = ""
    """The number that is shown there, at which the house can be called back; empty: `ani`."""
    ani: str = ""
    """The number that is shown outside; empty: none."""
    pickup: str = "*8"
    """Takes over a call that rings at a colleague's; with his extension after it, at his; empty: no such code."""
    park: str = "*7"
    """Parks one's call in a free slot; with a slot's number after it, in that one; empty: no such code."""
    park_slots: str = "701-720"
    """The slots, from first to last; one's number takes back what is parked there; empty: none."""
    forbidden: tuple[ForbiddenNumber, ...] = ()
    """Numbers that nobody may dial."""
    rule: tuple[DiallingRule, ...] = ()
    """What else can be dialled."""


class Control(Section, frozen=True, kw_only=True):
    """`[control]`: what people may do with calls."""

    park_timeout_s: float = 120.0
    """A parked call that nobody took for so long rings at who parked it, and waits in a queue where he
    does not answer."""


class ServiceFlow(Section, frozen=True, kw_only=True):
    """`[[service_flow]]`: a flow that agents send their callers through, to key a PIN, say; the
    caller comes back to the same agent."""

    name: str
    """What agents' programs call it."""
    flow: str
    """File name, relative to the settings file. It ends in a `return` step."""
    title: str = ""
    """As people read it."""


class Settings(Section, frozen=True, kw_only=True):
    """The whole of `ccd.toml`."""

    sip: Sip = Sip()
    media: Media = Media()
    recording: Recording = Recording()
    store: Store = Store()
    cti: Cti = Cti()
    acd: Acd = Acd()
    directory: Directory = Directory()
    host: Host = Host()
    dialling: Dialling = Dialling()
    control: Control = Control()
    trunk: tuple[Trunk, ...] = ()
    phone: tuple[Phone, ...] = ()
    agent: tuple[Agent, ...] = ()
    user: tuple[User, ...] = ()
    skill: tuple[Skill, ...] = ()
    disposition: tuple[Disposition, ...] = ()
    not_ready_reason: tuple[NotReadyReason, ...] = ()
    customer_class: tuple[CustomerClass, ...] = ()
    customer: tuple[Customer, ...] = ()
    calendar: tuple[Calendar, ...] = ()
    queue: tuple[Queue, ...] = ()
    route: tuple[Route, ...] = ()
    service_flow: tuple[ServiceFlow, ...] = ()
