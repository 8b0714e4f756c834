"""Where a phone's sound comes from and goes to: a device, a WAV, or nothing.

Sound is 20 ms frames of 16 bit mono PCM in the machine's byte order. A `Source` gives one
whenever the call wants one, and a `Sink` takes one whenever the call has one; neither ever
blocks, for both are called from the thread that keeps a call's time. Devices have clocks of their
own: a `FrameQueue` between takes up the difference.

Devices are miniaudio's (ALSA, PulseAudio, CoreAudio, WASAPI): PJSIP's Python wheels have no
sound drivers on Linux, and pyVoIP has none anywhere.
"""

from __future__ import annotations

import importlib
import math
import threading
import wave
from array import array
from collections import deque
from collections.abc import Generator
from pathlib import Path
from typing import Any, Protocol

from tui.agent.phones.phone import PhoneError
from tui.agent.phones.settings import DEFAULT, NULL, is_file

FRAME_MS = 20
PERIOD_MS = 20
"""How much a device takes or gives at a time."""
QUEUED_FRAMES = 6
"""What may wait between a device and a call: 120 ms. More is delay that both ends hear."""


def frame_bytes(rate: int) -> int:
    """Bytes of a frame at `rate` samples a second."""
    return rate * FRAME_MS // 1000 * 2


class Source(Protocol):
    """What is said into a call."""

    def read(self) -> bytes:
        """Give the next frame; silence where there is none."""

    def close(self) -> None:
        """Let go of the device."""


class Sink(Protocol):
    """What a call is heard with."""

    def write(self, frame: bytes) -> None:
        """Take the next frame."""

    def close(self) -> None:
        """Let go of the device, or finish the file."""


class FrameQueue:
    """Bytes in at one clock's pace, out at another's; threads may meet here.

    Too much: the oldest goes, so that delay does not grow. Too little: silence, and none is
    given until two frames wait, or every further frame would be late too.
    """

    def __init__(self, frame: int, most: int = QUEUED_FRAMES) -> None:
        self._frame, self._most = frame, most * frame
        self._waiting = bytearray()
        self._filling = True
        self._lock = threading.Lock()
        self.dropped = 0
        """Frames' worth of bytes that were too many."""
        self.missing = 0
        """Reads that got silence while sound was on its way."""

    def put(self, data: bytes | bytearray) -> None:
        """Add what has come."""
        with self._lock:
            self._waiting += data
            excess = len(self._waiting) - self._most
            if excess > 0:
                del self._waiting[: excess + excess % 2]
                self.dropped += excess

    def get(self, size: int) -> bytes:
        """Take that many bytes, silence for all of them where not enough wait."""
        with self._lock:
            enough = len(self._waiting) >= (max(size, 2 * self._frame) if self._filling else size)
            self._filling = not enough
            if not enough:
                self.missing += 1
                return bytes(size)
            data = bytes(self._waiting[:size])
            del self._waiting[:size]
            return data


class Silence:
    """A source of nothing, and a sink that forgets."""

    def __init__(self, rate: int) -> None:
        self._frame = bytes(frame_bytes(rate))

    def read(self) -> bytes:
        """Give silence."""
        return self._frame

    def write(self, frame: bytes) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing is held."""


class WavSource:
    """Says a WAV, 16 bit mono at the phone's rate, over and over."""

    def __init__(self, path: Path, rate: int) -> None:
        try:
            with wave.open(str(path), "rb") as file:
                shape = file.getnchannels(), file.getsampwidth(), file.getframerate()
                self._data = file.readframes(file.getnframes())
        except (OSError, EOFError, wave.Error) as error:
            raise PhoneError(f"cannot read {path} ({error})", "give a WAV file") from None
        if shape != (1, 2, rate) or not self._data:
            raise PhoneError(
                f"{path} has {shape[0]} channels of {8 * shape[1]} bit at {shape[2]} Hz",
                f"make it one channel of 16 bit at {rate} Hz that is not empty",
            )
        self._size = frame_bytes(rate)
        self._data *= -(-self._size // len(self._data))
        self._at = 0

    def read(self) -> bytes:
        """Give the next frame of the file."""
        frame = self._data[self._at : self._at + self._size]
        if len(frame) < self._size:
            frame += self._data[: self._size - len(frame)]
        self._at = (self._at + self._size) % len(self._data)
        return frame

    def close(self) -> None:
        """Nothing is held."""


class WavSink:
    """Writes what is heard into a WAV, which can be read at any time."""

    def __init__(self, path: Path, rate: int) -> None:
        try:
            self._file = wave.open(str(path), "wb")  # noqa: SIM115 - open for as long as the phone
        except OSError as error:
            raise PhoneError(
                f"cannot write {path} ({error.strerror})", "name a file in a folder of yours"
            ) from None
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(rate)
        self._closed = False

    def write(self, frame: bytes) -> None:
        """Append it; the header is brought up to date with every frame."""
        if not self._closed:
            self._file.writeframes(frame)

    def close(self) -> None:
        """Finish the file."""
        self._closed = True
        self._file.close()


class Microphone:
    """A device that is listened to."""

    def __init__(self, name: str, rate: int) -> None:
        audio = _miniaudio()
        self._size = frame_bytes(rate)
        self._queue = FrameQueue(self._size)
        try:
            self._device = audio.CaptureDevice(
                input_format=audio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=rate,
                buffersize_msec=PERIOD_MS,
                device_id=_find(name, capture=True),
                app_name="ccd agent",
            )
            _refuse_pretence(self._device)
            self._device.start(self._started())
        except audio.MiniaudioError as error:
            raise _no_device("microphone", name, error) from None

    def _started(self) -> Generator[None, bytes, None]:
        listener = self._listen()
        next(listener)
        return listener

    def _listen(self) -> Generator[None, bytes, None]:
        while True:
            self._queue.put((yield))

    def read(self) -> bytes:
        """Give what was heard 20 to 120 ms ago."""
        return self._queue.get(self._size)

    def close(self) -> None:
        """Let go of the device."""
        self._device.close()


class Earpiece:
    """A device that speaks."""

    def __init__(self, name: str, rate: int) -> None:
        audio = _miniaudio()
        self._queue = FrameQueue(frame_bytes(rate))
        try:
            self._device = audio.PlaybackDevice(
                output_format=audio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=rate,
                buffersize_msec=PERIOD_MS,
                device_id=_find(name, capture=False),
                app_name="ccd agent",
            )
            _refuse_pretence(self._device)
            self._device.start(self._started())
        except audio.MiniaudioError as error:
            raise _no_device("loudspeaker", name, error) from None

    def _started(self) -> Generator[bytes, int, None]:
        speaker = self._speak()
        next(speaker)
        return speaker

    def _speak(self) -> Generator[bytes, int, None]:
        wanted = yield b""
        while True:
            wanted = yield self._queue.get(2 * wanted)

    def write(self, frame: bytes) -> None:
        """Have it spoken 20 to 120 ms from now."""
        self._queue.put(frame)

    def close(self) -> None:
        """Let go of the device."""
        self._device.close()


def open_source(name: str, rate: int) -> Source:
    """Open a microphone, a WAV or silence by its name in the settings. Raises `PhoneError`."""
    if name == NULL:
        return Silence(rate)
    return WavSource(Path(name), rate) if is_file(name) else Microphone(name, rate)


def open_sink(name: str, rate: int) -> Sink:
    """Open a loudspeaker, a WAV or nothing by its name in the settings. Raises `PhoneError`."""
    if name == NULL:
        return Silence(rate)
    return WavSink(Path(name), rate) if is_file(name) else Earpiece(name, rate)


def devices(*, capture: bool) -> list[str]:
    """Names of this computer's microphones, or of its loudspeakers. Raises `PhoneError`."""
    return [str(each["name"]) for each in _listed(capture)]


def _listed(capture: bool) -> list[dict[str, Any]]:
    audio = _miniaudio()
    try:
        found = audio.Devices()
    except audio.MiniaudioError as error:
        raise PhoneError(f"this computer has no sound system ({error})", _NO_SOUND) from None
    return list(found.get_captures() if capture else found.get_playbacks())


def _find(name: str, *, capture: bool) -> Any:
    """Find a device's handle; None is the system's own choice."""
    if name == DEFAULT:
        return None
    listed = _listed(capture)
    for same in (lambda each: each == name, lambda each: name.casefold() in each.casefold()):
        for device in listed:
            if same(str(device["name"])):
                return device["id"]
    kind = "microphone" if capture else "loudspeaker"
    names = ", ".join(repr(str(each["name"])) for each in listed) or "none"
    raise PhoneError(f"there is no {kind} {name!r}", f"there are: {names}")


_NO_SOUND = 'plug a headset in, or set capture and playback to "null"'


def _no_device(kind: str, name: str, error: Exception) -> PhoneError:
    return PhoneError(f"the {kind} {name!r} cannot be opened ({error})", _NO_SOUND)


def _refuse_pretence(device: Any) -> None:
    """Where there is no sound system miniaudio makes one up that hears nothing, without a word."""
    if device.backend == "Null":
        device.close()
        raise PhoneError("this computer has no sound system", _NO_SOUND)


def _miniaudio() -> Any:
    try:
        return importlib.import_module("miniaudio")  # 30 ms, and not everybody has it
    except ImportError:
        raise PhoneError(
            "sound devices need the package miniaudio",
            'pip install "ccd-toolkit[phones]", or set capture and playback to "null"',
        ) from None


# --- what is made and measured frame by frame -----------------------------------------


def level(frame: bytes) -> float:
    """How loud a frame is: 0 at -60 dBFS and below, 1 at full scale, even in decibels."""
    samples = array("h", frame)
    power = sum(map(float.__mul__, floats := [float(each) for each in samples], floats))
    if not power:
        return 0.0
    dbfs = 10 * math.log10(power / len(samples) / 32768**2)
    return min(1.0, max(0.0, 1 + dbfs / 60))


def beeps(rate: int, *, hertz: float = 880.0, count: int = 2, ms: int = 100) -> deque[bytes]:
    """Make frames of short tones with pauses as long: what an agent hears before a call that
    answers itself.
    """
    total = rate * ms * (2 * count - 1) // 1000
    per_beep = rate * ms // 1000
    samples = array("h")
    for n in range(total):
        beep, place = divmod(n, per_beep)
        shape = 0.0 if beep % 2 else math.sin(math.pi * place / per_beep)  # no clicks
        samples.append(int(6000 * shape * math.sin(2 * math.pi * hertz * n / rate)))
    data, size = samples.tobytes(), frame_bytes(rate)
    return deque(data[at : at + size].ljust(size, b"\0") for at in range(0, len(data), size))
