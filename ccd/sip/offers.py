"""Offer and answer (RFC 3264; RFC 6337 for who may offer when) as a table.

Only the turn-taking is here: whose description is outstanding. What is in the
descriptions is `ccd.sip.negotiation`'s business, which message carries them the session's.
"""

from __future__ import annotations

from enum import StrEnum


class Turn(StrEnum):
    """Whose move it is."""

    IDLE = "idle"
    """Nothing was ever agreed."""
    LOCAL = "local offer"
    """Our offer is out; the answer is awaited."""
    REMOTE = "remote offer"
    """Their offer is here; our answer is due."""
    STABLE = "stable"


class Move(StrEnum):
    """What can happen to a negotiation."""

    OFFER_SENT = "offer sent"
    OFFER_RECEIVED = "offer received"
    ANSWER_SENT = "answer sent"
    ANSWER_RECEIVED = "answer received"
    REFUSED = "refused"
    """Either side turned the offer down: what was agreed before holds."""


# REFUSED leads back to where the offer came from, which only `OfferAnswer` remembers;
# the table names IDLE for it.
TABLE: dict[tuple[Turn, Move], Turn] = {
    (Turn.IDLE, Move.OFFER_SENT): Turn.LOCAL,
    (Turn.IDLE, Move.OFFER_RECEIVED): Turn.REMOTE,
    (Turn.STABLE, Move.OFFER_SENT): Turn.LOCAL,
    (Turn.STABLE, Move.OFFER_RECEIVED): Turn.REMOTE,
    (Turn.LOCAL, Move.ANSWER_RECEIVED): Turn.STABLE,
    (Turn.REMOTE, Move.ANSWER_SENT): Turn.STABLE,
    (Turn.LOCAL, Move.REFUSED): Turn.IDLE,
    (Turn.REMOTE, Move.REFUSED): Turn.IDLE,
}


class OfferAnswer:
    """The turn, and both descriptions in force or proposed."""

    __slots__ = ("_agreed", "_before", "local", "remote", "turn")

    def __init__(self) -> None:
        self.turn = Turn.IDLE
        self.local: bytes | None = None
        self.remote: bytes | None = None
        self._agreed = False
        self._before: tuple[bytes | None, bytes | None] = (None, None)

    def move(self, event: Move, sdp: bytes | None = None) -> bool:
        """Take a step, remembering `sdp`; False where it is not this side's turn."""
        turn = TABLE.get((self.turn, event))
        if turn is None:
            return False
        if event in (Move.OFFER_SENT, Move.OFFER_RECEIVED):
            self._before = (self.local, self.remote)
        if event in (Move.OFFER_SENT, Move.ANSWER_SENT):
            self.local = sdp
        elif event in (Move.OFFER_RECEIVED, Move.ANSWER_RECEIVED):
            self.remote = sdp
        else:
            self.local, self.remote = self._before
            turn = Turn.STABLE if self._agreed else Turn.IDLE
        if turn is Turn.STABLE:
            self._agreed = True
        self.turn = turn
        return True

    @property
    def quiet(self) -> bool:
        """Whether no offer is outstanding in either direction."""
        return self.turn in (Turn.IDLE, Turn.STABLE)
