"""What is said of an operation: its name, arguments, result, who may call it, how it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ccd.cti.wire import ErrorCode


class Role(StrEnum):
    """What a session may do."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    QA = "qa"
    ADMIN = "admin"
    """Whoever may open the daemon's own socket on this machine is it."""


EVERY_ROLE = frozenset(Role)
NOBODY_IN_PARTICULAR: frozenset[Role] = frozenset()
"""No role needed, not even a log-in."""


class Args(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation's arguments; one that is not a field is an error."""


class Nothing(Args, frozen=True, kw_only=True):
    """No arguments."""


Text = Annotated[str, Meta(min_length=1, max_length=128)]


class AgentArgs(Args, frozen=True, kw_only=True):
    """Arguments of what is about one agent."""

    agent: Text | None = None
    """Empty: the one that logged in over this session."""


@dataclass(frozen=True)
class Spec:
    """What is known of an operation to everybody."""

    name: str
    summary: str
    args: type[Args] = Nothing
    result: Any = None
    roles: frozenset[Role] = EVERY_ROLE
    changes: bool = False
    """It changes something, and leaves an audit line."""
    for_agent: bool = False
    """It is about the agent in `args.agent`, which the server fills in and checks."""
    errors: tuple[ErrorCode, ...] = ()
    """Those beside what can happen to any request."""


SUPERVISORS = frozenset({Role.SUPERVISOR, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})

FOR_AGENT = (ErrorCode.NOT_LOGGED_IN, ErrorCode.UNKNOWN_AGENT, ErrorCode.WRONG_STATE)
"""How whatever is about an agent can be refused."""
