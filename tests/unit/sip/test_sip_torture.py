"""RFC 4475: what must be understood is, what must be refused is, nothing is an exception."""

from __future__ import annotations

import pytest
from sip_calls import ANSWER, Pair
from torture_messages import MESSAGES, Torture

from ccd.sip.bodies import session_description
from ccd.sip.message import MalformedMessage, Request, Response, parse


def by_name(name: str) -> bytes:
    return next(message.data for message in MESSAGES if message.name == name)


def parsed(name: str) -> Request:
    message = parse(by_name(name))
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_outcome(message: Torture) -> None:
    pair = Pair()
    pair.network.inject(message.data, pair.caller.hop, pair.callee.hop)
    told = pair.callee.told(fresh=False)
    answers = [sent.start_line.split(" ")[1] for sent in pair.network.trace]
    if message.outcome.isdigit():
        assert answers == [message.outcome]
        assert set(told) <= {"BadMessage"}
    elif message.outcome == "dropped":
        assert answers == []
        assert told == ["BadMessage"]
    else:
        assert answers == []
        assert told == [message.outcome]
        if message.outcome == "InviteReceived":
            pair.callee.session.accept(ANSWER, now=pair.now)
            pair.settle()
            pair.callee.session.terminate(now=pair.now)
            pair.network.run()
            pair.finish()


def test_there_are_as_many_as_in_the_rfc() -> None:
    assert len(MESSAGES) == 49
    assert len({message.section for message in MESSAGES}) == 49


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_every_truncation_is_survived(message: Torture) -> None:
    pair = Pair()
    for length in range(0, len(message.data), 7):
        pair.network.inject(message.data[:length], pair.caller.hop, pair.callee.hop)


def test_white_space_everywhere() -> None:
    message = parsed("wsinv")
    assert message.uri.user == "vivekg"
    assert message.to_tag == "1918181833n"
    assert message.from_tag == "98asjd8"
    assert message.from_address.name == 'J Rosenberg \\"'
    assert message.cseq_number == 9
    assert len(message.headers.elements("Via")) == 3
    assert message.top_via.sent_by == "192.0.2.2"
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.headers.get("Subject") == ""
    [contact] = message.contact
    assert (contact.name, str(contact.uri)) == ('Quoted string ""', "sip:jdrosen@example.com")


def test_wide_range_of_characters() -> None:
    message = parsed("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.to_address.name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_tag == "_token~1'+`*%!-."
    assert message.headers.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_escapes_are_not_decoded_twice_nor_in_header_names() -> None:
    assert parsed("esc01").uri.user == "sips:user@example.com"
    assert parsed("esc01").to_address.uri.user == "user"
    assert parsed("esc02").headers.getlist("Contact") == [
        "<sip:alias1@host1.example.com>",
        "<sip:alias3@host3.example.com>",
    ]
    assert parsed("escnull").to_address.uri.user == "null-\0-null"


def test_octets_after_the_message_are_dropped() -> None:
    assert parsed("dblreq").body == b""


def test_semicolons_in_the_user_part_are_not_parameters() -> None:
    assert parsed("semiuri").uri_text == "sip:user;par=u%40example.net@example.com"
    assert parsed("semiuri").uri.host == "example.com"
    assert parsed("cparam01").contact[0].parameters == {"unknownparam": None}
    assert parsed("cparam02").contact[0].uri.parameters == {"unknownparam": None}


def test_reason_phrases() -> None:
    strange = parse(by_name("unreason"))
    assert isinstance(strange, Response)
    assert strange.phrase == "= 2**3 * 5**2 но сто девяносто девять - простое"
    empty = parse(by_name("noreason"))
    assert isinstance(empty, Response)
    assert (empty.code, empty.phrase) == (100, "")


def test_a_body_shorter_than_its_length_is_named() -> None:
    with pytest.raises(MalformedMessage, match="shorter than Content-Length") as caught:
        parse(by_name("clerr"))
    assert caught.value.request is not None
    assert caught.value.request.headers["Call-ID"] == "clerr.0ha0isndaksdjweiafasdk3"


def test_unknown_schemes_in_addresses_do_not_disturb() -> None:
    message = parsed("unksm2")
    assert message.to_address.uri.scheme == "isbn"
    assert message.from_address.uri.scheme == "http"


def test_a_description_within_a_multipart_body_is_found() -> None:
    inner = b"v=0\r\ns=-\r\n"
    body = (
        b"--b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        b"--b1\r\nContent-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n"
        + inner + b"\r\n--b1--\r\n"
    )  # fmt: skip
    data = by_name("invut")
    head = data.partition(b"\r\n\r\n")[0]
    head = head.replace(b"application/unknownformat", b'multipart/mixed; boundary="b1"')
    head = head.partition(b"Content-Length")[0] + b"Content-Length: %d" % len(body)
    message = parse(head + b"\r\n\r\n" + body)
    assert session_description(message) == inner
