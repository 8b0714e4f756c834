"""Which measurements there are: every module of this folder with a `run` or `BENCHMARKS`.

A benchmark is a function without arguments that returns a list of `Result`. A module
offers one as `run()`, known by the module's name, or several in a `BENCHMARKS` mapping
from name to function. A module whose name begins with `_` is not looked at.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.result import Result

Benchmark = Callable[[], Iterable[Result]]

MACHINERY = frozenset({"registry", "result", "report"})


def find() -> dict[str, Benchmark | Exception]:
    """Return every benchmark by name, sorted; an exception stands for a module that cannot be read."""
    found: dict[str, Benchmark | Exception] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if info.name.startswith("_") or info.name in MACHINERY:
            continue
        try:
            module = importlib.import_module(f"bench.{info.name}")
        except Exception as error:  # one that cannot be read must not hide the others
            found[info.name] = error
            continue
        several: dict[str, Benchmark] = getattr(module, "BENCHMARKS", {})
        found.update(several)
        if not several and callable(run := getattr(module, "run", None)):
            found[info.name] = run
    return dict(sorted(found.items()))
