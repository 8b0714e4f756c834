"""Keys on disk, and the answers to ZeroMQ's questions about them."""

from __future__ import annotations

from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

from ccd.cti.catalogue import Role
from ccd.cti.keys import KeyFolder, KeyRing, client_text, read_client, write_secret
from ccd.cti.zap import Doorkeeper
from ccd.errors import CcdError
from ccd.settings.rules.people import ROLES


def test_the_settings_roles_are_the_catalogues() -> None:
    assert tuple(Role) == ROLES


def test_a_clients_file_is_read_back_as_it_was_made(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    server = folder.make_server()
    made = folder.make_client("wall")
    file = tmp_path / "wall.toml"
    write_secret(file, client_text(made))
    assert read_client(file) == made
    assert (made.server, folder.server()) == (server.public, server)
    file.chmod(0o644)
    with pytest.raises(CcdError, match="chmod 600"):
        read_client(file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "server_key is no CURVE key"),
        ("server_key = 7", "server_key is no CURVE key"),
        ("no toml", "no key file"),
        (f'server_key = "{"x" * 39}"', "server_key is no CURVE key"),
        (f'server_key = "{"~" * 40}"', "server_key is no CURVE key"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_as_such(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bad.toml"
    write_secret(file, text)
    with pytest.raises(CcdError, match=says):
        read_client(file)


def test_keys_that_do_not_belong_together_are_found(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    folder.make_server()
    text = folder.server_file.read_text()
    public = folder.server().public.decode()
    write_secret(folder.server_file, text.replace(public, zmq.curve_keypair()[0].decode()))
    with pytest.raises(CcdError, match="do not belong together"):
        folder.server()


def test_the_ring_follows_the_folder_and_says_once_what_changed(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    ring = KeyRing(folder)
    folder.make_server()
    assert ring.changes() == (set(), set())
    made = folder.make_client("wall")
    assert ring.name_of(made.own.public) == "wall"
    assert ring.changes() == ({"wall"}, set())
    assert ring.changes() == (set(), set())
    folder.client_file("broken").write_text("public_key = 7")
    assert ring.changes() == (set(), set())
    assert "broken" in ring.problem
    folder.revoke("wall")
    assert ring.name_of(made.own.public) is None
    assert ring.changes() == (set(), {"wall"})


KEY = z85.decode(zmq.curve_keypair()[0])
GOOD = [b"1.0", b"7", b"ccd", b"10.0.0.1", b"", b"CURVE", KEY]


@pytest.mark.parametrize(
    ("frames", "status", "user"),
    [
        (GOOD, b"200", b"wall"),
        ([*GOOD[:6], bytes(32)], b"400", b""),
        ([*GOOD[:6], b"short"], b"400", b""),
        (GOOD[:6], b"400", b""),
        ([*GOOD, b"more"], b"400", b""),
        ([*GOOD[:2], b"other", *GOOD[3:]], b"400", b""),
        ([*GOOD[:5], b"NULL"], b"400", b""),
        ([*GOOD[:5], b"PLAIN", b"user", b"password"], b"400", b""),
        ([b"2.0", *GOOD[1:]], b"500", b""),
        ([], b"500", b""),
    ],
)
def test_the_doorkeeper_lets_known_keys_in_and_nobody_else(
    frames: list[bytes], status: bytes, user: bytes
) -> None:
    refused: list[tuple[str, str]] = []
    keeper = Doorkeeper(
        lambda key: "wall" if z85.decode(key) == KEY else None,
        lambda address, key: refused.append((address, key)),
    )
    reply = keeper.answer(frames)
    assert (reply[0], reply[2], reply[4], len(reply)) == (b"1.0", status, user, 6)
    assert bool(refused) == (status == b"400")
