"""From what was seen to what is judged: results, call records, the robots' log, recordings.

Here the loop's clock becomes seconds since the epoch, recordings become findings, and
each call gets its records and its agent's account.
"""

from __future__ import annotations

import wave
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from ccd.model import CallRecord
from lab.trunk_sim.caller import CallerView
from lab.trunk_sim.evidence import Tape
from lab.trunk_sim.trunk import CallResult
from lab.trunk_sim.verdict import CallStory, RobotLine, TapeFindings, match_robot
from lab.trunk_sim.voices import ALL_TONES

ROBOTS_LOG = "robots.jsonl"
"""In the state folder: one `RobotLine` a call."""

KEY_BEEP_S = 0.4
"""After the last key: what is heard then may still be the menu."""

AGENT_LEAD_S = 1.0
"""Before an agent is recognised he has been heard for this long."""

_TIMES = ("dialled_at", "answered_at", "waiting_since", "agent_heard_at", "hung_up_at", "ended_at")


def read_robots(state: Path) -> dict[str, list[RobotLine]]:
    """The robots' log by agent; empty where there is none. Raises `msgspec.DecodeError`."""
    by_agent: dict[str, list[RobotLine]] = defaultdict(list)
    path = state / ROBOTS_LOG
    if path.exists():
        for line in msgspec.json.Decoder(RobotLine).decode_lines(path.read_bytes()):
            by_agent[line.agent].append(line)
    return dict(by_agent)


def tell(
    results: Iterable[CallResult],
    records: Sequence[CallRecord],
    robots: Mapping[str, Sequence[RobotLine]],
    *,
    epoch_offset: float,
) -> list[CallStory]:
    """Make a story of every result. `epoch_offset` is the epoch's time minus the loop's.

    Reads the recordings: run it in a thread where a loop waits.
    """
    by_ani: dict[str, list[CallRecord]] = defaultdict(list)
    for record in records:
        by_ani[record.ani].append(record)
    stories = []
    for result in results:
        own = tuple(by_ani.get(result.view.plan.ani, ()))
        first = own[0] if own else None
        story = CallStory(
            view=_moved(result.view, epoch_offset),
            heard_ms=result.heard_ms,
            tape=_findings(result),
            records=own,
            robot=match_robot(first, result.view.plan.ani, robots),
        )
        if not result.released:
            story.view.breaches += ("the media worker did not release the call",)
        stories.append(story)
    return stories


def _moved(view: CallerView, offset: float) -> CallerView:
    times = {name: None if (at := getattr(view, name)) is None else at + offset for name in _TIMES}
    return msgspec.structs.replace(view, **times)


def _findings(result: CallResult) -> TapeFindings | None:
    """What the recording proves; None where there is none, or none that can be read."""
    began, view = result.recording_began_at, result.view
    if result.recording is None or began is None:
        return None
    try:
        tape = Tape.read(result.recording)
    except (OSError, EOFError, ValueError, wave.Error) as error:
        view.breaches += (f"recording of our own unreadable: {error}",)
        return None
    end = tape.seconds

    def at(moment: float | None, default: float) -> float:
        return default if moment is None else moment - began

    left = at(view.hung_up_at, at(view.ended_at, end))
    waiting = at(view.waiting_since, left)
    agent = at(view.agent_heard_at, left + AGENT_LEAD_S)
    return TapeFindings(
        welcome=tape.sounding("heard", (), 0.0, waiting),
        music=tape.sounding("heard", (), waiting + KEY_BEEP_S, agent - AGENT_LEAD_S),
        talk=tape.sounding("heard", ALL_TONES, agent - AGENT_LEAD_S, left),
        said=tape.sounding("said", ALL_TONES),
    )
