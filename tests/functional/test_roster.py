"""Rosters with a real daemon: adherence in the agent's pulse, over a restart and a reload."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from peers.centre import STRAIGHT_FLOW
from peers.daemon import Daemon, DaemonError

from ccd.cti.client import Client
from ccd.cti.desk_operations import AdherenceView

SETTINGS = {
    "sip": {"domain": "ccd.test", "require_registration_auth": False},
    "trunk": [{"name": "carrier", "peers": ["127.0.0.1"]}],
    "phone": [{"name": "1001", "password": "x"}],
    "queue": [{"name": "orders"}],
    "agent": [{"name": "anna", "phone": "1001", "queues": ["orders"]}],
    "route": [{"dnis": "*", "flow": "flow.yaml"}],
    "acd": {"roster": "roster.csv"},
}
BEFORE_S = 600.0


class Roster:
    """Anna's, today: she works from ten minutes ago on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        now = datetime.now().replace(microsecond=0)
        midnight = now.replace(hour=0, minute=0, second=0)
        self.start = max(midnight, now - timedelta(seconds=BEFORE_S))
        self.write("work")

    def write(self, activity: str) -> None:
        end = self.start + timedelta(hours=1)
        self.path.write_text(
            f"agent,start,end,activity\nanna,{self.start.isoformat()},{end.isoformat()},{activity}\n"
        )


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    return Roster(tmp_path / "roster.csv")


@pytest.fixture
def daemon(tmp_path: Path, roster: Roster) -> Iterator[Daemon]:
    (tmp_path / "flow.yaml").write_text(STRAIGHT_FLOW)
    with Daemon(tmp_path, settings=SETTINGS) as daemon:
        yield daemon


async def adherence(client: Client) -> AdherenceView:
    view = (await client.pulse("anna")).adherence
    assert view is not None
    return view


async def test_what_was_kept_outlives_the_daemon(daemon: Daemon, roster: Roster) -> None:
    async with Client(daemon.state) as client:
        first = await adherence(client)
        assert first.kept_s == 0.0
        assert first.rostered_s == pytest.approx(
            (datetime.now() - roster.start).total_seconds(), abs=2.0
        )
        assert (first.activity, first.until) == ("work", roster.start.timestamp() + 3600.0)
        await client.log_in("anna")
        await client.ready("anna")
        while (worked := await adherence(client)).kept_s < 0.5:
            pass
        await client.not_ready(agent="anna")
        kept = (await adherence(client)).kept_s
        assert worked.kept_s <= kept < 10.0
    daemon.stop()
    daemon.start()
    async with Client(daemon.state) as client:
        assert (await adherence(client)).kept_s == pytest.approx(kept, abs=0.01)


async def test_a_reload_reads_it_and_a_mistake_changes_nothing(
    daemon: Daemon, roster: Roster
) -> None:
    async with Client(daemon.state) as client:
        roster.write("nap")
        with pytest.raises(DaemonError, match="there is no 'nap'"):
            daemon.command("reload")
        assert (await adherence(client)).activity == "work"
        roster.write("training")
        daemon.command("reload")
        view = await adherence(client)
        assert view.activity == "training"
        # She is not logged on, which is what training looks like.
        assert view.kept_s == pytest.approx(view.rostered_s, abs=0.5)
