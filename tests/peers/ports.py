"""Free ports, chosen by the system."""

from __future__ import annotations

import socket

HOST = "127.0.0.1"


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM, host: str = HOST) -> int:
    """Find one port that nobody holds now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def free_sip_port(host: str = HOST) -> int:
    """Find a port that is free for UDP and for TCP."""
    for _ in range(100):
        port = free_port(host=host)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free for both UDP and TCP")


def free_range(count: int, host: str = HOST) -> int:
    """Find the even first of `count` neighbouring UDP ports, all free now (for RTP)."""
    for _ in range(200):
        first = free_port(host=host) & ~1
        if first + count > 65535:
            continue
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
