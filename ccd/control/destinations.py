"""What a dialled number leads to, or why it leads nowhere."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ToAgent(msgspec.Struct, frozen=True, tag="agent"):
    """To a colleague, by name."""

    agent: str

    def __str__(self) -> str:
        return f"agent {self.agent}"


class ToQueue(msgspec.Struct, frozen=True, tag="queue"):
    """To a queue, at its end."""

    queue: str

    def __str__(self) -> str:
        return f"queue {self.queue}"


class ToService(msgspec.Struct, frozen=True, tag="service"):
    """To the flow that answers this number of ours."""

    number: str

    def __str__(self) -> str:
        return f"service {self.number}"


class Outside(msgspec.Struct, frozen=True, tag="outside"):
    """Out of the house, through the first of `trunks` that takes the call.

    `number` is what the trunk is given, `ani` what is shown (empty: nothing). An `emergency`
    passes over limits and refusals (`ccd.switch.admission.Admission.let_out`); only its
    trunks can be none at all, where the settings have none that can be called.
    """

    number: str
    trunks: tuple[str, ...]
    ani: str = ""
    emergency: bool = False

    def __str__(self) -> str:
        shown = f", showing {self.ani}" if self.ani else ", showing no number"
        through = ", else ".join(self.trunks) or "no trunk: there is none that can be called"
        what = "emergency call " if self.emergency else ""
        return f"{what}{self.number} through {through}{shown}"


class FeatureName(StrEnum):
    """What a feature code does."""

    PICKUP = "pickup"
    """Take over a call that rings: at the agent who is the argument, or in one's own group."""
    PARK = "park"
    """Park one's call in the slot that is the argument, or in a free one."""
    UNPARK = "unpark"
    """Take back the call that is parked in the slot that is the argument."""


class Feature(msgspec.Struct, frozen=True, tag="feature"):
    """No party, but something to be done."""

    name: FeatureName
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.argument}".rstrip()


Destination = ToAgent | ToQueue | ToService | Outside | Feature


class Refusal(StrEnum):
    """Why a number leads nowhere; stable, for it goes over the CTI."""

    UNKNOWN_NUMBER = "unknown_number"
    NOT_ALLOWED = "not_allowed"
    FORBIDDEN = "forbidden"
    INCOMPLETE = "incomplete"


class DiallingRefused(Exception):  # noqa: N818 - what it says
    """This number is not called; `code` says in a word why, `message` in a sentence."""

    def __init__(self, code: Refusal, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
