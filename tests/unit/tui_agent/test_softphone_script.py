"""Scripts are read whole, and refused with the line and the reason, before anybody logs in."""

from __future__ import annotations

import io

import pytest
from virtual.scene import NOON, Scene

from tui.agent.headless import FailedError, Headless
from tui.agent.script import ScriptError, Step, parse
from tui.agent.service import WrongTimeError, time_of


def test_a_script_is_a_list_of_steps() -> None:
    steps = parse(
        """
        ready            # take calls
        wait ringing 60
        answer
        pause 1.5
        keypad 12#
        repeat 2
          wrap_up sold
        end
        expect who Li Na
        quit
        """
    )
    assert steps == (
        Step(2, "ready"),
        Step(3, "wait", "ringing", 60.0),
        Step(4, "answer"),
        Step(5, "pause", seconds=1.5),
        Step(6, "keypad", "12#"),
        Step(7, "repeat", "2", steps=(Step(8, "wrap_up", "sold"),)),
        Step(10, "expect", "who Li Na"),
        Step(11, "quit"),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("redy", "line 1: there is no command 'redy'"),
        ("ready\nwait rining", "line 2: wait for what?"),
        ("wait ringing soon", "'soon' is no number of seconds"),
        ("pause -1", "is no number of seconds"),
        ("consult", "consult needs to be told what or whom"),
        ("repeat 3\nready", "line 1: this repeat has no end"),
        ("end", "line 1: end of what?"),
        ("repeat often", "how often?"),
        ("expect weather fine", "line 1: expect"),
        ("theme", "there is no command 'theme'"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_line(text: str, says: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(text)
    assert says in str(caught.value)


async def test_quit_ends_the_script_from_within_a_repeat_too() -> None:
    out = io.StringIO()
    steps = parse("repeat 3\n  pause 0\n  quit\nend\nanswer")
    await Headless(Scene().service, out).run(steps)  # `answer` would be refused: nothing rings
    with pytest.raises(FailedError, match="line 1: answer: nothing rings"):
        await Headless(Scene().service, out).run(parse("answer"))


@pytest.mark.parametrize(("text", "seconds"), [("", None), ("+20", 1200.0), ("  +0 ", 0.0)])
def test_a_callback_is_in_some_minutes_or_as_soon_as_can_be(
    text: str, seconds: float | None
) -> None:
    at = time_of(text, NOON)
    assert at == (None if seconds is None else NOON + seconds)


def test_a_time_of_day_that_is_past_is_tomorrows() -> None:
    assert time_of("00:01", NOON) is not None
    assert NOON < (time_of("00:01", NOON) or 0) <= NOON + 86_400


@pytest.mark.parametrize("text", ["soon", "25:00", "+x", "12:75"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WrongTimeError):
        time_of(text, NOON)
