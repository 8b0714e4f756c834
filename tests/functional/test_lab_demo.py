"""The demo as people run it: its figures, its exit status, its faults found, its Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

pytestmark = pytest.mark.timeout(150)

DEMO = (sys.executable, "-m", "lab.trunk_sim.demo", "--json")


@contextmanager
def demo(state: Path, options: str) -> Iterator[subprocess.Popen[str]]:
    """Run it; nothing of it may be left afterwards."""
    process = subprocess.Popen(
        [*DEMO, "--state", str(state), *options.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        start_new_session=True,
    )
    guard = threading.Timer(120, process.kill)
    guard.start()
    try:
        yield process
        assert process.wait(30) is not None
    finally:
        guard.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
    left = [
        found.pid
        for found in psutil.process_iter(["cmdline"])
        if str(state) in " ".join(found.info["cmdline"] or ())
        and found.status() != psutil.STATUS_ZOMBIE
    ]
    assert left == []


def figures(text: str) -> dict[str, Any]:
    """Standard output is one line of JSON, and nothing else."""
    (line,) = text.splitlines()
    return msgspec.json.decode(line, type=dict[str, Any])


def first(pattern: str, process: subprocess.Popen[str]) -> re.Match[str]:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
        said.append(line)
    raise AssertionError(f"never said: {pattern}, but: {''.join(said)}")


def test_every_call_goes_right(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with demo(state, "--calls 8 --rate 4 --robots 4 --talk 3 --seed 5") as process:
        out, err = process.communicate(timeout=110)
    sums = figures(out)
    assert sums["astray"] == [], err
    assert process.returncode == 0
    assert sums["offered"] == 8
    endings = ("answered", "abandoned", "left_menu", "cancelled", "lost")
    assert sum(sums[ending] for ending in endings) == 8
    assert sums["answered"] >= 5
    assert sums["audio_ok"] == sums["answered"]
    assert sums["lost"] == 0
    assert 0 <= sums["service_level"] <= 1
    assert 0 < sums["wait_p50"] <= sums["wait_p99"]
    assert sums["cpu_ms_per_call"] > 0
    assert sums["media_cpu_ms_per_call"] > 0
    assert "no call went astray" in err
    assert "\x1b" not in err


def test_a_robot_that_says_nothing_is_found(tmp_path: Path) -> None:
    options = "--calls 2 --rate 4 --robots 1 --seed 5 --grace 12 --mute robot1"
    with demo(tmp_path / "state", options) as process:
        out, err = process.communicate(timeout=110)
    sums = figures(out)
    assert process.returncode == 1
    assert sums["audio_ok"] == 0
    assert sums["astray"]
    for call in sums["astray"]:
        assert call["faults"]
        assert Path(call["evidence"]).stat().st_size > 10_000
    assert "went astray" in err
    faults = " ".join(fault for call in sums["astray"] for fault in call["faults"])
    assert "one-way: connected to robot1" in faults or "cut off by the service" in faults


def test_ctrl_c_ends_politely_with_a_summary(tmp_path: Path) -> None:
    with demo(tmp_path / "state", "--duration 60 --rate 2 --robots 2") as process:
        first(r"offered [1-9]", process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    sums = figures(out)
    assert sums["interrupted"]
    assert sums["offered"] > 0
    assert sums["astray"] == [], err
    assert process.returncode == 0


def test_a_daemon_that_dies_shows_its_log(tmp_path: Path) -> None:
    with demo(tmp_path / "state", "--duration 60 --rate 2 --robots 1") as process:
        pid = int(first(r"daemon (\d+) answers", process)[1])
        first(r"offered [1-9]", process)
        os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "the daemon died" in err
    assert "ccd.log" in err
