"""One thing to say on the telephone, as a value: words, language, and its name in a studio."""

from __future__ import annotations

from typing import NamedTuple


class Prompt(NamedTuple):
    """One thing to say; `key` is its name in a studio's folder, if it has one."""

    text: str
    lang: str
    key: str = ""
