"""The prompts of all flows as sounds: every text spoken before the first call needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ccd.ivr.actions import Spoken
from ccd.ivr.flow import CollectStep, Flow, MenuStep, Prompt
from ccd.media import speech
from ccd.media.protocol import Sound


class PromptBook:
    """Texts and the files that say them; `folder` keeps the rendered ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[tuple[str, str], str] = {}

    async def prepare(self, flows: Iterable[Flow]) -> None:
        """Have every text of these flows spoken. Raises `SpeechError`."""
        texts = sorted(
            {
                speech.Prompt(text, language)
                for flow in flows
                for prompt in _prompts(flow)
                for language, text in _texts(prompt, flow).items()
            }
        )
        paths = await speech.render_many(texts, self._folder)
        for text, path in zip(texts, paths, strict=True):
            self._paths[text.text, text.lang] = str(path)

    def sounds(self, prompts: Sequence[Spoken]) -> tuple[Sound, ...]:
        """What to play for these prompts: the recording, else the spoken text.

        Raises KeyError for a text of a flow that was not prepared.
        """
        return tuple(
            Sound(path=prompt.file or self._paths[prompt.text, prompt.language])
            for prompt in prompts
        )


def _prompts(flow: Flow) -> Iterable[Prompt]:
    for step in flow.steps.values():
        yield from step.prompt
        if isinstance(step, MenuStep | CollectStep):
            yield from step.no_input
            yield from step.invalid


def _texts(prompt: Prompt, flow: Flow) -> dict[str, str]:
    return prompt.say if isinstance(prompt.say, dict) else {flow.language: prompt.say}
