"""`[media]`, `[store]`, `[cti]`: ports that must not meet, sizes, endpoints."""

from __future__ import annotations

from collections.abc import Iterator

from ccd.config import Settings
from ccd.settings import addresses
from ccd.settings.problems import Problem
from ccd.settings.rules.common import choices, not_negative, positive

CODECS = ("PCMU", "PCMA")
NAT = ("auto", "always", "never")
LARGEST_BATCH_MS = 100
"""A killed daemon may lose what it said in the last 100 ms, not more."""


def media(settings: Settings) -> Iterator[Problem]:
    """Ports, workers and codecs that calls can be carried with."""
    section = settings.media
    if not addresses.is_address(section.address):
        mend = '"0.0.0.0" for every interface'
        yield Problem(("media", "address"), f'"{section.address}" is no IP address', mend)
    yield from _media_ports(settings)
    if not 1 <= section.workers <= 64:
        yield Problem(("media", "workers"), f"{section.workers} is out of range", "1 to 64")
    if not section.codecs:
        yield Problem(("media", "codecs"), "is empty, so no call could be answered", f"of {CODECS}")
    for index, codec in enumerate(section.codecs):
        key = ("media", "codecs", index)
        if codec not in CODECS:
            yield Problem(key, f'"{codec}" is no codec of ours', choices(codec.upper(), CODECS))
        elif codec in section.codecs[:index]:
            yield Problem(key, f'"{codec}" is there twice', "leave one")
    if section.rtp_timeout_s < 0:
        yield Problem(("media", "rtp_timeout_s"), "is negative", "0 means never")
    if section.nat not in NAT:
        yield Problem(
            ("media", "nat"), f'"{section.nat}" is none of the choices', choices(section.nat, NAT)
        )


def _media_ports(settings: Settings) -> Iterator[Problem]:
    section = settings.media
    key = ("media", "ports")
    first, last = section.ports
    if not (1024 <= first <= 65534 and last <= 65535):
        yield Problem(key, f"[{first}, {last}] is out of range", "within 1024 to 65535")
    elif first % 2:
        yield Problem(
            key,
            f"begins with {first}, which is odd",
            f"begin with {first + 1}: even ports carry RTP",
        )
    elif last < first + 2 * section.workers - 1:
        mend = f"each worker needs a pair of ports of its own: [{first}, {first + 2 * section.workers - 1}] at least"
        yield Problem(key, f"[{first}, {last}] has too few ports", mend)
    else:
        for text in settings.sip.listen:
            try:
                listen = addresses.parse_listen(text)
            except ValueError:
                continue
            inside = listen.protocol == "udp" and first <= listen.port <= last
            if inside and addresses.overlap(listen.host, section.address):
                message = f"has sip.listen's port {listen.port} in its range"
                yield Problem(key, message, "move one of them")


def store(settings: Settings) -> Iterator[Problem]:
    """How long events wait to be written, and are kept."""
    section = settings.store
    if not 1 <= section.batch_ms <= LARGEST_BATCH_MS:
        mend = f"1 to {LARGEST_BATCH_MS}: it is what a power cut may cost"
        yield Problem(("store", "batch_ms"), f"{section.batch_ms} is out of range", mend)
    if section.keep_events_days < 1:
        yield Problem(
            ("store", "keep_events_days"), f"{section.keep_events_days} is too few", "1 at least"
        )
    if section.keep_audit_days < 1:
        yield Problem(
            ("store", "keep_audit_days"), f"{section.keep_audit_days} is too few", "1 at least"
        )


def cti(settings: Settings) -> Iterator[Problem]:
    """Endpoints that ZeroMQ can bind."""
    section = settings.cti
    for name in ("commands", "events"):
        endpoint: str = getattr(section, name)
        key = ("cti", name)
        scheme, found, rest = endpoint.partition("://")
        mend = f'"ipc:///run/ccd/{name}", or empty for the state folder'
        if not endpoint:
            continue
        if found and scheme == "tcp":
            instead = "listen" if name == "commands" else "listen_events"
            message = f'"{endpoint}" would be open to everybody'
            yield Problem(key, message, f'{instead} = "{rest}" serves other machines, with keys')
        elif scheme != "ipc" or not rest:
            yield Problem(key, f'"{endpoint}" is no ZeroMQ endpoint of this machine', mend)
    if section.commands and section.commands == section.events:
        yield Problem(("cti", "events"), "is the same endpoint as cti.commands", "give it its own")
    yield from _cti_listens(settings)
    yield from _cti_limits(settings)
    if section.replay_events < 0:
        yield Problem(("cti", "replay_events"), "is negative", "0 keeps none")


def _cti_listens(settings: Settings) -> Iterator[Problem]:
    section = settings.cti
    found: dict[str, tuple[str, int]] = {}
    for name in ("listen", "listen_events"):
        text: str = getattr(section, name)
        if not text:
            continue
        mend = '"0.0.0.0:7600" for every interface'
        try:
            found[name] = addresses.parse_host_port(text)
        except ValueError as error:
            yield Problem(("cti", name), f'"{text}" {error}', mend)
    if section.listen_events and not section.listen:
        message = "is of no use without cti.listen"
        yield Problem(("cti", "listen_events"), message, "give clients an address for commands too")
    if len(found) == 2 and found["listen"][1] and found["listen"] == found["listen_events"]:
        message = "is the same address as cti.listen"
        yield Problem(("cti", "listen_events"), message, "leave it out for the next port")
    if "listen" in found and not section.listen_events and found["listen"][1] == 65535:
        message = "leaves no next port for events"
        yield Problem(("cti", "listen"), message, "a lower one, or give cti.listen_events")


def _cti_limits(settings: Settings) -> Iterator[Problem]:
    section = settings.cti
    yield from not_negative(("cti", "requests_per_s"), section.requests_per_s, "no limit")
    if not 1 <= section.request_burst < 1e9:
        message = f"{section.request_burst:g} is out of range"
        yield Problem(("cti", "request_burst"), message, "1 at least")
    if section.lockout_attempts < 0:
        yield Problem(("cti", "lockout_attempts"), "is negative", "0 locks nobody out")
    yield from positive(("cti", "lockout_window_s"), section.lockout_window_s)
    yield from positive(("cti", "session_timeout_s"), section.session_timeout_s)
    yield from positive(("cti", "lockout_s"), section.lockout_s)
    if section.lockout_longest_s < section.lockout_s:
        message = f"{section.lockout_longest_s:g} is less than lockout_s"
        yield Problem(("cti", "lockout_longest_s"), message, "as long at least")
