"""The child process of `peers.pyvoip`: one pyVoIP phone, driven by JSON lines.

pyVoIP 1.6.8 is a caller worth having because it is careless in ways that real devices are: its
ACK to a 200 OK has a To tag of its own invention and repeats the INVITE's branch, its BYE does
too, its digest `uri` differs from the request's, it never sends CANCEL, reads 8 bit audio and
drifts, for it sleeps its 20 ms after each packet's work. Nothing of that is repaired here. What
is added is what it lacks: keys (RFC 4733), which take the place of audio packets one for one,
as a phone's do, and a recording of what it hears.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import wave
from collections.abc import Callable
from typing import Any

import pyVoIP
from pyVoIP import RTP
from pyVoIP.VoIP import CallState, VoIPCall, VoIPPhone

from tui.agent.phones.words import obey, say

EVENTS = "0123456789*#ABCD"
FRAME = 160


class KeyingSocket:
    """Puts RFC 4733 events in the place of audio packets on their way out."""

    def __init__(self, inner: Any, payload_type: int) -> None:
        self._inner = inner
        self._payload_type = payload_type
        self._waiting: queue.Queue[str] = queue.Queue()
        self._event: tuple[str, int, bytes] | None = None
        self._pause = 0

    def press(self, digit: str) -> None:
        """Have this key pressed for 160 ms, after those before it."""
        self._waiting.put(digit)

    def sendto(self, packet: bytes, address: tuple[str, int]) -> None:
        """Send the packet, or the event that is due in its place."""
        for outgoing in self._replaced(packet):
            self._inner.sendto(outgoing, address)

    def close(self) -> None:
        """Close the socket underneath."""
        self._inner.close()

    def _replaced(self, packet: bytes) -> list[bytes]:
        if self._event is None and self._pause == 0 and not self._waiting.empty():
            # RFC 4733 2.3: the event's time stamp is that of its beginning, all through.
            self._event = (self._waiting.get(), 0, packet[4:8])
        if self._event is None:
            self._pause = max(0, self._pause - 1)
            return [packet]
        digit, frames, stamp = self._event
        frames += 1
        last = frames == 8
        marker = 0x80 if frames == 1 else 0
        header = bytes([0x80, marker | self._payload_type]) + packet[2:4] + stamp + packet[8:12]
        body = bytes([EVENTS.index(digit), (0x80 if last else 0) | 10])
        body += (frames * FRAME).to_bytes(2, "big")
        self._event = None if last else (digit, frames, stamp)
        if last:
            self._pause = 4
        # The end is said three times (2.5.1.4), with the one sequence number we were given.
        return [header + body] * (3 if last else 1)


class Phone:
    """One pyVoIP phone and its calls."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.calls: dict[int, VoIPCall] = {}
        self._next = 0
        self._wav: bytes | None = self._load(options["wav"]) if options["wav"] else None
        self._answer_after: float | None = None
        self._phone = VoIPPhone(
            options["server"],
            options["server_port"],
            options["user"],
            options["password"],
            myIP="127.0.0.1",
            callCallback=self._incoming,
            sipPort=options["port"],
            rtpPortLow=options["rtp_port"],
            rtpPortHigh=options["rtp_port"] + 30,
        )
        # It knows even ports only by luck; RFC 3550 11 wants them.
        self._phone.assignedPorts.extend(
            range(options["rtp_port"] + 1, options["rtp_port"] + 31, 2)
        )
        if not options["register"]:
            sip = self._phone.sip
            sip.register = lambda: True
            sip.deregister = lambda: True
        self._phone.start()
        say(
            event="ready",
            address=f"127.0.0.1:{options['port']}",
            pid=os.getpid(),
            status=self._phone.get_status().name,
            version=pyVoIP.__version__,
        )

    @staticmethod
    def _load(path: str) -> bytes:
        with wave.open(path, "rb") as file:
            frames = file.readframes(file.getnframes())
        # pyVoIP's audio is unsigned 8 bit: the upper byte of ours, shifted.
        return bytes((value + 128) & 0xFF for value in frames[1::2])

    def _incoming(self, call: VoIPCall) -> None:
        number = self._keep(call)
        say(event="incoming", call=number, call_id=call.call_id)
        if self._answer_after is not None:
            time.sleep(self._answer_after)
            if call.state == CallState.RINGING:
                call.answer()

    def _keep(self, call: VoIPCall, record: str | None = None) -> int:
        self._next += 1
        self.calls[self._next] = call
        threading.Thread(target=self._live, args=(self._next, call, record), daemon=True).start()
        return self._next

    def _live(self, number: int, call: VoIPCall, record: str | None) -> None:
        """Follow one call to its end: report its states, speak, listen."""
        state = None
        while call.state != CallState.ENDED:
            if call.state != state:
                state = call.state
                say(event="state", call=number, state=state.name.lower(), call_id=call.call_id)
            if state == CallState.ANSWERED:
                break
            time.sleep(0.005)
        if state == CallState.ANSWERED:
            self._talk(number, call, record)
        say(event="state", call=number, state="ended", call_id=call.call_id)
        if record:
            say(event="recorded", call=number)

    def _talk(self, number: int, call: VoIPCall, record: str | None) -> None:
        client = call.RTPClients[0]
        heard = bytearray()
        spoken = 0
        next_frame = time.monotonic()
        while call.state == CallState.ANSWERED:
            if self._wav is not None and client.pmout is not None:
                place = spoken % len(self._wav)
                frame = (self._wav + self._wav)[place : place + FRAME]
                call.write_audio(frame)
                spoken += FRAME
            heard += call.read_audio(FRAME, blocking=False)
            for digit in call.get_dtmf(8):
                say(event="digit", call=number, digit=digit)
            next_frame += 0.02
            time.sleep(max(0.0, next_frame - time.monotonic()))
        if record:
            with wave.open(record, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(1)
                file.setframerate(8000)
                file.writeframes(bytes(heard))

    # -- commands --------------------------------------------------------------------

    def call(self, number: str, record: str | None = None) -> int:
        """Call a number; pyVoIP returns when the first provisional answer is here."""
        return self._keep(self._phone.call(number), record)

    def answer(self, call: int) -> None:
        """Answer a ringing call."""
        self.calls[call].answer()

    def auto_answer(self, delay: float | None) -> None:
        """Answer calls so long after they came in; None: let them ring."""
        self._answer_after = delay

    def deny(self, call: int) -> None:
        """Answer 486."""
        self.calls[call].deny()

    def hang_up(self, call: int) -> None:
        """BYE; pyVoIP knows no CANCEL."""
        if self.calls[call].state != CallState.ENDED:
            self.calls[call].hangup()

    def digits(self, call: int, digits: str) -> None:
        """Press keys."""
        client = self.calls[call].RTPClients[0]
        if not isinstance(client.sout, KeyingSocket):
            events = [n for n, kind in client.assoc.items() if kind == RTP.PayloadType.EVENT]
            if not events:
                raise RuntimeError("telephone-event was not agreed")
            client.sout = KeyingSocket(client.sout, events[0])
        for digit in digits:
            client.sout.press(digit)

    def run(self) -> None:
        """Obey until the input ends."""
        commands: dict[str, Callable[..., Any]] = {
            "call": self.call,
            "answer": self.answer,
            "auto_answer": self.auto_answer,
            "deny": self.deny,
            "hang_up": self.hang_up,
            "digits": self.digits,
        }
        for line in sys.stdin:
            obey(commands, line)
        self._phone.stop()


if __name__ == "__main__":
    Phone(json.loads(sys.argv[1])).run()
    sys.stdout.flush()
    os._exit(0)  # pyVoIP's timers are no daemons and would keep us
