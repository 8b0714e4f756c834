"""Where things lie on disk: the state folder, what is in it, and the settings file.

The state folder holds everything a running daemon keeps: database, recordings, rendered
prompts, log, lock and sockets. It is named by `--state`, else by `CCD_STATE`, else it is
the platform's own place for such things.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

STATE_VARIABLE = "CCD_STATE"
SETTINGS_VARIABLE = "CCD_CONFIG"
CONNECT_VARIABLE = "CCD_CONNECT"
KEYS_VARIABLE = "CCD_KEYS"
USER_VARIABLE = "CCD_USER"
PASSWORD_VARIABLE = "CCD_PASSWORD"
SETTINGS_NAME = "ccd.toml"
SYSTEM_SETTINGS = Path("/etc/ccd") / SETTINGS_NAME

LONGEST_SOCKET_PATH = 100
"""Bytes. A Unix socket's path must fit into 108 with its terminating zero (unix(7));
systems other than Linux allow 104."""

LONGEST_SOCKET_NAME = len("/media-99.reports")
"""Room for the longest file name that is used in the sockets' folder."""


@dataclass(frozen=True)
class StatePaths:
    """The folders and files of one state folder. Nothing is made before `prepare`."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file: journal and call records."""
        return self.root / "ccd.sqlite"

    @property
    def customers(self) -> Path:
        """Who customers are (`ccd customers`), in a file of its own."""
        return self.root / "customers.sqlite"

    @property
    def recordings(self) -> Path:
        """Recorded calls, where the settings name no other folder."""
        return self.root / "recordings"

    @property
    def prompts(self) -> Path:
        """Prompts rendered from text, kept for the next time."""
        return self.root / "prompts"

    @property
    def studio(self) -> Path:
        """Recordings that go before what the speech engine makes of the same text."""
        return self.root / "studio"

    @property
    def voicemail(self) -> Path:
        """Messages that callers left."""
        return self.root / "voicemail"

    @property
    def keys(self) -> Path:
        """CURVE keys of the CTI over TCP, where the settings name no other folder."""
        return self.root / "keys"

    @property
    def log(self) -> Path:
        """The daemon's log, and the command line's when it fails through a fault of ours."""
        return self.root / "log" / "ccd.log"

    @property
    def lock(self) -> Path:
        """Held by the one daemon that uses this folder."""
        return self.root / "ccd.lock"

    @property
    def settings(self) -> Path:
        """A settings file that belongs to this state folder alone."""
        return self.root / SETTINGS_NAME

    @property
    def sockets(self) -> Path:
        """Folder of the Unix sockets: `run`, or a short path where that would be too long."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            return inside
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        base = os.environ.get("XDG_RUNTIME_DIR", "")
        if not base or len(base) > LONGEST_SOCKET_PATH // 2:
            base = tempfile.gettempdir()
        return Path(base) / f"ccd-{os.getuid()}-{digest}"

    @property
    def cti_commands(self) -> str:
        """ZeroMQ endpoint of the CTI's commands, where the settings name no other."""
        return f"ipc://{self.sockets / 'commands'}"

    @property
    def cti_events(self) -> str:
        """ZeroMQ endpoint of the CTI's events, where the settings name no other."""
        return f"ipc://{self.sockets / 'events'}"

    def prepare(self) -> None:
        """Make the folders, for this user alone: recordings and sockets are nobody else's.

        Raises OSError where one cannot be made.
        """
        for folder in (
            self.root,
            self.recordings,
            self.voicemail,
            self.prompts,
            self.log.parent,
            self.sockets,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self.sockets.stat().st_uid
        if owner != os.getuid():  # somebody else made it first, in a folder open to all
            raise PermissionError(
                f"{self.sockets} belongs to user {owner}, not to us; remove it or choose another "
                f"state folder (--state, {STATE_VARIABLE})"
            )


def state_paths(chosen: Path | None = None) -> StatePaths:
    """Return the state folder: the one chosen, else `CCD_STATE`'s, else the platform's."""
    if chosen is None and (named := os.environ.get(STATE_VARIABLE)):
        chosen = Path(named)
    if chosen is None:
        import platformdirs

        chosen = platformdirs.user_state_path("ccd")
    return StatePaths(chosen.expanduser().absolute())


def user_settings() -> Path:
    """Return where this user's own settings file belongs."""
    import platformdirs

    return platformdirs.user_config_path("ccd") / SETTINGS_NAME


def settings_path(chosen: Path | None, state: StatePaths) -> Path | None:
    """Return the settings file to read, or None where there is none.

    The one chosen, else `CCD_CONFIG`'s (both whether or not they exist), else the first
    that exists of: the state folder's, the user's, the system's.
    """
    if chosen is None and (named := os.environ.get(SETTINGS_VARIABLE)):
        chosen = Path(named)
    if chosen is not None:
        return chosen.expanduser().absolute()
    for candidate in (state.settings, user_settings(), SYSTEM_SETTINGS):
        if candidate.is_file():
            return candidate
    return None
