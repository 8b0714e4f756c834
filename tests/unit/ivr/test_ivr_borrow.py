"""An agent sends his caller through a flow: he comes back, once, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from virtual.centre import FLOW, SERVICE, VirtualCentre

from ccd.events import CallCleared, DigitsDetected, ReturnedFromIvr, SentToIvr
from ccd.ivr.flow import Entry
from ccd.ivr.outcome import Outcome
from ccd.ivr.problems import FlowError
from ccd.ivr.reader import parse
from ccd.ivr.service import NotToBeSentError, UnknownFlowError
from ccd.model import Cause
from ccd.switch.call import Call

PIN = """\
version: 1
name: pin
start: account
fallback: gave_up
steps:
  account: {type: collect, prompt: {play: account.wav}, into: account, max_digits: 4, next: pin}
  pin: {type: collect, prompt: {play: pin.wav}, into: pin, max_digits: 4, secret: true, retries: 0, next: what}
  what:
    type: menu
    prompt: {play: what.wav}
    choices: {"1": ok, "2": bye, "3": {next: orders, set: {wish: more}}}
  ok: {type: return, outcome: ok}
  gave_up: {type: return, outcome: gave_up, prompt: {play: sorry.wav}}
  bye: {type: hangup}
  orders: {type: queue, queue: orders}
"""


class Rig:
    """A centre in which caller and agent speak, and who asks for the caller to be sent."""

    def __init__(self, tmp_path: Path, *, agents: int = 1) -> None:
        self.centre = VirtualCentre(tmp_path, agents=agents)
        self.ivr = self.centre.centre.ivr
        flow, _ = parse(PIN, queues=["orders"], entered=[Entry.AGENT])
        self.numbers = {SERVICE: parse(FLOW)[0]}
        self.ivr.change_flows(self.numbers, {"pin": flow})
        self.back: list[tuple[str, dict[str, str]]] = []
        self.centre.talking()
        self.call: Call = self.centre.call
        self.lender = self.call.controller
        self.then: Callable[[Call], object] = lambda _call: None

    def send(self, **data: str) -> None:
        self.centre.do(lambda: self.ivr.borrow(self.call, "pin", self.done, data), 0.1)

    def done(self, call: Call, outcome: str, data: dict[str, str]) -> None:
        assert call is self.call
        assert call.controller is self.lender
        self.back.append((outcome, data))
        self.then(call)

    def key(self, digits: str) -> None:
        for digit in digits:
            self.centre.do(lambda d=digit: self.centre.bay.press(self.call.caller.node, d), 0.1)  # type: ignore[misc]

    def told(self) -> list[tuple[str, str]]:
        """Who was sent, and who came back, as the world was told."""
        sent = self.centre.told(SentToIvr)
        returned = self.centre.told(ReturnedFromIvr)
        assert [(e.call, e.flow, e.agent) for e in sent] == [(self.call.id, "pin", "agent1")] * len(
            sent
        )
        assert len(sent) == len(returned)
        return [(each.agent, each.outcome) for each in returned]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_he_comes_back_with_the_flows_word_and_what_he_keyed(rig: Rig) -> None:
    rig.send(language="zh")
    assert rig.call.controller is rig.ivr
    rig.key("123498761")
    assert rig.back == [("ok", {"account": "1234"})]
    assert rig.call.data["account"] == "1234"
    assert rig.told() == [("agent1", "ok")]
    assert rig.centre.agent_state() == "busy"
    assert len(rig.ivr) == 0


def test_a_secret_is_told_to_nobody(rig: Rig) -> None:
    rig.send()
    rig.key("123498761")
    shown = [repr(rig.back), repr(rig.call.data), *map(repr, rig.centre.events)]
    assert [line for line in shown if "9876" in line] == []
    assert [each.digits for each in rig.centre.told(DigitsDetected)][-3:] == ["1234", "****", "1"]


def test_he_who_keys_nothing_comes_back_as_the_flow_says(rig: Rig) -> None:
    rig.send()
    rig.key("1234")
    for _ in ("the question", "the excuse"):
        rig.centre.do(lambda: rig.centre.bay.finish(rig.call.caller.node), 10.0)
    assert [outcome for outcome, _ in rig.back] == ["gave_up"]


def test_he_may_be_sent_again(rig: Rig) -> None:
    for _ in range(2):
        rig.send()
        rig.key("123498761")
    assert rig.told() == [("agent1", "ok")] * 2
    # Nothing new was gathered the second time: the account was known.
    assert rig.back[1] == ("ok", {})


def test_the_agent_takes_him_back(rig: Rig) -> None:
    rig.send()
    rig.key("1234")
    rig.centre.do(lambda: rig.ivr.recall(rig.call))
    assert rig.back == [("recalled", {"account": "1234"})]
    rig.key("98761")
    rig.centre.run(60.0)
    assert rig.told() == [("agent1", "recalled")]
    assert rig.ivr.recall(rig.call) is False


def test_the_caller_hangs_up(rig: Rig) -> None:
    rig.send()
    rig.centre.do(rig.centre.caller.hang_up)
    assert rig.back == [("caller_left", {})]
    assert rig.told() == [("agent1", "caller_left")]
    # The ACD was told as if the IVR had never been there.
    assert rig.centre.agent_state() == "ready"
    rig.centre.assert_nothing_left()


def test_the_agent_hangs_up(rig: Rig) -> None:
    rig.send()
    rig.centre.do(rig.centre.phones["agent1"].hang_up)
    assert rig.told() == [("agent1", "agent_left")]
    assert len(rig.back) == 1
    assert rig.centre.agent_state() == "ready"
    rig.centre.assert_nothing_left()


def test_the_flow_hangs_up(rig: Rig) -> None:
    rig.send()
    rig.key("123498762")
    assert rig.back == [("hung_up", {"account": "1234"})]
    rig.centre.run(2.0)
    assert [each.cause for each in rig.centre.told(CallCleared)] == [Cause.NORMAL_CLEARING]
    assert rig.centre.agent_state() == "ready"
    rig.centre.assert_nothing_left()


def test_the_flow_sends_him_to_a_queue(rig: Rig) -> None:
    rig.centre.centre.acd.not_ready("agent1", "break")

    def to_queue(call: Call, queue: str) -> None:
        assert rig.told() == [("agent1", "queued")]
        rig.centre.centre.acd.transfer_to_queue(call, queue)

    rig.centre.do(lambda: rig.ivr.borrow(rig.call, "pin", rig.done, to_queue=to_queue), 0.1)
    rig.key("123498763")
    assert rig.back == [("queued", {"account": "1234", "wish": "more"})]
    rig.centre.run(2.0)
    assert rig.centre.centre.acd.queue_of(rig.call) == "orders"
    assert rig.centre.centre.acd.position(rig.call.id) == 1
    rig.centre.do(rig.centre.caller.hang_up)
    rig.centre.assert_nothing_left()


def test_everybody_is_cut_off(rig: Rig) -> None:
    rig.send()
    switch = rig.centre.centre.switch
    rig.centre.do(lambda: switch.media_lost(0, "killed"))
    assert rig.told() == [("agent1", "caller_left")]
    assert len(rig.back) == 1
    rig.centre.run(40.0)
    assert rig.centre.agent_state() == "ready"
    assert len(rig.ivr) == 0


def test_a_prompt_that_cannot_be_said_gives_him_back(rig: Rig) -> None:
    unprepared = PIN.replace("{play: pin.wav}", "{say: Nobody rendered this.}")
    rig.ivr.change_flows(rig.numbers, {"pin": parse(unprepared)[0]})
    rig.send()
    rig.key("1234")
    assert rig.back == [("failed", {"account": "1234"})]
    assert rig.told() == [("agent1", "failed")]


def test_who_is_in_a_flow_stays_in_its_version(rig: Rig) -> None:
    rig.send()
    rig.ivr.change_flows({}, {})
    rig.key("123498761")
    assert rig.told() == [("agent1", "ok")]
    with pytest.raises(UnknownFlowError, match="no service flow 'pin': there are none"):
        rig.ivr.borrow(rig.call, "pin", rig.done)


def test_the_agents_keys_are_not_the_callers(rig: Rig) -> None:
    rig.send()
    agent: Any = rig.call.answered
    for digit in "123498761":
        rig.ivr.digit(rig.call, agent, digit)
    rig.ivr.played(rig.call, agent)
    assert rig.back == []


def test_nobody_is_sent_twice_at_once(rig: Rig) -> None:
    rig.send()
    with pytest.raises(NotToBeSentError, match="in a flow already"):
        rig.ivr.borrow(rig.call, "pin", rig.done)
    rig.key("123498761")
    assert len(rig.back) == 1


def test_who_is_gone_cannot_be_sent(rig: Rig) -> None:
    rig.centre.do(rig.centre.caller.hang_up)
    with pytest.raises(NotToBeSentError, match="no caller"):
        rig.ivr.borrow(rig.call, "pin", rig.done)
    assert rig.centre.told(SentToIvr) == []


def test_who_has_not_dialled_cannot_be_recalled(tmp_path: Path) -> None:
    centre = VirtualCentre(tmp_path)
    centre.caller_in_menu()
    assert centre.centre.ivr.recall(centre.call) is False


def test_who_asks_may_send_him_on_at_once(rig: Rig) -> None:
    def again(call: Call) -> None:
        rig.then = lambda _call: None
        rig.ivr.borrow(call, "pin", rig.done)

    rig.then = again
    rig.send()
    rig.key("123498761")
    rig.key("432198761")
    assert rig.back == [("ok", {"account": "1234"}), ("ok", {"account": "4321"})]


def test_every_outcome_of_ours_is_told_of() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ivr.md").read_text(encoding="utf-8")
    assert [str(each) for each in Outcome if f"`{each}`" not in page] == []


@pytest.mark.parametrize(
    ("entered", "change", "rule"),
    [
        (Entry.NUMBER, ("", ""), "return-to-nobody"),
        (Entry.AGENT, ("type: return, outcome: ", "type: hangup #"), "no-return"),
    ],
)
def test_a_return_is_where_an_agent_waits(
    entered: Entry, change: tuple[str, str], rule: str
) -> None:
    text = PIN.replace(*change) if change[0] else PIN
    text = text.replace("#ok}", "}").replace("#gave_up, ", ", ")
    with pytest.raises(FlowError) as caught:
        parse(text, queues=["orders"], entered=[entered])
    found = {problem.rule for problem in caught.value.problems}
    assert found == {rule}


@pytest.mark.parametrize("ours", list(Outcome))
def test_a_flow_has_no_outcome_that_is_ours(ours: Outcome) -> None:
    """Else nobody could tell a caller who keyed a wrong PIN from one who hung up."""
    with pytest.raises(FlowError) as caught:
        parse(PIN.replace("outcome: ok", f"outcome: {ours}"), queues=["orders"])
    (problem,) = caught.value.problems
    assert problem.rule == "reserved-outcome"
    assert problem.key.endswith(".outcome")
    assert f"'{ours}'" in problem.message
    assert problem.mend


def test_a_return_that_no_dialled_number_leads_to_is_only_warned_of() -> None:
    text = FLOW + "  back: {type: return, outcome: ok}\n"
    _, warnings = parse(text, entered=[Entry.NUMBER])
    assert [warning.rule for warning in warnings] == ["unreachable"]


def test_a_return_needs_its_word() -> None:
    with pytest.raises(FlowError, match="'outcome' is missing"):
        parse(PIN.replace("outcome: ok", "barge_in: true"))
