"""The commands, run as their users run them."""

import itertools
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ccd import __version__
from ccd import events as e
from ccd.demo_settings import free_media_ports
from ccd.events import EventStream
from ccd.model import CallRecord, Cause, Party
from ccd.paths import StatePaths
from ccd.state_lock import StateInUseError, StateLock, owner
from ccd.store.journal import Writer

OFFERED_AT = 1_700_000_000.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def ccd(state: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "CCD_STATE": str(state), "NO_COLOR": "1", **environment}
    env.pop("CCD_CONFIG", None)
    return subprocess.run(
        [sys.executable, "-m", "ccd", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=env,
    )


def journal(state: Path) -> None:
    """Write three calls: one answered, one abandoned, one that still lives."""
    paths = StatePaths(state)
    paths.prepare()
    ticks = itertools.count(0)
    stream = EventStream(clock=lambda: OFFERED_AT + next(ticks))
    writer = Writer(paths.database)
    stream.subscribe(writer.append)
    for name, ani in (("alpha-1", "138"), ("alpha-2", "139"), ("beta", "140")):
        stream.publish(e.Offered(call=name, leg="in", ani=ani, dnis="95500", trunk="demo"))
        stream.publish(e.Established(call=name, leg="in", party=Party.CALLER))
        stream.publish(e.Queued(call=name, queue="orders", position=1))
        if name == "alpha-1":
            stream.publish(e.Delivered(call=name, leg="out", agent="li", queue="orders"))
            stream.publish(e.Bridged(call=name, legs=("in", "out"), agent="li"))
        if name != "beta":
            stream.publish(
                e.CallCleared(call=name, cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER)
            )
    assert writer.close() == 0


# --- init and config -----------------------------------------------------------------


def test_init_writes_what_validate_accepts(state: Path) -> None:
    assert ccd(state, "init").returncode == 0
    done = ccd(state, "config", "validate")
    assert done.returncode == 0, done.stderr
    assert "is right: 1 trunk, 1 phone, 1 agent, 1 queue, 1 route." in done.stdout
    # The one thing to be told: the example's trunk is only called from, never called.
    (warning,) = done.stderr.splitlines()
    assert "dialling.emergency: leads nowhere" in warning


def test_init_overwrites_only_when_told(state: Path) -> None:
    assert ccd(state, "init").returncode == 0
    before = (state / "ccd.toml").read_text()
    done = ccd(state, "init")
    assert done.returncode == 1
    assert "exists already; --force overwrites" in done.stderr
    assert (state / "ccd.toml").read_text() == before
    assert ccd(state, "init", "--force").returncode == 0
    assert (state / "ccd.toml").read_text() != before  # a fresh password


def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ccd(tmp_path / "state", "init", "--config", str(tmp_path / "file" / "ccd.toml"))
    assert done.returncode == 1
    assert done.stderr.startswith("ccd: cannot write ")


def test_validate_tells_every_mistake_with_its_line(state: Path) -> None:
    state.mkdir()
    file = state / "ccd.toml"
    file.write_text('[sip]\nlistn = []\n[[queue]]\nname = "q"\nmusic = 3\n')
    done = ccd(state, "config", "validate")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"ccd: {file}: line 2: sip.listn: there is no such key (did you mean 'listen'?)",
        f'ccd: {file}: line 5: queue[1].music: must be a text in quotation marks, not 3 (the default is "")',
    ]
    for command in (("config", "show"), ("run",)):
        assert ccd(state, *command).stderr == done.stderr


def test_validate_looks_into_the_flows(state: Path) -> None:
    assert ccd(state, "init").returncode == 0
    flow = state / "welcome.yaml"
    flow.write_text(flow.read_text().replace("queue: orders", "queue: ordres"))
    done = ccd(state, "config", "validate")
    assert done.returncode == 1
    assert f"{flow}:" in done.stderr
    assert "did you mean 'orders'?" in done.stderr


def test_show_says_where_values_come_from_and_hides_passwords(state: Path) -> None:
    assert ccd(state, "init").returncode == 0
    password = (state / "ccd.toml").read_text().split('password = "')[1].split('"')[0]
    done = ccd(state, "config", "show")
    assert password not in done.stdout
    assert 'phone[1].password = "********"' in done.stdout
    shown = json.loads(ccd(state, "config", "show", "--json").stdout)
    assert shown["phone[1].name"]["value"] == "1001"
    assert shown["phone[1].name"]["origin"].startswith(f"{state / 'ccd.toml'}:")
    assert shown["sip.domain"] == {"value": "ccd.local", "origin": "default"}


def test_schema_is_json(state: Path) -> None:
    schema = json.loads(ccd(state, "config", "schema").stdout)
    assert "Sip" in schema["$defs"]


def test_settings_are_looked_for_and_their_absence_explained(state: Path, tmp_path: Path) -> None:
    done = ccd(state, "config", "validate", XDG_CONFIG_HOME=str(tmp_path / "none"))
    if not Path("/etc/ccd/ccd.toml").exists():
        assert done.returncode == 1
        assert "`ccd init`" in done.stderr
        assert str(state / "ccd.toml") in done.stderr


# --- calls -----------------------------------------------------------------------------


def test_calls_as_json_are_call_records(state: Path) -> None:
    import msgspec

    journal(state)
    done = ccd(state, "calls", "--json")
    records = msgspec.json.decode(done.stdout, type=list[CallRecord])
    assert [record.call for record in records] == ["alpha-2", "alpha-1"]  # newest first
    assert records[1].agent == "li"
    assert records[1].offered_at == OFFERED_AT


def test_calls_as_a_table(state: Path) -> None:
    journal(state)
    done = ccd(state, "calls")
    assert "✓ answered" in done.stdout
    assert "✗ abandoned" in done.stdout
    assert "2023-11-1" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("--limit", "1"), ["alpha-2"]),
        (("--limit", "0"), ["alpha-2", "alpha-1"]),
        (("--agent", "li"), ["alpha-1"]),
        (("--outcome", "abandoned"), ["alpha-2"]),
        (("--ani", "138"), ["alpha-1"]),
        (("--queue", "advice"), []),
        (("--since", "1d"), []),
        (("--since", "2023-11-01"), ["alpha-2", "alpha-1"]),
    ],
)
def test_calls_can_be_chosen(state: Path, arguments: tuple[str, ...], names: list[str]) -> None:
    journal(state)
    found = json.loads(ccd(state, "calls", "--json", *arguments).stdout)
    assert [record["call"] for record in found] == names


def test_a_call_s_story(state: Path) -> None:
    journal(state)
    story = ccd(state, "call", "alpha-1").stdout
    positions = [story.index(word) for word in ("Offered", "Queued", "Bridged", "CallCleared")]
    assert positions == sorted(positions)
    told = json.loads(ccd(state, "call", "alpha-1", "--json").stdout)
    assert told["record"]["agent"] == "li"
    assert [event["type"] for event in told["events"]][:2] == ["Offered", "Established"]


def test_a_call_may_be_named_by_its_beginning(state: Path) -> None:
    journal(state)
    assert "has not ended yet" in ccd(state, "call", "be").stdout
    several = ccd(state, "call", "alpha")
    assert (several.returncode, "alpha-1, alpha-2" in several.stderr) == (1, True)
    none = ccd(state, "call", "zeta")
    assert (none.returncode, "no call is named zeta" in none.stderr) == (1, True)


def test_calls_without_a_database_are_explained(state: Path) -> None:
    done = ccd(state, "calls")
    assert done.returncode == 1
    assert "no daemon has run on this state folder" in done.stderr
    assert not state.exists()


# --- doctor, version -------------------------------------------------------------------


def test_doctor_names_what_is_wrong_and_its_mend(state: Path) -> None:
    state.mkdir()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        (state / "ccd.toml").write_text(
            f'[sip]\nlisten = ["udp:127.0.0.1:{port}"]\n[media]\nports = [40000, 40003]\n'
        )
        done = ccd(state, "doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    port_check = checks[f"SIP udp:127.0.0.1:{port}"]
    assert port_check["level"] == "fail"
    assert "in use" in port_check["found"]
    assert f"sport = :{port}" in port_check["mend"]
    for check in checks.values():
        assert check["level"] in ("ok", "warn", "fail")
        if check["level"] != "ok":
            assert check["mend"], check
    for name in (
        "Python",
        "SQLite",
        "open files",
        "socket buffers",
        "time source",
        "SIPp",
        "PJSIP",
    ):
        assert name in checks


def test_doctor_on_a_healthy_machine_ends_well(state: Path) -> None:
    state.mkdir()
    first, last = free_media_ports()
    (state / "ccd.toml").write_text(
        f'[sip]\nlisten = ["udp:127.0.0.1:0"]\n[media]\nports = [{first}, {last}]\n'
    )
    done = ccd(state, "doctor")
    assert done.returncode == 0, done.stdout
    assert " 0 failed" in done.stdout


def test_doctor_says_when_the_settings_are_wrong(state: Path) -> None:
    state.mkdir()
    (state / "ccd.toml").write_text("[sip]\nx = 1\ny = 2\n")
    done = ccd(state, "doctor", "--json")
    settings = json.loads(done.stdout)[0]
    assert (done.returncode, settings["level"]) == (1, "fail")
    assert "line 2" in settings["found"]
    assert "and 1 more" in settings["found"]


def test_version(state: Path) -> None:
    assert ccd(state, "version").stdout.startswith(f"ccd {__version__}\n")
    assert json.loads(ccd(state, "version", "--json").stdout)["ccd"] == __version__


# --- one daemon a folder; faults of ours ------------------------------------------------


def test_a_second_daemon_on_a_folder_is_refused(state: Path) -> None:
    StatePaths(state).prepare()
    with StateLock(StatePaths(state).lock):
        done = ccd(state, "run", "--demo")
    assert done.returncode == 1
    assert f"a daemon already runs on {state} (process {os.getpid()})" in done.stderr


def test_a_lock_left_by_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "ccd.lock"
    program = (
        "import os, sys, pathlib; from ccd.state_lock import StateLock;"
        "StateLock(pathlib.Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=30)
    assert path.read_text().strip().isdigit()
    assert owner(path) is None
    with StateLock(path):
        assert owner(path) == os.getpid()
        with pytest.raises(StateInUseError), StateLock(path):
            pass
    assert owner(path) is None


def test_a_state_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ccd(tmp_path / "file" / "state", "run", "--demo")
    assert done.returncode == 1
    assert "--state DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_ours_leaves_its_traceback_in_the_log(state: Path) -> None:
    program = (
        "import sys; sys.argv = ['ccd', 'version']\n"
        "import platform\n"
        "def broken(): raise ZeroDivisionError('planted')\n"
        "platform.python_version = broken\n"
        "from ccd.cli import main; main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "CCD_STATE": str(state)},
    )
    assert done.returncode == 70
    log = state / "log" / "ccd.log"
    assert done.stderr.splitlines() == [
        f"ccd: a fault of ours: ZeroDivisionError: planted; the traceback is in {log}"
    ]
    entry = json.loads(log.read_text())
    assert "Traceback" in entry["exception"]
    assert "planted" in entry["exception"]
