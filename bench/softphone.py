"""The agent's softphone at a running daemon: from a key to its effect, from a call to its pop, at rest.

- `softphone_key_p99`: from a key's press to the daemon's stamp on what it did (hold, retrieve).
- `softphone_pop_p99`: from the stamp on `Delivered` to the screen that shows the call.
- `softphone_cpu_rest`: `ccd agent` in a terminal of its own, nothing happening: share of a core.
- `softphone_cpu_call`: the same with a PJSIP phone in a call: screen, level meter and phone.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

import uvloop

from bench._queue_centre import SERVICE, QueueCentre, missing, queue_centre
from bench._terminal import busy_percent, in_terminal
from bench._until import until
from bench.result import Result, at_most, figure
from ccd.events import Delivered, Event, Held, LineNailedUp, Retrieved
from tui.agent.app import SoftphoneApp
from tui.agent.desk import Stage
from tui.agent.service import LinkState, Login, Service

AGENT = "agent0"
CALLS = 40
KEYS_A_CALL = 4
REST_S = 12.0
SETTLE_S = 4.0
KEY_MS, POP_MS, REST_PERCENT, CALL_PERCENT = 50.0, 100.0, 2.0, 15.0


class Measured(SoftphoneApp):
    """Notes when a call's pop is on the screen."""

    popped: dict[str, float]
    delivered: dict[str, float]

    def _heard(self, event: Event) -> None:
        super()._heard(event)
        if isinstance(event, Delivered) and event.agent == AGENT:
            self.delivered[event.call] = event.at

    def _draw(self) -> None:
        super()._draw()
        line = self.service.desk.line(Stage.RINGING, Stage.SPEAKING)
        if line is not None and line.call not in self.popped:
            self.popped[line.call] = 0.0
            self.call_after_refresh(self._shown, line.call)

    def _shown(self, call: str) -> None:
        self.popped[call] = time.time()


async def _measure(
    folder: Path,
) -> tuple[list[float], list[float], float, dict[str, float]]:
    (folder / "call").mkdir()
    async with queue_centre(folder, agents=2, at_work=False) as centre:
        pops, keys = await _work(centre)
        rest = await _rest(folder)
    async with queue_centre(folder / "call", agents=1, at_work=False, phones_too=False) as centre:
        calling = await _in_a_call(centre)
    return pops, keys, rest, calling


async def _work(centre: QueueCentre) -> tuple[list[float], list[float]]:
    service = Service(Login(AGENT, state=str(centre.folder)))
    await service.start()
    app = Measured(service, bell=False)
    app.popped, app.delivered = {}, {}
    effects: asyncio.Queue[float] = asyncio.Queue()
    events = service.on_event

    async with app.run_test(size=(100, 30)) as pilot:
        heard = app._heard

        def also(event: Event) -> None:
            heard(event)
            if isinstance(event, Held | Retrieved):
                effects.put_nowait(event.at)

        service.on_event = also
        await until(lambda: service.link is LinkState.UP)
        await pilot.press("r")
        calling = asyncio.create_task(centre.call(1, CALLS))
        keys: list[float] = []
        seen: set[str] = set()
        while not calling.done():
            line = service.desk.line(Stage.SPEAKING)
            if line is None or line.call in seen:
                await asyncio.sleep(0.01)
                continue
            seen.add(line.call)
            for key in ("h", "g") * (KEYS_A_CALL // 2):
                begin = time.time()
                with contextlib.suppress(TimeoutError):
                    await pilot.press(key)
                    async with asyncio.timeout(1.0):
                        keys.append(await effects.get() - begin)
    service.on_event = events
    await service.close()
    pops = [
        at - app.delivered[call] for call, at in app.popped.items() if at and call in app.delivered
    ]
    return pops, keys


async def _rest(folder: Path) -> float:
    """CPU of the whole program in a terminal, percent of a core."""
    async with in_terminal(folder, AGENT) as program:
        await asyncio.sleep(SETTLE_S)
        return sum((await busy_percent(program, REST_S)).values())


async def _in_a_call(centre: QueueCentre) -> dict[str, float]:
    """The same with a PJSIP phone that is nailed up, in a call in which music is heard."""
    phone = ("--phone", "pjsip", "--sip", f"127.0.0.1:{centre.sip}", "--nailed-up")
    sound = ("--capture", "null", "--playback", "null")
    nailed_up = centre.client.events(None, LineNailedUp)
    async with in_terminal(centre.folder, AGENT, "--take", *phone, *sound) as program:
        async with asyncio.timeout(20):
            await anext(nailed_up)
        call = await centre.client.make_call(SERVICE, agent=AGENT)
        await asyncio.sleep(SETTLE_S)
        assert (await centre.client.snapshot_device(AGENT)).calls, "the call is over"
        found = await busy_percent(program, REST_S)
        await centre.client.clear_connection(call.call, agent=AGENT)
        await centre.client.log_off(AGENT)
    return found


def run() -> list[Result]:
    """Measure it; needs SIPp."""
    if missing():
        return [Result(name="softphone_key_p99", value=None, unit="ms", note=missing())]
    with tempfile.TemporaryDirectory(prefix="ccd-bench-", ignore_cleanup_errors=True) as name:
        pops, keys, rest, calling = uvloop.run(_measure(Path(name)))
    pops.sort()
    keys.sort()
    return [
        at_most("softphone_key_p99", _of(keys, 0.99) * 1e3, "ms", KEY_MS, f"{len(keys)} keys"),
        figure("softphone_key_p50", _of(keys, 0.5) * 1e3, "ms"),
        at_most("softphone_pop_p99", _of(pops, 0.99) * 1e3, "ms", POP_MS, f"{len(pops)} calls"),
        figure("softphone_pop_p50", _of(pops, 0.5) * 1e3, "ms"),
        at_most("softphone_cpu_rest", rest, "% of a core", REST_PERCENT),
        at_most(
            "softphone_cpu_call",
            sum(calling.values()),
            "% of a core",
            CALL_PERCENT,
            f"screen {calling['screen']:.1f}, PJSIP {calling['phone']:.1f}",
        ),
    ]


def _of(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]
