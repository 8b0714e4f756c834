"""`--web` runs the same command without itself for each who opens the page."""

from __future__ import annotations

import shlex
import sys

import pytest

from ccd.errors import CcdError
from tui.shared.web import command, serve


@pytest.mark.parametrize(
    ("said", "run"),
    [
        (["agent", "li.na", "--web", "127.0.0.1:8000", "--lang", "zh"], ["agent", "li.na", "--lang", "zh"]),
        (["--connect", "tcp://h:1", "agent", "a", "--web=:80"], ["--connect", "tcp://h:1", "agent", "a"]),
    ],
)  # fmt: skip
def test_the_command_of_a_page(said: list[str], run: list[str]) -> None:
    assert shlex.split(command(said)) == [sys.executable, "-m", "ccd", *run]


@pytest.mark.parametrize("at", ["8000", "localhost", "localhost:http", ":8000"])
def test_an_address_that_is_none_is_refused(at: str) -> None:
    with pytest.raises(CcdError, match="HOST:PORT"):
        serve(at, [])
