"""After-call work: dispositions, notes, what comes next, reasons for not ready."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from virtual.town import Town, person

from ccd.acd.after_call import (
    DispositionRequiredError,
    NothingToWrapUpError,
    UnknownDispositionError,
    UnknownReasonError,
)
from ccd.acd.errors import AcdError, WrongStateError
from ccd.config import Disposition, NotReadyReason, Queue, Settings
from ccd.cti.catalogue import AgentArgs, NextStateArgs, WrapUpArgs
from ccd.cti.wire import ErrorCode
from ccd.events import WrappedUp
from ccd.model import AgentState
from ccd.services import Handlers
from ccd.settings.check import check

LI, WANG = "13800000001", "13800000002"
WORDS = (
    Disposition(name="sold"),
    Disposition(name="complaint", queues=("help",)),
    Disposition(name="nothing"),
)


def town_of(tmp_path: Path, **queue: object) -> Town:
    orders = msgspec.convert({"name": "orders", **queue}, Queue)
    town = Town(tmp_path, queues=[orders, Queue(name="help")], agents=[person("anna")])
    town.settings = msgspec.structs.replace(
        town.settings, disposition=WORDS, not_ready_reason=(NotReadyReason(name="lunch"),)
    )
    town.centre.acd.change_settings(town.settings)
    town.staff("anna")
    return town


def test_in_the_call_after_it_and_until_the_next_is_answered(tmp_path: Path) -> None:
    town = town_of(tmp_path, wrap_up_s=5.0)
    acd = town.centre.acd
    with pytest.raises(NothingToWrapUpError, match="answered no call"):
        acd.wrap_up("anna", "sold")
    town.come(LI, seconds=2.0)
    first = town.call_id(LI)
    assert acd.wrap_up("anna", "nothing") == first
    town.leave(LI, 1.0)
    assert acd.wrap_up("anna", "sold", "wants ten more") == first
    assert town.agent_state("anna") == "wrap_up"  # its time is his all the same
    town.run(600.0)
    assert acd.wrap_up("anna", "sold", "wants twenty more") == first
    assert town.records[first].disposition == "sold"
    assert town.records[first].notes == "wants twenty more"
    town.come(WANG, seconds=2.0)
    assert acd.wrap_up("anna", "nothing") == town.call_id(WANG) != first
    assert [event.disposition for event in town.told(WrappedUp)] == [
        *("nothing", "sold", "sold", "nothing")
    ]


def test_a_wrong_word_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    town = town_of(tmp_path)
    town.come(LI, seconds=2.0)
    for wrong in ("compliant", "complaint", ""):
        with pytest.raises(UnknownDispositionError, match="there are sold, nothing"):
            town.centre.acd.wrap_up("anna", wrong)
    with pytest.raises(UnknownReasonError, match="there are lunch"):
        town.centre.acd.not_ready("anna", "tea")
    town.centre.acd.not_ready("anna", "lunch")
    town.centre.acd.not_ready("anna", "session_lost")  # the daemon's own word


def test_where_it_is_required_wrap_up_lasts_until_it_is_said(tmp_path: Path) -> None:
    town = town_of(tmp_path, wrap_up_s=5.0, wrap_up_requires_disposition=True)
    acd = town.centre.acd
    town.come(LI, seconds=2.0)
    town.leave(LI, 60.0)
    assert town.agent_state("anna") == "wrap_up"
    for leave in (acd.ready, acd.wrap_up_done, lambda agent: acd.not_ready(agent, "lunch")):
        with pytest.raises(DispositionRequiredError, match="one of sold, nothing"):
            leave("anna")
    acd.wrap_up("anna", "sold")
    assert town.agent_state("anna") == "ready"  # its time was over long ago


@pytest.mark.parametrize("when", ["in the call", "in wrap-up"])
def test_said_in_time_the_rest_of_wrap_up_is_his(tmp_path: Path, when: str) -> None:
    town = town_of(tmp_path, wrap_up_s=5.0, wrap_up_requires_disposition=True)
    acd = town.centre.acd
    town.come(LI, seconds=2.0)
    if when == "in the call":
        acd.wrap_up("anna", "sold")
    town.leave(LI, 2.0)
    if when == "in wrap-up":
        acd.wrap_up("anna", "sold")
    town.run(2.0)
    assert town.agent_state("anna") == "wrap_up"
    town.run(2.0)
    assert town.agent_state("anna") == "ready"


def test_who_owes_a_word_may_log_off(tmp_path: Path) -> None:
    town = town_of(tmp_path, wrap_up_s=5.0, wrap_up_requires_disposition=True)
    town.come(LI, seconds=2.0)
    town.leave(LI, 1.0)
    town.centre.acd.log_off("anna")
    assert town.agent_state("anna") == "logged_out"


def test_what_comes_next_is_said_in_the_call(tmp_path: Path) -> None:
    town = town_of(tmp_path)
    acd = town.centre.acd
    with pytest.raises(WrongStateError, match="as the next state"):
        acd.next_state("anna", AgentState.WRAP_UP)
    town.come(LI, seconds=2.0)
    acd.next_state("anna", AgentState.NOT_READY, "lunch")
    acd.next_state("anna", AgentState.READY)
    assert acd.agents()[0].pending is None
    acd.next_state("anna", AgentState.WRAP_UP)
    assert acd.agents()[0].pending == "wrap_up"
    town.leave(LI, 600.0)
    assert town.agent_state("anna") == "wrap_up"  # this queue has none; he asked for it
    acd.wrap_up_done("anna")
    town.come(LI, seconds=2.0)
    town.leave(LI, 1.0)
    assert town.agent_state("anna") == "ready"  # it was for that one call


def test_settings_that_could_not_work_are_found() -> None:
    wrong = msgspec.convert(
        {
            "queue": [{"name": "orders", "wrap_up_requires_disposition": True}],
            "disposition": [
                {"name": "sold", "queues": ["ordres"]},
                {"name": "sold", "queues": ["help"]},
                {"name": ""},
            ],
            "not_ready_reason": [{"name": ""}],
        },
        Settings,
    )
    said = "\n".join(map(str, check(wrong)))
    for part in ("ordres", "no after-call work", "sold", "it has no name"):
        assert part in said


def test_a_callback_is_wrapped_up_as_the_call_that_was_made_for_it(tmp_path: Path) -> None:
    town = town_of(
        tmp_path,
        wrap_up_s=5.0,
        wrap_up_requires_disposition=True,
        callback={"trunk": "carrier"},
    )
    town.come(LI, seconds=2.0)
    town.leave(LI, 1.0)
    town.centre.acd.wrap_up("anna", "nothing")
    town.who(WANG).answers_after = 1.0
    town.centre.floor.callbacks.request(WANG, "orders")
    town.run(10.0)
    assert town.conversations[-1] == (WANG, "anna")
    town.leave(WANG, 60.0)
    assert town.agent_state("anna") == "wrap_up"
    assert town.centre.acd.wrap_up("anna", "sold") == town.call_id(WANG)
    assert town.agent_state("anna") == "ready"
    assert town.records[town.call_id(WANG)].disposition == "sold"
    assert town.records[town.call_id(LI)].disposition == "nothing"
    town.assert_nothing_left()


def test_over_the_cti(tmp_path: Path) -> None:
    """Each refusal by a code that the CTI has; the server says it in an answer."""
    town = town_of(tmp_path, wrap_up_s=5.0, wrap_up_requires_disposition=True)
    ops: Any = Handlers(cast("Any", SimpleNamespace(centre=town.centre)))
    session: Any = None
    town.come(LI, seconds=2.0)
    ops.next_state(session, NextStateArgs(agent="anna", state=AgentState.NOT_READY, reason="lunch"))
    with pytest.raises(AcdError) as wrong:
        ops.wrap_up(session, WrapUpArgs(agent="anna", disposition="compliant"))
    assert ErrorCode(wrong.value.code) is ErrorCode.UNKNOWN_DISPOSITION
    town.leave(LI, 1.0)
    with pytest.raises(AcdError, match="what came of call") as owes:
        ops.ready(session, AgentArgs(agent="anna"))
    assert ErrorCode(owes.value.code) is ErrorCode.DISPOSITION_REQUIRED
    said = ops.wrap_up(session, WrapUpArgs(agent="anna", disposition="sold", notes="ten"))
    assert said.call == town.call_id(LI)
    town.run(5.0)
    assert town.agent_state("anna") == "not_ready"
    with pytest.raises(AcdError, match="as the next state") as late:
        ops.next_state(session, NextStateArgs(agent="anna", state=AgentState.READY))
    assert ErrorCode(late.value.code) is ErrorCode.WRONG_STATE
