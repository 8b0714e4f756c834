"""The commented `ccd.toml` that `ccd init` writes: every key, its meaning and its default.

Defaults are written as comments, so that a later release may better one without every
file in the field holding on to the old; what an installation has to say for itself
(trunks, phones, people, queues, numbers) is written out as a working example. What it may
say besides (skills, calendars, rings ...) is an example behind comments.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import tomlkit

from ccd.settings import describe

WIDTH = 92

HEADER = """\
ccd: settings of the call centre.

A key behind a # has that value by itself: remove the # to change it. A table whose header
is behind a # is an example: it is not there until the # is removed.
ccd config validate   checks this file
ccd config show       shows what applies, and where each value comes from"""

NOT_SET: Final = "not set"
"""How a key is shown whose default is that nothing is said."""

NOBODYS_PASSWORD: Final = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$YWFhYWFhYWFhYWFhYWFhYQ"
"""How a hash looks; no password is known that has it."""

Row = Mapping[str, Any]

POSSIBLE: Final[Mapping[str, Row]] = {
    "skill": {"name": "english", "title": "English"},
    "user": {"name": "chief", "role": "supervisor", "password_hash": NOBODYS_PASSWORD},
    "disposition": {"name": "sold"},
    "not_ready_reason": {"name": "lunch"},
    "customer_class": {"name": "vip", "head_start_s": 60.0},
    "customer": {"number": "13800138000", "customer_class": "vip", "adviser": "li.na"},
    "calendar": {
        "name": "trading",
        "open": {"weekdays": ["09:00-11:30", "13:00-15:00"]},
        "holidays": ["2026-10-01/2026-10-07"],
        "special": {"2026-02-14": ["10:00-12:00"]},
    },
    "dialling.forbidden": {"number": "00.", "reason": "Calls abroad need the director's consent."},
    "dialling.rule": {"number": "6000", "to": "queue:orders"},
    "service_flow": {"name": "check_pin", "flow": "check_pin.yaml", "title": "Key the PIN"},
    "queue.ring": {"after_s": 30.0},
    "queue.overflow": {"to": "goodbye", "wait_s": 1800.0},
}
"""Tables that a small call centre can do without; together they fit into the working example."""


def working(password: str) -> Mapping[str, Row]:
    """Return the tables of a small working call centre, whose one phone has this password."""
    return {
        "trunk": {"name": "carrier", "peers": ["127.0.0.1"]},
        "phone": {"name": "1001", "password": password},
        "agent": {"name": "li.na", "phone": "1001", "queues": ["orders"], "full_name": "Li Na"},
        "queue": {"name": "orders", "wrap_up_s": 10.0},
        "route": {"dnis": "*", "flow": "welcome.yaml"},
    }


def template(password: str) -> str:
    """Return the text of a new settings file."""
    shown = working(password)
    lines = [f"# {line}".rstrip() for line in HEADER.splitlines()]
    for table in describe.tables():
        if table.name in POSSIBLE:
            lines += _table(table, POSSIBLE[table.name], hidden=True)
        else:
            lines += _table(table, shown.get(table.name, {}), hidden=False)
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it, on one line; `None`, which TOML has not, in words."""
    if value is None:
        return NOT_SET
    if isinstance(value, dict):
        entries = [f"{_key(key)} = {toml_value(held)}" for key, held in value.items()]
        return f"{{ {', '.join(entries)} }}" if entries else "{}"
    plain = list(value) if isinstance(value, tuple) else value
    return str(tomlkit.item(plain).as_string())


def _key(name: str) -> str:
    return str(tomlkit.key(name).as_string())


def _table(table: describe.Table, row: Row, *, hidden: bool) -> Iterator[str]:
    yield ""
    yield ""
    yield from _comment(table.meaning[:1].upper() + table.meaning[1:])
    yield f"{'#' if hidden else ''}{table.heading}"
    for field in describe.keys(table.section):
        yield ""
        yield from _comment(field.meaning)
        value = row.get(field.name, field.default)
        if value is None:  # a line that stays a comment: nothing can be written there
            yield f"# {field.name} = {NOT_SET}"
        else:
            written = field.name in row and not hidden
            yield f"{'' if written else '#'}{field.name} = {toml_value(value)}"


def _comment(text: str) -> Iterator[str]:
    """Yield a docstring's paragraphs anew, in lines of this file's width."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield "#"
        for line in textwrap.wrap(" ".join(paragraph.split()), WIDTH - 2):
            yield f"# {line}"
