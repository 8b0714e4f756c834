"""Who calls is on the agent's screen before his phone is asked to ring."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.town import Town, person

from ccd.config import Customer as ListedCustomer
from ccd.config import CustomerClass, Queue, Settings
from ccd.customers.directory import Directory
from ccd.events import Delivered, Queued
from ccd.store import customer_schema, customers
from ccd.store.customer_imports import Staging
from ccd.store.customers import CustomerRow, Note

WANG = CustomerRow(
    id="C1",
    name="王芳",
    customer_class="vip",
    adviser="bert",
    language="zh",
    numbers=("+8613800000001", "+862158781234"),
    accounts=("A100", "A200"),
)
LI = CustomerRow(id="C2", name="李伟", numbers=("+862158781234",), accounts=("A200",))
CLIENT = CustomerRow(id="C3", name="Great Wall Fund", lines=("955001",))


def store(path: Path, *rows: CustomerRow) -> Path:
    db = customer_schema.open_for_writing(path)
    staging = Staging(db)
    staging.add(rows)
    staging.apply(replace=False)
    db.close()
    return path


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(
        tmp_path,
        queues=[Queue(name="orders"), Queue(name="funds")],
        agents=[person("anna", "orders", "funds")],
        classes=[CustomerClass(name="vip", head_start_s=60.0)],
        customers_file=store(tmp_path / "customers.sqlite", WANG, LI, CLIENT),
    )


def test_delivered_carries_the_customer_and_what_was_gathered(town: Town, tmp_path: Path) -> None:
    db = customer_schema.open_for_writing(tmp_path / "customers.sqlite")
    customers.add_note(db, "C1", Note(at=1.0, author="bert", text="wants to sell"))
    db.close()
    town.staff("anna")
    town.come("013800000001")
    (delivered,) = town.told(Delivered)
    assert delivered.customer is not None
    assert (delivered.customer.id, delivered.customer.name) == ("C1", "王芳")
    assert delivered.customer.notes == "wants to sell"
    assert (delivered.matches, delivered.ani, delivered.dnis) == (1, "013800000001", "955000")


def test_it_is_said_before_the_phone_is_asked_to_ring(town: Town) -> None:
    town.staff("anna", answers_after=None)
    rung: list[int] = []
    town.centre.events.subscribe(
        lambda event: (
            rung.append(len(town.phones["anna"].events)) if isinstance(event, Delivered) else None
        )
    )
    before = len(town.phones["anna"].events)
    town.come("13800000001")
    town.run(0.5)
    assert rung == [before]
    assert len(town.phones["anna"].events) > before


def test_two_who_share_a_number_are_counted_and_none_is_named(town: Town) -> None:
    town.staff("anna")
    town.come("02158781234")
    (delivered,) = town.told(Delivered)
    assert delivered.customer is None
    assert delivered.matches == 2


@pytest.mark.parametrize("number", ["anonymous", "13900000009", "139000000099999999999"])
def test_a_stranger_is_nobody_and_is_served(town: Town, number: str) -> None:
    town.staff("anna")
    town.come(number)
    town.run(2.0)
    (delivered,) = town.told(Delivered)
    assert (delivered.customer, delivered.matches) == (None, 0)
    assert town.conversations == [(number, "anna")]


def test_class_and_adviser_come_from_the_store(town: Town) -> None:
    town.staff()
    town.centre.acd.not_ready("anna", "break")
    town.come("13900000001")
    town.run(30.0)
    town.come("13800000001")
    assert town.waiting() == ["13800000001", "13900000001"]
    contact = town.centre.acd._cases[town.call_id("13800000001")].contact
    assert (contact.customer_class, contact.adviser) == ("vip", "bert")


def test_a_line_of_his_own_says_who_it_is(town: Town) -> None:
    town.staff("anna")
    town.come("13800000001", "funds")
    (delivered,) = town.told(Delivered)
    assert delivered.customer is not None
    assert delivered.customer.id == "C3"


def test_what_the_ivr_gathered_tells_two_apart(town: Town) -> None:
    town.staff()
    town.centre.acd.not_ready("anna", "break")
    town.come("02158781234")
    call = town.call_of("02158781234")
    assert town.centre.recognition.describe(call) == (None, 2)
    call.data["account"] = "A100"
    assert town.centre.recognition.match(call).by == "account"
    town.centre.acd.ready("anna")
    town.run(1.0)
    (delivered,) = town.told(Delivered)
    assert delivered.customer is not None
    assert delivered.customer.id == "C1"


def test_one_look_up_a_call_and_nothing_of_it_stays(town: Town) -> None:
    town.staff("anna")
    before = town.centre.recognition.directory.lookups
    town.come("13800000001")
    town.run(2.0)
    assert town.told(Queued)
    assert town.centre.recognition.directory.lookups == before + 1
    town.hang_up("anna")
    town.run(1.0)
    assert town.centre.recognition.calls == 0


def test_a_file_that_cannot_be_read_is_counted_and_the_call_goes_on(
    town: Town, tmp_path: Path
) -> None:
    (tmp_path / "customers.sqlite").write_bytes(b"no database, by no means" * 400)
    town.staff("anna")
    town.come("13800000001")
    town.run(2.0)
    assert town.conversations == [("13800000001", "anna")]
    (delivered,) = town.told(Delivered)
    assert (delivered.customer, delivered.matches) == (None, 0)
    assert town.centre.counts()["customers.failures"] >= 1


def test_settings_and_store_are_one(tmp_path: Path) -> None:
    path = store(tmp_path / "customers.sqlite", WANG)
    directory = Directory(
        [
            ListedCustomer(number="13800000001", adviser="anna"),
            ListedCustomer(number="139", language="en"),
        ],
        path=path,
    )
    found = directory.find("+86 138 0000 0001")
    assert found.customer is not None
    assert (found.customer.id, found.adviser, found.customer_class) == ("C1", "anna", "vip")
    assert directory.find("139").language == "en"
    assert directory.by_id("139").matches == 1
    directory.change(Settings().customer)
    assert directory.find("139").matches == 0
    assert directory.find("13800000001").adviser == "bert"
