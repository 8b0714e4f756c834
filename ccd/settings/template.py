"""The commented `ccd.toml` that `ccd init` writes: every key, its meaning and its default.

Defaults are written as comments, so that a later release may better one without every
file in the field holding on to the old; what an installation has to say for itself
(trunks, phones, people, queues, numbers) is written out as a working example.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit

from ccd.settings import describe

WIDTH = 92

HEADER = """\
ccd: settings of the call centre.

A key behind a # has that value by itself: remove the # to change it.
ccd config validate   checks this file
ccd config show       shows what applies, and where each value comes from"""


def example(password: str) -> Mapping[str, Mapping[str, Any]]:
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
    shown = example(password)
    lines = list(_comment(HEADER))
    for table in describe.tables():
        lines += _table(table, shown.get(table.name, {}))
    return "\n".join(lines) + "\n"


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it."""
    plain = list(value) if isinstance(value, tuple) else value
    return str(tomlkit.item(plain).as_string())


def _table(table: describe.Table, row: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield ""
    yield from _comment(table.meaning[:1].upper() + table.meaning[1:])
    yield table.heading
    for field in describe.fields(table.section):
        yield ""
        yield from _comment(field.meaning)
        value = row.get(field.name, field.default)
        yield f"{'' if field.name in row else '#'}{field.name} = {toml_value(value)}"


def _comment(text: str) -> Iterator[str]:
    for paragraph in text.splitlines():
        for line in textwrap.wrap(paragraph, WIDTH - 2, drop_whitespace=True) or [""]:
            yield f"# {line}".rstrip()
