"""Phones by others register with our authenticator and registrar, and are called where they are."""

from __future__ import annotations

import pytest
from peers.pjsip import PjsipPhone
from peers.pyvoip import PyvoipPhone
from sip_party import registrar_for

from ccd.sip.events import Accepted, Terminated
from ccd.sip.timers import Timers

pytestmark = pytest.mark.peer

PASSWORDS = {"1001": "open sesame", "1002": "secret"}


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_pjsip_phone_registers_is_called_and_leaves(tcp: bool) -> None:
    pytest.importorskip("pjsua2")
    async with registrar_for(PASSWORDS, timers=Timers()) as (server, registrar):
        port = server.endpoint.hop("tcp" if tcp else "udp").port
        address = f"sip:127.0.0.1:{port}" + (";transport=tcp" if tcp else "")
        async with PjsipPhone(
            "1001", registrar=address, password=PASSWORDS["1001"], tcp=tcp
        ) as phone:
            assert (await phone.register())["code"] == 200
            (binding,) = registrar.lookup("1001")
            assert binding.hop.protocol == ("tcp" if tcp else "udp")
            await phone.auto_answer()
            session = server.call(binding.hop)
            await server.told(Accepted)
            assert server.agreed[session.id].telephone_event is not None
            server.hang_up(session)
            await server.told(Terminated)
            assert (await phone.unregister())["code"] == 200
            assert registrar.lookup("1001") == []


async def test_a_pjsip_phone_with_a_wrong_password() -> None:
    pytest.importorskip("pjsua2")
    async with registrar_for(PASSWORDS, timers=Timers()) as (server, registrar):
        address = f"sip:127.0.0.1:{server.endpoint.hop().port}"
        async with PjsipPhone("1001", registrar=address, password="guess") as phone:
            for _ in range(4):
                said = await phone.register()
                assert said["code"] in (401, 403)
            assert said["code"] == 403
            assert registrar.lookup("1001") == []


async def test_a_pyvoip_phone_takes_the_challenge_it_knows() -> None:
    pytest.importorskip("pyVoIP")
    async with registrar_for(PASSWORDS, timers=Timers()) as (server, registrar):
        hop = server.endpoint.hop()
        async with PyvoipPhone(
            "1002", (hop.host, hop.port), password=PASSWORDS["1002"], register=True
        ):
            (binding,) = registrar.lookup("1002")
            assert binding.hop.protocol == "udp"
