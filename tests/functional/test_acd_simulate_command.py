"""`ccd acd simulate`, as it is typed."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ccd.cli import app

SETTINGS = """\
[[skill]]
name = "en"
[[customer_class]]
name = "vip"
head_start_s = 60
[[queue]]
name = "orders"
[[queue]]
name = "info"
skills = { en = 2 }
[[phone]]
name = "p"
password = "a-long-password"
[[agent]]
name = "anna"
phone = "p"
queues = ["*"]
skills = { en = 4 }
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "ccd.toml"
    file.write_text(SETTINGS)
    return file


def simulate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["acd", "simulate", *map(str, arguments)])


def test_a_table_and_a_chart(settings: Path) -> None:
    done = simulate(settings, "--agents", "40", "--calls-a-day", "2000", "--class", "vip=0.1")
    assert done.exit_code == 0, done.output
    assert "40 agents, seed 1" in done.stdout
    bars = [line for line in done.stdout.splitlines() if line.startswith(("09:30", "12:00"))]
    assert bars[0].count("█") > 4 * bars[1].count("█") > 0
    for name in ("orders", "info", "all"):
        assert f"\n{name} " in done.stdout


def test_json_is_the_same_for_the_same_seed_and_scales(settings: Path) -> None:
    arguments = (settings, "--agents", "+30", "--calls-a-day", "500", "--redial", "0.5", "--json")
    first, again = simulate(*arguments, "--seed", "4"), simulate(*arguments, "--seed", "4")
    assert first.stdout == again.stdout
    found = json.loads(first.stdout)
    assert found["agents"] == 31
    total = found["report"]["total"]
    assert total["offered"] == total["answered"] + total["abandoned"] + total["waiting"]
    larger = json.loads(simulate(*arguments, "--scale", "4").stdout)["report"]["total"]
    assert larger["offered"] > 3 * total["offered"]


def test_csv_has_a_line_for_each_half_hour(settings: Path) -> None:
    done = simulate(settings, "--profile", "flat", "--calls-a-day", "800", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["begins"] for row in rows][:3] == ["09:00", "09:30", "10:00"]
    assert len(rows) == 16
    assert sum(int(row["offered"]) for row in rows) == pytest.approx(800, rel=0.15)


def test_a_file_of_calls(settings: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text(
        "time,queue,class,skills,handle_s,patience_s\n"
        "09:00:00,orders,,,60,inf\n"
        "09:00:10,orders,,,30,inf\n"
        "09:00:20,orders,vip,en:4,30,inf\n"
        "09:00:21,info,,en:5,30,20\n"  # more than anna can
    )
    done = simulate(settings, "--calls", calls, "--ring", "constant:2", "--json")
    total = json.loads(done.stdout)["report"]["total"]
    assert (total["offered"], total["answered"], total["abandoned"]) == (4, 3, 1)
    # 2; then the VIP: 62 + 2 - 20; then the other: 94 + 2 - 10.
    assert (total["p50_s"], total["p90_s"]) == (44.0, 86.0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--profile", "x"), "no profile 'x'; there are market-open, market-shock, flat"),
        (("--agents", "-2"), "cannot take 2 from 1 agents"),
        (("--handle", "long"), "is no distribution of times; write 180"),
        (("--patience", "weibull:0"), "is no distribution of times"),
        (("--mix", "x=1"), "'x' is not in the settings; there are orders, info"),
        (("--mix", "orders"), "write it as NAME=SHARE"),
        (("--mix", "orders=0"), "one weight at least must be above 0"),
        (("--class", "vip=1.5"), "more than 1 together"),
        (("--day", "2026-11-23"), "among the days of --calls"),
        (("--scale", "0"), "must be above 0"),
        (("--rona", "2"), "less than or equal to 1"),
        (("--redial", "nan"), "less than or equal to 1"),
    ],
)
def test_wrong_options_are_explained(arguments: tuple[str, ...], says: str, settings: Path) -> None:
    done = simulate(settings, *arguments)
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


def test_a_wrong_file_is_told_by_line_without_a_traceback(settings: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text("time,queue\n09:00,orders\n09:01,ordres\n")
    done = subprocess.run(
        [sys.executable, "-m", "ccd", "acd", "simulate", settings, "--calls", calls],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"ccd: {calls}:3: no queue 'ordres' in the settings; there are info, orders\n"
    )


def test_settings_that_are_wrong_are_told_by_line(settings: Path) -> None:
    settings.write_text(SETTINGS.replace("en = 4", "en = 40"))
    done = simulate(settings)
    assert done.exit_code == 1
    assert "ccd.toml: line 18" in str(done.exception)
