"""docs/ivr.md tells of every key and rule, and its example is a flow."""

from __future__ import annotations

import re
from pathlib import Path

from ccd.ivr import lint, reader
from ccd.ivr.flow import (
    CollectStep,
    Flow,
    HangUpStep,
    MenuStep,
    PlayStep,
    QueueStep,
    ReturnStep,
)
from ccd.ivr.reader import parse

PAGE = (Path(__file__).parents[3] / "docs" / "ivr.md").read_text(encoding="utf-8")


def test_the_example_is_a_spotless_flow() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    flow, warnings = parse(example[1], queues=["orders"])
    assert warnings == ()
    assert flow.start == "welcome"


def test_every_key_is_told_of() -> None:
    keys = set(Flow.__struct_fields__) - {"folder"}
    for step in (PlayStep, MenuStep, CollectStep, QueueStep, HangUpStep, ReturnStep):
        keys |= set(step.__struct_fields__)
        assert f"| `{step.__struct_config__.tag}` |" in PAGE
    assert [key for key in sorted(keys) if f"`{key}`" not in PAGE] == []


def test_every_rule_is_told_of() -> None:
    sources = [Path(module.__file__ or "").read_text() for module in (lint, reader)]
    rules = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', "".join(sources)))
    assert {"dead-end", "unknown-key", "not-a-key"} <= rules
    assert [rule for rule in sorted(rules) if f"`{rule}`" not in PAGE] == []
