"""`ccd.toml` -> `Settings`: strict, and with every mistake told at once."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ccd.config import Section, Settings
from ccd.settings import describe, places
from ccd.settings.check import check
from ccd.settings.problems import Problem, SettingsError

S = TypeVar("S", bound=Section)

HIDDEN = "********"

LARGEST_FILE = 4 * 1024 * 1024
"""Bytes: far above any real settings file, far below what would hurt to read by mistake."""


@dataclass(frozen=True)
class Loaded:
    """Settings together with where they came from."""

    settings: Settings
    file: Path
    lines: Mapping[places.Path, int]


def load(path: Path) -> Settings:
    """Return the settings in the file at `path`; files named in it become absolute paths.

    Raises `SettingsError` with every mistake found: unreadable file, bad TOML, unknown or
    missing keys, values of the wrong type, and values that do not fit together.
    """
    return load_with_places(path).settings


def load_with_places(path: Path) -> Loaded:
    """Return the settings and on which line each key stands; raises like `load`."""
    path = path.absolute()
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(path, [_syntax_problem(error, text)]) from None
    lines = places.scan(text)
    builder = _Builder(lines)
    settings = builder.section(Settings, document, ())
    problems = builder.problems
    if settings is not None:
        settings = _with_absolute_files(settings, path.parent)
        problems += (_placed(problem, lines) for problem in check(settings))
    if settings is None or problems:
        raise SettingsError(path, problems)
    return Loaded(settings, path, lines)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        mend = "`ccd init` writes one, with every key explained"
        raise SettingsError(path, [Problem((), "there is no such file", mend)]) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(path, [Problem((), f"cannot be read: {reason}")]) from None
    if len(data) > LARGEST_FILE:
        raise SettingsError(path, [Problem((), "is too big to be a settings file")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        mend = "save the file as UTF-8"
        raise SettingsError(path, [Problem((), "is not UTF-8 text", mend, line)]) from None


def _syntax_problem(error: tomllib.TOMLDecodeError, text: str) -> Problem:
    message = str(error)
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = None
    if place:
        message = message[: place.start()]
        line = int(place[1]) if place[1] else text.count("\n") + 1
    shown = text.splitlines()[line - 1].strip() if line and line <= len(text.splitlines()) else ""
    secret = any(name in shown for name in describe.SECRETS)
    mend = f"the line reads: {shown}" if shown and not secret else ""
    return Problem((), f"is not TOML: {message[:1].lower()}{message[1:]}", mend, line)


def _placed(problem: Problem, lines: Mapping[places.Path, int]) -> Problem:
    line = places.nearest(dict(lines), problem.key)
    return Problem(problem.key, problem.message, problem.mend, line)


class _Builder:
    """Turns TOML's tables into sections, and collects what is wrong on the way."""

    def __init__(self, lines: dict[places.Path, int]) -> None:
        self.problems: list[Problem] = []
        self._lines = lines

    def section(self, kind: type[S], table: Any, path: places.Path) -> S | None:
        """Return the section, or None after noting why there cannot be one."""
        if not isinstance(table, dict):
            mend = f"write it as a table: [{_header(path)}]"
            self.note(path, f"must be a table, not {_show(table)}", mend)
            return None
        known = {field.name: field for field in describe.fields(kind)}
        before = len(self.problems)
        for key in table:
            if key not in known:
                self.note((*path, key), *_unknown(key, kind, path))
        values: dict[str, Any] = {}
        for name, field in known.items():
            if name in table:
                values[name] = self.value(field, table[name], (*path, name))
            elif field.required:
                mend = f"add: {name} = …"
                self.note(path, f"has no {name!r}, which it needs", mend)
        return kind(**values) if len(self.problems) == before else None

    def value(self, field: describe.Field, value: Any, path: places.Path) -> Any:
        """Return the value of a key, converted; None after noting why it cannot be."""
        if field.section is not None and not field.several:
            return self.section(field.section, value, path)
        if field.section is not None:
            if not isinstance(value, list):
                mend = f"write each as [[{_header(path)}]], with two brackets"
                self.note(path, "must be an array of tables", mend)
                return None
            found = [self.section(field.section, each, (*path, i)) for i, each in enumerate(value)]
            return tuple(found)
        held = describe.mapping_value(field.type)
        if held is not None and isinstance(value, dict):
            return {key: self.converted(held, value[key], (*path, key)) for key in value}
        mend = ""
        if not field.required and field.default is not None:
            mend = f"the default is {_show(field.default)}"
        return self.converted(field.type, value, path, mend=mend, secret=field.secret)

    def converted(
        self, kind: Any, value: Any, path: places.Path, *, mend: str = "", secret: bool = False
    ) -> Any:
        """Return a value as a type has it; None after noting that it is of another."""
        try:
            return msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError:
            shown = HIDDEN if secret else _show(value)
            if _has_dates(value):
                mend = "write days and times in quotation marks"
            self.note(path, f"must be {describe.words(kind)}, not {shown}", mend)
            return None

    def note(self, path: places.Path, message: str, mend: str) -> None:
        self.problems.append(Problem(path, message, mend, places.nearest(self._lines, path)))


def _unknown(key: str, kind: type[Section], path: places.Path) -> tuple[str, str]:
    """Return message and mend for a key that is none: the nearest right one, wherever it is."""
    names = [field.name for field in describe.fields(kind)]
    what = "table" if not path else "key"
    for table in describe.tables():  # a right table in the wrong place
        if table.name.rpartition(".")[2] == key:
            return f"there is no such {what} here", f"it is written {table.heading}"
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    if near:
        return f"there is no such {what}", f"did you mean {near[0]!r}?"
    for table in describe.tables():  # the right key in the wrong table
        if table.section is not kind and key in {f.name for f in describe.fields(table.section)}:
            return f"there is no such {what} here", f"it belongs under {table.heading}"
    return f"there is no such {what}", f"there are: {', '.join(names)}"


def _header(path: places.Path) -> str:
    """Return what stands in a table's header: `queue.ring`, whichever queue's it is."""
    return ".".join(part for part in path if isinstance(part, str))


def _has_dates(value: Any) -> bool:
    """Whether this is, or is a list with, one of the dates that TOML knows by itself."""
    found = value if isinstance(value, list) else [value]
    return any(isinstance(each, date | time) for each in found)


def _show(value: Any) -> str:
    """Return a value as TOML writes it, shortened."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = msgspec.json.encode(value).decode()
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(_show, value))}]"
    elif isinstance(value, dict):
        text = "a table" if value else "{}"
    else:
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _with_absolute_files(settings: Settings, base: Path) -> Settings:
    """Return the settings with every file name in them made absolute, seen from `base`."""

    def absolute(name: str) -> str:
        return str(base / Path(name).expanduser()) if name else ""

    replace = msgspec.structs.replace
    return replace(
        settings,
        sip=replace(
            settings.sip,
            certificate=absolute(settings.sip.certificate),
            private_key=absolute(settings.sip.private_key),
        ),
        recording=replace(settings.recording, folder=absolute(settings.recording.folder)),
        cti=replace(settings.cti, keys=absolute(settings.cti.keys)),
        queue=tuple(replace(queue, music=absolute(queue.music)) for queue in settings.queue),
        acd=replace(settings.acd, roster=absolute(settings.acd.roster)),
        host=replace(settings.host, book=absolute(settings.host.book)),
        route=tuple(replace(route, flow=absolute(route.flow)) for route in settings.route),
        service_flow=tuple(
            replace(each, flow=absolute(each.flow)) for each in settings.service_flow
        ),
    )
