"""`ccd customers import` and `export`: the whole store, as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.commands.options import Config, Json, State

if TYPE_CHECKING:
    from ccd.config import Settings
    from ccd.customers.importing import Import, Report

IMPORT_EPILOG = """\
[bold]Examples[/]

  ccd customers import customers.csv --check     what is wrong with it, and what it would do

  ccd customers import customers.csv             customers of a known id are updated

  ccd customers import customers.csv --replace   and who is not in it is removed
"""

EXPORT_EPILOG = """\
[bold]Examples[/]

  ccd customers export customers.csv

  ccd customers export --json | jq -r '.[] | select(.adviser == "li.na") | .id'
"""

SHOWN = 100
"""Problems that are listed for people; --json has them all."""


def import_csv(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with a header, UTF-8 or GB18030.")
    ],
    check: Annotated[bool, typer.Option("--check", help="Only say what would be done.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove every customer who is not in the file.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before removing.")] = False,
    json: Json = False,
    state: State = None,
    config: Config = None,
) -> None:
    """Import customers, all of them or, where a line is wrong, none. The header names the columns:
    id, name, class, adviser, language, numbers, accounts, lines.

    A running daemon knows them at once. The exit status is 1 where something is wrong.
    """
    from ccd.commands.output import print_json
    from ccd.customers.importing import Import
    from ccd.customers.numbers import Numbering
    from ccd.errors import CcdError
    from ccd.paths import state_paths

    settings = settings_of(state, config)
    numbering = Numbering(settings.directory.region, settings.directory.area_code)
    path = state_paths(state).customers
    try:
        size = file.stat().st_size
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CcdError(f"{error.filename}: {error.strerror}") from None
    work = Import(path)
    try:
        report = _read(work, file, numbering, replace, size, quiet=json)
        if report.outcome is not None and not check:
            _confirm(report, yes)
            report = work.apply(report, replace=replace)
    finally:
        work.close()
    if json:
        print_json(report)
    else:
        _tell(report, settings)
    if report.outcome is None:
        raise typer.Exit(1)


def _read(
    work: Import, file: Path, numbering: Any, replace: bool, size: int, *, quiet: bool
) -> Report:
    from rich.console import Console
    from rich.progress import Progress

    # On standard error, and only where somebody watches: standard output is for what came of it.
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as progress:
        bar = progress.add_task(f"reading {file.name}", total=size)
        return work.read(
            file,
            numbering,
            replace=replace,
            progress=lambda done: progress.update(bar, completed=min(done, size)),
        )


def _confirm(report: Report, yes: bool) -> None:
    assert report.outcome is not None
    gone = report.outcome.removed
    if gone and not yes:
        notes = report.outcome.notes_removed
        typer.confirm(f"Remove {gone:,} customers, with {notes:,} notes?", abort=True, err=True)


def _tell(report: Report, settings: Settings) -> None:
    from ccd.commands.output import warn

    if report.outcome is None:
        for problem in report.problems[:SHOWN]:
            warn(str(problem))
        hidden = len(report.problems) - SHOWN + report.more_problems
        if hidden > 0:
            warn(f"and {hidden:,} more (--json lists them)")
        typer.echo(
            f"Nothing was imported: {len(report.problems) + report.more_problems:,} problems."
        )
        return
    classes = {each.name for each in settings.customer_class}
    agents = {each.name for each in settings.agent}
    for name, count in report.classes.items():
        if name not in classes:
            warn(f"class {name!r} ({count:,} customers) has no [[customer_class]]: no head start")
    unknown = sorted(set(report.advisers) - agents)
    if unknown:
        warn(f"advisers who are no [[agent]]: {', '.join(unknown[:10])}")
    done = report.outcome
    parts = f"{done.added:,} added, {done.changed:,} changed, {done.unchanged:,} as they were"
    parts += f", {done.removed:,} removed" if done.removed else ""
    typer.echo(
        f"{report.rows:,} customers: {parts}.{'' if report.done else ' Nothing was written.'}"
    )


def export_csv(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to; standard output if not given.")
    ] = None,
    json: Json = False,
    state: State = None,
) -> None:
    """Export all customers, as `import` reads them (numbers in their one form), without notes."""
    import csv
    import sys

    import msgspec

    from ccd.customers.csv_file import BETWEEN, COLUMNS
    from ccd.errors import CcdError
    from ccd.paths import state_paths
    from ccd.store import customer_schema, customers

    db = customer_schema.open_for_reading(state_paths(state).customers)
    try:
        output = file.open("w", encoding="utf-8-sig", newline="") if file else sys.stdout
        try:
            if json:
                mark = "["
                for row in customers.every(db):
                    output.write(mark + "\n" + msgspec.json.encode(row).decode())
                    mark = ","
                output.write("[]\n" if mark == "[" else "\n]\n")
                return
            writer = csv.writer(output)
            writer.writerow(COLUMNS)
            for row in customers.every(db):
                several = (row.numbers, row.accounts, row.lines)
                single = (row.id, row.name, row.customer_class, row.adviser, row.language)
                writer.writerow([*single, *(BETWEEN[0].join(values) for values in several)])
        finally:
            if file:
                output.close()
    except OSError as error:
        raise CcdError(f"{error.filename}: {error.strerror}") from None
    finally:
        db.close()


def settings_of(state: Any, config: Any) -> Settings:
    """Return the settings where there is a file of them, else the defaults."""
    from ccd.config import Settings
    from ccd.paths import settings_path, state_paths
    from ccd.settings.load import load

    path = settings_path(config, state_paths(state))
    return Settings() if path is None else load(path)
