"""Prompts at hand before they are needed: spoken, kept, or recorded in a studio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccd.media import wav
from ccd.media.prompt import Prompt
from ccd.media.prompt_book import PromptBook
from ccd.media.protocol import Sound
from ccd.media.speech import SpeechError

HELLO = Prompt("Hello.", "en", "acd-hello")
BYE = Prompt("再见。", "zh", "acd-bye")
SILENT = np.zeros(800, dtype=np.int16)


def written_at(sound: Sound) -> int:
    assert sound.path is not None
    return Path(sound.path).stat().st_mtime_ns


async def test_what_is_not_recorded_is_spoken_and_kept(tmp_path: Path) -> None:
    book = PromptBook(tmp_path)
    await book.prepare([HELLO, BYE, HELLO])
    hello, bye = book.sounds([HELLO, BYE])
    made = written_at(hello)
    assert Path(bye.path or "").parent == tmp_path
    again = PromptBook(tmp_path)
    await again.prepare([HELLO])
    assert again.sounds([HELLO]) == (hello,)
    assert written_at(hello) == made


async def test_a_studio_s_recording_goes_first_and_by_its_key_alone(tmp_path: Path) -> None:
    studio = tmp_path / "studio"
    studio.mkdir()
    wav.write(studio / "acd-hello.en.wav", SILENT)
    book = PromptBook(tmp_path, studio=studio)
    await book.prepare([HELLO, BYE, HELLO._replace(key="")])
    assert book.sounds([HELLO])[0].path == str(studio / "acd-hello.en.wav")
    assert Path(book.sounds([BYE])[0].path or "").parent == tmp_path
    assert Path(book.sounds([HELLO._replace(key="")])[0].path or "").parent == tmp_path


async def test_a_recording_that_can_t_be_played_is_told_at_the_start(tmp_path: Path) -> None:
    studio = tmp_path / "studio"
    studio.mkdir()
    (studio / "acd-hello.wav").write_text("no sound")
    book = PromptBook(tmp_path, studio=studio)
    with pytest.raises(SpeechError, match=r"acd-hello\.wav: can't be played.*the text is spoken"):
        await book.prepare([HELLO])


async def test_what_was_not_prepared_is_a_mistake_of_ours(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        PromptBook(tmp_path).sounds([HELLO])
