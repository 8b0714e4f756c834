"""The settings that `ccd run --demo` and `ccd demo` run on: nothing to write, nothing left behind."""

from __future__ import annotations

import random
import socket
import string
from pathlib import Path

from ccd.config import Agent, Media, Phone, Queue, Route, Settings, Sip, Trunk

SERVICE_NUMBER = "95500"
QUEUE = "orders"
TRUNK = "demo"
FLOW = Path(__file__).parent / "ivr" / "flows" / "demo.yaml"
DEFAULT_SIP = ("127.0.0.1", 5060)
MEDIA_PORTS = (16384, 24575)
"""Half of the range that a daemon has by itself: two demos find room side by side."""
FIRST_EPHEMERAL = 32768
"""From here on Linux gives ports to whoever asks for any."""

_PASSWORD_LETTERS = string.ascii_letters + string.digits


def demo_settings(
    *,
    robots: int,
    sip: tuple[str, int] = DEFAULT_SIP,
    media_ports: tuple[int, int] = MEDIA_PORTS,
    workers: int = 1,
    rng: random.Random | None = None,
) -> Settings:
    """Return settings for one service number, one queue, and `robots` agents with phones.

    Everything stays on this machine: media on 127.0.0.1, and a trunk that takes calls
    from the loopback addresses alone. Agents and phones are called `robot1`, `robot2`
    and so on; their passwords are drawn from `rng` (the system's randomness without one).
    """
    rng = rng or random.SystemRandom()
    host, port = sip
    written = f"[{host}]" if ":" in host else host
    names = [f"robot{number}" for number in range(1, robots + 1)]
    return Settings(
        sip=Sip(listen=(f"udp:{written}:{port}", f"tcp:{written}:{port}"), domain="demo.ccd.local"),
        media=Media(address="127.0.0.1", ports=media_ports, workers=workers),
        trunk=(Trunk(name=TRUNK, peers=("127.0.0.0/8", "::1")),),
        phone=tuple(Phone(name=name, password=_password(rng)) for name in names),
        agent=tuple(
            Agent(name=name, phone=name, queues=(QUEUE,), full_name=f"Robot {number}")
            for number, name in enumerate(names, 1)
        ),
        queue=(Queue(name=QUEUE),),
        route=(Route(dnis=SERVICE_NUMBER, flow=str(FLOW)),),
    )


def free_media_ports(host: str = "127.0.0.1") -> tuple[int, int]:
    """Return a block of media ports that nobody uses now: the usual one, else one further up.

    Several demos, and a real daemon, may run on one machine. A sample of each block is
    tried, the first port among them, which a daemon has from its start; single ports that
    are taken are passed over when it comes to them.
    """
    first, last = MEDIA_PORTS
    size = last + 1 - first
    for begin in range(first, FIRST_EPHEMERAL - size, size):
        if all(_is_free(host, port) for port in range(begin, begin + size, size // 32)):
            return begin, begin + size - 1
    return MEDIA_PORTS  # the workers will say what is in the way


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _password(rng: random.Random) -> str:
    return "".join(rng.choices(_PASSWORD_LETTERS, k=20))
