"""The demo's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.trunk_sim.options import DemoOptions, parse


def test_defaults() -> None:
    assert parse([]) == DemoOptions()
    assert parse([]).calls == 60


def test_duration_alone_leaves_the_number_of_calls_open() -> None:
    options = parse(["--duration", "30"])
    assert (options.calls, options.duration) == (None, 30.0)
    both = parse(["--duration", "30", "--calls", "5"])
    assert (both.calls, both.duration) == (5, 30.0)


def test_everything(tmp_path: Path) -> None:
    options = parse(
        f"--calls 5 --rate 2.5 --robots 3 --talk 6 --seed 9 --json --plain "
        f"--keep-state --state {tmp_path} --mute robot1 --mute robot2".split()
    )
    assert options == DemoOptions(
        calls=5,
        rate=2.5,
        robots=3,
        talk=6.0,
        seed=9,
        json=True,
        plain=True,
        keep_state=True,
        state=tmp_path,
        mute=("robot1", "robot2"),
    )


@pytest.mark.parametrize("wrong", ["--calls 0", "--rate 0", "--rate inf", "--robots -1", "--bogus"])
def test_wrong_options_end_with_status_2(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong.split())
    assert ended.value.code == 2
    assert "usage: ccd demo" in capsys.readouterr().err
