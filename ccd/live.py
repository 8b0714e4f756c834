"""Changing a running centre: the one way, for the CTI's operations and for a reload.

Whoever wants something changed makes new settings and gives them to `Live.change`: they are
checked by the rules of the settings file, compared with those that apply (`ccd.reload`), and
made true, all of them or none. Nothing here waits, so no call comes in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from ccd.acd.errors import AcdError
from ccd.acd.views import QueueView
from ccd.config import Agent, Queue, Settings
from ccd.errors import CcdError
from ccd.reload import Change, Plan, Verb, element, plan, with_what_applies
from ccd.settings.check import check
from ccd.settings.problems import Problem


class Distribution(Protocol):
    """What of the ACD can be changed while it works."""

    def queues(self) -> list[QueueView]:
        """Every queue."""

    def add_queue(self, queue: Queue) -> None:
        """Open a queue."""

    def change_queue(self, queue: Queue) -> None:
        """Change an open queue; nobody who waits loses his place."""

    def remove_queue(self, name: str, move_to: str | None) -> None:
        """Close a queue; who waits in it goes to `move_to`. Raises `AcdError` without one."""

    def add_agent(self, agent: Agent) -> None:
        """Know an agent, or know him otherwise; his phone and capacity count from his next log-on."""

    def change_agent(self, agent: str, queues: Sequence[str], skills: Mapping[str, int]) -> None:
        """Change what a known agent serves and can, from now on, logged on or not."""

    def remove_agent(self, agent: str) -> None:
        """Log an agent off, when what he has in hand is over, and know him no longer."""

    def change_settings(self, settings: Settings) -> None:
        """Take what the ACD takes as whole tables (`_WHOLE`) from here."""


class Answering(Protocol):
    """What of the rooms beside the ACD can be changed while they work."""

    def phones_changed(self, settings: Settings) -> None:
        """Take phones and passwords from here; one that is gone may not register again."""

    def routes_changed(self, settings: Settings) -> None:
        """Take numbers and flows from here; calls in a flow keep the one they began with."""


class ChangeRefusedError(CcdError):
    """New settings that are not taken; nothing was changed."""


class WrongSettingsError(ChangeRefusedError):
    """They break rules of the settings file; `problems` has each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


class QueueInUseError(ChangeRefusedError):
    """A queue that goes while somebody waits in it."""

    def __init__(self, queue: str, waiting: int) -> None:
        super().__init__(
            f"queue {queue!r} cannot be removed: {waiting} wait in it. Move them to another one, "
            "or try again when it is empty"
        )


class Live:
    """The settings that apply now, and how they are changed."""

    def __init__(
        self, settings: Settings, *, distribution: Distribution, answering: Answering
    ) -> None:
        self._settings = settings
        self._distribution = distribution
        self._answering = answering
        self._log = structlog.get_logger("live")

    @property
    def settings(self) -> Settings:
        """As they apply now: what needs a restart is still as it was at the start."""
        return self._settings

    def change(
        self,
        new: Settings,
        *,
        changed_flows: Sequence[str] = (),
        move_to: Mapping[str, str] | None = None,
    ) -> Plan:
        """Make `new` true as far as that is possible now; return what was done and what was not.

        `move_to` says, by queue that goes, where those who wait there are to wait. Raises
        `ChangeRefusedError`, or `AcdError`, and has changed nothing then.
        """
        moves = move_to or {}
        todo = self._checked(new, changed_flows, moves)
        before, after = self._settings, with_what_applies(self._settings, new)
        done: list[Change] = []
        try:
            self._change_tables(todo.apply, after)
            for change in todo.apply:
                self._make(change, after, moves)
                done.append(change)
        except BaseException:
            self._change_tables(todo.apply, before)
            self._take_back(done, before)
            raise
        self._settings = after
        tables = {change.table for change in todo.apply}
        # These cannot fail, so they are last.
        if "phone" in tables:
            self._answering.phones_changed(after)
        if tables & {"route", "service_flow", "flow"}:
            self._answering.routes_changed(after)
        for change in todo.apply:
            self._log.info("changed", what=str(change))
        return todo

    def preview(
        self,
        new: Settings,
        *,
        changed_flows: Sequence[str] = (),
        move_to: Mapping[str, str] | None = None,
    ) -> Plan:
        """Return what `change` would do, and change nothing. Raises `ChangeRefusedError` as it would."""
        return self._checked(new, changed_flows, move_to or {})

    def _checked(
        self, new: Settings, changed_flows: Sequence[str], moves: Mapping[str, str]
    ) -> Plan:
        todo = plan(self._settings, new, changed_flows)
        self._refuse_if_wrong(new)
        self._refuse_if_in_use(todo, moves)
        return todo

    def _refuse_if_wrong(self, new: Settings) -> None:
        """Raise for what is wrong with `new` and was not before (a file deleted since, say)."""
        before = {str(problem) for problem in check(self._settings)}
        problems = [problem for problem in check(new) if str(problem) not in before]
        if problems:
            raise WrongSettingsError(problems)

    def _refuse_if_in_use(self, todo: Plan, moves: Mapping[str, str]) -> None:
        waiting = {view.name: view.waiting for view in self._distribution.queues()}
        for change in todo.apply:
            if change.table == "queue" and change.verb is Verb.REMOVE and change.name not in moves:
                count = waiting.get(change.name, 0)
                if count:
                    raise QueueInUseError(change.name, count)

    def _make(self, change: Change, settings: Settings, moves: Mapping[str, str]) -> None:
        make = _MAKERS.get((change.table, change.verb))
        if make is not None:
            make(self._distribution, change, settings, moves)

    def _change_tables(self, changes: Sequence[Change], settings: Settings) -> None:
        """Have the ACD take those tables that it takes whole, where one of them differs."""
        if {change.table for change in changes} & _WHOLE:
            self._distribution.change_settings(settings)

    def _take_back(self, done: Sequence[Change], before: Settings) -> None:
        """Undo what was done of a change that failed on its way; the failure goes on upwards."""
        reopened = False
        for change in reversed(done):
            back = Change(verb=_OPPOSITE[change.verb], table=change.table, name=change.name)
            try:
                self._make(back, before, {})
            except (AcdError, ValueError) as error:
                # Somebody was quicker: a call that came into a queue just added, say.
                self._log.error("not taken back", what=str(change), reason=str(error))
            reopened |= back.table == "queue" and back.verb is Verb.ADD
        if reopened:  # those who served it were made to forget it
            for agent in before.agent:
                self._distribution.change_agent(agent.name, agent.queues, agent.skills)


_WHOLE = frozenset(
    {"skill", "customer_class", "customer", "calendar", "disposition", "not_ready_reason"}
    # The dialling plan is made of all that can be dialled.
    | {"dialling", "agent", "queue", "route"}
)

_OPPOSITE = {Verb.ADD: Verb.REMOVE, Verb.CHANGE: Verb.CHANGE, Verb.REMOVE: Verb.ADD}

_Make = Callable[[Distribution, Change, Settings, Mapping[str, str]], None]


def _add_queue(to: Distribution, change: Change, settings: Settings, _m: Mapping[str, str]) -> None:
    to.add_queue(element(settings, "queue", change.name))


def _change_queue(
    to: Distribution, change: Change, settings: Settings, _m: Mapping[str, str]
) -> None:
    to.change_queue(element(settings, "queue", change.name))


def _remove_queue(to: Distribution, change: Change, _s: Settings, moves: Mapping[str, str]) -> None:
    to.remove_queue(change.name, moves.get(change.name))


def _add_agent(to: Distribution, change: Change, settings: Settings, _m: Mapping[str, str]) -> None:
    to.add_agent(element(settings, "agent", change.name))


def _change_agent(
    to: Distribution, change: Change, settings: Settings, _m: Mapping[str, str]
) -> None:
    agent: Agent = element(settings, "agent", change.name)
    to.add_agent(agent)
    to.change_agent(agent.name, agent.queues, agent.skills)


def _remove_agent(to: Distribution, change: Change, _s: Settings, _m: Mapping[str, str]) -> None:
    to.remove_agent(change.name)


_MAKERS: dict[tuple[str, Verb], _Make] = {
    ("queue", Verb.ADD): _add_queue,
    ("queue", Verb.CHANGE): _change_queue,
    ("queue", Verb.REMOVE): _remove_queue,
    ("agent", Verb.ADD): _add_agent,
    ("agent", Verb.CHANGE): _change_agent,
    ("agent", Verb.REMOVE): _remove_agent,
}
"""Tables that are changed element by element."""
