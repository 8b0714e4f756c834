"""What a request is refused for before anybody looks at its meaning (RFC 3261, 8.2.1 to 8.2.3)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ccd.sip.bodies import SDP
from ccd.sip.grammar import GrammarError, parse_name_addr
from ccd.sip.message import Request

Header = tuple[str, str]

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO")
"""What every user agent here understands; more by `serves`."""
KNOWN_METHODS = frozenset(
    (*METHODS, "REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH")
)
"""Methods of the IANA registry: refused 405 where not served; any other 501."""
EXTENSIONS = ("100rel", "timer", "replaces")
"""Option tags understood (RFC 3262, RFC 4028, RFC 3891)."""
SCHEMES = frozenset(("sip", "sips", "tel"))

Refusal = tuple[int, Sequence[Header]]


def screen(request: Request, serves: Collection[str], allow: Header) -> Refusal | None:
    """The status and headers to refuse `request` with, None where it may pass.

    `serves` are the methods understood besides `METHODS`, `allow` the Allow header naming all.
    """
    method = request.method
    if method not in METHODS and method not in serves:
        if request.to_tag and method == "REFER":
            return 603, ()
        if request.to_tag and method in ("SUBSCRIBE", "NOTIFY"):
            return 489, ()  # 481 would have a careful peer end the call with it
        return (405 if method in KNOWN_METHODS else 501), (allow,)
    scheme = request.uri_text.partition(":")[0].lower()
    if scheme not in SCHEMES:
        return 416, ()
    unknown = [option for option in request.headers.elements("Require") if option not in EXTENSIONS]
    if unknown:
        return 420, (("Unsupported", ", ".join(unknown)),)
    for contact in request.headers.elements("Contact"):
        if contact == "*":
            continue
        try:
            parse_name_addr(contact)
        except GrammarError:
            return 400, ()
    return None


def accepts_sdp(request: Request) -> bool:
    """Whether the sender takes a session description for an answer (RFC 3261, 20.1)."""
    if "Accept" not in request.headers:
        return True
    kinds = (
        value.partition(";")[0].strip().lower() for value in request.headers.elements("Accept")
    )
    return any(kind in (SDP, "application/*", "*/*") for kind in kinds)
