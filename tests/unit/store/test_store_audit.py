"""Audit lines: written with the events, found by auditors, deleted in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ccd.store.audit import LONGEST_ARGS, AuditLine, audit_lines
from ccd.store.database import open_for_writing, open_read_only
from ccd.store.journal import Writer
from ccd.store.retention import Sweeper


def line(at: float, op: str = "ready", outcome: str = "ok", **more: Any) -> AuditLine:
    return AuditLine(
        **{
            "at": at, "session": 1, "client": "phone 1", "agents": ("anna",), "op": op,
            "args": {"agent": "anna"}, "outcome": outcome, **more,
        }
    )  # fmt: skip


def written(path: Path, *lines: AuditLine) -> None:
    writer = Writer(path, 1)
    for each in lines:
        writer.append_audit(each)
    assert writer.close() == 0


def test_lines_come_back_as_they_were_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "ccd.sqlite"
    first, second = line(1.0, key="wall", user="chief", roles=("admin",)), line(2.0)
    written(path, first, second)
    db = open_read_only(path)
    assert audit_lines(db) == [second, first]
    assert audit_lines(db, limit=1) == [second]
    db.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"who": "chief"}, [4.0, 3.0]),
        ({"who": "anna"}, [1.0]),
        ({"who": "wall"}, [3.0]),
        ({"who": "phone 1"}, [4.0, 3.0, 2.0, 1.0]),
        ({"who": "bert"}, [2.0]),
        ({"who": "nobody"}, []),
        ({"op": "reload"}, [3.0]),
        ({"outcome": "refused"}, [4.0, 3.0]),
        ({"outcome": "forbidden"}, [3.0]),
        ({"since": 2.0, "outcome": "ok"}, [2.0]),
    ],
)
def test_an_auditor_finds_them(tmp_path: Path, wanted: dict[str, Any], found: list[float]) -> None:
    path = tmp_path / "ccd.sqlite"
    written(
        path,
        line(1.0),
        line(2.0, agents=(), args={"agent": "bert"}),
        line(3.0, "reload", "forbidden", agents=(), args={}, key="wall", user="chief"),
        line(4.0, "authenticate", "locked", agents=(), args={"user": "chief"}),
    )
    db = open_read_only(path)
    assert [each.at for each in audit_lines(db, **wanted)] == found
    db.close()


@pytest.mark.parametrize(
    "args", [{"x": object()}, {"x": "y" * 100_000}, {"x": {b"\xff": 1}}, {"x": float("nan")}]
)
def test_whatever_a_stranger_sent_is_written_and_bounded(
    tmp_path: Path, args: dict[str, Any]
) -> None:
    path = tmp_path / "ccd.sqlite"
    written(path, line(1.0, args=args))
    db = open_read_only(path)
    (found,) = audit_lines(db)
    assert len(repr(found.args)) < 2 * LONGEST_ARGS
    db.close()


def test_old_lines_are_swept(tmp_path: Path) -> None:
    path = tmp_path / "ccd.sqlite"
    written(path, line(1.0), line(100.0))
    db = open_for_writing(path)
    Sweeper(db, None, lambda: 110.0, keep_audit_s=50.0).step()
    assert [each.at for each in audit_lines(db)] == [100.0]
    db.close()
