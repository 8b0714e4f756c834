"""The composition root: the one place that knows every room, and joins them.

`Daemon` makes the parts and gives each what it needs; `run` is its life from start to
SIGTERM. Rooms never import this.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import signal
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

import ccd
from ccd.acd.callbacks.desk import CallbackDesk
from ccd.acd.errors import AcdError
from ccd.acd.floor import LeftOpen
from ccd.acd.from_settings import destinations
from ccd.acd.last_agents import DAY_S
from ccd.acd.service import Acd
from ccd.acd.stories.reading import read_story
from ccd.acd.stories.story import Story
from ccd.acd.voicemail.desk import VoicemailDesk
from ccd.acd.waiting import wording
from ccd.acd.waiting.languages import needed
from ccd.centre import Centre
from ccd.config import Cti, Settings
from ccd.config import Host as HostSettings
from ccd.cti.access import Account, AuditLine
from ccd.cti.bucket import Rate
from ccd.cti.catalogue import Role
from ccd.cti.doors import Remote
from ccd.cti.keys import KeyFolder, KeyRing
from ccd.cti.lockout import LockoutPolicy
from ccd.cti.server import Server
from ccd.cti.session import Session
from ccd.cti.teams import Teams
from ccd.customers.directory import directory
from ccd.errors import CcdError
from ccd.events import (
    AGENT_STATES,
    CallCleared,
    Event,
    EventStream,
    MediaWorkerLost,
    MediaWorkerStarted,
    RecordingStarted,
    RecordingStopped,
    SystemStarted,
    SystemStopping,
)
from ccd.health import Health
from ccd.host.book import Book
from ccd.host.guard import Guard
from ccd.host.words import Host
from ccd.ivr.flow import Entry, Flow
from ccd.ivr.problems import FlowError
from ccd.ivr.prompts import vocabulary
from ccd.ivr.reader import load
from ccd.live import ChangeRefusedError, Live
from ccd.media.music import hold_music
from ccd.media.pool import MediaPool
from ccd.media.prompt_book import PromptBook
from ccd.media.protocol import Report, WorkerReady
from ccd.media.recorder import repair
from ccd.model import Cause, Party, SystemState
from ccd.paths import StatePaths
from ccd.reload import Plan
from ccd.robot_agents import RobotAgents
from ccd.services import services
from ccd.services_routing import router_of
from ccd.services_snapshot import SnapshotHandlers
from ccd.settings.addresses import parse_host_port
from ccd.sip.agent import UserAgent
from ccd.sip.endpoint import Endpoint
from ccd.sip.events import SipEvent
from ccd.sip.hop import Hop, bracketed
from ccd.sip.overload import LAG_HIGH_S, LAG_LOW_S
from ccd.sip.timers import Timers
from ccd.stats.adherence import Adherence
from ccd.stats.roster import RosterError, Stint, parse
from ccd.store.database import open_read_only
from ccd.store.errors import StoreError
from ccd.store.journal import Writer
from ccd.store.queries import (
    conversations,
    events_after,
    events_of_types,
    open_callbacks,
    open_voicemails,
)
from ccd.switch.patch import RecordingDone

DRAIN_S = 3.0
"""How long a stop waits for far ends to confirm the calls that it has ended."""

HISTORY = 20_000
"""Events of earlier runs that are kept for replay: read in 0.2 s, and a minute of a busy day."""

LOAD_LOOK_S = 0.5
"""How often the event loop's lateness is looked at for `system_status`."""

STORY_FLUSH_S = 1.0
"""How long a story waits for its newest events to be in the journal."""

SESSION_LOST = "session_lost"
"""Not-ready reason of an agent whose softphone fell silent."""


class Daemon:
    """Every part of a running call centre, and how they are joined."""

    def __init__(
        self, settings: Settings, paths: StatePaths, reread: Callable[[], Settings] | None = None
    ) -> None:
        """`reread` reads the settings file again; None where there is none (a demo)."""
        self.settings = settings
        """As they were at the start; `live.settings` are those that apply now."""
        self._reread = reread
        self._reloading = asyncio.Lock()
        self._accounts_of: Settings | None = None
        self._accounts: dict[str, Account] = {}
        self.host = host_of(settings.host)
        """The brokerage's systems; None where the settings name none."""
        self.adherence = Adherence(roster_of(settings))
        """What agents keep of their rosters."""
        self.teams = Teams()
        """Who serves which queue with whom."""
        self._flows: dict[str, Flow] = {}
        """By file name, every flow that a number leads to."""
        self.paths = paths
        self.log = structlog.get_logger("daemon")
        self.wall_clock: Callable[[], float] = time.time
        self.started_at = self.wall_clock()
        self.boot = f"{int(self.started_at):x}"
        """Tells this run from those before it: in call numbers and to CTI clients."""
        self.joined = False
        """All parts are there and know each other."""
        self.loop = asyncio.get_running_loop()
        self._chores: set[asyncio.Task[None]] = set()
        self._parts = AsyncExitStack()
        """What has been started, to be stopped in the opposite order."""
        self.stopping = asyncio.Event()
        """Set to have `run` end."""

    centre: Centre
    health: Health
    """What is wrong with the system now."""
    live: Live
    """The settings that apply, and the way to change them."""

    async def start(self) -> None:
        """Bring everything up, from the store to the doors; raises `CcdError` or OSError."""
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        self.centre.plant.start()
        self._chores.add(task := self.loop.create_task(self._watch_load()))
        task.add_done_callback(self._chores.discard)
        self._parts.callback(task.cancel)
        _calm_garbage_collector()
        self.events.publish(SystemStarted(version=ccd.__version__))
        self.log.info("started", sip=self.sip_address, version=ccd.__version__)

    async def _start(self) -> None:
        settings = self.settings
        self.writer = Writer(
            self.paths.database,
            settings.store.batch_ms,
            keep_events_s=settings.store.keep_events_days * 86_400.0 or None,
            keep_audit_s=settings.store.keep_audit_days * 86_400.0,
            alarm=self._store_alarm,
        )
        self._parts.push_async_callback(self._close_store)
        history = await asyncio.to_thread(self._recent_events)
        self.events = EventStream(self.wall_clock, self.writer.last_seq)
        self.events.subscribe(self.writer.append)
        await asyncio.to_thread(self._recall_states)
        self.events.subscribe(self.adherence.apply)
        self.events.subscribe(self.teams.apply)
        self.health = Health(self.events, self.started_at)
        self.cti = self._make_cti(history)

        self._flows = self._read_flows(settings)
        self.prompts = PromptBook(self.paths.prompts, studio=self.paths.studio)
        self.languages = await self._prepare_prompts(settings, self._flows)
        music = await asyncio.to_thread(hold_music, self.paths.prompts)

        self.media = MediaPool(
            folder=self.paths.sockets,
            address=settings.media.address,
            ports=settings.media.ports,
            workers=settings.media.workers,
            on_report=self._media_report,
            on_lost=self._media_lost,
            log=structlog.get_logger("media"),
        )
        await self.media.start()
        self._parts.push_async_callback(self.media.stop)
        # Only now are media workers of an earlier run done with what they recorded.
        self._end_what_was_left()
        sip = settings.sip
        left_open = await asyncio.to_thread(self._left_open)
        self.endpoint = Endpoint(
            sip.listen,
            self._sip_event,
            certificate=sip.certificate,
            private_key=sip.private_key,
            agent_factory=self._user_agent,
            advertise=sip.advertise,
            unreachable=self._unreachable,
        )
        await self.endpoint.start()
        self._parts.push_async_callback(self.endpoint.stop)
        # No wait between the endpoint's start and this: nobody hears half a daemon.
        self._join(music)
        self.centre.floor.restore(left_open)
        self.centre.floor.voicemail.recover(self.writer.left_open, self._salvage)
        self._parts.callback(self.centre.close)
        await self.cti.start()
        self._parts.push_async_callback(self.cti.stop)

    def _join(self, music: Path) -> None:
        """Make the parts that decide, on a bound endpoint and running media workers."""
        settings = self.settings
        self.centre = Centre(
            settings,
            endpoint=self.endpoint,
            media=self.media,
            media_address=self._media_address(),
            events=self.events,
            flows=self._routed(settings),
            service_flows=self._service_flows(settings),
            prompts=self.prompts,
            hold_music=music,
            recordings=Path(settings.recording.folder).expanduser()
            if settings.recording.folder
            else self.paths.recordings,
            messages=self.paths.voicemail,
            languages=self.languages,
            salvage=self._salvage,
            boot=self.boot,
            loop=self.loop,
            wall_clock=self.wall_clock,
            customers=directory(settings, path=self.paths.customers, journal=self.paths.database),
        )
        self.live = Live(settings, distribution=self.acd, answering=self)
        self.joined = True

    @property
    def sip_address(self) -> str:
        """HOST:PORT at which we hear SIP: over UDP if at all, else over what there is."""
        local = self.endpoint.local
        host, port = local.get("udp") or next(iter(local.values()))
        return f"{bracketed(host)}:{port}"

    def description(self) -> dict[str, Any]:
        """Where to reach us, for whoever started us."""
        return {
            "ready": True,
            "version": ccd.__version__,
            "sip": self.sip_address,
            "cti": self.cti.remote_commands,
            "service": self.settings.route[0].dnis if self.settings.route else "",
            "pid": os.getpid(),
            "media_pids": [self.media.pid(worker) for worker in range(self.media.workers)],
            "state": str(self.paths.root),
        }

    def counts(self) -> dict[str, float]:
        """Everything that is counted, by name."""
        return self.centre.counts() | {
            "store.waiting": self.writer.waiting,
            "store.dropped": self.writer.dropped,
            "cti.sessions": len(self.cti.sessions),
        }

    async def drain(self, reason: str) -> None:
        """Take no more calls, end those there are, and wait for that to be confirmed."""
        self.centre.admission.draining = True
        self.events.publish(SystemStopping(reason=reason))
        self.centre.switch.lines.release_all()
        for call in list(self.centre.switch.calls.values()):
            self.centre.switch.clear_call(call, Cause.SHUTDOWN)
        try:
            await asyncio.wait_for(self.centre.switch.idle.wait(), DRAIN_S)
        except TimeoutError:
            self.log.warning("calls not confirmed as ended", calls=len(self.centre.switch.calls))

    async def close(self) -> None:
        """Stop all that was started, the store last; also after a start that failed half-way."""
        await self._parts.aclose()

    async def _close_store(self) -> None:
        lost = await asyncio.to_thread(self.writer.close)
        if lost:
            self.log.error("events not written", events=lost)

    # --- what the rooms below say -----------------------------------------------------

    def _sip_event(self, event: SipEvent) -> None:
        self.centre.handle_sip(event)

    def _user_agent(self, local: Mapping[str, tuple[str, int]]) -> UserAgent:
        return UserAgent(
            local,
            rng=random.SystemRandom(),
            name=f"ccd/{ccd.__version__}",
            timers=Timers.of(self.settings.sip.t1_ms / 1000),
            serves=("REGISTER",),
            session_expires=self.settings.sip.session_expires_s or None,
        )

    def _unreachable(self, hop: Hop) -> None:
        if self.joined:
            self.centre.connection_lost(hop)

    def _media_report(self, worker: int, report: Report) -> None:
        if isinstance(report, WorkerReady):
            self.events.publish(MediaWorkerStarted(worker=worker, pid=report.pid))
        elif self.joined:
            self.centre.switch.handle_media(worker, report)

    def _media_lost(self, worker: int, reason: str) -> None:
        calls = self.centre.switch.media_lost(worker, reason) if self.joined else 0
        self.events.publish(MediaWorkerLost(worker=worker, reason=reason, calls=calls))

    def _salvage(self, path: str, done: RecordingDone) -> None:
        """Make a recording whole whose worker died while it wrote, off the loop."""
        self._chores.add(task := self.loop.create_task(self._repair(Path(path), done)))
        task.add_done_callback(self._chores.discard)

    async def _repair(self, path: Path, done: RecordingDone) -> None:
        try:
            seconds = await asyncio.to_thread(repair, path)
        except (OSError, ValueError) as error:
            done(str(path), 0.0, str(error))
        else:
            done(str(path), seconds, "")

    def _store_alarm(self, error: StoreError | None) -> None:
        """Called in the writer's thread."""
        if error is None:
            self.log.info("the store writes again")
        else:
            self.log.error("the store cannot write; events wait in memory", reason=str(error))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self.loop.call_soon_threadsafe(self._store_is, error)

    async def _watch_load(self) -> None:
        """Have `system_status` say when the loop is late, before calls are shed."""
        while True:
            await asyncio.sleep(LOAD_LOOK_S)
            late_s = self.centre.plant.late_s
            if late_s >= LAG_HIGH_S or late_s < LAG_LOW_S:
                reason = f"the event loop is {late_s * 1000:.0f} ms late"
                self.health.set(SystemState.OVERLOADED, late_s >= LAG_HIGH_S, reason)

    def _store_is(self, error: StoreError | None) -> None:
        self.health.set(SystemState.STORE_FAILING, error is not None, str(error or ""))

    # --- changes while it runs ------------------------------------------------------------

    @property
    def acd(self) -> Acd:
        """Who distributes."""
        return self.centre.acd

    @property
    def callbacks(self) -> CallbackDesk:
        """Who calls people back."""
        return self.centre.floor.callbacks

    @property
    def voicemails(self) -> VoicemailDesk:
        """Who takes messages."""
        return self.centre.floor.voicemail

    async def reload(self, *, check: bool = False) -> Plan:
        """Read the settings file again and make it true, or only say what that would be.

        Returns what was done and what needs a restart. Raises `CcdError`, and has changed
        nothing then: a file, or a flow, with mistakes; a queue that goes while callers wait.
        """
        if self._reread is None:
            raise ChangeRefusedError(
                "this daemon runs on settings that are built in: there is no file to read again"
            )
        async with self._reloading:
            new = await asyncio.to_thread(self._reread)
            roster = await asyncio.to_thread(roster_of, self.settings)
            try:
                flows = await asyncio.to_thread(self._read_flows, new)
            except FlowError as error:
                raise ChangeRefusedError(str(error)) from error
            changed = [name for name, flow in flows.items() if self._flows.get(name) != flow]
            if check:
                return self.live.preview(new, changed_flows=changed)
            await self._prepare_prompts(new, flows)
            before, self._flows = self._flows, flows
            try:
                done = self.live.change(new, changed_flows=changed)
            except BaseException:
                self._flows = before
                raise
        self.adherence.change(roster)
        for each in done.restart:
            self.log.warning("not applied", reason=str(each))
        self.log.info("reloaded", changes=len(done.apply), restart=len(done.restart))
        return done

    async def prepare(self, settings: Settings) -> None:
        """Have all that is said under these settings ready to be heard; they may be changed to then."""
        await self._prepare_prompts(settings, self._flows)

    def hang_up(self) -> None:
        """SIGHUP came: reload, and leave what is wrong with the file in the log."""
        self._chores.add(task := self.loop.create_task(self._reload_calmly()))
        task.add_done_callback(self._chores.discard)

    async def _reload_calmly(self) -> None:
        try:
            await self.reload()
        except (CcdError, AcdError) as error:
            for line in str(error).splitlines():
                self.log.error("not reloaded", reason=line)

    def phones_changed(self, settings: Settings) -> None:
        """Take phones and their passwords from here."""
        self.centre.change_phones(settings.phone)

    def routes_changed(self, settings: Settings) -> None:
        """Take numbers from here, and the flows that were read."""
        self.centre.ivr.change_flows(self._routed(settings), self._service_flows(settings))

    async def story(self, contact: str) -> Story:
        """A contact's story up to now. Raises ValueError for one that the journal does not know."""
        return await asyncio.to_thread(self._read_story, contact)

    def _read_story(self, contact: str) -> Story:
        self.writer.flush(STORY_FLUSH_S)
        database = open_read_only(self.paths.database)
        try:
            return read_story(database, contact)
        finally:
            database.close()

    # --- what clients do ------------------------------------------------------------------

    def _account(self, name: str) -> Account | None:
        """Who is called so in the settings that apply now; None where they know nobody."""
        settings = self.live.settings
        if self._accounts_of is not settings:
            self._accounts_of, self._accounts = settings, accounts(settings)
        return self._accounts.get(name)

    def _make_cti(self, history: list[Event]) -> Server:
        settings = self.settings.cti
        keys = KeyFolder(Path(settings.keys) if settings.keys else self.paths.keys)
        remote = remote_doors(settings, keys)
        return Server(
            services(self),
            self.events,
            commands=settings.commands or self.paths.cti_commands,
            publish=settings.events or self.paths.cti_events,
            people=self._account,
            remote=remote,
            ring=KeyRing(keys) if remote is not None else None,
            rate=Rate(settings.requests_per_s, settings.request_burst),
            lockout=LockoutPolicy(
                settings.lockout_attempts,
                settings.lockout_window_s,
                settings.lockout_s,
                settings.lockout_longest_s,
            ),
            session_timeout_s=settings.session_timeout_s,
            replay_events=settings.replay_events,
            history=history,
            audit=self._audit,
            on_session_lost=self._session_lost,
            picture=SnapshotHandlers(self).picture,
            clock=self.wall_clock,
        )

    def _recent_events(self) -> list[Event]:
        """The newest events of earlier runs, for clients that a restart cut off."""
        count = min(self.settings.cti.replay_events, HISTORY)
        database = open_read_only(self.paths.database)
        try:
            return events_after(database, max(0, self.writer.last_seq - count), count)
        finally:
            database.close()

    def _recall_states(self) -> None:
        """What agents did today before we were started."""
        if not self.settings.acd.roster:
            return
        now = datetime.fromtimestamp(self.wall_clock())
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        database = open_read_only(self.paths.database)
        try:
            for event in events_of_types(database, tuple(AGENT_STATES), since=midnight):
                self.adherence.apply(event)
        finally:
            database.close()

    def _left_open(self) -> LeftOpen:
        """What earlier runs promised customers, and with whom they spoke."""
        database = open_read_only(self.paths.database)
        try:
            since = self.wall_clock() - self.settings.acd.last_agent_days * DAY_S
            return LeftOpen(
                callbacks=open_callbacks(database),
                messages=open_voicemails(database),
                conversations=conversations(database, since),
            )
        finally:
            database.close()

    def _audit(self, line: AuditLine) -> None:
        self.writer.append_audit(line)
        structlog.get_logger("audit").info("cti", **msgspec.structs.asdict(line))

    def _session_lost(self, session: Session) -> None:
        """A client fell silent: its agents get no more calls until they come back, and it is not
        asked where calls go."""
        self.centre.routes.cancel(router_of(session), lost=True)
        for agent in session.agents:
            with contextlib.suppress(AcdError):  # logged off already, say
                self.centre.acd.not_ready(agent, SESSION_LOST)

    # --- parts of the start --------------------------------------------------------------

    def _end_what_was_left(self) -> None:
        """A daemon that was killed left calls without an end; they ended with it.

        Their recordings were finished by the media worker, if that outlived the daemon;
        else they are made whole here.
        """
        started: dict[str, str] = {}
        for event in self.writer.left_open:
            if isinstance(event, RecordingStarted):
                started[event.call] = event.path
            elif isinstance(event, RecordingStopped):
                started.pop(event.call, None)
        for call in self.writer.unfinished_calls:
            self.log.warning("call left open by an earlier run", call=call)
            self.events.publish(
                CallCleared(call=call, cause=Cause.SHUTDOWN, released_by=Party.SYSTEM)
            )
        for call, path in started.items():
            self._salvage(path, partial(self._salvaged, call))

    def _salvaged(self, call: str, path: str, seconds: float, error: str) -> None:
        if error:
            self.log.error("recording not saved", call=call, path=path, reason=error)
        self.events.publish(RecordingStopped(call=call, path=path, seconds=seconds))

    def _read_flows(self, settings: Settings) -> dict[str, Flow]:
        """All flows that numbers or agents lead to, by file. Raises `FlowError` with all that is wrong."""
        queues = destinations(settings)
        entries = {
            **{each.flow: Entry.AGENT for each in settings.service_flow},
            **{each.flow: Entry.NUMBER for each in settings.route},
        }
        files: dict[str, Flow] = {}
        for file, entry in entries.items():
            files[file], warnings = load(Path(file), queues=queues, entered=(entry,))
            for warning in warnings:
                self.log.warning("flow", problem=str(warning))
        return files

    async def _prepare_prompts(
        self, settings: Settings, flows: Mapping[str, Flow]
    ) -> Collection[str]:
        """Render what flows and queues say, before the first caller is to hear it.

        Returns the languages in which callers are spoken to.
        """
        said = vocabulary(flows.values())
        chosen = {prompt.lang for prompt in said}
        if self.paths.customers.exists():  # who is in there may be spoken to in either
            chosen.update(wording.LANGUAGES)
        languages = needed(settings, chosen)
        await self.prompts.prepare([*said, *wording.vocabulary(languages)])
        if self.joined:
            self.centre.floor.speak(languages)
        return languages

    def _routed(self, settings: Settings) -> dict[str, Flow]:
        """The flow of every routed number."""
        return {route.dnis: self._flows[route.flow] for route in settings.route}

    def _service_flows(self, settings: Settings) -> dict[str, Flow]:
        """Flows that agents send callers through, by name."""
        return {each.name: self._flows[each.flow] for each in settings.service_flow}

    def _media_address(self) -> str:
        """The address that we put into SDP."""
        settings = self.settings
        if settings.sip.advertise:
            return settings.sip.advertise
        if settings.media.address not in ("0.0.0.0", "::"):
            return settings.media.address
        return next(iter(self.endpoint.local.values()))[0]


def accounts(settings: Settings) -> dict[str, Account]:
    """Everybody who may come in over the CTI, by name."""
    agents = (
        Account(each.name, Role(each.role), each.password_hash, True, each.full_name)
        for each in settings.agent
    )
    users = (
        Account(each.name, Role(each.role), each.password_hash, False, each.full_name)
        for each in settings.user
    )
    return {each.name: each for each in (*users, *agents)}


def roster_of(settings: Settings) -> tuple[Stint, ...]:
    """Who is to do what. Raises `RosterError`."""
    path = settings.acd.roster
    if not path:
        return ()
    try:
        return parse(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise RosterError(f"{path}: {error}") from error


def host_of(settings: HostSettings) -> Host | None:
    """The brokerage's systems, guarded; None where there are none. Raises `HostError`: a bad book."""
    if not settings.book:
        return None
    return Guard(
        Book(Path(settings.book)),
        timeout_s=settings.timeout_s,
        failures=settings.failures,
        rest_s=settings.rest_s,
        clock=time.monotonic,
    )


def remote_doors(settings: Cti, keys: KeyFolder) -> Remote | None:
    """How other machines reach us, None where they do not. Raises CcdError without a key pair."""
    if not settings.listen:
        return None
    host, port = parse_host_port(settings.listen)
    beside = f"{bracketed(host)}:{port + 1 if port else 0}"
    return Remote(
        f"tcp://{settings.listen}", f"tcp://{settings.listen_events or beside}", keys.server()
    )


def _calm_garbage_collector() -> None:
    """Keep full collections off the call path.

    A call makes some thousand objects and few cycles; what was made to start need never be
    looked at again. Worth a twelfth of a call's CPU (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def run(
    settings: Settings,
    paths: StatePaths,
    *,
    ready: Callable[[dict[str, Any]], None],
    robots: int = 0,
    reread: Callable[[], Settings] | None = None,
) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status. SIGHUP reads the settings again.

    `ready` is told addresses and process numbers when calls can come; `robots` of the
    settings' agents are played by the lab's robots; `reread` reads the settings file again
    (None: there is none). Raises `CcdError` or OSError where
    it cannot start.
    """
    daemon = Daemon(settings, paths, reread)
    signals: list[str] = []

    def told_to_stop(number: signal.Signals) -> None:
        signals.append(number.name)
        daemon.stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        daemon.loop.add_signal_handler(number, told_to_stop, number)
    await daemon.start()
    daemon.loop.add_signal_handler(signal.SIGHUP, daemon.hang_up)
    robot_agents = RobotAgents(settings, paths)
    try:
        if robots:
            await robot_agents.start(robots, daemon.sip_address)
        ready(daemon.description() | {"robots": robots, "robots_pid": robot_agents.pid})
        await daemon.stopping.wait()
        await daemon.drain(", ".join(signals) or "asked to")
    finally:
        await robot_agents.stop()
        await daemon.close()
    return 0
