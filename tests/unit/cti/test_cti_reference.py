"""docs/cti.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccd.cti.catalogue import CATALOGUE, AgentView
from ccd.cti.reference import documented, reference, renewed
from ccd.cti.wire import ErrorCode

PAGE = Path(__file__).parents[3] / "docs" / "cti.md"


def test_the_page_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run: make docs"


def test_every_operation_argument_and_error_is_on_it() -> None:
    text = reference()
    for spec in CATALOGUE.values():
        assert f"#### `{spec.name}`" in text
        assert all(f"| `{field}` |" in text for field in spec.args.__struct_fields__)
    assert all(f"| `{code.value}` |" in text for code in ErrorCode)


def test_every_error_code_is_explained() -> None:
    assert documented(ErrorCode).keys() == {code.name for code in ErrorCode}


def test_texts_belong_to_the_field_above_them() -> None:
    assert documented(AgentView) == {
        "pending": "`log_off` or `not_ready`, which follows the present call.",
        "since": "When this state began, seconds since the epoch.",
        "nailed_up": "His phone is called and kept: calls are put through to it.",
    }


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks"):
        renewed("# The CTI\n")
