"""The CTI's operations behind an agent's screen: what he works with, how his queues are."""

from __future__ import annotations

from typing import Protocol

from ccd.centre import Centre
from ccd.config import Agent, Settings
from ccd.cti.desk_operations import (
    ContactView,
    DispositionView,
    MyCallsArgs,
    PulseResult,
    QueuePulse,
    SendMessageArgs,
    SendMessageResult,
    ServedQueueView,
    WordView,
    WorkplaceResult,
)
from ccd.cti.record_operations import CallRecordsArgs, CallRecordsResult
from ccd.cti.server import Server
from ccd.cti.session import Session
from ccd.cti.spec import AgentArgs
from ccd.cti.teams import Teams
from ccd.cti.wire import CtiError, ErrorCode
from ccd.events import MessageSent
from ccd.live import Live
from ccd.model import AgentState
from ccd.paths import StatePaths
from ccd.services_records import page
from ccd.stats.adherence import Adherence

SERVED = ("workplace", "pulse", "my_calls", "send_message")
"""The operations that are done here."""

MOST_OF_A_TEAM = 200
"""More than a person looks through."""

PULSES_A_SECOND = 250
"""How many screens may ask together: some per cent of a core."""

FRESH_S = 0.5
"""A queue is looked at twice a second at most where many ask."""

MANY = 100
"""Sessions."""


class Staffed(Protocol):
    """What is asked of the daemon."""

    centre: Centre
    paths: StatePaths
    adherence: Adherence
    teams: Teams
    cti: Server

    @property
    def live(self) -> Live:
        """The settings that apply."""


class DeskHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Staffed) -> None:
        self._daemon = daemon
        self._pulses: dict[str, tuple[float, QueuePulse]] = {}
        """By queue, and when that was, on the loop's clock."""

    def workplace(self, _session: Session, args: AgentArgs) -> WorkplaceResult:
        """Who he is and what he works with."""
        settings = self._daemon.live.settings
        agent = _agent(settings, args.agent or "")
        acd = self._daemon.centre.acd
        view = acd.agent(agent.name)
        served = view.queues if view is not None else agent.queues
        queues = [acd.queue_config(queue.name) for queue in acd.queues()]
        return WorkplaceResult(
            agent=agent.name,
            full_name=agent.full_name,
            phone=acd.phone_of(agent.name) or agent.phone,
            queues=tuple(
                ServedQueueView(
                    name=queue.name,
                    title=queue.title,
                    script=queue.script,
                    service_level_s=queue.service_level_s,
                    wrap_up_s=queue.wrap_up_s,
                    disposition_required=queue.wrap_up_requires_disposition,
                )
                for queue in queues
                if queue.name in served
            ),
            reasons=tuple(
                WordView(name=each.name, title=each.title) for each in settings.not_ready_reason
            ),
            dispositions=tuple(
                DispositionView(name=each.name, title=each.title, queues=each.queues)
                for each in settings.disposition
            ),
            flows=tuple(
                WordView(name=each.name, title=each.title) for each in settings.service_flow
            ),
            host=bool(settings.host.book),
            contacts=(
                *(
                    ContactView(
                        name=each.name, kind="agent", title=each.full_name, extension=each.extension
                    )
                    for each in settings.agent
                    if each.name != agent.name
                ),
                *(
                    ContactView(name=queue.name, kind="queue", title=queue.title)
                    for queue in queues
                ),
            ),
        )

    def pulse(self, _session: Session, args: AgentArgs) -> PulseResult:
        """How his queues are."""
        name, acd = args.agent or "", self._daemon.centre.acd
        if not acd.knows(name):
            raise _unknown(name)
        view = acd.agent(name)
        served = view.queues if view is not None else ()
        at = self._daemon.centre.wall_clock()
        return PulseResult(
            at=at,
            adherence=self._daemon.adherence.of(name, at),
            queues=tuple(self._pulse_of(queue) for queue in served),
            team=self._daemon.teams.of(served, but=name, most=MOST_OF_A_TEAM),
            again_s=len(self._daemon.cti.sessions) / PULSES_A_SECOND,
        )

    def _pulse_of(self, queue: str) -> QueuePulse:
        """How a queue is, or, where many ask at once, was half a second ago."""
        now = self._daemon.centre.loop.time()
        known = self._pulses.get(queue) if len(self._daemon.cti.sessions) > MANY else None
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        view = self._daemon.centre.acd.queue(queue)
        pulse = QueuePulse(
            queue=queue,
            waiting=view.waiting,
            oldest_wait_s=None if view.oldest is None else now - view.oldest,
            idle_agents=view.idle_agents,
            agents=view.agents,
        )
        self._pulses[queue] = now, pulse
        return pulse

    async def my_calls(self, _session: Session, args: MyCallsArgs) -> CallRecordsResult:
        """His own calls."""
        wanted = CallRecordsArgs(agent=args.agent, since=args.since, limit=args.limit)
        return await page(self._daemon.paths.database, wanted)

    def send_message(self, session: Session, args: SendMessageArgs) -> SendMessageResult:
        """A line for somebody's screen."""
        readers = self._readers(args)
        by = session.user or session.agent or session.client
        for reader in readers:
            self._daemon.centre.events.publish(MessageSent(agent=reader, by=by, text=args.text))
        return SendMessageResult(agents=tuple(readers))

    def _readers(self, args: SendMessageArgs) -> list[str]:
        acd = self._daemon.centre.acd
        here = [view for view in acd.agents() if view.state is not AgentState.LOGGED_OUT]
        if args.queue is not None and args.agent is None:
            if all(queue.name != args.queue for queue in acd.queues()):
                raise CtiError(ErrorCode.UNKNOWN_QUEUE, f"there is no queue {args.queue!r}")
            return [view.name for view in here if args.queue in view.queues]
        if args.agent is None or args.queue is not None:
            raise CtiError(ErrorCode.BAD_ARGS, "say to whom: an agent, or a queue")
        if not acd.knows(args.agent):
            raise _unknown(args.agent)
        if all(view.name != args.agent for view in here):
            raise CtiError(ErrorCode.WRONG_STATE, f"{args.agent!r} is not logged on")
        return [args.agent]


def _agent(settings: Settings, name: str) -> Agent:
    found = next((each for each in settings.agent if each.name == name), None)
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> CtiError:
    return CtiError(ErrorCode.UNKNOWN_AGENT, f"the settings have no agent {name!r}")
