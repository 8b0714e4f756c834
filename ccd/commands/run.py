"""`ccd run`: the daemon."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.commands.options import Config, State

if TYPE_CHECKING:
    from ccd.config import Settings
    from ccd.paths import StatePaths

DEMO_ROBOTS = 4

MOST_FILES = 65_536
"""Open files a process: sockets, recordings, connections of phones over TCP."""

EPILOG = """\
[bold]Examples[/]

  ccd run                            with the settings of ccd init

  ccd run --demo --robots 3          to call with your own phone: dial 95500

  ccd run --demo --sip 127.0.0.1:0   on any free port, which it prints
"""


def run(
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Embedded settings instead of a file: service number 95500 on 127.0.0.1, "
            "with robot agents. Prints one line of JSON when it is ready.",
        ),
    ] = False,
    robots: Annotated[
        int | None,
        typer.Option(
            "--robots",
            metavar="N",
            min=0,
            max=10_000,
            help="How many robot agents log in. Only with --demo.",
            show_default=str(DEMO_ROBOTS),
        ),
    ] = None,
    sip: Annotated[
        str,
        typer.Option(
            "--sip",
            metavar="HOST:PORT",
            help="Where to hear SIP over UDP and TCP, instead of what the settings say.",
            show_default=False,
        ),
    ] = "",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every detail.")] = False,
    config: Config = None,
    state: State = None,
) -> None:
    """Run the daemon until it is told to stop (Ctrl-C, SIGTERM).

    It takes calls over SIP, lets callers through the IVR into queues, and connects them
    to agents. One daemon uses one state folder.
    """
    from ccd.paths import state_paths
    from ccd.state_lock import StateLock

    if robots is not None and not demo:
        raise typer.BadParameter("only a demo has robots: add --demo", param_hint="--robots")
    paths = state_paths(state)
    settings = (
        _demo_settings(DEMO_ROBOTS if robots is None else robots, sip)
        if demo
        else _settings(config, paths, sip)
    )
    _prepare(paths)
    with StateLock(paths.lock):
        reread = None if demo else partial(_settings, config, paths, sip)
        status = _serve(settings, paths, reread, robots=len(settings.agent), verbose=verbose)
    raise typer.Exit(status)


def _serve(
    settings: Settings,
    paths: StatePaths,
    reread: Callable[[], Settings] | None,
    *,
    robots: int,
    verbose: bool,
) -> int:
    """Run the daemon; without `reread` it is a demo, whose settings are in no file."""
    import logging

    import uvloop

    from ccd import daemon, log
    from ccd.errors import CcdError
    from ccd.ivr.problems import FlowError
    from ccd.media.pool import WorkerFailed
    from ccd.sip.transports import ListenError

    demo = reread is None
    log.configure(paths.log, level=logging.DEBUG if verbose else logging.INFO)
    _allow_many_files()
    try:
        return uvloop.run(
            daemon.run(
                settings,
                paths,
                ready=_print_ready if demo else _say_nothing,
                robots=robots if demo else 0,
                reread=reread,
            )
        )
    except (FlowError, ListenError, WorkerFailed) as error:
        # What the rooms below say of settings that this machine cannot carry out.
        raise CcdError(f"{error}\nccd doctor tells what is in the way") from error
    finally:
        log.close()


def _allow_many_files() -> None:
    """Raise the limit of open files as far as we may: media workers and robots inherit it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _print_ready(answer: dict[str, Any]) -> None:
    import msgspec

    typer.echo(msgspec.json.encode(answer).decode())
    sys.stdout.flush()


def _say_nothing(_answer: dict[str, Any]) -> None:
    """The log says it."""


def _prepare(paths: StatePaths) -> None:
    from ccd.errors import CcdError

    try:
        paths.prepare()
    except OSError as error:
        reason = error.strerror or str(error)
        raise CcdError(
            f"the state folder {paths.root} cannot be used: {reason}. "
            "Choose another: --state DIR, or CCD_STATE"
        ) from None


def _demo_settings(robots: int, sip: str) -> Settings:
    from ccd.demo_settings import DEFAULT_SIP, demo_settings, free_media_ports

    return demo_settings(
        robots=robots,
        sip=_host_port(sip) if sip else DEFAULT_SIP,
        media_ports=free_media_ports(),
    )


def _settings(config: Path | None, paths: StatePaths, sip: str) -> Settings:
    import msgspec

    from ccd.commands.settings_file import load_settings

    settings = load_settings(config, paths).settings
    if sip:
        host, port = _host_port(sip)
        written = f"[{host}]" if ":" in host else host
        listen = (f"udp:{written}:{port}", f"tcp:{written}:{port}")
        replace = msgspec.structs.replace
        settings = replace(settings, sip=replace(settings.sip, listen=listen))
    return settings


def _host_port(text: str) -> tuple[str, int]:
    from ccd.settings.addresses import parse_host_port

    try:
        return parse_host_port(text)
    except ValueError as error:
        raise typer.BadParameter(f'"{text}" {error}', param_hint="--sip") from None
