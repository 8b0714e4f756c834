"""The rooms that decide, joined: switch, ACD, IVR, phones, trunks, health.

Given an endpoint, a media pool, an event stream and a loop, this is the whole call
centre without a socket, a process or a file of its own: the daemon gives it real ones,
tests give it a virtual network and virtual time.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ccd.acd.anonymity import is_anonymous
from ccd.acd.floor import Floor
from ccd.config import Phone, Settings
from ccd.control.floor import ControlFloor
from ccd.control.route_ways import CentreWays
from ccd.control.routes import Routes
from ccd.customers.directory import Directory, directory
from ccd.customers.recognition import Recognition
from ccd.events import EventStream
from ccd.ivr.flow import Flow
from ccd.ivr.service import Ivr
from ccd.media.pool import MediaPool
from ccd.media.prompt_book import PromptBook
from ccd.media.protocol import Report
from ccd.sip.authenticator import Authenticator
from ccd.sip.endpoint import Endpoint
from ccd.sip.events import RequestReceived, ResponseReceived, SipEvent
from ccd.sip.hop import Hop
from ccd.sip.overload import Overload
from ccd.sip.pings import Pings
from ccd.sip.registrar import Registrar
from ccd.sip.trunks import Trunks
from ccd.switch.admission import PHONE_PREFIX, Admission
from ccd.switch.call import Call, Controller
from ccd.switch.patch import RecordingDone
from ccd.switch.phones import Phones
from ccd.switch.plant import Plant
from ccd.switch.switch import Switch


class Centre:
    """Everything between the wire and the agents, of one settings file."""

    def __init__(
        self,
        settings: Settings,
        *,
        endpoint: Endpoint,
        media: MediaPool,
        media_address: str,
        events: EventStream,
        flows: Mapping[str, Flow],
        prompts: PromptBook,
        hold_music: Path,
        recordings: Path,
        messages: Path,
        languages: Collection[str],
        salvage: Callable[[str, RecordingDone], None],
        boot: str,
        loop: asyncio.AbstractEventLoop,
        wall_clock: Callable[[], float],
        customers: Directory | None = None,
        service_flows: Mapping[str, Flow] | None = None,
    ) -> None:
        now = loop.time()
        self.endpoint = endpoint
        self.media = media
        self.events = events
        self.boot = boot
        self.loop = loop
        self.wall_clock = wall_clock
        passwords = self._passwords = {phone.name: phone.password for phone in settings.phone}
        self.phones = Phones(
            passwords,
            hosts={settings.sip.domain, *(host for host, _ in endpoint.local.values())},
            authenticator=Authenticator(
                settings.sip.domain,
                passwords.get,
                secrets.token_bytes(32),
                algorithms=settings.sip.digest_algorithms,
            )
            if settings.sip.require_registration_auth
            else None,
            registrar=Registrar(passwords.__contains__),
            events=events,
            loop=loop,
            wall_clock=wall_clock,
        )
        self.trunks = Trunks(settings.trunk)
        self.overload = Overload(settings.sip.max_new_calls_per_s, now)
        self.admission = Admission(
            self.trunks,
            self.phones,
            self.overload,
            is_up=lambda trunk: self.plant.trunk_up(trunk),
            is_emergency=lambda number: self.control.is_emergency(number),
        )
        self.switch = Switch(
            settings=settings,
            endpoint=endpoint,
            media=media,
            media_address=media_address,
            events=events,
            admission=self.admission,
            phones=self.phones,
            router=self._route,
            recordings=recordings,
            hold_music=hold_music,
            salvage=salvage,
            boot=boot,
            clock=loop.time,
            call_later=loop.call_later,
            wall_clock=wall_clock,
        )
        self.recognition = Recognition(
            customers or directory(settings),
            id_keys=settings.directory.id_keys,
            account_keys=settings.directory.account_keys,
            is_anonymous=is_anonymous,
        )
        events.subscribe(self.recognition.heard)
        self.switch.screen_pop = self.recognition.describe
        self.floor = Floor(
            settings,
            switch=self.switch,
            sounds=prompts.sounds,
            languages=languages,
            messages=messages,
            events=events,
            boot=boot,
            loop=loop,
            wall_clock=wall_clock,
            recognition=self.recognition,
        )
        self.acd = self.floor.acd
        self.routes = Routes(
            CentreWays(self.floor, lambda: self.ivr),
            switch=self.switch,
            events=events,
            loop=loop,
            wall_clock=wall_clock,
        )
        self.ivr = Ivr(
            flows=flows,
            service_flows=service_flows,
            prompts=prompts,
            switch=self.switch,
            events=events,
            enqueue=self.routes.enqueue,
            loop=loop,
        )
        self.control = ControlFloor(
            settings,
            switch=self.switch,
            floor=self.floor,
            ivr=self.ivr,
            message=prompts.message,
            events=events,
            loop=loop,
            wall_clock=wall_clock,
        )
        self.acd.tell_changes(self.control)
        self.plant = Plant(
            overload=self.overload,
            pings=Pings(self.trunks, now),
            endpoint=endpoint,
            domain=settings.sip.domain,
            events=events,
            loop=loop,
        )

    def close(self) -> None:
        """Stop every timer that is not a call's."""
        self.plant.stop()
        self.routes.close()
        self.floor.close()
        self.phones.close()
        self.recognition.directory.close()

    def change_phones(self, phones: Sequence[Phone]) -> None:
        """Know these phones and passwords from now on.

        One that is gone is not believed any more, and what it registered runs out.
        """
        self._passwords.clear()
        self._passwords.update((phone.name, phone.password) for phone in phones)
        self.switch.change_phones(phones)

    def handle_sip(self, event: SipEvent) -> None:
        """Take an event of the endpoint."""
        if isinstance(event, RequestReceived):
            self._request_received(event)
        elif isinstance(event, ResponseReceived):
            self.plant.response_received(event)
        else:
            self.switch.handle_sip(event)

    def handle_media(self, worker: int, report: Report) -> None:
        """Take a report of a media worker."""
        self.switch.handle_media(worker, report)

    def connection_lost(self, hop: Hop) -> None:
        """Nothing can be sent to `hop` any more."""
        self.phones.connection_lost(hop)

    def _request_received(self, event: RequestReceived) -> None:
        """REGISTER is for the phones; nothing else outside a dialog is served here."""
        now = self.loop.time()
        if event.request.method == "REGISTER":
            reply = self.phones.register(event.request, event.source, now)
            self.endpoint.agent.respond(
                event, reply.code, now=now, phrase=reply.phrase, headers=reply.headers
            )
        else:
            self.endpoint.agent.respond(event, 405, now=now)
        self.endpoint.wake()

    def _route(self, call: Call) -> Controller | None:
        if call.trunk.startswith(PHONE_PREFIX):
            controller = self.control.route_phone(call)
            if controller is not None:
                return controller
        return self.ivr if self.ivr.serves(call) else None

    def counts(self) -> dict[str, float]:
        """Everything that is counted, by name; what lives is zero when nobody calls."""
        sip = self.endpoint.agent.counts
        gauges = self.switch.gauges.values()
        return {
            "sip.transactions": sip.transactions,
            "sip.sessions": sip.sessions,
            "sip.dialogs": sip.dialogs,
            "sip.requests": sip.requests,
            "sip.timers": sip.timers,
            "switch.calls": len(self.switch.calls),
            "switch.legs": self.switch.legs,
            "ivr.visits": len(self.ivr),
            "acd.contacts": len(self.acd),
            "routes.asked": len(self.routes),
            **self.floor.counts(),
            "customers.lookups": self.recognition.directory.lookups,
            "customers.failures": self.recognition.directory.failures,
            "media.legs": sum(gauge.legs for gauge in gauges),
            "media.late_ms_p99": max((gauge.late_ms_p99 for gauge in gauges), default=0.0),
            "media.cpu_s": sum(gauge.cpu_s for gauge in gauges),
            "media.packets_stray": sum(gauge.packets_stray for gauge in gauges),
            "media.send_errors": sum(gauge.send_errors for gauge in gauges),
            "loop.late_ms": self.plant.late_s * 1000,
        }
