"""What a call leaves behind while its transactions absorb repetitions: next to nothing."""

from __future__ import annotations

import gc
import weakref

import pytest
from sip_calls import ANSWER, OFFER_2, Pair

from ccd.sip.auth import Credentials
from ccd.sip.events import OfferReceived
from ccd.sip.message import Request, Response, parse


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_an_ended_session_is_freed_without_the_collector(who: str) -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    pair.callee.on(OfferReceived, lambda event: event.session.answer(ANSWER, now=pair.now))
    ours.offer(OFFER_2, now=pair.now)
    pair.settle()
    (ours if who == "caller" else theirs).terminate(now=pair.now)
    pair.settle()
    gone = [weakref.ref(theirs), weakref.ref(ours)]
    pair.caller.events.clear()
    pair.callee.events.clear()
    gc.collect()
    gc.disable()
    try:
        del ours, theirs
        pair.finish()
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()


def test_finished_transactions_keep_no_message_alive() -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    ours.terminate(now=pair.now)
    pair.settle()
    pair.caller.events.clear()
    pair.callee.events.clear()
    del ours, theirs
    gc.collect()
    assert pair.caller.agent.counts.transactions > 0
    assert pair.callee.agent.counts.transactions > 0
    kept = [o for o in gc.get_objects() if isinstance(o, Request | Response)]
    layers = (pair.caller.agent.layer, pair.callee.agent.layer)
    held = [t for layer in layers for t in (*layer.clients.values(), *layer.servers.values())]
    for message in kept:
        assert not any(transaction in gc.get_referrers(message) for transaction in held)


def test_verbs_on_a_session_long_gone_do_nothing() -> None:
    pair = Pair()
    ours, theirs = pair.answered_call()
    ours.terminate(now=pair.now)
    pair.finish()
    pair.lines()
    for session in (ours, theirs):
        session.progress(180, now=pair.now)
        session.accept(ANSWER, now=pair.now)
        session.reject(486, now=pair.now)
        session.offer(OFFER_2, now=pair.now)
        session.answer(ANSWER, now=pair.now)
        session.refuse_offer(now=pair.now)
        session.info("a/b", b"c", now=pair.now)
        session.terminate(now=pair.now)
        assert session.local_sdp is not None
        assert session.remote_sdp is not None
    pair.finish()
    assert pair.lines() == []


def refuse_next(pair: Pair, start: str, code: int, header: str) -> None:
    """Answer the newest request of the caller in the callee's place."""
    request = parse(pair.messages(start)[-1].data)
    assert isinstance(request, Request)
    copied = [f"{name}: {request.headers[name]}" for name in ("Via", "From", "To", "Call-ID", "CSeq")]  # fmt: skip
    data = "\r\n".join([f"SIP/2.0 {code} X", *copied, header, "", ""]).encode()
    pair.network.inject(data, pair.callee.hop, pair.caller.hop)


def test_a_challenged_bye_is_sent_again_with_credentials() -> None:
    pair = Pair()
    ours, _ = pair.answered_call(credentials=Credentials("alice", "secret"))
    pair.lose("BYE")
    ours.terminate(now=pair.now)
    pair.settle()
    refuse_next(
        pair, "BYE", 407, 'Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"'
    )  # fmt: skip
    pair.settle()
    again = parse(pair.messages("BYE")[-1].data)
    assert isinstance(again, Request)
    assert again.headers.get("Proxy-Authorization").startswith("Digest ")
    assert again.cseq_number == 3
    assert len(pair.callee.ends) == 1
    pair.finish()


def test_a_refresh_refused_422_is_sent_again_with_the_minimum() -> None:
    pair = Pair(caller={"session_expires": 100})
    ours, _ = pair.answered_call()
    pair.lose("UPDATE")
    pair.settle(50.1)
    refuse_next(pair, "UPDATE", 422, "Min-SE: 300")
    pair.settle()
    again = parse(pair.messages("UPDATE")[-1].data)
    assert again.headers.get("Session-Expires") == "300;refresher=uac"
    assert again.headers.get("Min-SE") == "300"
    assert ours.timer.interval == 300
    ours.terminate(now=pair.now)
    pair.finish()
