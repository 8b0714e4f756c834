"""The child process of `peers.pjsip`: one PJSUA2 endpoint, driven by JSON lines.

Everything happens on the main thread: it polls PJSIP for 10 ms at a time and reads commands in
between, so no callback ever meets another thread. The sound device is PJSIP's null one, which
keeps the conference bridge's time; the bridge runs at 8 kHz so that what is recorded is what
came over the wire, unfiltered.
"""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pjsua2 as pj

from tui.agent.phones.words import obey, say

STATES = {
    pj.PJSIP_INV_STATE_CALLING: "calling",
    pj.PJSIP_INV_STATE_INCOMING: "incoming",
    pj.PJSIP_INV_STATE_EARLY: "early",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "confirmed",
    pj.PJSIP_INV_STATE_DISCONNECTED: "disconnected",
}
MEDIA = {
    pj.PJSUA_CALL_MEDIA_NONE: "none",
    pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local_hold",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote_hold",
    pj.PJSUA_CALL_MEDIA_ERROR: "error",
}


def is_complete(path: str) -> bool:
    """Whether a WAV's header knows of all its data, which it does once the file is closed."""
    with open(path, "rb") as file:
        header = file.read(44)
    size = os.path.getsize(path)
    return header[:4] == b"RIFF" and int.from_bytes(header[4:8], "little") + 8 == size


class Call(pj.Call):
    """A call that reports what happens to it."""

    def __init__(self, phone: Phone, account: Account, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self.phone = phone
        self.recorder: pj.AudioMediaRecorder | None = None
        self.recording = ""

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        state = STATES.get(info.state, "null")
        say(
            event="state",
            call=info.id,
            state=state,
            code=info.lastStatusCode,
            reason=info.lastReason,
            call_id=info.callIdString,
        )
        if state == "disconnected":
            self.phone.ended(info.id)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        info = self.getInfo()
        for index, media in enumerate(info.media):
            if media.type != pj.PJMEDIA_TYPE_AUDIO:
                continue
            status = MEDIA.get(media.status, "none")
            codec, remote = "", ""
            if media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD):
                self.phone.patch(self, self.getAudioMedia(index))
                stream = self.getStreamInfo(index)
                codec, remote = stream.codecName, stream.remoteRtpAddress
            say(
                event="media",
                call=info.id,
                status=status,
                direction=int(media.dir),
                codec=codec,
                remote=remote,
            )

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:  # noqa: N802
        say(event="digit", call=self.getId(), digit=prm.digit, method=int(prm.method))


class Account(pj.Account):
    """The phone's line."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: pj.OnRegStateParam) -> None:  # noqa: N802
        say(
            event="registration",
            active=bool(self.getInfo().regIsActive),
            code=int(prm.code),
            reason=prm.reason,
            expires=int(prm.expiration),
        )

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802
        call = Call(self.phone, self, prm.callId)
        self.phone.calls[prm.callId] = call
        info = call.getInfo()
        say(
            event="incoming",
            call=prm.callId,
            remote=info.remoteUri,
            local=info.localUri,
            call_id=info.callIdString,
        )
        self.phone.rings(call)


class Phone:
    """One endpoint, one line, up to four calls."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.calls: dict[int, Call] = {}
        self.running = True
        self._finished: list[int] = []
        self._closing: list[tuple[int, str]] = []
        self._player: pj.AudioMediaPlayer | None = None
        self._auto_answer: float | None = None
        self._auto_code = 200
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._now = 0.0
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        self.endpoint.libInit(self._endpoint_settings(options))
        self.endpoint.audDevManager().setNullDev()
        transport = pj.TransportConfig()
        transport.port = options["port"]
        transport.boundAddress = transport.publicAddress = "127.0.0.1"
        kind = pj.PJSIP_TRANSPORT_TCP if options["tcp"] else pj.PJSIP_TRANSPORT_UDP
        self._transport_id = self.endpoint.transportCreate(kind, transport)
        for codec in self.endpoint.codecEnum2():
            name = codec.codecId.split("/")[0]
            rank = 255 - options["codecs"].index(name) if name in options["codecs"] else 0
            self.endpoint.codecSetPriority(codec.codecId, rank)
        self.endpoint.libStart()
        self.account = Account(self)
        self.account.create(self._account_settings(options))
        if options["wav"]:
            self.play(options["wav"])
        address = self.endpoint.transportGetInfo(self._transport_id).localName
        say(event="ready", address=address, pid=os.getpid())

    @staticmethod
    def _endpoint_settings(options: dict[str, Any]) -> pj.EpConfig:
        settings = pj.EpConfig()
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.mainThreadOnly = True
        settings.uaConfig.userAgent = f"pjsip-{options['user']}"
        settings.uaConfig.natTypeInSdp = 0
        settings.logConfig.level = settings.logConfig.consoleLevel = 0
        if options["log"]:
            settings.logConfig.level = 5
            settings.logConfig.msgLogging = 1
            settings.logConfig.filename = options["log"]
        media = settings.medConfig
        media.clockRate = media.sndClockRate = 8000
        media.channelCount = 1
        media.ptime = options["ptime"]
        media.noVad = not options["vad"]
        media.ecTailLen = 0
        media.quality = 3
        return settings

    def _account_settings(self, options: dict[str, Any]) -> pj.AccountConfig:
        settings = pj.AccountConfig()
        settings.idUri = f"sip:{options['user']}@{options['domain']}"
        settings.regConfig.registerOnAdd = False
        settings.regConfig.timeoutSec = options["expires"]
        settings.regConfig.retryIntervalSec = 0
        settings.regConfig.firstRetryIntervalSec = 0
        if options["registrar"]:
            settings.regConfig.registrarUri = options["registrar"]
        if options["password"]:
            settings.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", options["user"], 0, options["password"])
            )
        settings.sipConfig.transportId = self._transport_id
        settings.callConfig.prackUse = {
            "off": pj.PJSUA_100REL_NOT_USED,
            "optional": pj.PJSUA_100REL_OPTIONAL,
            "required": pj.PJSUA_100REL_MANDATORY,
        }[options["prack"]]
        settings.callConfig.timerUse = (
            pj.PJSUA_SIP_TIMER_ALWAYS if options["session_timer"] else pj.PJSUA_SIP_TIMER_OPTIONAL
        )
        if options["session_timer"]:
            settings.callConfig.timerMinSESec = options["session_timer"]
            settings.callConfig.timerSessExpiresSec = options["session_timer"]
        settings.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        settings.mediaConfig.transportConfig.publicAddress = "127.0.0.1"
        settings.mediaConfig.transportConfig.port = options["rtp_port"]
        settings.mediaConfig.transportConfig.portRange = 40
        settings.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_DISABLED
        settings.natConfig.sipOutboundUse = 0
        settings.natConfig.contactRewriteUse = 0
        settings.natConfig.viaRewriteUse = 0
        settings.natConfig.sdpNatRewriteUse = 0
        settings.mwiConfig.enabled = False
        return settings

    # -- what calls tell the phone ---------------------------------------------------

    def rings(self, call: Call) -> None:
        """Answer, or refuse, by itself where that was asked for; else let it ring."""
        answer = pj.CallOpParam()
        if self._auto_answer == 0:
            answer.statusCode = self._auto_code
            call.answer(answer)
            return
        answer.statusCode = pj.PJSIP_SC_RINGING
        call.answer(answer)
        if self._auto_answer is not None:
            number = call.getId()
            self._due.append((self._now + self._auto_answer, lambda: self._answer_later(number)))

    def _answer_later(self, number: int) -> None:
        call = self.calls.get(number)
        if call is not None and call.isActive():
            answer = pj.CallOpParam()
            answer.statusCode = self._auto_code
            call.answer(answer)

    def patch(self, call: Call, media: pj.AudioMedia) -> None:
        """Let the player speak into a call whose media just (re)started, and the recorder hear."""
        if self._player is not None:
            self._player.startTransmit(media)
        if call.recorder is not None:
            media.startTransmit(call.recorder)

    def ended(self, number: int) -> None:
        """Remember that a call may be dropped; not from within its own callback."""
        self._finished.append(number)

    # -- commands --------------------------------------------------------------------

    def register(self) -> None:
        """REGISTER at the registrar; the outcome is a `registration` event."""
        self.account.setRegistration(True)

    def unregister(self) -> None:
        """REGISTER with expires 0."""
        self.account.setRegistration(False)

    def auto_answer(self, delay: float | None, code: int = 200) -> None:
        """Answer calls `delay` seconds after they rang with `code`; None: let them ring."""
        self._auto_answer, self._auto_code = delay, code

    def call(
        self,
        uri: str,
        record: str | None = None,
        late_offer: bool = False,
        headers: dict[str, str] | None = None,
    ) -> int:
        """Call somebody; returns the call's number."""
        call = Call(self, self.account)
        if record:
            self._make_recorder(call, record)
        settings = pj.CallOpParam(True)
        settings.opt.audioCount, settings.opt.videoCount = 1, 0
        if late_offer:
            settings.opt.flag |= pj.PJSUA_CALL_NO_SDP_OFFER
        for name, value in (headers or {}).items():
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            settings.txOption.headers.append(header)
        call.makeCall(uri, settings)
        number = int(call.getId())
        self.calls[number] = call
        return number

    def answer(self, call: int, code: int = 200) -> None:
        """Answer with any status."""
        answer = pj.CallOpParam()
        answer.statusCode = code
        self.calls[call].answer(answer)

    def hang_up(self, call: int, code: int = 0) -> None:
        """CANCEL, refuse or BYE, whichever fits."""
        if call not in self.calls:
            return  # the other side was quicker: what was asked for is so
        how = pj.CallOpParam()
        how.statusCode = code
        self.calls[call].hangup(how)

    def hold(self, call: int) -> None:
        """re-INVITE with sendonly."""
        self.calls[call].setHold(pj.CallOpParam(True))

    def retrieve(self, call: int) -> None:
        """re-INVITE with sendrecv."""
        settings = pj.CallOpParam(True)
        settings.opt.audioCount, settings.opt.videoCount = 1, 0
        settings.opt.flag |= pj.PJSUA_CALL_UNHOLD
        self.calls[call].reinvite(settings)

    def update(self, call: int) -> None:
        """UPDATE with an offer (RFC 3311)."""
        settings = pj.CallOpParam(True)
        settings.opt.audioCount, settings.opt.videoCount = 1, 0
        self.calls[call].update(settings)

    def digits(self, call: int, digits: str) -> None:
        """Press keys, as RFC 4733 events."""
        self.calls[call].dialDtmf(digits)

    def record(self, call: int, path: str) -> None:
        """Record from now on what this call hears."""
        target = self.calls[call]
        self._make_recorder(target, path)
        for media in self._active_media(target):
            media.startTransmit(target.recorder)

    def stop_recording(self, call: int) -> None:
        """Finish the file; `recorded` says when it is complete."""
        target = self.calls[call]
        if target.recorder is not None:
            self._closing.append((call, target.recording))
        target.recorder = None

    def play(self, path: str | None) -> None:
        """Say this 16 bit mono WAV, looped, into every call from now on; None: say nothing."""
        self._player = None
        if path is None:
            return
        if not Path(path).is_file():
            raise FileNotFoundError(path)
        self._player = pj.AudioMediaPlayer()
        self._player.createPlayer(path)
        for call in self.calls.values():
            for media in self._active_media(call):
                self._player.startTransmit(media)

    def statistics(self, call: int) -> dict[str, Any]:
        """RTP packet counts as PJSIP saw them."""
        stream = self.calls[call].getStreamStat(0)
        received, sent = stream.rtcp.rxStat, stream.rtcp.txStat
        return {
            "received": received.pkt,
            "lost": received.loss,
            "duplicate": received.dup,
            "reordered": received.reorder,
            "sent": sent.pkt,
            "sent_lost": sent.loss,
            "sent_jitter_us": sent.jitterUsec.mean,
        }

    @staticmethod
    def _active_media(call: Call) -> list[pj.AudioMedia]:
        info = call.getInfo()  # to be kept: what it owns is freed with it
        return [
            call.getAudioMedia(index)
            for index, media in enumerate(info.media)
            if media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
        ]

    def _make_recorder(self, call: Call, path: str) -> None:
        call.recorder = pj.AudioMediaRecorder()
        call.recorder.createRecorder(path)
        call.recording = path

    # -- the loop --------------------------------------------------------------------

    def run(self) -> None:
        """Poll PJSIP and the commands until the input ends."""
        commands = {
            "register": self.register,
            "unregister": self.unregister,
            "auto_answer": self.auto_answer,
            "call": self.call,
            "answer": self.answer,
            "hang_up": self.hang_up,
            "hold": self.hold,
            "retrieve": self.retrieve,
            "update": self.update,
            "digits": self.digits,
            "record": self.record,
            "stop_recording": self.stop_recording,
            "play": self.play,
            "statistics": self.statistics,
        }
        os.set_blocking(0, False)
        waiting = b""
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            while self.running:
                self.endpoint.libHandleEvents(10)
                self._turn()
                if not selector.select(0):
                    continue
                data = os.read(0, 65536)
                if not data:
                    break
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    obey(commands, line, _explained)
        self._leave()

    def _turn(self) -> None:
        self._now = time.monotonic()
        due = [act for when, act in self._due if when <= self._now]
        self._due = [(when, act) for when, act in self._due if when > self._now]
        for act in due:
            act()
        for number in self._finished:
            call = self.calls.pop(number, None)
            if call is not None:
                if call.recorder is not None:
                    self._closing.append((number, call.recording))
                call.recorder = None
        self._finished.clear()
        # The conference bridge closes a recorder's file later, in a thread of its own.
        for number, path in [done for done in self._closing if is_complete(done[1])]:
            self._closing.remove((number, path))
            say(event="recorded", call=number)

    def _leave(self) -> None:
        self.endpoint.hangupAllCalls()
        for _ in range(20):
            self.endpoint.libHandleEvents(10)
            self._turn()
            if not self.calls and not self._closing:
                break
        self.calls.clear()
        self._player = None
        self.account.shutdown()
        self.endpoint.libDestroy()


def _explained(error: Exception) -> str:
    if isinstance(error, pj.Error):
        return f"{error.status}: {error.reason} ({error.title})"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    Phone(json.loads(sys.argv[1])).run()
    sys.stdout.flush()
    # PJSIP's own destructors run in an order that Python's end does not respect.
    os._exit(0)
