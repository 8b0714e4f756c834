"""`ccd keys`, `ccd password`, `ccd unlock`, `ccd audit`, and another machine's daemon, as people use them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ccd.cli import app
from ccd.cti.access import check_password
from ccd.cti.client import CtiError, SyncClient
from ccd.errors import CcdError

PASSWORD = "correct horse"
CCD = (sys.executable, "-m", "ccd")
START_S = 30.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def ccd(*args: object, env: dict[str, str] | None = None, **options: Any) -> Any:
    return subprocess.run(
        [*CCD, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **(env or {})},
        **options,
    )


def said(*args: object, env: dict[str, str] | None = None, **options: Any) -> str:
    done = ccd(*args, env=env, **options)
    assert done.returncode == 0, done.stderr
    text: str = done.stdout
    return text


SETTINGS = """\
[sip]
listen = ["udp:127.0.0.1:0"]
[media]
address = "127.0.0.1"
[cti]
listen = "127.0.0.1:{commands}"
listen_events = "127.0.0.1:{events}"
lockout_attempts = 1
[[user]]
name = "chief"
role = "supervisor"
password_hash = "{hash}"
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A daemon with a door over TCP, in the folder `state`."""
    state = tmp_path / "state"
    hashed = said("password", "--stdin", input=PASSWORD + "\n").strip()
    (tmp_path / "ccd.toml").write_text(
        SETTINGS.format(hash=hashed, commands=free_port(), events=free_port())
    )
    refused = ccd("run", "--state", state, "--config", tmp_path / "ccd.toml")
    assert refused.returncode == 1
    assert "ccd keys server" in refused.stderr
    said("keys", "server", "--state", state)
    process = subprocess.Popen(
        [*CCD, "run", "--state", state, "--config", tmp_path / "ccd.toml"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + START_S
        while True:
            try:
                with SyncClient(state) as client:
                    client.call("status")
                break
            except CtiError:
                assert process.poll() is None, (state / "log" / "ccd.log").read_text()
                assert time.monotonic() < until
                time.sleep(0.05)  # there is nobody yet who could tell us that he is there
        yield tmp_path
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_another_machines_supervisor(running: Path) -> None:
    state, file = running / "state", running / "chief.toml"
    settings = tomllib.loads((running / "ccd.toml").read_text())
    address = "tcp://" + settings["cti"]["listen"]
    said("keys", "client", "chief", "--out", file, "--state", state)
    there = ("--connect", address, "--keys", file, "--user", "chief")
    right, wrong = {"CCD_PASSWORD": PASSWORD}, {"CCD_PASSWORD": "guess"}
    assert json.loads(said(*there, "status", "--json", env=right))["accepting"] is True

    refused = ccd(*there, "reload", env=right)
    assert (refused.returncode, "is for admin" in refused.stderr) == (1, True)
    for says in ("failed", "locked out"):
        refused = ccd(*there, "status", env=wrong)
        assert (refused.returncode, says in refused.stderr) == (1, True), refused.stderr
    assert "chief" in said("unlock", "--state", state)
    assert "may try again" in said("unlock", "chief", "--state", state)
    assert ccd("unlock", "chief", "--state", state).returncode == 1

    lines = json.loads(said("audit", "--who", "chief", "--json", "--state", state))
    found = [(line["op"], line["outcome"], line["key"]) for line in lines]
    assert found[:2] == [("unlock_account", "ok", ""), ("unlock_account", "ok", "")]
    assert ("reload", "forbidden", "chief") in found
    assert ("authenticate", "locked", "chief") in found
    assert not {"guess", PASSWORD} & set(re.findall(r'"([^"]*)"', json.dumps(lines)))
    refusals = said("audit", "--outcome", "refused", "--op", "reload", "--state", state)
    assert "forbidden" in refusals

    said("keys", "revoke", "chief", "--state", state)
    refused = ccd(*there, "status", env=right)
    assert (refused.returncode, "revoked" in refused.stderr) == (1, True), refused.stderr


@dataclass
class Done:
    """What a command came to, in this process."""

    returncode: int
    stdout: str
    stderr: str


def here(*args: object, input: str | None = None) -> Done:  # noqa: A002 - subprocess's word
    """A command without a process of its own, which takes half a second."""
    result = CliRunner().invoke(app, [*map(str, args)], input=input)
    if isinstance(result.exception, CcdError):
        return Done(1, result.stdout, str(result.exception))
    return Done(result.exit_code, result.stdout, result.stderr)


def told(*args: object, input: str | None = None) -> str:  # noqa: A002
    done = here(*args, input=input)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_keys_are_made_once_and_for_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = tmp_path / "keys"
    early = here("keys", "client", "wall", "--dir", keys)
    assert (early.returncode, "ccd keys server" in early.stderr) == (1, True)
    made = json.loads(told("keys", "server", "--dir", keys, "--json"))
    assert stat.S_IMODE(Path(made["file"]).stat().st_mode) == 0o600
    again = here("keys", "server", "--dir", keys)
    assert (again.returncode, "--force" in again.stderr) == (1, True)
    declined = here("keys", "server", "--dir", keys, "--force", input="n\n")
    assert declined.returncode == 1
    listed = json.loads(told("keys", "list", "--dir", keys, "--json"))
    assert listed == {"server": made["public_key"], "clients": []}
    told("keys", "client", "wall", "--dir", keys)
    assert stat.S_IMODE((tmp_path / "wall.toml").stat().st_mode) == 0o600
    for name, says in (("wall", "already"), ("../wall", "no name")):
        refused = here("keys", "client", name, "--dir", keys)
        assert (refused.returncode, says in refused.stderr) == (1, True)
    (client,) = json.loads(told("keys", "list", "--dir", keys, "--json"))["clients"]
    assert client["name"] == "wall"
    assert "wall" in told("keys", "list", "--dir", keys)
    told("keys", "server", "--dir", keys, "--force", "--yes")
    assert json.loads(told("keys", "list", "--dir", keys, "--json"))["server"] != made["public_key"]
    told("keys", "revoke", "wall", "--dir", keys)
    gone = here("keys", "revoke", "wall", "--dir", keys)
    assert (gone.returncode, "no client" in gone.stderr) == (1, True)


def test_a_password_becomes_a_hash_and_nothing_else() -> None:
    line = told("password", "--stdin", "--user", "chief", input=PASSWORD + "\n")
    assert PASSWORD not in line
    found = re.search(r'password_hash = "(.+)"', line)
    assert found is not None
    assert check_password(found[1], PASSWORD)
    assert not check_password(found[1], PASSWORD + " ")
    assert here("password", "--stdin", input="short\n").returncode == 1
    assert "--stdin" in here("password").stderr
