"""The words and recordings of flows, for the prompt book that makes sounds of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ccd.ivr.actions import Spoken
from ccd.ivr.flow import CollectStep, Flow, MenuStep, Prompt
from ccd.media import prompt
from ccd.media.prompt_book import PromptBook
from ccd.media.protocol import Sound


def vocabulary(flows: Iterable[Flow]) -> list[prompt.Prompt]:
    """Every text that these flows can say."""
    return [
        prompt.Prompt(text, language)
        for flow in flows
        for said in _prompts(flow)
        for language, text in _texts(said, flow).items()
    ]


def sounds(said: Sequence[Spoken], book: PromptBook) -> tuple[Sound, ...]:
    """What to play for these: the flow's recording, else the spoken text.

    Raises KeyError for a text of a flow that `book` was not prepared with.
    """
    found: list[Sound] = []
    for one in said:
        if one.file:
            found.append(Sound(path=one.file))
        else:
            found.extend(book.sounds([prompt.Prompt(one.text, one.language)]))
    return tuple(found)


def _prompts(flow: Flow) -> Iterable[Prompt]:
    for step in flow.steps.values():
        yield from step.prompt
        if isinstance(step, MenuStep | CollectStep):
            yield from step.no_input
            yield from step.invalid


def _texts(prompt: Prompt, flow: Flow) -> dict[str, str]:
    return prompt.say if isinstance(prompt.say, dict) else {flow.language: prompt.say}
