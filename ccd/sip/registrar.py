"""Where our phones are: REGISTER and the bindings it makes (RFC 3261, 10.3). Sans-IO.

A binding joins a user to a contact URI (what goes into the Request-URI) and to the hop the
REGISTER came from (where the request is sent). The Contact's own host is not trusted with
that: behind NAT it is an address that we can't reach, and from a stranger it could be
anybody's. Who may register is the authenticator's business; its verdict comes in as `identity`.
"""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping

import msgspec

from ccd.sip import grammar
from ccd.sip.hop import Hop
from ccd.sip.message import Request

MIN_EXPIRES_S = 60
"""Shorter registrations are answered 423 (RFC 3261, 10.3, 7): each costs two messages."""

MAX_EXPIRES_S = 3600
"""Longer ones are shortened; above an hour a 423 would not be allowed either."""

DEFAULT_EXPIRES_S = 3600
"""When the phone does not say, or not in figures (RFC 3261, 10.2.1.1)."""

MAX_CONTACTS = 10
"""Bindings of one user: the phones of one person. The oldest gives way to an eleventh,
for a phone that restarts behind NAT leaves its old one behind."""

MAX_USERS = 100_000
"""Users with bindings, which matters only where anybody may register."""


class Binding(msgspec.Struct, frozen=True):
    """One contact of a user; `expires_at` is on the loop's clock."""

    user: str
    contact: str
    hop: Hop
    q: float
    expires_at: float
    call_id: str
    cseq: int
    registered_at: float


class Registered(msgspec.Struct, frozen=True):
    """A binding was made, or `refreshed`: the same contact at the same hop, for longer."""

    binding: Binding
    refreshed: bool


class Unregistered(msgspec.Struct, frozen=True):
    """A binding is gone: `removed` by the phone, `expired`, `replaced` or `unreachable`."""

    binding: Binding
    reason: str


RegistrarEvent = Registered | Unregistered


class Reply(msgspec.Struct, frozen=True):
    """What to answer a REGISTER with."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()
    phrase: str | None = None


class _Refusal(Exception):  # noqa: N818 - a reply on its way out of the checks
    def __init__(self, code: int, phrase: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.reply = Reply(code, headers, phrase)


class _Wish(msgspec.Struct, frozen=True):
    """One Contact of a request, understood."""

    key: tuple[object, ...]
    contact: str
    q: float
    expires: int


class Registrar:
    """The location service of one domain.

    `known` says whether a user is one of ours. Times are the loop's; expiry is by
    `get_timer` and `handle_timer`. Changes come out of `next_event`, in order.
    """

    def __init__(
        self,
        known: Callable[[str], bool],
        *,
        min_expires: int = MIN_EXPIRES_S,
        max_expires: int = MAX_EXPIRES_S,
        default_expires: int = DEFAULT_EXPIRES_S,
        max_contacts: int = MAX_CONTACTS,
    ) -> None:
        self._known = known
        self._min_expires = min_expires
        self._max_expires = max_expires
        self._default_expires = default_expires
        self._max_contacts = max_contacts
        self._users: dict[str, dict[tuple[object, ...], Binding]] = {}
        self._expiries: list[tuple[float, str, str]] = []
        """Heap of (time, user, contact), with entries that a refresh has overtaken."""
        self._connections: dict[Hop, set[str]] = {}
        """Users reached over each TCP or TLS connection."""
        self._size = 0
        self._events: deque[RegistrarEvent] = deque()

    def register(
        self, request: Request, source: Hop, now: float, *, identity: str | None = None
    ) -> Reply:
        """Carry out a REGISTER whose sender is who it says, and say what to answer.

        `identity` is the user name that was proven; it may register its own address only.
        None: nobody was asked. All changes of a request are made, or none (10.3, 7).
        """
        try:
            return self._register(request, source, now, identity)
        except _Refusal as refusal:
            return refusal.reply
        except grammar.GrammarError as error:
            return Reply(400, phrase=str(error))

    def lookup(self, user: str) -> list[Binding]:
        """Where to reach a user: by q, among equals the one registered last first."""
        return sorted(self._users.get(user, {}).values(), key=lambda b: (-b.q, -b.registered_at))

    def unreachable(self, hop: Hop, now: float) -> None:
        """The connection to `hop` broke: what was reached over it can't be any more."""
        for user in self._connections.pop(hop, ()):
            for binding in list(self._users.get(user, {}).values()):
                if binding.hop == hop:
                    self._remove(binding, "unreachable")

    def get_timer(self) -> float | None:
        """When `handle_timer` wants to be called, or None."""
        self._forget_overtaken()
        return self._expiries[0][0] if self._expiries else None

    def handle_timer(self, now: float) -> None:
        """Let go of what has expired."""
        self._forget_overtaken()
        while self._expiries and self._expiries[0][0] <= now:
            _, user, contact = heapq.heappop(self._expiries)
            for binding in list(self._users.get(user, {}).values()):
                if binding.contact == contact and binding.expires_at <= now:
                    self._remove(binding, "expired")
            self._forget_overtaken()

    def next_event(self) -> RegistrarEvent | None:
        """The oldest change not yet told, or None."""
        return self._events.popleft() if self._events else None

    def __iter__(self) -> Iterator[Binding]:
        for bindings in self._users.values():
            yield from bindings.values()

    @property
    def counts(self) -> Mapping[str, int]:
        """Rows kept: users with bindings, bindings, and what serves to find them."""
        return {
            "users": len(self._users),
            "bindings": self._size,
            "connections": len(self._connections),
            "expiries": len(self._expiries),
        }

    # --- one request

    def _register(self, request: Request, source: Hop, now: float, identity: str | None) -> Reply:
        required = request.headers.elements("Require")
        if required:  # we have no extension to offer (10.3, 2)
            raise _Refusal(420, "Bad Extension", (("Unsupported", ", ".join(required)),))
        user = grammar.parse_uri(grammar.parse_name_addr(request.headers["To"]).uri).user or ""
        if not user or not self._known(user):
            raise _Refusal(404, "No Such Phone")
        if identity is not None and identity != user:
            raise _Refusal(403, "Not Your Address")
        contacts = request.headers.elements("Contact")
        call_id, cseq = request.headers["Call-ID"], request.cseq_number
        if contacts == ["*"]:
            self._remove_all(request, user, call_id, cseq)
        elif contacts:
            wishes = [self._wish(request, contact) for contact in contacts]
            if len(wishes) > self._max_contacts:
                raise _Refusal(403, "Too Many Contacts")
            if user not in self._users and len(self._users) >= MAX_USERS:
                raise _Refusal(503, "Registrar Full", (("Retry-After", "60"),))
            for wish in wishes:  # nothing is changed before all may be
                self._check_order(self._users.get(user, {}).get(wish.key), call_id, cseq)
            for wish in wishes:
                self._grant(user, wish, source, call_id, cseq, now)
        return Reply(200, self._contact_headers(user, now))

    def _wish(self, request: Request, contact: str) -> _Wish:
        if contact == "*":
            raise _Refusal(400, "Contact * Beside Others")
        address = grammar.parse_name_addr(contact)
        parameters = grammar.params(address.params)
        uri = grammar.parse_uri(address.uri)
        if uri.scheme not in ("sip", "sips") or not uri.host:
            raise _Refusal(400, "Contact Is No SIP URI")
        text = parameters.get("expires")
        if text is None:
            text = request.headers.get("Expires")
        expires = self._default_expires
        if text is not None and text.isascii() and text.isdigit():
            expires = int(text) if len(text) <= 10 else self._max_expires
        if 0 < expires < self._min_expires:
            raise _Refusal(423, "Interval Too Brief", (("Min-Expires", str(self._min_expires)),))
        transport = str(uri.parameters.get("transport") or "udp").lower()
        return _Wish(
            # The parts that must agree for two URIs to be one (19.1.4), as far as phones vary them.
            (uri.scheme, uri.user, uri.host.lower(), uri.port, transport),
            address.uri,
            _q(parameters.get("q")),
            min(expires, self._max_expires),
        )

    def _check_order(self, binding: Binding | None, call_id: str, cseq: int) -> None:
        """A request that a newer one of the same phone has overtaken changes nothing (10.3, 7)."""
        if binding is not None and binding.call_id == call_id and binding.cseq >= cseq:
            raise _Refusal(500, "CSeq Out Of Order")

    def _remove_all(self, request: Request, user: str, call_id: str, cseq: int) -> None:
        if request.headers.get("Expires") != "0":
            raise _Refusal(400, "Contact * Without Expires 0")
        bindings = list(self._users.get(user, {}).values())
        for binding in bindings:
            self._check_order(binding, call_id, cseq)
        for binding in bindings:
            self._remove(binding, "removed")

    def _grant(
        self, user: str, wish: _Wish, source: Hop, call_id: str, cseq: int, now: float
    ) -> None:
        old = self._users.get(user, {}).get(wish.key)
        if wish.expires == 0:
            if old is not None:
                self._remove(old, "removed")
            return
        binding = Binding(
            user, wish.contact, source, wish.q, now + wish.expires, call_id, cseq, now
        )
        bindings = self._users.get(user, {})
        if old is None and len(bindings) >= self._max_contacts:
            self._remove(min(bindings.values(), key=lambda b: b.registered_at), "replaced")
        self._insert(wish.key, binding)
        refreshed = old is not None and (old.contact, old.hop) == (wish.contact, source)
        self._events.append(Registered(binding, refreshed))

    def _contact_headers(self, user: str, now: float) -> tuple[tuple[str, str], ...]:
        headers = []
        for binding in self.lookup(user):
            q = f";q={binding.q:g}" if binding.q != 1.0 else ""
            left = max(0, round(binding.expires_at - now))
            headers.append(("Contact", f"<{binding.contact}>;expires={left}{q}"))
        return tuple(headers)

    # --- the table

    def _insert(self, key: tuple[object, ...], binding: Binding) -> None:
        bindings = self._users.setdefault(binding.user, {})
        old = bindings.get(key)
        bindings[key] = binding
        if old is None:
            self._size += 1
        elif old.hop != binding.hop:
            self._disconnect(old)
        if binding.hop.reliable:
            self._connections.setdefault(binding.hop, set()).add(binding.user)
        heapq.heappush(self._expiries, (binding.expires_at, binding.user, binding.contact))
        if len(self._expiries) > 4 * self._size + 64:  # a phone that refreshes all the time
            self._expiries = [(b.expires_at, b.user, b.contact) for b in self]
            heapq.heapify(self._expiries)

    def _remove(self, binding: Binding, reason: str) -> None:
        bindings = self._users[binding.user]
        for key, kept in bindings.items():
            if kept is binding:
                del bindings[key]
                self._size -= 1
                break
        if not bindings:
            del self._users[binding.user]
        self._disconnect(binding)
        self._events.append(Unregistered(binding, reason))

    def _disconnect(self, gone: Binding) -> None:
        """Take a user off a connection that no binding uses now."""
        users = self._connections.get(gone.hop)
        left = self._users.get(gone.user, {}).values()
        if users is not None and not any(b.hop == gone.hop for b in left):
            users.discard(gone.user)
            if not users:
                del self._connections[gone.hop]

    def _forget_overtaken(self) -> None:
        """Pop heap entries that no binding stands behind any more."""
        while self._expiries:
            at, user, contact = self._expiries[0]
            if any(
                b.expires_at == at and b.contact == contact
                for b in self._users.get(user, {}).values()
            ):
                return
            heapq.heappop(self._expiries)


def _q(text: str | None) -> float:
    if text is None or re.fullmatch(r"0(\.\d{0,3})?|1(\.0{0,3})?", text) is None:
        return 1.0
    return float(text)
