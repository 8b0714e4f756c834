"""The process of a `pyvoip` phone: pure Python, G.711 alone, told what to do in JSON lines.

pyVoIP has no clock of its own for sound: a thread wants a frame from the microphone and gives
one to the earpiece every 20 ms. Its audio is unsigned 8 bit.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from array import array
from typing import Any

import msgspec
from pyVoIP.VoIP import CallState, VoIP, VoIPCall, VoIPPhone

from tui.agent.phones import sound
from tui.agent.phones.bell import Bell
from tui.agent.phones.echo import open_both
from tui.agent.phones.network import address_towards, free_block, free_port
from tui.agent.phones.phone import PhoneError
from tui.agent.phones.settings import PhoneSettings
from tui.agent.phones.words import Commands, obey, say

RATE = 8000
RTP_PORTS = 16
REGISTERED_S = 8.0
FRAME = RATE * sound.FRAME_MS // 1000
LEVELS_EVERY = 12
"""Frames."""


def _at_once(_seconds: float, told: Any, arguments: list[Any]) -> threading.Timer:
    """pyVoIP rings a second late; ours does not."""
    return threading.Timer(0.0, told, arguments)


setattr(VoIP, "Timer", _at_once)  # noqa: B010 - pyVoIP says nothing of types


def refuse(call: VoIPCall) -> None:
    """Answer 486. pyVoIP's own way stops sound that has not begun, and falls over that."""
    call.RTPClients = []
    call.deny()


class Line(VoIPPhone):
    """A pyVoIP phone that hears of callers who give up, which pyVoIP passes over."""

    def callback(self, request: Any) -> None:
        """Take a message; CANCEL ends the call that rings."""
        if getattr(request, "method", None) == "CANCEL":
            call = self.calls.get(request.headers["Call-ID"])
            if call is not None and call.state == CallState.RINGING:
                refuse(call)
        else:
            super().callback(request)


class Phone:
    """One pyVoIP phone and its call."""

    def __init__(self) -> None:
        self._phone: VoIPPhone | None = None
        self._call: VoIPCall | None = None
        self._muted = False
        self._settings = PhoneSettings()
        self._source: sound.Source | None = None
        self._sink: sound.Sink | None = None
        self._bell = Bell("")

    # --- commands ---------------------------------------------------------------------------

    def open(self, settings: dict[str, Any]) -> None:
        """Be this phone, and register."""
        self._settings = asked = msgspec.convert(settings, PhoneSettings)
        self._source, self._sink = open_both(
            asked.capture, asked.playback, RATE, cancel_echo=asked.cancel_echo
        )
        self._bell = Bell(asked.ring)
        first = asked.rtp_port or free_block(RTP_PORTS)
        self._phone = phone = Line(
            asked.host,
            asked.port,
            asked.user,
            asked.password,
            myIP=asked.local_address or address_towards(asked.host, asked.port),
            callCallback=self._comes,
            sipPort=asked.local_port or free_port(),
            rtpPortLow=first,
            rtpPortHigh=first + RTP_PORTS - 2,
        )
        # It knows even ports only by luck; RFC 3550, 11 wants them.
        phone.assignedPorts.extend(range(first + 1, first + RTP_PORTS, 2))
        threading.Thread(target=self._register, args=(phone,), daemon=True).start()

    def _register(self, phone: VoIPPhone) -> None:
        try:
            phone.start()
        except Exception as error:  # whatever pyVoIP makes of an answer that it does not like
            found = re.search(r"\b([3-6]\d\d)\b", str(error))
            number = int(found[1]) if found else 408
            say(event="registration", active=False, code=number, reason=str(error)[:80])
            return
        until = time.monotonic() + REGISTERED_S
        while phone.get_status().name == "REGISTERING" and time.monotonic() < until:
            time.sleep(0.02)
        status = phone.get_status().name
        active = status == "REGISTERED"
        code = 200 if active else 408 if status == "REGISTERING" else 403
        say(event="registration", active=active, code=code, reason=status)

    def answer(self) -> None:
        """Answer the call that rings."""
        self._asked_call().answer()

    def hang_up(self) -> None:
        """Refuse the call that rings, or end the one that is."""
        call = self._call
        if call is None:
            return
        if call.state == CallState.RINGING:
            refuse(call)
        elif call.state == CallState.ANSWERED:
            call.hangup()

    def mute(self, on: bool) -> None:
        """Keep the caller from hearing us, or let him."""
        self._asked_call()
        self._muted = on

    def _asked_call(self) -> VoIPCall:
        if self._call is None:
            raise PhoneError("no call is at this phone")
        return self._call

    # --- what happens -----------------------------------------------------------------------

    def _comes(self, call: VoIPCall) -> None:
        """In a thread of pyVoIP's, which forgets a call whose thread has ended: so it stays."""
        if call.state != CallState.RINGING:
            return  # he gave up at once
        if self._call is not None:
            refuse(call)
            return
        self._call, self._muted = call, False
        headers = call.request.headers
        caller = headers.get("From", {})
        remote = caller.get("number", "") if isinstance(caller, dict) else str(caller)
        say(event="call", state="ringing", remote=remote)
        info = str(headers.get("Call-Info", ""))
        if self._settings.auto_answer or "answer-after=0" in info.replace(" ", ""):
            call.answer()
        self._live(call)

    def _live(self, call: VoIPCall) -> None:
        """Follow the call to its end: speak, listen."""
        try:
            self._bell.begin()
            while call.state == CallState.RINGING:
                time.sleep(0.005)
            self._bell.end()
            if call.state == CallState.ANSWERED:
                say(event="call", state="talking")
                self._talk(call)
        finally:
            self._bell.end()
            self._call = None
            say(event="call", state="over")

    def _talk(self, call: VoIPCall) -> None:
        assert self._source is not None
        assert self._sink is not None
        silence, turn = bytes(2 * FRAME), 0
        next_frame = time.monotonic()
        while call.state == CallState.ANSWERED:
            said = self._source.read()
            heard = _wide(call.read_audio(FRAME, blocking=False))
            if call.RTPClients and call.RTPClients[0].pmout is not None:
                call.write_audio(_narrow(silence if self._muted else said))
            self._sink.write(heard)
            turn += 1
            if turn % LEVELS_EVERY == 0:
                microphone = 0.0 if self._muted else sound.level(said)
                say(
                    event="levels",
                    microphone=round(microphone, 3),
                    earpiece=round(sound.level(heard), 3),
                )
            next_frame += sound.FRAME_MS / 1000
            time.sleep(max(0.0, next_frame - time.monotonic()))

    # --- the loop -----------------------------------------------------------------------------

    def run(self) -> None:
        """Obey until the input ends."""
        commands: Commands = {
            "open": self.open,
            "answer": self.answer,
            "hang_up": self.hang_up,
            "mute": self.mute,
        }
        say(event="ready", pid=os.getpid())
        for line in sys.stdin:
            obey(commands, line, lambda error: str(error) or type(error).__name__)
        if self._phone is not None:
            self.hang_up()
            self._phone.stop()
        for end in (self._source, self._sink):
            if end is not None:
                end.close()
        sys.stdout.flush()
        os._exit(0)  # pyVoIP's timers are no daemons and would keep us


def _wide(data: bytes) -> bytes:
    """Unsigned 8 bit to 16 bit."""
    return array("h", [(value - 128) << 8 for value in data]).tobytes()


def _narrow(data: bytes) -> bytes:
    """16 bit to unsigned 8 bit."""
    return bytes((value >> 8) + 128 for value in array("h", data))


if __name__ == "__main__":
    Phone().run()
