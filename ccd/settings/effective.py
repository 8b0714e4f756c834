"""The settings that apply, value by value, with where each comes from and secrets hidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ccd.config import Section, Settings
from ccd.settings import describe, places
from ccd.settings.load import HIDDEN, Loaded
from ccd.settings.problems import spell

DEFAULT = "default"


@dataclass(frozen=True)
class Value:
    """One key with its value and origin: `default`, or `FILE:LINE`."""

    key: places.Path
    value: Any
    origin: str

    @property
    def name(self) -> str:
        """The key as people write it: `sip.domain`, `phone[1].name`."""
        return spell(self.key)


def values(settings: Settings, loaded: Loaded | None = None) -> Iterator[Value]:
    """Yield every value of the settings; `loaded` is what they were read as, if they were."""
    yield from _section(settings, (), loaded)


def _section(section: Section, path: places.Path, loaded: Loaded | None) -> Iterator[Value]:
    """Yield the values of a section, then those of the tables in it."""
    for field in describe.keys(type(section)):
        key = (*path, field.name)
        value = getattr(section, field.name)
        origin = DEFAULT
        if loaded is not None and key in loaded.lines:
            origin = f"{loaded.file}:{loaded.lines[key]}"
        elif field.required or value != field.default:
            origin = "built in"  # the demo's own settings
        yield Value(key, HIDDEN if field.secret and value else value, origin)
    for field in describe.fields(type(section)):
        if field.section is None:
            continue
        content, key = getattr(section, field.name), (*path, field.name)
        if not field.several:
            yield from _section(content, key, loaded)
            continue
        for index, element in enumerate(content):
            yield from _section(element, (*key, index), loaded)
