"""How a run looks: a live picture in a terminal, plain lines elsewhere, a closing table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ccd.model import AgentState
from lab.trunk_sim.board import Board
from lab.trunk_sim.caller import CallerState
from lab.trunk_sim.figures import Figures
from lab.trunk_sim.verdict import Ending

FRAMES_PER_SECOND = 4

_BARS = "▁▂▃▄▅▆▇█"

# Never colour alone: a glyph and the word beside it.
_AGENT_LOOK: dict[AgentState, tuple[str, str]] = {
    AgentState.READY: ("●", "green"),
    AgentState.RESERVED: ("◔", "cyan"),
    AgentState.BUSY: ("■", "blue"),
    AgentState.WRAP_UP: ("◑", "yellow"),
    AgentState.NOT_READY: ("○", "yellow"),
    AgentState.LOGGED_OUT: ("·", "dim"),
}

_SHOWN_CALLERS = (
    CallerState.CALLING,
    CallerState.LISTENING,
    CallerState.WAITING,
    CallerState.TALKING,
    CallerState.LEAVING,
)

_AGENT_WIDTH = 20
"""Columns of one agent, by and large; where they do not fit, agents are told by their counts."""

_OTHER_LINES = 20
"""Lines of everything but the agents themselves: title, panels, frames, last events."""


def sparkline(values: Sequence[int]) -> str:
    """A line of bars, scaled to the largest value."""
    top = max(values, default=0)
    if not top:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(7, value * 8 // (top + 1))] if value else " " for value in values)


def live(board: Board, now: float, width: int, height: int = 24) -> RenderableType:
    """The picture `now` seconds after the run began, for a terminal of so many columns and lines."""
    callers = Table.grid(padding=(0, 2))
    callers.add_column(justify="right")
    callers.add_column()
    for state in _SHOWN_CALLERS:
        callers.add_row(str(board.callers[state]), state)
    ended = Table.grid(padding=(0, 2))
    ended.add_column(justify="right")
    ended.add_column()
    for ending in Ending:
        style = "bold reverse" if ending is Ending.LOST and board.endings[ending] else ""
        glyph = "✗ " if ending is Ending.LOST else ""
        ended.add_row(
            Text(str(board.endings[ending]), style), Text(f"{glyph}{ending.replace('_', ' ')}")
        )
    queue = Text()
    queue.append(f"{len(board.queued):>3}", "bold")
    queue.append(" queued\n")
    queue.append(f"{len(board.talking):>3}", "bold")
    queue.append(" talking\n\n")
    queue.append(sparkline(board.arrivals(now, 24)), "cyan")
    queue.append("\narrivals a second", "dim")
    planned = f" of {board.planned}" if board.planned is not None else ""
    title = f"ccd demo · {now:5.1f} s · {board.offered}{planned} calls"
    if board.stale:
        title += " · ! no events from the daemon"
    panels = [
        Panel(callers, title="callers", padding=(0, 1)),
        Panel(queue, title="service", padding=(0, 1)),
        Panel(ended, title="ended", padding=(0, 1)),
    ]
    log = Text("\n".join(f"{at:6.1f}  {line}" for at, line in board.last), overflow="ellipsis")
    log.no_wrap = True
    return Group(
        Text(title, "bold"),
        Columns(panels),
        Panel(
            _agents(board, min(width, 100), height - _OTHER_LINES),
            title="agents",
            padding=(0, 1),
            width=min(width, 100),
        ),
        Panel(log, title="last events", padding=(0, 1), width=min(width, 100), height=10),
    )


def _agents(board: Board, width: int, lines: int) -> RenderableType:
    if len(board.agents) > max(1, lines) * ((width - 4) // _AGENT_WIDTH):
        counts = Text()
        for state, (glyph, style) in _AGENT_LOOK.items():
            number = sum(1 for its in board.agents.values() if its is state)
            counts.append(f"{glyph} {number} {state.replace('_', ' ')}   ", style)
        return counts
    cells = []
    for agent, state in board.agents.items():
        glyph, style = _AGENT_LOOK[state]
        cells.append(Text.assemble((f"{glyph} ", style), f"{agent} {state.replace('_', ' '):<10}"))
    return Columns(cells)


def plain_line(board: Board, now: float) -> str:
    """The same in one line, for logs and pipes."""
    by_state = " ".join(f"{state} {board.callers[state]}" for state in _SHOWN_CALLERS)
    ended = " ".join(f"{ending} {board.endings[ending]}" for ending in Ending)
    ready = sum(1 for state in board.agents.values() if state is AgentState.READY)
    return (
        f"{now:6.1f} s  offered {board.offered} | {by_state} | "
        f"queue {len(board.queued)}, agents ready {ready}/{len(board.agents)} | {ended}"
    )


def closing(figures: Figures) -> RenderableType:
    """The summary at the end of a run."""
    table = Table(title="ccd demo", title_style="bold", show_header=False, min_width=60)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column()
    verified = f"{figures.audio_ok} of {figures.answered}"
    level = figures.service_level
    rows: list[tuple[str, str, str]] = [
        ("offered", str(figures.offered), f"in {figures.duration_s:.1f} s"),
        ("answered", str(figures.answered), "by an agent"),
        ("abandoned", str(figures.abandoned), "hung up in the queue"),
        ("left in the menu", str(figures.left_menu), ""),
        ("cancelled", str(figures.cancelled), "before or as it was answered"),
        ("lost", str(figures.lost), "✓ none" if not figures.lost else "✗"),
        (
            f"service level ({figures.service_level_s:.0f} s)",
            "-" if level is None else f"{100 * level:.1f} %",
            figures.service_level_variant,
        ),
        ("wait p50 / p99", _pair(figures.wait_p50, figures.wait_p99, "s"), "answered calls"),
        (
            "set-up p50 / p99",
            _pair(figures.setup_ms_p50, figures.setup_ms_p99, "ms"),
            "INVITE to 200",
        ),
        (
            "audio verified",
            verified,
            "✓ both ways" if figures.audio_ok == figures.answered else "✗ both ways",
        ),
        ("core CPU a call", _one(figures.cpu_ms_per_call, "ms"), ""),
        (
            "media CPU a call",
            _one(figures.media_cpu_ms_per_call, "ms"),
            f"{_one(figures.media_cpu_ms_per_call_second, 'ms')} a call-second",
        ),
    ]
    if figures.interrupted:
        rows.append(("interrupted", "yes", "whoever was on the line had to hang up"))
    if figures.blocked:
        rows.insert(1, ("blocked", str(figures.blocked), "no trunk channel left"))
    if figures.photo_finishes:
        rows.insert(
            3,
            (
                "photo finishes",
                str(figures.photo_finishes),
                "of them: gave up as an agent answered",
            ),
        )
    for row in rows:
        table.add_row(*row)
    if figures.clean:
        return Group(table, Text("✓ no call went astray", "green"))
    return Group(table, _astray(figures))


def _astray(figures: Figures) -> RenderableType:
    number = len(figures.astray)
    lines = Text(no_wrap=True, overflow="ignore")  # a path must stay in one piece
    lines.append(f"✗ {number} {'call' if number == 1 else 'calls'} went astray:\n", "bold red")
    for call in figures.astray:
        lines.append(f"  {call.ani} ({call.behaviour}, {call.ending})\n", "bold")
        for fault in call.faults:
            lines.append(f"      {fault}\n")
        if call.evidence:
            lines.append(f"      recording: {call.evidence}\n", "dim")
    return lines


def _one(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.2f} {unit}"


def _pair(first: float | None, second: float | None, unit: str) -> str:
    if first is None or second is None:
        return "-"
    return f"{first:.1f} / {second:.1f} {unit}"
