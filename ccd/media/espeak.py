"""The embedded speech engine, eSpeak NG, in a process of its own.

Run as `python -m ccd.media.espeak`: takes one `Order` a line of standard input (JSON),
answers each with an `Outcome` a line of standard output, ends with the input. The
library is C, with state of its own and a licence of its own: whatever happens to it
happens here and not to calls. `ccd.media.speech` is the room's door to it.

The binding follows espeak-ng's speak_lib.h, of which it uses the synchronous part:
samples come by a callback while `espeak_Synth` runs.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Final

import espeakng_loader
import msgspec
import numpy as np
from numpy.typing import NDArray

from ccd.media import wav
from ccd.media.level import FULL_SCALE, gain, level_dbm0, power_dbm0
from ccd.media.protocol import SAMPLE_RATE
from ccd.media.resample import resample

SPEECH_LEVEL_DBM0: Final = -16.0
"""Level of the speech itself, pauses aside: a little louder than a caller's own voice."""

_SLICE = SAMPLE_RATE // 100
"""10 ms: the grain in which speech is told from pauses."""

_BELOW_SPEECH_DB = 35.0
"""What is so far below the loudest slice is no speech."""

_LEAD = 2
_TAIL = 6
"""Slices kept before the first and after the last sound, so that no consonant is cut."""

_PEAK = 0.95 * FULL_SCALE

# Of speak_lib.h:
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE, _PITCH, _WORD_GAP = 1, 3, 7


class Order(msgspec.Struct, frozen=True):
    """One text to speak into a file. `voice` is eSpeak's name of it."""

    text: str
    voice: str
    path: str
    words_per_minute: int
    pitch: int
    word_gap_10ms: int


class Outcome(msgspec.Struct, frozen=True):
    """An order is done, or `error` says why not."""

    path: str
    error: str = ""


class EngineError(Exception):
    """The engine refuses; the message says what."""


class Engine:
    """The library, loaded and ready. One a process."""

    def __init__(self) -> None:
        """Raise EngineError where the library or its data is missing or unfit."""
        try:
            library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = Path(espeakng_loader.get_data_path())
        except (OSError, RuntimeError) as error:
            raise EngineError(f"can't load the engine ({error})") from error
        callback = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )
        library.espeak_SetSynthCallback.argtypes = [callback]
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint,
            ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        self._rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT)
        if self._rate <= 0:
            raise EngineError(f"the engine can't read its voices in {data}")
        self._library = library
        self._pieces: list[bytes] = []
        self._callback = callback(self._receive)  # must live as long as the library calls it
        library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if count > 0:  # at the end it calls with none
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    def speak(self, order: Order) -> NDArray[np.float32]:
        """The text's samples at 8 kHz, not yet levelled. Raises EngineError."""
        if self._library.espeak_SetVoiceByName(order.voice.encode()) != 0:
            raise EngineError(f"the engine has no voice {order.voice!r}")
        self._library.espeak_SetParameter(_RATE, order.words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, order.pitch, 0)
        self._library.espeak_SetParameter(_WORD_GAP, order.word_gap_10ms, 0)
        self._pieces.clear()
        text = order.text.encode() + b"\0"
        failed = self._library.espeak_Synth(text, len(text), 0, 1, 0, _CHARS_UTF8, None, None)
        if failed:
            raise EngineError(f"the engine refuses the text (error {failed})")
        raw = np.frombuffer(b"".join(self._pieces), dtype=np.int16).astype(np.float32)
        return resample(raw, self._rate, SAMPLE_RATE)


def prompt(speech: NDArray[np.float32]) -> NDArray[np.int16]:
    """Speech as a prompt: at its level, without the silence around it.

    Raises EngineError where nothing is to be heard.
    """
    count = speech.size // _SLICE
    power = np.mean(np.square(speech[: count * _SLICE], dtype=np.float64).reshape(-1, _SLICE), 1)
    levels = power_dbm0(power)
    if count == 0 or levels.max() < -60.0:
        raise EngineError("there is nothing in the text to be spoken")
    spoken = np.flatnonzero(levels > levels.max() - _BELOW_SPEECH_DB)
    active = float(power_dbm0(float(power[spoken].mean())))
    start = max(spoken[0] - _LEAD, 0) * _SLICE
    stop = min((spoken[-1] + 1 + _TAIL) * _SLICE, speech.size)
    cut = speech[start:stop] * gain(SPEECH_LEVEL_DBM0 - active)
    peak = float(np.abs(cut).max())
    if peak > _PEAK:
        cut = cut * (_PEAK / peak)  # rather a little quieter than distorted
    samples: NDArray[np.int16] = np.rint(cut).astype(np.int16)
    return samples


def active_level(samples: NDArray[np.int16]) -> float:
    """Level of the speech in `samples` without its pauses, dBm0 (the idea of ITU-T P.56)."""
    count = samples.size // _SLICE
    if count == 0:
        return level_dbm0(samples)
    slices = samples[: count * _SLICE].astype(np.float64).reshape(-1, _SLICE)
    power = np.mean(np.square(slices), axis=1)
    levels = power_dbm0(power)
    return float(power_dbm0(float(power[levels > levels.max() - _BELOW_SPEECH_DB].mean())))


def main() -> None:
    """Serve orders until the input ends."""
    decoder = msgspec.json.Decoder(Order)
    engine: Engine | None = None
    for line in sys.stdin.buffer:
        order = decoder.decode(line)
        error = ""
        try:
            engine = engine or Engine()
            wav.write(Path(order.path), prompt(engine.speak(order)))
        except EngineError as failure:
            error = str(failure)
        except OSError as failure:
            error = f"can't write the file ({failure.strerror or failure})"
        sys.stdout.buffer.write(msgspec.json.encode(Outcome(order.path, error)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
