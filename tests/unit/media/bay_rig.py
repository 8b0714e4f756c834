"""A patch bay run by hand, with real sockets around it and no clock but the test's."""

from __future__ import annotations

import random
import socket
import struct
import time
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import structlog

from ccd.media import batch_io, sockets
from ccd.media.bay import Bay
from ccd.media.codecs import decode, encode
from ccd.media.protocol import (
    Codec,
    Command,
    Connect,
    LegClosed,
    MediaFormat,
    OpenLeg,
    Report,
)
from ccd.media.recorder import RecorderThread
from ccd.model import Quality

FRAME = 160


class Packet(NamedTuple):
    """An RTP packet as a phone got it."""

    pt: int
    marker: bool
    seq: int
    ts: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> Packet:
    first, second, seq, ts, ssrc = struct.unpack_from("!BBHII", data)
    assert first == 0x80
    return Packet(second & 0x7F, second >= 0x80, seq, ts, ssrc, data[12:])


class Phone:
    """A peer: sends a tone of its own, keeps what it hears."""

    def __init__(self, rig: Rig, frequency: float, codec: Codec, ptime: int = 20) -> None:
        self.rig = rig
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        while True:  # the next port is for RTCP
            self.sock.bind(("127.0.0.1", 0))
            self.control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self.control.bind(("127.0.0.1", self.address[1] + 1))
                break
            except OSError:
                self.control.close()
                self.sock.close()
                self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.control.setblocking(False)
        self.codec = codec
        self.pt = 0 if codec is Codec.PCMU else 8
        self.frequency = frequency
        self.size = ptime * 8
        self.seq = rig.rng.getrandbits(16)
        self.ts = rig.rng.getrandbits(32)
        self.ssrc = rig.rng.getrandbits(32)
        self.samples = 0
        self.node = 0
        self.port = 0
        self.heard: list[Packet] = []

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.sock.getsockname()
        return host, port

    def tone(self, samples: int) -> np.ndarray:
        at = self.samples + np.arange(samples)
        return (np.sin(2 * np.pi * self.frequency * at / 8000) * 8000).astype(np.int16)

    def packet(self, payload: bytes | None = None, *, marker: bool = False) -> bytes:
        """The next packet; its numbers are used up."""
        if payload is None:
            payload = encode(self.codec, self.tone(self.size))
        header = struct.pack("!BBHII", 0x80, self.pt | marker << 7, self.seq, self.ts, self.ssrc)
        self.skip(1)
        return header + payload

    def skip(self, packets: int) -> None:
        """Use up numbers of packets that are never sent."""
        self.seq = (self.seq + packets) & 0xFFFF
        self.pause(packets * self.size)

    def pause(self, samples: int) -> None:
        """Time goes by without packets (silence suppression)."""
        self.ts = (self.ts + samples) & 0xFFFFFFFF
        self.samples += samples

    def say(self, *, marker: bool = False) -> None:
        self.send(self.packet(marker=marker))

    def send(self, data: bytes) -> None:
        self.sock.sendto(data, ("127.0.0.1", self.port))
        self.rig.sent += 1

    def event(
        self, digit: int, ts: int, duration: int, *, end: bool, marker: bool, pt: int = 101
    ) -> None:
        header = struct.pack("!BBHII", 0x80, pt | marker << 7, self.seq, ts, self.ssrc)
        self.seq = (self.seq + 1) & 0xFFFF
        self.send(header + struct.pack("!BBH", digit, 10 | end << 7, duration))

    def listen(self) -> list[Packet]:
        """What came since the last call."""
        fresh = []
        while True:
            try:
                fresh.append(parse(self.sock.recv(2048)))
            except BlockingIOError:
                self.heard += fresh
                return fresh

    def audio(self) -> np.ndarray:
        """Everything heard as voice, in the order it came, as samples."""
        self.listen()
        data = b"".join(packet.payload for packet in self.heard if packet.pt == self.pt)
        return decode(self.codec, data).astype(float)

    def level(self, frequency: float) -> float:
        """Amplitude of a tone in what was heard, in samples; 8000 is what phones send."""
        return amplitude(self.audio(), frequency)

    def forget(self) -> None:
        self.listen()
        self.heard.clear()


def amplitude(samples: np.ndarray, frequency: float) -> float:
    if not len(samples):
        return 0.0
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(samples)) / 8000)
    return float(2 * abs(np.mean(samples * turn)))


class Inline(Executor):
    """Runs what is submitted at once."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Rig:
    """A bay, its phones, and time in steps of a beat."""

    def __init__(self, *, plain: bool = True, ports: int = 6) -> None:
        self.rng = random.Random(4711)
        self.now = 1000.0
        self.io: batch_io.BatchIO = (
            batch_io.PlainIO(256, clock_ns=lambda: int(self.now * 1e9))
            if plain
            else batch_io.MmsgIO(256)
        )
        pairs = sockets.bind("127.0.0.1", 0, 0, ports + 1)
        last = pairs.pop()
        last.rtp.close()
        last.rtcp.close()
        self.spare = last.number
        """A port to be bound on demand."""
        self.sockets = sockets.Sockets(pairs, self.io, host="127.0.0.1", spare=[last.number])
        self.ports = [pair.number for pair in self.sockets.pairs]
        self.reports: list[Report] = []
        self.recordings = RecorderThread()
        self.recordings.start()
        self.log = structlog.testing.CapturingLogger()
        self.bay = Bay(
            self.sockets,
            self.io,
            report=self.reports.append,
            loader=Inline(),
            recordings=self.recordings,
            rng=self.rng,
            log=self.log,
            wall=lambda: self.now,
        )
        self.sent = 0
        self.phones: list[Phone] = []
        self._node = 0
        self._beats = 0

    def close(self) -> None:
        self.bay.close(self.now)
        self.sockets.close()
        for phone in self.phones:
            phone.sock.close()
            phone.control.close()

    def node(self) -> int:
        self._node += 1
        return self._node

    def phone(self, frequency: float = 500.0, codec: Codec = Codec.PCMU, ptime: int = 20) -> Phone:
        """A peer that has no leg yet."""
        phone = Phone(self, frequency, codec, ptime)
        self.phones.append(phone)
        return phone

    def leg(
        self,
        frequency: float = 500.0,
        codec: Codec = Codec.PCMU,
        *,
        port: int = 0,
        ptime: int = 20,
        event: int | None = 101,
        sends_ptime: int = 20,
        **options: Any,
    ) -> Phone:
        """A peer and its leg."""
        phone = self.phone(frequency, codec, ptime)
        phone.node, phone.port = self.node(), self.ports[port]
        form = MediaFormat(
            codec=codec, payload_type=phone.pt, telephone_event=event, ptime_ms=sends_ptime
        )
        options.setdefault("remote", phone.address)
        self.do(OpenLeg(node=phone.node, port=phone.port, format=form, **options))
        return phone

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.bay.apply(command, self.now)

    def bridge(self, a: Phone, b: Phone, gain_db: float = 0.0) -> None:
        self.do(
            Connect(source=a.node, sink=b.node, gain_db=gain_db),
            Connect(source=b.node, sink=a.node, gain_db=gain_db),
        )

    def beat(self) -> None:
        """5 ms: what was sent is received (the kernel may take its time, we wait for it)."""
        patience = time.monotonic() + 2.0
        self.bay.receive(self.now)
        while self.bay.reception.packets < self.sent:
            assert time.monotonic() < patience, "a datagram was lost on the loopback"
            self.bay.receive(self.now)
        self.now += 0.005
        self._beats += 1
        if self._beats % 4 == 0:
            self.bay.frame(self.now)

    def frame(self) -> None:
        """20 ms."""
        for _ in range(4):
            self.beat()

    def talk(self, frames: int, *phones: Phone) -> None:
        """Let these (all that have a leg) say their tones for so many frames."""
        speakers = phones or tuple(phone for phone in self.phones if phone.node)
        due = dict.fromkeys(speakers, 0)
        for elapsed in range(0, frames * FRAME, 40):
            for phone in speakers:
                if due[phone] <= elapsed:
                    phone.say()
                    due[phone] += phone.size
            self.beat()
            for phone in self.phones:
                phone.listen()

    def of(self, kind: type[Report], node: int | None = None) -> list[Any]:
        return [
            report
            for report in self.reports
            if isinstance(report, kind) and node in (None, getattr(report, "node", None))
        ]

    def quality(self, phone: Phone) -> Quality:
        """Close the leg: what did the bay think of it?"""
        from ccd.media.protocol import CloseLeg

        self.do(CloseLeg(node=phone.node))
        closed = self.of(LegClosed, phone.node)
        return msgspec.structs.replace(closed[-1].quality)


def wav(path: Path) -> np.ndarray:
    """A recording of ours: (samples, 2)."""
    import wave

    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2").reshape(-1, 2).astype(float)
