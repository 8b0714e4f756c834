"""`python -m bench`: finds, measures, reports, and survives a benchmark that fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import registry, report
from bench.__main__ import measure
from bench.result import Result, at_least, at_most, figure

ROOT = Path(__file__).parents[3]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )


def test_every_benchmark_can_be_read() -> None:
    found = registry.find()
    assert "store" in found
    for name, benchmark in found.items():
        assert callable(benchmark), f"{name}: {benchmark!r}"


def test_the_list_names_them() -> None:
    assert bench("--list").stdout.split() == list(registry.find())
    assert json.loads(bench("--list", "--json").stdout) == list(registry.find())


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    done = bench("stor")
    assert (done.returncode, "Did you mean store?" in done.stderr) == (2, True)


def test_results_are_json_with_the_agreed_keys() -> None:
    done = bench("--json", "store")
    assert done.returncode == 0
    results = json.loads(done.stdout)
    assert [set(result) for result in results] == [
        {"name", "value", "unit", "budget", "ok", "note"}
    ] * len(results)
    by_name = {result["name"]: result for result in results}
    assert by_name["journal_lost"]["value"] == 0
    assert by_name["journal_append_us"]["ok"] is (by_name["journal_append_us"]["value"] <= 5.0)


def test_one_that_fails_becomes_a_result_that_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> list[Result]:
        raise RuntimeError("no SIPp here")

    (result,) = measure("broken", broken)
    assert (result.name, result.value, result.ok) == ("broken", None, False)
    assert result.note == "RuntimeError: no SIPp here"
    assert "Traceback" in capsys.readouterr().err


def test_a_budget_is_met_on_its_edge() -> None:
    assert at_most("x", 2.0, "ms", 2.0).ok
    assert not at_most("x", 2.1, "ms", 2.0).ok
    assert at_least("x", 300, "1/s", 300).ok
    assert not at_least("x", 299, "1/s", 300).ok
    assert figure("x", 1, "ms").ok is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (0.0, "0"), (1234567, "1,234,567"), (0.1234, "0.123"), (123.45, "123.5")],
)
def test_figures_have_as_many_digits_as_mean_something(value: float | None, shown: str) -> None:
    assert report.number(value) == shown
