"""`ccd customers`: who calls, for the screen pop. Each command has a function here or in
`customers_import`; a daemon that runs sees what they change at once."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.commands.adding import add
from ccd.commands.customers_import import EXPORT_EPILOG, IMPORT_EPILOG, export_csv, import_csv
from ccd.commands.options import Config, Json, State

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from ccd.customers.directory import Directory
    from ccd.model import Customer
    from ccd.store.contact_history import PastContact
    from ccd.store.customers import Note

MOST_SHOWN = 50
HISTORY = 20

FIND_EPILOG = """\
[bold]Examples[/]

  ccd customers find 13800138000      however the number is written

  ccd customers find 王               whose name it is in

  ccd customers find --account A100
"""

app = typer.Typer(
    help="Know who calls: import customers, find them, write something down about them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The customer's id.")]


def find(
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT", help="A number, a name or part of it, an account, an id."),
    ] = "",
    number: Annotated[str, typer.Option("--number", help="Only who has this number.")] = "",
    account: Annotated[str, typer.Option("--account", help="Only who has this account.")] = "",
    json: Json = False,
    state: State = None,
    config: Config = None,
) -> None:
    """Find customers. The exit status is 1 where there are none."""
    from ccd.commands.output import console, plain_table, print_json
    from ccd.customers.records import search

    if not (text or number or account):
        raise typer.BadParameter("say whom: a number, a name, an account", param_hint="TEXT")
    directory = _directory(state, config)
    try:
        found = search(
            directory, _path(state), text=text, number=number, account=account, limit=MOST_SHOWN
        )
    finally:
        directory.close()
    if json:
        print_json(found)
    elif found:
        table = plain_table(
            "customer", "name", "class", "adviser", "numbers", "accounts", "contacts"
        )
        for each in found:
            table.add_row(*_cells(each))
        console().print(table)
    else:
        typer.echo("No such customer.")
    if not found:
        raise typer.Exit(1)


def show(customer: Id, json: Json = False, state: State = None, config: Config = None) -> None:
    """Show a customer, with what was written about him and his contacts."""
    from ccd.commands.output import console, print_json
    from ccd.customers.records import record

    directory = _directory(state, config)
    try:
        found = record(directory, _path(state), _journal(state), customer, history=HISTORY)
    finally:
        directory.close()
    if json:
        print_json(found)
    else:
        console().print(_page(found.customer, found.notes, found.history))


def note(
    customer: Id,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be written down.")],
    json: Json = False,
    state: State = None,
) -> None:
    """Write something down about a customer; agents see the newest when he calls."""
    from ccd.commands.output import print_json
    from ccd.store import customers
    from ccd.store.customers import Note, UnknownCustomerError

    if not text.strip():
        raise typer.BadParameter("is empty", param_hint="TEXT")
    written = Note(at=time.time(), author=getpass.getuser(), text=text.strip())
    db = _writable(state)
    try:
        if not customers.add_note(db, customer, written):
            raise UnknownCustomerError(customer)
    finally:
        db.close()
    if json:
        print_json(written)
    else:
        typer.echo(f"Noted about {customer}.")


def remove(
    customer: Id,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
    state: State = None,
) -> None:
    """Forget a customer: his numbers, accounts and notes. Call records stay."""
    from ccd.commands.output import print_json
    from ccd.store import customers
    from ccd.store.customers import UnknownCustomerError

    db = _writable(state)
    try:
        row = customers.read(db, customer)
        if row is None:
            raise UnknownCustomerError(customer)
        notes = len(customers.notes(db, customer))
        if not yes:
            typer.confirm(
                f"Forget {row.id} {row.name}, with {len(row.numbers)} numbers and {notes} notes?",
                abort=True,
                err=True,
            )
        customers.remove(db, customer)
    finally:
        db.close()
    if json:
        print_json({"removed": customer, "notes": notes})
    else:
        typer.echo(f"{customer} is forgotten.")


add(app, import_csv, None, IMPORT_EPILOG, name="import")
add(app, export_csv, None, EXPORT_EPILOG, name="export")
add(app, find, None, FIND_EPILOG)
add(app, show, None, "")
add(app, note, None, "")
add(app, remove, None, "")


def _path(state: Any) -> Path:
    from ccd.paths import state_paths

    return state_paths(state).customers


def _journal(state: Any) -> Path:
    from ccd.paths import state_paths

    return state_paths(state).database


def _writable(state: Any) -> sqlite3.Connection:
    from ccd.store import customer_schema
    from ccd.store.errors import StoreMissingError

    path = _path(state)
    if not path.exists():
        raise StoreMissingError(
            f"there are no customers in {path.parent}; see: ccd customers import"
        )
    return customer_schema.open_for_writing(path)


def _directory(state: Any, config: Any) -> Directory:
    from ccd.commands.customers_import import settings_of
    from ccd.customers.directory import directory

    return directory(settings_of(state, config), path=_path(state), journal=_journal(state))


def _cells(each: Customer) -> list[str]:
    from rich.markup import escape

    cells = [each.id, each.name, each.customer_class, each.adviser]
    cells += [", ".join(each.numbers), ", ".join(each.accounts), str(each.contacts or "")]
    return [escape(cell) for cell in cells]


def _page(customer: Customer, notes: tuple[Note, ...], history: tuple[PastContact, ...]) -> Any:
    from rich.console import Group
    from rich.markup import escape

    from ccd.commands.output import clock, plain_table, seconds

    facts = plain_table("", "")
    facts.show_header = False
    for name, value in (
        ("customer", customer.id),
        ("name", customer.name),
        ("class", customer.customer_class),
        ("adviser", customer.adviser),
        ("language", customer.language),
        ("numbers", ", ".join(customer.numbers)),
        ("accounts", ", ".join(customer.accounts)),
    ):
        facts.add_row(name, escape(value))
    parts: list[Any] = [facts]
    if notes:
        table = plain_table("noted", "by", "what")
        for note in notes:
            table.add_row(clock(note.at), escape(note.author), escape(note.text))
        parts += ["", table]
    if history:
        table = plain_table("contact", "", "number", "outcome", "agent", "talked", "call")
        for past in history:
            table.add_row(
                clock(past.at),
                "→" if past.direction == "out" else "",
                escape(past.number),
                past.outcome,
                escape(past.agent),
                seconds(past.talked_s),
                escape(past.call),
            )
        parts += ["", table]
    return Group(*parts)
