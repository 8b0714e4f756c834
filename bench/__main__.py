"""`python -m bench [NAME…] [--json] [--list]`: measure the budgets of the design.

A figure that misses its budget is reported, not punished: the exit status is 0 unless
the question itself was wrong.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator

import msgspec

from bench import registry, report
from bench.result import Result


def measure(name: str, benchmark: registry.Benchmark | Exception) -> Iterator[Result]:
    """Yield a benchmark's results; one that fails yields a single result that says why."""
    try:
        if isinstance(benchmark, Exception):
            raise benchmark
        yield from benchmark()
    except Exception as error:
        traceback.print_exception(error, file=sys.stderr)
        last = str(error).strip().splitlines()
        note = f"{type(error).__name__}: {last[0] if last else ''}"
        yield Result(name=name, value=None, unit="", ok=False, note=note)


def choose(
    wanted: list[str], known: dict[str, registry.Benchmark | Exception]
) -> dict[str, registry.Benchmark | Exception]:
    """Return the benchmarks asked for, all where none is named; exit with 2 on an unknown name."""
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            sys.exit(
                usage_error(f"no benchmark is called {name!r}.{hint} They are: {', '.join(known)}")
            )
    return {name: known[name] for name in wanted} if wanted else known


def usage_error(text: str) -> int:
    """Say what was wrong with the question, return the exit status for it."""
    print(f"bench: {text}", file=sys.stderr)
    return 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure ccd's budgets.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="which ones; all where none is named"
    )
    parser.add_argument("--json", action="store_true", help="a list of objects instead of a table")
    parser.add_argument("--list", action="store_true", help="only say which there are")
    options = parser.parse_args()
    known = registry.find()
    chosen = choose(options.names, known)
    if options.list:
        print(json.dumps(list(chosen)) if options.json else "\n".join(chosen))
        return

    results: list[Result] = []
    for name, benchmark in chosen.items():
        begin = time.monotonic()
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        results += measure(name, benchmark)
        print(f"bench: {name} took {time.monotonic() - begin:.1f} s", file=sys.stderr, flush=True)

    if options.json:
        print(json.dumps(msgspec.to_builtins(results), indent=2, ensure_ascii=False))
        return
    console = report.console()
    console.print(report.table(results))
    console.print(
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.release()}",
        style="dim",
    )


if __name__ == "__main__":
    main()
