"""Who logged in over a client: remembered, to be said again over the next session.

A session does not outlive the daemon, nor a long break of the network; who sits at the client
does. Sans-IO: it is told what succeeded, and says what to ask for again. Passwords are kept in
this process's memory alone, for as long as the client is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOGGING_IN = frozenset({"authenticate", "log_in"})
"""Operations that say who somebody is; what they are refused is never asked again."""


class Credentials:
    """See the module."""

    def __init__(self) -> None:
        self._user: dict[str, Any] | None = None
        self._agents: dict[str, dict[str, Any]] = {}

    def __bool__(self) -> bool:
        return self._user is not None or bool(self._agents)

    def succeeded(self, op: str, args: Mapping[str, Any]) -> None:
        """An operation of this session was carried out."""
        match op:
            case "authenticate":
                self._user = dict(args)
            case "log_in":
                self._agents[args["agent"]] = dict(args)
            case "log_off":
                self._forget(args.get("agent"))

    def refused(self, op: str, args: Mapping[str, Any]) -> None:
        """One of `again` was: he is at another softphone, or his password is another one now."""
        if op == "authenticate":
            self._user = None
        else:
            self._agents.pop(args["agent"], None)

    def displaced(self) -> None:
        """This session acts for nobody any more, though it is the one in which he logged in."""
        self._forget(None)

    def again(self) -> list[tuple[str, dict[str, Any]]]:
        """What to ask for over a new session, in this order: operations and their arguments.

        An agent who is at work over another session by then stays there.
        """
        asked = [("authenticate", self._user)] if self._user is not None else []
        return asked + [
            ("log_in", {**args, "unless_taken": True}) for args in self._agents.values()
        ]

    def _forget(self, agent: str | None) -> None:
        """An agent; where none is named the one there is."""
        if agent is not None:
            self._agents.pop(agent, None)
        elif len(self._agents) == 1:
            self._agents.clear()
