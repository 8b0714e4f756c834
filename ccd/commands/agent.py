"""`ccd agent`: the agent's softphone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ccd.commands.options import Json, State, elsewhere
from ccd.errors import CcdError

PASSWORD_VARIABLE = "CCD_PASSWORD"
SIP_PASSWORD_VARIABLE = "CCD_SIP_PASSWORD"

EPILOG = """\
Examples:

  ccd agent li.na                     on this machine, with a desk phone
  ccd agent li.na --phone pjsip --sip 10.0.0.5:5060
  ccd agent li.na --script shift.txt   as the file says; --headless reads what is typed
  ccd agent li.na --robot --json       takes calls by itself, tells what happens as JSON
  ccd agent li.na --web 127.0.0.1:8000 the same screen in a browser
  ccd --connect tcp://10.0.0.5:7600 --keys li.toml agent li.na --lang zh

Keys: F1 or ? in the program; docs/agent.md has a card of them.
"""


def agent(
    name: Annotated[str, typer.Argument(help="Who works here: an [[agent]] of the settings.")],
    phone: Annotated[
        str, typer.Option("--phone", help="What one speaks with: desk, pjsip or pyvoip.")
    ] = "desk",
    at: Annotated[
        str, typer.Option("--at", help="Where to ring: a [[phone]]; else as the settings say.")
    ] = "",
    sip: Annotated[
        str, typer.Option("--sip", help="HOST:PORT where a pjsip or pyvoip phone registers.")
    ] = "127.0.0.1:5060",
    nailed_up: Annotated[
        bool | None,
        typer.Option(
            "--nailed-up/--per-call",
            help="Have the phone called once, at log-in, and kept; else as its [[phone]] says.",
        ),
    ] = None,
    capture: Annotated[
        str, typer.Option(help="Microphone: a part of its name, default, null, or a WAV to say.")
    ] = "default",
    playback: Annotated[
        str, typer.Option(help="Earpiece: likewise; a WAV is written with what is heard.")
    ] = "default",
    ring: Annotated[str, typer.Option(help="A further device to ring through.")] = "",
    cancel_echo: Annotated[
        bool,
        typer.Option(
            "--cancel-echo", help="Without a headset: keep callers from hearing themselves."
        ),
    ] = False,
    check_audio: Annotated[
        bool, typer.Option("--check-audio", help="Measure level, round trip and echo, and end.")
    ] = False,
    lang: Annotated[str, typer.Option("--lang", help="en or zh.")] = "en",
    theme: Annotated[
        str, typer.Option(help="ccd-dark, ccd-light, ccd-contrast or ccd-blue.")
    ] = "ccd-dark",
    key_map: Annotated[
        Path | None, typer.Option("--key-map", help="TOML file with other keys.")
    ] = None,
    auto_answer: Annotated[
        float | None, typer.Option(help="Answer by itself after so many seconds.")
    ] = None,
    take: Annotated[
        bool, typer.Option("--take", help="Take the seat over from another screen unasked.")
    ] = False,
    bell: Annotated[bool, typer.Option(help="Ring the terminal's bell.")] = True,
    headless: Annotated[
        bool, typer.Option("--headless", help="Without a screen: commands from standard input.")
    ] = False,
    script: Annotated[
        Path | None, typer.Option(help="Without a screen: commands from this file.")
    ] = None,
    robot: Annotated[
        bool, typer.Option("--robot", help="Without a screen: take calls by itself.")
    ] = False,
    robot_talk: Annotated[float, typer.Option(help="A robot's talks, seconds on average.")] = 20.0,
    robot_calls: Annotated[int, typer.Option(help="It logs off after so many; 0: never.")] = 0,
    web: Annotated[
        str, typer.Option("--web", metavar="HOST:PORT", help="Serve the screen to a browser there.")
    ] = "",
    json: Json = False,
    state: State = None,
) -> None:
    """Work as an agent: the softphone in the terminal.

    Passwords are asked for, or read from CCD_PASSWORD (the CTI's) and CCD_SIP_PASSWORD (the phone's).
    """
    try:
        from tui.agent.cli import Options, phone_settings, run
        from tui.agent.headless import Robot
        from tui.agent.service import Login
    except ImportError as error:
        raise CcdError(
            f"the softphone needs {error.name}, which is not installed: "
            'pip install "ccd-toolkit[agent,phones]"'
        ) from None
    if web:
        from tui.shared.web import serve

        serve(web)
        return
    if check_audio:
        from tui.agent.cli import check_audio as check

        raise typer.Exit(check(capture, playback, lang))
    there = elsewhere()
    login = Login(
        agent=name,
        password=os.environ.get(PASSWORD_VARIABLE, ""),
        phone=at,
        nailed_up=nailed_up,
        state=str(state) if state is not None else None,
        commands=there.address if there is not None else "",
        keys=str(there.keys or "") if there is not None else "",
    )
    status = run(
        Options(
            login=login,
            phone=phone_settings(
                phone,
                user=at or name,
                at=sip,
                password=os.environ.get(SIP_PASSWORD_VARIABLE, ""),
                capture=capture,
                playback=playback,
                ring=ring,
                cancel_echo=cancel_echo,
            ),
            language=lang,
            theme=theme,
            keys=key_map,
            auto_answer_s=auto_answer,
            take=take,
            bell=bell,
            headless=headless,
            script=script,
            robot=Robot(talks_s=robot_talk, calls=robot_calls) if robot else None,
            as_json=json,
        )
    )
    if status:
        raise typer.Exit(status)
