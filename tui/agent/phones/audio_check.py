"""`ccd agent --check-audio`: is the headset fit for a shift? Levels, round trip, echo.

Three stretches: silence (what the room sounds like), speech (what the agent sounds like), and a
sweep that is played while the microphone listens: where it comes back, how late and how loud says
how long the devices take, and what callers would hear of themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tui.agent.phones import sound

RATE = 16_000
SILENCE_S, SPEECH_S, SWEEP_S, TAIL_S = 1.5, 4.0, 0.5, 1.0
SWEEP_HZ = (300.0, 3400.0)
"""What a telephone carries."""
FOUND = 8.0
"""An echo is believed where the correlation's peak stands so many times above its middle."""

NOTHING_DBFS = -75.0
"""No microphone is so quiet: it is muted, or none is there."""
NOISY_DBFS = -45.0
QUIET_DBFS, LOUD_DBFS = -40.0, -8.0
CLIPPED = 0.98
ECHO_DB = -35.0
"""Louder echoes are heard by callers."""
LATE_MS = 250.0

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Echo:
    """What came back of what was played."""

    delay_ms: float
    gain_db: float


@dataclass(frozen=True)
class Measured:
    """What was found; levels in dBFS."""

    noise_dbfs: float
    speech_dbfs: float
    peak: float
    """0 to 1."""
    echo: Echo | None


@dataclass(frozen=True)
class Verdict:
    """One sentence: `check.KEY` in the words."""

    key: str
    fit: bool
    value: float = 0.0


def dbfs(samples: Samples) -> float:
    """Level of samples between -1 and 1."""
    power = float(np.mean(samples**2)) if len(samples) else 0.0
    return 10 * float(np.log10(power)) if power > 0 else -120.0


def loudest(samples: Samples, rate: int = RATE) -> float:
    """Level of the loudest fifth of tenths of a second: of speech without its pauses."""
    size = rate // 10
    pieces = samples[: len(samples) // size * size].reshape(-1, size)
    levels = sorted((dbfs(piece) for piece in pieces), reverse=True)
    return float(np.mean(levels[: max(1, len(levels) // 5)])) if levels else -120.0


def sweep(rate: int = RATE) -> Samples:
    """The sound whose echo is looked for: a sine that rises, softly begun and ended."""
    at = np.arange(int(SWEEP_S * rate)) / rate
    low, high = SWEEP_HZ
    phase = 2 * np.pi * (low * at + (high - low) * at**2 / (2 * SWEEP_S))
    edge = np.minimum(1.0, np.minimum(at, SWEEP_S - at) / 0.02)
    swept: Samples = 0.3 * edge * np.sin(phase)
    return swept


def find_echo(played: Samples, heard: Samples, rate: int = RATE) -> Echo | None:
    """Find `played` in `heard`; both begin at once. None where it is not there."""
    if len(heard) < len(played):
        return None
    size = 1 << (len(heard) + len(played)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size))
    likeness = np.abs(np.fft.irfft(spectrum, size)[: len(heard) - len(played) + 1])
    peak = int(np.argmax(likeness))
    if likeness[peak] <= FOUND * float(np.median(likeness)) or likeness[peak] <= 0:
        return None
    gain = likeness[peak] / float(np.sum(played**2))
    return Echo(1000 * peak / rate, 20 * float(np.log10(gain)))


def judge(measured: Measured) -> list[Verdict]:
    """Say what it means for a shift."""
    verdicts = []
    if measured.speech_dbfs <= NOTHING_DBFS:
        verdicts.append(Verdict("nothing", False, measured.speech_dbfs))
    elif measured.speech_dbfs < QUIET_DBFS:
        verdicts.append(Verdict("quiet", False, measured.speech_dbfs))
    elif measured.speech_dbfs > LOUD_DBFS or measured.peak >= CLIPPED:
        verdicts.append(Verdict("loud", False, measured.speech_dbfs))
    else:
        verdicts.append(Verdict("speech", True, measured.speech_dbfs))
    noisy = measured.noise_dbfs > NOISY_DBFS
    verdicts.append(Verdict("noisy" if noisy else "noise", not noisy, measured.noise_dbfs))
    echo = measured.echo
    if echo is None:
        verdicts.append(Verdict("no_echo", True))
        return verdicts
    heard = echo.gain_db > ECHO_DB
    verdicts.append(Verdict("echo" if heard else "faint_echo", not heard, echo.gain_db))
    late = echo.delay_ms > LATE_MS
    verdicts.append(Verdict("late" if late else "round_trip", not late, echo.delay_ms))
    return verdicts


class Headset:
    """Microphone and earpiece kept at their pace: a frame each, every 20 ms."""

    def __init__(
        self,
        source: sound.Source,
        sink: sound.Sink,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source, self._sink = source, sink
        self._clock, self._sleep = clock, sleep
        self._due = clock()

    def pass_time(self, played: Samples) -> Samples:
        """Play these samples, and return what was heard meanwhile."""
        size = sound.frame_bytes(RATE) // 2
        heard = []
        for first in range(0, len(played), size):
            frame = np.zeros(size)
            part = played[first : first + size]
            frame[: len(part)] = part
            self._sink.write((frame * 32767).astype("<i2").tobytes())
            heard.append(np.frombuffer(self._source.read(), "<i2") / 32768)
            self._due += sound.FRAME_MS / 1000
            self._sleep(max(0.0, self._due - self._clock()))
        return np.concatenate(heard) if heard else np.zeros(0)


def check(headset: Headset, say: Callable[[str], None]) -> Measured:
    """Measure, saying what to do: `silence`, `speak`, `listen` (keys below `check.`)."""
    say("silence")
    headset.pass_time(np.zeros(RATE // 2))  # devices begin with a click
    noise = headset.pass_time(np.zeros(int(SILENCE_S * RATE)))
    say("speak")
    speech = headset.pass_time(np.zeros(int(SPEECH_S * RATE)))
    say("listen")
    played = sweep()
    back = headset.pass_time(np.concatenate((played, np.zeros(int(TAIL_S * RATE)))))
    return Measured(
        noise_dbfs=dbfs(noise),
        speech_dbfs=loudest(speech),
        peak=float(np.max(np.abs(speech))),
        echo=find_echo(played, back),
    )
