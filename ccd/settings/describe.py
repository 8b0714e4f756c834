"""What the settings are, read from their classes: names, types, defaults, meanings.

The meanings are the docstrings under the fields in `ccd/config.py`, so that there is one
place to write them: the settings reference, the file that `ccd init` writes, and the
JSON Schema are all made from here.
"""

from __future__ import annotations

import ast
import inspect
import typing
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any

import msgspec

from ccd import config
from ccd.config import Section, Settings

SECRETS = frozenset({"password", "password_hash"})
"""Fields whose values are never shown."""


@dataclass(frozen=True)
class Field:
    """One key: its name, type, default, and meaning."""

    name: str
    type: Any
    required: bool
    default: Any
    meaning: str

    @property
    def secret(self) -> bool:
        """Whether its value is shown to nobody."""
        return self.name in SECRETS


@dataclass(frozen=True)
class Table:
    """One table of the file. `several` where it is an array of tables: `[[name]]`."""

    name: str
    section: type[Section]
    several: bool
    meaning: str

    @property
    def heading(self) -> str:
        """How its header is written."""
        return f"[[{self.name}]]" if self.several else f"[{self.name}]"


def tables() -> list[Table]:
    """Return the tables of the file, in the order of `Settings`."""
    found = []
    for field in fields(Settings):
        element = element_section(field.type)
        section = element or field.type
        found.append(Table(field.name, section, element is not None, meaning(section)))
    return found


@cache
def fields(section: type[Section]) -> tuple[Field, ...]:
    """Return a table's keys, in order."""
    meanings = _field_meanings(section)
    return tuple(
        Field(
            name=field.name,
            type=field.type,
            required=field.required,
            default=None if field.required else field.default,
            meaning=meanings.get(field.name, ""),
        )
        for field in msgspec.structs.fields(section)
    )


def element_section(kind: Any) -> type[Section] | None:
    """Return the section of an array of tables, or None where `kind` is something else."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple and arguments and _is_section(arguments[0]):
        found: type[Section] = arguments[0]
        return found
    return None


def is_table(kind: Any) -> bool:
    """Whether a field of this type is a table."""
    return _is_section(kind)


def meaning(section: type[Section]) -> str:
    """Return a section's docstring, without its heading in backquotes."""
    text = inspect.getdoc(section) or ""
    return text.split("`: ", 1)[1] if text.startswith("`[") and "`: " in text else text


def words(kind: Any) -> str:
    """Return what values of a type are called, with an article: `a whole number`."""
    names = {str: "a text in quotation marks", int: "a whole number", float: "a number"}
    if kind is bool:
        return "true or false"
    if kind in names:
        return names[kind]
    if typing.get_origin(kind) in (typing.Union, UnionType):
        return " or ".join(words(each) for each in typing.get_args(kind) if each is not NoneType)
    if typing.get_origin(kind) is tuple:
        arguments = typing.get_args(kind)
        plural = {str: "texts", int: "whole numbers", float: "numbers"}
        of = plural.get(arguments[0], "tables")
        if arguments[-1] is Ellipsis:
            return f"a list of {of}: [...]"
        return f"a list of {len(arguments)} {of}: [...]"
    return "a table"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `ccd.toml`, for editors, with every key's meaning."""
    schema = msgspec.json.schema(Settings)
    for name, definition in schema.get("$defs", {}).items():
        section = getattr(config, name)
        definition["description"] = meaning(section)
        for field in fields(section):
            if field.meaning:
                definition["properties"][field.name]["description"] = field.meaning
    return schema


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


@cache
def _field_meanings(section: type[Section]) -> dict[str, str]:
    """Return the strings that stand under a class's fields, by field name."""
    tree = ast.parse(inspect.getsource(section)).body[0]
    assert isinstance(tree, ast.ClassDef)
    meanings = {}
    previous: ast.stmt | None = None
    for statement in tree.body:
        if (
            isinstance(previous, ast.AnnAssign)
            and isinstance(previous.target, ast.Name)
            and isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        ):
            meanings[previous.target.id] = inspect.cleandoc(statement.value.value)
        previous = statement
    return meanings
