"""The process of a `pjsip` phone: one PJSUA2 endpoint, told what to do in JSON lines.

SIP happens on the main thread, which polls PJSIP for 10 ms at a time and reads commands in
between; sound in the thread of PJSIP's null device, which keeps the bridge's time and wants a
frame from the microphone and gives one to the earpiece every 20 ms (`sound` has both: PJSIP's
wheels know no sound card).
"""

from __future__ import annotations

import os
import re
import selectors
import sys
import time
from collections import deque
from typing import Any

import msgspec
import pjsua2 as pj

from tui.agent.phones import sound
from tui.agent.phones.bell import Bell
from tui.agent.phones.echo import open_both
from tui.agent.phones.network import address_towards
from tui.agent.phones.phone import PhoneError
from tui.agent.phones.settings import PhoneSettings
from tui.agent.phones.words import Commands, obey, say

NARROW, WIDE = 8000, 16000
"""Samples a second: G.711's, G.722's."""
LEVELS_S = 0.25
BUSY_HERE = 486
ANSWER_AFTER = re.compile(r"^Call-Info:.*;\s*answer-after\s*=\s*0", re.IGNORECASE | re.MULTILINE)
"""The server says that the agent began this call himself: it is not to ring."""

TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
SRTP = {
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "required": pj.PJMEDIA_SRTP_MANDATORY,
}


class Headset(pj.AudioMediaPort):  # type: ignore[misc]
    """The bridge's port to microphone and earpiece."""

    def __init__(self, source: sound.Source, sink: sound.Sink, rate: int) -> None:
        super().__init__()
        self.microphone = self.earpiece = 0.0
        self.first: deque[bytes] = deque()
        """Frames that the agent hears before anything else: the tone of a call that answers itself."""
        self._source, self._sink = source, sink
        shape = pj.MediaFormatAudio()
        shape.init(pj.PJMEDIA_FORMAT_PCM, rate, 1, sound.FRAME_MS * 1000, 16)
        self.createPort("headset", shape)

    def onFrameRequested(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        """The bridge wants what the agent says."""
        data = self._source.read()
        self.microphone = sound.level(data)
        frame.type = pj.PJMEDIA_FRAME_TYPE_AUDIO
        frame.buf = pj.ByteVector(data)

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        """The bridge has what the agent is to hear."""
        data = bytes(frame.buf)
        if not data:
            return
        self.earpiece = sound.level(data)
        self._sink.write(self.first.popleft() if self.first else data)

    def shut(self) -> None:
        """Let go of both devices."""
        self._source.close()
        self._sink.close()


class Call(pj.Call):  # type: ignore[misc]
    """The call that there is."""

    def __init__(self, phone: Phone, account: pj.Account, number: int) -> None:
        super().__init__(account, number)
        self.phone = phone

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        """Answered, or over."""
        state = self.getInfo().state
        if state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.phone.stop_ringing()
            say(event="call", state="talking")
        elif state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.over(self)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: N802
        """Sound flows, or flows anew."""
        info = self.getInfo()
        for index, media in enumerate(info.media):
            flows = media.status in (
                pj.PJSUA_CALL_MEDIA_ACTIVE,
                pj.PJSUA_CALL_MEDIA_REMOTE_HOLD,
            )
            if media.type == pj.PJMEDIA_TYPE_AUDIO and flows:
                self.phone.connect(self.getAudioMedia(index))


class Account(pj.Account):  # type: ignore[misc]
    """The phone's line."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: pj.OnRegStateParam) -> None:  # noqa: N802
        """The registrar answered, or did not."""
        active = bool(self.getInfo().regIsActive) and prm.code // 100 == 2
        say(event="registration", active=active, code=int(prm.code), reason=prm.reason)

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802
        """Somebody calls."""
        call = Call(self.phone, self, prm.callId)
        self.phone.comes(call, prm.rdata.wholeMsg)


class Phone:
    """One endpoint, one line, one call."""

    def __init__(self) -> None:
        self._endpoint: pj.Endpoint | None = None
        self._account: Account | None = None
        self._headset: Headset | None = None
        self._call: Call | None = None
        self._media: pj.AudioMedia | None = None
        self._finished: list[Call] = []
        self._settings = PhoneSettings()
        self._muted = False
        self._told_at = 0.0
        self._bell = Bell("")

    # --- commands ---------------------------------------------------------------------------

    def open(self, settings: dict[str, Any]) -> None:
        """Be this phone, and register."""
        self._settings = asked = msgspec.convert(settings, PhoneSettings)
        rate = WIDE if "G722" in asked.offered else NARROW
        source, sink = open_both(asked.capture, asked.playback, rate, cancel_echo=asked.cancel_echo)
        local = asked.local_address or address_towards(asked.host, asked.port)
        self._bell = Bell(asked.ring)
        self._endpoint = endpoint = pj.Endpoint()
        endpoint.libCreate()
        endpoint.libInit(self._endpoint_settings(rate))
        endpoint.audDevManager().setNullDev()
        number = endpoint.transportCreate(TRANSPORTS[asked.transport], self._transport(local))
        for codec in endpoint.codecEnum2():
            name = codec.codecId.split("/")[0]
            wanted = name in asked.offered
            rank = 255 - asked.offered.index(name) if wanted else 0
            endpoint.codecSetPriority(codec.codecId, rank)
        endpoint.libStart()
        self._headset = Headset(source, sink, rate)
        self._account = Account(self)
        self._account.create(self._account_settings(number, local))

    def answer(self) -> None:
        """Answer the call that rings."""
        self._asked_call().answer(_with(200))

    def hang_up(self) -> None:
        """Refuse the call that rings, or end the one that is."""
        if self._call is not None:
            how = pj.CallOpParam()
            if self._call.getInfo().state != pj.PJSIP_INV_STATE_CONFIRMED:
                how.statusCode = BUSY_HERE
            self._call.hangup(how)

    def mute(self, on: bool) -> None:
        """Keep the caller from hearing us, or let him."""
        self._asked_call()
        self._muted = on
        if self._media is not None and self._headset is not None:
            if on:
                self._headset.stopTransmit(self._media)
            else:
                self._headset.startTransmit(self._media)

    def _asked_call(self) -> Call:
        if self._call is None:
            raise PhoneError("no call is at this phone")
        return self._call

    # --- what happens -----------------------------------------------------------------------

    def comes(self, call: Call, message: str) -> None:
        """Ring, answer where that was asked for, or be busy."""
        if self._call is not None:
            call.hangup(_with(BUSY_HERE))
            self._finished.append(call)
            return
        self._call, self._muted = call, False
        by_itself = self._settings.auto_answer or ANSWER_AFTER.search(message) is not None
        say(event="call", state="ringing", remote=_shown(call.getInfo().remoteUri))
        if by_itself and self._headset is not None:
            rate = WIDE if "G722" in self._settings.offered else NARROW
            self._headset.first = sound.beeps(rate)
            call.answer(_with(200))
        else:
            call.answer(_with(180))
            self._bell.begin()

    def connect(self, media: pj.AudioMedia) -> None:
        """Join the headset and the call's sound."""
        self._media = media
        if self._headset is not None:
            media.startTransmit(self._headset)
            if not self._muted:
                self._headset.startTransmit(media)

    def over(self, call: Call) -> None:
        """A call ended; not to be dropped from within its own callback."""
        self._finished.append(call)
        if call is self._call:
            self._call = self._media = None
            self.stop_ringing()
            say(event="call", state="over")

    def stop_ringing(self) -> None:
        """It was answered, or is over."""
        self._bell.end()

    # --- the loop -----------------------------------------------------------------------------

    def run(self) -> None:
        """Poll PJSIP and the commands until the input ends."""
        commands: Commands = {
            "open": self.open,
            "answer": self.answer,
            "hang_up": self.hang_up,
            "mute": self.mute,
        }
        say(event="ready", pid=os.getpid())
        os.set_blocking(0, False)
        waiting = b""
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            while True:
                if self._endpoint is not None:
                    self._endpoint.libHandleEvents(10)
                    self._finished.clear()
                    self._tell_levels()
                if not selector.select(0 if self._endpoint is not None else 0.5):
                    continue
                data = os.read(0, 65536)
                if not data:
                    break
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    obey(commands, line, _explained)
        self._leave()

    def _tell_levels(self) -> None:
        now = time.monotonic()
        if self._media is None or self._headset is None or now - self._told_at < LEVELS_S:
            return
        self._told_at = now
        microphone = 0.0 if self._muted else self._headset.microphone
        say(
            event="levels",
            microphone=round(microphone, 3),
            earpiece=round(self._headset.earpiece, 3),
        )

    def _leave(self) -> None:
        endpoint = self._endpoint
        if endpoint is None:
            return
        endpoint.hangupAllCalls()
        if self._account is not None and self._account.getInfo().regIsActive:
            self._account.setRegistration(False)
        for _ in range(50):
            endpoint.libHandleEvents(10)
            self._finished.clear()
            gone = self._account is None or not self._account.getInfo().regIsActive
            if gone and self._call is None:
                break
        if self._headset is not None:
            self._headset.shut()
        sys.stdout.flush()
        # PJSIP's own destructors run in an order that Python's end does not respect.
        os._exit(0)

    # --- settings -----------------------------------------------------------------------------

    def _endpoint_settings(self, rate: int) -> pj.EpConfig:
        settings = pj.EpConfig()
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.mainThreadOnly = True
        settings.uaConfig.userAgent = "ccd agent (pjsip)"
        settings.uaConfig.natTypeInSdp = 0
        settings.logConfig.level = settings.logConfig.consoleLevel = 0
        if self._settings.log is not None:
            settings.logConfig.level = 5
            settings.logConfig.msgLogging = 1
            settings.logConfig.filename = str(self._settings.log)
        media = settings.medConfig
        media.clockRate = media.sndClockRate = rate
        media.channelCount = 1
        media.ptime = media.audioFramePtime = sound.FRAME_MS
        media.noVad = True
        media.ecTailLen = 0
        media.quality = 3
        return settings

    def _transport(self, local: str) -> pj.TransportConfig:
        asked, settings = self._settings, pj.TransportConfig()
        settings.port = asked.local_port
        settings.boundAddress = settings.publicAddress = local
        if asked.transport == "tls":
            settings.tlsConfig.verifyServer = asked.verify_server
            if asked.ca_file is not None:
                settings.tlsConfig.CaListFile = str(asked.ca_file)
        return settings

    def _account_settings(self, transport: int, local: str) -> pj.AccountConfig:
        asked, settings = self._settings, pj.AccountConfig()
        by = "" if asked.transport == "udp" else f";transport={asked.transport}"
        settings.idUri = f"sip:{asked.address}"
        settings.regConfig.registrarUri = f"sip:{asked.host}:{asked.port}{by}"
        settings.regConfig.registerOnAdd = True
        settings.regConfig.timeoutSec = asked.expires_s
        settings.regConfig.retryIntervalSec = asked.retry_s
        settings.regConfig.firstRetryIntervalSec = asked.retry_s
        settings.sipConfig.transportId = transport
        if asked.password:
            settings.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", asked.user, 0, asked.password)
            )
        media = settings.mediaConfig
        media.transportConfig.boundAddress = media.transportConfig.publicAddress = local
        media.transportConfig.port = asked.rtp_port
        media.transportConfig.portRange = 40 if asked.rtp_port else 0
        media.srtpUse = SRTP[asked.srtp]
        media.srtpSecureSignaling = int(asked.srtp != "off" and asked.transport == "tls")
        settings.natConfig.sipOutboundUse = 0
        settings.natConfig.contactRewriteUse = 0
        settings.natConfig.viaRewriteUse = 0
        settings.natConfig.sdpNatRewriteUse = 0
        settings.mwiConfig.enabled = False
        return settings


def _with(code: int) -> pj.CallOpParam:
    how = pj.CallOpParam()
    how.statusCode = code
    return how


def _shown(uri: str) -> str:
    """The user of `"Li Na" <sip:li.na@host>;tag=x`."""
    found = re.search(r"sips?:([^@;>]+)@", uri)
    return found[1] if found else uri


def _explained(error: Exception) -> str:
    if isinstance(error, pj.Error):
        return f"{error.status}: {error.reason} ({error.title})"
    return str(error) or type(error).__name__


if __name__ == "__main__":
    Phone().run()
