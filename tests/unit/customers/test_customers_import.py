"""A file of customers comes in whole or not at all, and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccd.customers.csv_file import CsvError, LineProblem, encoding_of
from ccd.customers.directory import Directory
from ccd.customers.importing import Import, Report
from ccd.customers.numbers import Numbering
from ccd.store import customer_schema, customers
from ccd.store.customers import Note

HEADER = "id,name,class,adviser,language,numbers,accounts,lines\n"


def run(tmp_path: Path, text: str | bytes, *, replace: bool = False, check: bool = False) -> Report:
    file = tmp_path / "customers.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    work = Import(tmp_path / "customers.sqlite")
    try:
        report = work.read(file, Numbering(), replace=replace)
        if report.outcome is not None and not check:
            report = work.apply(report, replace=replace)
    finally:
        work.close()
    return report


def everybody(tmp_path: Path) -> dict[str, customers.CustomerRow]:
    db = customer_schema.open_for_reading(tmp_path / "customers.sqlite")
    try:
        return {row.id: row for row in customers.every(db)}
    finally:
        db.close()


def test_all_that_a_line_can_say(tmp_path: Path) -> None:
    report = run(tmp_path, HEADER + 'C1,王芳,vip,bert,zh,"13800138000;021-58781234",A1|A2,95500\n')
    assert report.done
    (row,) = everybody(tmp_path).values()
    assert row == customers.CustomerRow(
        id="C1",
        name="王芳",
        customer_class="vip",
        adviser="bert",
        language="zh",
        numbers=("+8613800138000", "+862158781234"),
        accounts=("A1", "A2"),
        lines=("95500",),
    )


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("gbk", "gb18030"),
        ("gb18030", "gb18030"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_what_spreadsheets_save(tmp_path: Path, encoding: str, found: str, delimiter: str) -> None:
    lines = [["客户号", "姓名", "电话1", "电话2"], ["C1", "王芳", "13800138000", "02158781234"]]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    run(tmp_path, text.encode(encoding))
    assert encoding_of(tmp_path / "customers.csv") == found
    (row,) = everybody(tmp_path).values()
    assert (row.name, row.numbers) == ("王芳", ("+8613800138000", "+862158781234"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (",x,,,,,,\n", "line 2, id: is empty"),
        ("C1,x,,,,12,,\n", "line 2, numbers: '12' is no telephone number"),
        ("C1,x,,,,abc,,\n", "line 2, numbers: 'abc' is no telephone number"),
        ("C1,x,,,fr,,,\n", "line 2, language: 'fr' is not spoken here"),
        ("C1,x\n", "line 2: has 2 values, the header 8"),
        ("C1,,,,,,,\nC2,,,,,,,\nC1,,,,,,,\n", "line 4, id: 'C1' is in line 2 already"),
        ('C1,"two\nlines",,,,,,\n', "line 2, name: 'two\\nlines' has control characters"),
        ('C1,"a\nb",,,,13800138000,,\n,y,,,,,,\n', "line 4, id: is empty"),
        (f"C1,{'x' * 201},,,,,,\n", "line 2, name: has 201 characters"),
        ('C1,"x"y,,,,,,\n', "line 2: is no CSV"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_nothing_comes_in(
    tmp_path: Path, lines: str, problem: str
) -> None:
    report = run(tmp_path, HEADER + lines + "C9,fine,,,,,,\n")
    assert any(str(each).startswith(problem) for each in report.problems)
    assert all(each.mend for each in report.problems)
    assert report.outcome is None
    assert everybody(tmp_path) == {}


def test_every_wrong_line_is_told(tmp_path: Path) -> None:
    report = run(tmp_path, HEADER + "".join(f"C{n},,,,xx,1,,\n" for n in range(50)))
    assert {each.line for each in report.problems} == set(range(2, 52))
    assert all(isinstance(each, LineProblem) for each in report.problems)
    assert len(report.problems) == 100


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no column id"),
        (b"name\nx\n", "no column id"),
        (b"id,shoe size\n", "no column 'shoe size'"),
        (b"id,name,name\n", "name is there twice"),
        ("id\n".encode("utf-16"), "UTF-16"),
        (b"id,name\nC1,\xff\xff\n", "in line 2"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: bytes, reason: str) -> None:
    with pytest.raises(CsvError, match=reason):
        run(tmp_path, text)


def test_again_only_what_differs(tmp_path: Path) -> None:
    lines = ["C1,a,,,,13800138001,,\n", "C2,b,,,,13800138002;13800138003,,\n", "C3,c,,,,,,\n"]
    first = run(tmp_path, HEADER + "".join(lines))
    assert first.outcome is not None
    assert (first.outcome.added, first.outcome.changed) == (3, 0)
    again = run(tmp_path, HEADER + "".join(lines))
    assert again.outcome is not None
    assert (again.outcome.added, again.outcome.changed, again.outcome.unchanged) == (0, 0, 3)
    lines[1] = "C2,b,,,,13800138003,,\n"
    lines[2] = "C3,new name,,,,,,\n"
    third = run(tmp_path, HEADER + "".join(lines))
    assert third.outcome is not None
    assert (third.outcome.changed, third.outcome.unchanged) == (2, 1)
    found = everybody(tmp_path)
    assert found["C2"].numbers == ("+8613800138003",)
    assert found["C3"].name == "new name"


def test_columns_that_are_not_there_stay_as_they_were(tmp_path: Path) -> None:
    run(tmp_path, HEADER + "C1,a,vip,,,13800138001,A1,\n")
    run(tmp_path, "id,name\nC1,b\n")
    row = everybody(tmp_path)["C1"]
    assert (row.name, row.customer_class, row.numbers) == ("b", "vip", ("+8613800138001",))


def test_replace_removes_who_is_not_there_with_his_notes(tmp_path: Path) -> None:
    run(tmp_path, HEADER + "C1,a,,,,,,\nC2,b,,,,13800138001,,\n")
    db = customer_schema.open_for_writing(tmp_path / "customers.sqlite")
    assert customers.add_note(db, "C1", Note(at=1.0, author="x", text="stays"))
    assert customers.add_note(db, "C2", Note(at=1.0, author="x", text="goes"))
    db.close()
    checked = run(tmp_path, HEADER + "C1,a,,,,,,\n", replace=True, check=True)
    assert checked.outcome is not None
    assert (checked.outcome.removed, checked.outcome.notes_removed) == (1, 1)
    assert set(everybody(tmp_path)) == {"C1", "C2"}
    run(tmp_path, HEADER + "C1,a,,,,,,\n", replace=True)
    assert set(everybody(tmp_path)) == {"C1"}
    db = customer_schema.open_for_reading(tmp_path / "customers.sqlite")
    assert [note.text for note in customers.notes(db, "C1")] == ["stays"]
    assert db.execute("select count(*) from numbers").fetchone() == (0,)
    db.close()


def test_a_reader_sees_the_import_at_once_and_never_half_of_it(tmp_path: Path) -> None:
    run(tmp_path, HEADER + "C1,old,,,,13800138001,,\n")
    directory = Directory(path=tmp_path / "customers.sqlite")
    seen: set[tuple[str, int]] = set()

    def look() -> None:
        one, other = directory.find("13800138001"), directory.find("13800138002")
        assert one.customer is not None
        seen.add((one.customer.name, other.matches))

    look()
    file = tmp_path / "more.csv"
    many = "".join(f"N{n},x,,,,,,\n" for n in range(20_000))
    file.write_text(HEADER + "C1,new,,,,13800138001,,\nC2,b,,,,13800138002,,\n" + many)
    work = Import(tmp_path / "customers.sqlite")
    report = work.read(file, Numbering(), progress=lambda _bytes: look())
    look()
    assert seen == {("old", 0)}
    # Called by SQLite every 20,000 instructions of the one transaction.
    work._db.set_progress_handler(look, 20_000)
    work.apply(report)
    work._db.set_progress_handler(None, 0)
    work.close()
    assert seen == {("old", 0)}
    look()
    assert seen == {("old", 0), ("new", 1)}
    assert directory.failures == 0
    directory.close()


def test_an_import_that_fails_on_its_way_leaves_everything_as_it_was(tmp_path: Path) -> None:
    run(tmp_path, HEADER + "C1,old,,,,13800138001,,\n")
    file = tmp_path / "more.csv"
    file.write_text(HEADER + "C1,new,,,,13800138009,,\nC2,b,,,,,,\n")
    work = Import(tmp_path / "customers.sqlite")
    report = work.read(file, Numbering())
    work._db.execute("drop table temp.staged_lines")
    with pytest.raises(Exception, match="staged_lines"):
        work.apply(report)
    work.close()
    assert {row.name for row in everybody(tmp_path).values()} == {"old"}
