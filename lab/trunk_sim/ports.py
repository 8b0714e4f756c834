"""Free UDP ports for the lab's media, apart from the daemon's and from other runs'."""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 20_480, 32_700
"""Above what a daemon uses first (it begins at 16384, and takes others than the lowest for more
than 2,000 legs at once alone; both pass over what the other has), below Linux's ephemeral
ones (32768 and up)."""

ATTEMPTS = 50


def free_block(legs: int, rng: random.Random, host: str = "127.0.0.1") -> tuple[int, int]:
    """First and last port of a block for `legs` legs (RTP and RTCP each) that nobody has now.

    A sample of the block is tried, not all of it: the worker passes over single ports
    that are taken. Raises `OSError` where no block was found, `ValueError` where `legs`
    do not fit.
    """
    size = 2 * legs
    if not 0 < size < HIGHEST - LOWEST:
        raise ValueError(f"{legs} legs need {size} ports; there are {HIGHEST - LOWEST}")
    for _ in range(ATTEMPTS):
        first = LOWEST + 2 * rng.randrange((HIGHEST - LOWEST - size) // 2)
        step = max(2, size // 16 * 2)
        if all(_is_free(host, port) for port in range(first, first + size, step)):
            return first, first + size - 1
    raise OSError(f"no free block of {size} UDP ports between {LOWEST} and {HIGHEST}")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
