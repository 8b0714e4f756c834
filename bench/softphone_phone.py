"""CPU of a `pjsip` phone's process in a call: G.711 and G.722, sound from and to nowhere."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import psutil
import uvloop

from bench._queue_centre import DOMAIN, missing, queue_centre
from bench._terminal import cpu_percent
from bench._until import until
from bench.result import Result, at_most, figure
from ccd.cti.client import Client
from tui.agent.phones.make import make_phone
from tui.agent.phones.phone import PhoneState
from tui.agent.phones.settings import PhoneSettings
from tui.agent.phones.worker import WorkerPhone

AGENT = "agent0"
SETTLE_S, CALL_S = 1.0, 10.0
BUDGET_PERCENT = 15.0


async def _measure(folder: Path) -> dict[str, float]:
    async with queue_centre(folder, agents=1, at_work=False, phones_too=False) as centre:
        return {
            codec: await _in_a_call(centre.client, centre.sip, codec) for codec in ("PCMA", "G722")
        }


async def _in_a_call(client: Client, sip: int, codec: str) -> float:
    phone = make_phone(
        PhoneSettings(
            back_end="pjsip", user=AGENT, password="unused", port=sip, domain=DOMAIN,
            codecs=(codec, "PCMA"), capture="null", playback="null", auto_answer=True,
        )
    )  # fmt: skip
    assert isinstance(phone, WorkerPhone)
    await phone.start()
    try:
        await client.log_in(AGENT)
        await client.make_call(agent=AGENT)
        await until(lambda: phone.state is PhoneState.TALKING)
        await asyncio.sleep(SETTLE_S)
        (busy,) = await cpu_percent(psutil.Process(phone.pid), seconds=CALL_S)
        await client.clear_connection(agent=AGENT)
        await client.log_off(AGENT)
    finally:
        await phone.close()
    return busy


def run() -> list[Result]:
    """Measure it."""
    if missing():
        return [Result(name="softphone_phone_cpu", value=None, unit="%", note=missing())]
    with tempfile.TemporaryDirectory(prefix="ccd-bench-", ignore_cleanup_errors=True) as name:
        found = uvloop.run(_measure(Path(name)))
    return [
        at_most("softphone_phone_cpu", found["PCMA"], "% of a core", BUDGET_PERCENT, "G.711"),
        figure("softphone_phone_cpu_wide", found["G722"], "% of a core", "G.722 offered first"),
    ]
