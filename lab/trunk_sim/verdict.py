"""Did this call go right? Three witnesses are compared: caller, robot agent, call record.

Nothing here looks at a socket, a file or a clock: a `CallStory` goes in, findings come
out. All times of a story are seconds since the Unix epoch (the shell moves its own
clock's to it), lengths are seconds, tones Hz and milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise

import msgspec

from ccd.model import CallRecord, Outcome, Party
from lab.trunk_sim.caller import CallerState, CallerView
from lab.trunk_sim.evidence import Sounding
from lab.trunk_sim.plans import Plan
from lab.trunk_sim.voices import CALLER_TONES, ROBOT_TONES, Voice

CLOCK_SLACK_S = 0.75
"""Witnesses may differ by this about one moment: signalling on a busy machine."""

RECOGNISED_WITHIN_S = 3.0
"""From the bridge to hearing the other's voice: two syllables, the jitter buffer, slack."""

PHOTO_FINISH_S = 1.0
"""Who hangs up this soon after an agent answered may not have noticed."""

FOREIGN_MS = 400
"""So much of a tone that belongs to nobody on the line is a crossed line or an echo.
Less passes: two syllables' length may come from speech that lies on a tone."""

TALK_LEAST_S = 1.5
"""A talk that the end of the run cut shorter than this proves nothing by a voice not heard."""

WELCOME_LEAST_S = 0.7
"""A caller who was in the menu for this long must have heard something."""

MUSIC_LEAST_S = 1.5
"""A caller who waited for this long must have heard hold music."""

INTO_QUEUE_S = 8.0
"""The flow may say something between the key and the queue: who hangs up within this was
perhaps never queued, and is recorded as having served himself."""

_ORDER = (
    "offered_at",
    "answered_at",
    "queued_at",
    "delivered_at",
    "connected_at",
    "cleared_at",
    "wrap_up_ended_at",
)


class Ending(StrEnum):
    """How a call went, as its caller saw it."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    LEFT_MENU = "left_menu"
    CANCELLED = "cancelled"
    LOST = "lost"


class RobotLine(msgspec.Struct, frozen=True, kw_only=True):
    """A robot's account of one call; a line of the robots' log, in JSON."""

    agent: str
    phone: str
    voice: Voice
    ani: str
    """User part of the From header, as shown on the phone."""
    call_id: str
    rang_at: float
    answered_at: float | None
    hung_up_at: float | None
    """The robot ended the call, then."""
    ended_at: float
    heard_ms: tuple[tuple[float, int], ...]

    @property
    def heard(self) -> dict[float, int]:
        """Milliseconds heard of each tone."""
        return dict(self.heard_ms)


class TapeFindings(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller's recording proves of each stretch of the call."""

    welcome: Sounding
    """Heard from the answer to the last key (or the end)."""
    music: Sounding
    """Heard from the last key to shortly before the agent (or the end)."""
    talk: Sounding
    """Heard with an agent on the line."""
    said: Sounding
    """Said in the whole call."""


class CallStory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about one call."""

    view: CallerView
    heard_ms: Mapping[float, int] = {}
    """What the caller's live ear heard."""
    tape: TapeFindings | None = None
    records: tuple[CallRecord, ...] = ()
    """The call records of this ANI: one, if all is well."""
    robot: RobotLine | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one call, and what was wrong with it."""

    ani: str
    plan: Plan
    ending: Ending
    faults: tuple[str, ...] = ()
    audio_ok: bool | None = None
    """Whether both sides provably heard each other; None where nobody talked long enough."""
    photo_finish: bool = False
    """The caller gave up just as an agent answered: neither is wrong."""


def judge(story: CallStory, *, service: str) -> Verdict:
    """Compare the witnesses of one call to the number `service`."""
    view = story.view
    faults = [*view.breaches]
    ending = ending_of(view)
    if ending is Ending.LOST:
        faults.append(_how_lost(view))
    elif view.ended_at is None:
        faults.append("signalling never ended")
    record = story.records[0] if len(story.records) == 1 else None
    if record is None:
        faults.append(
            "no call record"
            if not story.records
            else f"{len(story.records)} call records: {', '.join(r.call for r in story.records)}"
        )
    photo_finish = record is not None and _photo_finish(view, record)
    if record is not None:
        faults += _contradictions(view, ending, record, service, photo_finish)
    audio: list[str] = []
    if ending is Ending.ANSWERED:
        audio += _talk_faults(story, record)
    audio += _service_audio_faults(story, record)
    audio_ok = not audio if ending is Ending.ANSWERED else None
    if audio and ending is Ending.ANSWERED and view.gave_up and _talk_s(view) < TALK_LEAST_S:
        audio, audio_ok = [], None
    return Verdict(
        ani=view.plan.ani,
        plan=view.plan,
        ending=ending,
        faults=tuple(faults + audio),
        audio_ok=audio_ok,
        photo_finish=photo_finish,
    )


def match_robot(
    record: CallRecord | None, ani: str, lines: Mapping[str, Sequence[RobotLine]]
) -> RobotLine | None:
    """Find the robot's account of a recorded call in `lines`, which is by agent.

    By the caller's number where the phone was shown it, else by the moment of the answer.
    """
    if record is None or record.agent is None or record.connected_at is None:
        return None
    at = record.connected_at
    answered = [line for line in lines.get(record.agent, ()) if line.answered_at is not None]
    same = [line for line in answered if line.ani == ani]
    best = min(same or answered, key=lambda line: abs((line.answered_at or 0) - at), default=None)
    if best is None or abs((best.answered_at or 0) - at) > RECOGNISED_WITHIN_S:
        return None
    return best


def ending_of(view: CallerView) -> Ending:
    """How a call went, from its caller's view alone."""
    if view.agent_heard_at is not None and view.last_state is CallerState.TALKING:
        return Ending.ANSWERED
    if not view.hung_up:
        return Ending.LOST
    early = view.last_state in (CallerState.CALLING, CallerState.LISTENING)
    if early and view.plan.cancel_after_s is not None:
        return Ending.CANCELLED  # or hung up, where the answer was quicker
    match view.last_state:
        case CallerState.LISTENING:
            return Ending.LEFT_MENU
        case CallerState.WAITING:
            return Ending.ABANDONED
        case _:
            return Ending.LOST


def _how_lost(view: CallerView) -> str:
    if view.refused is not None:
        return f"refused with {view.refused} while {view.last_state}"
    if view.ended_at is None:
        return f"never ended (last seen {view.last_state})"
    if view.last_state is CallerState.CALLING:
        return "never answered"
    return f"cut off by the service while {view.last_state}"


def _photo_finish(view: CallerView, record: CallRecord) -> bool:
    if view.last_state is CallerState.TALKING or view.hung_up_at is None:
        return False
    at = record.connected_at
    return at is not None and view.hung_up_at - at < PHOTO_FINISH_S


def _left_before_the_queue(view: CallerView, record: CallRecord) -> bool:
    if record.queued_at is not None or view.hung_up_at is None or view.waiting_since is None:
        return False
    return view.hung_up_at - view.waiting_since < INTO_QUEUE_S


def _contradictions(
    view: CallerView, ending: Ending, record: CallRecord, service: str, photo_finish: bool
) -> list[str]:
    """Where the call record says something else than its caller."""
    faults = []
    if record.dnis != service:
        faults.append(f"record {record.call}: dialled {service}, recorded {record.dnis}")
    expected = {
        Ending.ANSWERED: {Outcome.ANSWERED},
        Ending.ABANDONED: {Outcome.ABANDONED},
        # He may have been queued by a flow that waits for no key.
        Ending.LEFT_MENU: {Outcome.SELF_SERVED},
        # Which of them depends on how far the call was when the CANCEL came.
        Ending.CANCELLED: {Outcome.SELF_SERVED, Outcome.ABANDONED, Outcome.REFUSED},
        Ending.LOST: set(Outcome),
    }[ending]
    if _left_before_the_queue(view, record):
        expected = expected | {Outcome.SELF_SERVED}
    if photo_finish:
        expected = expected | {Outcome.ANSWERED, Outcome.ABANDONED}
    if record.outcome not in expected:
        faults.append(_outcome_contradiction(view, ending, record))
    if view.pressed and not record.digits and ending in (Ending.ANSWERED, Ending.ABANDONED):
        faults.append(f"record {record.call}: pressed {view.pressed}, no digit recorded")
    elif not _in_order(record.digits, view.pressed):
        faults.append(f"record {record.call}: pressed {view.pressed!r}, recorded {record.digits!r}")
    faults += _times_out_of_order(record)
    if ending is Ending.ANSWERED:
        faults += _talk_contradictions(view, record)
    if view.ended_at is not None and abs(view.ended_at - record.cleared_at) > 2 * CLOCK_SLACK_S:
        late = record.cleared_at - view.ended_at
        faults.append(f"record {record.call}: cleared {late:+.2f} s from the caller's end")
    return faults


def _in_order(digits: str, pressed: str) -> bool:
    """Whether `digits` were pressed in this order; keys the menu does not know may be missing."""
    keys = iter(pressed)
    return all(digit in keys for digit in digits)


def _outcome_contradiction(view: CallerView, ending: Ending, record: CallRecord) -> str:
    if ending is Ending.ABANDONED and record.outcome is Outcome.ANSWERED:
        deaf = (view.hung_up_at or 0) - (record.connected_at or 0)
        return (
            f"one-way: connected to {record.agent} for {deaf:.1f} s, "
            "but the caller never heard an agent"
        )
    return f"record {record.call}: the caller says {ending}, the record {record.outcome}"


def _times_out_of_order(record: CallRecord) -> list[str]:
    known = [(name, getattr(record, name)) for name in _ORDER if getattr(record, name) is not None]
    return [
        f"record {record.call}: {later} before {earlier}"
        for (earlier, first), (later, second) in pairwise(known)
        if second < first
    ]


def _talk_contradictions(view: CallerView, record: CallRecord) -> list[str]:
    faults = []
    missing = [
        name
        for name in ("answered_at", "queued_at", "delivered_at", "connected_at", "agent", "queue")
        if getattr(record, name) is None
    ]
    if missing:
        faults.append(f"record {record.call}: answered, but without {', '.join(missing)}")
    heard = view.agent_heard_at
    if heard is not None and record.connected_at is not None:
        gap = heard - record.connected_at
        if not -CLOCK_SLACK_S <= gap <= RECOGNISED_WITHIN_S:
            faults.append(f"record {record.call}: agent heard {gap:+.2f} s after connected_at")
    if (
        view.hung_up_at is not None
        and record.released_by is not Party.CALLER
        and abs(view.hung_up_at - record.cleared_at) > CLOCK_SLACK_S
    ):
        faults.append(f"record {record.call}: the caller hung up, recorded {record.released_by}")
    if view.hung_up_at is None and record.released_by is not Party.AGENT:
        faults.append(f"record {record.call}: the agent hung up, recorded {record.released_by}")
    return faults


def _talk_s(view: CallerView) -> float:
    end = view.hung_up_at if view.hung_up_at is not None else view.ended_at
    if end is None or view.agent_heard_at is None:
        return 0.0
    return end - view.agent_heard_at


def _talk_faults(story: CallStory, record: CallRecord | None) -> list[str]:
    """What is wrong with the audio between caller and agent."""
    view, robot = story.view, story.robot
    caller = view.plan.voice
    faults: list[str] = []
    if robot is None:
        agent = record.agent if record else None
        faults.append(f"no account of this call by its agent {agent or '(none recorded)'}")
    else:
        faults += _not_heard("the agent", robot.heard, caller, robot.voice)
    voice = robot.voice if robot is not None else view.agent_voice
    if voice is not None:
        faults += _not_heard("the caller", story.heard_ms, voice, caller)
        if story.tape is not None:
            faults += _not_heard("the recording", story.tape.talk.tones_ms, voice, caller)
    return faults


def _not_heard(who: str, heard: Mapping[float, int], other: Voice, own: Voice) -> list[str]:
    """Whether `who` heard `other`, and neither `own` nor anybody else."""
    faults = []
    if not all(heard.get(tone, 0) > 0 for tone in other.tones):
        faults.append(f"one-way: {who} did not hear the other's voice ({other})")
    for tone, milliseconds in heard.items():
        if milliseconds < FOREIGN_MS or tone in other.tones:
            continue
        if tone in own.tones:
            faults.append(f"echo: {who} heard its own {tone:.0f} Hz for {milliseconds} ms")
        elif tone in ROBOT_TONES + CALLER_TONES:
            faults.append(f"crossed line: {who} heard {tone:.0f} Hz for {milliseconds} ms")
    return faults


def _service_audio_faults(story: CallStory, record: CallRecord | None) -> list[str]:
    """Whether welcome and hold music were audible, where there was time for them."""
    tape, view = story.tape, story.view
    if tape is None or view.answered_at is None:
        return []
    faults = []
    if tape.welcome.lasted_ms >= 1000 * WELCOME_LEAST_S and tape.welcome.audible_ms < 200:
        faults.append(f"silence instead of a welcome ({tape.welcome.lasted_ms} ms)")
    if tape.music.lasted_ms >= 1000 * MUSIC_LEAST_S and tape.music.audible_ms < 200:
        faults.append(f"silence instead of hold music ({tape.music.lasted_ms} ms)")
    return faults
