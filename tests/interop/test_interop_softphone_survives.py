"""What a softphone outlives: the daemon's restart, its death in a call, a wrong password, another screen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from peers.asking import until
from peers.centre import STRAIGHT_FLOW
from peers.daemon import Daemon
from textual.widgets import Input

from ccd.cti.access import hash_password
from ccd.cti.client import Client, CtiError, ErrorCode
from ccd.model import AgentState
from tui.agent import service as service_module
from tui.agent.app import SoftphoneApp
from tui.agent.login import Answer, LoginApp
from tui.agent.service import LinkState, Login, Service

SETTINGS = {
    "sip": {"domain": "ccd.test", "require_registration_auth": False},
    "trunk": [{"name": "carrier", "peers": ["127.0.0.1"]}],
    "phone": [{"name": "1001", "password": "x"}],
    "queue": [{"name": "orders"}],
    "agent": [{"name": "anna", "phone": "1001", "queues": ["orders"], "full_name": "Anna Bell",
               "password_hash": hash_password("s3cret")}],
    "route": [{"dnis": "*", "flow": "flow.yaml"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "PULSE_S", 0.1)
    monkeypatch.setattr(service_module, "RETRY_S", 0.1)
    monkeypatch.setattr(service_module, "TIMEOUT_S", 2.0)


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    (tmp_path / "flow.yaml").write_text(STRAIGHT_FLOW)
    return Daemon(tmp_path, settings=SETTINGS)


@pytest.fixture
def hasty(tmp_path: Path) -> Daemon:
    """It waits for nobody who is silent for two seconds."""
    (tmp_path / "flow.yaml").write_text(STRAIGHT_FLOW)
    return Daemon(tmp_path, settings={**SETTINGS, "cti": {"session_timeout_s": 2.0}})


@contextlib.asynccontextmanager
async def at_work(daemon: Daemon) -> AsyncIterator[tuple[SoftphoneApp, Service]]:
    service = Service(Login("anna", password="s3cret", state=str(daemon.state)))
    await service.start()
    app = SoftphoneApp(service)
    try:
        async with app.run_test(size=(100, 30)):
            await until(lambda: service.link is LinkState.UP)
            yield app, service
    finally:
        await service.close()


async def test_the_daemon_restarts_and_the_shift_goes_on(daemon: Daemon) -> None:
    with daemon:
        async with at_work(daemon) as (app, service):
            await service.do("ready")
            await until(lambda: service.desk.seat.state is AgentState.READY)
            assert await asyncio.to_thread(daemon.stop) == 0
            await until(lambda: service.link is LinkState.LOST, within=10)
            banner = app.screen.query_one("#banner")
            await until(lambda: "does not answer" in banner.said)  # type: ignore[attr-defined]
            # Nothing is possible meanwhile, and says so.
            await app.action_press("ready")
            told = app.screen.query_one("#told")
            await until(lambda: "no connection to the daemon" in told.said)  # type: ignore[attr-defined]
            await asyncio.to_thread(daemon.start)
            await until(lambda: service.link is LinkState.UP, within=20)
            # Logged in again by itself; whether she takes calls again is for her to say.
            await until(lambda: service.desk.seat.state is AgentState.NOT_READY, within=20)
            await service.do("ready")
            await until(lambda: service.desk.seat.state is AgentState.READY)
            await until(lambda: not banner.display)


async def test_who_leaves_without_logging_off_comes_back_unasked(daemon: Daemon) -> None:
    with daemon:
        async with at_work(daemon) as (_, service):
            await service.do("ready")
        async with at_work(daemon) as (_, service):
            assert service.desk.seat.state is AgentState.NOT_READY
            assert service.desk.seat.reason == "session_lost"


async def test_a_wrong_password_is_asked_for_again(daemon: Daemon) -> None:
    with daemon:
        login = Login("anna", password="wrong", state=str(daemon.state))
        with pytest.raises(CtiError) as caught:
            await Service(login).start()
        assert caught.value.code is ErrorCode.WRONG_PASSWORD
        app = LoginApp(login, caught.value, language="en", theme="ccd-dark")
        async with app.run_test() as pilot:
            app.query_one(Input).focus()
            await pilot.press(*"s3cret", "enter")
        assert app.return_value == Answer("s3cret")


async def test_who_is_at_work_elsewhere_is_asked_who_stays(daemon: Daemon) -> None:
    with daemon:
        async with Client(daemon.state) as other:
            await other.log_in("anna", password="s3cret")
            login = Login("anna", password="s3cret", state=str(daemon.state))
            with pytest.raises(CtiError) as caught:
                await Service(login).start()
            assert caught.value.code is ErrorCode.WRONG_STATE
            app = LoginApp(login, caught.value, language="en", theme="ccd-dark")
            async with app.run_test() as pilot:
                await pilot.press("enter")
            assert app.return_value == Answer("s3cret", take=True)
            app = LoginApp(login, caught.value, language="zh", theme="ccd-dark")
            async with app.run_test() as pilot:
                await pilot.press("escape")
            assert app.return_value is None


async def test_a_softphone_begun_before_the_daemon_waits_for_it(daemon: Daemon) -> None:
    login = Login("anna", state=str(daemon.state))
    with pytest.raises(CtiError) as caught:
        await Service(login).start()
    assert caught.value.code is ErrorCode.UNAVAILABLE
    app = LoginApp(login, caught.value, language="en", theme="ccd-dark")
    with daemon:
        async with app.run_test():
            await until(lambda: app.return_value is not None, within=10)
        assert app.return_value == Answer("")


async def test_a_laptop_that_slept_wakes_up_at_work(hasty: Daemon) -> None:
    """Nothing of the program runs for longer than the daemon waits for it; then it goes on."""
    with hasty:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ccd", "agent", "anna", "--headless", "--state", str(hasty.state),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "CCD_PASSWORD": "s3cret"},
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        async def told(text: str) -> None:
            async with asyncio.timeout(20):
                while text not in (await process.stdout.readline()).decode():  # type: ignore[union-attr]
                    pass

        async def state_is(client: Client, state: AgentState, reason: str | None = None) -> None:
            async with asyncio.timeout(40):
                while True:
                    view = (await client.snapshot_device("anna")).agent
                    if (view.state, view.reason) == (state, reason):
                        return
                    await asyncio.sleep(0.1)

        try:
            async with Client(hasty.state) as client:
                process.stdin.write(b"ready\n")
                await state_is(client, AgentState.READY)
                process.send_signal(signal.SIGSTOP)
                await state_is(client, AgentState.NOT_READY, "session_lost")
                process.send_signal(signal.SIGCONT)
                await told("state not_ready session_lost")
                process.stdin.write(b"ready\n")
                await state_is(client, AgentState.READY)
                process.stdin.write(b"log_off\nquit\n")
                assert await asyncio.wait_for(process.wait(), 20) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
