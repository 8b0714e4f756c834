"""A ring through a device of its own, beside the headset, so that who took it off hears it too."""

from __future__ import annotations

import math
import threading
import time
from array import array

from tui.agent.phones import sound

RATE = 16_000
TONES = (440.0, 480.0)
ON_S, OFF_S = 1.0, 3.0
"""As telephones in China ring (GF002-9002): one second, and four from ring to ring."""
LOUDNESS = 7000


def ring() -> list[bytes]:
    """Make one ring and the pause behind it, frame by frame."""
    size = sound.frame_bytes(RATE) // 2
    frames = []
    for first in range(0, int((ON_S + OFF_S) * RATE), size):
        samples = array("h", bytes(2 * size))
        if first < ON_S * RATE:
            for place in range(size):
                at = (first + place) / RATE
                samples[place] = int(
                    LOUDNESS * sum(math.sin(2 * math.pi * hertz * at) for hertz in TONES)
                )
        frames.append(samples.tobytes())
    return frames


class Bell:
    """Rings from `begin` to `end`, in a thread of its own; without a device it is silent."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Ring."""
        if self._device and self._thread is None:
            self._over.clear()
            self._thread = threading.Thread(target=self._ring, name="bell", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """And no longer."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(1.0)
            self._thread = None

    def _ring(self) -> None:
        sink, frames = sound.open_sink(self._device, RATE), ring()
        begin, turn = time.monotonic(), 0
        try:
            while not self._over.is_set():
                sink.write(frames[turn % len(frames)])
                turn += 1
                due = begin + turn * sound.FRAME_MS / 1000
                self._over.wait(max(0.0, due - time.monotonic()))
        finally:
            sink.close()
