"""Before the shift: what keeps an agent out, and what he can do about it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from ccd.cti.client import Client, CtiError, ErrorCode
from tui.agent.service import AWAY, Login
from tui.shared import themes
from tui.shared.words import Words

RETRY_S = 1.0


@dataclass(frozen=True)
class Answer:
    """What he said."""

    password: str
    take: bool = False
    """The seat is his from the other screen on."""


class LoginApp(App[Answer | None]):
    """Asks for what is missing: a password, a yes to taking the seat over, or just patience.

    Ends with an `Answer` to try again with; None: he leaves it.
    """

    CSS = """
    Screen { align: center middle; background: $background; }
    #box { width: 60; height: auto; border: round $primary; padding: 1 2; }
    #wrong { color: $error; height: auto; }
    """
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, login: Login, error: CtiError, *, language: str, theme: str) -> None:
        super().__init__()
        self._login, self._error = login, error
        self._words, self._theme = Words(language), theme

    @property
    def asks_for_password(self) -> bool:
        """Whether it is that."""
        return self._error.code in (ErrorCode.WRONG_PASSWORD, ErrorCode.LOCKED)

    @property
    def waits(self) -> bool:
        """Whether there is nothing to do but to wait for the daemon."""
        return self._error.code in AWAY

    def compose(self) -> ComposeResult:
        """What is wrong, and what to do."""
        words, login = self._words, self._login
        with Vertical(id="box") as box:
            box.border_title = words("login.title")
            yield Static(f"{words('login.agent')}: {login.agent}", markup=False)
            if self._error.code is ErrorCode.WRONG_STATE:
                yield Static(words("login.taken", agent=login.agent), id="taken", markup=False)
            elif self.waits:
                where = login.commands or login.state or "ccd run"
                yield Static(words("login.connecting", where=where), id="away", markup=False)
            else:
                yield Static(self._error.message, id="wrong", markup=False)
            if self.asks_for_password:
                yield Input(password=True, placeholder=words("login.password"), id="password")

    def on_mount(self) -> None:
        """Look for the daemon meanwhile, where it is that."""
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = self._theme
        if self.waits:
            self.run_worker(self._look(), exclusive=True)

    async def _look(self) -> None:
        login = self._login
        while True:
            await asyncio.sleep(RETRY_S)
            client = Client(login.state, commands=login.commands, keys=login.keys or None)
            try:
                await client.connect()
            except CtiError as error:
                if error.code not in AWAY:
                    break
            else:
                await client.close()
                break
        self.exit(Answer(login.password))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A password."""
        self.exit(Answer(event.value))

    def key_enter(self) -> None:
        """Yes, take it over."""
        if self._error.code is ErrorCode.WRONG_STATE:
            self.exit(Answer(self._login.password, take=True))

    def key_escape(self) -> None:
        """Leave it."""
        self.exit(None)
