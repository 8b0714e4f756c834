"""What types cannot say about settings: ranges, names that must be known, ports that must not meet."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ccd.config import Settings
from ccd.settings import addresses
from ccd.settings.problems import Problem, spell

CODECS = ("PCMU", "PCMA")
DIGEST_ALGORITHMS = ("SHA-256", "MD5")
NAT = ("auto", "always", "never")
LARGEST_BATCH_MS = 100
"""A killed daemon may lose what it said in the last 100 ms, not more."""

_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/]+")
"""RFC 3261, 25.1: the characters of `user` that need no escape."""


def check(settings: Settings) -> Iterator[Problem]:
    """Yield every way in which well-typed settings cannot work."""
    for rule in RULES:
        yield from rule(settings)


# --- [sip] ---------------------------------------------------------------------------


def _listen(settings: Settings) -> Iterator[Problem]:
    sip = settings.sip
    if not sip.listen:
        mend = 'for example listen = ["udp:0.0.0.0:5060"]'
        yield Problem(("sip", "listen"), "is empty, so no call could come in", mend)
    seen: list[addresses.Listen] = []
    for index, text in enumerate(sip.listen):
        key = ("sip", "listen", index)
        try:
            one = addresses.parse_listen(text)
        except ValueError as error:
            mend = 'write it like "udp:0.0.0.0:5060" or "tcp:[::]:5060"'
            yield Problem(key, f'"{text}" {error}', mend)
            continue
        yield from _overlapping_listen(key, one, seen)
        seen.append(one)
        if one.protocol == "tls" and not (sip.certificate and sip.private_key):
            mend = "set sip.certificate and sip.private_key to PEM files"
            yield Problem(key, "TLS needs a certificate and its key", mend)


def _digest_algorithms(settings: Settings) -> Iterator[Problem]:
    algorithms = settings.sip.digest_algorithms
    if not algorithms:
        key = ("sip", "digest_algorithms")
        yield Problem(key, "is empty, so no phone could register", f"of {DIGEST_ALGORITHMS}")
    for index, algorithm in enumerate(algorithms):
        if algorithm not in DIGEST_ALGORITHMS:
            mend = _choices(algorithm.upper(), DIGEST_ALGORITHMS)
            yield Problem(
                ("sip", "digest_algorithms", index), f'"{algorithm}" is no algorithm of ours', mend
            )


def _overlapping_listen(
    key: tuple[str | int, ...], one: addresses.Listen, seen: Sequence[addresses.Listen]
) -> Iterator[Problem]:
    stream = one.protocol != "udp"
    for other in seen:
        same_kind = stream == (other.protocol != "udp")
        same_port = one.port != 0 and one.port == other.port
        if same_kind and same_port and addresses.overlap(one.host, other.host):
            mend = "give each a port of its own"
            yield Problem(key, f"is the same port as {':'.join(map(str, other))}", mend)
            return


def _sip_values(settings: Settings) -> Iterator[Problem]:
    sip = settings.sip
    if sip.advertise and not addresses.is_host(sip.advertise):
        mend = "only the address, without a port; empty to have it found"
        yield Problem(("sip", "advertise"), f'"{sip.advertise}" is no address', mend)
    if not addresses.is_host(sip.domain):
        mend = 'a name such as "calls.example.com"'
        yield Problem(("sip", "domain"), f'"{sip.domain}" is no domain name', mend)
    if sip.session_expires_s < 90:
        # RFC 4028, 4: the smallest Min-SE, and so the smallest interval that may be asked for.
        yield Problem(
            ("sip", "session_expires_s"), f"{sip.session_expires_s} is too short", "90 at least"
        )
    yield from _positive(("sip", "max_new_calls_per_s"), sip.max_new_calls_per_s)
    for name in ("certificate", "private_key"):
        yield from _file(("sip", name), getattr(sip, name))


# --- [media], [recording], [store], [cti] --------------------------------------------


def _media(settings: Settings) -> Iterator[Problem]:
    media = settings.media
    if not addresses.is_address(media.address):
        mend = '"0.0.0.0" for every interface'
        yield Problem(("media", "address"), f'"{media.address}" is no IP address', mend)
    yield from _media_ports(settings)
    if not 1 <= media.workers <= 64:
        yield Problem(("media", "workers"), f"{media.workers} is out of range", "1 to 64")
    if not media.codecs:
        yield Problem(("media", "codecs"), "is empty, so no call could be answered", f"of {CODECS}")
    for index, codec in enumerate(media.codecs):
        key = ("media", "codecs", index)
        if codec not in CODECS:
            yield Problem(key, f'"{codec}" is no codec of ours', _choices(codec.upper(), CODECS))
        elif codec in media.codecs[:index]:
            yield Problem(key, f'"{codec}" is there twice', "leave one")
    if media.rtp_timeout_s < 0:
        yield Problem(("media", "rtp_timeout_s"), "is negative", "0 means never")
    if media.nat not in NAT:
        yield Problem(
            ("media", "nat"), f'"{media.nat}" is none of the choices', _choices(media.nat, NAT)
        )


def _media_ports(settings: Settings) -> Iterator[Problem]:
    media = settings.media
    key = ("media", "ports")
    first, last = media.ports
    if not (1024 <= first <= 65534 and last <= 65535):
        yield Problem(key, f"[{first}, {last}] is out of range", "within 1024 to 65535")
    elif first % 2:
        yield Problem(
            key,
            f"begins with {first}, which is odd",
            f"begin with {first + 1}: even ports carry RTP",
        )
    elif last < first + 2 * media.workers - 1:
        mend = f"each worker needs a pair of ports of its own: [{first}, {first + 2 * media.workers - 1}] at least"
        yield Problem(key, f"[{first}, {last}] has too few ports", mend)
    else:
        for text in settings.sip.listen:
            try:
                listen = addresses.parse_listen(text)
            except ValueError:
                continue
            inside = listen.protocol == "udp" and first <= listen.port <= last
            if inside and addresses.overlap(listen.host, media.address):
                message = f"has sip.listen's port {listen.port} in its range"
                yield Problem(key, message, "move one of them")


def _store(settings: Settings) -> Iterator[Problem]:
    store = settings.store
    if not 1 <= store.batch_ms <= LARGEST_BATCH_MS:
        mend = f"1 to {LARGEST_BATCH_MS}: it is what a power cut may cost"
        yield Problem(("store", "batch_ms"), f"{store.batch_ms} is out of range", mend)
    if store.keep_events_days < 1:
        yield Problem(
            ("store", "keep_events_days"), f"{store.keep_events_days} is too few", "1 at least"
        )


def _cti(settings: Settings) -> Iterator[Problem]:
    cti = settings.cti
    for name in ("commands", "events"):
        endpoint: str = getattr(cti, name)
        key = ("cti", name)
        scheme, found, rest = endpoint.partition("://")
        mend = '"ipc:///run/ccd/commands", "tcp://127.0.0.1:5555", or empty for the state folder'
        if not endpoint:
            continue
        if not found or scheme not in ("ipc", "tcp"):
            yield Problem(key, f'"{endpoint}" is no ZeroMQ endpoint', mend)
        elif scheme == "tcp":
            try:
                addresses.parse_host_port(rest)
            except ValueError as error:
                yield Problem(key, f'"{endpoint}" {error}', mend)
    if cti.commands and cti.commands == cti.events:
        yield Problem(("cti", "events"), "is the same endpoint as cti.commands", "give it its own")
    if cti.replay_events < 0:
        yield Problem(("cti", "replay_events"), "is negative", "0 keeps none")


# --- trunks, phones, people, queues, numbers -------------------------------------------


def _trunks(settings: Settings) -> Iterator[Problem]:
    yield from _distinct("trunk", [trunk.name for trunk in settings.trunk])
    seen: list[tuple[str, addresses.Peer]] = []
    for index, trunk in enumerate(settings.trunk):
        key = ("trunk", index)
        if not trunk.peers:
            yield Problem(
                (*key, "peers"), "is empty, so nobody could call", 'such as ["192.0.2.7"]'
            )
        if trunk.channels < 0:
            yield Problem((*key, "channels"), f"{trunk.channels} is negative", "0 means no limit")
        if trunk.options_ping_s < 0:
            yield Problem((*key, "options_ping_s"), "is negative", "0 means never")
        for number, text in enumerate(trunk.peers):
            try:
                peer = addresses.parse_peer(text)
            except ValueError as error:
                mend = 'an address or network: "192.0.2.7", "10.0.0.0/24", "192.0.2.7:5060"'
                yield Problem((*key, "peers", number), f'"{text}" {error}', mend)
                continue
            for owner, other in seen:
                if owner != trunk.name and _same_peer(peer, other):
                    mend = "a call from there could belong to either"
                    yield Problem(
                        (*key, "peers", number), f'"{text}" is trunk {owner!r}\'s as well', mend
                    )
            seen.append((trunk.name, peer))


def _same_peer(one: addresses.Peer, other: addresses.Peer) -> bool:
    # A network within another's is no contradiction: the narrower one wins.
    return one.port == other.port and one.network == other.network


def _phones(settings: Settings) -> Iterator[Problem]:
    yield from _distinct("phone", [phone.name for phone in settings.phone])
    for index, phone in enumerate(settings.phone):
        if phone.name and not _USER.fullmatch(phone.name):
            mend = "letters, digits and - _ . only"
            yield Problem(
                ("phone", index, "name"), f'"{phone.name}" cannot stand in an address', mend
            )
        if not phone.password:
            yield Problem(("phone", index, "password"), "is empty", "give the phone a password")


def _agents(settings: Settings) -> Iterator[Problem]:
    yield from _distinct("agent", [agent.name for agent in settings.agent])
    phones = [phone.name for phone in settings.phone]
    queues = [queue.name for queue in settings.queue]
    for index, agent in enumerate(settings.agent):
        key = ("agent", index)
        yield from _known((*key, "phone"), agent.phone, "phone", phones)
        for number, queue in enumerate(agent.queues):
            yield from _known((*key, "queues", number), queue, "queue", queues)
            if queue in agent.queues[:number]:
                yield Problem((*key, "queues", number), f'"{queue}" is there twice', "leave one")
        if agent.password_hash and not agent.password_hash.startswith("$argon2"):
            mend = "a password itself must not stand here"
            yield Problem((*key, "password_hash"), "is no argon2 hash", mend)


def _queues(settings: Settings) -> Iterator[Problem]:
    yield from _distinct("queue", [queue.name for queue in settings.queue])
    for index, queue in enumerate(settings.queue):
        key = ("queue", index)
        yield from _positive((*key, "ring_timeout_s"), queue.ring_timeout_s)
        yield from _positive((*key, "service_level_s"), queue.service_level_s)
        if queue.wrap_up_s < 0:
            yield Problem((*key, "wrap_up_s"), "is negative", "0 means none")
        yield from _file((*key, "music"), queue.music)


def _routes(settings: Settings) -> Iterator[Problem]:
    yield from _distinct("route", [route.dnis for route in settings.route], field="dnis")
    for index, route in enumerate(settings.route):
        key = ("route", index, "flow")
        if not route.flow:
            yield Problem(key, "is empty", "the file name of a flow")
        yield from _file(key, route.flow)


# --- what several of them need -----------------------------------------------------


def _distinct(table: str, names: Sequence[str], *, field: str = "name") -> Iterator[Problem]:
    for index, name in enumerate(names):
        key = (table, index, field)
        if not name:
            yield Problem(key, "is empty", f"every {table} needs one")
        elif name in names[:index]:
            first = spell((table, names.index(name)))
            yield Problem(key, f'"{name}" is taken by {first}', "every one needs its own")


def _known(
    key: tuple[str | int, ...], name: str, what: str, names: Sequence[str]
) -> Iterator[Problem]:
    if name not in names:
        hint = _choices(name, names) if names else f"add a [[{what}]] with this name"
        yield Problem(key, f'there is no {what} "{name}"', hint)


def _choices(wrong: str, right: Iterable[str]) -> str:
    """Return a hint: the nearest right word, or all of them."""
    near = difflib.get_close_matches(wrong, list(right), n=1)
    return f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(right)}"


def _positive(key: tuple[str | int, ...], value: float) -> Iterator[Problem]:
    if not value > 0:  # also where it is NaN, which TOML can write
        yield Problem(key, f"{value:g} is not above zero", "")


def _file(key: tuple[str | int, ...], name: str) -> Iterator[Problem]:
    if name and not Path(name).is_file():
        mend = "names are relative to the settings file"
        yield Problem(key, f"there is no file {name}", mend)


RULES: tuple[Callable[[Settings], Iterator[Problem]], ...] = (
    _listen,
    _digest_algorithms,
    _sip_values,
    _media,
    _store,
    _cti,
    _trunks,
    _phones,
    _agents,
    _queues,
    _routes,
)
