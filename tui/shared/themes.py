"""Colours: dark, light, high contrast, and one for those who do not tell red from green.

Colour never says anything alone: a glyph and a word stand beside it.
"""

from __future__ import annotations

from textual.theme import Theme

THEMES = (
    Theme(
        name="ccd-dark", dark=True, primary="#5fafd7", secondary="#87afaf", accent="#d7af5f",
        foreground="#d0d0d0", background="#121212", surface="#1c1c1c", panel="#262626",
        success="#87af5f", warning="#d7af5f", error="#d75f5f",
    ),
    Theme(
        name="ccd-light", dark=False, primary="#005f87", secondary="#5f8787", accent="#875f00",
        foreground="#1c1c1c", background="#fafafa", surface="#f0f0f0", panel="#e4e4e4",
        success="#3f6f00", warning="#875f00", error="#af0000",
    ),
    Theme(
        name="ccd-contrast", dark=True, primary="#ffffff", secondary="#ffffff", accent="#ffff00",
        foreground="#ffffff", background="#000000", surface="#000000", panel="#000000",
        success="#00ff00", warning="#ffff00", error="#ff5f5f",
    ),
    Theme(
        name="ccd-blue", dark=True, primary="#87afff", secondary="#afafaf", accent="#ffaf00",
        foreground="#e4e4e4", background="#121212", surface="#1c1c1c", panel="#262626",
        success="#5f87ff", warning="#ffaf00", error="#ff8700",
    ),
)  # fmt: skip
"""The first is the usual one."""

NAMES = tuple(theme.name for theme in THEMES)


def after(name: str) -> str:
    """The theme after this one."""
    return NAMES[(NAMES.index(name) + 1) % len(NAMES)] if name in NAMES else NAMES[0]
