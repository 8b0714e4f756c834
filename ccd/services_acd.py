"""The CTI's operations on the ACD while it works: who serves what, queues, contacts, reload."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ccd.acd.callbacks.engine import Callback
from ccd.acd.errors import AcdError
from ccd.acd.estimates.backtest import BackTest
from ccd.acd.estimates.estimator import Estimate
from ccd.acd.from_settings import ALL_QUEUES
from ccd.acd.stories.story import Story
from ccd.acd.voicemail.messages import Voicemail
from ccd.config import Agent, Queue, Settings
from ccd.cti.catalogue import (
    CallbackArgs,
    CallbacksResult,
    CallbackView,
    ChangesResult,
    ContactArgs,
    ContactMoveArgs,
    EstimatesResult,
    EstimateView,
    Nothing,
    QueueArgs,
    QueueRemoveArgs,
    ReloadArgs,
    ReloadResult,
    ScheduleCallbackArgs,
    ScheduleCallbackResult,
    SkillsArgs,
    SkillsResult,
    VoicemailsResult,
    VoicemailView,
)
from ccd.cti.session import Session
from ccd.cti.wire import CtiError, ErrorCode
from ccd.errors import CcdError
from ccd.live import ChangeRefusedError, Distribution, Live, QueueInUseError, WrongSettingsError
from ccd.reload import Plan
from ccd.settings.problems import SettingsError

SERVED = (
    *("agent_skills", "queue_add", "queue_change", "queue_remove", "contact_move", "explain"),
    *("estimates", "schedule_callback", "cancel_callback", "callbacks", "voicemails", "reload"),
)
"""The operations that are done here."""


class Acd(Distribution, Protocol):
    """What is asked of the ACD."""

    def move(self, contact: str, queue: str) -> bool:
        """Have a waiting contact wait in another queue; False where it does not wait."""

    def estimate_error(self, queue: str) -> BackTest:
        """How good this queue's last estimates were."""

    def estimate_now(self, queue: str) -> Estimate:
        """What would be said to a caller who came into this queue now."""


class Callbacks(Protocol):
    """What is asked of the desk that calls people back; times are seconds since the epoch."""

    def request(self, number: str, queue: str, due_at: float | None = None) -> str:
        """Have a customer called back; returns the callback's id. Raises `AcdError`."""

    def cancel(self, callback: str) -> None:
        """Nobody is to call him back. Raises `AcdError`."""

    @property
    def open(self) -> Sequence[Callback]:
        """Who is to be called back."""


class Voicemails(Protocol):
    """What is asked of the desk that takes messages."""

    @property
    def open(self) -> Sequence[Voicemail]:
        """Messages that nobody has heard, oldest first."""


class Changing(Protocol):
    """What is asked of the daemon."""

    @property
    def live(self) -> Live:
        """The settings that apply, and the way to change them."""

    @property
    def acd(self) -> Acd:
        """Who distributes."""

    @property
    def callbacks(self) -> Callbacks:
        """Who calls people back."""

    @property
    def voicemails(self) -> Voicemails:
        """Who takes messages."""

    def prepare(self, settings: Settings) -> Awaitable[None]:
        """Have all that is said under these settings ready to be heard."""

    def story(self, contact: str) -> Awaitable[Story]:
        """A contact's story. Raises ValueError for one that the journal does not know."""

    def reload(self, *, check: bool) -> Awaitable[Plan]:
        """Read the settings file again and apply it. Raises `CcdError`, having changed nothing."""


class AcdHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Changing) -> None:
        self._daemon = daemon

    # --- who serves what ---------------------------------------------------------------

    async def agent_skills(self, _session: Session, args: SkillsArgs) -> SkillsResult:
        """Change what an agent serves and can."""
        for queue in args.queues or ():
            if queue != ALL_QUEUES:
                _queue(self._daemon.live.settings, queue)

        def changed(settings: Settings) -> Settings:
            old = _agent(settings, args.agent)
            skills = {**old.skills, **args.skills}
            new = msgspec.structs.replace(
                old,
                queues=old.queues if args.queues is None else tuple(dict.fromkeys(args.queues)),
                skills={name: level for name, level in skills.items() if level > 0},
            )
            agents = tuple(new if each is old else each for each in settings.agent)
            return msgspec.structs.replace(settings, agent=agents)

        await self._change(changed)
        agent = _agent(self._daemon.live.settings, args.agent)
        return SkillsResult(agent=agent.name, queues=agent.queues, skills=agent.skills)

    # --- queues ------------------------------------------------------------------------

    async def queue_add(self, _session: Session, args: QueueArgs) -> ChangesResult:
        """Open a queue."""

        def changed(settings: Settings) -> Settings:
            if any(queue.name == args.queue for queue in settings.queue):
                raise CtiError(
                    ErrorCode.DUPLICATE_QUEUE, f"there is a queue {args.queue!r} already"
                )
            new = Queue(name=args.queue, **_given(args))
            return msgspec.structs.replace(settings, queue=(*settings.queue, new))

        return await self._change(changed)

    async def queue_change(self, _session: Session, args: QueueArgs) -> ChangesResult:
        """Change an open queue."""

        def changed(settings: Settings) -> Settings:
            old = _queue(settings, args.queue)
            new = msgspec.structs.replace(old, **_given(args))
            queues = tuple(new if each is old else each for each in settings.queue)
            return msgspec.structs.replace(settings, queue=queues)

        return await self._change(changed)

    async def queue_remove(self, _session: Session, args: QueueRemoveArgs) -> ChangesResult:
        """Close a queue, and have its agents forget it."""
        if args.move_to is not None:
            _queue(self._daemon.live.settings, args.move_to)
            if args.move_to == args.queue:
                raise CtiError(ErrorCode.BAD_ARGS, "move_to is the queue that is to be removed")

        def changed(settings: Settings) -> Settings:
            gone = _queue(settings, args.queue)
            agents = tuple(
                msgspec.structs.replace(
                    agent, queues=tuple(name for name in agent.queues if name != gone.name)
                )
                for agent in settings.agent
            )
            left = tuple(queue for queue in settings.queue if queue is not gone)
            return msgspec.structs.replace(settings, queue=left, agent=agents)

        moves = {} if args.move_to is None else {args.queue: args.move_to}
        return await self._change(changed, moves)

    # --- contacts ------------------------------------------------------------------------

    def contact_move(self, _session: Session, args: ContactMoveArgs) -> None:
        """Have a waiting contact wait in another queue."""
        _queue(self._daemon.live.settings, args.queue)
        if not self._daemon.acd.move(args.contact, args.queue):
            raise CtiError(
                ErrorCode.UNKNOWN_CONTACT,
                f"contact {args.contact!r} does not wait: it is over, with an agent, or unknown",
            )

    async def explain(self, _session: Session, args: ContactArgs) -> Story:
        """Tell a contact's story."""
        try:
            return await self._daemon.story(args.contact)
        except ValueError as error:
            raise CtiError(ErrorCode.UNKNOWN_CONTACT, str(error)) from error

    def estimates(self, _session: Session, _args: Nothing) -> EstimatesResult:
        """How long waits are likely to be, and what such words were worth."""
        acd = self._daemon.acd
        return EstimatesResult(
            estimates=tuple(
                _estimate(view.name, acd.estimate_now(view.name), acd.estimate_error(view.name))
                for view in acd.queues()
            )
        )

    def schedule_callback(
        self, _session: Session, args: ScheduleCallbackArgs
    ) -> ScheduleCallbackResult:
        """Have a customer called back."""
        _queue(self._daemon.live.settings, args.queue)
        callback = self._daemon.callbacks.request(args.number, args.queue, args.at)
        return ScheduleCallbackResult(callback=callback)

    def cancel_callback(self, _session: Session, args: CallbackArgs) -> None:
        """Have nobody call a customer back."""
        self._daemon.callbacks.cancel(args.callback)

    def callbacks(self, _session: Session, _args: Nothing) -> CallbacksResult:
        """Who is to be called back."""
        found = sorted(self._daemon.callbacks.open, key=lambda each: (each.enqueued_at, each.id))
        return CallbacksResult(
            callbacks=tuple(
                CallbackView(
                    callback=each.id,
                    queue=each.queue,
                    number=each.number,
                    origin=each.origin.value,
                    state=each.state.value,
                    enqueued_at=each.enqueued_at,
                    due_at=each.due_at,
                    tries=each.tries,
                    call=each.call,
                )
                for each in found
            )
        )

    def voicemails(self, _session: Session, _args: Nothing) -> VoicemailsResult:
        """Messages that nobody has heard."""
        return VoicemailsResult(
            voicemails=tuple(
                VoicemailView(
                    voicemail=each.id,
                    call=each.call,
                    queue=each.queue,
                    number=each.number,
                    path=each.path,
                    seconds=each.seconds,
                    left_at=each.left_at,
                )
                for each in self._daemon.voicemails.open
            )
        )

    # --- everything ------------------------------------------------------------------------

    async def reload(self, _session: Session, args: ReloadArgs) -> ReloadResult:
        """Read the settings file again."""
        try:
            plan = await self._daemon.reload(check=args.check)
        except CcdError as error:
            raise refusal(error) from error
        return ReloadResult(
            checked=args.check,
            changes=plan.apply,
            restart=tuple(each.key for each in plan.restart),
        )

    # --- inside ------------------------------------------------------------------------------

    async def _change(
        self,
        changed: Callable[[Settings], Settings],
        move_to: Mapping[str, str] | None = None,
    ) -> ChangesResult:
        """Make the settings what `changed` makes of them, or refuse in the CTI's words.

        What the change has us say to callers is rendered first. As others may change something
        meanwhile, the new settings are made again after that.
        """
        live = self._daemon.live
        try:
            wanted = changed(live.settings)
            live.preview(wanted, move_to=move_to)
            await self._daemon.prepare(wanted)
            plan = live.change(changed(live.settings), move_to=move_to)
        except (CcdError, AcdError) as error:
            raise refusal(error) from error
        return ChangesResult(changes=tuple(map(str, plan.apply)))


def _queue(settings: Settings, name: str) -> Queue:
    queues = {queue.name: queue for queue in settings.queue}
    if name not in queues:
        known = ", ".join(sorted(queues)) or "none"
        raise CtiError(ErrorCode.UNKNOWN_QUEUE, f"there is no queue {name!r}: there are {known}")
    return queues[name]


def _agent(settings: Settings, name: str) -> Agent:
    for agent in settings.agent:
        if agent.name == name:
            return agent
    raise CtiError(ErrorCode.UNKNOWN_AGENT, f"there is no agent {name!r}")


def refusal(error: CcdError | AcdError) -> CtiError:
    """What a client is told of a change that was refused."""
    match error:
        case CtiError():
            return error
        case WrongSettingsError() | SettingsError():
            problems = [str(problem) for problem in error.problems]
            return CtiError(ErrorCode.WRONG_SETTINGS, str(error), {"problems": problems})
        case QueueInUseError():
            return CtiError(ErrorCode.QUEUE_NOT_EMPTY, str(error))
        case AcdError():
            return CtiError(ErrorCode(error.code), str(error))
        case ChangeRefusedError():
            return CtiError(ErrorCode.REFUSED, str(error))
    return CtiError(ErrorCode.WRONG_SETTINGS, str(error), {"problems": str(error).splitlines()})


def _given(args: QueueArgs) -> dict[str, Any]:
    """The keys of a queue that the request names."""
    given = msgspec.structs.asdict(args)
    del given["queue"]
    return {name: value for name, value in given.items() if value is not None}


def _estimate(queue: str, now: Estimate, past: BackTest) -> EstimateView:
    return EstimateView(
        queue=queue,
        p50=now.p50,
        p90=now.p90,
        waits=past.waits,
        left=past.left,
        below_p50=past.below_p50,
        below_p90=past.below_p90,
        error_s=past.ours.absolute if past.ours else None,
        last_wait_error_s=past.last_wait.absolute if past.last_wait else None,
        mean_of_ten_error_s=past.mean_of_ten.absolute if past.mean_of_ten else None,
        sound=past.sound,
    )
