"""The harness, before anything is believed that it says: peers call each other, without us."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from peers import audio
from peers.driver import PeerError
from peers.pjsip import PjsipPhone
from peers.pyvoip import PyvoipPhone
from peers.raw import RawRtp, RawSip, digest, sdp
from peers.sipp import Sipp, SippError

from lab.sipp_scenarios import media

pytestmark = pytest.mark.peer


def address(phone: PjsipPhone) -> tuple[str, int]:
    host, port = phone.address.split(":")
    return host, int(port)


async def test_two_pjsip_phones_hear_each_other_and_not_themselves(tmp_path: Path) -> None:
    low = audio.write(tmp_path / "low.wav", audio.tone(440, 2))
    high = audio.write(tmp_path / "high.wav", audio.tone(1000, 2))
    async with PjsipPhone("alice", wav=low) as alice, PjsipPhone("bob", wav=high) as bob:
        await bob.auto_answer(0.1)
        call = await alice.call(bob.uri, record=tmp_path / "alice.wav")
        theirs = (await bob.expect("incoming"))["call"]
        await alice.state(call, "confirmed")
        await bob.record(theirs, tmp_path / "bob.wav")
        await alice.digits(call, "15")
        await bob.expect("digit", digit="1")
        await bob.expect("digit", digit="5")
        held = bob.mark()
        await alice.hold(call)
        await bob.expect("media", status="remote_hold", since=held)
        await alice.retrieve(call)
        await bob.expect("media", status="active", since=held)
        await asyncio.sleep(0.5)  # audio takes its time: there is no event to wait for
        await alice.hang_up(call)
        await bob.state(theirs, "disconnected")
        await alice.expect("recorded")
        await bob.expect("recorded")
    heard_by_alice = audio.read(tmp_path / "alice.wav")
    heard_by_bob = audio.read(tmp_path / "bob.wav")
    assert audio.tone_seconds(heard_by_alice, 1000) > 0.5
    assert audio.tone_seconds(heard_by_alice, 440) == 0
    assert audio.tone_seconds(heard_by_bob, 440) > 0.3
    assert audio.tone_seconds(heard_by_bob, 1000) == 0


async def test_a_pjsip_phone_refuses_and_is_cancelled() -> None:
    async with PjsipPhone("alice") as alice, PjsipPhone("bob") as bob:
        await bob.auto_answer(0.0, code=486)
        call = await alice.call(bob.uri)
        assert (await alice.state(call, "disconnected"))["code"] == 486
        await bob.auto_answer(None)
        mark = alice.mark()
        call = await alice.call(bob.uri)
        await alice.state(call, "early", since=mark)
        await alice.hang_up(call)
        assert (await alice.state(call, "disconnected", since=mark))["code"] == 487


async def test_a_pyvoip_caller_and_a_pjsip_phone_hear_each_other(tmp_path: Path) -> None:
    low = audio.write(tmp_path / "low.wav", audio.tone(440, 2))
    high = audio.write(tmp_path / "high.wav", audio.tone(1000, 2))
    async with (
        PjsipPhone("bob", wav=high) as bob,
        PyvoipPhone("alice", address(bob), wav=low) as alice,
    ):
        await bob.auto_answer(0.1)
        call = await alice.call("bob", record=tmp_path / "alice.wav")
        theirs = (await bob.expect("incoming"))["call"]
        await bob.record(theirs, tmp_path / "bob.wav")
        await alice.state(call, "answered")
        await alice.digits(call, "1")
        await bob.expect("digit", digit="1")
        await asyncio.sleep(1.0)  # audio takes its time
        await alice.hang_up(call)
        await alice.expect("recorded")
        await bob.expect("recorded")
    assert audio.tone_seconds(audio.read(tmp_path / "alice.wav"), 1000) > 0.5
    assert audio.tone_seconds(audio.read(tmp_path / "alice.wav"), 440) == 0
    assert audio.tone_seconds(audio.read(tmp_path / "bob.wav"), 440) > 0.5


@pytest.mark.parametrize("transport", ["u1", "un", "t1", "tn"])
async def test_sipp_calls_sipp(transport: str, tmp_path: Path, sipp_program: str) -> None:
    listening = "t1" if transport.startswith("t") else "u1"
    async with Sipp("uas", tmp_path, calls=None, transport=listening) as server:
        result = await Sipp(
            "uac",
            tmp_path,
            remote=("127.0.0.1", server.port),
            transport=transport,
            calls=20,
            rate=100,
        ).run()
        result.check(20)
        assert len(next(iter(result.response_ms.values()))) == 20
        if listening == "u1":
            # Over TCP the callers' leaving ends what the server still keeps for a while.
            assert (await server.finish()).successful == 20


async def test_sipp_injects_a_line_of_its_file_into_each_call(
    tmp_path: Path, sipp_program: str
) -> None:
    scenario = tmp_path / "uac_injected.xml"
    text = (Path(media.__file__).parent / "uac_short.xml").read_text()
    scenario.write_text(text.replace("[ani]", "[field0]"))
    async with PjsipPhone("bob") as bob:
        await bob.auto_answer()
        sipp = Sipp(scenario, tmp_path, remote=address(bob), calls=2, inject=[["111"], ["222"]])
        (await sipp.run()).check(2)
        callers = [said["remote"] for said in bob.said("incoming")]
    assert '"111"' in callers[0]
    assert '"222"' in callers[1]


@pytest.mark.parametrize(
    ("scenario", "transport"),
    [
        ("uac_queue_dtmf", "u1"),
        ("uac_queue_dtmf", "t1"),
        ("uac_hangup_at", "u1"),
        ("uac_cancel", "u1"),
        ("uac_cancel", "t1"),
        ("uac_late_offer", "u1"),
        ("uac_prack", "u1"),
        ("uac_reinvite_hold_resume", "u1"),
        ("uac_no_audio_sdp", "u1"),
        ("uac_no_common_codec", "t1"),
    ],
)
async def test_our_caller_scenarios_agree_with_pjsip(
    scenario: str, transport: str, tmp_path: Path, sipp_program: str
) -> None:
    async with PjsipPhone("bob", tcp=transport == "t1") as bob:
        await bob.auto_answer(0.1)
        sipp = Sipp(
            scenario,
            tmp_path,
            remote=address(bob),
            transport=transport,
            service="bob",
            duration_ms=1500 if scenario == "uac_queue_dtmf" else 300,
            ends_within=15,
        )
        (await sipp.run()).check(1)
        if scenario == "uac_queue_dtmf":
            assert [said["digit"] for said in bob.said("digit")] == ["1"]


async def test_our_agent_scenarios_agree_with_pjsip(tmp_path: Path, sipp_program: str) -> None:
    async with PjsipPhone("bob") as bob:
        async with Sipp("uas_agent", tmp_path, duration_ms=100) as agent:
            call = await bob.call(f"sip:agent@{agent.address}", record=tmp_path / "bob.wav")
            await bob.state(call, "confirmed")
            await asyncio.sleep(0.8)  # audio takes its time
            await bob.hang_up(call)
            (await agent.wait()).check(1)
            await bob.expect("recorded")
        async with Sipp("uas_agent_busy", tmp_path) as agent:
            mark = bob.mark()
            call = await bob.call(f"sip:agent@{agent.address}")
            assert (await bob.state(call, "disconnected", since=mark))["code"] == 486
            (await agent.wait()).check(1)
        async with Sipp("uas_agent_no_answer", tmp_path) as agent:
            mark = bob.mark()
            call = await bob.call(f"sip:agent@{agent.address}")
            await bob.state(call, "early", since=mark)
            await bob.hang_up(call)
            (await agent.wait()).check(1)
    assert audio.tone_seconds(audio.read(tmp_path / "bob.wav"), media.AGENT_HZ) > 0.4


async def test_sipp_says_why_it_failed(tmp_path: Path, sipp_program: str) -> None:
    async with PjsipPhone("bob") as bob:
        await bob.auto_answer(0.0, code=603)
        sipp = Sipp("uac_short", tmp_path, remote=address(bob), ends_within=10)
        result = await sipp.run()
    assert result.status == 1
    assert result.failed == 1
    with pytest.raises(SippError, match="603"):
        result.check()


async def test_sipp_is_ended_when_it_takes_too_long(tmp_path: Path, sipp_program: str) -> None:
    sipp = Sipp("uas", tmp_path, calls=None, ends_within=0.3)
    await sipp.start()
    with pytest.raises(SippError, match=r"did not end within 0\.3"):
        await sipp.wait()
    assert sipp.ended


async def test_a_dead_peer_is_an_error_and_not_a_hang() -> None:
    async with PjsipPhone("alice") as alice:
        await alice.kill()
        with pytest.raises(PeerError):
            await alice.register()
        with pytest.raises(PeerError, match="ended before"):
            await alice.expect("incoming")


async def test_the_raw_peer_calls_pjsip() -> None:
    async with PjsipPhone("bob") as bob:
        await bob.auto_answer()

        def call() -> str:
            with RawSip(address(bob)) as sip, RawRtp() as rtp:
                dialog = sip.invite("sip:bob@127.0.0.1", sdp(rtp.port))
                answer = sip.answer_of(dialog)
                assert answer.code == 200
                rtp.press("7", answer.media)
                received = rtp.received(0.3)
                assert {data[1] & 0x7F for data, _ in received} == {0}
                assert sip.bye(dialog).code == 200
                return dialog.call_id

        call_id = await asyncio.to_thread(call)
        await bob.expect("digit", digit="7")
        await bob.expect("state", state="disconnected", call_id=call_id)


def test_the_raw_peer_answers_the_digest_example_of_rfc_2617() -> None:
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    answer = digest(challenge, "Mufasa", "Circle Of Life", "GET", "/dir/index.html", "0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in answer


class TestAudio:
    """The judge of recordings, against what numpy makes up."""

    def test_a_tone_is_found_where_it_is(self) -> None:
        silence = np.zeros(8000)
        recording = np.concatenate((silence, audio.tone(700, 1.0), silence))
        (stretch,) = audio.tone_stretches(recording, 700)
        assert stretch.start == pytest.approx(1.0, abs=0.1)
        assert stretch.end == pytest.approx(2.0, abs=0.1)
        assert audio.tone_stretches(recording, 900) == []
        assert audio.has_tone(recording, 700, 1.1, 1.9)
        assert not audio.has_tone(recording, 700, 0.5, 1.5)

    def test_levels_are_dbfs(self) -> None:
        sine = audio.tone(1000, 1.0, amplitude=1.0)
        assert audio.level_dbfs(sine) == pytest.approx(-3.01, abs=0.02)
        assert audio.tone_dbfs(sine, 1000) == pytest.approx(-3.01, abs=0.1)
        assert audio.is_silent(np.zeros(800))
        assert not audio.is_silent(sine)

    def test_a_prompt_is_found_in_noise_and_a_strange_one_is_not(self) -> None:
        rng = np.random.default_rng(1)
        prompt = self._babble(rng)
        other = self._babble(rng)
        recording = np.concatenate((np.zeros(4000), 0.5 * prompt, np.zeros(4000)))
        recording = recording + rng.normal(0, 0.005, len(recording))
        match = audio.find(prompt, recording)
        assert match.at == pytest.approx(0.5, abs=0.001)
        assert match.likeness > 0.9
        assert audio.find(other, recording).likeness < 0.3
        assert audio.heard(prompt, recording) == 1.0
        assert audio.heard(other, recording) < 0.2

    def test_a_prompt_with_a_frame_lost_is_still_heard(self) -> None:
        prompt = self._babble(np.random.default_rng(2))
        middle = len(prompt) // 2
        recording = np.concatenate((prompt[:middle], prompt[middle + 160 :], np.zeros(800)))
        assert audio.heard(prompt, recording) > 0.8

    def test_speech_moves_and_tones_do_not(self) -> None:
        assert audio.speech_like(self._babble(np.random.default_rng(3)))
        assert not audio.speech_like(audio.tone(440, 2.0))
        assert not audio.speech_like(np.zeros(16000))

    @staticmethod
    def _babble(rng: np.random.Generator) -> audio.Audio:
        """Noise in syllables, four a second: what speech looks like from afar."""
        noise = np.convolve(rng.normal(0, 0.3, 24000), np.ones(4) / 4, "same")
        syllables = np.abs(np.sin(np.pi * 2 * np.arange(24000) / 8000)) ** 2
        return noise * syllables
