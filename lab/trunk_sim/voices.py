"""Voices that a program can tell apart: who heard whom, proved by tones.

A party's voice is two tones that take turns, a syllable each. Callers and robot agents
draw their tones from two separate sets, so hearing one's own side is never mistaken for
hearing the other. Every tone is a whole number of cycles in the media plane's 20 ms
frame (a multiple of 50 Hz) and 100 Hz from its neighbours, which makes the voices
orthogonal to a frame-wise Goertzel detector; all lie above the DTMF bands (697-1633 Hz)
and above what carries the energy of speech and music, so that a prompt is no voice.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import msgspec

from ccd.media.protocol import Sound

ROBOT_TONES = (1750.0, 1850.0, 1950.0, 2050.0, 2150.0, 2250.0)
"""Hz; the tones that robot agents speak in."""

CALLER_TONES = (2350.0, 2450.0, 2550.0, 2650.0, 2750.0, 2850.0, 2950.0, 3050.0)
"""Hz; the tones that callers speak in."""

ALL_TONES = ROBOT_TONES + CALLER_TONES
"""What every ear listens for: the other side's, its own, and everybody else's."""

SYLLABLE_MS = 240
"""How long a tone sounds before the other takes its turn."""

SYLLABLE_HEARD_S = 0.12
"""A tone shorter than this is no syllable: vowels and notes pass by such tones."""

LEVEL_DBM0 = -16.0
"""Loudness of a voice: that of speech on a good line (ITU-T P.56 puts it near -19 dBm0)."""


class Voice(msgspec.Struct, frozen=True):
    """Two tones (Hz, ascending) that identify a party."""

    tones: tuple[float, float]

    def __str__(self) -> str:
        return f"{self.tones[0]:.0f}/{self.tones[1]:.0f} Hz"

    def sounds(self, speech: str | None = None) -> tuple[Sound, ...]:
        """A play list to loop: three rounds of both tones, then `speech` (a WAV) if there is one."""
        syllables = tuple(
            Sound(frequencies=(tone,), level_dbm0=LEVEL_DBM0, on_ms=SYLLABLE_MS)
            for tone in self.tones
        )
        rounds = syllables * 3
        return rounds if speech is None else (*rounds, Sound(path=speech))


ROBOT_VOICES = tuple(Voice(pair) for pair in combinations(ROBOT_TONES, 2))
CALLER_VOICES = tuple(Voice(pair) for pair in combinations(CALLER_TONES, 2))


def robot_voice(number: int) -> Voice:
    """The voice of robot `number` (any integer; voices repeat after 15 robots)."""
    return ROBOT_VOICES[number % len(ROBOT_VOICES)]


def caller_voice(number: int) -> Voice:
    """The voice of caller `number` (any integer; voices repeat after 28 callers)."""
    return CALLER_VOICES[number % len(CALLER_VOICES)]


class Ear:
    """What one party has heard so far, told by a tone detector's reports.

    Times are the caller's clock, in seconds. Only syllables count: a tone that came and
    went within `SYLLABLE_HEARD_S` is forgotten.
    """

    def __init__(self) -> None:
        self._since: dict[float, float] = {}
        self._heard_s: dict[float, float] = {}
        self._syllables: dict[float, int] = {}

    def tone(self, frequency: float, present: bool, now: float) -> None:
        """The detector began (or ceased) to hear `frequency` at `now`."""
        if present:
            self._since.setdefault(frequency, now)
            return
        began = self._since.pop(frequency, None)
        if began is not None and now - began >= SYLLABLE_HEARD_S:
            self._heard_s[frequency] = self._heard_s.get(frequency, 0.0) + now - began
            self._syllables[frequency] = self._syllables.get(frequency, 0) + 1

    def finish(self, now: float) -> None:
        """The line went dead at `now`: what still sounds ends here."""
        for frequency in list(self._since):
            self.tone(frequency, False, now)

    @property
    def heard_ms(self) -> dict[float, int]:
        """Milliseconds heard of each tone that was heard for a syllable or more."""
        return {tone: round(1000 * seconds) for tone, seconds in sorted(self._heard_s.items())}

    def hears(self, voice: Voice) -> bool:
        """Whether both tones of `voice` were heard."""
        return all(tone in self._syllables for tone in voice.tones)

    def recognise(self, voices: Iterable[Voice]) -> Voice | None:
        """The voice of `voices` whose two tones were heard most often, or None."""
        heard = [voice for voice in voices if self.hears(voice)]
        return max(
            heard,
            key=lambda voice: min(self._syllables[tone] for tone in voice.tones),
            default=None,
        )
