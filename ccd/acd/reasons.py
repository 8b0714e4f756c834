"""Why the distributor took a step: in words for people, and in the figures it went by."""

from __future__ import annotations

from ccd.acd.case import Case, Stage
from ccd.acd.phases import Phase

Facts = dict[str, str | int | float]


def placed(case: Case, position: int) -> tuple[str, Facts]:
    """Why a contact has the place that it has."""
    contact, queue = case.contact, case.queue.settings
    facts: Facts = {
        "due": round(case.place[0], 3),
        "enqueued_at": round(contact.enqueued_at, 3),
        "head_start_s": contact.head_start_s,
        "weight_s": queue.weight_s,
        "position": position,
        "phase": case.phases[case.phase].name,
        "channel": contact.channel.value,
    }
    parts = []
    if contact.customer_class:
        facts["customer_class"] = contact.customer_class
        parts.append(f"{contact.customer_class}: {contact.head_start_s:g} s ahead")
    if queue.weight_s:
        parts.append(f"queue's weight: {queue.weight_s:g} s ahead")
    if case.urgent:
        parts.append("its deadline is near")
    return "; ".join(parts) or "first come, first served", facts


def assigned(case: Case, agent: str, candidates: int, waited: float) -> tuple[str, Facts]:
    """Why an agent gets a contact: he was chosen among the free, or it was the next for him."""
    phase = case.phases[case.phase].name
    if candidates > 1:
        why = f"{case.queue.settings.strategy.replace('_', ' ')} of {candidates} free"
    elif waited > 0:
        why = f"the next for {agent}"
    else:
        why = f"{agent} is the only one free"
    if len(case.phases) > 1:
        why += f" ({phase})"
    return why, {
        "waited": round(waited, 3),
        "due": round(case.place[0], 3),
        "candidates": candidates,
        "phase": phase,
    }


def taken(was: Stage | None, giver: str | None, offers: list[str]) -> str:
    """Where a contact was that an agent has without being given it."""
    match was:
        case Stage.WAITING:
            return "it waited"
        case Stage.OFFERED:
            return f"it rang at {', '.join(offers)}"
        case Stage.CONNECTED:
            return f"{giver} had it"
        case None:
            return "it was in no queue"


def went_on(before: Phase, after: Phase) -> tuple[str, Facts]:
    """Why others are asked for a contact from now on."""
    skills = ", ".join(f"{skill} {level}" for skill, level in after.need.skills)
    why = f"{before.name} until {after.after_s:g} s, then {after.name}"
    return why, {"phase": after.name, "skills": skills}
