"""Writes ccd/cti/operations.py from the catalogue: `python -m ccd.cti.generate_operations`.

Generated, not made at run time, so that editors and `mypy --strict` know every operation's
arguments and result. A test keeps the file true.
"""

from __future__ import annotations

import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from ccd.cti.catalogue import CATALOGUE, Spec

TARGET = Path(__file__).with_name("operations.py")

WIDTH = 96

OWN = frozenset({"hello"})
"""What the client does by itself, at `connect`."""

HEAD = '''\
"""Every operation of the CTI as a typed method, for `Client` and `SyncClient`.

Generated from the catalogue by `python -m ccd.cti.generate_operations`: do not edit by hand.
All raise CtiError; docs/cti.md says with which codes, and what arguments and results mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

'''


class Imports(dict[str, set[str]]):
    """Names that the types of arguments and results need, by module."""

    def name(self, cls: type) -> str:
        """Return a class's name, and note where it is from."""
        if cls.__module__ != "builtins":
            self.setdefault(cls.__module__, set()).add(cls.__name__)
        return cls.__name__


def spelt(kind: Any, imports: Imports) -> str:
    """Return a type as it is written; lists and maps as the widest that may be passed."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return "Any"
    if kind is type(None):
        return "None"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(spelt(arg, imports) for arg in args)
    if origin is typing.Annotated:
        return spelt(args[0], imports)
    if origin is typing.Literal:
        raise TypeError("the catalogue has enumerations, not literals")
    if origin is dict:
        return f"Mapping[{', '.join(spelt(arg, imports) for arg in args)}]"
    if origin in (tuple, list) and (origin is list or args[-1] is Ellipsis):
        return f"Sequence[{spelt(args[0], imports)}]"
    if origin is tuple:
        return f"tuple[{', '.join(spelt(arg, imports) for arg in args)}]"
    if isinstance(kind, type):
        return imports.name(kind)
    raise TypeError(f"no way to write {kind!r}")


def parameters(spec: Spec, imports: Imports) -> list[tuple[str, str]]:
    """Return each argument's name and declaration: required ones first, whose agent it is last."""
    hints = typing.get_type_hints(spec.args, include_extras=True)
    found = []
    for field in msgspec.structs.fields(spec.args):
        kind = spelt(hints[field.name], imports)
        if field.required:
            default = ""
        elif field.default is msgspec.NODEFAULT or isinstance(field.default, dict | list | tuple):
            # What is not given is not sent: the daemon knows its own default.
            default, kind = " = None", f"{kind} | None" if "None" not in kind else kind
        elif isinstance(field.default, str) and type(field.default) is not str:
            enum = imports.name(type(field.default))
            default = f" = {enum}.{field.default.name}"  # type: ignore[attr-defined]
        else:
            default = f" = {_literal(field.default)}"
        rank = (not field.required) + (spec.for_agent and field.name == "agent")
        found.append((rank, field.name, f"{field.name}: {kind}{default}"))
    return [(name, text) for _, name, text in sorted(found, key=lambda each: each[0])]


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def method(spec: Spec, imports: Imports, *, sync: bool) -> Iterator[str]:
    """Yield the lines of one operation's method."""
    found = parameters(spec, imports)
    result = "None" if spec.result is None else spelt(spec.result, imports)
    given = "".join(f", {name}={name}" for name, _ in found)
    aw, head = ("", "def") if sync else ("await ", "async def")
    shadows = "  # noqa: A002" if any(name in _BUILTINS for name, _ in found) else ""
    one = f"{head} {spec.name}({', '.join(['self', *(text for _, text in found)])}) -> {result}:"
    if len(one) <= WIDTH and not shadows:
        yield one
    else:
        yield f"{head} {spec.name}("
        yield "    self,"
        for name, text in found:
            yield f"    {text},{'  # noqa: A002' if name in _BUILTINS else ''}"
        yield f") -> {result}:"
    lines = textwrap.wrap(spec.summary.replace("\\", "\\\\"), WIDTH - 8)
    if len(lines) == 1:
        yield f'    """{lines[0]}"""'
    else:
        yield f'    """{lines[0]}'
        yield from (f"    {line}" for line in lines[1:])
        yield '    """'
    call = f'{aw}self._op("{spec.name}"{given})'
    if spec.result is None:
        yield f"    {call}"
    else:
        yield f"    result: {result} = {call}"
        yield "    return result"


_BUILTINS = frozenset({"all", "id", "type", "filter", "format", "input", "max", "min"})


def module() -> str:
    """Return the file's text."""
    imports = Imports()
    bodies = []
    for sync in (False, True):
        name, aw, head = (
            ("SyncOperations", "", "def") if sync else ("Operations", "await ", "async def")
        )
        told = "without asyncio" if sync else "for asyncio"
        lines = [
            f"class {name}:",
            f'    """The operations, {told}."""',
            "",
            f"    {head} call(self, op: str, *, timeout_s: float | None = None, **args: Any) -> Any:",
            '        """Carry out an operation by name."""',
            "        raise NotImplementedError",
            "",
            f"    {head} _op(self, op: str, **args: Any) -> Any:",
            '        """Carry it out with those arguments that were given."""',
            "        given = {name: value for name, value in args.items() if value is not None}",
            f"        return {aw}self.call(op, **given)",
        ]
        for spec in CATALOGUE.values():
            if spec.name in OWN:
                continue
            lines += ["", *(f"    {line}" for line in method(spec, imports, sync=sync))]
        bodies.append("\n".join(lines))
    wanted = [
        f"from {name} import {', '.join(sorted(names, key=str.lower))}"
        for name, names in sorted(imports.items())
    ]
    return HEAD + "\n".join(wanted) + "\n\n\n" + "\n\n\n".join(bodies) + "\n"


def formatted(text: str) -> str:
    """Return the text as ruff lays it out."""
    import subprocess

    arguments = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET), "-"]
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    """Write the file."""
    TARGET.write_text(formatted(module()), encoding="utf-8")


if __name__ == "__main__":
    main()
