"""What is said of the operations behind an agent's screen: his workplace, its pulse, his day."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ccd.cti.record_operations import CallRecordsResult
from ccd.cti.spec import FOR_AGENT, AgentArgs, Args, Spec, Text
from ccd.cti.wire import ErrorCode
from ccd.model import AgentState
from ccd.stats.adherence import AdherenceView as AdherenceView


class MyCallsArgs(AgentArgs, frozen=True, kw_only=True):
    """Arguments of `my_calls`."""

    since: float | None = None
    """Calls that came in then or later, seconds since the epoch."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class SendMessageArgs(Args, frozen=True, kw_only=True):
    """Arguments of `send_message`: to one of these."""

    text: Annotated[str, Meta(min_length=1, max_length=500)]
    agent: Text | None = None
    queue: Text | None = None
    """All who are logged on for it."""


class SendMessageResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who will read it."""

    agents: tuple[str, ...]


class WordView(msgspec.Struct, frozen=True, kw_only=True):
    """A word of the settings, and how people read it."""

    name: str
    title: str = ""


class DispositionView(WordView, frozen=True, kw_only=True):
    """What can come of a call."""

    queues: tuple[str, ...] = ()
    """Of whose calls; empty: of all."""


class ServedQueueView(WordView, frozen=True, kw_only=True):
    """A queue that the agent serves, as he has to know it."""

    script: str = ""
    """What to say, in Markdown."""
    service_level_s: float = 20.0
    wrap_up_s: float = 0.0
    disposition_required: bool = False


class ContactView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody or something that can be called."""

    name: str
    kind: str
    """`agent` or `queue`."""
    title: str = ""
    extension: str = ""


class WorkplaceResult(msgspec.Struct, frozen=True, kw_only=True):
    """Who an agent is and what he works with, by the settings as they apply now."""

    agent: str
    full_name: str = ""
    phone: str = ""
    """Where he is rung by the settings, unless he logged in at another."""
    queues: tuple[ServedQueueView, ...] = ()
    reasons: tuple[WordView, ...] = ()
    """Why he may be not ready; empty: any word will do."""
    dispositions: tuple[DispositionView, ...] = ()
    """Empty: any word will do."""
    flows: tuple[WordView, ...] = ()
    """What he can send his caller through (`send_to_ivr`)."""
    contacts: tuple[ContactView, ...] = ()
    """Colleagues and queues."""
    host: bool = False
    """There are the brokerage's systems to be asked for `holdings`."""


class TeamView(msgspec.Struct, frozen=True, kw_only=True):
    """A colleague, as his team sees him."""

    agent: str
    state: AgentState
    reason: str | None = None
    since: float | None = None


class QueuePulse(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue is now."""

    queue: str
    waiting: int
    oldest_wait_s: float | None = None
    idle_agents: int = 0
    agents: int = 0
    """Logged on for it."""


class PulseResult(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's queues, and those who serve them with him."""

    at: float
    queues: tuple[QueuePulse, ...] = ()
    team: tuple[TeamView, ...] = ()
    """Without himself, at most 200, by name."""
    adherence: AdherenceView | None = None
    """His own, today; nothing where no roster names him."""
    again_s: float = 0.0
    """Ask again after so long at the earliest: the longer, the more screens there are."""


DESK_OPERATIONS: tuple[Spec, ...] = (
    Spec(
        "workplace",
        "Who an agent is, and what he works with: his queues with their scripts, reasons, "
        "dispositions, flows, and whom he can call.",
        AgentArgs,
        WorkplaceResult,
        for_agent=True,
        errors=FOR_AGENT,
    ),
    Spec(
        "pulse",
        "How the agent's queues are now (a second old at most), and who serves them with him. To be "
        "asked again after `again_s`; what is about himself comes by `monitor_start`.",
        AgentArgs,
        PulseResult,
        for_agent=True,
        errors=FOR_AGENT,
    ),
    Spec(
        "my_calls",
        "Records of the agent's own calls that are over, newest first.",
        MyCallsArgs,
        CallRecordsResult,
        for_agent=True,
        errors=(*FOR_AGENT, ErrorCode.REFUSED),
    ),
    Spec(
        "send_message",
        "Write a line for the screen of an agent who is logged on, or of all of a queue's; an agent "
        "may write to colleagues and to his supervisors alike.",
        SendMessageArgs,
        SendMessageResult,
        changes=True,
        errors=(ErrorCode.UNKNOWN_AGENT, ErrorCode.UNKNOWN_QUEUE, ErrorCode.WRONG_STATE),
    ),
)
