"""Offer and answer in calls: late offers, re-INVITE, UPDATE, glare, PRACK, session timers."""

from __future__ import annotations

import pytest
from sip_calls import ANSWER, ANSWER_2, OFFER, OFFER_2, Pair

from ccd.sip.events import (
    Accepted,
    Confirmed,
    InviteReceived,
    OfferAnswered,
    OfferReceived,
    OfferRefused,
    Progressed,
    Terminated,
)
from ccd.sip.message import Request, Response, parse
from ccd.sip.offers import TABLE, Move, OfferAnswer, Turn


class TestTurns:
    EXPECTED = {  # noqa: RUF012
        (Turn.IDLE, Move.OFFER_SENT): Turn.LOCAL,
        (Turn.IDLE, Move.OFFER_RECEIVED): Turn.REMOTE,
        (Turn.LOCAL, Move.ANSWER_RECEIVED): Turn.STABLE,
        (Turn.LOCAL, Move.REFUSED): Turn.IDLE,
        (Turn.REMOTE, Move.ANSWER_SENT): Turn.STABLE,
        (Turn.REMOTE, Move.REFUSED): Turn.IDLE,
        (Turn.STABLE, Move.OFFER_SENT): Turn.LOCAL,
        (Turn.STABLE, Move.OFFER_RECEIVED): Turn.REMOTE,
    }
    ROADS = {  # noqa: RUF012
        Turn.IDLE: [],
        Turn.LOCAL: [Move.OFFER_SENT],
        Turn.REMOTE: [Move.OFFER_RECEIVED],
        Turn.STABLE: [Move.OFFER_SENT, Move.ANSWER_RECEIVED],
    }

    @pytest.mark.parametrize("turn", list(Turn))
    @pytest.mark.parametrize("move", list(Move))
    def test_every_move_at_every_turn(self, turn: Turn, move: Move) -> None:
        offers = OfferAnswer()
        for step in self.ROADS[turn]:
            assert offers.move(step, b"before")
        assert offers.turn is turn
        then = self.EXPECTED.get((turn, move))
        assert offers.move(move, b"sdp") is (then is not None)
        assert offers.turn is (then or turn)

    def test_the_table_says_no_more_than_that(self) -> None:
        assert TABLE == self.EXPECTED

    def test_a_refusal_restores_what_was_agreed(self) -> None:
        offers = OfferAnswer()
        offers.move(Move.OFFER_SENT, b"a")
        offers.move(Move.ANSWER_RECEIVED, b"b")
        offers.move(Move.OFFER_RECEIVED, b"c")
        offers.move(Move.REFUSED)
        assert (offers.turn, offers.local, offers.remote) == (Turn.STABLE, b"a", b"b")


class TestLateOffer:
    def test_the_2xx_offers_and_the_ack_answers(self) -> None:
        pair = Pair()
        ours = pair.call(None)
        theirs = pair.callee.session
        assert theirs.remote_sdp is None
        theirs.accept(OFFER, now=pair.now)
        pair.settle()
        assert pair.caller.events == [Accepted(ours, OFFER, is_offer=True)]
        assert pair.lines() == ["INVITE", "200"]
        ours.answer(ANSWER, now=pair.now)
        pair.settle()
        assert pair.lines() == ["ACK"]
        assert pair.callee.events[-1] == Confirmed(theirs, ANSWER)
        assert (theirs.local_sdp, theirs.remote_sdp) == (OFFER, ANSWER)
        ours.terminate(now=pair.now)
        pair.finish()

    def test_an_offer_not_wanted_is_acknowledged_and_the_call_ended(self) -> None:
        pair = Pair()
        ours = pair.call(None)
        pair.callee.session.accept(OFFER, now=pair.now)
        pair.settle()
        ours.refuse_offer(now=pair.now)
        pair.settle()
        # The callee, too, hangs up when the ACK brings no answer.
        assert pair.lines() == ["INVITE", "200", "ACK", "BYE", "BYE", "200", "200"]
        assert [end.by for end in pair.caller.ends] == ["local"]
        [end] = pair.callee.ends
        assert (end.by, end.reason) == ("local", "the ACK carried no answer to our offer")
        pair.finish()

    def test_the_far_end_hangs_up_before_our_answer(self) -> None:
        pair = Pair()
        ours = pair.call(None)
        theirs = pair.callee.session
        theirs.accept(OFFER, now=pair.now)
        pair.settle(33.0)
        assert pair.callee.ends[0].by == "timeout"
        assert pair.caller.ends[0].by == "remote"
        ours.answer(ANSWER, now=pair.now)
        pair.finish()

    def test_a_2xx_without_any_description_is_no_call(self) -> None:
        pair = Pair()
        pair.call(None)
        pair.callee.session.accept(b"", now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "200", "ACK", "BYE", "BYE", "200", "200"]
        assert pair.caller.told() == ["Rejected", "Terminated"]
        pair.finish()

    def test_early_media_cannot_go_before_an_offer(self) -> None:
        pair = Pair()
        ours = pair.call(None)
        pair.callee.session.progress(183, OFFER, now=pair.now)
        pair.settle()
        assert pair.caller.events == [Progressed(ours, 183, None)]


@pytest.mark.parametrize("callee_offers", [False, True])
class TestReInvite:
    def test_offer_and_answer(self, callee_offers: bool) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        here, there = (theirs, ours) if callee_offers else (ours, theirs)
        side = pair.caller if callee_offers else pair.callee
        back = pair.callee if callee_offers else pair.caller
        here.offer(OFFER_2, now=pair.now)
        pair.settle()
        assert side.events == [OfferReceived(there, OFFER_2)]
        there.answer(ANSWER_2, now=pair.now)
        pair.settle()
        assert back.events == [OfferAnswered(here, ANSWER_2)]
        assert pair.lines() == ["INVITE", "200", "ACK"]
        assert (here.local_sdp, here.remote_sdp) == (OFFER_2, ANSWER_2)
        assert (there.local_sdp, there.remote_sdp) == (ANSWER_2, OFFER_2)
        here.terminate(now=pair.now)
        pair.finish()

    def test_refused_and_everything_stays(self, callee_offers: bool) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        here, there = (theirs, ours) if callee_offers else (ours, theirs)
        back = pair.callee if callee_offers else pair.caller
        before = (here.local_sdp, here.remote_sdp)
        here.offer(OFFER_2, now=pair.now)
        pair.settle()
        there.refuse_offer(now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "488", "ACK"]
        assert back.events == [OfferRefused(here, 488)]
        assert (here.local_sdp, here.remote_sdp) == before
        assert str(here.state) == "confirmed"

    def test_without_an_offer(self, callee_offers: bool) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        here, there = (theirs, ours) if callee_offers else (ours, theirs)
        side = pair.caller if callee_offers else pair.callee
        back = pair.callee if callee_offers else pair.caller
        here.offer(None, now=pair.now)
        pair.settle()
        assert side.events == [OfferReceived(there, None)]
        there.answer(OFFER_2, now=pair.now)
        pair.settle()
        assert back.events == [OfferReceived(here, OFFER_2)]
        here.answer(ANSWER_2, now=pair.now)
        pair.settle()
        assert side.events[-1] == OfferAnswered(there, ANSWER_2)
        assert pair.lines() == ["INVITE", "200", "ACK"]
        here.terminate(now=pair.now)
        pair.finish()


class TestRenegotiationTrouble:
    def test_glare_both_wait_and_the_one_that_did_not_call_goes_first(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        for side in (pair.caller, pair.callee):
            side.on(OfferReceived, lambda event: event.session.answer(ANSWER_2, now=pair.now))
        ours.offer(OFFER_2, now=pair.now)
        theirs.offer(OFFER_2, now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "INVITE", "491", "491", "ACK", "ACK"]
        pair.settle(2.05)
        assert pair.lines() == ["INVITE", "200", "ACK"]
        assert pair.callee.told() == ["OfferAnswered"]
        pair.settle(2.1)
        assert pair.lines() == ["INVITE", "200", "ACK"]
        assert pair.caller.told() == ["OfferReceived", "OfferAnswered"]
        assert pair.callee.told() == ["OfferReceived"]
        ours.terminate(now=pair.now)
        pair.finish()

    def test_a_second_offer_while_the_first_is_unanswered_is_refused_500(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        ours.offer(OFFER_2, now=pair.now)
        pair.settle()
        ours.send_in_dialog("INVITE", pair.now, headers=[("Contact", ours.contact)], body=OFFER)
        pair.settle()
        refusal = parse(pair.messages("SIP/2.0 500")[0].data)
        assert 0 <= int(refusal.headers.get("Retry-After")) <= 10
        theirs.answer(ANSWER_2, now=pair.now)
        pair.settle()
        assert pair.caller.told() == ["OfferAnswered"]

    def test_our_second_offer_waits_for_its_turn(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        ours.offer(OFFER_2, now=pair.now)
        ours.offer(OFFER, now=pair.now)
        pair.settle()
        theirs.answer(ANSWER_2, now=pair.now)
        pair.settle()
        theirs.answer(ANSWER, now=pair.now)
        pair.settle()
        assert [event.sdp for event in pair.callee.events] == [OFFER_2, OFFER]
        assert [event.sdp for event in pair.caller.events] == [ANSWER_2, ANSWER]

    def test_an_offer_made_while_the_phone_rings_goes_out_after_the_answer(self) -> None:
        pair = Pair()
        ours = pair.call()
        theirs = pair.callee.session
        ours.offer(OFFER_2, now=pair.now)
        theirs.accept(ANSWER, now=pair.now)
        pair.settle()
        assert pair.callee.told() == ["InviteReceived", "Confirmed", "OfferReceived"]

    def test_a_reinvite_whose_2xx_is_never_acknowledged_ends_the_call(self) -> None:
        pair = Pair()
        ours, _theirs = pair.answered_call()
        pair.callee.on(OfferReceived, lambda event: event.session.answer(ANSWER_2, now=pair.now))
        pair.lose("ACK", times=100)
        ours.offer(OFFER_2, now=pair.now)
        pair.settle(40.0)
        assert [end.by for end in pair.callee.ends] == ["timeout"]
        assert [end.by for end in pair.caller.ends] == ["remote"]
        pair.finish()

    def test_a_lost_ack_to_a_reinvite_is_repeated(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        pair.callee.on(OfferReceived, lambda event: event.session.answer(ANSWER_2, now=pair.now))
        pair.lose("ACK")
        ours.offer(OFFER_2, now=pair.now)
        pair.settle(1.0)
        assert pair.lines() == ["INVITE", "200", "ACK", "200", "ACK"]
        assert theirs.ack_wait is None

    def test_a_reinvite_shows_that_the_2xx_before_it_arrived(self) -> None:
        pair = Pair()
        pair.lose("ACK")
        ours = pair.call()
        theirs = pair.callee.session
        theirs.accept(ANSWER, now=pair.now)
        pair.settle()
        ours.offer(OFFER_2, now=pair.now)
        pair.settle()
        assert pair.callee.told() == ["InviteReceived", "Confirmed", "OfferReceived"]

    def test_a_cancelled_reinvite_leaves_the_call_as_it_was(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        ours.offer(OFFER_2, now=pair.now)
        pair.settle(0.3)  # until the 100
        exchange = ours.media._local
        assert exchange is not None
        exchange.cancel(pair.now, None)
        pair.settle()
        assert pair.lines() == ["INVITE", "100", "CANCEL", "200", "487", "ACK"]
        assert pair.caller.events == [OfferRefused(ours, 487)]
        assert theirs.remote_sdp == OFFER
        theirs.answer(ANSWER_2, now=pair.now)  # too late
        pair.settle()
        assert pair.lines() == []

    def test_hanging_up_with_an_offer_pending(self) -> None:
        pair = Pair()
        ours, _theirs = pair.answered_call()
        ours.offer(OFFER_2, now=pair.now)
        pair.settle()
        ours.terminate(now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "BYE", "487", "200", "ACK"]
        assert pair.callee.told() == ["OfferReceived", "Terminated"]
        pair.finish()

    @pytest.mark.parametrize("code", [408, 481])
    def test_a_dialog_that_is_gone_is_ended(self, code: int) -> None:
        pair = Pair()
        ours, _theirs = pair.answered_call()
        pair.callee.on(OfferReceived, lambda event: event.session.refuse_offer(code, now=pair.now))
        ours.offer(OFFER_2, now=pair.now)
        pair.settle()
        assert [end.by for end in pair.caller.ends] == ["timeout"]
        pair.finish()


class TestUpdate:
    def update(self, pair: Pair, session, body: bytes = b"", **options) -> None:
        session.send_in_dialog(
            "UPDATE", pair.now, headers=[("Contact", session.contact)], body=body, **options
        )
        pair.settle()

    def test_an_update_in_a_call_is_an_offer(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        self.update(pair, ours, OFFER_2)
        assert pair.callee.events == [OfferReceived(theirs, OFFER_2)]
        theirs.answer(ANSWER_2, now=pair.now)
        pair.settle()
        [reply] = [parse(sent.data) for sent in pair.messages("SIP/2.0 200")]
        assert reply.body == ANSWER_2
        assert pair.lines() == ["UPDATE", "200"]

    def test_an_update_without_a_description_moves_the_target_only(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        ours.contact = "<sip:elsewhere@192.0.2.1:5062>"
        self.update(pair, ours)
        assert pair.callee.told() == []
        assert theirs.dialog.target == "sip:elsewhere@192.0.2.1:5062"
        assert pair.lines() == ["UPDATE", "200"]

    def test_an_update_before_our_answer_comes_too_early(self) -> None:
        pair = Pair()
        ours = pair.call()
        pair.callee.session.progress(180, now=pair.now)
        pair.settle()
        pair.lines()
        self.update(pair, ours, OFFER_2)
        assert pair.lines() == ["UPDATE", "500"]

    def test_updates_that_cross_are_refused_491(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        theirs.offer(OFFER_2, now=pair.now)
        ours.send_in_dialog("UPDATE", pair.now, headers=[("Contact", ours.contact)], body=OFFER_2)
        pair.settle()
        assert "491" in pair.lines()

    def test_before_the_answer_our_offer_goes_in_an_update(self) -> None:
        pair = Pair()
        ours = pair.call(headers=[("Require", "100rel")])
        theirs = pair.callee.session
        theirs.progress(183, ANSWER, now=pair.now)
        pair.settle()
        pair.lines()
        pair.callee.events.clear()
        pair.caller.events.clear()
        ours.offer(OFFER_2, now=pair.now)
        pair.settle()
        assert pair.callee.events == [OfferReceived(theirs, OFFER_2)]
        theirs.answer(ANSWER_2, now=pair.now)
        pair.settle()
        assert pair.caller.events == [OfferAnswered(ours, ANSWER_2)]
        assert pair.lines() == ["UPDATE", "200"]
        theirs.offer(OFFER, now=pair.now)
        pair.settle()
        ours.answer(ANSWER, now=pair.now)
        pair.settle()
        assert pair.lines() == ["UPDATE", "200"]
        theirs.accept(b"unused", now=pair.now)
        pair.settle()
        assert pair.caller.events[-1] == Accepted(ours, OFFER, is_offer=False)


class TestPrack:
    def call(self, **options) -> Pair:
        pair = Pair(**options)
        pair.call(headers=[("Require", "100rel")])
        return pair

    def test_a_reliable_provisional_is_acknowledged(self) -> None:
        pair = self.call()
        theirs = pair.callee.session
        theirs.progress(180, now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "180", "PRACK", "200"]
        assert pair.caller.told() == ["Progressed"]
        theirs.accept(ANSWER, now=pair.now)
        pair.settle()
        assert pair.lines() == ["200", "ACK"]
        assert pair.caller.told() == ["Accepted"]
        theirs.terminate(now=pair.now)
        pair.finish()

    def test_it_is_repeated_until_then_and_told_once(self) -> None:
        pair = self.call()
        pair.lose("PRACK", times=2)
        pair.callee.session.progress(183, ANSWER, now=pair.now)
        pair.settle(3.0)
        lines = pair.lines()
        assert lines.count("183") == 3
        assert lines[-1] == "200"
        assert pair.caller.told() == ["Progressed"]

    def test_without_any_prack_the_invite_is_refused_504(self) -> None:
        pair = self.call()
        pair.lose("PRACK", times=1000)
        pair.callee.session.progress(180, now=pair.now)
        pair.settle(40.0)
        assert [end.by for end in pair.callee.ends] == ["timeout"]
        assert pair.caller.last(Terminated).by == "remote"
        assert pair.caller.events[-2].code == 504
        pair.finish()

    def test_the_second_waits_for_the_prack_of_the_first(self) -> None:
        pair = self.call()
        theirs = pair.callee.session
        theirs.progress(180, now=pair.now)
        theirs.progress(183, ANSWER, now=pair.now)
        theirs.accept(ANSWER, now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "180", "PRACK", "200", "183", "PRACK", "200", "200", "ACK"]  # fmt: skip
        numbers = [
            int(parse(sent.data).headers.get("RSeq"))
            for sent in pair.network.trace
            if b"RSeq" in sent.data
        ]
        assert numbers == sorted(numbers)
        assert [type(event) for event in pair.caller.events] == [Progressed, Progressed, Accepted]
        assert pair.caller.events[-1].sdp == ANSWER

    def test_an_answer_given_reliably_is_not_repeated_in_the_2xx(self) -> None:
        pair = self.call()
        theirs = pair.callee.session
        theirs.progress(183, ANSWER, now=pair.now)
        pair.settle()
        pair.network.trace.clear()
        theirs.accept(ANSWER, now=pair.now)
        pair.settle()
        [ok] = [parse(sent.data) for sent in pair.messages("SIP/2.0 200")]
        assert isinstance(ok, Response)
        assert ok.body == b""
        assert pair.caller.events[-1].sdp == ANSWER

    def test_a_late_offer_goes_in_the_provisional_and_its_answer_in_the_prack(self) -> None:
        pair = Pair()
        ours = pair.call(None, headers=[("Require", "100rel")])
        theirs = pair.callee.session
        theirs.progress(183, OFFER, now=pair.now)
        pair.settle()
        assert pair.caller.events == [Progressed(ours, 183, None), OfferReceived(ours, OFFER)]
        assert pair.lines() == ["INVITE", "183"]
        ours.answer(ANSWER, now=pair.now)
        pair.settle()
        assert pair.callee.events[-1] == OfferAnswered(theirs, ANSWER)
        theirs.accept(OFFER, now=pair.now)
        pair.settle()
        assert pair.lines() == ["PRACK", "200", "200", "ACK"]
        assert pair.caller.events[-1] == Accepted(ours, OFFER, is_offer=False)
        ours.terminate(now=pair.now)
        pair.finish()

    @pytest.mark.parametrize("rack", ["", "1 1 INVITE", "x", "99999999999 1 INVITE", "0 1 BYE"])
    def test_a_prack_for_nothing_is_answered_481(self, rack: str) -> None:
        pair = Pair()
        ours = pair.call(headers=[("Require", "100rel")])
        pair.callee.session.progress(100, now=pair.now)
        pair.callee.session.progress(180, now=pair.now)
        pair.settle()
        pair.lines()
        ours.send_in_dialog("PRACK", pair.now, headers=[("RAck", rack)])
        pair.settle()
        assert pair.lines()[:2] == ["PRACK", "481"]

    def test_supported_only_is_not_used_unless_we_prefer_it(self) -> None:
        pair = Pair()
        pair.call()
        pair.callee.session.progress(180, now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "180"]
        pair = Pair(callee={"prefers_reliable": True})
        pair.call()
        pair.callee.session.progress(180, now=pair.now)
        pair.settle()
        assert pair.lines() == ["INVITE", "180", "PRACK", "200"]

    def test_cancel_before_the_prack(self) -> None:
        pair = self.call()
        pair.lose("PRACK", times=1000)
        pair.callee.session.progress(180, now=pair.now)
        pair.settle()
        pair.caller.session.terminate(now=pair.now)
        pair.settle()
        assert len(pair.callee.ends) == len(pair.caller.ends) == 1
        pair.network.filter = None
        pair.finish()


class TestSessionTimer:
    def test_the_refresher_refreshes_with_update_and_nobody_notices(self) -> None:
        pair = Pair()
        ours, theirs = pair.answered_call()
        assert ours.timer.interval == theirs.timer.interval == 1800
        assert (ours.timer.ours, theirs.timer.ours) == (True, False)
        pair.settle(3600.0)
        assert pair.lines() == ["UPDATE", "200"] * 4
        assert pair.caller.told() == pair.callee.told() == []
        ours.terminate(now=pair.now)
        pair.finish()

    def test_a_far_end_that_knows_no_update_gets_a_reinvite(self) -> None:
        pair = Pair(callee={"session_expires": 100})
        ours, _theirs = pair.answered_call()
        ours.peer_allows = frozenset({"INVITE"})
        pair.callee.on(OfferReceived, lambda event: event.session.answer(ANSWER, now=pair.now))
        pair.settle(51.0)
        assert pair.lines() == ["INVITE", "200", "ACK"]
        assert pair.caller.told() == []  # the answer is the same as before

    def test_a_far_end_that_stops_refreshing_is_gone(self) -> None:
        pair = Pair(callee={"session_expires": 90})
        ours, _theirs = pair.answered_call()
        ours.timer.stop()
        pair.settle(90.0)
        assert [(end.by, end.reason) for end in pair.callee.ends] == [
            ("timeout", "session timer expired")
        ]
        assert [end.by for end in pair.caller.ends] == ["remote"]
        pair.finish()

    def test_a_refresh_that_is_not_answered_ends_the_call(self) -> None:
        pair = Pair(caller={"session_expires": 90})
        pair.answered_call()
        pair.network.loss = 1.0
        pair.settle(45.0 + 33.0)
        assert [end.by for end in pair.caller.ends] == ["timeout"]
        pair.finish()

    def test_too_small_an_interval_is_raised_after_a_422(self) -> None:
        pair = Pair(caller={"session_expires": 30})
        pair.callee.agent  # noqa: B018
        ours = pair.call()
        theirs = pair.callee.session
        assert theirs.request.headers.get("Session-Expires") == "90"
        theirs.timer.minimum = 90
        assert ours.timer.request_headers() == [("Session-Expires", "90")]

    def test_422_makes_a_new_attempt_with_its_min_se(self) -> None:
        pair = Pair(caller={"session_expires": 100})
        seen: list[str] = []

        def invited(event) -> None:
            headers = event.session.request.headers
            seen.append(headers.get("Session-Expires"))
            if len(seen) == 1:
                event.session.reject(422, now=pair.now, headers=[("Min-SE", "600")])
            else:
                assert headers.get("Min-SE") == "600"
                event.session.accept(ANSWER, now=pair.now)

        pair.callee.on(InviteReceived, invited)
        ours = pair.call()
        assert seen == ["100", "600"]
        assert pair.caller.told() == ["Accepted"]
        assert pair.lines() == ["INVITE", "422", "ACK", "INVITE", "200", "ACK"]
        assert ours.timer.interval == 600
        ours.terminate(now=pair.now)
        pair.finish()

    def test_without_support_on_their_side_there_is_none(self) -> None:
        pair = Pair(caller={"session_expires": None})
        pair.caller.agent.capabilities = []
        ours, theirs = pair.answered_call()
        assert ours.timer.interval is None
        assert theirs.timer.interval is None


class TestForking:
    """A proxy sends our INVITE to several phones: their responses, made by hand."""

    def answer(self, pair: Pair, code: int, tag: str, body: bytes = b"", extra: str = "") -> None:
        invite = parse(pair.messages("INVITE")[-1].data)
        assert isinstance(invite, Request)
        lines = [
            f"SIP/2.0 {code} X",
            f"Via: {invite.headers['Via']}",
            f"From: {invite.headers['From']}",
            f"To: {invite.headers['To']};tag={tag}",
            f"Call-ID: {invite.headers['Call-ID']}",
            f"CSeq: {invite.headers['CSeq']}",
            f"Contact: <sip:{tag}@192.0.2.2:5060>",
            "Record-Route: <sip:192.0.2.2:5060;lr>, <sip:192.0.2.3;lr>",
            "Allow: INVITE, UPDATE",
        ]
        if extra:
            lines.append(extra)
        if body:
            lines.append("Content-Type: application/sdp")
        data = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
        pair.network.inject(data, pair.callee.hop, pair.caller.hop)

    def test_the_first_to_answer_wins_and_the_others_are_ended(self) -> None:
        pair = Pair()
        pair.network.filter = lambda sent: sent.target != pair.callee.hop
        ours = pair.call()
        self.answer(pair, 180, "one")
        self.answer(pair, 183, "two", b"early two")
        self.answer(pair, 200, "two", ANSWER)
        self.answer(pair, 200, "one", ANSWER_2)
        self.answer(pair, 200, "two", ANSWER)
        self.answer(pair, 200, "one", ANSWER_2)
        pair.settle()
        sent = [line.split(" SIP")[0] for line in pair.network.lines()]
        assert sent == [
            "INVITE sip:95500@192.0.2.2",
            "ACK sip:two@192.0.2.2:5060",
            "ACK sip:one@192.0.2.2:5060",
            "BYE sip:one@192.0.2.2:5060",
            "ACK sip:two@192.0.2.2:5060",
            "ACK sip:one@192.0.2.2:5060",
        ]
        assert pair.caller.told() == ["Progressed", "Progressed", "Accepted"]
        assert ours.remote_sdp == ANSWER
        ours.terminate(now=pair.now)
        pair.finish()

    def test_the_route_set_is_reversed_and_used(self) -> None:
        pair = Pair()
        pair.network.filter = lambda sent: sent.target != pair.callee.hop
        ours = pair.call()
        self.answer(pair, 200, "one", ANSWER)
        pair.settle()
        [sent] = pair.messages("ACK")
        ack = parse(sent.data)
        assert ack.headers.getlist("Route") == ["<sip:192.0.2.3;lr>", "<sip:192.0.2.2:5060;lr>"]
        assert sent.target.host == "192.0.2.3"
        ours.terminate(now=pair.now)
        pair.finish()

    def test_each_fork_has_its_own_reliable_sequence(self) -> None:
        pair = Pair()
        pair.network.filter = lambda sent: sent.target != pair.callee.hop
        pair.call()
        self.answer(pair, 183, "one", ANSWER, "Require: 100rel\r\nRSeq: 5")
        self.answer(pair, 183, "two", ANSWER_2, "Require: 100rel\r\nRSeq: 1")
        self.answer(pair, 183, "one", ANSWER, "Require: 100rel\r\nRSeq: 5")
        self.answer(pair, 180, "one", b"", "Require: 100rel\r\nRSeq: 7")
        self.answer(pair, 180, "one", b"", "Require: 100rel\r\nRSeq: 6")
        pair.settle()
        racks = [parse(sent.data).headers.get("RAck") for sent in pair.messages("PRACK")]
        assert racks == ["5 1 INVITE", "1 1 INVITE", "6 1 INVITE"]
        self.answer(pair, 200, "two")
        assert pair.caller.events[-1].sdp == ANSWER_2
        pair.caller.session.terminate(now=pair.now)
        pair.finish()

    def test_a_refusal_by_the_proxy_ends_all_early_dialogs(self) -> None:
        pair = Pair()
        pair.network.filter = lambda sent: sent.target != pair.callee.hop
        pair.call()
        self.answer(pair, 180, "one")
        self.answer(pair, 486, "three")
        assert pair.caller.told() == ["Progressed", "Rejected", "Terminated"]
        pair.finish()
