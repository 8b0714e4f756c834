"""A small call centre for the tests to call, with phones and people on demand."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ccd.events import AgentReady
from peers import audio
from peers.daemon import Daemon, Watch
from peers.driver import Said
from peers.pjsip import PjsipPhone
from peers.ports import HOST, free_port, free_range

DOMAIN = "test.ccd.local"
SERVICE = "95500"
"""Welcome, press 1, queue."""
STRAIGHT = "95501"
"""Into the queue at once."""
RING_S = 2.0
AGENTS = ("agent1", "agent2", "agent3")
SPARE_PHONE = "spare"
"""A phone of nobody: its password may be guessed at without locking an agent out."""
MUSIC_HZ = 350.0
CALLER_HZ = 700.0
AGENT_HZ = {"agent1": 900.0, "agent2": 1100.0, "agent3": 1300.0}
RTP_TIMEOUT_S = 6.0

FLOW = """\
version: 1
name: test
language: en
start: welcome
fallback: orders
steps:
  welcome:
    type: menu
    prompt: {play: welcome.wav}
    choices: {"1": orders, "9": goodbye}
    first_digit_timeout_s: 8
    retries: 1
  orders: {type: queue, queue: orders}
  goodbye: {type: hangup, prompt: {play: welcome.wav}}
"""
STRAIGHT_FLOW = """\
version: 1
name: straight
start: orders
fallback: orders
steps:
  orders: {type: queue, queue: orders}
"""


def prompt_audio() -> audio.Audio:
    """Three seconds that nobody says twice: noise between 1.5 and 3 kHz, four syllables a second.

    It keeps clear of every tone that the tests listen for.
    """
    samples = 3 * audio.RATE
    spectrum = np.fft.rfft(np.random.default_rng(95500).normal(0, 1, samples))
    hertz = np.fft.rfftfreq(samples, 1 / audio.RATE)
    spectrum[(hertz < 1500) | (hertz > 3000)] = 0
    noise = np.fft.irfft(spectrum, samples)
    noise /= np.abs(noise).max()
    syllables = np.sin(np.pi * 2 * np.arange(samples) / audio.RATE) ** 2
    return 0.5 * noise * syllables


def password(phone: str) -> str:
    """The digest password of a phone of the test's settings."""
    return f"secret of {phone}"


@dataclass
class Centre:
    """A daemon on the tests' settings, and what is known of them."""

    daemon: Daemon
    folder: Path
    small_trunk_port: int
    """The one port from which calls come in by the trunk of two channels."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it hears SIP."""
        return self.daemon.address

    def uri(self, number: str = SERVICE, *, tcp: bool = False) -> str:
        """What a caller dials."""
        return f"sip:{number}@{HOST}:{self.daemon.port}" + (";transport=tcp" if tcp else "")

    def tone(self, hertz: float) -> Path:
        """A WAV with two seconds of a tone, to be looped."""
        path = self.folder / f"tone_{hertz:.0f}.wav"
        if not path.exists():
            audio.write(path, audio.tone(hertz, 2))
        return path

    def caller(self, user: str = "13800000001", **options: Any) -> PjsipPhone:
        """A PJSIP caller who says the callers' tone."""
        return PjsipPhone(user, wav=self.tone(CALLER_HZ), **options)

    def phone(self, name: str, **options: Any) -> PjsipPhone:
        """An agent's PJSIP phone, not yet registered, saying the agent's tone."""
        tcp = bool(options.get("tcp"))
        registrar = f"sip:{HOST}:{self.daemon.port}" + (";transport=tcp" if tcp else "")
        return PjsipPhone(
            name,
            domain=DOMAIN,
            registrar=registrar,
            password=password(name),
            wav=self.tone(AGENT_HZ[name]),
            **options,
        )


class Desk:
    """An agent at work: a registered PJSIP phone, logged on and ready; all undone when left."""

    def __init__(
        self,
        centre: Centre,
        watch: Watch,
        name: str = "agent1",
        *,
        answer_after: float | None = 0.1,
        answer_with: int = 200,
        **options: Any,
    ) -> None:
        self.name = name
        self.phone = centre.phone(name, **options)
        self._watch = watch
        self._answer = answer_after, answer_with

    async def __aenter__(self) -> Self:
        try:
            await self.phone.start()
            await self.phone.auto_answer(*self._answer)
            said = await self.phone.register()
            assert said["code"] == 200, said
            await self._watch.log_on(self.name)
            await self.ready()
        except BaseException:
            await self.phone.kill()
            await self.phone.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(Exception) if error else contextlib.nullcontext():
            await self._watch.log_off(self.name)
        if self.phone.registered and error is None:
            await self.phone.unregister()
        await self.phone.stop()

    async def ready(self) -> None:
        """Become ready, and wait until the centre says so."""
        since = self._watch.mark()
        await self._watch.ready(self.name)
        await self._watch.expect(AgentReady, agent=self.name, since=since)

    async def incoming(self, since: int = 0, within: float = 10.0) -> Said:
        """Wait for a call."""
        return await self.phone.expect("incoming", since=since, within=within)


def make_centre(
    folder: Path, changes: Mapping[str, Any], studio: Mapping[str, audio.Audio] | None = None
) -> Centre:
    """Write settings, flows and sounds into `folder`; the daemon is made, not started.

    `changes` are laid over the sections of the settings; lists, such as `queue`, are replaced.
    `studio` has recordings that are played in place of spoken prompts, by their key and language.
    """
    small = free_port()
    audio.write(folder / "welcome.wav", prompt_audio())
    audio.write(folder / "music.wav", audio.tone(MUSIC_HZ, 2, 0.2))
    for name, samples in (studio or {}).items():
        path = folder / "state" / "studio" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, samples)
    (folder / "test.yaml").write_text(FLOW)
    (folder / "straight.yaml").write_text(STRAIGHT_FLOW)
    first = free_range(400)
    settings: dict[str, Any] = {
        "sip": {"domain": DOMAIN},
        "media": {"address": HOST, "ports": [first, first + 399], "rtp_timeout_s": RTP_TIMEOUT_S},
        "trunk": [
            {"name": "small", "peers": [f"{HOST}:{small}"], "channels": 2},
            {"name": "test", "peers": ["127.0.0.0/8"]},
        ],
        "phone": [{"name": name, "password": password(name)} for name in (*AGENTS, SPARE_PHONE)],
        "agent": [{"name": name, "phone": name, "queues": ["orders"]} for name in AGENTS],
        "queue": [
            {
                "name": "orders",
                "ring_timeout_s": RING_S,
                "wrap_up_s": 0.0,
                "music": str(folder / "music.wav"),
            }
        ],
        "route": [
            {"dnis": SERVICE, "flow": str(folder / "test.yaml")},
            {"dnis": STRAIGHT, "flow": str(folder / "straight.yaml")},
        ],
    }
    for section, values in changes.items():
        is_table = isinstance(values, Mapping)
        settings[section] = {**settings.get(section, {}), **values} if is_table else values
    return Centre(Daemon(folder / "state", settings=settings), folder, small)
