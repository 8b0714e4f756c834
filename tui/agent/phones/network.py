"""This computer's addresses and ports, for a phone that is to be reached."""

from __future__ import annotations

import contextlib
import random
import socket

from tui.agent.phones.phone import PhoneError


def address_towards(host: str, port: int) -> str:
    """This computer's address on the way there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as way:
        way.connect((host.strip("[]"), port))
        return str(way.getsockname()[0])


def free_port() -> int:
    """A UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        return int(free.getsockname()[1])


def free_block(count: int) -> int:
    """The first, an even one, of so many UDP ports next to each other that nobody has. Raises PhoneError."""
    for _ in range(100):
        first = random.randrange(30_000, 60_000, 2)
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + count):
                    free = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    free.bind(("", port))
            except OSError:
                continue
            return first
    raise PhoneError("this computer has no ports left for RTP")
