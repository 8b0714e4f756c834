"""A caller, phones and a centre on a virtual network: every moment of a call can be tried."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ccd.centre import Centre
from ccd.config import Agent, Phone, Queue, Route, Settings, Sip, Trunk
from ccd.customers.directory import directory
from ccd.events import Event, EventStream
from ccd.ivr.reader import parse
from ccd.media.prompt_book import PromptBook
from ccd.model import CallRecord
from ccd.sip.agent import UserAgent
from ccd.sip.auth import Credentials
from ccd.sip.events import (
    Accepted,
    InviteReceived,
    OfferReceived,
    Rejected,
    ResponseReceived,
    SipEvent,
    Terminated,
)
from ccd.sip.hop import Hop
from ccd.sip.message import Request
from ccd.sip.negotiation import LocalMedia, Negotiation
from ccd.sip.server_transactions import ServerTransaction
from ccd.sip.session import Session
from ccd.sip.virtual_network import VirtualNetwork
from ccd.store.records import CallRecords
from virtual.loop import VirtualLoop
from virtual.media import PaperBay

DOMAIN = "virtual.ccd.local"
SERVICE = "95500"
EPOCH = 1_800_000_000.0
"""What the wall clock says when virtual time is 0."""

FLOW = """\
version: 1
name: test
start: welcome
fallback: orders
steps:
  welcome:
    type: menu
    prompt: {play: welcome.wav}
    choices: {"1": orders, "9": goodbye}
    retries: 0
  orders: {type: queue, queue: orders}
  goodbye: {type: hangup, prompt: {play: bye.wav}}
"""

E = TypeVar("E", bound=Event)


class _Device(UserAgent):
    """A user agent that may know the NOTIFY of `talk`, as desk phones do."""

    talk: Callable[[], None] | None = None
    """What it does when it is asked to answer."""

    def learn_to_talk(self, act: Callable[[], None]) -> None:
        """Take NOTIFY from now on; without it, it is refused with 489."""
        self.talk = act
        self._serves |= {"NOTIFY"}

    def _receive_in_dialog(
        self, transaction: ServerTransaction, request: Request, source: Hop, now: float
    ) -> None:
        super()._receive_in_dialog(transaction, request, source, now)
        if self.talk is not None and request.headers.get("Event") == "talk":
            self.talk()


class Telephone:
    """A SIP user agent with one call at a time: a caller's, or an agent's phone."""

    def __init__(self, network: VirtualNetwork, name: str, host: str, seed: int) -> None:
        self.network = network
        self.name = name
        self.host = host
        self.agent = _Device({"udp": (host, 5060)}, rng=random.Random(seed), name=name)
        self.hop = network.attach(self.agent, self._handle)
        self.events: list[SipEvent] = []
        self.session: Session | None = None
        self.negotiation = Negotiation(seed + 1)
        self.codecs: tuple[str, ...] = ("PCMU", "PCMA")
        self.rtp_port = 4000
        self.answers_after: float | None = None
        """A phone answers this long after it begins to ring; None: it only rings."""
        self.refuses_with: int | None = None
        self.silent = False
        """It does not even ring: gone from the network."""
        self.one_line = False
        """Whoever calls while it rings or is off the hook finds it busy (486)."""
        self.found_busy = 0
        """How often somebody did."""

    # --- verbs ------------------------------------------------------------------------

    def media(self, direction: str = "sendrecv") -> LocalMedia:
        return LocalMedia(self.host, self.rtp_port, self.codecs, direction=direction)

    def call(self, hop: Hop, number: str, *, late_offer: bool = False) -> Session:
        """Dial `number` at `hop`."""
        self.session = self.agent.invite(
            f"sip:{number}@{hop.host}",
            hop,
            from_=f"<sip:{self.name}@carrier.example>",
            to=f"<sip:{number}@{hop.host}>",
            sdp=None if late_offer else self.negotiation.offer(self.media()),
            now=self.network.now,
        )
        return self.session

    def register(self, hop: Hop, password: str) -> None:
        self.agent.request(
            "REGISTER",
            f"sip:{DOMAIN}",
            hop,
            from_=f"<sip:{self.name}@{DOMAIN}>",
            to=f"<sip:{self.name}@{DOMAIN}>",
            headers=(("Contact", f"<sip:{self.name}@{self.host}:5060>"), ("Expires", "3600")),
            credentials=Credentials(self.name, password),
            now=self.network.now,
        )

    def hang_up(self) -> None:
        assert self.session is not None
        self.session.terminate(now=self.network.now)

    def talks(self) -> None:
        """It answers when it is asked to by NOTIFY of `talk`."""

        def pick_up() -> None:
            assert self.session is not None
            self._pick_up(self.session)

        self.agent.learn_to_talk(pick_up)

    def change_media(self, direction: str) -> None:
        """Offer another direction: `sendonly` holds, `sendrecv` retrieves."""
        assert self.session is not None
        self.session.offer(self.negotiation.offer(self.media(direction)), now=self.network.now)

    # --- what it sees -------------------------------------------------------------------

    def saw(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def status(self) -> int | None:
        """The final response that refused our call."""
        rejected = self.saw(Rejected)
        return rejected[-1].code if rejected else None

    @property
    def is_over(self) -> bool:
        return bool(self.saw(Terminated))

    def _handle(self, event: SipEvent) -> None:
        self.events.append(event)
        now = self.network.now
        match event:
            case InviteReceived(session=session):
                if self.silent:
                    return
                if self.one_line and self.session is not None and not self.session.over:
                    self.found_busy += 1
                    session.reject(486, now=now)
                    return
                self.session = session
                if self.refuses_with is not None:
                    session.reject(self.refuses_with, now=now)
                    return
                session.progress(180, now=now)
                if self.answers_after is not None:
                    self.network.at(now + self.answers_after, lambda: self._pick_up(session))
            case Accepted(session=session, sdp=sdp, is_offer=True):
                assert sdp is not None
                answer, _ = self.negotiation.answer(sdp, self.media())
                session.answer(answer, now=now)
            case Accepted(sdp=sdp):
                assert sdp is not None
                self.negotiation.accept(sdp)
            case OfferReceived(session=session, sdp=sdp):
                assert sdp is not None
                answer, _ = self.negotiation.answer(sdp, self.media())
                session.answer(answer, now=now)
            case _:
                pass

    def _pick_up(self, session: Session) -> None:
        self.negotiation = Negotiation(session.id + 100)
        assert session.remote_sdp is not None
        answer, _ = self.negotiation.answer(session.remote_sdp, self.media())
        session.accept(answer, now=self.network.now)


class _Wire:
    """Stands where `Endpoint` stands: the network settles by itself."""

    def __init__(self, agent: UserAgent) -> None:
        self.agent = agent
        self.local = agent.local

    def wake(self) -> None:
        pass


class VirtualCentre:
    """One caller, `agents` agents with phones, one queue, and all that `Centre` joins."""

    def __init__(
        self,
        tmp_path: Path,
        *,
        agents: int = 1,
        trunk_channels: int = 0,
        settings: Settings | None = None,
        flows: Mapping[str, str] | None = None,
        prompts: PromptBook | None = None,
        languages: Collection[str] = (),
        epoch: float = EPOCH,
        customers_file: Path | None = None,
        **queue: Any,
    ) -> None:
        """Build it from `settings`, or from so many agents and the keys of one queue.

        `flows` are documents by the number that they answer; `epoch` is what the wall clock
        says when virtual time is 0; `customers_file` is a customer store's.
        """
        self.customers_file = customers_file
        self.network = VirtualNetwork(random.Random(1))
        self.loop = VirtualLoop(self.network)
        self.epoch = epoch
        self.settings = settings or self._one_queue(agents, trunk_channels, queue)
        self.names = [agent.name for agent in self.settings.agent]
        self._build(tmp_path, flows or {SERVICE: FLOW}, prompts or PromptBook(tmp_path), languages)

    @staticmethod
    def _one_queue(agents: int, trunk_channels: int, queue: dict[str, Any]) -> Settings:
        names = [f"agent{number}" for number in range(1, agents + 1)]
        return Settings(
            sip=Sip(domain=DOMAIN),
            trunk=(
                Trunk(
                    name="carrier", peers=("10.0.9.0/24", "10.0.9.1:5060"), channels=trunk_channels
                ),
            ),
            phone=tuple(Phone(name=name, password=f"{name}-secret") for name in names),
            agent=tuple(Agent(name=name, phone=name, queues=("orders",)) for name in names),
            queue=(Queue(name="orders", **queue),),
            route=(Route(dnis=SERVICE, flow="test.yaml"),),
        )

    def _build(
        self,
        tmp_path: Path,
        flows: Mapping[str, str],
        prompts: PromptBook,
        languages: Collection[str],
    ) -> None:
        self.events: list[Event] = []
        self.stream = EventStream(self.wall_clock)
        self.stream.subscribe(self.events.append)
        self._fold = CallRecords()
        self.records: dict[str, CallRecord] = {}
        self.stream.subscribe(self._keep_record)
        agent = UserAgent({"udp": ("10.0.0.1", 5060)}, rng=random.Random(7), serves=("REGISTER",))
        self.bay = PaperBay(
            lambda worker, report: self.centre.handle_media(worker, report),
            lambda act: self.network.at(self.network.now, act),
        )
        queues = [each.name for each in self.settings.queue]
        queues += [f"agent:{name}" for name in self.names]
        wire: Any = _Wire(agent)
        bay: Any = self.bay
        loop: Any = self.loop
        self.centre = Centre(
            self.settings,
            endpoint=wire,
            media=bay,
            media_address="10.0.0.1",
            events=self.stream,
            flows={dnis: parse(flow, queues=queues)[0] for dnis, flow in flows.items()},
            prompts=prompts,
            hold_music=tmp_path / "music.wav",
            recordings=tmp_path / "recordings",
            messages=tmp_path / "messages",
            languages=languages,
            salvage=lambda path, done: done(path, 0.5, ""),
            boot="test",
            loop=loop,
            wall_clock=self.wall_clock,
            customers=directory(self.settings, path=self.customers_file),
        )
        self.hop = self.network.attach(agent, self.centre.handle_sip)
        self.caller = Telephone(self.network, "13800000001", "10.0.9.1", seed=11)
        self.phones = {
            name: Telephone(self.network, name, f"10.0.1.{number}", seed=20 + number)
            for number, name in enumerate(self.names, 1)
        }

    def wall_clock(self) -> float:
        return self.epoch + self.network.now

    # --- moving on --------------------------------------------------------------------

    def run(self, seconds: float = 1.0) -> None:
        """Let this much time pass."""
        self.network.run(until=self.network.now + seconds)

    def do(self, act: Callable[[], object], seconds: float = 1.0) -> None:
        """Do something now, and let time pass."""
        self.network.at(self.network.now, act)
        self.run(seconds)

    def staff(self, *names: str, answers_after: float = 0.5) -> None:
        """Register phones, log their agents on, ready."""
        for name in names or tuple(self.names):
            phone = self.phones[name]
            phone.answers_after = answers_after
            self.do(lambda phone=phone, name=name: phone.register(self.hop, f"{name}-secret"))  # type: ignore[misc]
            self.centre.acd.log_on(name)
            self.centre.acd.ready(name)

    def caller_in_menu(self) -> None:
        """Have the caller dial and hear the welcome."""
        self.do(lambda: self.caller.call(self.hop, SERVICE))

    def caller_in_queue(self) -> None:
        """And press 1."""
        self.caller_in_menu()
        self.do(lambda: self.bay.press(self.call.caller.node, "1"), 0.1)

    def talking(self) -> None:
        """Bring caller and first agent together."""
        self.staff()
        self.caller_in_queue()
        self.run(2.0)
        assert self.call.bridged

    # --- looking ----------------------------------------------------------------------

    @property
    def call(self) -> Any:
        """The one call there is."""
        (call,) = self.centre.switch.calls.values()
        return call

    @property
    def record(self) -> CallRecord:
        """The one call's record."""
        (record,) = self.records.values()
        return record

    def told(self, kind: type[E]) -> list[E]:
        """Events of a kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def agent_state(self, name: str = "agent1") -> str:
        return next(v.state.value for v in self.centre.acd.agents() if v.name == name)

    def assert_nothing_left(self) -> None:
        """No call, leg, node, edge, port, contact or session; music may play on."""
        self.run(64.0)
        counts = self.centre.counts()
        alive = {
            name: counts[name]
            for name in (
                "switch.calls",
                "switch.legs",
                "ivr.visits",
                "acd.contacts",
                "sip.sessions",
            )
            if counts[name]
        }
        assert alive == {}
        assert not self.bay.legs
        assert not self.bay.edges
        assert not self.bay.recorders
        assert not self.bay.leases
        assert all(play.loop for play in self.bay.players.values())
        trunk = self.settings.trunk[0].name
        assert self.centre.trunks.in_use(trunk) == 0

    def _keep_record(self, event: Event) -> None:
        record = self._fold.feed(event)
        if record is not None:
            self.records[record.call] = record


__all__ = ["SERVICE", "ResponseReceived", "Telephone", "VirtualCentre"]
