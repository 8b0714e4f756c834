"""Settings that are well typed and still cannot work."""

import msgspec
import pytest

from ccd.config import Agent, Cti, Media, Phone, Queue, Route, Settings, Sip, Store, Trunk, User
from ccd.demo_settings import demo_settings
from ccd.settings.check import check
from ccd.settings.problems import spell
from ccd.settings.template import NOBODYS_PASSWORD as HASH


def complaints(settings: Settings) -> list[str]:
    return [str(problem) for problem in check(settings)]


def the_only(settings: Settings) -> str:
    (found,) = complaints(settings)
    return found


def test_the_defaults_and_the_demo_are_right() -> None:
    assert complaints(Settings()) == []
    assert complaints(demo_settings(robots=3)) == []


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        ((), "sip.listen: is empty"),
        (("5060",), "must begin with one of udp:, tcp:, tls:"),
        (("sctp:0.0.0.0:5060",), "must begin with one of"),
        (("udp:0.0.0.0",), "has no port"),
        (("udp:0.0.0.0:65536",), "'65536' for a port"),
        (("udp:0.0.0.0:x",), "'x' for a port"),
        (("udp:0.0.0.256:5060",), "neither an address nor a name"),
        (("udp:::1:5060",), "IPv6 address without brackets"),
        (("udp:[::1:5060",), "bracket"),
        (("tls:0.0.0.0:5061",), "TLS needs a certificate"),
        (("udp:0.0.0.0:5060", "udp:127.0.0.1:5060"), "is the same port as udp:0.0.0.0:5060"),
        (("tcp:[::]:5060", "tls:127.0.0.1:5060"), "sip.listen[2]"),
    ],
)
def test_listening_addresses(listen: tuple[str, ...], says: str) -> None:
    assert any(says in text for text in complaints(Settings(sip=Sip(listen=listen))))


@pytest.mark.parametrize(
    ("algorithms", "says"),
    [((), "sip.digest_algorithms: is empty"), (("SHA256",), 'did you mean "SHA-256')],
)
def test_digest_algorithms(algorithms: tuple[str, ...], says: str) -> None:
    assert any(says in text for text in complaints(Settings(sip=Sip(digest_algorithms=algorithms))))


@pytest.mark.parametrize(
    "listen",
    [
        ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"),
        ("udp:127.0.0.1:0", "udp:127.0.0.1:0"),
        ("udp:127.0.0.1:5060", "udp:127.0.0.2:5060"),
        ("udp:[::1]:5060", "udp:sip.example.com:5070"),
    ],
)
def test_listening_addresses_that_do_not_meet(listen: tuple[str, ...]) -> None:
    assert complaints(Settings(sip=Sip(listen=listen))) == []


@pytest.mark.parametrize(
    ("media", "says"),
    [
        (Media(ports=(1001, 1000)), "out of range"),
        (Media(ports=(5001, 6000)), "is odd (begin with 5002"),
        (Media(ports=(20000, 20000)), "too few ports"),
        (Media(ports=(20000, 20003), workers=3), "[20000, 20005] at least"),
        (Media(ports=(5000, 5100)), "sip.listen's port 5060 in its range"),
        (Media(address="eth0"), "no IP address"),
        (Media(workers=0), "out of range (1 to 64)"),
        (Media(codecs=()), "is empty"),
        (Media(codecs=("PCMX",)), 'did you mean "PCM'),
        (Media(codecs=("PCMU", "PCMU")), "is there twice"),
        (Media(rtp_timeout_s=-1), "is negative"),
        (Media(nat="yes"), "none of the choices"),
    ],
)
def test_media(media: Media, says: str) -> None:
    assert says in the_only(Settings(media=media))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(sip=Sip(advertise="1.2.3.4:5060")), "sip.advertise"),
        (Settings(sip=Sip(domain="a b")), "sip.domain"),
        (Settings(sip=Sip(session_expires_s=30)), "90 at least"),
        (Settings(sip=Sip(t1_ms=49)), "50 to 2000"),
        (Settings(sip=Sip(t1_ms=2001)), "50 to 2000"),
        (Settings(sip=Sip(max_new_calls_per_s=0)), "is not above zero"),
        (Settings(sip=Sip(max_new_calls_per_s=float("nan"))), "is not above zero"),
        (Settings(sip=Sip(certificate="/none.pem")), "there is no file /none.pem"),
        (Settings(store=Store(batch_ms=101)), "1 to 100"),
        (Settings(store=Store(keep_events_days=0)), "1 at least"),
        (Settings(cti=Cti(commands="http://x")), "no ZeroMQ endpoint"),
        (Settings(cti=Cti(commands="tcp://127.0.0.1:5")), "open to everybody"),
        (Settings(cti=Cti(events="udp://x")), "no ZeroMQ endpoint"),
        (Settings(cti=Cti(listen="127.0.0.1")), "has no port"),
        (Settings(cti=Cti(listen="127.0.0.1:65535")), "no next port"),
        (Settings(cti=Cti(listen_events="127.0.0.1:7601")), "without cti.listen"),
        (Settings(cti=Cti(listen="h:1", listen_events="h:1")), "same address"),
        (Settings(cti=Cti(requests_per_s=-1.0)), "negative"),
        (Settings(cti=Cti(request_burst=0.0)), "out of range"),
        (Settings(cti=Cti(lockout_attempts=-1)), "negative"),
        (Settings(cti=Cti(lockout_window_s=0.0)), "not above zero"),
        (Settings(cti=Cti(lockout_s=9.0, lockout_longest_s=8.0)), "less than lockout_s"),
        (Settings(user=(User(name="", role="qa", password_hash=HASH),)), "is empty"),
        (Settings(user=(User(name="u", role="boss", password_hash=HASH),)), "none of the choices"),
        (Settings(user=(User(name="u", role="qa", password_hash=""),)), "ccd password"),
        (Settings(user=(User(name="u", role="qa", password_hash="secret"),)), "no argon2 hash"),
        (Settings(user=(User(name="u", role="qa", password_hash=HASH[:-30]),)), "no whole argon2"),
        (Settings(user=(User(name="u", role="qa", password_hash=HASH),) * 2), "is taken by"),
        (Settings(cti=Cti(commands="ipc://a", events="ipc://a")), "same endpoint"),
        (Settings(cti=Cti(replay_events=-1)), "is negative"),
    ],
)
def test_plain_values(settings: Settings, says: str) -> None:
    assert says in the_only(settings)


@pytest.mark.parametrize(
    ("peers", "says"),
    [
        ((), "is empty"),
        (("gateway",), "neither an IP address nor a network"),
        (("10.0.0.1/24",), "the network is 10.0.0.0/24"),
        (("192.0.2.7:99999",), "for a port"),
        (("192.0.2.7:0",), "port 0"),
    ],
)
def test_trunk_peers(peers: tuple[str, ...], says: str) -> None:
    assert says in the_only(Settings(trunk=(Trunk(name="t", peers=peers),)))


@pytest.mark.parametrize(
    "peer",
    ["192.0.2.7", "10.0.0.0/24", "127.0.0.1:5062", "2001:db8::1", "[2001:db8::1]:5060", "::1"],
)
def test_trunk_peers_that_are_right(peer: str) -> None:
    assert complaints(Settings(trunk=(Trunk(name="t", peers=(peer,)),))) == []


def test_a_peer_belongs_to_one_trunk() -> None:
    trunks = (Trunk(name="a", peers=("192.0.2.7",)), Trunk(name="b", peers=("192.0.2.7/32",)))
    assert "trunk 'a''s as well" in the_only(Settings(trunk=trunks)).replace("\\", "")


def test_names_are_taken_once() -> None:
    phones = (Phone(name="a", password="x"), Phone(name="a", password="y"))
    assert the_only(Settings(phone=phones)) == (
        'phone[2].name: "a" is taken by phone[1] (every one needs its own)'
    )
    queues = (Queue(name="q"), Queue(name="q"))
    assert "queue[2].name" in the_only(Settings(queue=queues))


@pytest.mark.parametrize("name", ["a b", "a@b", "<a>", "a:b", "电话"])
def test_a_phone_s_name_must_fit_into_an_address(name: str) -> None:
    assert "cannot stand in an address" in the_only(
        Settings(phone=(Phone(name=name, password="x"),))
    )


def test_agents_name_phones_and_queues_that_exist() -> None:
    settings = Settings(
        phone=(Phone(name="1001", password="x"),),
        queue=(Queue(name="orders"), Queue(name="advice")),
        agent=(Agent(name="li", phone="101", queues=("order", "orders", "orders")),),
    )
    assert complaints(settings) == [
        'agent[1].phone: there is no phone "101" (did you mean "1001"?)',
        'agent[1].queues[1]: there is no queue "order" (did you mean "orders"?)',
        'agent[1].queues[3]: "orders" is there twice (leave one)',
    ]


def test_a_password_in_place_of_its_hash_is_refused_and_not_shown() -> None:
    settings = Settings(
        phone=(Phone(name="1", password="x"),),
        agent=(Agent(name="li", phone="1", queues=(), password_hash="hunter2"),),
    )
    assert "argon2" in the_only(settings)
    assert "hunter2" not in the_only(settings)


def test_flows_and_music_must_exist() -> None:
    settings = Settings(
        route=(Route(dnis="1", flow="/none.yaml"), Route(dnis="1", flow="/none.yaml")),
        queue=(Queue(name="q", music="/none.wav", ring_timeout_s=0, wrap_up_s=-1),),
    )
    keys = {spell(problem.key) for problem in check(settings)}
    assert keys == {
        "queue[1].music",
        "queue[1].ring_timeout_s",
        "queue[1].wrap_up_s",
        "route[1].flow",
        "route[2].flow",
        "route[2].dnis",
    }


def test_every_field_can_be_checked_without_raising() -> None:
    """Whatever text stands where an address belongs, the answer is a complaint."""
    for text in ("", ":", "[", "]:", "udp:", "udp:[]:1", "x" * 300, "\x00"):
        settings = msgspec.structs.replace(
            Settings(),
            sip=Sip(listen=(text, f"udp:{text}:1"), advertise=text, domain=text or "x"),
            trunk=(Trunk(name="t", peers=(text, f"{text}:1", f"{text}/8")),),
            media=Media(address=text),
        )
        assert complaints(settings)
