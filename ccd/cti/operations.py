"""Every operation of the CTI as a typed method, for `Client` and `SyncClient`.

Generated from the catalogue by `python -m ccd.cti.generate_operations`: do not edit by hand.
All raise CtiError; docs/cti.md says with which codes, and what arguments and results mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccd.acd.stories.story import Story
from ccd.config import Announce, Callback, Overflow, Ring, Voicemail
from ccd.control.recording import Audience
from ccd.cti.call_operations import CallResult
from ccd.cti.catalogue import (
    AuthenticateResult,
    CallbacksResult,
    ChangesResult,
    CustomersResult,
    EstimatesResult,
    LockedAccountsResult,
    LockKind,
    LogInResult,
    MonitorStartResult,
    PingResult,
    ReloadResult,
    ReplayResult,
    RouteRegisterResult,
    RouteSelectResult,
    RoutesResult,
    ScheduleCallbackResult,
    SkillsResult,
    SnapshotCallResult,
    SnapshotDeviceResult,
    SnapshotResult,
    StatusResult,
    SystemStatusResult,
    UnlockAccountResult,
    VoicemailsResult,
    WrapUpResult,
)
from ccd.cti.colleague_operations import ParkedCallsResult, PlaceResult
from ccd.cti.desk_operations import PulseResult, SendMessageResult, WorkplaceResult
from ccd.cti.record_operations import CallRecordsResult
from ccd.customers.match import Match, Record
from ccd.host.words import Holdings
from ccd.model import AgentState, ListenMode, Outcome
from ccd.store.customers import Note


class Operations:
    """The operations, for asyncio."""

    async def call(self, op: str, *, timeout_s: float | None = None, **args: Any) -> Any:
        """Carry out an operation by name."""
        raise NotImplementedError

    async def _op(self, op: str, **args: Any) -> Any:
        """Carry it out with those arguments that were given."""
        given = {name: value for name, value in args.items() if value is not None}
        return await self.call(op, **given)

    async def make_call(
        self,
        number: str = "",
        data: Mapping[str, str] | None = None,
        agent: str | None = None,
    ) -> CallResult:
        """Ring the agent's own phone, then whom he calls. Emergency numbers are always called,
        from a locked seat too. With a call on hold his phone is there already.
        """
        result: CallResult = await self._op("make_call", number=number, data=data, agent=agent)
        return result

    async def dial_digits(
        self,
        digits: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Say whom to call, in a call that was begun without a number."""
        await self._op("dial_digits", digits=digits, call=call, agent=agent)

    async def hold_call(self, call: str | None = None, agent: str | None = None) -> None:
        """Leave the conversation, and stay connected; the other hears music."""
        await self._op("hold_call", call=call, agent=agent)

    async def retrieve_call(self, call: str | None = None, agent: str | None = None) -> None:
        """Be back in a conversation that was put on hold."""
        await self._op("retrieve_call", call=call, agent=agent)

    async def alternate_call(self, agent: str | None = None) -> CallResult:
        """Hold the call in which he speaks, and speak in the one on hold."""
        result: CallResult = await self._op("alternate_call", agent=agent)
        return result

    async def consultation_call(
        self,
        call: str | None = None,
        number: str = "",
        data: Mapping[str, str] | None = None,
        agent: str | None = None,
    ) -> CallResult:
        """Hold the call, and call somebody else; its data goes along."""
        result: CallResult = await self._op(
            "consultation_call", call=call, number=number, data=data, agent=agent
        )
        return result

    async def reconnect_call(self, agent: str | None = None) -> CallResult:
        """Leave the second call, and be back in the one on hold."""
        result: CallResult = await self._op("reconnect_call", agent=agent)
        return result

    async def transfer_call(self, agent: str | None = None) -> CallResult:
        """Leave both calls, and have the other two parties speak with each other; where the second
        still rings, the first is his when he answers.
        """
        result: CallResult = await self._op("transfer_call", agent=agent)
        return result

    async def conference_call(self, agent: str | None = None) -> CallResult:
        """Have all parties of both calls speak together."""
        result: CallResult = await self._op("conference_call", agent=agent)
        return result

    async def single_step_transfer(
        self,
        number: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Give the call to a colleague, a queue or a number outside at once. Where nobody answers
        there, the caller is back in his queue at the place of his age.
        """
        await self._op("single_step_transfer", number=number, call=call, agent=agent)

    async def single_step_conference(
        self,
        number: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Call somebody into the conversation."""
        await self._op("single_step_conference", number=number, call=call, agent=agent)

    async def clear_connection(self, call: str | None = None, agent: str | None = None) -> None:
        """Leave the call; a phone that rings for the agent is declined."""
        await self._op("clear_connection", call=call, agent=agent)

    async def clear_call(self, call: str | None = None, agent: str | None = None) -> None:
        """End the call for everybody."""
        await self._op("clear_call", call=call, agent=agent)

    async def generate_digits(
        self,
        digits: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Key digits to the other parties."""
        await self._op("generate_digits", digits=digits, call=call, agent=agent)

    async def associate_data(
        self,
        data: Mapping[str, str],
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Attach data to the call; it goes where the caller goes."""
        await self._op("associate_data", data=data, call=call, agent=agent)

    async def send_to_ivr(
        self,
        flow: str,
        call: str | None = None,
        data: Mapping[str, str] | None = None,
        agent: str | None = None,
    ) -> None:
        """Send the caller through a service flow (to key a PIN, say) and have him back. The agent
        hears nothing of it, and it is not recorded; ReturnedFromIvr says what came of it.
        """
        await self._op("send_to_ivr", flow=flow, call=call, data=data, agent=agent)

    async def recall_from_ivr(self, call: str | None = None, agent: str | None = None) -> None:
        """Have the caller back before the flow is done with him."""
        await self._op("recall_from_ivr", call=call, agent=agent)

    async def answer_call(self, call: str | None = None, agent: str | None = None) -> None:
        """Have the agent's phone, which rings, answer by itself (NOTIFY of `talk`). One that
        cannot is `not_reachable`: answer it at the phone.
        """
        await self._op("answer_call", call=call, agent=agent)

    async def start_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Record the conversation from now on."""
        await self._op("start_recording", call=call, agent=agent)

    async def stop_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Record it no longer. Where all is recorded it is for supervisors, unless
        `recording.agents_may_stop`.
        """
        await self._op("stop_recording", call=call, agent=agent)

    async def pause_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Keep what follows out of the recording, as silence, until `resume_recording` or for
        `recording.pause_longest_s`.
        """
        await self._op("pause_recording", call=call, agent=agent)

    async def resume_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Go on recording."""
        await self._op("resume_recording", call=call, agent=agent)

    async def hear_voicemail(self, voicemail: str, agent: str | None = None) -> CallResult:
        """Ring the agent's phone and play him this message, which waits for nobody meanwhile.
        There `generate_digits` keys 1 to hear it again, 2 when he is done with it, 3 to have
        its sender called back; one that he is not done with waits again.
        """
        result: CallResult = await self._op("hear_voicemail", voicemail=voicemail, agent=agent)
        return result

    async def play_message(
        self,
        message: str,
        call: str | None = None,
        to: Audience = Audience.ALL,
        agent: str | None = None,
    ) -> None:
        """Play a message into the conversation, once."""
        await self._op("play_message", message=message, call=call, to=to, agent=agent)

    async def join_call(
        self,
        call: str | None = None,
        to_agent: str | None = None,
        mode: ListenMode = ListenMode.SILENT,
        agent: str | None = None,
    ) -> CallResult:
        """Listen to a call, whisper to its agent, or speak with all: the listener's own phone is
        rung. While he listens his mode changes at once. `qa` may only be silent.
        """
        result: CallResult = await self._op(
            "join_call", call=call, to_agent=to_agent, mode=mode, agent=agent
        )
        return result

    async def take_over_call(self, agent: str | None = None) -> CallResult:
        """Who listens has the call from now on, and its agent leaves it."""
        result: CallResult = await self._op("take_over_call", agent=agent)
        return result

    async def directed_pickup(
        self,
        call: str | None = None,
        from_agent: str | None = None,
        agent: str | None = None,
    ) -> CallResult:
        """Take a call that rings at a colleague's: the agent's own phone is rung for it. Where he
        does not answer, it goes back to its place.
        """
        result: CallResult = await self._op(
            "directed_pickup", call=call, from_agent=from_agent, agent=agent
        )
        return result

    async def group_pickup(self, agent: str | None = None) -> CallResult:
        """Take the oldest call that rings at anybody who shares a queue with the agent."""
        result: CallResult = await self._op("group_pickup", agent=agent)
        return result

    async def deflect_call(
        self,
        number: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Send the call that rings at the agent to a colleague, a queue or a number outside; he
        stays ready. Where nobody answers there, it goes back to its place.
        """
        await self._op("deflect_call", number=number, call=call, agent=agent)

    async def park_call(
        self,
        call: str | None = None,
        place: str | None = None,
        agent: str | None = None,
    ) -> PlaceResult:
        """Leave the call in a numbered place, with music. Nobody takes it in time: it rings at the
        agent again, then waits in its queue.
        """
        result: PlaceResult = await self._op("park_call", call=call, place=place, agent=agent)
        return result

    async def unpark_call(self, place: str, agent: str | None = None) -> CallResult:
        """Ring the agent's phone for the call in this place; it stays there until he answers."""
        result: CallResult = await self._op("unpark_call", place=place, agent=agent)
        return result

    async def parked_calls(self) -> ParkedCallsResult:
        """The calls that are parked, oldest first."""
        result: ParkedCallsResult = await self._op("parked_calls")
        return result

    async def lock_seat(self, agent: str | None = None) -> None:
        """The agent leaves his seat: he is not ready (`locked`) and nobody acts for him until it
        is opened. The call in hand goes on; emergency numbers are called.
        """
        await self._op("lock_seat", agent=agent)

    async def open_seat(self, password: str = "", agent: str | None = None) -> None:
        """Open a locked seat, with the agent's password, or as a supervisor; he stays not ready."""
        await self._op("open_seat", password=password, agent=agent)

    async def call_records(
        self,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        queue: str | None = None,
        ani: str | None = None,
        outcome: Outcome | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> CallRecordsResult:
        """Records of calls that are over, newest first, a page at a time."""
        result: CallRecordsResult = await self._op(
            "call_records",
            since=since,
            until=until,
            agent=agent,
            queue=queue,
            ani=ani,
            outcome=outcome,
            after=after,
            limit=limit,
        )
        return result

    async def workplace(self, agent: str | None = None) -> WorkplaceResult:
        """Who an agent is, and what he works with: his queues with their scripts, reasons,
        dispositions, flows, and whom he can call.
        """
        result: WorkplaceResult = await self._op("workplace", agent=agent)
        return result

    async def pulse(self, agent: str | None = None) -> PulseResult:
        """How the agent's queues are now (a second old at most), and who serves them with him. To
        be asked again after `again_s`; what is about himself comes by `monitor_start`.
        """
        result: PulseResult = await self._op("pulse", agent=agent)
        return result

    async def my_calls(
        self,
        since: float | None = None,
        limit: int = 100,
        agent: str | None = None,
    ) -> CallRecordsResult:
        """Records of the agent's own calls that are over, newest first."""
        result: CallRecordsResult = await self._op(
            "my_calls", since=since, limit=limit, agent=agent
        )
        return result

    async def send_message(
        self,
        text: str,
        agent: str | None = None,
        queue: str | None = None,
    ) -> SendMessageResult:
        """Write a line for the screen of an agent who is logged on, or of all of a queue's; an
        agent may write to colleagues and to his supervisors alike.
        """
        result: SendMessageResult = await self._op(
            "send_message", text=text, agent=agent, queue=queue
        )
        return result

    async def ping(self) -> PingResult:
        """Keep the session alive."""
        result: PingResult = await self._op("ping")
        return result

    async def leave(self) -> None:
        """End the session at once, and not by silence: agents who logged in over it are not ready,
        and may log in elsewhere unasked.
        """
        await self._op("leave")

    async def log_in(
        self,
        agent: str,
        phone: str = "",
        password: str = "",
        unless_taken: bool = False,
        nailed_up: bool | None = None,
    ) -> LogInResult:
        """Begin an agent's shift at a phone, not ready; the session may act for him. One who is
        logged on already (his softphone was restarted, say) goes on as he is, and the session
        that acted for him before no longer does.
        """
        result: LogInResult = await self._op(
            "log_in",
            agent=agent,
            phone=phone,
            password=password,
            unless_taken=unless_taken,
            nailed_up=nailed_up,
        )
        return result

    async def authenticate(self, user: str, password: str = "") -> AuthenticateResult:
        """Show who one is, for the roles that the settings give; no shift begins. A session is one
        person's: the roles of the one before him go.
        """
        result: AuthenticateResult = await self._op("authenticate", user=user, password=password)
        return result

    async def locked_accounts(self) -> LockedAccountsResult:
        """Who is locked out for wrong passwords."""
        result: LockedAccountsResult = await self._op("locked_accounts")
        return result

    async def unlock_account(
        self,
        name: str,
        kind: LockKind = LockKind.PERSON,
    ) -> UnlockAccountResult:
        """End a lock-out before its time."""
        result: UnlockAccountResult = await self._op("unlock_account", name=name, kind=kind)
        return result

    async def log_off(self, agent: str | None = None) -> None:
        """End the shift; in a call, once it is over."""
        await self._op("log_off", agent=agent)

    async def ready(self, agent: str | None = None) -> None:
        """Take calls; ends wrap-up, and takes a pending not-ready or log-off back."""
        await self._op("ready", agent=agent)

    async def not_ready(self, reason: str = "break", agent: str | None = None) -> None:
        """Take no calls, for a reason; in a call, once it is over."""
        await self._op("not_ready", reason=reason, agent=agent)

    async def wrap_up_done(self, agent: str | None = None) -> None:
        """End wrap-up before its time."""
        await self._op("wrap_up_done", agent=agent)

    async def wrap_up(
        self,
        disposition: str,
        notes: str = "",
        agent: str | None = None,
    ) -> WrapUpResult:
        """Say what came of the call in hand, or of the last one until the next is answered. Where
        the queue requires it, wrap-up does not end before.
        """
        result: WrapUpResult = await self._op(
            "wrap_up", disposition=disposition, notes=notes, agent=agent
        )
        return result

    async def next_state(
        self,
        state: AgentState,
        reason: str = "break",
        agent: str | None = None,
    ) -> None:
        """Say what the agent is to be when the call in hand is over (ECMA-269, pending agent
        state): `ready` takes back what was asked for, `wrap_up` asks for wrap-up whatever the
        queue says.
        """
        await self._op("next_state", state=state, reason=reason, agent=agent)

    async def snapshot(self) -> SnapshotResult:
        """All agents, queues and calls, with the number of the last event they include."""
        result: SnapshotResult = await self._op("snapshot")
        return result

    async def status(self) -> StatusResult:
        """How the daemon is: load, trunks, workers, counts."""
        result: StatusResult = await self._op("status")
        return result

    async def replay(
        self,
        since: int,
        limit: int = 1000,
        monitor: str | None = None,
    ) -> ReplayResult:
        """Events after a number, for who was cut off: all (supervisors and admins), or those of
        one monitor of this session.
        """
        result: ReplayResult = await self._op("replay", since=since, limit=limit, monitor=monitor)
        return result

    async def monitor_start(
        self,
        agent: str | None = None,
        call: str | None = None,
        queue: str | None = None,
        all: bool = False,  # noqa: A002
    ) -> MonitorStartResult:
        """Have what is about an agent, a call or a queue published on a topic of its own, and
        learn how it is now (ECMA-269, monitoring services). Agents may monitor themselves and
        the calls they are connected to, supervisors everything. Ends with the session, and with
        the call.
        """
        result: MonitorStartResult = await self._op(
            "monitor_start", agent=agent, call=call, queue=queue, all=all
        )
        return result

    async def monitor_stop(self, monitor: str) -> None:
        """End a monitor of this session."""
        await self._op("monitor_stop", monitor=monitor)

    async def snapshot_call(self, call: str) -> SnapshotCallResult:
        """One call and its connections, now."""
        result: SnapshotCallResult = await self._op("snapshot_call", call=call)
        return result

    async def snapshot_device(self, agent: str | None = None) -> SnapshotDeviceResult:
        """An agent, and each of his connections with its state, now."""
        result: SnapshotDeviceResult = await self._op("snapshot_device", agent=agent)
        return result

    async def system_status(self) -> SystemStatusResult:
        """How the system is: normal, or what is wrong. `SystemStatusChanged` says when it changes."""
        result: SystemStatusResult = await self._op("system_status")
        return result

    async def agent_skills(
        self,
        agent: str,
        queues: Sequence[str] | None = None,
        skills: Mapping[str, int] | None = None,
    ) -> SkillsResult:
        """Change what an agent serves and how well he can, whatever he does now. Lasts until the
        settings file is read again.
        """
        result: SkillsResult = await self._op(
            "agent_skills", agent=agent, queues=queues, skills=skills
        )
        return result

    async def queue_add(
        self,
        queue: str,
        title: str | None = None,
        ring_timeout_s: float | None = None,
        wrap_up_s: float | None = None,
        service_level_s: float | None = None,
        skills: Mapping[str, int] | None = None,
        skill_weights: Mapping[str, float] | None = None,
        strategy: str | None = None,
        ring_agents: int | None = None,
        weight_s: float | None = None,
        last_agent_s: float | None = None,
        adviser_s: float | None = None,
        hours: str | None = None,
        ring: Sequence[Ring] | None = None,
        overflow: Sequence[Overflow] | None = None,
        announce: Announce | None = None,
        callback: Callback | None = None,
        voicemail: Voicemail | None = None,
    ) -> ChangesResult:
        """Open a queue. Lasts until the settings file is read again."""
        result: ChangesResult = await self._op(
            "queue_add",
            queue=queue,
            title=title,
            ring_timeout_s=ring_timeout_s,
            wrap_up_s=wrap_up_s,
            service_level_s=service_level_s,
            skills=skills,
            skill_weights=skill_weights,
            strategy=strategy,
            ring_agents=ring_agents,
            weight_s=weight_s,
            last_agent_s=last_agent_s,
            adviser_s=adviser_s,
            hours=hours,
            ring=ring,
            overflow=overflow,
            announce=announce,
            callback=callback,
            voicemail=voicemail,
        )
        return result

    async def queue_change(
        self,
        queue: str,
        title: str | None = None,
        ring_timeout_s: float | None = None,
        wrap_up_s: float | None = None,
        service_level_s: float | None = None,
        skills: Mapping[str, int] | None = None,
        skill_weights: Mapping[str, float] | None = None,
        strategy: str | None = None,
        ring_agents: int | None = None,
        weight_s: float | None = None,
        last_agent_s: float | None = None,
        adviser_s: float | None = None,
        hours: str | None = None,
        ring: Sequence[Ring] | None = None,
        overflow: Sequence[Overflow] | None = None,
        announce: Announce | None = None,
        callback: Callback | None = None,
        voicemail: Voicemail | None = None,
    ) -> ChangesResult:
        """Change an open queue; nobody who waits loses his place. Lasts until the settings file is
        read again.
        """
        result: ChangesResult = await self._op(
            "queue_change",
            queue=queue,
            title=title,
            ring_timeout_s=ring_timeout_s,
            wrap_up_s=wrap_up_s,
            service_level_s=service_level_s,
            skills=skills,
            skill_weights=skill_weights,
            strategy=strategy,
            ring_agents=ring_agents,
            weight_s=weight_s,
            last_agent_s=last_agent_s,
            adviser_s=adviser_s,
            hours=hours,
            ring=ring,
            overflow=overflow,
            announce=announce,
            callback=callback,
            voicemail=voicemail,
        )
        return result

    async def queue_remove(self, queue: str, move_to: str | None = None) -> ChangesResult:
        """Close a queue; agents who serve it serve it no longer. Refused while somebody waits in
        it, unless it is said where they are to wait. Lasts until the settings file is read
        again.
        """
        result: ChangesResult = await self._op("queue_remove", queue=queue, move_to=move_to)
        return result

    async def contact_move(self, contact: str, queue: str) -> None:
        """Have a waiting contact wait in another queue, at the place that its age gives it."""
        await self._op("contact_move", contact=contact, queue=queue)

    async def explain(self, contact: str) -> Story:
        """The story of a contact: each decision with its reason and figures, who overtook it and
        why, and what its estimates were worth.
        """
        result: Story = await self._op("explain", contact=contact)
        return result

    async def estimates(self) -> EstimatesResult:
        """How long waits are likely to be, and how far such estimates were off."""
        result: EstimatesResult = await self._op("estimates")
        return result

    async def schedule_callback(
        self,
        number: str,
        queue: str,
        at: float | None = None,
    ) -> ScheduleCallbackResult:
        """Have a customer called back, now or at a time. One number has one open callback: one
        that is there already is put off to the new time.
        """
        result: ScheduleCallbackResult = await self._op(
            "schedule_callback", number=number, queue=queue, at=at
        )
        return result

    async def cancel_callback(self, callback: str) -> None:
        """Have nobody call a customer back."""
        await self._op("cancel_callback", callback=callback)

    async def callbacks(self) -> CallbacksResult:
        """Who is to be called back."""
        result: CallbacksResult = await self._op("callbacks")
        return result

    async def voicemails(self) -> VoicemailsResult:
        """Messages that nobody has heard yet."""
        result: VoicemailsResult = await self._op("voicemails")
        return result

    async def route_register(self, queue: str, timeout_ms: int = 2000) -> RouteRegisterResult:
        """Be asked where calls are to go that come to a queue, by `RouteRequested` (ECMA-269,
        route register). Again for the same queue: with this time limit, and back in service.
        """
        result: RouteRegisterResult = await self._op(
            "route_register", queue=queue, timeout_ms=timeout_ms
        )
        return result

    async def route_cancel(self, queue: str | None = None) -> None:
        """Be asked no more (ECMA-269, route register cancel); calls that wait for this client's
        answer go on without it.
        """
        await self._op("route_cancel", queue=queue)

    async def route_select(
        self,
        call: str,
        destination: str,
        data: Mapping[str, str] | None = None,
    ) -> RouteSelectResult:
        """Answer `RouteRequested` with a destination (ECMA-269, route select)."""
        result: RouteSelectResult = await self._op(
            "route_select", call=call, destination=destination, data=data
        )
        return result

    async def route_reject(self, call: str) -> None:
        """Answer `RouteRequested` by leaving the call to the ACD (ECMA-269, route reject)."""
        await self._op("route_reject", call=call)

    async def routes(self) -> RoutesResult:
        """Which programs are asked where calls go."""
        result: RoutesResult = await self._op("routes")
        return result

    async def customer_find(
        self,
        number: str | None = None,
        text: str | None = None,
        account: str | None = None,
        limit: int = 20,
    ) -> CustomersResult:
        """Customers by number, account, or a text."""
        result: CustomersResult = await self._op(
            "customer_find", number=number, text=text, account=account, limit=limit
        )
        return result

    async def customer(
        self,
        id: str,  # noqa: A002
        history: int = 20,
    ) -> Record:
        """All that is known of a customer: what was written down about him, and his contacts."""
        result: Record = await self._op("customer", id=id, history=history)
        return result

    async def customer_note(
        self,
        id: str,  # noqa: A002
        text: str,
    ) -> Note:
        """Write something down about a customer, in the session's name."""
        result: Note = await self._op("customer_note", id=id, text=text)
        return result

    async def holdings(
        self,
        id: str,  # noqa: A002
    ) -> Holdings:
        """What the brokerage's systems know of a customer's accounts: money, positions, today's
        orders.
        """
        result: Holdings = await self._op("holdings", id=id)
        return result

    async def customer_of_call(self, call: str) -> Match:
        """Who a live call is with, or who it could be."""
        result: Match = await self._op("customer_of_call", call=call)
        return result

    async def reload(self, check: bool = False) -> ReloadResult:
        """Read the settings file again and make it true: all that can change while calls go on,
        or, where something is wrong, nothing. What needs a restart is named.
        """
        result: ReloadResult = await self._op("reload", check=check)
        return result


class SyncOperations:
    """The operations, without asyncio."""

    def call(self, op: str, *, timeout_s: float | None = None, **args: Any) -> Any:
        """Carry out an operation by name."""
        raise NotImplementedError

    def _op(self, op: str, **args: Any) -> Any:
        """Carry it out with those arguments that were given."""
        given = {name: value for name, value in args.items() if value is not None}
        return self.call(op, **given)

    def make_call(
        self,
        number: str = "",
        data: Mapping[str, str] | None = None,
        agent: str | None = None,
    ) -> CallResult:
        """Ring the agent's own phone, then whom he calls. Emergency numbers are always called,
        from a locked seat too. With a call on hold his phone is there already.
        """
        result: CallResult = self._op("make_call", number=number, data=data, agent=agent)
        return result

    def dial_digits(self, digits: str, call: str | None = None, agent: str | None = None) -> None:
        """Say whom to call, in a call that was begun without a number."""
        self._op("dial_digits", digits=digits, call=call, agent=agent)

    def hold_call(self, call: str | None = None, agent: str | None = None) -> None:
        """Leave the conversation, and stay connected; the other hears music."""
        self._op("hold_call", call=call, agent=agent)

    def retrieve_call(self, call: str | None = None, agent: str | None = None) -> None:
        """Be back in a conversation that was put on hold."""
        self._op("retrieve_call", call=call, agent=agent)

    def alternate_call(self, agent: str | None = None) -> CallResult:
        """Hold the call in which he speaks, and speak in the one on hold."""
        result: CallResult = self._op("alternate_call", agent=agent)
        return result

    def consultation_call(
        self,
        call: str | None = None,
        number: str = "",
        data: Mapping[str, str] | None = None,
        agent: str | None = None,
    ) -> CallResult:
        """Hold the call, and call somebody else; its data goes along."""
        result: CallResult = self._op(
            "consultation_call", call=call, number=number, data=data, agent=agent
        )
        return result

    def reconnect_call(self, agent: str | None = None) -> CallResult:
        """Leave the second call, and be back in the one on hold."""
        result: CallResult = self._op("reconnect_call", agent=agent)
        return result

    def transfer_call(self, agent: str | None = None) -> CallResult:
        """Leave both calls, and have the other two parties speak with each other; where the second
        still rings, the first is his when he answers.
        """
        result: CallResult = self._op("transfer_call", agent=agent)
        return result

    def conference_call(self, agent: str | None = None) -> CallResult:
        """Have all parties of both calls speak together."""
        result: CallResult = self._op("conference_call", agent=agent)
        return result

    def single_step_transfer(
        self,
        number: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Give the call to a colleague, a queue or a number outside at once. Where nobody answers
        there, the caller is back in his queue at the place of his age.
        """
        self._op("single_step_transfer", number=number, call=call, agent=agent)

    def single_step_conference(
        self,
        number: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Call somebody into the conversation."""
        self._op("single_step_conference", number=number, call=call, agent=agent)

    def clear_connection(self, call: str | None = None, agent: str | None = None) -> None:
        """Leave the call; a phone that rings for the agent is declined."""
        self._op("clear_connection", call=call, agent=agent)

    def clear_call(self, call: str | None = None, agent: str | None = None) -> None:
        """End the call for everybody."""
        self._op("clear_call", call=call, agent=agent)

    def generate_digits(
        self,
        digits: str,
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Key digits to the other parties."""
        self._op("generate_digits", digits=digits, call=call, agent=agent)

    def associate_data(
        self,
        data: Mapping[str, str],
        call: str | None = None,
        agent: str | None = None,
    ) -> None:
        """Attach data to the call; it goes where the caller goes."""
        self._op("associate_data", data=data, call=call, agent=agent)

    def send_to_ivr(
        self,
        flow: str,
        call: str | None = None,
        data: Mapping[str, str] | None = None,
        agent: str | None = None,
    ) -> None:
        """Send the caller through a service flow (to key a PIN, say) and have him back. The agent
        hears nothing of it, and it is not recorded; ReturnedFromIvr says what came of it.
        """
        self._op("send_to_ivr", flow=flow, call=call, data=data, agent=agent)

    def recall_from_ivr(self, call: str | None = None, agent: str | None = None) -> None:
        """Have the caller back before the flow is done with him."""
        self._op("recall_from_ivr", call=call, agent=agent)

    def answer_call(self, call: str | None = None, agent: str | None = None) -> None:
        """Have the agent's phone, which rings, answer by itself (NOTIFY of `talk`). One that
        cannot is `not_reachable`: answer it at the phone.
        """
        self._op("answer_call", call=call, agent=agent)

    def start_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Record the conversation from now on."""
        self._op("start_recording", call=call, agent=agent)

    def stop_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Record it no longer. Where all is recorded it is for supervisors, unless
        `recording.agents_may_stop`.
        """
        self._op("stop_recording", call=call, agent=agent)

    def pause_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Keep what follows out of the recording, as silence, until `resume_recording` or for
        `recording.pause_longest_s`.
        """
        self._op("pause_recording", call=call, agent=agent)

    def resume_recording(self, call: str | None = None, agent: str | None = None) -> None:
        """Go on recording."""
        self._op("resume_recording", call=call, agent=agent)

    def hear_voicemail(self, voicemail: str, agent: str | None = None) -> CallResult:
        """Ring the agent's phone and play him this message, which waits for nobody meanwhile.
        There `generate_digits` keys 1 to hear it again, 2 when he is done with it, 3 to have
        its sender called back; one that he is not done with waits again.
        """
        result: CallResult = self._op("hear_voicemail", voicemail=voicemail, agent=agent)
        return result

    def play_message(
        self,
        message: str,
        call: str | None = None,
        to: Audience = Audience.ALL,
        agent: str | None = None,
    ) -> None:
        """Play a message into the conversation, once."""
        self._op("play_message", message=message, call=call, to=to, agent=agent)

    def join_call(
        self,
        call: str | None = None,
        to_agent: str | None = None,
        mode: ListenMode = ListenMode.SILENT,
        agent: str | None = None,
    ) -> CallResult:
        """Listen to a call, whisper to its agent, or speak with all: the listener's own phone is
        rung. While he listens his mode changes at once. `qa` may only be silent.
        """
        result: CallResult = self._op(
            "join_call", call=call, to_agent=to_agent, mode=mode, agent=agent
        )
        return result

    def take_over_call(self, agent: str | None = None) -> CallResult:
        """Who listens has the call from now on, and its agent leaves it."""
        result: CallResult = self._op("take_over_call", agent=agent)
        return result

    def directed_pickup(
        self,
        call: str | None = None,
        from_agent: str | None = None,
        agent: str | None = None,
    ) -> CallResult:
        """Take a call that rings at a colleague's: the agent's own phone is rung for it. Where he
        does not answer, it goes back to its place.
        """
        result: CallResult = self._op(
            "directed_pickup", call=call, from_agent=from_agent, agent=agent
        )
        return result

    def group_pickup(self, agent: str | None = None) -> CallResult:
        """Take the oldest call that rings at anybody who shares a queue with the agent."""
        result: CallResult = self._op("group_pickup", agent=agent)
        return result

    def deflect_call(self, number: str, call: str | None = None, agent: str | None = None) -> None:
        """Send the call that rings at the agent to a colleague, a queue or a number outside; he
        stays ready. Where nobody answers there, it goes back to its place.
        """
        self._op("deflect_call", number=number, call=call, agent=agent)

    def park_call(
        self,
        call: str | None = None,
        place: str | None = None,
        agent: str | None = None,
    ) -> PlaceResult:
        """Leave the call in a numbered place, with music. Nobody takes it in time: it rings at the
        agent again, then waits in its queue.
        """
        result: PlaceResult = self._op("park_call", call=call, place=place, agent=agent)
        return result

    def unpark_call(self, place: str, agent: str | None = None) -> CallResult:
        """Ring the agent's phone for the call in this place; it stays there until he answers."""
        result: CallResult = self._op("unpark_call", place=place, agent=agent)
        return result

    def parked_calls(self) -> ParkedCallsResult:
        """The calls that are parked, oldest first."""
        result: ParkedCallsResult = self._op("parked_calls")
        return result

    def lock_seat(self, agent: str | None = None) -> None:
        """The agent leaves his seat: he is not ready (`locked`) and nobody acts for him until it
        is opened. The call in hand goes on; emergency numbers are called.
        """
        self._op("lock_seat", agent=agent)

    def open_seat(self, password: str = "", agent: str | None = None) -> None:
        """Open a locked seat, with the agent's password, or as a supervisor; he stays not ready."""
        self._op("open_seat", password=password, agent=agent)

    def call_records(
        self,
        since: float | None = None,
        until: float | None = None,
        agent: str | None = None,
        queue: str | None = None,
        ani: str | None = None,
        outcome: Outcome | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> CallRecordsResult:
        """Records of calls that are over, newest first, a page at a time."""
        result: CallRecordsResult = self._op(
            "call_records",
            since=since,
            until=until,
            agent=agent,
            queue=queue,
            ani=ani,
            outcome=outcome,
            after=after,
            limit=limit,
        )
        return result

    def workplace(self, agent: str | None = None) -> WorkplaceResult:
        """Who an agent is, and what he works with: his queues with their scripts, reasons,
        dispositions, flows, and whom he can call.
        """
        result: WorkplaceResult = self._op("workplace", agent=agent)
        return result

    def pulse(self, agent: str | None = None) -> PulseResult:
        """How the agent's queues are now (a second old at most), and who serves them with him. To
        be asked again after `again_s`; what is about himself comes by `monitor_start`.
        """
        result: PulseResult = self._op("pulse", agent=agent)
        return result

    def my_calls(
        self,
        since: float | None = None,
        limit: int = 100,
        agent: str | None = None,
    ) -> CallRecordsResult:
        """Records of the agent's own calls that are over, newest first."""
        result: CallRecordsResult = self._op("my_calls", since=since, limit=limit, agent=agent)
        return result

    def send_message(
        self,
        text: str,
        agent: str | None = None,
        queue: str | None = None,
    ) -> SendMessageResult:
        """Write a line for the screen of an agent who is logged on, or of all of a queue's; an
        agent may write to colleagues and to his supervisors alike.
        """
        result: SendMessageResult = self._op("send_message", text=text, agent=agent, queue=queue)
        return result

    def ping(self) -> PingResult:
        """Keep the session alive."""
        result: PingResult = self._op("ping")
        return result

    def leave(self) -> None:
        """End the session at once, and not by silence: agents who logged in over it are not ready,
        and may log in elsewhere unasked.
        """
        self._op("leave")

    def log_in(
        self,
        agent: str,
        phone: str = "",
        password: str = "",
        unless_taken: bool = False,
        nailed_up: bool | None = None,
    ) -> LogInResult:
        """Begin an agent's shift at a phone, not ready; the session may act for him. One who is
        logged on already (his softphone was restarted, say) goes on as he is, and the session
        that acted for him before no longer does.
        """
        result: LogInResult = self._op(
            "log_in",
            agent=agent,
            phone=phone,
            password=password,
            unless_taken=unless_taken,
            nailed_up=nailed_up,
        )
        return result

    def authenticate(self, user: str, password: str = "") -> AuthenticateResult:
        """Show who one is, for the roles that the settings give; no shift begins. A session is one
        person's: the roles of the one before him go.
        """
        result: AuthenticateResult = self._op("authenticate", user=user, password=password)
        return result

    def locked_accounts(self) -> LockedAccountsResult:
        """Who is locked out for wrong passwords."""
        result: LockedAccountsResult = self._op("locked_accounts")
        return result

    def unlock_account(self, name: str, kind: LockKind = LockKind.PERSON) -> UnlockAccountResult:
        """End a lock-out before its time."""
        result: UnlockAccountResult = self._op("unlock_account", name=name, kind=kind)
        return result

    def log_off(self, agent: str | None = None) -> None:
        """End the shift; in a call, once it is over."""
        self._op("log_off", agent=agent)

    def ready(self, agent: str | None = None) -> None:
        """Take calls; ends wrap-up, and takes a pending not-ready or log-off back."""
        self._op("ready", agent=agent)

    def not_ready(self, reason: str = "break", agent: str | None = None) -> None:
        """Take no calls, for a reason; in a call, once it is over."""
        self._op("not_ready", reason=reason, agent=agent)

    def wrap_up_done(self, agent: str | None = None) -> None:
        """End wrap-up before its time."""
        self._op("wrap_up_done", agent=agent)

    def wrap_up(self, disposition: str, notes: str = "", agent: str | None = None) -> WrapUpResult:
        """Say what came of the call in hand, or of the last one until the next is answered. Where
        the queue requires it, wrap-up does not end before.
        """
        result: WrapUpResult = self._op(
            "wrap_up", disposition=disposition, notes=notes, agent=agent
        )
        return result

    def next_state(
        self,
        state: AgentState,
        reason: str = "break",
        agent: str | None = None,
    ) -> None:
        """Say what the agent is to be when the call in hand is over (ECMA-269, pending agent
        state): `ready` takes back what was asked for, `wrap_up` asks for wrap-up whatever the
        queue says.
        """
        self._op("next_state", state=state, reason=reason, agent=agent)

    def snapshot(self) -> SnapshotResult:
        """All agents, queues and calls, with the number of the last event they include."""
        result: SnapshotResult = self._op("snapshot")
        return result

    def status(self) -> StatusResult:
        """How the daemon is: load, trunks, workers, counts."""
        result: StatusResult = self._op("status")
        return result

    def replay(self, since: int, limit: int = 1000, monitor: str | None = None) -> ReplayResult:
        """Events after a number, for who was cut off: all (supervisors and admins), or those of
        one monitor of this session.
        """
        result: ReplayResult = self._op("replay", since=since, limit=limit, monitor=monitor)
        return result

    def monitor_start(
        self,
        agent: str | None = None,
        call: str | None = None,
        queue: str | None = None,
        all: bool = False,  # noqa: A002
    ) -> MonitorStartResult:
        """Have what is about an agent, a call or a queue published on a topic of its own, and
        learn how it is now (ECMA-269, monitoring services). Agents may monitor themselves and
        the calls they are connected to, supervisors everything. Ends with the session, and with
        the call.
        """
        result: MonitorStartResult = self._op(
            "monitor_start", agent=agent, call=call, queue=queue, all=all
        )
        return result

    def monitor_stop(self, monitor: str) -> None:
        """End a monitor of this session."""
        self._op("monitor_stop", monitor=monitor)

    def snapshot_call(self, call: str) -> SnapshotCallResult:
        """One call and its connections, now."""
        result: SnapshotCallResult = self._op("snapshot_call", call=call)
        return result

    def snapshot_device(self, agent: str | None = None) -> SnapshotDeviceResult:
        """An agent, and each of his connections with its state, now."""
        result: SnapshotDeviceResult = self._op("snapshot_device", agent=agent)
        return result

    def system_status(self) -> SystemStatusResult:
        """How the system is: normal, or what is wrong. `SystemStatusChanged` says when it changes."""
        result: SystemStatusResult = self._op("system_status")
        return result

    def agent_skills(
        self,
        agent: str,
        queues: Sequence[str] | None = None,
        skills: Mapping[str, int] | None = None,
    ) -> SkillsResult:
        """Change what an agent serves and how well he can, whatever he does now. Lasts until the
        settings file is read again.
        """
        result: SkillsResult = self._op("agent_skills", agent=agent, queues=queues, skills=skills)
        return result

    def queue_add(
        self,
        queue: str,
        title: str | None = None,
        ring_timeout_s: float | None = None,
        wrap_up_s: float | None = None,
        service_level_s: float | None = None,
        skills: Mapping[str, int] | None = None,
        skill_weights: Mapping[str, float] | None = None,
        strategy: str | None = None,
        ring_agents: int | None = None,
        weight_s: float | None = None,
        last_agent_s: float | None = None,
        adviser_s: float | None = None,
        hours: str | None = None,
        ring: Sequence[Ring] | None = None,
        overflow: Sequence[Overflow] | None = None,
        announce: Announce | None = None,
        callback: Callback | None = None,
        voicemail: Voicemail | None = None,
    ) -> ChangesResult:
        """Open a queue. Lasts until the settings file is read again."""
        result: ChangesResult = self._op(
            "queue_add",
            queue=queue,
            title=title,
            ring_timeout_s=ring_timeout_s,
            wrap_up_s=wrap_up_s,
            service_level_s=service_level_s,
            skills=skills,
            skill_weights=skill_weights,
            strategy=strategy,
            ring_agents=ring_agents,
            weight_s=weight_s,
            last_agent_s=last_agent_s,
            adviser_s=adviser_s,
            hours=hours,
            ring=ring,
            overflow=overflow,
            announce=announce,
            callback=callback,
            voicemail=voicemail,
        )
        return result

    def queue_change(
        self,
        queue: str,
        title: str | None = None,
        ring_timeout_s: float | None = None,
        wrap_up_s: float | None = None,
        service_level_s: float | None = None,
        skills: Mapping[str, int] | None = None,
        skill_weights: Mapping[str, float] | None = None,
        strategy: str | None = None,
        ring_agents: int | None = None,
        weight_s: float | None = None,
        last_agent_s: float | None = None,
        adviser_s: float | None = None,
        hours: str | None = None,
        ring: Sequence[Ring] | None = None,
        overflow: Sequence[Overflow] | None = None,
        announce: Announce | None = None,
        callback: Callback | None = None,
        voicemail: Voicemail | None = None,
    ) -> ChangesResult:
        """Change an open queue; nobody who waits loses his place. Lasts until the settings file is
        read again.
        """
        result: ChangesResult = self._op(
            "queue_change",
            queue=queue,
            title=title,
            ring_timeout_s=ring_timeout_s,
            wrap_up_s=wrap_up_s,
            service_level_s=service_level_s,
            skills=skills,
            skill_weights=skill_weights,
            strategy=strategy,
            ring_agents=ring_agents,
            weight_s=weight_s,
            last_agent_s=last_agent_s,
            adviser_s=adviser_s,
            hours=hours,
            ring=ring,
            overflow=overflow,
            announce=announce,
            callback=callback,
            voicemail=voicemail,
        )
        return result

    def queue_remove(self, queue: str, move_to: str | None = None) -> ChangesResult:
        """Close a queue; agents who serve it serve it no longer. Refused while somebody waits in
        it, unless it is said where they are to wait. Lasts until the settings file is read
        again.
        """
        result: ChangesResult = self._op("queue_remove", queue=queue, move_to=move_to)
        return result

    def contact_move(self, contact: str, queue: str) -> None:
        """Have a waiting contact wait in another queue, at the place that its age gives it."""
        self._op("contact_move", contact=contact, queue=queue)

    def explain(self, contact: str) -> Story:
        """The story of a contact: each decision with its reason and figures, who overtook it and
        why, and what its estimates were worth.
        """
        result: Story = self._op("explain", contact=contact)
        return result

    def estimates(self) -> EstimatesResult:
        """How long waits are likely to be, and how far such estimates were off."""
        result: EstimatesResult = self._op("estimates")
        return result

    def schedule_callback(
        self,
        number: str,
        queue: str,
        at: float | None = None,
    ) -> ScheduleCallbackResult:
        """Have a customer called back, now or at a time. One number has one open callback: one
        that is there already is put off to the new time.
        """
        result: ScheduleCallbackResult = self._op(
            "schedule_callback", number=number, queue=queue, at=at
        )
        return result

    def cancel_callback(self, callback: str) -> None:
        """Have nobody call a customer back."""
        self._op("cancel_callback", callback=callback)

    def callbacks(self) -> CallbacksResult:
        """Who is to be called back."""
        result: CallbacksResult = self._op("callbacks")
        return result

    def voicemails(self) -> VoicemailsResult:
        """Messages that nobody has heard yet."""
        result: VoicemailsResult = self._op("voicemails")
        return result

    def route_register(self, queue: str, timeout_ms: int = 2000) -> RouteRegisterResult:
        """Be asked where calls are to go that come to a queue, by `RouteRequested` (ECMA-269,
        route register). Again for the same queue: with this time limit, and back in service.
        """
        result: RouteRegisterResult = self._op("route_register", queue=queue, timeout_ms=timeout_ms)
        return result

    def route_cancel(self, queue: str | None = None) -> None:
        """Be asked no more (ECMA-269, route register cancel); calls that wait for this client's
        answer go on without it.
        """
        self._op("route_cancel", queue=queue)

    def route_select(
        self,
        call: str,
        destination: str,
        data: Mapping[str, str] | None = None,
    ) -> RouteSelectResult:
        """Answer `RouteRequested` with a destination (ECMA-269, route select)."""
        result: RouteSelectResult = self._op(
            "route_select", call=call, destination=destination, data=data
        )
        return result

    def route_reject(self, call: str) -> None:
        """Answer `RouteRequested` by leaving the call to the ACD (ECMA-269, route reject)."""
        self._op("route_reject", call=call)

    def routes(self) -> RoutesResult:
        """Which programs are asked where calls go."""
        result: RoutesResult = self._op("routes")
        return result

    def customer_find(
        self,
        number: str | None = None,
        text: str | None = None,
        account: str | None = None,
        limit: int = 20,
    ) -> CustomersResult:
        """Customers by number, account, or a text."""
        result: CustomersResult = self._op(
            "customer_find", number=number, text=text, account=account, limit=limit
        )
        return result

    def customer(
        self,
        id: str,  # noqa: A002
        history: int = 20,
    ) -> Record:
        """All that is known of a customer: what was written down about him, and his contacts."""
        result: Record = self._op("customer", id=id, history=history)
        return result

    def customer_note(
        self,
        id: str,  # noqa: A002
        text: str,
    ) -> Note:
        """Write something down about a customer, in the session's name."""
        result: Note = self._op("customer_note", id=id, text=text)
        return result

    def holdings(
        self,
        id: str,  # noqa: A002
    ) -> Holdings:
        """What the brokerage's systems know of a customer's accounts: money, positions, today's
        orders.
        """
        result: Holdings = self._op("holdings", id=id)
        return result

    def customer_of_call(self, call: str) -> Match:
        """Who a live call is with, or who it could be."""
        result: Match = self._op("customer_of_call", call=call)
        return result

    def reload(self, check: bool = False) -> ReloadResult:
        """Read the settings file again and make it true: all that can change while calls go on,
        or, where something is wrong, nothing. What needs a restart is named.
        """
        result: ReloadResult = self._op("reload", check=check)
        return result
