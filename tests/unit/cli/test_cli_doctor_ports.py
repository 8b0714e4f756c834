"""What `ccd doctor` says of RTP ports."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from ccd.config import Media, Settings
from ccd.doctor import Level, media_ports

PAIRS = 40


@pytest.fixture
def block() -> Iterator[tuple[int, list[socket.socket]]]:
    """Neighbouring ports, all in our hands: close those that are to be free."""
    for first in range(33000, 60000, 2 * PAIRS):
        held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2 * PAIRS)]
        try:
            for at, sock in enumerate(held):
                sock.bind(("127.0.0.1", first + at))
        except OSError:
            for sock in held:
                sock.close()
            continue
        yield first, held
        for sock in held:
            sock.close()
        return
    raise AssertionError("no free block of ports")


@pytest.mark.parametrize(
    ("taken", "level", "found"),
    [
        (0, Level.OK, "40 pairs free"),
        (2, Level.OK, "38 of 40 pairs free, the others are passed over"),
        (20, Level.WARN, "20 of 40 pairs in use"),
        (40, Level.FAIL, "40 of 40 pairs in use"),
    ],
)
def test_a_pair_counts_when_both_its_ports_are_free(
    block: tuple[int, list[socket.socket]], taken: int, level: Level, found: str
) -> None:
    first, held = block
    for at, sock in enumerate(held):
        if at % 2 == 0 or at > 2 * taken:
            sock.close()  # of those in use, the RTCP port alone is
    settings = Settings(media=Media(address="127.0.0.1", ports=(first, first + 2 * PAIRS - 1)))
    (check,) = media_ports(settings, running=False)
    assert check.level is level
    assert check.found.startswith(found)


def test_ports_of_our_own_daemon_are_no_fault(block: tuple[int, list[socket.socket]]) -> None:
    first, _ = block
    settings = Settings(media=Media(address="127.0.0.1", ports=(first, first + 2 * PAIRS - 1)))
    (check,) = media_ports(settings, running=True)
    assert check.level is Level.OK


def test_the_whole_default_range_is_tried_quickly() -> None:
    began = time.process_time()
    (check,) = media_ports(Settings(), running=False)
    assert "8192 pairs" in check.found
    assert time.process_time() - began < 2.0
