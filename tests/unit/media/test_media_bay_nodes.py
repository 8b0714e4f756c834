"""Players, digits, recordings and RTCP at a patch bay's legs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bay_rig import FRAME, Phone, Rig, amplitude, wav

from ccd.media import dtmf as dtmf_module
from ccd.media import rtcp
from ccd.media.codecs import encode
from ccd.media.protocol import (
    CloseLeg,
    Codec,
    Connect,
    Detect,
    Digit,
    DigitsSent,
    Disconnect,
    LegClosed,
    PauseRecord,
    Play,
    PlayFinished,
    Record,
    RecordFinished,
    SendDigits,
    Sound,
    Stop,
    Tone,
)
from ccd.media.tones import dtmf

FULL = 8000.0


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.close()
    assert not rig.log.calls, rig.log.calls


# --- players --------------------------------------------------------------------------


def test_play_list_is_heard_in_order_and_reported(rig: Rig) -> None:
    a = rig.leg()
    player = rig.node()
    sounds = (
        Sound(frequencies=(440.0,), on_ms=200),
        Sound(on_ms=100),
        Sound(frequencies=(1000.0,), on_ms=200),
    )
    rig.do(Play(node=player, sounds=sounds, sinks=(a.node,)))
    rig.talk(24, a)
    assert rig.of(PlayFinished) == []
    rig.talk(3, a)
    assert rig.of(PlayFinished) == [PlayFinished(node=player, reason="completed")]
    audio = a.audio()
    assert amplitude(audio[: 10 * FRAME], 440) > 1500
    assert abs(audio[10 * FRAME : 15 * FRAME]).max() < 20
    assert amplitude(audio[15 * FRAME : 25 * FRAME], 1000) > 1500


def test_stopped_player_says_so_and_is_silent(rig: Rig) -> None:
    a = rig.leg()
    player = rig.node()
    rig.do(
        Play(
            node=player,
            sounds=(Sound(frequencies=(440.0,), on_ms=100),),
            loop=True,
            sinks=(a.node,),
            gain_db=-6.0,
        )
    )
    rig.talk(20)
    rig.do(Stop(node=player))
    assert rig.of(PlayFinished) == [PlayFinished(node=player, reason="stopped")]
    a.forget()
    rig.talk(5)
    assert {p.payload for p in a.heard} == {b"\xff" * 160}
    rig.do(Stop(node=player))
    assert len(rig.of(PlayFinished)) == 1


def test_missing_file_is_a_failed_player(rig: Rig, tmp_path: Path) -> None:
    a = rig.leg()
    player = rig.node()
    rig.do(Play(node=player, sounds=(Sound(path=str(tmp_path / "none.wav")),), sinks=(a.node,)))
    rig.talk(2)
    (finished,) = rig.of(PlayFinished)
    assert (finished.node, finished.reason) == (player, "failed")
    assert "none.wav" in finished.error
    assert len(a.heard) == 2


def test_player_that_nobody_hears_keeps_its_time(rig: Rig) -> None:
    player = rig.node()
    rig.do(Play(node=player, sounds=(Sound(frequencies=(440.0,), on_ms=100),)))
    for _ in range(6):
        rig.frame()
    assert rig.of(PlayFinished) == [PlayFinished(node=player, reason="completed")]


# --- digits ---------------------------------------------------------------------------


def press(rig: Rig, phone: Phone, digit: int, frames: int = 5) -> None:
    """A key for so long, in place of voice, with three end packets."""
    start = phone.ts
    for frame in range(frames):
        phone.event(digit, start, (frame + 1) * FRAME, end=False, marker=frame == 0)
        rig.frame()
    for _ in range(3):
        phone.event(digit, start, frames * FRAME, end=True, marker=False)
        rig.frame()
    phone.pause((frames + 3) * FRAME)


def test_digit_is_told_once_as_it_begins(rig: Rig) -> None:
    a = rig.leg()
    rig.talk(5, a)
    a.event(5, a.ts, 160, end=False, marker=True)
    rig.beat()
    assert rig.of(Digit) == [Digit(node=a.node, digit="5")]
    press(rig, a, 11)
    press(rig, a, 5)
    assert [report.digit for report in rig.of(Digit)] == ["5", "#", "5"]
    rig.talk(20, a)
    assert rig.quality(a).packets_lost == 0


def test_digit_passes_a_relayed_bridge_in_the_partners_numbers(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900, event=96)
    rig.bridge(a, b)
    rig.talk(10)
    b.forget()
    press(rig, a, 7)
    rig.talk(5, a)
    events = [p for p in b.heard if p.pt == 96]
    assert len(events) == 8
    assert len({p.ts for p in events}) == 1
    assert [p.payload[0] for p in events] == [7] * 8
    assert [p.marker for p in events] == [True] + [False] * 7
    seqs = [p.seq for p in b.heard]
    assert seqs == [(seqs[0] + n) & 0xFFFF for n in range(len(seqs))]
    assert [report.digit for report in rig.of(Digit)] == ["7"]


def test_digit_stops_at_a_partner_that_knows_no_events(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900, event=None)
    rig.bridge(a, b)
    rig.talk(10)
    b.forget()
    press(rig, a, 7)
    rig.talk(5, a)
    assert {p.pt for p in b.heard} == {0}
    seqs = [p.seq for p in b.heard]
    assert seqs == [(seqs[0] + n) & 0xFFFF for n in range(len(seqs))]


def test_digit_passes_a_mixed_bridge_made_anew(rig: Rig) -> None:
    a, b = rig.leg(500, Codec.PCMA), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(10)
    press(rig, a, 3)
    rig.talk(10, a)
    events = [p for p in b.heard if p.pt == 101]
    assert {p.payload[0] for p in events} == {3}
    assert len({p.ts for p in events}) == 1
    assert events[0].marker


@pytest.mark.parametrize("bridged", [False, True])
def test_digits_are_sent_as_events(rig: Rig, bridged: bool) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    if bridged:
        rig.bridge(a, b)
    rig.talk(10)
    rig.do(SendDigits(node=b.node, digits="1#", on_ms=60, gap_ms=80))
    b.forget()
    rig.talk(20)
    assert rig.of(DigitsSent) == [DigitsSent(node=b.node)]
    events = [p for p in b.heard if p.pt == 101]
    assert [d for n, d in enumerate(p.payload[0] for p in events) if n % 5 == 0] == [1, 11]
    assert len(events) == 2 * 5  # three of 60 ms, the third being the first of the ends
    assert len({p.ts for p in events}) == 2
    seqs = [p.seq for p in b.heard]
    assert seqs == [(seqs[0] + n) & 0xFFFF for n in range(len(seqs))]
    assert len({p.ssrc for p in b.heard}) == 1
    if bridged:
        b.forget()
        rig.talk(20)
        assert amplitude(b.audio(), 500) == pytest.approx(FULL, rel=0.1)


def test_digits_are_tones_where_events_were_not_agreed(rig: Rig) -> None:
    a = rig.leg(event=None)
    rig.talk(2)
    rig.do(SendDigits(node=a.node, digits="5", on_ms=200, gap_ms=60))
    a.forget()
    rig.talk(10)
    assert amplitude(a.audio(), 770) > 2000
    assert amplitude(a.audio(), 1336) > 2000
    rig.talk(6)
    assert rig.of(DigitsSent) == [DigitsSent(node=a.node)]
    assert len(rig.bay.nodes) == 1


def test_digits_come_as_tones_where_events_were_not_agreed(rig: Rig) -> None:
    a, b = rig.leg(500, event=None), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(10)
    tones = dtmf("42#", on_ms=80, gap_ms=80)
    tones = np.concatenate([tones, np.zeros(-len(tones) % FRAME, np.int16)])
    for frame in tones.reshape(-1, FRAME):
        a.send(a.packet(encode(Codec.PCMU, frame)))
        rig.frame()
    for _ in range(4):
        rig.frame()
    assert [(report.node, report.digit) for report in rig.of(Digit)] == [
        (a.node, digit) for digit in "42#"
    ]
    b.listen()
    assert {p.pt for p in b.heard} == {0}  # the partner heard the tone; it is not said twice


def test_an_error_in_one_leg_ends_that_leg_alone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c = rig.leg(500), rig.leg(900, port=1), rig.leg(1300, port=2)
    rig.bridge(b, c)
    rig.talk(5)

    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(dtmf_module.EventReceiver, "feed", broken)
    a.event(5, a.ts, 160, end=False, marker=True)
    rig.talk(20, b, c)
    assert [report.node for report in rig.of(LegClosed)] == [a.node]
    assert b.level(1300) > FULL / 2
    call = rig.log.calls.pop()
    assert call.kwargs["node"] == a.node
    assert isinstance(call.kwargs["exc_info"], RuntimeError)


def test_wrong_digits_close_no_other_leg(rig: Rig) -> None:
    a, b = rig.leg(), rig.leg(port=1)
    rig.do(SendDigits(node=a.node, digits="5x"))
    assert [report.node for report in rig.of(LegClosed)] == [a.node]
    rig.talk(3, b)
    assert len(b.heard) == 3
    assert rig.log.calls.pop().method_name == "exception"


# --- recordings -----------------------------------------------------------------------


def recording(rig: Rig, *, frames: int = 0) -> RecordFinished:
    """Wait for the writer's word."""
    deadline = time.monotonic() + 10
    while not rig.of(RecordFinished):
        assert time.monotonic() < deadline
        time.sleep(0.01)
        rig.frame()
    (finished,) = rig.of(RecordFinished)
    assert isinstance(finished, RecordFinished)
    return finished


@pytest.mark.parametrize("gain_db", [0.0, -6.0])
def test_recording_has_each_party_on_its_own_channel(
    rig: Rig, tmp_path: Path, gain_db: float
) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b, gain_db)
    recorder = rig.node()
    path = tmp_path / "calls" / "one.wav"
    rig.do(
        Record(node=recorder, path=str(path)),
        Connect(source=a.node, sink=recorder, channel=0),
        Connect(source=b.node, sink=recorder, channel=1),
    )
    rig.talk(100)
    rig.do(Stop(node=recorder))
    finished = recording(rig)
    assert (finished.node, finished.path, finished.error) == (recorder, str(path), "")
    assert finished.seconds == pytest.approx(2.0)
    audio = wav(path)[10 * FRAME :]
    left, right = audio[:, 0], audio[:, 1]
    assert amplitude(left, 500) == pytest.approx(FULL, rel=0.05)
    assert amplitude(right, 900) == pytest.approx(FULL, rel=0.05)
    assert amplitude(left, 900) < 50
    assert amplitude(right, 500) < 50
    assert len(rig.bay.nodes) == 2


def test_pause_keeps_its_place_in_time(rig: Rig, tmp_path: Path) -> None:
    a = rig.leg(500)
    recorder = rig.node()
    path = tmp_path / "pause.wav"
    rig.do(
        Record(node=recorder, path=str(path)),
        Connect(source=a.node, sink=recorder, channel=1),
    )
    rig.talk(50)
    rig.do(PauseRecord(node=recorder, paused=True))
    rig.talk(50)
    rig.do(PauseRecord(node=recorder, paused=False))
    rig.talk(50)
    rig.do(Stop(node=recorder))
    assert recording(rig).seconds == pytest.approx(3.0)
    audio = wav(path)
    assert abs(audio[8000:16000]).max() == 0
    assert amplitude(audio[2000:8000, 1], 500) == pytest.approx(FULL, rel=0.05)
    assert amplitude(audio[16000:, 1], 500) == pytest.approx(FULL, rel=0.05)
    assert abs(audio[:, 0]).max() == 0


def test_recording_goes_on_when_parties_come_and_go(rig: Rig, tmp_path: Path) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    recorder = rig.node()
    path = tmp_path / "x.wav"
    rig.do(
        Record(node=recorder, path=str(path)),
        Connect(source=a.node, sink=recorder, channel=0),
    )
    rig.talk(50)
    rig.do(CloseLeg(node=a.node))
    rig.do(Connect(source=b.node, sink=recorder, channel=0))
    rig.talk(50, b)
    rig.bay.close(rig.now)
    (finished,) = rig.of(RecordFinished)
    assert finished.seconds == pytest.approx(2.0)
    left = wav(path)[:, 0]
    assert amplitude(left[1600:8000], 500) == pytest.approx(FULL, rel=0.05)
    assert amplitude(left[9600:], 900) == pytest.approx(FULL, rel=0.05)


# --- detectors ------------------------------------------------------------------------


def test_detector_says_when_tones_begin_and_cease(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b)
    detector = rig.node()
    rig.do(
        Detect(node=detector, frequencies=(500.0, 900.0)),
        Connect(source=a.node, sink=detector),
        Connect(source=b.node, sink=detector),
    )
    rig.talk(20)
    assert {(t.frequency, t.present) for t in rig.of(Tone)} == {(500.0, True), (900.0, True)}
    assert {t.node for t in rig.of(Tone)} == {detector}
    rig.reports.clear()
    rig.do(Disconnect(source=b.node, sink=detector))
    rig.talk(20)
    assert [(t.frequency, t.present) for t in rig.of(Tone)] == [(900.0, False)]
    rig.reports.clear()
    rig.do(Stop(node=detector))
    rig.talk(20, b)
    assert rig.of(Tone) == []
    assert len(rig.bay.nodes) == 2


# --- RTCP -----------------------------------------------------------------------------


def reports(phone: Phone) -> list[rtcp.Packet]:
    packets: list[rtcp.Packet] = []
    while True:
        try:
            packets += rtcp.parse(phone.control.recv(2048))
        except BlockingIOError:
            return packets


def test_reports_say_what_was_sent_and_received(rig: Rig) -> None:
    a, b = rig.leg(500), rig.leg(900, port=1)
    rig.bridge(a, b)
    rig.talk(100)
    a.skip(10)
    rig.talk(300)
    sent = [p for p in reports(a) if isinstance(p, rtcp.Report) and p.sender is not None]
    assert sent
    last = sent[-1]
    assert last.sender is not None
    assert last.ssrc == a.heard[-1].ssrc
    assert last.sender.packets <= len(a.heard)
    assert last.sender.octets == last.sender.packets * 160
    (block,) = last.blocks
    assert (block.ssrc, block.lost) == (a.ssrc, 10)
    assert block.highest_sequence & 0xFFFF <= 0xFFFF
    assert abs((a.seq - block.highest_sequence) & 0xFFFF) < 400


def test_round_trip_is_measured_from_the_peers_reports(rig: Rig) -> None:
    a = rig.leg(500)
    rig.talk(400)
    ours = [p for p in reports(a) if isinstance(p, rtcp.Report) and p.sender is not None]
    assert ours[-1].sender is not None
    answer = rtcp.Report(
        a.ssrc,
        None,
        (
            rtcp.ReportBlock(
                ssrc=ours[-1].ssrc,
                fraction_lost=0,
                lost=0,
                highest_sequence=0,
                jitter=0,
                last_sr=rtcp.middle(ours[-1].sender.ntp),
                delay=0,
            ),
        ),
    )
    passed = rig.now - rtcp.epoch_time(ours[-1].sender.ntp)
    a.control.sendto(rtcp.build(answer), ("127.0.0.1", a.port + 1))
    rig.frame()
    assert rig.quality(a).round_trip_ms == pytest.approx(passed * 1000, abs=25)


def test_goodbye_at_the_end(rig: Rig) -> None:
    a = rig.leg(500)
    rig.talk(10)
    rig.do(CloseLeg(node=a.node))
    assert rtcp.Goodbye((a.heard[0].ssrc,)) in reports(a)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\xc8\xff\xff", b"\xff" * 900])
def test_bad_rtcp_is_counted(rig: Rig, data: bytes) -> None:
    a = rig.leg(500)
    rig.talk(2)
    a.control.sendto(data, ("127.0.0.1", a.port + 1))
    rig.talk(2)
    assert rig.bay.strays == 1


def test_rtcp_on_the_rtp_port_is_understood_and_answered_there(rig: Rig) -> None:
    a = rig.leg(500)
    rig.talk(10)
    a.send(rtcp.build(rtcp.Report(a.ssrc, None)))
    rig.frame()
    rig.do(CloseLeg(node=a.node))
    last = []
    while True:
        try:
            last.append(a.sock.recv(2048))
        except BlockingIOError:
            break
    assert rtcp.Goodbye((a.heard[0].ssrc,)) in rtcp.parse(last[-1])
