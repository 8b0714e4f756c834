"""One call of one party: its SIP session, its RTP leg, its voice and its ear.

A line turns SIP events and media reports into what a party notices (`Party`), and what
a party does (answer, press a key, hang up) into SIP and media commands. It is used by
callers and by phones alike.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from ccd.media import protocol as media
from ccd.media.ports import NoPortFree, Port
from ccd.model import Quality
from ccd.sip import events as sip
from ccd.sip.hop import Hop
from ccd.sip.negotiation import Agreed, LocalMedia, Negotiation, NoCommonMedia
from ccd.sip.sdp import SdpError
from lab.trunk_sim.voices import ALL_TONES

if TYPE_CHECKING:
    from ccd.sip.session import Session
    from lab.trunk_sim.station import Station

CODECS = ("PCMU", "PCMA")
KEY_MS = 100
"""How long a key is held: what people do, and above Q.24's 40 ms."""


class Party(Protocol):
    """Who is on a line: told what he would notice. Called within SIP and media handlers."""

    def ringing(self) -> None:
        """The far end says it rings, or that it is getting there."""

    def answered(self) -> None:
        """The call is answered (an outgoing one by the far end, an incoming one by us)."""

    def refused(self, code: int) -> None:
        """An outgoing call failed; `ended` follows."""

    def tone(self, frequency: float, present: bool) -> None:
        """The ear began or ceased to hear a tone."""

    def ended(self, by: str, reason: str) -> None:
        """Signalling is over; `by` as in `ccd.sip.events.Terminated`."""


class LineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a line sounds like, and what is kept of it."""

    sounds: tuple[media.Sound, ...] = ()
    """Played in a loop from the answer on; empty: nothing is said."""
    listen: bool = True
    record: Path | None = None


class Line:
    """One call. Made by `Station.dial` and `Station.take`; released with `hang_up`."""

    def __init__(self, station: Station, party: Party, settings: LineSettings) -> None:
        self._station = station
        self._party = party
        self._settings = settings
        self._negotiation = Negotiation(station.rng.getrandbits(31))
        self._session: Session | None = None
        self._port: Port | None = None
        self._agreed: Agreed | None = None
        self._leg = self._player = self._ear = self._recorder = 0
        self._awaited: set[int] = set()
        self._over = False
        self.quality: Quality | None = None
        self.answered_at: float | None = None
        """The station's clock when the leg was opened: the recording's beginning."""
        self.released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when signalling is over and the media worker has let go of everything."""

    @property
    def call_id(self) -> str:
        """Call-ID of the SIP session; empty before there is one."""
        return self._session.call_id if self._session is not None else ""

    # --- what a party does --------------------------------------------------------

    def dial(self, uri: str, hop: Hop, *, from_: str, to: str, user: str) -> None:
        """Send an INVITE with an offer. Raises `NoPortFree`."""
        offer = self._negotiation.offer(self._local(None))
        self._session = self._station.agent.invite(
            uri, hop, from_=from_, to=to, sdp=offer, now=self._station.now(), contact_user=user
        )
        self._session.owner = self
        self._station.wake()

    def take(self, session: Session) -> None:
        """Be the owner of an incoming session."""
        self._session = session
        session.owner = self

    def ring(self) -> None:
        """Answer an incoming call 180."""
        if self._session is not None and not self._over:
            self._session.progress(180, now=self._station.now())
            self._station.wake()

    def answer(self) -> None:
        """Answer an incoming call 200; where there is no common media, 488 (and `ended`)."""
        session = self._session
        if session is None or self._over:
            return
        now = self._station.now()
        offer = session.remote_sdp
        try:
            if offer is None:
                session.accept(self._negotiation.offer(self._local(None)), now=now)
            else:
                sdp, agreed = self._negotiation.answer(offer, self._local(offer))
                session.accept(sdp, now=now)
                self._listen_and_speak(agreed)
        except (NoCommonMedia, SdpError) as error:
            session.reject(488, phrase="Not Acceptable Here", now=now)
            self._station.log.warning("line.no_common_media", reason=str(error))
        except NoPortFree as error:
            session.reject(503, now=now)
            self._station.log.error("line.no_port", reason=str(error))
        else:
            self._party.answered()
        self._station.wake()

    def refuse(self, code: int) -> None:
        """Refuse an incoming call."""
        if self._session is not None:
            self._session.reject(code, now=self._station.now())
            self._station.wake()

    def press(self, digit: str) -> None:
        """Press a key: RFC 4733, or a tone where the far end does not speak it."""
        if self._leg and self._port is not None:
            self._send(media.SendDigits(node=self._leg, digits=digit, on_ms=KEY_MS))

    def hang_up(self) -> None:
        """End the call, whatever state it is in: CANCEL, BYE or a refusal."""
        if self._session is not None and not self._over:
            self._session.terminate(now=self._station.now())
            self._station.wake()

    # --- what happens to it ---------------------------------------------------------

    def on_sip(self, event: sip.SipEvent) -> None:
        """An event of this line's session."""
        match event:
            case sip.Progressed():
                self._party.ringing()
            case sip.Accepted(session=session, sdp=sdp, is_offer=is_offer):
                self._accepted(session, sdp, is_offer)
            case sip.Confirmed(sdp=sdp) if sdp is not None:
                self._far_answer(sdp)
            case sip.Rejected(code=code):
                self._party.refused(code)
            case sip.OfferReceived(session=session, sdp=sdp):
                self._far_offer(session, sdp)
            case sip.OfferAnswered(sdp=sdp):
                self._far_answer(sdp)
            case sip.Terminated(by=by, reason=reason):
                self._over = True
                self._party.ended(by, reason)
                self._release()
            case _:
                pass

    def on_report(self, report: media.Report) -> None:
        """A media report about one of this line's nodes."""
        match report:
            case media.Tone(frequency=frequency, present=present):
                self._party.tone(frequency, present)
            case media.LegClosed(node=node, quality=quality):
                self.quality = quality
                self._let_go(node)
                if self._port is not None:
                    self._station.pool.release(self._port)
                    self._port = None
            case media.RecordFinished(node=node, error=error):
                if error:
                    self._station.log.warning("line.record_failed", reason=error)
                self._let_go(node)
            case media.PlayFinished(reason="failed", error=error):
                self._station.log.warning("line.play_failed", reason=error)
            case _:
                pass

    def on_worker_lost(self) -> None:
        """The media worker died, and everything this line had there: nothing more will come."""
        for node in list(self._awaited):
            self._let_go(node)
        self._leg = self._player = self._ear = self._recorder = 0
        self.hang_up()

    # --- media ------------------------------------------------------------------------

    def _accepted(self, session: Session, sdp: bytes | None, is_offer: bool) -> None:
        if self._over or sdp is None:
            return
        try:
            if is_offer:
                answer, agreed = self._negotiation.answer(sdp, self._local(sdp))
                session.answer(answer, now=self._station.now())
            else:
                agreed = self._negotiation.accept(sdp)
        except (NoCommonMedia, SdpError) as error:
            self._station.log.warning("line.bad_answer", reason=str(error))
            self.hang_up()
            return
        self._listen_and_speak(agreed)
        self._party.answered()

    def _far_offer(self, session: Session, sdp: bytes | None) -> None:
        now = self._station.now()
        if sdp is None:
            session.answer(self._negotiation.offer(self._local(None)), now=now)
            return
        try:
            answer, agreed = self._negotiation.answer(sdp, self._local(sdp))
        except (NoCommonMedia, SdpError) as error:
            self._station.log.warning("line.offer_refused", reason=str(error))
            session.refuse_offer(488, now=now)
            return
        session.answer(answer, now=now)
        self._listen_and_speak(agreed)

    def _far_answer(self, sdp: bytes) -> None:
        try:
            self._listen_and_speak(self._negotiation.accept(sdp))
        except (NoCommonMedia, SdpError) as error:
            self._station.log.warning("line.bad_answer", reason=str(error))
            self.hang_up()

    def _local(self, offer: bytes | None) -> LocalMedia:
        """Our side of the description; leases a port the first time. Raises `NoPortFree`."""
        if self._port is None:
            # Alone on its port until the far end's address is known for certain.
            self._port = self._station.pool.take_port(None, latch=False)
        return LocalMedia(self._port.host, self._port.number, CODECS)

    def _listen_and_speak(self, agreed: Agreed) -> None:
        """Make the leg what was agreed; the first time, give it a voice and an ear."""
        assert self._port is not None
        form = media.MediaFormat(
            codec=media.Codec(agreed.codec),
            payload_type=agreed.payload_type,
            telephone_event=agreed.telephone_event,
            ptime_ms=agreed.ptime,
        )
        self._agreed = agreed
        if self._leg:
            self._send(
                media.ModifyLeg(
                    node=self._leg,
                    remote=agreed.remote,
                    format=form,
                    send=agreed.send,
                    receive=agreed.receive,
                )
            )
            return
        self.answered_at = self._station.now()
        self._leg = self._station.adopt(self)
        self._awaited.add(self._leg)
        commands: list[media.Command] = [
            media.OpenLeg(
                node=self._leg,
                port=self._port.number,
                remote=agreed.remote,
                format=form,
                send=agreed.send,
                receive=agreed.receive,
            )
        ]
        if self._settings.sounds:
            self._player = self._station.adopt(self)
            commands.append(
                media.Play(
                    node=self._player,
                    sounds=self._settings.sounds,
                    loop=True,
                    sinks=(self._leg,),
                )
            )
        if self._settings.listen:
            self._ear = self._station.adopt(self)
            commands.append(media.Detect(node=self._ear, frequencies=ALL_TONES))
            commands.append(media.Connect(source=self._leg, sink=self._ear))
        if self._settings.record is not None:
            self._recorder = self._station.adopt(self)
            self._awaited.add(self._recorder)
            commands.append(
                media.Record(node=self._recorder, path=str(self._settings.record.absolute()))
            )
            commands.append(media.Connect(source=self._leg, sink=self._recorder, channel=0))
            if self._player:
                commands.append(media.Connect(source=self._player, sink=self._recorder, channel=1))
        self._send(*commands)

    def _send(self, *commands: media.Command) -> None:
        assert self._port is not None
        self._station.pool.send(self._port.worker, *commands)

    def _release(self) -> None:
        """Signalling is over: take the nodes away; the rest follows their last reports."""
        if self._leg and self._port is not None:
            nodes = [node for node in (self._player, self._ear, self._recorder) if node]
            self._send(*(media.Stop(node=node) for node in nodes), media.CloseLeg(node=self._leg))
            for node in (self._player, self._ear):
                self._station.disown(node)
        elif self._port is not None:
            self._station.pool.release(self._port)
            self._port = None
        self._finish_if_done()

    def _let_go(self, node: int) -> None:
        self._station.disown(node)
        self._awaited.discard(node)
        self._finish_if_done()

    def _finish_if_done(self) -> None:
        if self._over and not self._awaited and not self.released.done():
            self.released.set_result(None)
