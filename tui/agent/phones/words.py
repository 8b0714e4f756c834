"""The child's side of the talk that `child` describes: say a line, obey a line."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

Commands = Mapping[str, Callable[..., Any]]

_output = threading.Lock()


def say(**fields: Any) -> None:
    """One line up; from any thread."""
    line = json.dumps(fields) + "\n"
    with _output:
        sys.stdout.write(line)
        sys.stdout.flush()


def obey(
    commands: Commands, line: str | bytes, explain: Callable[[Exception], str] | None = None
) -> None:
    """Do what a line asks for, and answer it; `explain` puts an error into words."""
    command = json.loads(line)
    try:
        result = commands[command["op"]](**command["args"])
    except Exception as error:
        words = explain(error) if explain else f"{type(error).__name__}: {error}"
        say(id=command["id"], ok=False, error=words)
    else:
        say(id=command["id"], ok=True, result=result)
