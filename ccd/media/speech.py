"""Text as prompts: WAV files, spoken ahead by the embedded engine and kept.

A prompt's file is named by what it says and how (text, language, voice), so a text is
spoken once, and a changed text is another file. Rendering happens in a subprocess
(`ccd.media.espeak`) that is started for a batch of texts: starting costs 0.2 s, a
sentence 10 ms, so that a flow's prompts are best had by `render_many` when it is loaded.

A recording from a studio goes first: `<key>.<lang>.wav` or `<key>.wav` in its folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ccd.errors import CcdError
from ccd.media.espeak import Order, Outcome
from ccd.media.prompt import Prompt as Prompt

_VERSION: Final = 1
"""Of levelling and trimming: raise it when they change, and prompts are spoken anew."""

MAX_TEXT = 5000
"""Characters: above it a prompt is a mistake (ten minutes of speech)."""

_ENGINE: Final = (sys.executable, "-m", "ccd.media.espeak")

_START_S = 20.0
_PER_TEXT_S = 5.0
"""How long the engine may take; it takes a thousandth, on a machine that is not starved."""


class SpeechError(CcdError):
    """A text can't be spoken; the message names it, the reason and the mend."""


class Voice(NamedTuple):
    """How a language is spoken: eSpeak's voice and its settings."""

    name: str
    words_per_minute: int
    pitch: int
    word_gap_10ms: int = 0


VOICES: Final[Mapping[str, Voice]] = {
    "en": Voice("en-us", 150, 45),
    "zh": Voice("cmn", 180, 45),
}
"""By language as flows name it. A little slower than eSpeak's 175 words: it is a telephone."""


async def render(
    text: str, lang: str, folder: Path, *, key: str = "", studio: Path | None = None
) -> Path:
    """The WAV file (8 kHz, mono, 16 bits, about -16 dBm0) that says `text`.

    `folder` keeps the rendered ones; `studio` may hold recordings that go first.
    Raises SpeechError.
    """
    (path,) = await render_many([Prompt(text, lang, key)], folder, studio=studio)
    return path


async def render_many(
    prompts: Sequence[Prompt], folder: Path, *, studio: Path | None = None
) -> list[Path]:
    """A file for each prompt, in order; what is missing is spoken by one subprocess.

    Raises SpeechError for the first that can't be had; the others are kept all the same.
    """
    return await asyncio.to_thread(render_many_now, prompts, folder, studio=studio)


def render_now(
    text: str, lang: str, folder: Path, *, key: str = "", studio: Path | None = None
) -> Path:
    """`render` for code without an event loop; blocks."""
    (path,) = render_many_now([Prompt(text, lang, key)], folder, studio=studio)
    return path


def render_many_now(
    prompts: Sequence[Prompt], folder: Path, *, studio: Path | None = None
) -> list[Path]:
    """`render_many` for code without an event loop; blocks."""
    paths = []
    missing: dict[Path, Prompt] = {}
    for prompt in prompts:
        path = _recorded(prompt, studio) or folder / _file_name(prompt)
        paths.append(path)
        if not path.exists():
            missing[path] = prompt
    if missing:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpeechError(
                f"{folder}: can't keep spoken prompts there ({error.strerror});"
                " choose another folder or mend its permissions"
            ) from error
        _speak(missing)
    return paths


def _recorded(prompt: Prompt, studio: Path | None) -> Path | None:
    if not prompt.key or studio is None:
        return None
    if Path(prompt.key).name != prompt.key:
        raise SpeechError(f"{prompt.key!r} is no name of a prompt; use one without slashes")
    candidates = (studio / f"{prompt.key}.{prompt.lang}.wav", studio / f"{prompt.key}.wav")
    return next((path for path in candidates if path.is_file()), None)


def _file_name(prompt: Prompt) -> str:
    voice = _voice(prompt)
    content = msgspec.json.encode([_VERSION, prompt.text, prompt.lang, voice])
    return f"{prompt.lang}-{hashlib.sha256(content).hexdigest()[:32]}.wav"


def _voice(prompt: Prompt) -> Voice:
    """How to say it. Raises SpeechError for what can't be said."""
    voice = VOICES.get(prompt.lang)
    if voice is None:
        known = ", ".join(sorted(VOICES))
        raise SpeechError(
            f"{_quoted(prompt)}: there is no voice for language {prompt.lang!r}; use {known}"
        )
    if not prompt.text.strip():
        raise SpeechError("a prompt without text can't be spoken; give it some")
    if len(prompt.text) > MAX_TEXT:
        raise SpeechError(
            f"{_quoted(prompt)}: a text of {len(prompt.text)} characters; at most {MAX_TEXT}"
        )
    if any(character < " " and not character.isspace() for character in prompt.text):
        raise SpeechError(f"{_quoted(prompt)}: holds control characters; take them out")
    return voice


def _speak(missing: Mapping[Path, Prompt]) -> None:
    """Have the engine make these files. Raises SpeechError for the first that it has not."""
    lines = []
    for path, prompt in missing.items():
        voice = _voice(prompt)
        order = Order(
            text=prompt.text,
            voice=voice.name,
            path=str(path),
            words_per_minute=voice.words_per_minute,
            pitch=voice.pitch,
            word_gap_10ms=voice.word_gap_10ms,
        )
        lines.append(msgspec.json.encode(order))
    try:
        done = subprocess.run(
            _ENGINE,
            input=b"\n".join(lines) + b"\n",
            capture_output=True,
            timeout=_START_S + _PER_TEXT_S * len(lines),
            check=False,
        )
        output, complaint, status = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        output, complaint, status = error.stdout or b"", b"it took too long", 0
    except OSError as error:
        raise SpeechError(
            f"can't start the speech engine ({error.strerror}); see that python runs here"
        ) from error
    outcomes = _outcomes(output)
    for path, prompt in missing.items():
        outcome = outcomes.get(str(path))
        if outcome is None:
            last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
            raise SpeechError(
                f"{_quoted(prompt)}: the speech engine died of it (status {status}{', ' * bool(last)}"
                f"{last}); say it otherwise, or give it as a recording"
            )
        if outcome.error:
            raise SpeechError(
                f"{_quoted(prompt)}: {outcome.error}; say it otherwise, or give it as a recording"
            )


def _outcomes(output: bytes) -> dict[str, Outcome]:
    """What the engine said, by path; an engine that died may have stopped in mid-line."""
    outcomes = {}
    for line in output.splitlines():
        with contextlib.suppress(msgspec.DecodeError):
            outcome = msgspec.json.decode(line, type=Outcome)
            outcomes[outcome.path] = outcome
    return outcomes


def _quoted(prompt: Prompt) -> str:
    text = prompt.text if len(prompt.text) <= 40 else prompt.text[:39] + "…"
    return f"“{text}” ({prompt.lang})"
