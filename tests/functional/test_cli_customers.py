"""`ccd customers`, as one types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ccd.cli import app
from ccd.customers.directory import Directory
from ccd.errors import CcdError

GOOD = "id,name,class,numbers,accounts\nC1,王芳,vip,13800138001,A1\nC2,李伟,,13800138002;02158781234,\n"


class Line:
    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.folder = folder

    def __call__(self, *args: str, code: int = 0, typed: str | None = None) -> Any:
        found = CliRunner().invoke(
            app, ["customers", *args, "--state", str(self.state)], input=typed
        )
        if isinstance(found.exception, CcdError):
            raise found.exception
        assert found.exit_code == code, found.output
        return found

    def file(self, text: str) -> str:
        path = self.folder / "customers.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.delenv("CCD_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    return Line(tmp_path)


def test_from_the_file_to_the_page_and_back(line: Line) -> None:
    assert "2 added" in line("import", line.file(GOOD)).stdout
    assert "C2" in line("find", "021-58781234").stdout
    assert json.loads(line("find", "王", "--json").stdout)[0]["id"] == "C1"
    assert "No such customer" in line("find", "nobody", code=1).stdout
    line("note", "C1", "likes tea")
    page = json.loads(line("show", "C1", "--json").stdout)
    assert page["customer"]["customer_class"] == "vip"
    assert [note["text"] for note in page["notes"]] == ["likes tea"]
    assert "likes tea" in line("show", "C1").stdout
    exported = line("export").stdout
    line("remove", "C1", "--yes")
    again = line("import", line.file(exported))
    assert "1 added, 0 changed, 1 as they were" in again.stdout
    assert [row["id"] for row in json.loads(line("export", "--json").stdout)] == ["C1", "C2"]


def test_a_running_reader_sees_an_import_at_once(line: Line) -> None:
    directory = Directory(path=line.state / "customers.sqlite")
    assert directory.find("13800138001").matches == 0
    line("import", line.file(GOOD))
    assert directory.find("13800138001").matches == 1
    line("remove", "C1", "--yes")
    assert directory.find("13800138001").matches == 0
    assert directory.failures == 0
    directory.close()


def test_check_writes_nothing(line: Line) -> None:
    assert "Nothing was written" in line("import", line.file(GOOD), "--check").stdout
    line("find", "王", code=1)


def test_wrong_lines_are_named_and_nothing_comes_in(line: Line) -> None:
    found = line("import", line.file(GOOD + "C3,x,,12,\n,y,,,\n"), code=1)
    assert "line 4, numbers: '12' is no telephone number" in found.stderr
    assert "line 5, id: is empty" in found.stderr
    assert "Nothing was imported: 2 problems." in found.stdout
    report = json.loads(line("import", line.file(GOOD + ",y,,,\n"), "--json", code=1).stdout)
    assert [(each["line"], each["column"]) for each in report["problems"]] == [(4, "id")]


def test_removing_asks_first(line: Line) -> None:
    line("import", line.file(GOOD))
    line("remove", "C1", code=1, typed="n\n")
    line("import", line.file("id\nC1\n"), "--replace", code=1, typed="n\n")
    assert len(json.loads(line("export", "--json").stdout)) == 2
    line("import", line.file("id\nC1\n"), "--replace", typed="y\n")
    assert len(json.loads(line("export", "--json").stdout)) == 1


@pytest.mark.parametrize("args", [("show", "C9"), ("remove", "C9"), ("note", "C9", "x")])
def test_nobody_has_that_id(line: Line, args: tuple[str, ...]) -> None:
    line("import", line.file(GOOD))
    with pytest.raises(CcdError, match="no customer 'C9'"):
        line(*args)


def test_files_that_are_not_there(line: Line) -> None:
    with pytest.raises(CcdError, match="no-such-file"):
        line("import", "no-such-file.csv")
    with pytest.raises(CcdError, match="no customers"):
        line("export")
