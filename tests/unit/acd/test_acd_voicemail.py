"""Messages: left by callers, kept, given to agents, heard; live calls in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from virtual.centre import EPOCH, VirtualCentre

from ccd.acd.contact import Contact
from ccd.acd.errors import UnknownQueueError
from ccd.acd.voicemail.desk import VoicemailDesk
from ccd.acd.voicemail.hearing import REMINDERS, THINK_S
from ccd.acd.voicemail.messages import (
    HEARING,
    LEAVING,
    Hearing,
    HearingEvent,
    HearingStep,
    Leaving,
    LeavingEvent,
    LeavingStep,
    Voicemail,
)
from ccd.acd.waiting.farewell import Farewell
from ccd.acd.waiting.languages import Languages
from ccd.config import Announce, Queue, Settings
from ccd.config import Voicemail as VoicemailSettings
from ccd.events import CallCleared, Offered, Queued, VoicemailHeard, VoicemailLeft
from ccd.media.prompt import Prompt
from ccd.media.protocol import Sound
from ccd.model import Cause, Channel

GREETING = {"acd-voicemail-greeting.en.wav"}
THANKS = {"acd-voicemail-thanks.en.wav"}
EMPTY = {"acd-voicemail-empty.en.wav"}
MENU = {"acd-voicemail-menu.en.wav"}
GONE = {"acd-voicemail-gone.en.wav"}
AGENT = "agent1"


def sounds(prompts: Sequence[Prompt]) -> tuple[Sound, ...]:
    return tuple(Sound(path=f"/{prompt.key}.{prompt.lang}.wav") for prompt in prompts)


class PaperAcd:
    """What the desk says to the ACD, written down."""

    def __init__(self) -> None:
        self.waiting: dict[str, Contact] = {}
        self.queues = {"orders"}
        self.said: list[tuple[object, ...]] = []

    def submit(self, contact: Contact, desk: Any) -> None:
        if contact.queue not in self.queues:
            raise UnknownQueueError(contact.queue, ["orders"])
        assert contact.id not in self.waiting
        self.waiting[contact.id] = contact

    def accepted(self, contact_id: str, agent: str) -> None:
        self.said.append(("accepted", contact_id, agent))

    def offer_failed(self, contact_id: str, cause: Cause, agent: str) -> None:
        self.said.append(("offer_failed", contact_id, cause, agent))

    def stopped(self, contact_id: str, agent: str) -> None:
        self.said.append(("stopped", contact_id, agent))

    def ended(self, contact_id: str) -> None:
        self.said.append(("ended", contact_id))
        del self.waiting[contact_id]


class Office:
    """A centre with one agent, a desk, and an ACD on paper."""

    def __init__(
        self, tmp_path: Path, languages: Sequence[str] = ("en",), **voicemail: float
    ) -> None:
        self.languages = languages
        self.centre = VirtualCentre(tmp_path)
        self.acd = PaperAcd()
        self.called_back: list[tuple[str, str, str]] = []
        self.folder = tmp_path / "voicemail"
        self.queue = Queue(
            name="orders",
            ring_timeout_s=15.0,
            announce=Announce(language="en"),
            voicemail=VoicemailSettings(**voicemail),
        )
        self.settings = Settings(queue=(self.queue,))
        self.desk = self.new_desk()

    def new_desk(self) -> VoicemailDesk:
        return VoicemailDesk(
            settings=self.settings,
            switch=self.centre.centre.switch,
            acd=self.acd,
            sounds=sounds,
            languages=Languages(self.settings, self.languages),
            events=self.centre.stream,
            loop=self.centre.loop,  # type: ignore[arg-type]
            wall_clock=self.centre.wall_clock,
            folder=self.folder,
            call_back=lambda message, agent: self.called_back.append(
                (message.id, message.number, agent)
            ),
        )

    # --- the caller

    def caller_comes(self) -> None:
        self.centre.caller_in_queue()
        self.call = self.centre.call
        self.centre.centre.acd.cleared(self.call)  # the call is in no queue any more
        self.desk.take(self.call, "orders")

    def heard(self) -> set[str]:
        return self.centre.bay.files_heard(self.call.caller.node)

    def finish(self, node: int | None = None) -> None:
        """What is being heard comes to its end."""
        self.centre.bay.finish(self.call.caller.node if node is None else node)
        self.centre.run(0.1)

    def speak(self, seconds: float) -> None:
        """Hear the greeting and the tone out, and begin to speak."""
        self.finish()
        self.finish()
        assert self.centre.bay.recorders
        self.centre.run(seconds)

    def press(self, node: int, digit: str) -> None:
        self.centre.do(lambda: self.centre.bay.press(node, digit), 0.1)

    def message(self) -> Voicemail:
        """A message that is there already."""
        path = self.folder / "old.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"RIFF")
        event = self.centre.stream.publish(
            VoicemailLeft(
                voicemail="vm-old", call="old", queue="orders", number="13800000009",
                path=str(path), seconds=7.0,
            )
        )  # fmt: skip
        self.desk.restore([event])
        (message,) = self.desk.open
        return message

    # --- the agent

    def assign(self, message: Voicemail, *, answers_after: float | None = 0.5) -> None:
        phone = self.centre.phones[AGENT]
        phone.answers_after = answers_after
        self.centre.do(lambda: phone.register(self.centre.hop, f"{AGENT}-secret"))
        contact = self.acd.waiting[message.id]
        self.centre.do(lambda: self.desk.assigned(contact, AGENT, AGENT, contact.queue), 2.0)

    @property
    def agent_node(self) -> int:
        return int(self.centre.call.answered.node)

    def agent_hears(self) -> set[str]:
        return self.centre.bay.files_heard(self.agent_node)

    def agent_gain_db(self) -> float:
        players = self.centre.bay.players
        (source,) = self.centre.bay.sources(self.agent_node)
        return players[source].gain_db

    def nothing_goes_on(self) -> None:
        assert len(self.desk) == 0
        self.centre.assert_nothing_left()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


# --- leaving ---------------------------------------------------------------------------------


def test_a_message_is_greeted_recorded_kept_and_thanked_for(office: Office) -> None:
    office.caller_comes()
    assert office.heard() == GREETING
    office.speak(8.0)
    (path,) = office.centre.bay.recorders.values()
    assert path == str(office.folder / "2027-01-15" / f"{office.call.id}.wav")
    office.press(office.call.caller.node, "#")
    (left,) = office.centre.told(VoicemailLeft)
    assert (left.call, left.queue, left.number) == (office.call.id, "orders", "13800000001")
    assert (left.path, left.seconds) == (path, 1.0)
    assert office.heard() == THANKS
    office.finish()
    office.nothing_goes_on()
    assert office.centre.told(CallCleared)[0].cause is Cause.NORMAL_CLEARING
    (contact,) = office.acd.waiting.values()
    assert (contact.id, contact.queue, contact.channel) == (
        left.voicemail, "orders", Channel.VOICEMAIL,
    )  # fmt: skip
    assert contact.customer == "13800000001"
    assert contact.enqueued_at == pytest.approx(left.at - EPOCH)
    assert [message.id for message in office.desk.open] == [left.voicemail]


def test_a_caller_who_hangs_up_has_left_his_message(office: Office) -> None:
    office.caller_comes()
    office.speak(8.0)
    office.centre.do(office.centre.caller.hang_up)
    assert len(office.centre.told(VoicemailLeft)) == 1
    assert len(office.acd.waiting) == 1
    office.nothing_goes_on()


def test_the_longest_message_has_an_end(tmp_path: Path) -> None:
    office = Office(tmp_path, max_s=30.0)
    office.caller_comes()
    office.speak(31.0)
    assert office.heard() == THANKS
    assert len(office.centre.told(VoicemailLeft)) == 1


def test_what_is_too_short_is_thrown_away(tmp_path: Path) -> None:
    office = Office(tmp_path, min_s=1.5)  # the paper bay's recordings have one second
    office.caller_comes()
    office.speak(1.0)
    (name,) = office.centre.bay.recorders.values()
    path = Path(name)
    path.write_bytes(b"RIFF")
    office.press(office.call.caller.node, "#")
    assert office.heard() == EMPTY
    assert not path.exists()
    assert office.centre.told(VoicemailLeft) == []
    assert office.acd.waiting == {}
    office.finish()
    office.nothing_goes_on()


@pytest.mark.parametrize("heard", [0, 1])
def test_who_hangs_up_before_he_spoke_left_nothing(office: Office, heard: int) -> None:
    office.caller_comes()
    for _ in range(heard):
        office.finish()
    office.centre.do(office.centre.caller.hang_up)
    assert office.acd.waiting == {}
    assert office.centre.told(VoicemailLeft) == []
    office.nothing_goes_on()


def test_the_greeting_can_be_cut_short(office: Office) -> None:
    office.caller_comes()
    office.press(office.call.caller.node, "5")
    assert office.heard() == GREETING
    office.press(office.call.caller.node, "#")
    assert office.heard() == set()  # the tone is no file
    office.finish()
    assert len(office.centre.bay.recorders) == 1


def test_a_folder_that_can_t_be_made_costs_the_message_and_not_the_call(office: Office) -> None:
    office.folder.write_text("in the way")
    office.caller_comes()
    office.speak(5.0)
    office.centre.do(office.centre.caller.hang_up)
    office.nothing_goes_on()


# --- hearing ---------------------------------------------------------------------------------


def test_an_agent_hears_it_and_is_done(office: Office) -> None:
    message = office.message()
    office.assign(message)
    assert office.acd.said == [("accepted", "vm-old", AGENT)]
    assert office.agent_hears() == {"old.wav"}
    assert office.agent_gain_db() == 6.0  # a message has half a stereo file
    office.finish(office.agent_node)
    assert office.agent_hears() == MENU
    assert office.agent_gain_db() == 0.0
    office.press(office.agent_node, "1")
    assert office.agent_hears() == {"old.wav"}
    office.press(office.agent_node, "9")
    assert office.agent_hears() == {"old.wav"}
    office.press(office.agent_node, "2")
    (heard,) = office.centre.told(VoicemailHeard)
    assert (heard.voicemail, heard.agent) == ("vm-old", AGENT)
    office.nothing_goes_on()
    assert office.acd.said[1:] == [("ended", "vm-old")]
    assert office.acd.waiting == {}
    assert office.desk.open == []
    assert office.centre.phones[AGENT].is_over


def test_the_agent_is_free_only_when_his_own_leg_is_over(office: Office) -> None:
    office.assign(office.message())
    calls: list[int] = []
    ended = office.acd.ended
    office.acd.ended = lambda contact: (  # type: ignore[method-assign]
        calls.append(len(office.centre.centre.switch.calls)),
        ended(contact),
    )[1]
    office.press(office.agent_node, "2")
    office.centre.run(1.0)
    assert calls == [0]


def test_he_calls_the_customer_back(office: Office) -> None:
    office.assign(office.message())
    office.press(office.agent_node, "3")
    assert office.called_back == [("vm-old", "13800000009", AGENT)]
    assert len(office.centre.told(VoicemailHeard)) == 1
    office.nothing_goes_on()


def test_nobody_is_called_back_who_hid_his_number(office: Office) -> None:
    event = office.centre.stream.publish(
        VoicemailLeft(
            voicemail="vm-1", call="1", queue="orders", number="anonymous", path="", seconds=3.0
        )
    )
    office.desk.restore([event])
    office.assign(office.desk.open[0])
    office.press(office.agent_node, "3")
    assert office.called_back == []
    assert office.agent_hears() == GONE


def test_a_message_whose_file_is_gone_says_so(office: Office) -> None:
    message = office.message()
    Path(message.path).unlink()
    office.assign(message)
    assert office.agent_hears() == GONE
    office.press(office.agent_node, "2")
    office.nothing_goes_on()


def test_who_says_nothing_is_reminded_and_then_hung_up_on(office: Office) -> None:
    office.assign(office.message())
    office.finish(office.agent_node)
    for _ in range(REMINDERS):
        office.finish(office.agent_node)
        assert office.agent_hears() == set()
        office.centre.run(THINK_S)
        assert office.agent_hears() == MENU
    office.finish(office.agent_node)
    office.centre.run(THINK_S + 1.0)
    assert office.centre.phones[AGENT].is_over
    assert list(office.acd.waiting) == ["vm-old"]
    office.nothing_goes_on()


def test_hanging_up_gives_it_back_first_to_its_place_then_behind_the_others(office: Office) -> None:
    message = office.message()
    office.centre.run(100.0)
    left_at = message.left_at - EPOCH
    places = []
    for _ in range(3):
        places.append(office.acd.waiting["vm-old"].enqueued_at)
        office.assign(message)
        returned = office.centre.network.now
        office.centre.do(office.centre.phones[AGENT].hang_up)
    assert places[0] == places[1] == pytest.approx(left_at)
    assert places[2] > left_at + 100.0
    assert office.acd.waiting["vm-old"].enqueued_at == pytest.approx(returned, abs=0.5)
    assert office.centre.told(VoicemailHeard) == []
    assert [message.id for message in office.desk.open] == ["vm-old"]
    office.nothing_goes_on()


def test_a_phone_that_is_not_answered_is_a_failed_offer(office: Office) -> None:
    office.assign(office.message(), answers_after=None)
    office.centre.run(14.0)
    assert office.acd.said == [("offer_failed", "vm-old", Cause.NO_ANSWER, AGENT)]
    assert list(office.acd.waiting) == ["vm-old"]
    office.nothing_goes_on()


def test_a_phone_that_is_not_there_is_a_failed_offer(office: Office) -> None:
    message = office.message()
    office.desk.assigned(office.acd.waiting["vm-old"], AGENT, AGENT, "orders")
    assert office.acd.said == [("offer_failed", message.id, Cause.DESTINATION_OUT_OF_ORDER, AGENT)]
    office.nothing_goes_on()


def test_a_message_taken_from_an_agent_stops_ringing_at_his_phone(office: Office) -> None:
    office.assign(office.message(), answers_after=None)
    assert office.desk.withdrawn(office.acd.waiting["vm-old"], AGENT)
    assert office.acd.said == []
    office.centre.run(1.0)
    assert office.centre.phones[AGENT].is_over
    assert office.acd.said == [("stopped", "vm-old", AGENT)]
    assert not office.desk.withdrawn(office.acd.waiting["vm-old"], AGENT)
    office.nothing_goes_on()


def test_a_call_cleared_while_the_phone_rings_is_a_failed_offer(office: Office) -> None:
    office.assign(office.message(), answers_after=None)
    office.centre.centre.switch.clear_call(office.centre.call, Cause.SHUTDOWN)
    office.centre.run(1.0)
    assert office.acd.said == [("offer_failed", "vm-old", Cause.SHUTDOWN, AGENT)]
    office.nothing_goes_on()


# --- over a restart ----------------------------------------------------------------------------


def test_what_was_left_open_is_taken_up_at_its_place(office: Office) -> None:
    left = VoicemailLeft(
        seq=9, at=EPOCH - 3600.0, voicemail="vm-x", call="x", queue="orders", number="138",
        path="/x.wav", seconds=2.0,
    )  # fmt: skip
    office.centre.run(10.0)
    office.desk.restore([left])
    assert office.acd.waiting["vm-x"].enqueued_at == pytest.approx(-3600.0)
    assert office.acd.waiting["vm-x"].data["number"] == "138"


def test_a_message_for_a_queue_that_is_gone_is_kept(office: Office) -> None:
    left = VoicemailLeft(
        voicemail="vm-x", call="x", queue="gone", number="138", path="/x.wav", seconds=2.0
    )
    office.desk.restore([left])
    assert office.acd.waiting == {}
    assert [message.id for message in office.desk.open] == ["vm-x"]
    office.desk.change_queue(office.queue)
    assert office.acd.waiting == {}
    office.acd.queues.add("gone")
    office.desk.change_queue(msgspec.structs.replace(office.queue, name="gone"))
    office.desk.change_queue(msgspec.structs.replace(office.queue, name="gone"))
    assert list(office.acd.waiting) == ["vm-x"]


def test_a_message_moved_to_another_queue_comes_back_there(office: Office) -> None:
    message = office.message()
    office.desk.change_queue(msgspec.structs.replace(office.queue, name="other"))
    office.acd.queues.add("other")
    office.acd.waiting["vm-old"] = msgspec.structs.replace(
        office.acd.waiting["vm-old"], queue="other"
    )
    office.assign(message)
    office.centre.do(office.centre.phones[AGENT].hang_up)
    assert office.acd.waiting["vm-old"].queue == "other"


def test_where_no_prompt_is_at_hand_messages_are_taken_and_heard_all_the_same(
    tmp_path: Path,
) -> None:
    office = Office(tmp_path, languages=())
    office.caller_comes()
    office.finish()  # the tone
    assert office.centre.bay.recorders
    office.press(office.call.caller.node, "#")
    office.centre.run(1.0)
    assert office.centre.caller.is_over
    (message,) = office.desk.open
    office.assign(message)
    assert office.agent_hears() == set()
    office.press(office.agent_node, "2")
    assert office.desk.open == []
    office.nothing_goes_on()


def test_what_was_being_spoken_when_the_daemon_died_is_saved(tmp_path: Path) -> None:
    office = Office(tmp_path, min_s=2.0)
    day = office.folder / "2027-01-14"
    day.mkdir(parents=True)
    stream = office.centre.stream
    lengths = {"whole": 9.0, "short": 1.0, "torn": 0.0, "known": 9.0, "nowhere": 9.0}
    before = []
    for call in (*lengths, "silent"):
        before.append(stream.publish(Offered(call=call, leg="l", ani="138", dnis="9", trunk="t")))
        if call != "nowhere":
            before.append(stream.publish(Queued(call=call, queue="orders", position=1)))
        if call != "silent":
            (day / f"{call}.wav").write_bytes(b"RIFF")
    before.append(
        stream.publish(
            VoicemailLeft(
                voicemail="vm-known",
                call="known",
                queue="orders",
                number="138",
                path="",
                seconds=9.0,
            )
        )
    )

    def salvage(path: str, done: Callable[[str, float, str], None]) -> None:
        seconds = lengths[Path(path).stem]
        done(path, seconds, "" if seconds else "it has no samples")

    office.desk.recover(before, salvage)
    left = office.centre.told(VoicemailLeft)[1:]
    assert [(event.voicemail, event.queue, event.number) for event in left] == [
        ("vm-whole", "orders", "138")
    ]
    assert left[0].path == str(day / "whole.wav")
    assert list(office.acd.waiting) == ["vm-whole"]


# --- tables ------------------------------------------------------------------------------------


def test_every_way_through_leaving_comes_to_an_end_and_keeps_what_was_recorded() -> None:
    for state in Leaving:
        reachable = {then for (begin, _), (then, _) in LEAVING.items() if begin is state}
        assert reachable or state is Leaving.OVER
    for (_, event), (_, steps) in LEAVING.items():
        assert (LeavingStep.KEEP in steps) is (event is LeavingEvent.RECORDED)


def test_a_message_being_heard_is_either_done_or_returned() -> None:
    for state in (Hearing.MESSAGE, Hearing.MENU, Hearing.CHOOSING):
        assert HEARING[state, HearingEvent.HUNG_UP] == (Hearing.OVER, (HearingStep.RETURN,))
        for key in (HearingEvent.FINISHED, HearingEvent.CALL_BACK):
            then, steps = HEARING[state, key]
            assert then is Hearing.DONE
            assert steps[0] is HearingStep.HEARD
    assert HEARING[Hearing.DONE, HearingEvent.HUNG_UP] == (Hearing.OVER, ())


# --- a last word --------------------------------------------------------------------------------


@pytest.mark.parametrize("impatient", [False, True])
def test_a_last_word_and_the_end(office: Office, impatient: bool) -> None:
    office.centre.caller_in_queue()
    office.call = office.centre.call
    office.centre.centre.acd.cleared(office.call)
    Farewell(office.centre.centre.switch).say(office.call, (Sound(path="/bye.wav"),))
    assert office.heard() == {"bye.wav"}  # and no music
    if impatient:
        office.centre.do(office.centre.caller.hang_up)
    else:
        office.finish()
    assert office.centre.told(CallCleared)[0].cause is Cause.NORMAL_CLEARING
    office.nothing_goes_on()


def test_without_a_word_to_say_the_call_ends_at_once(office: Office) -> None:
    office.centre.caller_in_queue()
    office.centre.centre.acd.cleared(office.centre.call)
    Farewell(office.centre.centre.switch).say(office.centre.call, ())
    office.centre.run(1.0)
    assert office.centre.caller.is_over
    office.nothing_goes_on()
