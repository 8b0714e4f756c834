"""`ccd run` and the commands that look at it, with a real daemon."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

START_S = 45.0


def ccd(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ccd", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("daemon") / "state"


@pytest.fixture(scope="module")
def daemon(state: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "ccd", "run", "--demo", "--robots", "2"),
            *("--sip", "127.0.0.1:0", "--state", str(state)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture(scope="module")
def ready(daemon: subprocess.Popen[str], state: Path) -> dict[str, Any]:
    """The first line, which the daemon prints when calls can come."""
    assert daemon.stdout is not None
    line = daemon.stdout.readline()
    assert line, (state / "log" / "ccd.log").read_text()
    answer: dict[str, Any] = json.loads(line)
    return answer


def test_it_says_where_it_is_when_it_is_ready(ready: dict[str, Any], state: Path) -> None:
    assert ready["ready"] is True
    assert ready["service"] == "95500"
    assert ready["state"] == str(state)
    host, _, port = ready["sip"].rpartition(":")
    # The port is taken by it, over UDP and TCP alike.
    with socket.create_connection((host, int(port)), timeout=5):
        pass


def test_status_shows_its_queues_agents_and_trunks(ready: dict[str, Any], state: Path) -> None:
    done = ccd("status", "--state", str(state))
    assert done.returncode == 0, done.stderr
    assert "● taking calls" in done.stdout
    assert "2 ready" in done.stdout
    told = json.loads(ccd("status", "--json", "--state", str(state)).stdout)
    assert told["pid"] == ready["pid"]
    assert told["agents"]["ready"] == 2
    assert told["phones"] == 2
    assert [queue["queue"] for queue in told["queues"]] == ["orders"]
    assert [trunk["trunk"] for trunk in told["trunks"]] == ["demo"]


def test_no_call_yet(ready: dict[str, Any], state: Path) -> None:
    assert json.loads(ccd("calls", "--json", "--state", str(state)).stdout) == []


def test_a_second_one_on_the_same_folder_is_refused(ready: dict[str, Any], state: Path) -> None:
    done = ccd("run", "--demo", "--sip", "127.0.0.1:0", "--state", str(state))
    assert done.returncode == 1
    assert f"a daemon already runs on {state} (process {ready['pid']})" in done.stderr


def test_a_sip_port_that_is_taken_is_told_by_its_name(
    ready: dict[str, Any], tmp_path: Path
) -> None:
    done = ccd("run", "--demo", "--robots", "0", "--sip", ready["sip"], "--state", str(tmp_path))
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-2:]
    assert last[0].startswith("ccd: ")
    assert ready["sip"].rpartition(":")[2] in last[0]
    assert last[1] == "ccd: ccd doctor tells what is in the way"


def test_doctor_knows_that_it_runs(ready: dict[str, Any], state: Path) -> None:
    checks = json.loads(ccd("doctor", "--json", "--state", str(state)).stdout)
    (found,) = [check["found"] for check in checks if check["name"] == "daemon"]
    assert found.startswith(f"runs, process {ready['pid']} ")


def test_sigterm_ends_it_calmly_and_nothing_is_lost(
    ready: dict[str, Any], daemon: subprocess.Popen[str], state: Path
) -> None:
    told = json.loads(ccd("status", "--json", "--state", str(state)).stdout)
    os.kill(ready["pid"], signal.SIGTERM)
    assert daemon.wait(START_S) == 0
    from ccd.store import queries
    from ccd.store.database import open_read_only

    db = open_read_only(state / "ccd.sqlite")
    events = queries.events_after(db, 0)
    db.close()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len(events) > told["seq"]
    assert "SystemStopping" in {type(event).__name__ for event in events}
    done = ccd("status", "--state", str(state))
    assert (done.returncode, "no daemon runs on" in done.stderr) == (1, True)
