"""Every text that is spoken to callers as a sound, made before the first call needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from ccd.media import speech
from ccd.media.prompt import Prompt
from ccd.media.protocol import Sound
from ccd.media.sounds import SoundError, load


class PromptBook:
    """Prompts and the files that say them.

    `folder` keeps what the speech engine rendered, from one start to the next. `studio` may
    hold recordings that go first: `<key>.<language>.wav`, or `<key>.wav` where one file is
    right for every language.
    """

    def __init__(self, folder: Path, *, studio: Path | None = None) -> None:
        self._folder = folder
        self._studio = studio
        self._paths: dict[Prompt, str] = {}

    async def prepare(self, prompts: Iterable[Prompt]) -> None:
        """Have all of these at hand: found in the studio's folder, or spoken now.

        Raises `ccd.media.speech.SpeechError` for one that can't be had, and for a recording
        of the studio that can't be played: a caller would hear nothing in its place.
        """
        wanted = sorted(set(prompts) - self._paths.keys())
        paths = await speech.render_many(wanted, self._folder, studio=self._studio)
        recorded = [path for path in paths if path.parent == self._studio]
        await asyncio.to_thread(_check, recorded)
        self._paths.update(zip(wanted, map(str, paths), strict=True))

    def sounds(self, prompts: Sequence[Prompt]) -> tuple[Sound, ...]:
        """What to play for these, in their order. Raises KeyError for one not prepared."""
        return tuple(Sound(path=self._paths[prompt]) for prompt in prompts)

    def message(self, name: str) -> Sound:
        """What to play for a prompt's name, or a recording's of the studio's folder.

        Raises KeyError where there is neither.
        """
        for prompt, path in self._paths.items():
            if prompt.key == name:
                return Sound(path=path)
        if self._studio is not None and Path(name).name == name:
            for file in (self._studio / name, self._studio / f"{name}.wav"):
                if file.suffix == ".wav" and file.is_file():
                    return Sound(path=str(file))
        raise KeyError(name)


def _check(recorded: Iterable[Path]) -> None:
    for path in recorded:
        try:
            load(path)
        except SoundError as error:
            raise speech.SpeechError(
                f"{error} Mend it, or take it away: the text is spoken then."
            ) from error
