"""`ccd agent`: from the command line to the screen, or to the scriptable twin."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import typer

from ccd.cti.client import CtiError
from ccd.errors import CcdError
from tui.agent.actions import ACTIONS
from tui.agent.app import SoftphoneApp
from tui.agent.headless import Headless, Robot, typed
from tui.agent.login import LoginApp
from tui.agent.phones import audio_check, sound
from tui.agent.phones.phone import Phone, PhoneError
from tui.agent.phones.settings import DEFAULT, PhoneSettings
from tui.agent.script import ScriptError, Step, parse
from tui.agent.service import Login, Service
from tui.shared import keymap, themes
from tui.shared.words import LANGUAGES, Words


@dataclass(frozen=True)
class Options:
    """What was said on the command line."""

    login: Login
    phone: PhoneSettings | None = None
    language: str = "en"
    theme: str = themes.NAMES[0]
    keys: Path | None = None
    auto_answer_s: float | None = None
    take: bool = False
    bell: bool = True
    headless: bool = False
    script: Path | None = None
    robot: Robot | None = None
    as_json: bool = False


def run(options: Options) -> int:
    """Work until the agent leaves; returns the exit status. Raises CcdError."""
    _check(options)
    if options.headless or options.script is not None or options.robot is not None:
        steps = _read(options.script) if options.script is not None else None
        return asyncio.run(_without_screen(options, steps))
    keys = _keys(options.keys)
    return asyncio.run(_run(options, keys))


def _read(file: Path) -> tuple[Step, ...]:
    try:
        return parse(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CcdError(f"{file}: {error}") from None
    except ScriptError as error:
        raise CcdError(f"{file}: {error}") from None


async def _without_screen(options: Options, steps: tuple[Step, ...] | None) -> int:
    service = _service(options, options.login)
    working = Headless(service, sys.stdout, as_json=options.as_json)
    try:
        await service.start(take=options.take)
    except CtiError as error:
        raise CcdError(error.message) from error
    try:
        if options.robot is not None:
            await working.work(options.robot)
        elif steps is not None:
            await working.run(steps)
        else:
            await working.converse(typed())
    finally:
        await service.close()
    return 0


def _check(options: Options) -> None:
    for what, value, there_are in (
        ("language", options.language, LANGUAGES),
        ("theme", options.theme, themes.NAMES),
    ):
        if value not in there_are:
            raise CcdError(f"there is no {what} {value!r}; there are: {', '.join(there_are)}")


def _keys(file: Path | None) -> dict[str, str]:
    usual = {action.id: action.key for action in ACTIONS}
    fixed = {each.function_key: each.id for each in ACTIONS if each.function_key}
    return keymap.read(file, usual, fixed) if file is not None else usual


async def _run(options: Options, keys: dict[str, str]) -> int:
    login, take = options.login, options.take
    while True:
        service = _service(options, login)
        try:
            await service.start(take=take)
        except CtiError as error:
            asked = LoginApp(login, error, language=options.language, theme=options.theme)
            answer = await asked.run_async()
            if answer is None:
                return 1
            login, take = replace(login, password=answer.password), answer.take
            continue
        app = SoftphoneApp(
            service,
            language=options.language,
            theme=options.theme,
            keys=keys,
            bell=options.bell,
        )
        try:
            return (await app.run_async()) or app.return_code or 0
        finally:
            await service.close()


def _service(options: Options, login: Login) -> Service:
    return Service(login, phone=_phone(options.phone), auto_answer_s=options.auto_answer_s)


def _phone(settings: PhoneSettings | None) -> Phone | None:
    if settings is None or settings.back_end == "desk":
        return None
    from tui.agent.phones.make import make_phone

    return make_phone(settings)


def check_audio(capture: str, playback: str, language: str) -> int:
    """Measure the headset and say what is wrong with it; 1: something is. Raises CcdError."""
    words = Words(language)
    try:
        source = sound.open_source(capture, audio_check.RATE)
        sink = sound.open_sink(playback, audio_check.RATE)
    except PhoneError as error:
        raise CcdError(str(error)) from error
    try:
        measured = audio_check.check(
            audio_check.Headset(source, sink), lambda key: typer.echo(words(f"check.{key}"))
        )
    finally:
        source.close()
        sink.close()
    verdicts = audio_check.judge(measured)
    for each in verdicts:
        typer.echo(f"{'✓' if each.fit else '✗'} {words(f'check.{each.key}', value=each.value)}")
    fit = all(each.fit for each in verdicts)
    typer.echo(words("check.fit" if fit else "check.unfit"))
    return 0 if fit else 1


def phone_settings(
    back_end: str,
    *,
    user: str,
    at: str,
    password: str,
    capture: str = DEFAULT,
    playback: str = DEFAULT,
    ring: str = "",
    cancel_echo: bool = False,
) -> PhoneSettings | None:
    """Return the settings of a phone of this kind; None for one that stands on the desk.

    `at`: HOST:PORT where it registers. Raises CcdError.
    """
    if back_end == "desk":
        return None
    host, _, port = at.rpartition(":")
    if not host or not port.isdigit():
        raise CcdError(f"--sip {at!r}: it is written HOST:PORT, such as 10.0.0.5:5060")
    try:
        return msgspec.convert(
            {
                "back_end": back_end,
                "user": user,
                "password": password,
                "host": host,
                "port": int(port),
                "capture": capture,
                "playback": playback,
                "ring": ring,
                "cancel_echo": cancel_echo,
            },
            PhoneSettings,
        )
    except msgspec.ValidationError as error:
        raise CcdError(f"--phone {back_end}: {error}; there are desk, pjsip and pyvoip") from None
