"""CURVE keys on disk: the daemon's own pair, the clients it lets in, and a client's own file.

The daemon's folder (`keys` in the state folder, or `[cti] keys`):

    server.toml             its key pair
    clients/NAME.toml       one that may come in: the public key

A client has one file with all it needs: its own pair and the daemon's public key. Keys are
Z85 (ZeroMQ RFC 32), made by libzmq.
"""

from __future__ import annotations

import os
import re
import time
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq
from zmq.utils import z85

from ccd.cti.access import CurveKeys
from ccd.errors import CcdError

SERVER = "server.toml"
CLIENTS = "clients"
SUFFIX = ".toml"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]{0,63}")

_SERVER_HEAD = "# The ccd daemon's key pair for its CTI over TCP. Keep it secret.\n"
_AUTHORISED_HEAD = (
    "# A client that the ccd daemon lets in over TCP. Remove: ccd keys revoke {name}\n"
)
_CLIENT_HEAD = (
    "# The key of ccd client {name}: for ccd --connect tcp://HOST:PORT --keys THIS_FILE.\n"
    "# Keep it secret; it is kept nowhere else.\n"
)


@dataclass(frozen=True)
class ClientKeys:
    """What a client needs: its own pair, and whom it expects to meet."""

    name: str
    own: CurveKeys
    server: bytes
    """The daemon's public key."""


@dataclass(frozen=True)
class Authorised:
    """A client that may come in."""

    name: str
    public: str
    since: float
    """Seconds since the epoch."""


class KeyFolder:
    """The daemon's folder of keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def server_file(self) -> Path:
        """The daemon's own pair."""
        return self.folder / SERVER

    def client_file(self, name: str) -> Path:
        """The authorisation of a client. Raises CcdError for what is no name."""
        if not NAME.fullmatch(name):
            raise CcdError(
                f"{name!r} is no name for a client: letters, digits and . _ - only, 64 at most"
            )
        return self.folder / CLIENTS / f"{name}{SUFFIX}"

    def server(self) -> CurveKeys:
        """Return the daemon's pair. Raises CcdError where there is none, or it is not secret."""
        if not self.server_file.exists():
            raise CcdError(
                f"there is no {self.server_file}; make the key pair with: ccd keys server"
            )
        return _pair(self.server_file)

    def make_server(self) -> CurveKeys:
        """Make the daemon's pair, anew where there is one: every client's file then needs the
        new public key. Raises CcdError where it cannot be written."""
        keys = CurveKeys(*zmq.curve_keypair())
        write_secret(
            self.server_file,
            _SERVER_HEAD + _toml(public_key=keys.public.decode(), secret_key=keys.secret.decode()),
        )
        return keys

    def make_client(self, name: str) -> ClientKeys:
        """Make a client's pair and let it in. Raises CcdError where the name is taken, or there
        is no server's pair yet."""
        server = self.server()
        file = self.client_file(name)
        if file.exists():
            raise CcdError(
                f"client {name!r} is there already ({file}); revoke it first: ccd keys revoke {name}"
            )
        own = CurveKeys(*zmq.curve_keypair())
        self.authorise(name, own.public)
        return ClientKeys(name, own, server.public)

    def authorise(self, name: str, public: bytes) -> None:
        """Let a client in by its public key. Raises CcdError."""
        head = _AUTHORISED_HEAD.format(name=name)
        content = _toml(public_key=public.decode(), since=round(time.time(), 3))
        write_secret(self.client_file(name), head + content)

    def revoke(self, name: str) -> None:
        """Let a client in no longer. Raises CcdError for one that is not there."""
        try:
            self.client_file(name).unlink()
        except FileNotFoundError:
            raise CcdError(f"there is no client {name!r}; see: ccd keys list") from None
        except OSError as error:
            raise CcdError(f"cannot remove {error.filename}: {error.strerror}") from None

    def clients(self) -> list[Authorised]:
        """Return those who may come in, by name. Raises CcdError for a file that makes no sense."""
        found = []
        for file in sorted((self.folder / CLIENTS).glob(f"*{SUFFIX}")):
            table = _read(file)
            since = table.get("since", 0.0)
            found.append(
                Authorised(
                    name=file.stem,
                    public=_key(file, table, "public_key").decode(),
                    since=float(since) if isinstance(since, int | float) else 0.0,
                )
            )
        return found


class KeyRing:
    """The authorised keys as they are on disk at each moment, read again when they change."""

    def __init__(self, folder: KeyFolder) -> None:
        self._folder = folder
        self._signature: object = None
        self._names: dict[bytes, str] = {}
        self._told: dict[bytes, str] = {}
        self.problem = ""
        """What was wrong with the folder at the last reading; then it is as it was before."""

    def name_of(self, public: bytes) -> str | None:
        """Return whose key (Z85) this is, None for one that may not come in."""
        self.refresh()
        return self._names.get(public)

    @property
    def names(self) -> Collection[str]:
        """The clients that may be here, as of the last reading."""
        return self._names.values()

    def refresh(self) -> None:
        """Read again where files have changed.

        A file that makes no sense (half-written by an editor, say) is told in `problem`, and
        lets its client in no longer.
        """
        signature = self._look()
        if signature == self._signature:
            return
        self._signature = signature
        names: dict[bytes, str] = {}
        problems: list[str] = []
        for file in sorted((self._folder.folder / CLIENTS).glob(f"*{SUFFIX}")):
            try:
                names[_key(file, _read(file), "public_key")] = file.stem
            except CcdError as error:
                problems.append(str(error))
        self.problem = "; ".join(problems)
        self._names = names

    def changes(self) -> tuple[set[str], set[str]]:
        """Return the names of the keys that came, and of those that went, since this was asked last."""
        self.refresh()
        before, now = self._told, self._names
        self._told = now
        return (
            {now[key] for key in now if before.get(key) != now[key]},
            {before[key] for key in before if now.get(key) != before[key]},
        )

    def _look(self) -> object:
        try:
            with os.scandir(self._folder.folder / CLIENTS) as entries:
                return sorted(
                    (
                        entry.name,
                        (status := entry.stat()).st_mtime_ns,
                        status.st_size,
                        status.st_ino,
                    )
                    for entry in entries
                    if entry.name.endswith(SUFFIX)
                )
        except FileNotFoundError:
            return []


def client_text(keys: ClientKeys) -> str:
    """Return the content of a client's file."""
    return _CLIENT_HEAD.format(name=keys.name) + _toml(
        name=keys.name,
        public_key=keys.own.public.decode(),
        secret_key=keys.own.secret.decode(),
        server_key=keys.server.decode(),
    )


def read_client(file: Path) -> ClientKeys:
    """Read a client's file. Raises CcdError that says what is wrong with it."""
    if not file.exists():
        raise CcdError(f"there is no {file}; the daemon's machine makes one: ccd keys client NAME")
    table = _read(file)
    server = _key(file, table, "server_key")
    return ClientKeys(str(table.get("name", file.stem)), _pair(file), server)


def write_secret(file: Path, text: str) -> None:
    """Write a file that its owner alone may read, whole or not at all. Raises CcdError."""
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as out:
            os.fchmod(descriptor, 0o600)  # an old one may have been open to others
            out.write(text)
        part.replace(file)
    except OSError as error:
        raise CcdError(f"cannot write {error.filename}: {error.strerror}") from None


def _pair(file: Path) -> CurveKeys:
    """A file's own key pair, which must be nobody else's to read, and belong together."""
    mode = file.stat().st_mode
    if mode & 0o077:
        raise CcdError(
            f"{file} can be read by others (mode {mode & 0o777:o}); do: chmod 600 {file}"
        )
    table = _read(file)
    keys = CurveKeys(_key(file, table, "public_key"), _key(file, table, "secret_key"))
    if zmq.curve_public(keys.secret) != keys.public:
        raise CcdError(f"{file}: public_key and secret_key do not belong together")
    return keys


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CcdError(f"cannot read {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CcdError(f"{file} is no key file: {error}") from None


def _key(file: Path, table: dict[str, Any], name: str) -> bytes:
    key = table.get(name)
    try:
        if isinstance(key, str) and len(key) == 40 and len(z85.decode(key)) == 32:
            return key.encode()
    except (ValueError, KeyError, UnicodeEncodeError):
        pass  # as wrong as one that is missing
    raise CcdError(f"{file}: {name} is no CURVE key (40 characters of Z85)")


def _toml(**values: str | float) -> str:
    """Lines of TOML. Z85 has no quote and no backslash, so a basic string holds it as it is."""
    lines = (
        f'{name} = "{value}"\n' if isinstance(value, str) else f"{name} = {value}\n"
        for name, value in values.items()
    )
    return "".join(lines)
