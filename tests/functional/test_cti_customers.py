"""Customers over the wire: a server and a client of the CTI around a centre in virtual time."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from virtual.town import Town, person

from ccd.cti.catalogue import Op
from ccd.cti.client import Client, CtiError, ErrorCode
from ccd.cti.server import Server
from ccd.customers.match import Match, Record
from ccd.events import Delivered
from ccd.host.words import Account, Holdings, HostError
from ccd.paths import StatePaths
from ccd.services_customers import SERVED, CustomerHandlers
from ccd.store import customer_schema
from ccd.store.customer_imports import Staging
from ccd.store.customers import CustomerRow
from ccd.store.journal import Writer

ROWS = (
    CustomerRow(id="C1", name="王芳", numbers=("+8613800000001",), accounts=("A1", "A2")),
    CustomerRow(id="C2", name="王伟", numbers=("+862158781234",), accounts=("A2",)),
    CustomerRow(id="C3", name="李 100%", numbers=("+862158781234",)),
)


class Served:
    """A town whose customers can be asked for."""

    def __init__(self, folder: Path) -> None:
        self.paths = StatePaths(folder)
        self.paths.prepare()
        db = customer_schema.open_for_writing(self.paths.customers)
        staging = Staging(db)
        staging.add(ROWS)
        staging.apply(replace=False)
        db.close()
        self.town = Town(
            folder, agents=[person("anna", "orders")], customers_file=self.paths.customers
        )
        self.writer = Writer(self.paths.database)
        self.town.stream.subscribe(self.writer.append)
        live = SimpleNamespace(settings=self.town.settings)
        self.daemon: Any = SimpleNamespace(
            centre=self.town.centre, paths=self.paths, live=live, host=None
        )
        handlers = CustomerHandlers(self.daemon)
        self.server = Server(
            {name: Op.of(name, getattr(handlers, name)) for name in SERVED},
            self.town.stream,
            commands=self.paths.cti_commands,
            publish=self.paths.cti_events,
            people=lambda _: "",
            beat_s=0.05,
        )


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    await served.server.start()
    yield served
    await served.server.stop()
    served.writer.close()


async def test_find_by_number_account_and_name(served: Served) -> None:
    async with Client(served.paths.root) as client:

        async def ids(**args: Any) -> list[str]:
            found = await client.call("customer_find", **args)
            return sorted(each.id for each in found.customers)

        assert await ids(number="021-58781234") == ["C2", "C3"]
        assert await ids(account="A2") == ["C1", "C2"]
        assert await ids(account="A2", number="02158781234") == ["C2"]
        assert await ids(text="王") == ["C1", "C2"]
        assert await ids(text="100%") == ["C3"]
        assert await ids(text="%") == ["C3"]
        assert await ids(text="C1") == ["C1"]
        assert await ids(text="nobody") == []
        with pytest.raises(CtiError) as error:
            await client.call("customer_find")
        assert error.value.code == ErrorCode.BAD_ARGS


async def test_notes_and_contacts(served: Served) -> None:
    town = served.town
    town.staff("anna")
    town.come("013800000001")
    town.run(3.0)
    town.hang_up("anna")
    town.run(1.0)
    assert served.writer.flush(5.0)
    async with Client(served.paths.root, name="tester") as client:
        written = await client.call("customer_note", id="C1", text=" wants to sell ")
        assert (written.text, written.author) == ("wants to sell", "tester")
        record = await client.call("customer", id="C1")
    assert [note.text for note in record.notes] == ["wants to sell"]
    (past,) = record.history
    assert (past.number, past.agent, past.outcome) == ("013800000001", "anna", "answered")
    assert (record.customer.contacts, record.customer.last_agent) == (1, "anna")
    assert record.customer.notes == "wants to sell"
    assert isinstance(record, Record)


async def test_nobody_has_that_id(served: Served) -> None:
    async with Client(served.paths.root) as client:
        for op, args in (("customer", {}), ("customer_note", {"text": "x"})):
            with pytest.raises(CtiError) as error:
                await client.call(op, id="C9", **args)
            assert error.value.code == ErrorCode.UNKNOWN_CUSTOMER
        with pytest.raises(CtiError) as error:
            await client.call("customer_of_call", call="none")
        assert error.value.code == ErrorCode.UNKNOWN_CALL


async def test_who_a_call_is_with_and_the_screen_pop(served: Served) -> None:
    town = served.town
    async with Client(served.paths.root) as client:
        feed = client.events(None, Delivered)
        town.staff("anna", answers_after=None)
        town.come("02158781234")
        town.run(0.5)
        call = town.call_of("02158781234")
        match = await client.call("customer_of_call", call=call.id)
        assert (match.customer, match.matches) == (None, 2)
        assert [each.id for each in match.candidates] == ["C2", "C3"]
        assert isinstance(match, Match)
        async with asyncio.timeout(10):
            delivered = await anext(feed)
        assert isinstance(delivered, Delivered)
        assert (delivered.customer, delivered.matches, delivered.ani) == (None, 2, "02158781234")


async def test_a_store_that_somebody_holds_is_said_and_calls_go_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccd.services_customers.NOTE_WAIT_MS", 50)
    holder = sqlite3.connect(served.paths.customers, isolation_level=None)
    holder.execute("begin immediate")
    async with Client(served.paths.root) as client:
        with pytest.raises(CtiError) as error:
            await client.call("customer_note", id="C1", text="later")
        assert error.value.code == ErrorCode.REFUSED
        assert "Another program holds it" in error.value.message
        # Who only looks waits for no writer.
        assert (await client.call("customer", id="C1")).notes == ()
    holder.execute("rollback")
    holder.close()
    assert served.town.centre.recognition.directory.find("13800000001").matches == 1


async def test_a_backup_put_back_is_seen(served: Served) -> None:
    directory = served.town.centre.recognition.directory
    assert directory.find("13800000001").matches == 1
    other = served.paths.root / "other.sqlite"
    db = customer_schema.open_for_writing(other)
    db.close()
    shutil.move(other, served.paths.customers)
    assert directory.find("13800000001").matches == 0
    assert directory.failures == 0


class Host:
    """A brokerage of one account."""

    fails = ""

    async def holdings(self, accounts: Sequence[str]) -> Holdings:
        if self.fails:
            raise HostError(self.fails)
        held = {"A1": Decimal("12.50")}
        return Holdings(
            accounts=tuple(
                Account(account=each, cash=held[each]) for each in accounts if each in held
            )
        )


async def test_what_a_customer_has_is_asked_of_the_host(served: Served) -> None:
    async with Client(served.paths.root) as client:
        with pytest.raises(CtiError, match=r"no \[host\]") as error:
            await client.holdings("C1")
        assert error.value.code == ErrorCode.HOST_FAILED
        served.daemon.host = host = Host()
        (account,) = (await client.holdings("C1")).accounts
        assert (account.account, account.cash) == ("A1", Decimal("12.50"))
        assert (await client.holdings("C2")) == Holdings()
        with pytest.raises(CtiError) as error:
            await client.holdings("C9")
        assert error.value.code == ErrorCode.UNKNOWN_CUSTOMER
        host.fails = "no line to the exchange"
        with pytest.raises(CtiError, match="no line") as error:
            await client.holdings("C1")
        assert error.value.code == ErrorCode.HOST_FAILED
