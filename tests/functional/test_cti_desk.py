"""What an agent's screen asks for: his workplace, its pulse, his own calls, and lines from others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from peers.asking import refusal
from peers.centre import STRAIGHT_FLOW
from peers.daemon import Daemon
from peers.ports import HOST, free_port

from ccd.cti.access import hash_password
from ccd.cti.client import Client, ErrorCode
from ccd.cti.keys import KeyFolder
from ccd.events import MessageSent
from ccd.model import AgentState
from ccd.paths import StatePaths

SETTINGS = {
    "sip": {"domain": "ccd.test", "require_registration_auth": False},
    "trunk": [{"name": "carrier", "peers": ["127.0.0.1"]}],
    "phone": [{"name": f"100{n}", "password": "x"} for n in (1, 2, 3)],
    "queue": [
        {"name": "orders", "title": "Orders", "script": "# Greet", "wrap_up_s": 10.0,
         "wrap_up_requires_disposition": True},
        {"name": "advice", "title": "Advice"},
    ],
    "agent": [
        {"name": "anna", "phone": "1001", "queues": ["orders"], "full_name": "Anna Bell",
         "extension": "6001"},
        {"name": "bert", "phone": "1002", "queues": ["orders", "advice"]},
        {"name": "cora", "phone": "1003", "queues": ["advice"]},
    ],
    "disposition": [{"name": "sold", "title": "Sold"}, {"name": "told", "queues": ["advice"]}],
    "not_ready_reason": [{"name": "lunch", "title": "Lunch"}],
    "route": [{"dnis": "*", "flow": "flow.yaml"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    state: Path = tmp_path_factory.mktemp("desk")
    (state / "flow.yaml").write_text(STRAIGHT_FLOW)
    with Daemon(state, settings=SETTINGS) as daemon:
        yield daemon


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with Client(daemon.state) as client:
        yield client
        for agent in ("anna", "bert", "cora"):
            if (await client.snapshot_device(agent)).agent.state is not AgentState.LOGGED_OUT:
                await client.log_off(agent)


async def test_a_workplace_is_what_the_settings_say_of_an_agents_work(client: Client) -> None:
    await client.log_in("anna")
    place = await client.workplace("anna")
    assert (place.full_name, place.phone) == ("Anna Bell", "1001")
    (queue,) = place.queues
    assert (queue.name, queue.title, queue.script) == ("orders", "Orders", "# Greet")
    assert (queue.wrap_up_s, queue.disposition_required) == (10.0, True)
    assert [(each.name, each.queues) for each in place.dispositions] == [
        ("sold", ()),
        ("told", ("advice",)),
    ]
    assert [(each.name, each.title) for each in place.reasons] == [("lunch", "Lunch")]
    assert [(each.kind, each.name) for each in place.contacts] == [
        ("agent", "bert"),
        ("agent", "cora"),
        ("queue", "orders"),
        ("queue", "advice"),
    ]
    assert (await refusal(client.workplace("nobody"))).code is ErrorCode.UNKNOWN_AGENT


async def test_the_pulse_shows_his_queues_and_those_who_serve_them_with_him(
    client: Client,
) -> None:
    for agent in ("anna", "bert", "cora"):
        await client.log_in(agent)
    await client.ready("bert")
    pulse = await client.pulse("anna")
    (queue,) = pulse.queues
    assert (queue.queue, queue.waiting, queue.agents, queue.idle_agents) == ("orders", 0, 2, 1)
    assert [(mate.agent, mate.state) for mate in pulse.team] == [("bert", AgentState.READY)]
    assert [mate.agent for mate in (await client.pulse("bert")).team] == ["anna", "cora"]


async def test_a_line_reaches_the_screen_of_its_reader_and_no_other(client: Client) -> None:
    await client.log_in("anna")
    await client.log_in("bert")
    screen = await client.monitor(agent="anna")
    await client.send_message(text="for bert", agent="bert")
    told = await client.send_message(text="break in 5 min", queue="orders")
    assert told.agents == ("anna", "bert")
    event = await anext(screen)
    assert isinstance(event, MessageSent)
    assert event.text == "break in 5 min"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ({"agent": "nobody"}, ErrorCode.UNKNOWN_AGENT),
        ({"agent": "cora"}, ErrorCode.WRONG_STATE),
        ({"queue": "nothing"}, ErrorCode.UNKNOWN_QUEUE),
        ({}, ErrorCode.BAD_ARGS),
    ],
)
async def test_a_line_for_nobody_is_refused(
    client: Client, to: dict[str, str], code: ErrorCode
) -> None:
    assert (await refusal(client.send_message(text="hello", **to))).code is code


async def test_his_calls_are_his_alone(client: Client) -> None:
    await client.log_in("anna")
    assert (await client.my_calls(agent="anna")).records == ()


async def test_an_agent_over_tcp_has_all_that_his_screen_asks_for_and_no_more(
    tmp_path: Path,
) -> None:
    """As `ccd agent` has it on another machine: an agent's rights, a key, a password."""
    (tmp_path / "flow.yaml").write_text(STRAIGHT_FLOW)
    port = free_port()
    agents = [
        {**each, "password_hash": hash_password("s3cret")} if each["name"] == "anna" else each
        for each in SETTINGS["agent"]  # type: ignore[attr-defined]
    ]
    settings = {**SETTINGS, "agent": agents, "cti": {"listen": f"{HOST}:{port}"}}
    paths = StatePaths(tmp_path)
    folder = KeyFolder(paths.keys)
    folder.make_server()
    keys = folder.make_client("desk")
    with Daemon(tmp_path, settings=settings):
        client = Client(commands=f"tcp://{HOST}:{port}", keys=keys)
        async with client:
            await client.log_in("anna", password="s3cret")
            assert (await client.workplace()).full_name == "Anna Bell"
            assert [queue.queue for queue in (await client.pulse()).queues] == ["orders"]
            monitor = await client.monitor(agent="anna")
            assert monitor.state.agents[0].agent == "anna"
            assert (await client.my_calls()).records == ()
            await client.voicemails()
            await client.parked_calls()
            for other in (
                client.workplace("bert"),
                client.pulse("bert"),
                client.my_calls(agent="bert"),
            ):
                assert (await refusal(other)).code is ErrorCode.FORBIDDEN
            await client.leave()
