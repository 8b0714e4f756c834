"""Free ports that stay free until they are used.

The system's own choice (port 0) is for whoever binds at once. A port that a program is told to
bind a second later must come from where the system does not choose, or the next socket without
a port may get it: so from below the ephemeral range (32768 and up on Linux), each once a run.
"""

from __future__ import annotations

import itertools
import os
import random
import socket

HOST = "127.0.0.1"

LOWEST, HIGHEST = 10_000, 16_000
"""For programs' own ports; RTP has those above."""

_numbers = itertools.cycle(range(LOWEST, HIGHEST, 2))
_begin = random.Random(os.getpid()).randrange((HIGHEST - LOWEST) // 2)
next(itertools.islice(_numbers, _begin, _begin), None)  # runs beside each other begin elsewhere


def free_port(host: str = HOST) -> int:
    """Find a port that nobody holds now, neither for UDP nor for TCP."""
    for number in itertools.islice(_numbers, (HIGHEST - LOWEST) // 2):
        if all(_is_free(number, kind, host) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
            return number
    raise RuntimeError(f"no port of {LOWEST}-{HIGHEST} is free for both UDP and TCP")


def _is_free(number: int, kind: socket.SocketKind, host: str) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((host, number))
        except OSError:
            return False
    return True


def free_range(count: int, host: str = HOST) -> int:
    """Find the even first of `count` neighbouring UDP ports, all free now (for RTP)."""
    rng = random.SystemRandom()
    for _ in range(200):
        first = rng.randrange(20_480, 32_768 - count) & ~1
        probes: list[socket.socket] = []
        try:
            for number in range(first, first + count):
                probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                probes.append(probe)
                probe.bind((host, number))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    raise RuntimeError(f"no {count} neighbouring UDP ports are free")
