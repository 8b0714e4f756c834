"""Whether this machine can carry calls: one check after the other, each with its mend.

A check fails when the daemon could not work, warns when it would work worse or a part
would be missing, and is fine otherwise. None of them changes anything.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from ccd import state_lock
from ccd.config import Settings
from ccd.errors import CcdError
from ccd.paths import StatePaths
from ccd.settings import addresses

LEAST_FILES = 1024
WANTED_FILES = 8192
"""A call needs five descriptors at worst (a recording, and a pair of sockets for each of two
legs that share no port); 8,192 are far above 1,000 such calls with everything else."""

FEW_PORTS = 0.1
"""Of the RTP ports; the daemon does without, and tries each before it is used."""

WANTED_BUFFER = 4 * 1024 * 1024
"""Bytes. 2,000 legs bring 172-byte packets 50 times a second: at some 768 bytes each as the
kernel counts, 4 MB bridge 50 ms in which nobody reads."""

LEAST_FREE = 200 * 1024 * 1024
WANTED_FREE = 5 * 1024 * 1024 * 1024
"""Bytes. A recorded call is 32 kB a second: 5 GB are 43 hours of talk."""

PROBE_TIMEOUT_S = 5.0


class Level(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check's finding, and what to do where it is not fine."""

    name: str
    level: Level
    found: str
    mend: str = ""


def examine(settings: Settings | None, paths: StatePaths) -> Iterator[Check]:
    """Yield every check's finding. `settings` None: those of the built-in defaults are looked at."""
    shown = settings or Settings()
    running = state_lock.owner(paths.lock)
    checks: tuple[Callable[[], Iterator[Check]], ...] = (
        python,
        processors,
        lambda: state_folder(paths),
        lambda: disk(paths),
        sqlite,
        lambda: daemon(running, paths),
        lambda: sip_ports(shown, running=running is not None),
        lambda: media_ports(shown, running=running is not None),
        open_files,
        socket_buffers,
        batched_packets,
        time_source,
        speech,
        sipp,
        pjsip,
        audio_devices,
    )
    for check in checks:
        yield from check()


# --- the machine -----------------------------------------------------------------------


def python() -> Iterator[Check]:
    """Python's version: the phones' wheels end with 3.12."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 13):
        mend = "for the softphone (PJSIP, pyVoIP) install with Python 3.11 or 3.12"
        yield Check(name="Python", level=Level.WARN, found=version, mend=mend)
    else:
        yield Check(name="Python", level=Level.OK, found=version)


def processors() -> Iterator[Check]:
    """Cores that we may use: core and media want one each."""
    usable = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    found = f"{usable} usable"
    if usable < 2:
        mend = "core and media share one; about half the calls of two cores"
        yield Check(name="CPU cores", level=Level.WARN, found=found, mend=mend)
    else:
        yield Check(name="CPU cores", level=Level.OK, found=found)


def time_source() -> Iterator[Check]:
    """Whether the clock is kept right: call records are evidence."""
    state = _kernel_clock()
    if state is None:
        mend = "make sure by other means that it follows NTP"
        yield Check(name="time source", level=Level.WARN, found="cannot be asked here", mend=mend)
        return
    synchronised, error_s = state
    if synchronised:
        yield Check(
            name="time source", level=Level.OK, found=f"synchronised, within {error_s * 1e3:.0f} ms"
        )
        return
    mend = "install chrony, or: timedatectl set-ntp true (in a container: on its host)"
    yield Check(
        name="time source", level=Level.WARN, found="the clock is not synchronised", mend=mend
    )


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as we read it, with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


_TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""


def _kernel_clock() -> tuple[bool, float] | None:
    """Return whether the kernel's clock is synchronised and its error in seconds, by adjtimex(2).

    Whatever disciplines the clock (chrony, ntpd, systemd-timesyncd, PTP) tells the kernel.
    """
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    answer = _Timex()  # modes 0: only read
    state = adjtimex(ctypes.byref(answer))
    if state < 0:
        return None
    return state != _TIME_ERROR, answer.maxerror / 1e6


# --- the state folder --------------------------------------------------------------------


def state_folder(paths: StatePaths) -> Iterator[Check]:
    """Whether the state folder can be written, or made."""
    place = _existing(paths.root)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        mend = "give this user the right to it, or choose another: --state DIR"
        found = f"{place}: {error.strerror}"
        yield Check(name="state folder", level=Level.FAIL, found=found, mend=mend)
        return
    found = str(paths.root) + ("" if place == paths.root else " (will be made)")
    yield Check(name="state folder", level=Level.OK, found=found)


def disk(paths: StatePaths) -> Iterator[Check]:
    """Room for the database and for recordings."""
    place = _existing(paths.root)
    free = shutil.disk_usage(place).free
    level = Level.FAIL if free < LEAST_FREE else Level.WARN if free < WANTED_FREE else Level.OK
    found = f"{free / 1e9:.1f} GB free"
    mend = "" if level is Level.OK else f"make room on {place}: a recorded hour takes 115 MB"
    yield Check(name="disk space", level=level, found=found, mend=mend)


def _existing(path: Path) -> Path:
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def sqlite() -> Iterator[Check]:
    """SQLite's release: strict tables and upserts (3.37)."""
    found = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < (3, 37):
        mend = "3.37 or newer is needed: a newer Python or system brings it"
        yield Check(name="SQLite", level=Level.FAIL, found=found, mend=mend)
    else:
        yield Check(name="SQLite", level=Level.OK, found=found)


def daemon(running: int | None, paths: StatePaths) -> Iterator[Check]:
    """Whether a daemon runs on this folder: its ports are taken by right then."""
    found = "none runs" if running is None else f"runs, process {running}"
    yield Check(name="daemon", level=Level.OK, found=f"{found} on {paths.root}")


# --- the network ---------------------------------------------------------------------


def sip_ports(settings: Settings, *, running: bool) -> Iterator[Check]:
    """Whether each SIP port can be had."""
    for text in settings.sip.listen:
        name = f"SIP {text}"
        try:
            listen = addresses.parse_listen(text)
            kind = socket.SOCK_DGRAM if listen.protocol == "udp" else socket.SOCK_STREAM
            _bind(listen.host, listen.port, kind)
        except (ValueError, OSError) as error:
            if running:
                yield Check(name=name, level=Level.OK, found="in use, by the daemon that runs")
                continue
            found = getattr(error, "strerror", None) or str(error)
            mend = f"see who has it: ss -lpn 'sport = :{text.rpartition(':')[2]}'; or change sip.listen"
            yield Check(name=name, level=Level.FAIL, found=found, mend=mend)
        else:
            yield Check(name=name, level=Level.OK, found="free")


def media_ports(settings: Settings, *, running: bool) -> Iterator[Check]:
    """Whether the RTP ports can be had; some of them may be somebody else's."""
    first, last = settings.media.ports
    name = f"RTP ports {first}-{last}"
    if running:
        yield Check(name=name, level=Level.OK, found="in use, by the daemon that runs")
        return
    count = (last + 1 - first) // 2
    taken = [
        port
        for port in range(first, last, 2)
        if not _both_free(settings.media.address, (port, port + 1))
    ]
    mend = "choose a range that nothing else uses: media.ports"
    if not taken:
        yield Check(name=name, level=Level.OK, found=f"{count} pairs free")
    elif len(taken) <= count * FEW_PORTS:
        found = f"{count - len(taken)} of {count} pairs free, the others are passed over"
        yield Check(name=name, level=Level.OK, found=found)
    else:
        level = Level.FAIL if len(taken) == count else Level.WARN
        found = f"{len(taken)} of {count} pairs in use, such as {taken[0]}"
        yield Check(name=name, level=level, found=found, mend=mend)


def _both_free(host: str, ports: tuple[int, int]) -> bool:
    """Bind and let go at once: 20 µs, so that all of a large range can be tried."""
    for port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def _bind(host: str, port: int, kind: socket.SocketKind) -> None:
    """Bind and let go at once. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:  # as the daemon does: its own last connections linger
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def open_files() -> Iterator[Check]:
    """How many files and sockets a process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    reachable = WANTED_FILES if unlimited else hard  # the daemon raises soft to hard itself
    shown = f"{soft}, at most {'any number' if unlimited else hard}"
    level = (
        Level.FAIL
        if reachable < LEAST_FILES
        else Level.WARN
        if reachable < WANTED_FILES
        else Level.OK
    )
    mend = "" if level is Level.OK else f"ulimit -Hn {WANTED_FILES}, or LimitNOFILE= in the unit"
    yield Check(name="open files", level=level, found=shown, mend=mend)


def socket_buffers() -> Iterator[Check]:
    """How much the kernel keeps for a socket that is not read at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WANTED_BUFFER)
        # The kernel doubles what was asked for, for its own bookkeeping (socket(7)).
        granted = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    got = granted // 2 if sys.platform == "linux" else granted
    found = f"{got // 1024} kB a socket"
    if got >= WANTED_BUFFER:
        yield Check(name="socket buffers", level=Level.OK, found=found)
    else:
        mend = f"sysctl -w net.core.rmem_max={WANTED_BUFFER} net.core.wmem_max={WANTED_BUFFER}"
        yield Check(name="socket buffers", level=Level.WARN, found=found, mend=mend)


def batched_packets() -> Iterator[Check]:
    """Whether packets can move in batches."""
    try:
        library = ctypes.CDLL(None)
        found = all(hasattr(library, name) for name in ("recvmmsg", "sendmmsg"))
    except OSError:
        found = False
    if found:
        yield Check(name="batched packets", level=Level.OK, found="recvmmsg and sendmmsg")
    else:
        mend = "plain sockets are used: about a third of the calls a core. Linux has them"
        yield Check(name="batched packets", level=Level.WARN, found="no recvmmsg", mend=mend)


# --- speech, phones, peers ------------------------------------------------------------


def speech() -> Iterator[Check]:
    """The embedded speech engine, which renders prompts from text."""
    if importlib.util.find_spec("espeakng_loader") is not None:
        yield Check(name="speech", level=Level.OK, found="eSpeak NG, embedded")
    else:
        mend = "reinstall ccd: pip install --force-reinstall ccd-toolkit"
        yield Check(name="speech", level=Level.FAIL, found="the engine is missing", mend=mend)


def sipp() -> Iterator[Check]:
    """SIPp, for the lab's scenarios."""
    program = shutil.which("sipp")
    if program is None:
        mend = "apt-get install sip-tester"
        yield Check(name="SIPp", level=Level.WARN, found="not installed", mend=mend)
        return
    answer = _say(program, "-v")
    first = next((line.strip() for line in answer.splitlines() if "SIPp v" in line), program)
    yield Check(name="SIPp", level=Level.OK, found=first.rstrip("."))


def pjsip() -> Iterator[Check]:
    """PJSIP, the stack of the agent's softphone."""
    # In a process of its own: the library may end the one that loads it.
    answer = _say(sys.executable, "-c", "import pjsua2; print(pjsua2.Endpoint().libVersion().full)")
    version = answer.strip().splitlines()[-1] if answer.strip() else ""
    if version[:1].isdigit():
        yield Check(name="PJSIP", level=Level.OK, found=version)
    else:
        mend = "pip install 'ccd-toolkit[phones]' (Python 3.12 or older)"
        yield Check(name="PJSIP", level=Level.WARN, found="not installed", mend=mend)


def audio_devices() -> Iterator[Check]:
    """Sound cards: only a softphone on this machine wants one."""
    cards = Path("/proc/asound/cards")
    text = cards.read_text(errors="replace") if cards.is_file() else ""
    names = [line.split("]:", 1)[1].strip() for line in text.splitlines() if "]:" in line]
    if names:
        yield Check(name="audio devices", level=Level.OK, found=", ".join(names))
    else:
        mend = "only agents who talk at this machine need one; elsewhere it is fine so"
        yield Check(name="audio devices", level=Level.WARN, found="none", mend=mend)


def _say(*command: str) -> str:
    """Return what a program prints, on either stream; nothing where it can't be run."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout or done.stderr


def settings_check(error: CcdError) -> Check:
    """Return the finding for a settings file that cannot be used."""
    first, *more = str(error).splitlines()
    found = first + (f" (and {len(more)} more)" if more else "")
    mend = "ccd config validate tells them all"
    return Check(name="settings", level=Level.FAIL, found=found, mend=mend)
