"""What the distributor was told is in the journal, and gives the same decisions again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from virtual.centre import VirtualCentre

from ccd.acd.contact import Contact, QueueSettings
from ccd.acd.distributor import Assign, Distributor
from ccd.acd.tape import BEGIN, Input, UnreadableTapeError, decide_again, verify
from ccd.events import AnyEvent, DistributorTold, Event, Routed
from ccd.model import AgentState


@pytest.fixture
def centre(tmp_path: Path) -> VirtualCentre:
    return VirtualCentre(tmp_path)


def a_morning(centre: VirtualCentre) -> list[Event]:
    centre.staff(*list(centre.names)[:1])
    for _ in range(2):
        centre.caller_in_queue()
        centre.run(3.0)
        centre.do(centre.caller.hang_up)
    centre.run(1.0)
    return list(centre.events)


def read_back(events: list[Event]) -> list[Event]:
    return [msgspec.msgpack.decode(msgspec.msgpack.encode(each), type=AnyEvent) for each in events]


def test_a_journal_is_decided_again_as_it_was(centre: VirtualCentre) -> None:
    verdict = verify(read_back(a_morning(centre)))
    assert verdict.difference is None
    assert verdict.decisions == 2


def test_a_journal_that_was_tampered_with_is_told(centre: VirtualCentre) -> None:
    events = a_morning(centre)
    at = next(i for i, e in enumerate(events) if isinstance(e, Routed) and e.step == "assigned")
    routed = events[at]
    assert isinstance(routed, Routed)
    events[at] = msgspec.structs.replace(routed, agent="somebody")
    verdict = verify(events)
    assert verdict.decisions == 0
    assert verdict.difference is not None
    assert verdict.difference.was == (routed.contact, "somebody")
    assert verdict.difference.would_be == (routed.contact, routed.agent)


def test_inputs_are_published_in_batches(centre: VirtualCentre) -> None:
    told = [event for event in a_morning(centre) if isinstance(event, DistributorTold)]
    assert told[0].inputs[0][0] == BEGIN
    assert len(told) < sum(len(event.inputs) for event in told)


def test_what_is_before_the_first_beginning_is_passed_over() -> None:
    lost_beginning: list[Input] = [("agent_ready", ["anna", 1.0], {})]
    assert list(decide_again(lost_beginning)) == []


def test_an_unknown_verb_is_an_error_that_names_it() -> None:
    begin: Input = (BEGIN, [{}], {})
    with pytest.raises(UnreadableTapeError, match="knows no 'sing'"):
        list(decide_again([begin, ("sing", [], {})]))
    with pytest.raises(UnreadableTapeError, match="agent_ready"):
        list(decide_again([begin, ("agent_ready", ["anna", "noon"], {})]))


def test_what_was_refused_is_refused_again() -> None:
    tape: list[Input] = [(BEGIN, [{}], {})]
    acd = Distributor(
        tape=lambda verb, args, kwargs: tape.append(
            (verb, [msgspec.to_builtins(arg) for arg in args], kwargs)
        )
    )
    acd.add_queue(QueueSettings(name="orders"))
    with pytest.raises(ValueError, match="never logged on"):
        acd.agent_ready("anna", 0.0)
    acd.agent_log_on("anna", ["orders"], 1.0, skills={"orders": 3})
    acd.agent_ready("anna", 1.0)
    acd.enqueue(Contact(id="c1", queue="orders", enqueued_at=2.0), 2.0)
    again = [action for action in decide_again(tape) if isinstance(action, Assign)]
    assert again == [Assign("c1", "anna", "orders", 0.0)]


def test_what_waits_is_written_down_when_the_daemon_ends(centre: VirtualCentre) -> None:
    centre.centre.acd.log_on(next(iter(centre.names)))
    before = sum(isinstance(event, DistributorTold) for event in centre.events)
    centre.centre.close()
    assert sum(isinstance(event, DistributorTold) for event in centre.events) == before + 1


def test_a_kill_loses_the_last_inputs_and_nothing_else(centre: VirtualCentre) -> None:
    first = a_morning(centre)
    last_told = max(i for i, e in enumerate(first) if isinstance(e, DistributorTold))
    routed = next(e for e in first if isinstance(e, Routed) and e.step == "assigned")
    killed = [*first[:last_told], msgspec.structs.replace(routed, contact="lost")]
    begin = DistributorTold(inputs=((BEGIN, [{}], {}),))
    verdict = verify([*killed, begin])
    assert verdict.difference is None
    assert verdict.untold == 1


def test_a_decision_that_was_not_carried_out_is_told(centre: VirtualCentre) -> None:
    events = [event for event in a_morning(centre) if not isinstance(event, Routed)]
    verdict = verify(events)
    assert verdict.difference is not None
    assert verdict.difference.was is None


def test_a_day_of_transfers_is_decided_again_as_the_journal_has_it(tmp_path: Path) -> None:
    """The journal is JSON, in which a wrap-up without a limit is null."""
    centre = VirtualCentre(tmp_path, agents=2, wrap_up_s=float("inf"))
    centre.talking()
    acd = centre.centre.acd
    acd.not_ready("agent2", "lunch")
    centre.do(lambda: acd.transfer(centre.call, "agent2"), 3.0)
    acd.next_state("agent2", AgentState.READY)
    centre.do(centre.caller.hang_up)
    acd.engage("agent2", "own-1")
    acd.disengage("agent2", "own-1")
    for agent in ("agent1", "agent2"):
        acd.wrap_up_done(agent)
    centre.caller_in_queue()
    centre.run(3.0)
    events = [
        msgspec.json.decode(msgspec.json.encode(event), type=AnyEvent) for event in centre.events
    ]
    verdict = verify(events)
    assert verdict.difference is None
    assert verdict.decisions == 2
