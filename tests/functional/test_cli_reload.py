"""Changing a daemon that runs: reload, SIGHUP, and the CTI's operations, with a real one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccd.cti.client import CtiError, ErrorCode, SyncClient
from ccd.demo_settings import FLOW, free_media_ports
from ccd.events import QueueChanged

START_S = 45.0

SETTINGS = """\
[sip]
domain = "reload.example"

[media]
address = "127.0.0.1"
ports = [{first}, {last}]

[[trunk]]
name = "loop"
peers = ["127.0.0.0/8"]

[[phone]]
name = "1001"
password = "a-long-one"

[[skill]]
name = "english"

[[agent]]
name = "anna"
phone = "1001"
queues = ["orders"]

[[queue]]
name = "orders"
wrap_up_s = 5.0

[[route]]
dnis = "*"
flow = "flow.yaml"
"""

MORE = """
[[phone]]
name = "1002"
password = "another-one"

[[agent]]
name = "bert"
phone = "1002"
queues = ["night"]

[[queue]]
name = "night"
"""


class Installation:
    """A state folder with a settings file, and a daemon on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        shutil.copy(FLOW, root / "flow.yaml")
        first, last = free_media_ports()
        self.first_text = SETTINGS.format(first=first, last=last)
        self.file = root / "ccd.toml"
        self.write(self.first_text)
        command = [sys.executable, "-m", "ccd", "run", "--sip", "127.0.0.1:0", "--state", str(root)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def write(self, text: str) -> None:
        self.file.write_text(text, encoding="utf-8")

    def ccd(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ccd", *arguments, "--state", str(self.root)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "NO_COLOR": "1"},
        )


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("reload") / "state")
    yield made
    made.process.terminate()
    assert made.process.wait(START_S) == 0


@pytest.fixture(scope="module")
def client(installation: Installation) -> Iterator[SyncClient]:
    """A session, as soon as the daemon takes any."""
    until = time.monotonic() + START_S
    while True:
        made = SyncClient(installation.root)
        try:
            made.connect()
        except CtiError:
            log = installation.root / "log" / "ccd.log"
            assert installation.process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.1)  # there is nobody yet who could tell us that he is there
        else:
            break
    yield made
    made.close()


def queues(client: SyncClient) -> list[str]:
    return [queue.queue for queue in client.snapshot().queues]


def test_check_says_what_would_be_done_and_does_nothing(
    installation: Installation, client: SyncClient
) -> None:
    renamed = installation.first_text.replace("reload.example", "other.example")
    installation.write(renamed + MORE)
    done = installation.ccd("reload", "--check")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "+ phone 1002 is added",
        "+ queue night is added",
        "+ agent bert is added",
        "! sip.domain has changed: restart the daemon to have it",
        "Nothing was changed yet: ccd reload does it.",
    ]
    assert queues(client) == ["orders"]


def test_reload_makes_it_so(installation: Installation, client: SyncClient) -> None:
    done = installation.ccd("reload")
    assert done.returncode == 0, done.stderr
    assert "Reloaded: 3 changed, no call was touched." in done.stdout
    assert queues(client) == ["orders", "night"]
    client.log_in("bert")
    (bert,) = [agent for agent in client.snapshot().agents if agent.agent == "bert"]
    assert (bert.queues, bert.phone) == (("night",), "1002")
    # What needs a restart is named until there was one.
    again = client.call("reload")
    assert (again.changes, again.restart) == ((), ("sip.domain",))


def test_a_file_with_mistakes_changes_nothing(
    installation: Installation, client: SyncClient
) -> None:
    text = installation.file.read_text(encoding="utf-8")
    installation.write(
        text.replace('["night"]', '["nihgt"]').replace("wrap_up_s = 5", "wrap_up_s = -5")
    )
    done = installation.ccd("reload")
    assert done.returncode == 1
    assert 'did you mean "night"?' in done.stderr
    assert "wrap_up_s" in done.stderr
    assert "Traceback" not in done.stderr
    assert queues(client) == ["orders", "night"]
    with pytest.raises(CtiError) as error:
        client.call("reload")
    assert error.value.code is ErrorCode.WRONG_SETTINGS
    assert len(error.value.details["problems"]) == 2
    installation.write(text)


def test_sighup_reloads_too(installation: Installation, client: SyncClient) -> None:
    since = client.snapshot().seq
    installation.write(installation.first_text)
    installation.process.send_signal(signal.SIGHUP)
    for event in client.events(since, QueueChanged):
        assert isinstance(event, QueueChanged)
        assert (event.queue, event.change) == ("night", "closed")
        break
    assert queues(client) == ["orders"]


def test_skills_are_set_from_the_command_line(
    installation: Installation, client: SyncClient
) -> None:
    done = installation.ccd("acd", "skills", "anna", "english=7")
    assert done.stdout == "anna serves orders; english 7.\n", done.stderr
    unknown = installation.ccd("acd", "skills", "anna", "englisch=7")
    assert unknown.returncode == 1
    assert 'did you mean "english"?' in unknown.stderr
    with pytest.raises(CtiError) as error:
        client.call("agent_skills", agent="nobody", skills={})
    assert error.value.code is ErrorCode.UNKNOWN_AGENT


def test_queues_come_change_and_go_by_the_cti(client: SyncClient) -> None:
    made = client.call("queue_add", queue="surge", skills={"english": 5}, weight_s=30.0)
    assert made.changes == ("queue surge is added",)
    changed = client.call("queue_change", queue="surge", ring=[{"after_s": 30.0, "skills": {}}])
    assert changed.changes == ("queue surge changes: ring",)
    refusals: dict[ErrorCode, tuple[str, dict[str, Any]]] = {
        ErrorCode.DUPLICATE_QUEUE: ("queue_add", {"queue": "surge"}),
        ErrorCode.UNKNOWN_QUEUE: ("queue_change", {"queue": "serge"}),
        ErrorCode.WRONG_SETTINGS: ("queue_change", {"queue": "surge", "ring_timeout_s": -1.0}),
        ErrorCode.BAD_ARGS: ("queue_remove", {"queue": "surge", "move_to": "surge"}),
        ErrorCode.UNKNOWN_CONTACT: ("contact_move", {"contact": "c-1", "queue": "surge"}),
    }
    for code, (op, args) in refusals.items():
        with pytest.raises(CtiError) as error:
            client.call(op, **args)
        assert error.value.code is code, op
    client.call("queue_remove", queue="surge", move_to="orders")
    assert queues(client) == ["orders"]


def test_queues_are_listed_with_what_estimates_are_worth(
    installation: Installation, client: SyncClient
) -> None:
    done = installation.ccd("acd", "queues")
    assert done.returncode == 0, done.stderr
    assert "orders" in done.stdout
    assert "not yet sound" in done.stdout
    (said,) = client.call("estimates").estimates
    assert (said.queue, said.waits, said.sound) == ("orders", 0, False)


def test_a_story_of_nobody_is_refused(client: SyncClient) -> None:
    with pytest.raises(CtiError) as error:
        client.call("explain", contact="nobody-1")
    assert error.value.code is ErrorCode.UNKNOWN_CONTACT


def test_lists_of_callbacks_and_messages_begin_empty(client: SyncClient) -> None:
    assert client.call("callbacks").callbacks == ()
    assert client.call("voicemails").voicemails == ()
    with pytest.raises(CtiError) as error:
        client.call("cancel_callback", callback="cb-1")
    assert error.value.code is ErrorCode.UNKNOWN_CALLBACK
    with pytest.raises(CtiError) as error:
        client.call("schedule_callback", number="13800138000", queue="orders")
    assert error.value.code is ErrorCode.NO_TRUNK
