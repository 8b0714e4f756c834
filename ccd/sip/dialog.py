"""Dialogs (RFC 3261, 12): who talks to whom, by which route, at which sequence number."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

from sipmessage import URI

from ccd.sip.compose import OutgoingRequest
from ccd.sip.grammar import GrammarError, NameAddr, params, parse_name_addr, parse_uri
from ccd.sip.hop import Hop, default_port
from ccd.sip.message import Request, Response


class Order(Enum):
    """How an incoming request's CSeq compares with the dialog's (RFC 3261, 12.2.2)."""

    IN_ORDER = "in order"
    OUT_OF_ORDER = "out of order"


class Dialog:
    """One dialog, early or confirmed, as seen from our side.

    `local` and `remote` are whole From/To values including tags, the remote one as the
    peer wrote it. `target` is the peer's Contact URI and `routes` the route set in the
    order in which our requests carry it. `source` is where the peer's messages come from.
    Our own sequence numbers are counted by the session, over all its early dialogs.
    """

    __slots__ = (
        "call_id", "local", "local_tag", "remote", "remote_cseq", "remote_tag",
        "routes", "source", "target", "via_nat",
    )  # fmt: skip

    def __init__(
        self,
        *,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        remote_cseq: int | None,
        target: str,
        routes: tuple[str, ...],
        source: Hop,
        via_nat: bool,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.remote_cseq = remote_cseq
        self.target = target
        self.routes = routes
        self.source = source
        self.via_nat = via_nat

    @classmethod
    def of_server(cls, request: Request, source: Hop, local_tag: str) -> Dialog:
        """The dialog a received INVITE makes (RFC 3261, 12.1.1). Raises `GrammarError`."""
        top = request.top_via
        return cls(
            call_id=request.headers["Call-ID"],
            local=f"{request.headers['To']};tag={local_tag}",
            local_tag=local_tag,
            remote=request.headers["From"],
            remote_tag=request.from_tag,
            remote_cseq=request.cseq_number,
            # RFC 2543 peers (no From tag) need no Contact.
            target=contact_uri(
                request,
                fallback=None if request.from_tag else parse_name_addr(request.headers["From"]).uri,
            ),
            routes=tuple(request.headers.elements("Record-Route")),
            source=source,
            # Its Via names another address than it sends from: there is a NAT between.
            via_nat=top.host.strip("[]") != source.host and is_address(top.host),
        )

    @classmethod
    def of_client(cls, invite: OutgoingRequest, response: Response, local_tag: str) -> Dialog:
        """The dialog a response to our INVITE makes (12.1.2). Raises `GrammarError`."""
        target = contact_uri(response, fallback=invite.uri)
        return cls(
            call_id=invite.call_id,
            local=invite.from_,
            local_tag=local_tag,
            remote=response.headers["To"],
            remote_tag=response.to_tag,
            remote_cseq=None,
            target=target,
            routes=tuple(reversed(response.headers.elements("Record-Route"))),
            source=invite.hop,
            via_nat=_is_private(target) and not _is_private(f"sip:{invite.hop.host}"),
        )

    def order(self, request: Request) -> Order:
        """Judge an incoming request's CSeq and remember it (12.2.2)."""
        if self.remote_cseq is not None and request.cseq_number <= self.remote_cseq:
            return Order.OUT_OF_ORDER
        self.remote_cseq = request.cseq_number
        return Order.IN_ORDER

    def refresh_target(self, message: Request | Response) -> None:
        """Follow the peer's Contact, where it sent a usable one (12.2.1.2, 12.2.2)."""
        if "Contact" in message.headers:
            try:
                self.target = contact_uri(message)
            except GrammarError:
                return

    def request(
        self,
        method: str,
        *,
        via: str,
        cseq: int,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> OutgoingRequest:
        """A request within the dialog, by loose or strict routing (12.2.1.1)."""
        uri, routes = self.target, self.routes
        if routes and not is_loose(routes[0]):
            # A strict router wants to find itself in the Request-URI.
            uri = route_uri(routes[0])
            routes = (*routes[1:], f"<{self.target}>")
        return OutgoingRequest(
            method,
            uri,
            self.next_hop(),
            via=via,
            from_=self.local,
            to=self.remote,
            call_id=self.call_id,
            cseq=cseq,
            routes=routes,
            headers=headers,
            body=body,
            content_type=content_type,
        )

    def next_hop(self) -> Hop:
        """Where requests of this dialog go: first route or target, as far as IP can tell.

        The source of the peer's messages is preferred where the URI is a name (nobody here
        resolves names), where a NAT is in between, and where there is a connection to
        the same host already.
        """
        uri = parse_uri(route_uri(self.routes[0]) if self.routes else self.target)
        host = uri.host.strip("[]")
        if not is_address(host) or (self.via_nat and not self.routes):
            return self.source
        return self._hop_of(uri, host)

    def contact_hop(self) -> Hop:
        """Where the Contact itself leads; the source where that is a name."""
        uri = parse_uri(self.target)
        host = uri.host.strip("[]")
        if not is_address(host):
            return self.source
        hop = self._hop_of(uri, host)
        # Not the connection that is gone, but the port the far end listens on.
        return Hop(hop.protocol, host, uri.port or default_port(hop.protocol))

    def _hop_of(self, uri: URI, host: str) -> Hop:
        protocol = (uri.parameters.get("transport") or self.source.protocol).lower()
        if uri.scheme == "sips":
            protocol = "tls"
        if protocol not in ("udp", "tcp", "tls"):
            protocol = self.source.protocol
        if self.source.reliable and protocol == self.source.protocol and host == self.source.host:
            return self.source
        return Hop(protocol, host, uri.port or default_port(protocol))


def contact_uri(message: Request | Response, fallback: str | None = None) -> str:
    """The URI of the first Contact. Raises `GrammarError` where there is none to use."""
    contacts = message.headers.elements("Contact")
    if not contacts:
        if fallback is not None:
            return fallback
        raise GrammarError("Contact is missing")
    try:
        return parse_name_addr(contacts[0]).uri
    except GrammarError:
        if fallback is not None:
            return fallback
        raise GrammarError("Contact is not valid") from None


def route_uri(route: str) -> str:
    """The URI of a Route value."""
    return _route(route).uri


def is_loose(route: str) -> bool:
    """Whether the router of this Route value is a loose one (`;lr`)."""
    uri = _route(route).uri
    at = uri.find(";", uri.find("@") + 1)
    return at >= 0 and "lr" in params(uri[at:].split("?", 1)[0])


def _route(route: str) -> NameAddr:
    try:
        return parse_name_addr(route)
    except GrammarError:
        # An unreadable Record-Route still has to be echoed; treat it as a loose hop.
        return NameAddr("", "sip:unreadable.invalid;lr", "")


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    """Whether `host` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def _is_private(uri: str) -> bool:
    host = parse_uri(uri).host.strip("[]")
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
