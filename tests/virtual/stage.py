"""An agent brought into each situation of call control, by real commands, in virtual time.

Parties and calls are named as in the figures of ECMA-269: D1 is agent1, D2 his caller,
D3 whom he consults or calls, D4 whom else he names; C1 is the first call that he has to do
with, C2 the second. A connection is a pair of both, such as D1C2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from ccd.config import Queue
from ccd.control.situations import ALLOWED, Situation, Verb
from ccd.cti.catalogue import CallView, LegView, SnapshotResult
from ccd.events import (
    Bridged,
    CallCleared,
    Conferenced,
    ConnectionCleared,
    DataAssociated,
    Delivered,
    Dequeued,
    DigitsGenerated,
    Diverted,
    Established,
    Failed,
    Held,
    Joined,
    Originated,
    Parked,
    Play,
    Queued,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
    RecordingStopped,
    Retrieved,
    ReturnedFromIvr,
    SentToIvr,
    Transferred,
    Unparked,
)
from ccd.ivr.reader import parse
from ccd.model import ListenMode
from ccd.switch.call import Call, Leg
from virtual.town import Town, person
from virtual.wired import Wired

PIN = """\
version: 1
name: pin
start: pin
fallback: gone
steps:
  pin: {type: collect, prompt: {play: pin.wav}, into: pin, max_digits: 4, next: gone}
  gone: {type: return, outcome: ok}
"""

PLACE = "701"

EVENTS_OF_CALLS = frozenset(
    {
        *(Originated, Delivered, Established, Bridged, Failed, Diverted, Queued, Dequeued),
        *(Held, Retrieved, Transferred, Conferenced, Joined, Parked, Unparked),
        *(ConnectionCleared, CallCleared, DataAssociated, SentToIvr, ReturnedFromIvr),
        *(DigitsGenerated, Play, RecordingStarted, RecordingStopped),
        *(RecordingPaused, RecordingResumed),
    }
)
"""What the table of effects tells."""

AGENT, COLLEAGUE, CONSULTED, NAMED = "agent1", "agent2", "agent3", "agent4"
CALLER, OTHER_CALLER = "100", "200"
DEVICES = {AGENT: "D1", COLLEAGUE: "D5", CONSULTED: "D3", NAMED: "D4", "agent5": "D6"}


OVER_THE_KEPT_CALL = frozenset({Situation.CONSULTING, Situation.CONSULT_INITIATED})
"""Here a verb may be about the call that he keeps beside the one in which he speaks."""


class Stage:
    """Five people at their desks, and two who call. Asynchronous context manager."""

    def __init__(self, folder: Path, situation: Situation, verb: Verb | None = None) -> None:
        """`verb`: what will be asked for; a call to dial for has no number yet, say."""
        self.town = Town(
            folder,
            queues=(Queue(name="orders", ring_timeout_s=30.0),),
            agents=[person(f"agent{number}") for number in range(1, 6)],
        )
        self.wired = Wired(folder, self.town)
        flow, _ = parse(PIN)
        self.town.centre.ivr.change_flows(self.town.centre.ivr._flows, {"pin": flow})
        (folder / "notice.wav").touch()
        self.situation, self.verb = situation, verb
        self._devices: dict[str, str] = {}
        self._number = "" if verb is Verb.DIAL_DIGITS else CONSULTED

    async def __aenter__(self) -> Self:
        await self.wired.__aenter__()
        try:
            await self._set()
        except BaseException:
            await self.wired.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.wired.__aexit__()

    async def ask(self, op: str, *, seconds: float = 0.5, **args: Any) -> Any:
        """Ask for something, as agent1 where nobody else is named."""
        return await self.wired.ask(op, seconds=seconds, **({"agent": AGENT} | args))

    # --- setting the stage ----------------------------------------------------------------------

    async def _set(self) -> None:
        """All are at their desks; only those who are to get calls are ready."""
        town = self.town
        town.register(*town.names)
        for name in town.names:
            town.phones[name].answers_after = 0.1
            town.centre.acd.log_on(name)
        town.centre.acd.ready(COLLEAGUE)
        town.come(OTHER_CALLER, seconds=0.3)
        town.centre.acd.ready(AGENT)
        ways: dict[Situation, Callable[[], Awaitable[None]]] = {
            Situation.NULL: self._null,
            Situation.INITIATED: self._initiated,
            Situation.ALERTING: self._alerting,
            Situation.CONNECTED: self._connected,
            Situation.HOLD: self._hold,
            Situation.IN_IVR: self._in_ivr,
            Situation.CONSULT_INITIATED: self._consult_initiated,
            Situation.CONSULTING: self._consulting,
            Situation.ALL_HELD: self._all_held,
            Situation.CONFERENCED: self._conferenced,
            Situation.LISTENING: self._listening,
        }
        await ways[self.situation]()
        await self._prepare()
        self.town.run(1.5)  # whatever follows has followed
        found = [state for _, _, state in self.town.centre.control.calls.situations(AGENT)]
        wanted = [] if self.situation is Situation.NULL else [self.situation]
        self._devices = {leg.id: _device(leg) for leg in self._legs()}
        assert found[:1] == wanted, f"agent1 is {found} where he should be {self.situation}"

    async def _prepare(self) -> None:
        """What a verb needs beside its situation: a recording that can begin, or go on."""
        if self.verb is None or self.situation not in ALLOWED[self.verb] | OVER_THE_KEPT_CALL:
            return
        if self.verb is Verb.START_RECORDING:
            await self.ask("stop_recording")
        elif self.verb is Verb.RESUME_RECORDING:
            await self.ask("pause_recording")

    async def _null(self) -> None:
        """Ready, and nobody calls; or at his desk while a phone rings, or a call is parked."""
        if self.verb in (Verb.DIRECTED_PICKUP, Verb.GROUP_PICKUP):
            acd = self.town.centre.acd
            acd.not_ready(AGENT, "lunch")
            acd.ready(CONSULTED)
            self.town.phones[CONSULTED].answers_after = None
            self.town.come(CALLER, seconds=0.3)
        elif self.verb is Verb.UNPARK_CALL:
            await self._connected()
            await self.ask("park_call", place=PLACE)

    async def _initiated(self) -> None:
        self.town.phones[CONSULTED].answers_after = None
        await self.ask("make_call", number=self._number)

    async def _alerting(self) -> None:
        self.town.phones[AGENT].answers_after = None
        if self.verb is Verb.ANSWER_CALL:
            self.town.phones[AGENT].talks()
        self.town.come(CALLER, seconds=0.3)

    async def _connected(self) -> None:
        self.town.come(CALLER, seconds=0.3)

    async def _hold(self) -> None:
        await self._connected()
        await self.ask("hold_call")

    async def _in_ivr(self) -> None:
        await self._connected()
        await self.ask("send_to_ivr", flow="pin")

    async def _consult_initiated(self) -> None:
        await self._to_be_kept()
        self.town.phones[CONSULTED].answers_after = None
        await self.ask("consultation_call", number=self._number)

    async def _consulting(self) -> None:
        await self._to_be_kept()
        await self.ask("consultation_call", number=CONSULTED)

    async def _to_be_kept(self) -> None:
        """The call that he keeps while he consults; its caller may be in a flow."""
        if self.verb is Verb.RECALL_FROM_IVR and self.situation is not Situation.CONFERENCED:
            await self._in_ivr()
        else:
            await self._connected()

    async def _all_held(self) -> None:
        await self._consulting()
        await self.ask("hold_call")

    async def _conferenced(self) -> None:
        await self._consulting()
        await self.ask("conference_call")

    async def _listening(self) -> None:
        await self.ask("join_call", call=self.other_call.id, mode=ListenMode.SILENT.value)

    # --- who is there ------------------------------------------------------------------------------

    @property
    def other_call(self) -> Call:
        """The call of agent2, with which agent1 has nothing to do unless he joins it."""
        return self.town.call_of(OTHER_CALLER)

    def names(self) -> dict[str, str]:
        """Calls by their names in the figures."""
        mine = self.situation is Situation.LISTENING or self.verb is Verb.JOIN_CALL
        ids = dict.fromkeys(event.call for event in self.town.events if hasattr(event, "call"))
        other = self.town.call_id(OTHER_CALLER)
        calls = [each for each in ids if each != other or mine]
        return {call: f"C{number}" for number, call in enumerate(calls, 1)}

    async def snapshot(self) -> SnapshotResult:
        """What a client sees."""
        seen = await self.wired.client.call("snapshot")
        assert isinstance(seen, SnapshotResult)
        return seen

    async def connections(self) -> dict[str, str]:
        """Every connection that a client sees, by its name in the figures, and its state."""
        names = self.names()
        return {
            f"{_device(leg)}{names[call.call]}": leg.state
            for call in (await self.snapshot()).calls
            if call.call in names
            for leg in call.legs
            if leg.state != "null"
        }

    def told(self, since: int) -> list[str]:
        """What of `EVENTS_OF_CALLS` was published after this number, in the words of the figures."""
        names = self.names()
        devices = dict(self._devices)
        for leg in self._legs():
            devices[leg.id] = _device(leg)
        for event in self.town.events:
            agent, about = getattr(event, "agent", None), getattr(event, "leg", "")
            if agent and about:
                devices.setdefault(about, DEVICES[agent])
        words = []
        for event in self.town.events:
            if event.seq <= since or type(event) not in EVENTS_OF_CALLS:
                continue
            what = devices.get(getattr(event, "leg", ""), "") + names[event.call]  # type: ignore[attr-defined]
            cause = getattr(event, "cause", None)
            words.append(f"{type(event).__name__} {what}" + (f" ({cause})" if cause else ""))
        return words

    # --- who hears whom -----------------------------------------------------------------------------

    def heard(self) -> dict[str, set[str]]:
        """Whom each party hears, by devices; and the names of files that are played to it."""
        legs = {leg.node: leg for leg in self._legs()}
        found = {}
        for node, leg in legs.items():
            sources = self.town.bay.sources(node)
            who = {_device(legs[source]) for source in sources if source in legs}
            found[_device(leg)] = who | {
                Path(name).stem for name in self.town.bay.files_heard(node)
            }
        return found

    def keyed(self) -> dict[str, str]:
        """The keys that were sent to each party, by devices."""
        devices = {leg.node: _device(leg) for leg in self._legs()}
        return {devices[node]: digits for node, digits in self.town.bay.digits_sent}

    def _legs(self) -> list[Leg]:
        names = self.names()
        calls = [call for call in self.town.centre.switch.calls.values() if call.id in names]
        return list(dict.fromkeys(leg for call in calls for leg in call.legs))


def _device(leg: Leg | LegView) -> str:
    """A party's name in the figures. Who is joined with agent2 has him for a colleague."""
    if leg.agent is None:
        return "D2"
    return DEVICES[leg.agent]


def states_of(call: CallView) -> dict[str, str]:
    """The connections of one call in a snapshot, by device."""
    return {_device(leg): leg.state for leg in call.legs}
