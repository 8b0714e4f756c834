"""The softphone's screen at a real daemon, with real SIP phones: every key does what it says.

The agent's phone here is one on his desk (PJSIP, which he answers by hand): what a key does is
the server's doing. Phones of the softphone's own are in test_interop_phones.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from peers import audio
from peers.asking import until
from peers.centre import AGENTS, CALLER_HZ, STRAIGHT, STRAIGHT_FLOW, Centre
from peers.daemon import Watch
from peers.pjsip import PjsipPhone
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import OptionList, TextArea

import ccd.settings
from ccd.cti.client import Client
from ccd.events import (
    CallbackRequested,
    CallCleared,
    DigitsGenerated,
    Established,
    Held,
    MessageSent,
    VoicemailHeard,
    VoicemailLeft,
    WrappedUp,
)
from ccd.model import AgentState, Party
from tui.agent.actions import ACTIONS
from tui.agent.app import SoftphoneApp
from tui.agent.desk import Line, Stage
from tui.agent.service import LinkState, Login, Service
from tui.shared.words import Words

pytestmark = [pytest.mark.peer, pytest.mark.asyncio(loop_scope="module")]

A, B, _ = AGENTS
ANI = "13800138000"
CUSTOMERS = f"id,name,class,numbers,accounts\nC1,王芳,gold,{ANI},6228480\n"
BOOK = """\
[[account]]
account = "6228480"
cash = "25000.00"
[[position]]
account = "6228480"
code = "600519"
quantity = 200
price = "1688.00"
"""
WAIT_S = 10.0
MESSAGES = "8003"
WORDS = Words("en")


@pytest.fixture(scope="module")
def centre(open_centre: Callable[..., Centre], tmp_path_factory: pytest.TempPathFactory) -> Centre:
    folder = tmp_path_factory.mktemp("flows")
    (folder / "straight.yaml").write_text(STRAIGHT_FLOW)
    (folder / "messages.yaml").write_text(
        "version: 1\nname: messages\nstart: advice\nfallback: advice\n"
        "steps:\n  advice: {type: queue, queue: advice}\n"
    )
    shipped = Path(ccd.settings.__file__).parent / "check_pin.yaml"
    (folder / "pin.yaml").write_bytes(shipped.read_bytes())
    (folder / "book.toml").write_text(BOOK)
    centre = open_centre(
        host={"book": str(folder / "book.toml")},
        trunk=[
            {"name": "outside", "peers": ["127.0.0.1:9"]},
            {"name": "test", "peers": ["127.0.0.0/8"]},
        ],
        route=[
            {"dnis": STRAIGHT, "flow": str(folder / "straight.yaml")},
            {"dnis": MESSAGES, "flow": str(folder / "messages.yaml")},
        ],
        queue=[
            {
                "name": "orders",
                "title": "Orders",
                "script": "# Greet\nSay your name.",
                "wrap_up_s": 30.0,
                "wrap_up_requires_disposition": True,
                "callback": {"trunk": "outside"},
            },
            {
                "name": "advice",
                "title": "Advice",
                "announce": {"language": "en"},
                "overflow": [{"to": "voicemail", "no_agents": True}],
                "voicemail": {"min_s": 1.0},
            },
        ],
        agent=[
            {"name": A, "phone": A, "queues": ["orders"], "full_name": "Anna Bell"},
            {"name": B, "phone": B, "queues": ["advice", "orders"], "full_name": "Bert Cole"},
        ],
        disposition=[{"name": "sold", "title": "Sold"}, {"name": "told", "title": "Told"}],
        not_ready_reason=[{"name": "lunch", "title": "Lunch"}],
        service_flow=[{"name": "pin", "flow": str(folder / "pin.yaml"), "title": "Key the PIN"}],
    )
    file = folder / "customers.csv"
    file.write_text(CUSTOMERS)
    centre.daemon.command("customers", "import", str(file))
    return centre


@pytest_asyncio.fixture(loop_scope="module")
async def watch(centre: Centre) -> AsyncIterator[Watch]:
    async with Watch(centre.daemon) as watching:
        yield watching


class Shift:
    """An agent at his screen, and the phone on his desk."""

    def __init__(self, app: SoftphoneApp, pilot: Pilot[int], phone: PjsipPhone) -> None:
        self.app, self.pilot, self.phone = app, pilot, phone
        self.service = app.service
        self.desk = app.service.desk

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self.pilot.press(*text, "enter")

    async def until(self, true: Callable[[], bool]) -> None:
        try:
            await until(true, within=WAIT_S)
        except TimeoutError:
            raise AssertionError(f"not so in {WAIT_S} s; on the screen: {self.screen()}") from None
        await self.pilot.pause()

    def screen(self) -> str:
        """What a person would report of it."""
        panes = ("#seat", "#banner", "#lines", "#told", "#question")
        return " | ".join(self.shown(pane) for pane in panes) + f" | {self.app.focused}"

    async def stage(self, *stages: Stage) -> Line:
        """Wait until his calls are in these stages, in the order of the screen."""
        await self.until(lambda: tuple(line.stage for line in self.desk.lines) == stages)
        return self.desk.lines[0] if stages else None  # type: ignore[return-value]

    async def state(self, state: AgentState) -> None:
        await self.until(lambda: self.desk.seat.state is state)

    async def told(self, text: str) -> None:
        await self.until(lambda: text in self.shown("#told"))

    def shown(self, pane: str) -> str:
        return self.app.screen.query_one(pane).said  # type: ignore[attr-defined, no-any-return]

    async def pick_up(self) -> None:
        """The hand, at the phone."""
        said = await self.phone.expect("incoming", since=self._mark)
        await self.phone.answer(int(said["call"]))
        self._mark = self.phone.mark()

    _mark = 0


@contextlib.asynccontextmanager
async def working(centre: Centre, name: str, **options: Any) -> AsyncIterator[Shift]:
    """Somebody at work; undone when left."""
    async with centre.phone(name) as phone:
        await phone.auto_answer(None)
        assert (await phone.register())["code"] == 200
        service = Service(Login(name, state=str(centre.daemon.state)))
        await service.start(take=True)
        app = SoftphoneApp(service, **options)
        try:
            async with app.run_test(size=(100, 30)) as pilot:
                await until(lambda: service.link is LinkState.UP)
                await pilot.pause()
                yield Shift(app, pilot, phone)
        finally:
            for line in service.desk.lines:
                await service.client.clear_connection(line.call)
            await service.client.log_off()
            await service.close()


@pytest_asyncio.fixture(loop_scope="module")
async def anna(centre: Centre) -> AsyncIterator[Shift]:
    async with working(centre, A) as shift:
        yield shift


@pytest_asyncio.fixture(loop_scope="module")
async def bert(centre: Centre) -> AsyncIterator[PjsipPhone]:
    """A colleague whose phone answers by itself."""
    async with centre.phone(B) as phone, Client(centre.daemon.state) as client:
        await phone.auto_answer(0.05)
        assert (await phone.register())["code"] == 200
        await client.log_in(B)
        yield phone
        await client.log_off(B)


@pytest_asyncio.fixture(loop_scope="module")
async def caller(centre: Centre) -> AsyncIterator[PjsipPhone]:
    async with centre.caller(ANI) as phone:
        yield phone


async def speaking(centre: Centre, anna: Shift, caller: PjsipPhone) -> Line:
    """Have her speak with the customer, who called."""
    await anna.press("r")
    await anna.state(AgentState.READY)
    await caller.call(centre.uri(STRAIGHT))
    await anna.stage(Stage.RINGING)
    await anna.pick_up()
    return await anna.stage(Stage.SPEAKING)


async def test_a_call_from_its_pop_to_its_disposition(
    centre: Centre, watch: Watch, anna: Shift, caller: PjsipPhone
) -> None:
    since = watch.mark()
    await anna.press("r")
    await anna.state(AgentState.READY)
    await anna.until(lambda: "READY" in anna.shown("#seat"))
    await caller.call(centre.uri(STRAIGHT))
    line = await anna.stage(Stage.RINGING)
    # The pop is there before the phone is answered: who, how dear, from which queue.
    assert (line.who, line.number, line.queue) == ("王芳", ANI, "orders")
    assert "gold" in anna.shown("#caller")
    # What he has is asked of the host, and comes a moment later.
    await anna.until(lambda: "25,000.00 CNY" in anna.shown("#caller"))
    assert "600519  200 @1,688.00 = 337,600.00" in anna.shown("#caller")
    assert "answer" in anna.shown("#keys")
    await anna.pick_up()
    await anna.stage(Stage.SPEAKING)
    await anna.press("3")
    notes = anna.app.screen.query_one("#notes", TextArea)
    await anna.until(lambda: anna.app.focused is notes)
    await anna.press(*"wants 200", "escape")
    await anna.press("h")
    await anna.stage(Stage.HELD)
    await watch.expect(Held, call=line.call, since=since)
    await anna.press("g")
    await anna.stage(Stage.SPEAKING)
    await anna.press("x")
    await anna.stage()
    await anna.state(AgentState.WRAP_UP)
    assert "王芳" in anna.shown("#lines")
    # The queue wants to know what came of it: until then she is not ready.
    await anna.press("r")
    await anna.told("say first what came of the call")
    await anna.press("w")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type("sold")
    event = await watch.expect(WrappedUp, call=line.call, since=since)
    assert (event.disposition, event.notes) == ("sold", "wants 200")
    await anna.until(lambda: anna.desk.wrapping is not None and anna.desk.wrapping.said)
    await anna.press("r")
    await anna.state(AgentState.READY)
    await anna.until(lambda: anna.desk.day.handled == 1)


async def test_consult_swap_confer_and_transfer(
    centre: Centre, watch: Watch, anna: Shift, bert: PjsipPhone, caller: PjsipPhone
) -> None:
    first = await speaking(centre, anna, caller)
    await anna.press("c")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type("bert")  # found by his name in the directory
    with_bert = await anna.stage(Stage.SPEAKING, Stage.HELD)
    assert with_bert.who == "Bert Cole"
    await anna.press("s")
    await anna.until(lambda: anna.desk.lines[0].call == first.call)
    await anna.press("s")
    await anna.until(lambda: anna.desk.lines[0].call == with_bert.call)
    await anna.press("f")
    line = await anna.stage(Stage.CONFERENCE)
    assert line.call == first.call
    assert line.others == ("Bert Cole",)
    await anna.press("x")
    await anna.stage()
    await watch.expect(CallCleared, call=with_bert.call)


async def test_consult_come_back_and_transfer(
    centre: Centre, watch: Watch, anna: Shift, bert: PjsipPhone, caller: PjsipPhone
) -> None:
    first = await speaking(centre, anna, caller)
    for key, stages in (("b", (Stage.SPEAKING,)), ("t", ())):
        await anna.press("c")
        await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
        await anna.type("bert")
        await anna.stage(Stage.SPEAKING, Stage.HELD)
        await anna.press(key)
        await anna.stage(*stages)
    async with Client(centre.daemon.state) as client:
        (call,) = (await client.snapshot_device(B)).calls
        assert call.call == first.call


async def test_what_is_not_possible_says_why_and_does_nothing(anna: Shift) -> None:
    for key, why in (
        ("a", "nothing rings"),
        ("h", "you are in no conversation"),
        ("t", "there is no second call"),
        ("m", "this phone cannot mute"),
        ("W", "no after-call work"),
        ("L", "the seat is open"),
    ):
        await anna.press(key)
        await anna.told(why)


async def test_not_ready_for_a_reason_of_the_settings(anna: Shift) -> None:
    await anna.press("n")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.press("l", "u", "enter")
    await anna.until(lambda: anna.desk.seat.reason == "lunch")
    assert "Lunch" in anna.shown("#seat")


async def test_a_seat_is_locked_and_opened(anna: Shift) -> None:
    await anna.press("l")
    await anna.until(lambda: anna.desk.seat.locked)
    await anna.press("r")
    await anna.told("the seat is locked")
    await anna.press("L")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.press("enter")  # on this machine no password is asked for
    await anna.until(lambda: not anna.desk.seat.locked)


async def test_dial_a_colleague_key_digits_and_hang_up(
    watch: Watch, anna: Shift, bert: PjsipPhone
) -> None:
    since = watch.mark()
    await anna.press("d")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type("bert")
    await anna.pick_up()  # his own phone first
    line = await anna.stage(Stage.SPEAKING)
    assert line.who == "Bert Cole"
    await anna.press("k")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type("12#")
    await watch.expect(DigitsGenerated, call=line.call, since=since)
    await anna.press("f3")
    await anna.stage()
    await anna.press("D")
    await anna.pick_up()
    assert (await anna.stage(Stage.SPEAKING)).who == "Bert Cole"


async def test_a_caller_is_parked_and_taken_back(
    centre: Centre, anna: Shift, caller: PjsipPhone
) -> None:
    line = await speaking(centre, anna, caller)
    await anna.press("p")
    await anna.stage()
    await anna.press("w")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type("told")
    await anna.press("U")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.press("enter")
    await anna.pick_up()
    assert (await anna.stage(Stage.SPEAKING)).call == line.call


async def test_a_caller_keys_a_pin_and_is_called_back(
    centre: Centre, watch: Watch, anna: Shift, caller: PjsipPhone
) -> None:
    await speaking(centre, anna, caller)
    await anna.press("i")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.press("enter")
    await anna.stage(Stage.IVR)
    await anna.press("I")
    await anna.stage(Stage.SPEAKING)
    since = watch.mark()
    await anna.press("B")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type("+20")
    event = await watch.expect(CallbackRequested, since=since)
    assert event.number.endswith(ANI)


async def test_a_recording_is_paused_and_goes_on(
    centre: Centre, anna: Shift, caller: PjsipPhone
) -> None:
    await speaking(centre, anna, caller)
    await anna.until(lambda: anna.desk.lines[0].recording)
    await anna.press("e")
    await anna.until(lambda: anna.desk.lines[0].paused)
    assert "rec paused" in anna.shown("#lines")
    await anna.press("E")
    await anna.until(lambda: not anna.desk.lines[0].paused)


async def test_lines_from_others_are_shown_and_counted(centre: Centre, anna: Shift) -> None:
    async with Client(centre.daemon.state, name="chief") as chief:
        await chief.send_message("lunch at twelve", agent=A)
    await anna.until(lambda: anna.desk.unread == 1)
    await anna.told("lunch at twelve")
    await anna.press("4")
    await anna.until(lambda: "lunch at twelve" in anna.shown("#messages"))
    assert anna.desk.unread == 0


async def test_another_screen_takes_the_seat_and_it_is_taken_back(
    centre: Centre, anna: Shift
) -> None:
    async with Client(centre.daemon.state) as other:
        await other.log_in(A)
        await anna.until(lambda: anna.service.link is LinkState.DISPLACED)
        assert "logged in elsewhere" in anna.shown("#banner")
        await anna.press("R")
        await anna.until(lambda: anna.service.link is LinkState.UP)
        await anna.press("r")
        await anna.state(AgentState.READY)


async def test_the_language_and_the_look_change_at_once(anna: Shift) -> None:
    await anna.press("ctrl+l")
    await anna.until(lambda: "示忙" in anna.shown("#seat"))
    await anna.press("ctrl+t")
    await anna.until(lambda: anna.app.theme == "ccd-light")
    await anna.press("ctrl+l")
    await anna.until(lambda: "NOT READY" in anna.shown("#seat"))


async def answering(anna: Shift, key: str, text: str) -> None:
    """Press a key, and answer what is asked."""
    await anna.press(key)
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type(text)


async def test_a_caller_is_given_away_at_once(
    centre: Centre, anna: Shift, bert: PjsipPhone, caller: PjsipPhone
) -> None:
    line = await speaking(centre, anna, caller)
    await answering(anna, "T", "bert")
    await anna.stage()
    async with Client(centre.daemon.state) as client:
        (call,) = (await client.snapshot_device(B)).calls
        assert call.call == line.call
        await client.clear_call(agent=B)


async def test_a_colleague_is_brought_in(
    centre: Centre, anna: Shift, bert: PjsipPhone, caller: PjsipPhone
) -> None:
    await speaking(centre, anna, caller)
    await answering(anna, "+", "bert")
    line = await anna.stage(Stage.CONFERENCE)
    assert line.others == ("Bert Cole",)


async def test_a_ringing_call_is_sent_on(
    centre: Centre, anna: Shift, bert: PjsipPhone, caller: PjsipPhone
) -> None:
    await anna.press("r")
    await anna.state(AgentState.READY)
    await caller.call(centre.uri(STRAIGHT))
    line = await anna.stage(Stage.RINGING)
    await answering(anna, "o", "bert")
    await anna.stage()
    async with Client(centre.daemon.state) as client:
        await until(lambda: caller.said("state")[-1]["state"] == "confirmed")
        (call,) = (await client.snapshot_device(B)).calls
        assert call.call == line.call
        await client.clear_call(agent=B)


async def test_a_ringing_call_is_declined(centre: Centre, anna: Shift, caller: PjsipPhone) -> None:
    await anna.press("r")
    await anna.state(AgentState.READY)
    line = await caller.call(centre.uri(STRAIGHT))
    await anna.stage(Stage.RINGING)
    await anna.press("x")
    await anna.stage()
    await caller.hang_up(line)


async def test_a_line_is_written_to_a_colleague(
    anna: Shift, bert: PjsipPhone, watch: Watch
) -> None:
    since = watch.mark()
    await answering(anna, "M", "bert")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    await anna.type("call me: it is urgent")
    event = await watch.expect(MessageSent, since=since, agent=B)
    assert (event.by, event.text) == (A, "call me: it is urgent")


async def test_a_note_stays_with_the_customer(
    centre: Centre, anna: Shift, caller: PjsipPhone
) -> None:
    await speaking(centre, anna, caller)
    await answering(anna, "N", "has moved house")
    await anna.until(lambda: any("moved" in note.text for note in anna.service.records["C1"].notes))


async def test_what_rings_at_a_colleague_is_picked_up(
    centre: Centre, anna: Shift, caller: PjsipPhone
) -> None:
    async with centre.phone(B) as phone, Client(centre.daemon.state) as client:
        await phone.auto_answer(None)
        assert (await phone.register())["code"] == 200
        await client.log_in(B)
        await client.ready(B)
        await caller.call(centre.uri(STRAIGHT))
        ringing = await phone.expect("incoming")
        await anna.press("u")
        await anna.stage(Stage.RINGING)
        await anna.pick_up()
        line = await anna.stage(Stage.SPEAKING)
        assert line.number == ANI
        await phone.state(int(ringing["call"]), "disconnected")
        await client.log_off(B)


async def test_a_message_is_chosen_heard_again_and_done_with(
    centre: Centre, watch: Watch, anna: Shift, caller: PjsipPhone, tmp_path: Path
) -> None:
    since = watch.mark()
    call = await caller.call(centre.uri(MESSAGES))
    await watch.expect(Established, party=Party.CALLER, since=since)
    await asyncio.sleep(1.0)  # of the greeting
    await caller.digits(call, "#")
    await asyncio.sleep(2.6)  # the tone, and what he says
    await caller.hang_up(call)
    left = await watch.expect(VoicemailLeft, since=since)
    await anna.press("v")
    await anna.until(lambda: anna.app.screen.asking)  # type: ignore[attr-defined]
    choices = anna.app.screen.query_one("#choices", OptionList)
    await anna.until(lambda: choices.option_count == 1)
    assert ANI in str(choices.get_option_at_index(0).prompt)
    await anna.press("enter")
    said = await anna.phone.expect("incoming", since=anna._mark)
    heard = tmp_path / "heard.wav"
    await anna.phone.answer(int(said["call"]))
    await anna.phone.record(int(said["call"]), heard)
    line = await anna.stage(Stage.MESSAGE)
    assert line.data["voicemail"] == left.voicemail
    assert "MESSAGE" in anna.shown("#lines")
    await asyncio.sleep(left.seconds + 0.5)
    await anna.press("y")
    await asyncio.sleep(left.seconds + 0.5)
    await anna.press("V")
    done = await watch.expect(VoicemailHeard, since=since)
    assert (done.voicemail, done.agent) == (left.voicemail, A)
    await anna.stage()
    played = audio.tone_stretches(audio.read(heard), CALLER_HZ)
    assert len([each for each in played if each.seconds > 1.0]) == 2


async def test_every_key_is_told_of_in_the_help(anna: Shift) -> None:
    await anna.press("question_mark")
    await anna.until(lambda: "blind transfer" in anna.shown("#help"))
    for action in ACTIONS:
        assert WORDS(f"action.{action.id}") in anna.shown("#help")


async def test_the_palette_finds_an_action_by_its_name(anna: Shift) -> None:
    await anna.press("ctrl+p")
    await anna.until(lambda: isinstance(anna.app.screen, CommandPalette))
    await anna.press(*"lock seat")
    found = anna.app.screen.query_one(OptionList)
    await anna.until(lambda: found.option_count > 0)
    await anna.press("enter")
    if isinstance(anna.app.screen, CommandPalette):  # the first one chose, the second one runs
        await anna.press("enter")
    await anna.until(lambda: anna.desk.seat.locked)
    await anna.service.client.open_seat()
