"""Whose number says who he is: one who hides it is nobody's redial, and cannot be called back."""

from __future__ import annotations

NAMELESS = frozenset(
    {"", "anonymous", "unknown", "unavailable", "private", "restricted", "withheld"}
)
"""What stands for a caller's number where there is none (RFC 3323, 4.1.1.3; gateways' own words)."""


def is_anonymous(number: str) -> bool:
    """Whether a caller's number tells nobody apart."""
    return number.strip().casefold() in NAMELESS
