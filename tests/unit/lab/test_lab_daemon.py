"""The daemon is watched as a process: here a small program plays it."""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
from pathlib import Path

import msgspec
import pytest

from ccd.model import CallRecord, Cause, Outcome, Party
from lab.trunk_sim.daemon import Daemon, DaemonError, log_tail, readable
from lab.trunk_sim.ports import HIGHEST, LOWEST, free_block

RECORD = CallRecord(
    call="c1",
    ani="1",
    dnis="95500",
    trunk="demo",
    outcome=Outcome.ABANDONED,
    offered_at=1.0,
    cleared_at=2.0,
    released_by=Party.CALLER,
    cause=Cause.NORMAL_CLEARING,
)

GOOD = """
import json, os, signal, sys
if sys.argv[1] == "calls":
    sys.stdout.write(open(sys.argv[sys.argv.index("--state") + 1] + "/calls").read())
    sys.exit(0)
print("not JSON at all", flush=True)
print(json.dumps({"starting": True}), flush=True)
print(json.dumps({"ready": True, "sip": "127.0.0.1:5070", "service": "95500",
                  "pid": os.getpid(), "media_pids": [os.getpid()], "more": [1]}), flush=True)
signal.pause()
"""

DEAD = """
import sys
print("first words", file=sys.stderr)
print("something is wrong with the settings", file=sys.stderr)
sys.exit(3)
"""


def program(folder: Path, source: str) -> tuple[str, str]:
    path = folder / "program.py"
    path.write_text(source)
    return (sys.executable, str(path))


async def test_ready_records_and_a_polite_end(tmp_path: Path) -> None:
    daemon = await Daemon.start(tmp_path, robots=2, program=program(tmp_path, GOOD))
    assert daemon.running
    assert daemon.ready.sip_address == ("127.0.0.1", 5070)
    assert daemon.cpu().core_s > 0
    (tmp_path / "calls").write_bytes(msgspec.json.encode([RECORD]))
    assert await daemon.records() == [RECORD]
    (tmp_path / "calls").write_text("{}")
    with pytest.raises(DaemonError, match="speaks nonsense"):
        await daemon.records()
    assert await daemon.stop() == -signal.SIGTERM
    assert not daemon.running
    assert daemon.cpu().core_s == 0.0


async def test_death_before_it_was_ready_shows_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "ccd.log").write_text("a line of the log\n")
    with pytest.raises(DaemonError) as failure:
        await Daemon.start(tmp_path, robots=2, program=program(tmp_path, DEAD))
    text = str(failure.value)
    assert "ended with status 3 before it was ready" in text
    assert "something is wrong with the settings" in text
    assert "a line of the log" in text


async def test_death_in_the_middle_is_seen(tmp_path: Path) -> None:
    daemon = await Daemon.start(tmp_path, robots=2, program=program(tmp_path, GOOD))
    os.kill(daemon.ready.pid, signal.SIGKILL)
    assert await daemon.wait() == -signal.SIGKILL
    assert not daemon.running
    await daemon.stop()


def test_json_log_is_shown_as_people_read() -> None:
    line = (
        '{"event": "fell over", "level": "error", "logger": "daemon", "calls": 3, '
        '"timestamp": "12:00", "exception": "Traceback\\n  File x\\nKeyError: 7"}'
    )
    assert readable(line) == (
        "12:00 error daemon fell over calls=3\n    Traceback\n      File x\n    KeyError: 7"
    )
    assert readable("plain words") == "plain words"
    assert readable("[1]") == "[1]"


def test_tail_of_no_log(tmp_path: Path) -> None:
    assert "no log" in log_tail(tmp_path)


def test_free_block_passes_over_what_is_taken() -> None:
    rng = random.Random(1)
    first, last = free_block(8, rng)
    assert last - first == 15
    assert first % 2 == 0
    assert first >= LOWEST
    assert last <= HIGHEST
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first))
        assert free_block(8, random.Random(1)) != (first, last)


@pytest.mark.parametrize("legs", [0, 10_000])
def test_free_block_refuses_what_does_not_fit(legs: int) -> None:
    with pytest.raises(ValueError, match="legs need"):
        free_block(legs, random.Random(1))
