"""Scripted dialogues: what a caller presses and hears, without audio and without waiting."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ccd.ivr
from ccd.ivr.flow import Flow
from ccd.ivr.interpreter import (
    MAX_TYPE_AHEAD,
    Collected,
    HangUp,
    Interpreter,
    Phase,
    Play,
    Stepped,
    StopPlay,
    ToQueue,
)
from ccd.ivr.reader import load, parse

BANK = parse(
    """\
version: 1
name: bank
language: en
start: notice
fallback: person
steps:
  notice:
    type: play
    barge_in: false
    prompt: {say: Calls are recorded}
    next: main
  main:
    type: menu
    prompt: {say: {en: main menu, zh: 主菜单}}
    choices:
      "1": account
      "2": {next: main, set: {language: zh}}
      "#": bye
    no_input: {say: nothing heard}
    invalid: {say: wrong key}
    retries: 1
  account:
    type: collect
    prompt: {say: your account}
    into: account
    min_digits: 3
    max_digits: 4
    first_digit_timeout_s: 6
    inter_digit_timeout_s: 2
    invalid: {say: not an account}
    retries: 2
    next: pin
  pin:
    type: collect
    prompt: {say: your pin}
    into: pin
    min_digits: 4
    max_digits: 4
    secret: true
    fallback: bye
    next: thanks
  thanks: {type: play, prompt: {say: thanks, play: thanks.wav}, next: main}
  person: {type: queue, queue: orders}
  bye: {type: hangup, prompt: {say: goodbye}}
""",
)[0]


class Caller:
    """Somebody on the phone: presses keys, lets time pass, remembers what was heard."""

    def __init__(self, flow: Flow = BANK, **variables: str) -> None:
        self.ivr = Interpreter(flow, variables=variables)
        self.now = 0.0
        self.heard: list[str] = []
        self.log: list[object] = []
        self.playing: int | None = None
        self.ivr.start(self.now)
        self._follow()

    def _follow(self) -> None:
        while (action := self.ivr.next_action()) is not None:
            self.log.append(action)
            match action:
                case Play(prompts, number):
                    assert self.playing is None, "one voice at a time"
                    self.playing = number
                    self.heard.append(" / ".join(p.text for p in prompts))
                case StopPlay():
                    assert self.playing is not None
                    self.playing = None
        assert (self.playing is not None) == (self.ivr.phase is Phase.PLAYING)

    def listen(self) -> Caller:
        """Hear the prompt to its end."""
        number, self.playing = self.playing, None
        self.ivr.played(self.now, number)
        self._follow()
        return self

    def press(self, digits: str) -> Caller:
        for digit in digits:
            self.now += 0.3
            self.ivr.digit(digit, self.now)
            self._follow()
        return self

    def wait(self, seconds: float) -> Caller:
        until = self.now + seconds
        while (timer := self.ivr.get_timer()) is not None and timer <= until:
            self.now = timer
            self.ivr.handle_timer(self.now)
            self._follow()
        self.now = until
        return self

    @property
    def ended(self) -> object:
        return self.log[-1]

    @property
    def keyed(self) -> list[tuple[str, str, bool]]:
        return [(a.step, a.digits, a.secret) for a in self.log if isinstance(a, Collected)]


def at_main(**variables: str) -> Caller:
    caller = Caller(**variables).listen()
    caller.heard.clear()
    return caller


def test_the_whole_way() -> None:
    caller = Caller().listen().listen().press("1").listen().press("123#").listen().press("4321")
    assert caller.heard == [
        "Calls are recorded", "main menu", "your account", "your pin", "thanks",
    ]  # fmt: skip
    caller.listen().listen().press("#").listen()
    assert caller.ended == HangUp()
    assert caller.ivr.path == ["notice", "main", "account", "pin", "thanks", "main", "bye"]
    assert caller.keyed == [
        ("main", "1", False),
        ("account", "123", False),
        ("pin", "****", True),
        ("main", "#", False),
    ]


def test_a_secret_is_kept_apart() -> None:
    caller = at_main().press("1").press("1234").press("9876")
    assert caller.ivr.variables == {"account": "1234"}
    assert caller.ivr.secret("pin") == "9876"
    assert "9876" not in repr(caller.log)
    assert "9876" not in repr(caller.ivr.variables)


def test_barge_in_stops_the_prompt_at_once() -> None:
    caller = Caller().listen()
    caller.log.clear()
    caller.press("1")
    assert caller.log[:3] == [StopPlay(), Collected("1", False, "main"), Stepped("account")]


def test_a_prompt_that_must_be_heard_is_heard_and_keys_pressed_then_are_lost() -> None:
    caller = Caller().press("1")
    assert caller.ivr.step_name == "notice"
    caller.listen()
    assert caller.heard == ["Calls are recorded", "main menu"]
    assert caller.keyed == []


def test_nobody_types_past_a_prompt_that_must_be_heard() -> None:
    flow = parse(
        """\
version: 1
name: n
start: risk
fallback: bye
steps:
  risk: {type: menu, prompt: {say: risk}, choices: {"1": warning}}
  warning: {type: play, barge_in: false, prompt: {say: you may lose money}, next: agree}
  agree: {type: menu, prompt: {say: do you agree}, choices: {"1": person}}
  person: {type: queue, queue: orders}
  bye: {type: hangup}
"""
    )[0]
    caller = Caller(flow)
    caller.ivr._ahead.append("1")  # both keys arrive as one burst
    caller.press("1")
    assert caller.heard == ["risk", "you may lose money"]
    assert caller.listen().heard[-1] == "do you agree"
    assert caller.keyed == [("risk", "1", False)]


def test_type_ahead_goes_through_without_a_word() -> None:
    caller = at_main().press("112349876")
    assert caller.heard == ["your account", "your pin", "thanks"]
    assert [step for step, _, _ in caller.keyed] == ["main", "account", "pin"]


def test_type_ahead_over_a_step_that_only_speaks() -> None:
    caller = at_main().press("1").press("1234").press("9876").wait(4)
    caller.press("#")  # pressed while "thanks" plays: answers the menu after it
    assert caller.heard[-1] == "goodbye"
    caller.listen()
    assert caller.ended == HangUp()


def test_a_wrong_key_throws_away_what_was_typed_ahead() -> None:
    caller = at_main()
    caller.ivr._ahead.extend("71")  # arrives as one burst, before anything is asked
    caller.press("1")
    assert caller.heard == ["wrong key / main menu"]
    assert caller.keyed == [("main", "7", False)]


def test_silence_asks_again_then_leads_to_a_person() -> None:
    caller = at_main().listen().wait(4.9)
    assert caller.heard == []
    caller.wait(0.2)
    assert caller.heard == ["nothing heard / main menu"]
    caller.listen().wait(5.1)
    assert caller.ended == ToQueue("orders")


def test_silence_and_wrong_keys_count_together() -> None:
    caller = at_main().press("7").listen().wait(6)
    assert caller.heard == ["wrong key / main menu"]
    assert caller.ended == ToQueue("orders")


def test_retries_begin_anew_at_the_next_visit() -> None:
    caller = at_main().press("7").press("2")
    caller.press("7")
    assert caller.heard[-1] == "wrong key / 主菜单"
    assert caller.ivr.phase is Phase.PLAYING


def test_a_choice_can_change_the_language() -> None:
    caller = at_main().press("2")
    assert caller.heard == ["主菜单"]
    assert caller.ivr.language == "zh"


def test_a_caller_known_to_speak_chinese_hears_it_and_the_flows_language_where_there_is_none() -> (
    None
):
    caller = Caller(language="zh").listen()
    assert caller.heard == ["Calls are recorded", "主菜单"]


def test_a_pause_ends_an_entry_that_is_long_enough() -> None:
    caller = at_main().press("1").press("123").wait(1.9)
    assert caller.keyed[1:] == []
    caller.wait(0.2)
    assert caller.keyed[1:] == [("account", "123", False)]


def test_a_pause_in_an_entry_that_is_too_short_asks_again_from_the_beginning() -> None:
    caller = at_main().press("1").press("12").wait(2.1)
    assert caller.heard == ["your account", "not an account / your account"]
    caller.press("777#")
    assert caller.keyed[1:] == [("account", "777", False)]


@pytest.mark.parametrize("entry", ["#", "12#", "1*", "12*"])
def test_a_bad_entry_asks_again(entry: str) -> None:
    caller = at_main().press("1").listen().press(entry)
    assert caller.heard[-1] == "not an account / your account"


def test_three_bad_entries_lead_to_the_fallback() -> None:
    caller = at_main().press("1").press("*").press("#").wait(1).listen().wait(6)
    assert caller.ended == ToQueue("orders")
    caller = at_main().press("1").press("1234")
    for _ in range(3):
        caller.press("*")
    assert caller.heard[-1] == "goodbye"


def test_a_terminator_after_a_full_entry_is_not_the_next_answer() -> None:
    caller = at_main().press("1").press("1234#")
    assert caller.ivr.step_name == "pin"
    caller.press("9876")
    assert caller.ivr.step_name == "thanks"
    later = at_main().press("1").press("1234").wait(2.5).press("#")
    assert later.heard[-1] == "your pin"  # too late to belong to the account: an empty entry


def test_a_late_terminator_that_the_next_menu_asks_for_is_its_answer() -> None:
    flow = parse(
        """\
version: 1
name: n
start: a
fallback: bye
steps:
  a: {type: collect, prompt: {say: a}, into: a, max_digits: 2, next: b}
  b: {type: menu, prompt: {say: b}, choices: {"#": bye}}
  bye: {type: hangup}
"""
    )[0]
    caller = Caller(flow).press("12#")
    assert caller.ended == HangUp()


def test_recordings_are_named_by_path(tmp_path: Path) -> None:
    (tmp_path / "hello.zh.wav").touch()
    flow = parse(
        """\
version: 1
name: n
language: zh
start: bye
steps:
  bye: {type: hangup, prompt: {play: {zh: hello.zh.wav}, say: {zh: 您好, en: hello}}}
""",
        folder=tmp_path,
    )[0]
    for language, file, text in (("zh", f"{tmp_path}/hello.zh.wav", "您好"), ("en", "", "hello")):
        ivr = Interpreter(flow, variables={"language": language})
        ivr.start(0.0)
        ivr.next_action()
        play = ivr.next_action()
        assert isinstance(play, Play)
        assert (play.prompts[0].file, play.prompts[0].text) == (file, text)


def test_the_end_of_a_stopped_prompt_is_not_taken_for_the_next_ones() -> None:
    caller = at_main()
    first = caller.playing
    caller.press("1")
    caller.ivr.played(caller.now, first)  # the player says so only now
    assert caller.ivr.phase is Phase.PLAYING
    caller.listen()
    assert caller.ivr.phase is Phase.LISTENING


def test_after_a_hang_up_nothing_happens_whatever_comes() -> None:
    caller = at_main()
    caller.ivr.digit("1", 1.0)
    caller.ivr.hung_up(1.0)
    assert caller.ivr.next_action() is None
    caller.ivr.digit("1", 2.0)
    caller.ivr.played(3.0)
    caller.ivr.handle_timer(99.0)
    caller.ivr.start(100.0)
    assert caller.ivr.next_action() is None
    assert caller.ivr.get_timer() is None


def test_news_before_the_start_is_dropped() -> None:
    ivr = Interpreter(msgspec.structs.replace(BANK, start="main"))
    ivr.digit("1", 0.0)
    ivr.played(0.0)
    assert ivr.next_action() is None


def test_a_stuck_key_fills_no_memory() -> None:
    caller = at_main().press("1")
    caller.press("1" * 500)
    assert len(caller.ivr._ahead) <= MAX_TYPE_AHEAD


def test_a_long_chain_of_steps_is_no_deep_recursion() -> None:
    chain = "".join(
        f"  s{n}: {{type: play, prompt: {{say: x}}, next: s{n + 1}}}\n" for n in range(3000)
    )
    text = (
        "version: 1\nname: n\nstart: m\nfallback: s3000\nsteps:\n"
        "  m: {type: menu, prompt: {say: m}, choices: {'1': s0}}\n"
        f"{chain}  s3000: {{type: hangup}}\n"
    )
    flow = parse(text)[0]
    ivr = Interpreter(flow)
    ivr.start(0.0)
    ivr._ahead.extend("1" * 5)
    ivr.digit("1", 1.0)
    assert ivr.phase is Phase.OVER


DEMO = load(Path(ccd.ivr.__file__).parent / "flows" / "demo.yaml")[0]


def test_the_demo_takes_an_order_in_one_key() -> None:
    caller = Caller(DEMO)
    assert "Welcome" in caller.heard[0]
    assert "欢迎" in caller.heard[0]
    caller.press("1").listen()
    assert caller.ended == ToQueue("orders")


def test_the_demo_hangs_up_repeats_and_never_lets_a_silent_caller_down() -> None:
    assert Caller(DEMO).press("9").listen().ended == HangUp()
    again = Caller(DEMO).press("*")
    assert again.heard[0] == again.heard[1]
    silent = Caller(DEMO).listen().wait(6).listen().wait(6).listen()
    assert silent.ended == ToQueue("orders")


@pytest.mark.parametrize("flow", [BANK, DEMO], ids=["bank", "demo"])
@given(
    doings=st.lists(
        st.one_of(
            st.sampled_from(list("0123456789*#")),
            st.sampled_from([0.1, 2.0, 7.0]),
            st.just("listen"),
        ),
        max_size=60,
    )
)
def test_any_caller_comes_to_a_proper_end(flow: Flow, doings: list[str | float]) -> None:
    """Whatever was pressed: alive until the end, and one who then does nothing gets there."""
    caller = Caller(flow)
    for doing in doings:
        if isinstance(doing, float):
            caller.wait(doing)
        elif doing == "listen":
            if caller.playing is not None:
                caller.listen()
        else:
            caller.press(doing)
        if caller.ivr.phase is not Phase.OVER:
            assert caller.playing is not None or caller.ivr.get_timer() is not None
    for _ in range(40):
        if caller.playing is not None:
            caller.listen()
        caller.wait(10.0)
    assert caller.ivr.phase is Phase.OVER
    ends = [action for action in caller.log if isinstance(action, ToQueue | HangUp)]
    assert ends == [caller.ended]


def test_keys_pressed_before_the_start_are_typed_ahead() -> None:
    """The caller's audio may reach us before the ACK that starts the flow."""
    ivr = Interpreter(msgspec.structs.replace(BANK, start="main"))
    ivr.digit("1", 0.0)
    assert ivr.next_action() is None
    ivr.start(0.1)
    actions = []
    while (action := ivr.next_action()) is not None:
        actions.append(action)
    assert any(isinstance(action, Collected) and action.digits == "1" for action in actions)
