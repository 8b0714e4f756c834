"""How a day's figures are shown: a table by queue, a chart by half-hour, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ccd.acd.simulation.report import Figures, Report

BAR = 18
"""Characters of the chart's longest bar."""


def percent(share: float | None) -> str:
    """Return a share as people say it: `83.4 %`."""
    return "" if share is None else f"{share * 100:.1f} %"


def time_of_day(seconds: float) -> str:
    """Return seconds since midnight as `09:30`; of a later day, with `+1`."""
    days, rest = divmod(int(seconds), 86400)
    text = f"{rest // 3600:02}:{rest // 60 % 60:02}"
    return f"{text} +{days}" if days else text


def call_table(queues: Mapping[str, Figures], total: Figures) -> Table:
    """Return what became of the calls: one line a queue, and one for all."""
    from ccd.commands.output import plain_table

    columns = ("offered", "answered", "abandoned", "", "most waiting", "redials", "customers")
    table = plain_table("queue", *columns, right=columns)
    for name, figures in _lines(queues, total):
        table.add_row(
            name,
            f"{figures.offered:,}",
            f"{figures.answered:,}",
            f"{figures.abandoned:,}",
            percent(figures.abandonment),
            f"{figures.longest_queue:,}",
            f"{figures.redials:,}",
            f"{figures.customers:,}",
        )
    return table


def wait_table(
    queues: Mapping[str, Figures], total: Figures, targets: Mapping[str, float]
) -> Table:
    """Return how they waited, likewise; `targets` are the service levels' times by queue."""
    from ccd.commands.output import plain_table, seconds

    columns = ("target", "in time", "w/o short", "ASA", "P50", "P90", "longest", "talk")
    table = plain_table("queue", *columns, right=columns)
    for (name, figures), target in zip(
        _lines(queues, total), [*(f"{targets[name]:g} s" for name in queues), ""], strict=False
    ):
        table.add_row(
            name,
            target,
            percent(figures.service_level),
            percent(figures.service_level_without_short),
            seconds(figures.asa_s),
            seconds(figures.p50_s),
            seconds(figures.p90_s),
            seconds(figures.longest_s),
            seconds(figures.handle_s),
        )
    return table


def _lines(queues: Mapping[str, Figures], total: Figures) -> list[tuple[str, Figures]]:
    """Return each queue's name, for rich, and figures; those of all where there are several."""
    from rich.markup import escape

    lines = [(escape(name), figures) for name, figures in queues.items()]
    return [*lines, ("[bold]all[/]", total)] if len(lines) > 1 else lines


def day_chart(report: Report) -> Table:
    """Return one line a half-hour: a bar of the calls offered, and how they fared."""
    from ccd.commands.output import plain_table, seconds

    columns = ("offered", "in time", "ASA", "waiting", "agents", "occupancy")
    table = plain_table("from", "█ answered ░ not", *columns, right=columns)
    most = max((interval.figures.offered for interval in report.intervals), default=1)
    for interval in report.intervals:
        figures = interval.figures
        answered = round(figures.answered / most * BAR)
        rest = round(figures.offered / most * BAR) - answered
        table.add_row(
            time_of_day(interval.begins_s),
            f"[green]{'█' * answered}[/][red]{'░' * rest}[/]",
            f"{figures.offered:,}",
            percent(figures.service_level),
            seconds(figures.asa_s),
            f"{figures.longest_queue:,}",
            "" if interval.agents is None else f"{interval.agents:,.1f}",
            percent(interval.occupancy),
        )
    return table


def agents_line(report: Report) -> str:
    """Return a sentence about the agents' work."""
    spread = report.utilisation
    if spread is None:
        return "Nobody was at work."
    unanswered = f", {report.unanswered:,} not answered" if report.unanswered else ""
    return (
        f"{spread.agents:,} agents, occupancy {percent(report.occupancy)}; by agent from "
        f"{percent(spread.lowest)} to {percent(spread.highest)}, one in ten below "
        f"{percent(spread.p10)}, half below {percent(spread.p50)}, nine in ten below "
        f"{percent(spread.p90)}. {report.offers:,} rings{unanswered}."
    )


def definitions(report: Report) -> str:
    """Return what the columns mean."""
    return (
        "in time: answered within the queue's target / offered; w/o short: the same without "
        f"who hung up within {report.short_abandon_s:g} s; ASA, P50, P90: waits of the answered "
        "until an agent spoke; occupancy: ringing, talk and wrap-up / those and ready."
    )


def as_csv(report: Report) -> str:
    """Return one line a half-hour, with every figure by its name in ccd.acd.simulation.report."""
    from ccd.acd.simulation.report import Figures

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = Figures.__struct_fields__
    writer.writerow(["begins", *names, "agents", "occupancy"])
    for interval in report.intervals:
        values = [getattr(interval.figures, name) for name in names]
        row = [*values, interval.agents, interval.occupancy]
        writer.writerow([time_of_day(interval.begins_s), *map(_cell, row)])
    return out.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def day(report: Report, targets: Mapping[str, float], title: str) -> RenderableType:
    """Return everything about one day."""
    from rich.console import Group
    from rich.markup import escape

    return Group(
        f"[bold]{escape(title)}[/]",
        "",
        call_table(report.queues, report.total),
        "",
        wait_table(report.queues, report.total, targets),
        "",
        day_chart(report),
        "",
        agents_line(report),
        f"[dim]{definitions(report)}[/]",
    )
