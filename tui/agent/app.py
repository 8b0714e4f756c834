"""The softphone on a terminal: `ccd agent`.

Calls stay at the top, whatever else is done: prompts and lists open below them, and the
function keys of calls work while text is typed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from textual.app import App, SystemCommand
from textual.screen import Screen
from textual.widgets import Input, TabbedContent, TextArea

from ccd.cti.client import CtiError
from ccd.events import Event, MessageSent
from tui.agent.actions import ACTIONS, BY_ID
from tui.agent.ask import Ask, Choice
from tui.agent.desk_screen import DeskScreen
from tui.agent.phones.phone import PhoneError
from tui.agent.service import NotPossibleError, Service, WrongTimeError
from tui.agent.widgets import panes
from tui.shared import themes
from tui.shared.words import Words
from tui.shared.words.spans import span

T = TypeVar("T")
TICK_S = 1.0
KEY_NAMES = {"?": "question_mark", "/": "slash", "+": "plus"}


class SoftphoneApp(App[int]):
    """See the module."""

    CSS_PATH = Path(__file__).with_name("softphone.tcss")
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    TITLE = "ccd"

    def __init__(
        self,
        service: Service,
        *,
        language: str = "en",
        theme: str = themes.NAMES[0],
        keys: dict[str, str] | None = None,
        bell: bool = True,
    ) -> None:
        """`keys`: by action, as `tui.shared.keymap.read` returns them."""
        super().__init__()
        self.service = service
        self.words = Words(language)
        self.desk_keys = {action.id: action.key for action in ACTIONS} | (keys or {})
        self.keys_shown = {name: panes.shown_key(key) for name, key in self.desk_keys.items()}
        self._bell = bell
        self._rang = False
        self._first_theme = theme
        self._dirty = False
        self._effects: set[asyncio.Task[None]] = set()

    def on_mount(self) -> None:
        """Themes, keys, the screen; then follow the service."""
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = self._first_theme
        self.animation_level = "none"  # nothing moves by itself: not over a slow line either
        for action in ACTIONS:
            key = self.desk_keys[action.id]
            keys = KEY_NAMES.get(key, key)
            self._bindings.bind(keys, f"press('{action.id}')", description=action.id, show=False)
            if action.function_key:
                self._bindings.bind(
                    action.function_key, f"press('{action.id}')", show=False, priority=True
                )
        self.push_screen(DeskScreen())
        self.service.on_change = self._changed
        self.service.on_event = self._heard
        self.service.on_fault = self._fault
        self.set_interval(TICK_S, self._tick)

    # --- what happens -----------------------------------------------------------------------

    def _changed(self) -> None:
        """Draw once, however much changed in this turn of the loop."""
        if not self._dirty:
            self._dirty = True
            self.call_later(self._draw)

    def _draw(self) -> None:
        self._dirty = False
        screen = self._desk_screen
        if screen is not None:
            screen.draw()
        rings = panes.ringing(self.service.desk)
        if rings and not self._rang and self._bell:
            self.bell()
        self._rang = rings

    def _tick(self) -> None:
        screen = self._desk_screen
        if screen is not None and screen.stands:
            screen.tick()

    def _heard(self, event: Event) -> None:
        if isinstance(event, MessageSent) and event.agent == self.service.login.agent:
            self.tell(self.words("told.message_from", by=event.by, text=event.text))
            self.bell()

    def _fault(self, fault: BaseException) -> None:
        """A fault of ours ends the program with its trace, and not with a screen that lies."""
        try:
            raise fault
        except Exception as error:  # its trace is drawn where it is being handled, and nowhere else
            self._handle_exception(error)

    @property
    def _desk_screen(self) -> DeskScreen | None:
        return next((each for each in self.screen_stack if isinstance(each, DeskScreen)), None)

    @property
    def noted_call(self) -> str:
        """The call whose notes are shown."""
        subject = self.service.desk.subject
        return "" if subject is None else subject.call

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """Say what came of something, above the keys."""
        screen = self._desk_screen
        if screen is not None and screen.stands:
            style = "$error" if wrong else "$text-muted"
            glyph = "✗" if wrong else "✓"
            screen.tell(f" [{style}]{glyph} {panes.escaped(text)}[/]")

    # --- actions ----------------------------------------------------------------------------

    async def action_press(self, name: str) -> None:
        """A key of the table was pressed."""
        action, screen = BY_ID[name], self._desk_screen
        if screen is None or (screen.asking and not isinstance(screen.focused, Input)):
            return  # what is typed on the way to a question is no action
        why = action.why_not(self.service.desk, self.service.around)
        if why:
            self._refused(name, self.words(f"why.{why}"))
            return
        if name in _OF_SCREEN:
            _OF_SCREEN[name](self)
        elif name in _ASKING:
            ask = _ASKING[name](self, name)
            screen.ask(await ask if not isinstance(ask, Ask) else ask)
        else:
            self.carry_out(name)

    def carry_out(self, name: str, argument: str = "") -> None:
        """Have an action carried out beside the screen, and say what came of it."""
        if name == "message" and ":" not in argument:
            screen = self._desk_screen
            if screen is not None:
                screen.ask(Ask("message", self.words("ask.message"), prefix=f"{argument}: "))
            return
        task = asyncio.get_running_loop().create_task(self._effect(name, argument))
        self._effects.add(task)
        task.add_done_callback(self._effected)

    def _effected(self, task: asyncio.Task[None]) -> None:
        self._effects.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._fault(fault)

    async def _effect(self, name: str, argument: str) -> None:
        try:
            await self.service.do(name, argument)
        except NotPossibleError as error:
            self._refused(name, self.words.known(f"why.{error.why}"))
        except WrongTimeError as error:
            self._refused(name, self.words("told.wrong_time", text=str(error)))
        except (CtiError, PhoneError) as error:
            self._refused(name, self.said(error))
        else:
            self.tell(self.words("told.done", what=self.words(f"action.{name}")))
            if name == "log_off":
                self.exit(0)

    def said(self, error: CtiError | PhoneError) -> str:
        """An error in the agent's language, or in the daemon's words."""
        if isinstance(error, CtiError):
            key = f"error.{error.code.value}"
            if self.words.language != "en" and key in self.words:
                return self.words(key)
            return error.message
        return str(error)

    def _refused(self, name: str, why: str) -> None:
        self.tell(
            self.words("told.refused", what=self.words(f"action.{name}"), why=why), wrong=True
        )

    # --- the screen's own actions -----------------------------------------------------------

    def show_tab(self, tab: str) -> None:
        """Show a pane; the notes take the keyboard."""
        screen = self._desk_screen
        if screen is None:
            return
        if tab == "caller-tab" and screen.is_wide:
            screen.set_focus(None)  # it is there all the time
            return
        screen.query_one("#tabs", TabbedContent).active = tab
        if tab == "messages-tab":
            self.service.desk.read_messages()
        if tab == "notes-tab":
            screen.query_one("#notes", TextArea).focus()
        else:
            screen.set_focus(None)
        self._changed()

    def next_theme(self) -> None:
        """Another look."""
        self.theme = themes.after(self.theme)
        self.tell(self.words(f"theme.{self.theme}"))

    def next_language(self) -> None:
        """The other language, at once."""
        self.words = Words(self.words.next)
        self.switch_screen(DeskScreen())

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every action, with the reason where it is not possible."""
        for action in ACTIONS:
            why = action.why_not(self.service.desk, self.service.around)
            key = self.keys_shown[action.id]
            note = f"{key} – {self.words(f'why.{why}')}" if why else key

            def press(name: str = action.id) -> None:
                self.run_worker(self.action_press(name))

            yield SystemCommand(self.words(f"action.{action.id}"), note, press)

    # --- questions --------------------------------------------------------------------------

    def who_to_call(self, name: str) -> Ask:
        """Ask for somebody, out of the directory or by number."""
        return Ask(name, self.words(f"ask.{name}"), self._directory())

    def _directory(self) -> list[Choice]:
        states = {mate.agent: mate.state.value for mate in self.service.desk.team}
        found = []
        for each in self.service.desk.place.contacts:
            state = self.words(f"state.{states[each.name]}") if each.name in states else ""
            kind = self.words(f"kind.{each.kind}")
            shown = f"{each.title or each.name} {each.name} {each.extension} {kind} {state}"
            found.append(Choice(each.name, " ".join(shown.split())))
        return found

    def of_words(self, name: str) -> Ask:
        """Ask for a reason, a disposition or a flow that the settings name."""
        desk = self.service.desk
        queue = desk.queue.name if desk.queue is not None else ""
        named: list[tuple[str, str]] = []
        if name == "not_ready":
            named = [(each.name, each.title) for each in desk.place.reasons]
        elif name == "wrap_up":
            named = [
                (each.name, each.title)
                for each in desk.place.dispositions
                if not each.queues or queue in each.queues
            ]
        elif name == "ivr":
            named = [(each.name, each.title) for each in desk.place.flows]
        choices = [Choice(value, title or value) for value, title in named]
        return Ask(name, self.words(f"ask.{name}"), choices, free=not choices)

    def a_text(self, name: str) -> Ask:
        """Ask for a text."""
        return Ask(name, self.words(f"ask.{name}"), secret=name == "unlock")

    def whom_to_write(self, name: str) -> Ask:
        """Ask for a colleague or a queue."""
        return Ask(name, self.words("ask.message_to"), self._directory(), free=False)

    async def unheard(self, name: str) -> Ask:
        """Ask for a message that nobody has heard."""
        found = await self._asked(self.service.client.voicemails())
        choices = [
            Choice(each.voicemail, f"{each.number} {each.queue} {span(each.seconds)}")
            for each in (found.voicemails if found is not None else ())
        ]
        return Ask(name, self.words("ask.voicemail"), choices, free=False)

    async def parked(self, name: str) -> Ask:
        """Ask for a parked call."""
        found = await self._asked(self.service.client.parked_calls())
        choices = [
            Choice(each.place, f"{each.place} {each.ani} {each.agent}")
            for each in (found.parked if found is not None else ())
        ]
        return Ask(name, self.words("ask.unpark"), choices)

    async def _asked(self, work: Awaitable[T]) -> T | None:
        try:
            return await work
        except CtiError as error:
            self.tell(self.said(error), wrong=True)
            return None


_OF_SCREEN: dict[str, Callable[[SoftphoneApp], None]] = {
    "caller_pane": lambda app: app.show_tab("caller-tab"),
    "script_pane": lambda app: app.show_tab("script-tab"),
    "notes_pane": lambda app: app.show_tab("notes-tab"),
    "messages_pane": lambda app: app.show_tab("messages-tab"),
    "help": lambda app: app.show_tab("help-tab"),
    "theme": lambda app: app.next_theme(),
    "language": lambda app: app.next_language(),
    "quit": lambda app: app.exit(0),
}

_ASKING: dict[str, Callable[[SoftphoneApp, str], Ask | Awaitable[Ask]]] = {
    **dict.fromkeys(
        ("dial", "consult", "blind", "invite", "deflect", "directory"), SoftphoneApp.who_to_call
    ),
    **dict.fromkeys(("not_ready", "wrap_up", "ivr"), SoftphoneApp.of_words),
    **dict.fromkeys(("keypad", "callback", "unlock", "note", "log_off"), SoftphoneApp.a_text),
    "message": SoftphoneApp.whom_to_write,
    "voicemail": SoftphoneApp.unheard,
    "unpark": SoftphoneApp.parked,
}
