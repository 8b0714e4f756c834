"""Glyphs and styles: what each state and stage looks like. A word always stands beside them."""

from __future__ import annotations

from ccd.model import AgentState
from tui.agent.desk import Stage

STATES = {
    AgentState.LOGGED_OUT: ("○", "$text-muted"),
    AgentState.NOT_READY: ("◐", "$warning"),
    AgentState.READY: ("●", "$success"),
    AgentState.RESERVED: ("◉", "$accent"),
    AgentState.BUSY: ("▶", "$primary"),
    AgentState.WRAP_UP: ("✎", "$accent"),
}
"""Glyph and colour of each state of an agent."""

STAGES = {
    Stage.RINGING: ("☎", "$accent reverse bold"),
    Stage.DIALLING: ("☎", "$accent"),
    Stage.DIAL_TONE: ("…", "$accent"),
    Stage.CALLING: ("→", "$primary"),
    Stage.WAITING: ("⧗", "$warning"),
    Stage.SPEAKING: ("▶", "$success"),
    Stage.HELD: ("‖", "$warning"),
    Stage.CONFERENCE: ("⁂", "$success"),
    Stage.IVR: ("#", "$accent"),
    Stage.MESSAGE: ("✉", "$primary"),
    Stage.LISTENING: ("◌", "$primary"),
}
"""Glyph and style of each stage of a call."""
