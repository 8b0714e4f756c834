"""What people read, in their language: one key a phrase, a TOML file a language.

`{name}` in a phrase is filled in; a key that a language lacks is a fault that a test finds.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("en", "zh")
"""English and 简体中文."""


class Words:
    """The phrases of one language."""

    def __init__(self, language: str) -> None:
        """Raises ValueError for a language that is not there."""
        if language not in LANGUAGES:
            there_are = ", ".join(LANGUAGES)
            raise ValueError(f"there is no language {language!r}; there are: {there_are}")
        self.language = language
        self._phrases = _read(language)

    def __call__(self, key: str, /, **values: Any) -> str:
        """Return the phrase. Raises KeyError for one that is not there."""
        phrase = self._phrases[key]
        return phrase.format(**values) if values else phrase

    def known(self, key: str) -> str:
        """Return the phrase, or the last word of the key: for words that come from elsewhere."""
        return self._phrases.get(key, key.rpartition(".")[2])

    def __contains__(self, key: str) -> bool:
        return key in self._phrases

    def keys(self) -> frozenset[str]:
        """All keys."""
        return frozenset(self._phrases)

    @property
    def next(self) -> str:
        """The language after this one."""
        return LANGUAGES[(LANGUAGES.index(self.language) + 1) % len(LANGUAGES)]


@cache
def _read(language: str) -> dict[str, str]:
    file = resources.files(__name__).joinpath(f"{language}.toml")
    return dict(_flat(tomllib.loads(file.read_text(encoding="utf-8"))))


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}{key}"
        found += _flat(value, f"{name}.") if isinstance(value, dict) else [(name, value)]
    return found
