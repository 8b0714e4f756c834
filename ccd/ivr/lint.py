"""What a well-formed flow means: where callers would get lost, or hear nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from ccd.ivr.flow import (
    DTMF,
    AnyStep,
    CollectStep,
    Entry,
    Flow,
    HangUpStep,
    MenuStep,
    PlayStep,
    Prompts,
    Question,
    QueueStep,
    ReturnStep,
    targets,
)
from ccd.ivr.outcome import Outcome
from ccd.ivr.problems import Severity, nearest


class Finding(msgspec.Struct, frozen=True):
    """A problem before it has its place in the file."""

    key: tuple[str | int, ...]
    rule: str
    message: str
    mend: str = ""
    severity: Severity = Severity.ERROR


def check(
    flow: Flow,
    *,
    folder: Path | None = None,
    queues: Collection[str] | None = None,
    entered: Collection[Entry] = (),
) -> Iterator[Finding]:
    """Yield every finding.

    `folder`: look for recordings there; `queues`: those there are; `entered`: by whom the flow
    is entered, where that is known.
    """
    yield from _references(flow)
    yield from _graph(flow)
    yield from _returns(flow, entered)
    for name, step in flow.steps.items():
        key = ("steps", name)
        yield from _step(step, key, queues)
        for field in ("prompt", "no_input", "invalid"):
            prompts: Prompts = getattr(step, field, ())
            yield from _prompts(prompts, (*key, field), flow, folder)


def _references(flow: Flow) -> Iterator[Finding]:
    """Every name of a step is one, and every question has a way out when nothing helps."""
    for key, target in [(("start",), flow.start), (("fallback",), flow.fallback)]:
        if target and target not in flow.steps:
            yield _unknown_step(flow, key, target)
    for name, step in flow.steps.items():
        if isinstance(step, Question) and not (step.fallback or flow.fallback):
            yield Finding(
                ("steps", name),
                "no-fallback",
                "nowhere to go after silence or wrong keys",
                "give this step, or the whole flow, a 'fallback'",
            )
        for path, target in targets(step, ""):
            if target and target not in flow.steps:
                yield _unknown_step(flow, ("steps", name, *path), target)


def _unknown_step(flow: Flow, key: tuple[str, ...], target: str) -> Finding:
    return Finding(key, "unknown-step", f"there is no step {target!r}", nearest(target, flow.steps))


def _graph(flow: Flow) -> Iterator[Finding]:
    """Callers can get to every step, and from every step to an end."""
    leads = _leads(flow)
    reached = _closure({flow.start} & flow.steps.keys(), leads)
    comes_from: dict[str, set[str]] = {name: set() for name in flow.steps}
    for name, following in leads.items():
        for target in following:
            comes_from[target].add(name)
    ends = {n for n, s in flow.steps.items() if isinstance(s, QueueStep | HangUpStep | ReturnStep)}
    ending = _closure(ends, comes_from)
    for name in flow.steps:
        if name not in reached:
            yield Finding(
                ("steps", name),
                "unreachable",
                "no caller can get to this step",
                "lead to it from another step, or remove it",
                Severity.WARNING,
            )
        if name not in ending and (leads[name] or isinstance(flow.steps[name], PlayStep)):
            yield Finding(
                ("steps", name),
                "dead-end",
                "from here a caller never comes to a person or an end",
                "lead on to a 'queue', 'hangup' or 'return' step",
            )


def _returns(flow: Flow, entered: Collection[Entry]) -> Iterator[Finding]:
    """Who was sent by an agent can get back to him, and nobody else is sent back to nobody."""
    reached = _closure({flow.start} & flow.steps.keys(), _leads(flow))
    returns = [name for name in reached if isinstance(flow.steps[name], ReturnStep)]
    if Entry.NUMBER in entered:
        for name in returns:
            yield Finding(
                ("steps", name),
                "return-to-nobody",
                "who dials the number of this flow has no agent to go back to",
                "lead to a 'queue' or 'hangup' step, or make the flow a [[service_flow]] alone",
            )
    if Entry.AGENT in entered and not returns:
        yield Finding(
            ("start",),
            "no-return",
            "no caller comes back to the agent who sent him here",
            "end it in a 'return' step",
        )


def _leads(flow: Flow) -> dict[str, set[str]]:
    """Where each step may lead, by name."""
    return {
        name: {target for _, target in targets(step, flow.fallback) if target in flow.steps}
        for name, step in flow.steps.items()
    }


def _closure(begin: set[str], leads: dict[str, set[str]]) -> set[str]:
    found, todo = set(begin), list(begin)
    while todo:
        for name in leads[todo.pop()] - found:
            found.add(name)
            todo.append(name)
    return found


def _step(step: AnyStep, key: tuple[str, ...], queues: Collection[str] | None) -> Iterator[Finding]:
    match step:
        case PlayStep() if not step.prompt:
            yield Finding(key, "no-prompt", "nothing is played", "give it a 'prompt'")
        case MenuStep() | CollectStep() if not step.prompt:
            yield Finding(
                key,
                "no-prompt",
                "the caller is not told what to press",
                "give it a 'prompt'",
                Severity.WARNING,
            )
        case QueueStep() if queues is not None and step.queue not in queues:
            yield Finding(
                (*key, "queue"),
                "unknown-queue",
                f"there is no queue {step.queue!r}",
                nearest(step.queue, queues),
            )
        case ReturnStep() if step.outcome in set(Outcome):
            yield Finding(
                (*key, "outcome"),
                "reserved-outcome",
                f"{step.outcome!r} is said where a caller comes back by no 'return' step",
                f"choose a word of the flow's own, none of {', '.join(Outcome)}",
            )
    if isinstance(step, MenuStep):
        if not step.choices:
            yield Finding((*key, "choices"), "no-choices", "there is nothing to choose")
        for digit in step.choices:
            if digit not in DTMF:
                yield Finding(
                    (*key, "choices", digit),
                    "not-a-key",
                    f"{digit!r} is no telephone key",
                    'one of 0-9, "*", "#", A-D',
                )
    if isinstance(step, CollectStep):
        yield from _collect(step, key)


def _collect(step: CollectStep, key: tuple[str, ...]) -> Iterator[Finding]:
    if step.max_digits < max(step.min_digits, 1):
        yield Finding(
            (*key, "max_digits"),
            "digits",
            f"max_digits is {step.max_digits}, min_digits {step.min_digits}: no entry can be right",
        )
    if step.terminator and step.terminator not in DTMF:
        yield Finding(
            (*key, "terminator"),
            "not-a-key",
            f"{step.terminator!r} is no telephone key",
            'one key, or "" for none',
        )
    if strange := sorted(set(step.allowed) - DTMF):
        yield Finding((*key, "allowed"), "not-a-key", f"{strange} are no telephone keys")
    elif not set(step.allowed) - {step.terminator}:
        yield Finding((*key, "allowed"), "digits", "no key is left to enter anything with")
    elif step.terminator and step.terminator in step.allowed:
        yield Finding(
            (*key, "terminator"),
            "digits",
            f"{step.terminator!r} both ends the entry and is allowed in it",
            "choose another terminator, or take it out of 'allowed'",
        )


def _prompts(
    prompts: Prompts, key: tuple[str, ...], flow: Flow, folder: Path | None
) -> Iterator[Finding]:
    covered: set[str] = set()
    for index, prompt in enumerate(prompts):
        place: tuple[str | int, ...] = (*key, index) if len(prompts) > 1 else key
        texts = prompt.say if isinstance(prompt.say, dict) else {flow.language: prompt.say}
        files = prompt.play if isinstance(prompt.play, dict) else {"": prompt.play}
        if not any(text.strip() for text in texts.values()) and not any(files.values()):
            yield Finding(
                place,
                "empty-prompt",
                "there is neither a text nor a recording",
                "give 'say' or 'play'",
            )
        covered |= texts.keys() | (files.keys() if "" not in files else {flow.language})
        for file in files.values():
            if folder is None or not file or (folder / file).is_file():
                continue
            spoken = bool(texts)
            yield Finding(
                (*place, "play"),
                "no-recording",
                f"{folder / file} is not there",
                "its text is spoken instead" if spoken else "record it, or give its text as 'say'",
                Severity.WARNING if spoken else Severity.ERROR,
            )
    if prompts and flow.language not in covered:
        yield Finding(
            key,
            "language",
            f"nothing of it is in the flow's language, {flow.language!r}",
            f"there is {', '.join(sorted(covered))}",
            Severity.WARNING,
        )
