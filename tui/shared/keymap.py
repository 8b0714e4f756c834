"""Keys for actions, as the person at the keyboard wants them: a TOML file over the usual ones.

[keys]
answer = "space"
hang_up = "ctrl+x"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from ccd.errors import CcdError


class KeysError(CcdError):
    """A file of keys makes no sense; the message says where and how to mend it."""


def read(file: Path, usual: Mapping[str, str], fixed: Mapping[str, str]) -> dict[str, str]:
    """Return every action's key: the file's where it names one, else the `usual` one.

    `fixed` keys (by key: the action) cannot be given away. Raises KeysError: a file that cannot be
    read, an action that is not there, or two with one key.
    """
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise KeysError(f"{file}: {error}") from None
    keys = told.get("keys", {})
    if set(told) - {"keys"} or not isinstance(keys, dict):
        raise KeysError(f'{file}: it has one table, [keys], with lines such as answer = "space"')
    for action, key in keys.items():
        if action not in usual:
            there_are = ", ".join(sorted(usual))
            raise KeysError(f"{file}: there is no action {action!r}; there are: {there_are}")
        if not isinstance(key, str) or not key:
            raise KeysError(f'{file}: {action}: a key is a text such as "space" or "ctrl+x"')
    return _without_clash(file, {**usual, **keys}, keys, fixed)


def _without_clash(
    file: Path, keys: dict[str, str], wanted: Mapping[str, str], fixed: Mapping[str, str]
) -> dict[str, str]:
    by_key: dict[str, str] = dict(fixed)
    # Those that the file names come first: where it takes a usual key away, that one is told.
    for action in (*wanted, *(name for name in keys if name not in wanted)):
        key = keys[action]
        other = by_key.setdefault(key, action)
        if other != action:
            raise KeysError(
                f"{file}: {key!r} is the key of {other!r} and of {action!r}; give one another"
            )
    return keys
