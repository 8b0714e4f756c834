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
    """One field of a section: its name, type, default, and meaning.

    A field is a key with a value, or a table (`section` says of what), or an array of such
    tables (`several`).
    """

    name: str
    type: Any
    required: bool
    default: Any
    meaning: str

    @property
    def secret(self) -> bool:
        """Whether its value is shown to nobody."""
        return self.name in SECRETS

    @property
    def section(self) -> type[Section] | None:
        """What its table, or each of its tables, holds; None where it is a key with a value."""
        if _is_section(self.type):
            found: type[Section] = self.type
            return found
        return _element_section(self.type)

    @property
    def several(self) -> bool:
        """Whether it is an array of tables."""
        return _element_section(self.type) is not None


@dataclass(frozen=True)
class Table:
    """One table of the file. `several` where it is an array of tables: `[[name]]`."""

    name: str
    """With the names of the tables around it: `queue.ring`."""
    section: type[Section]
    several: bool
    meaning: str

    @property
    def heading(self) -> str:
        """How its header is written."""
        return f"[[{self.name}]]" if self.several else f"[{self.name}]"


def tables(section: type[Section] = Settings, around: str = "") -> list[Table]:
    """Return the tables of the file, in the order of `Settings`, each before those in it."""
    found = []
    for field in fields(section):
        if field.section is None:
            continue
        name = f"{around}.{field.name}" if around else field.name
        found.append(Table(name, field.section, field.several, meaning(field.section)))
        found += tables(field.section, name)
    return found


def keys(section: type[Section]) -> list[Field]:
    """Return a table's keys that have values, in order: all fields that are no tables."""
    return [field for field in fields(section) if field.section is None]


@cache
def fields(section: type[Section]) -> tuple[Field, ...]:
    """Return all fields of a section, in order."""
    meanings = _field_meanings(section)
    return tuple(
        Field(
            name=field.name,
            type=field.type,
            required=field.required,
            default=_default(field),
            meaning=meanings.get(field.name, ""),
        )
        for field in msgspec.structs.fields(section)
    )


def mapping_value(kind: Any) -> Any | None:
    """Return what a table with names of the user's own holds (`skills = { … }`); None for other types."""
    return typing.get_args(kind)[1] if typing.get_origin(kind) is dict else None


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
        if arguments[-1] is Ellipsis:
            return f"a list of {_PLURALS.get(arguments[0], 'tables')}: [...]"
        return f"a list of {len(arguments)} {_PLURALS.get(arguments[0], 'tables')}: [...]"
    held = mapping_value(kind)
    if held is not None:
        return f"a table of {_PLURALS.get(held, 'lists')}: {{ name = ... }}"
    return "a table"


_PLURALS = {str: "texts", int: "whole numbers", float: "numbers"}


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


def _element_section(kind: Any) -> type[Section] | None:
    """Return the section of an array of tables, or None where `kind` is something else."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is tuple and arguments and _is_section(arguments[0]):
        found: type[Section] = arguments[0]
        return found
    return None


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:  # a table: each section has its own
        return field.default_factory()
    return None if field.required else field.default


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
