"""Flows from YAML: what is read, and what is wrong with what cannot be."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import ccd.ivr
from ccd.ivr.flow import Choice, CollectStep, HangUpStep, MenuStep, QueueStep
from ccd.ivr.problems import FlowError, Problem, Severity
from ccd.ivr.reader import load, parse

GOOD = """\
version: 1
name: desk
language: en
start: welcome
fallback: person
steps:
  welcome:
    type: menu
    prompt: {say: {en: Press a key}}
    choices:
      1: account
      "#": {next: welcome, set: {language: zh}}
  account:
    type: collect
    prompt:
      - say: Your account
      - play: beep.wav
        say: {en: beep}
    into: account
    max_digits: 8
    next: bye
  person: {type: queue, queue: orders}
  bye: {type: hangup}
"""


def problems(text: str, **kwargs: object) -> list[Problem]:
    try:
        return list(parse(textwrap.dedent(text), **kwargs)[1])  # type: ignore[arg-type]
    except FlowError as error:
        return list(error.problems)


def good_but(old: str, new: str, **kwargs: object) -> Problem:
    """The one problem that a change to the good flow makes."""
    assert old in GOOD
    (problem,) = problems(GOOD.replace(old, new, 1), **kwargs)
    return problem


def test_a_good_flow_is_read_whole() -> None:
    flow, warnings = parse(GOOD)
    assert warnings == ()
    assert (flow.name, flow.start, flow.folder) == ("desk", "welcome", "")
    welcome, account = flow.steps["welcome"], flow.steps["account"]
    assert isinstance(welcome, MenuStep)
    assert welcome.choices == {"1": "account", "#": Choice(next="welcome", set={"language": "zh"})}
    assert isinstance(account, CollectStep)
    assert (account.max_digits, account.terminator, account.secret) == (8, "#", False)
    assert [prompt.play for prompt in account.prompt] == [{}, "beep.wav"]
    assert flow.steps["person"] == QueueStep(queue="orders")
    assert flow.steps["bye"] == HangUpStep()


@pytest.mark.parametrize(
    "path", sorted((Path(ccd.ivr.__file__).parent / "flows").glob("*.yaml")), ids=lambda p: p.name
)
def test_the_shipped_flows_are_spotless(path: Path) -> None:
    flow, warnings = load(path, queues=["orders"])
    assert warnings == ()
    assert flow.folder == str(path.parent)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "rule", "says"),
    [
        ("language:", "langauge:", 3, "langauge", "unknown-key", "did you mean 'language'?"),
        ("version: 1", "version: 2", 1, "version", "value", "must be 1, not '2'"),
        ("start: welcome\n", "", 1, "", "missing-key", "'start' is missing"),
        ("start: welcome", "start: welcom", 4, "start", "unknown-step", "did you mean 'welcome'?"),
        ("type: menu", "type: menue", 8, "steps.welcome.type", "unknown-type", "'menu'?"),
        ("    type: menu\n", "", 7, "steps.welcome", "type", "'type' is missing"),
        ("1: account", "1: acount", 11, "steps.welcome.choices.1", "unknown-step", "'account'?"),
        ("{next: welcome,", "{next: w,", 12, "steps.welcome.choices.#.next", "unknown-step", "'w'"),
        ("{next: welcome, ", "{", 12, "steps.welcome.choices.#", "missing-key", "'next'"),
        ("1: account", "10: account", 11, "steps.welcome.choices.10", "not-a-key", "no telephone"),
        ("max_digits: 8", "max_digits: ate", 20, "steps.account.max_digits", "value", "from 0 up to"),
        ("max_digits: 8", "max_digits: 80", 20, "steps.account.max_digits", "value", "up to 64"),
        ("max_digits: 8", "max_digits: 0", 20, "steps.account.max_digits", "digits", "can be right"),
        ("max_digits: 8", "secret: maybe", 20, "steps.account.secret", "value", "true or false"),
        ("max_digits: 8", "max_digits: [8]", 20, "steps.account.max_digits", "type", "not a list"),
        ("max_digits: 8", "terminator: x", 20, "steps.account.terminator", "not-a-key", "'x'"),
        ("max_digits: 8", "terminator: 5", 20, "steps.account.terminator", "digits", "both ends"),
        ("max_digits: 8", "allowed: 12x", 20, "steps.account.allowed", "not-a-key", "['x']"),
        ("max_digits: 8", "allowed: ''", 20, "steps.account.allowed", "digits", "no key is left"),
        ("max_digits: 8", "into: b", 20, "steps.account.into", "duplicate-key", "there twice"),
        ("max_digits: 8", "prompt:", 20, "steps.account.prompt", "duplicate-key", "there twice"),
        ("max_digits: 8", "no_input: {say: }", 20, "steps.account.no_input.say", "empty", "empty"),
        ("max_digits: 8", "no_input: {}", 20, "steps.account.no_input", "empty-prompt", "'say' or"),
        ("max_digits: 8", "first_digit_timeout_s: 0", 20, "steps.account.first_digit_timeout_s", "value", "above 0"),
        ("max_digits: 8", "first_digit_timeout_s: .nan", 20, "steps.account.first_digit_timeout_s", "value", "above 0"),
        ("max_digits: 8", "secret: !!python/name:os.system x", 20, "steps.account.secret", "tag", "tag"),
        ("queue: orders", "queue: ", 22, "steps.person.queue", "empty", "is empty"),
        ("fallback: person\n", "", 6, "steps.welcome", "no-fallback", "'fallback'"),
        ("next: bye", "next: person", 23, "steps.bye", "unreachable", "remove it"),
        ("bye: {type: hangup}", "bye: {type: play, next: bye, prompt: {say: x}}", 23, "steps.bye", "dead-end", "never comes"),
        ("bye: {type: hangup}", "bye: hangup", 23, "steps.bye", "type", "must be a step"),
        ("{say: {en: Press a key}}", "{say: {fr: Appuyez}}", 9, "steps.welcome.prompt", "language", "there is fr"),
        ("    prompt: {say: {en: Press a key}}\n", "", 7, "steps.welcome", "no-prompt", "told what to press"),
        ("name: desk", "name: desk\nfolder: /etc", 3, "folder", "unknown-key", "no key 'folder'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_line_key_and_mend(
    old: str, new: str, line: int, key: str, rule: str, says: str
) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    match = [p for p in found if p.rule == rule and p.key == key]
    assert match, found
    assert match[0].line == line
    assert says in str(match[0])


def test_every_mistake_is_told_at_once_in_order() -> None:
    text = GOOD.replace("language:", "langage:").replace("type: collect", "type: gather")
    found = problems(text)
    assert [(p.line, p.rule) for p in found] == [(3, "unknown-key"), (14, "unknown-type")]
    with pytest.raises(FlowError, match=r"desk\.yaml:3:1: error: langage: .*\n.*:14:11: error"):
        parse(text, file="desk.yaml")


def test_queues_are_checked_where_they_are_known() -> None:
    problem = good_but("queue: orders", "queue: order", queues=["orders", "advice"])
    assert (problem.rule, problem.line) == ("unknown-queue", 22)
    assert "'orders'?" in problem.mend
    assert problems(GOOD, queues=["orders"]) == []


def test_recordings_are_looked_for(tmp_path: Path) -> None:
    (missing,) = problems(GOOD, folder=tmp_path)
    assert (missing.rule, missing.severity) == ("no-recording", Severity.WARNING)
    mute = GOOD.replace("        say: {en: beep}\n", "")
    (missing,) = problems(mute, folder=tmp_path)
    assert (missing.severity, missing.line) == (Severity.ERROR, 17)
    (tmp_path / "beep.wav").touch()
    assert problems(mute, folder=tmp_path) == []


def test_a_play_step_without_anything_to_play_is_an_error() -> None:
    problem = good_but("bye: {type: hangup}", "bye: {type: play, next: person}")
    assert (problem.rule, problem.severity) == ("no-prompt", Severity.ERROR)


def test_yaml_itself_can_be_wrong() -> None:
    (problem,) = problems("version: 1\nname: [unclosed\nstart: x\n")
    assert (problem.rule, problem.line) == ("yaml", 3)
    assert [p.rule for p in problems("")] == ["empty"]
    assert [p.rule for p in problems("- a list")] == ["type"]


def test_a_multiplying_document_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bomb = "\n".join(f"  {line}" for line in lines)
    assert problems(f"steps:\n{bomb}\n")
    prompts = f"no_input: &p [{', '.join(['{say: x}'] * 300)}]"
    many = "".join(f"  s{n}: {{type: queue, queue: q, prompt: *p}}\n" for n in range(500))
    text = GOOD.replace("max_digits: 8", prompts) + many
    assert "too-large" in {p.rule for p in problems(text)}
    loop = "steps: &s\n  a: *s\n"
    assert problems(loop)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
@example(b"\xff\xfe\x00")
@example("\x00")
@example("? [a]\n: b")
@example("!!timestamp 2001-99-99")
@example("steps: {a: {type: collect, max_digits: 0b}}")
def test_no_text_at_all_makes_the_reader_stumble(text: bytes | str) -> None:
    with pytest.raises(FlowError) as caught:
        parse(text)
    assert all(problem.line >= 1 and problem.message for problem in caught.value.problems)


@given(st.data())
def test_a_good_flow_with_a_line_less_or_twice_is_read_or_refused(data: st.DataObject) -> None:
    lines = GOOD.splitlines()
    index = data.draw(st.integers(0, len(lines) - 1))
    if data.draw(st.booleans()):
        del lines[index]
    else:
        lines.insert(index, lines[index])
    outcome = problems("\n".join(lines))
    assert all(str(problem) for problem in outcome)
