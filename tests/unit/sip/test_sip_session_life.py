"""The life of a session, pair by pair: what each event does in each state."""

from __future__ import annotations

import pytest
from sip_calls import ANSWER, OFFER, Pair

from ccd.sip.session import LEAVING_S, LIFE, Session, SessionEvent, SessionState

S, E = SessionState, SessionEvent

# Written down a second time, from RFC 3261 (9, 13, 15), 3262 and 6026 instead of the code:
# the next state, what goes on the wire because of it, and whether its owner is told the end.
EXPECTED: dict[tuple[SessionState, SessionEvent], tuple[SessionState, list[str], bool]] = {
    (S.RINGING, E.ACCEPT): (S.ANSWERED, [], False),
    (S.RINGING, E.REFUSE): (S.ENDED, ["486"], True),
    (S.RINGING, E.TERMINATE): (S.ENDED, ["480"], True),
    (S.RINGING, E.CANCEL): (S.ENDED, ["487"], True),
    (S.RINGING, E.BYE): (S.ENDED, ["487"], True),
    (S.RINGING, E.EXPIRED): (S.ENDED, ["487"], True),
    (S.RINGING, E.UNACKNOWLEDGED): (S.ENDED, ["504"], True),
    (S.RINGING, E.UNANSWERED): (S.ENDED, ["488"], True),
    (S.ANSWERED, E.ACK): (S.CONFIRMED, [], False),
    (S.ANSWERED, E.TERMINATE): (S.ENDING, [], True),
    (S.ANSWERED, E.BYE): (S.ENDED, [], True),
    (S.ANSWERED, E.UNACKNOWLEDGED): (S.LEAVING, ["BYE"], True),
    (S.ANSWERED, E.UNANSWERED): (S.LEAVING, ["BYE"], True),
    (S.ENDING, E.ACK): (S.LEAVING, ["BYE"], True),
    (S.ENDING, E.UNACKNOWLEDGED): (S.LEAVING, ["BYE"], True),
    (S.ENDING, E.UNANSWERED): (S.LEAVING, ["BYE"], True),
    (S.ENDING, E.BYE): (S.ENDED, [], True),
    (S.WAITING, E.FREE): (S.CALLING, ["INVITE"], False),
    (S.WAITING, E.TERMINATE): (S.ENDED, [], True),
    (S.CALLING, E.PROVISIONAL): (S.PROCEEDING, [], False),
    (S.CALLING, E.SUCCESS): (S.CONFIRMED, ["ACK"], False),
    (S.CALLING, E.SUCCESS_WITH_OFFER): (S.ACCEPTED, [], False),
    (S.CALLING, E.SUCCESS_UNUSABLE): (S.LEAVING, ["ACK", "BYE"], True),
    (S.CALLING, E.FAILURE): (S.ENDED, [], True),
    (S.CALLING, E.TERMINATE): (S.CANCELLING, [], False),
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, [], False),
    (S.PROCEEDING, E.SUCCESS): (S.CONFIRMED, ["ACK"], False),
    (S.PROCEEDING, E.SUCCESS_WITH_OFFER): (S.ACCEPTED, [], False),
    (S.PROCEEDING, E.SUCCESS_UNUSABLE): (S.LEAVING, ["ACK", "BYE"], True),
    (S.PROCEEDING, E.FAILURE): (S.ENDED, [], True),
    (S.PROCEEDING, E.TERMINATE): (S.CANCELLING, ["CANCEL"], False),
    (S.CANCELLING, E.PROVISIONAL): (S.CANCELLING, [], False),
    (S.CANCELLING, E.SUCCESS): (S.LEAVING, ["ACK", "BYE"], True),
    (S.CANCELLING, E.SUCCESS_WITH_OFFER): (S.LEAVING, ["ACK", "BYE"], True),
    (S.CANCELLING, E.SUCCESS_UNUSABLE): (S.LEAVING, ["ACK", "BYE"], True),
    (S.CANCELLING, E.FAILURE): (S.ENDED, [], True),
    (S.ACCEPTED, E.ANSWER): (S.CONFIRMED, ["ACK"], False),
    (S.ACCEPTED, E.TERMINATE): (S.LEAVING, ["ACK", "BYE"], True),
    (S.ACCEPTED, E.BYE): (S.ENDED, ["ACK"], True),
    (S.LEAVING, E.LEFT): (S.ENDED, [], True),
    (S.LEAVING, E.BYE): (S.ENDED, [], True),
    (S.CONFIRMED, E.TERMINATE): (S.LEAVING, ["BYE"], True),
    (S.CONFIRMED, E.BYE): (S.ENDED, [], True),
    (S.CONFIRMED, E.UNACKNOWLEDGED): (S.LEAVING, ["BYE"], True),
    (S.CONFIRMED, E.UNANSWERED): (S.LEAVING, ["BYE"], True),
    (S.CONFIRMED, E.DEAD): (S.LEAVING, ["BYE"], True),
}

DETAILS = {
    E.REFUSE: (486, None, ()),
    E.FAILURE: (503, "Service Unavailable", "transport", None),
}


def in_state(state: SessionState) -> tuple[Pair, Session]:
    """A session brought into `state` by a real call, with the wire quiet."""
    pair = Pair()
    if state is S.WAITING:
        earlier, _ = pair.answered_call()
        pair.lose("BYE", times=99)
        earlier.terminate(now=pair.now)
        session = pair.call(after=[earlier])
        assert session.state is state
        pair.caller.events.clear()
        pair.network.trace.clear()
        return pair, session
    incoming = state in (S.RINGING, S.ANSWERED, S.ENDING)
    late = state is S.ACCEPTED
    ours = pair.call(None if late else OFFER)
    theirs = pair.callee.session
    if state in (S.ANSWERED, S.ENDING):
        pair.lose("ACK", times=99)
    if state is S.CALLING:
        pass
    elif state in (S.PROCEEDING, S.CANCELLING):
        theirs.progress(180, now=pair.now)
    elif state is not S.RINGING:
        theirs.accept(OFFER if late else ANSWER, now=pair.now)
    pair.settle()
    session = theirs if incoming else ours
    if state is S.CANCELLING:
        pair.lose("CANCEL", times=99)
        session.terminate(now=pair.now)
    elif state in (S.ENDING, S.LEAVING, S.ENDED):
        if state is S.LEAVING:
            pair.lose("BYE", times=99)
        session.terminate(now=pair.now)
    pair.settle()
    assert session.state is state
    if session.dialog is None:
        # What a 2xx would have left behind.
        session.dialog = next(iter(session.outbound._early.values()), theirs_as_dialog(pair))
    pair.network.trace.clear()
    return pair, session


def theirs_as_dialog(pair: Pair):
    from ccd.sip.dialog import Dialog
    from ccd.sip.message import Request

    invite = pair.callee.session.request
    assert isinstance(invite, Request)
    return Dialog.of_server(invite, pair.callee.hop, "anything")


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("event", list(E))
def test_every_event_in_every_state(state: SessionState, event: SessionEvent) -> None:
    pair, session = in_state(state)
    then, wire, over = EXPECTED.get((state, event), (state, [], session.over))
    known = (state, event) in EXPECTED
    side = pair.callee if session.incoming else pair.caller
    ends = len(side.ends)
    detail = DETAILS.get(event, "why") if event is not E.ACK else None

    assert session.fire(event, pair.now, detail) is known
    assert session.state is then
    assert session.over is over
    pair.network._settle()
    own = [sent for sent in pair.network.trace if sent.source == side.hop]
    lines = [sent.start_line.split(" ") for sent in own]
    assert [words[1] if words[0] == "SIP/2.0" else words[0] for words in lines] == wire
    assert len(side.ends) == max(ends, 1 if over else 0)


def test_the_table_has_exactly_these_transitions() -> None:
    assert {pair: step[0] for pair, step in LIFE.items()} == {
        pair: step[0] for pair, step in EXPECTED.items()
    }


def test_every_state_can_be_left_by_its_owner_or_ends_by_itself() -> None:
    by_itself = {S.ENDED, S.ENDING, S.LEAVING, S.CANCELLING}
    assert {state for state in S if (state, E.TERMINATE) not in LIFE} == by_itself


def test_the_end_is_told_with_the_bye_and_the_dialog_lasts_until_its_answer() -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    pair.lose("BYE")
    ours.terminate(now=pair.now)
    pair.settle()
    assert ours.over
    assert ours.leaving
    assert not theirs.over
    pair.settle(0.6)  # T1: it is sent again
    assert (ours.state, theirs.over) == (S.ENDED, True)
    pair.finish()


def test_a_far_end_that_never_answers_a_bye_is_waited_for_a_second() -> None:
    pair = Pair()
    ours, _ = pair.answered_call()
    pair.lose("BYE", times=99)
    ours.terminate(now=pair.now)
    pair.settle(LEAVING_S - 0.1)
    assert ours.leaving
    pair.settle(0.2)
    assert ours.state is S.ENDED
    assert pair.lines().count("BYE") == 2
    pair.network.filter = None
    pair.finish()


def test_a_bye_of_theirs_that_crosses_ours_ends_the_dialog() -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    pair.lose("SIP/2.0 200")
    theirs.terminate(now=pair.now)
    ours.terminate(now=pair.now)
    assert ours.leaving
    pair.settle(0.01)
    assert (ours.state, theirs.state) == (S.ENDED, S.ENDED)
    pair.finish()


def test_a_call_after_another_is_sent_when_that_one_is_over_for_the_far_end() -> None:
    pair = Pair()
    first, _ = pair.answered_call()
    pair.lose("BYE")
    first.terminate(now=pair.now)
    second = pair.call(after=[first])
    assert second.state is S.WAITING
    assert "INVITE" not in pair.lines()
    pair.settle(0.6)
    assert pair.lines()[:3] == ["BYE", "200", "INVITE"]
    assert second.state is S.CALLING
    second.terminate(now=pair.now)
    pair.callee.session.reject(486, now=pair.now)
    pair.finish()


def test_a_call_that_waits_and_is_not_wanted_any_more_is_never_sent() -> None:
    pair = Pair()
    first, _ = pair.answered_call()
    pair.lose("BYE")
    first.terminate(now=pair.now)
    second = pair.call(after=[first])
    second.terminate(now=pair.now)
    assert second.over
    pair.finish()
    assert "INVITE" not in pair.lines()
    assert [end.cancelled for end in pair.caller.ends] == [False, True]


def test_a_call_after_one_whose_ack_never_came_waits_a_second() -> None:
    """The BYE of a call answered by us waits for its ACK, half a minute maybe (RFC 3261, 15)."""
    pair = Pair()
    pair.lose("ACK", times=99)
    pair.call()
    theirs = pair.callee.session
    theirs.accept(ANSWER, now=pair.now)
    pair.settle()
    theirs.terminate(now=pair.now)
    assert theirs.state is S.ENDING
    back = pair.callee.agent.invite(
        "sip:alice@192.0.2.1",
        pair.caller.hop,
        from_="<sip:95500@192.0.2.2>",
        to="<sip:alice@192.0.2.1>",
        sdp=OFFER,
        now=pair.now,
        after=[theirs],
    )
    pair.settle(LEAVING_S - 0.1)
    assert back.state is S.WAITING
    pair.settle(0.2)
    assert back.state in (S.CALLING, S.PROCEEDING)
    back.terminate(now=pair.now)
    pair.caller.session.terminate(now=pair.now)
    pair.network.filter = None
    pair.network.run()


def test_a_header_with_a_line_break_is_refused_and_the_call_goes_on() -> None:
    pair, session = in_state(S.RINGING)
    evil = [("X", "a\r\nVia: b")]
    with pytest.raises(ValueError, match="CR or LF"):
        session.accept(ANSWER, now=pair.now, headers=evil)
    with pytest.raises(ValueError, match="CR or LF"):
        session.reject(486, now=pair.now, phrase="No\nway")
    assert session.state is S.RINGING
    session.terminate(now=pair.now, reason="any\r\nwords")
    [end] = pair.callee.ends or [None]
    pair.settle()
    [end] = pair.callee.ends
    assert end.reason == 'SIP;text="any words"'
    pair.finish()
