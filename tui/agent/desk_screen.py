"""The softphone's one screen: seat, calls, caller, script, notes, queues, day, team, keys.

Calls stay at the top, whatever else is done: prompts and lists open below them.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Markdown, OptionList, TabbedContent, TabPane, TextArea
from textual.widgets.option_list import Option

from tui.agent.ask import Ask, fits
from tui.agent.service import LinkState, Service
from tui.agent.widgets import panes
from tui.agent.widgets.drawn import Drawn
from tui.shared.words import Words

WIDE = 110
"""Columns from which the caller stands beside the other panes."""
SMALLEST = (60, 15)


class Softphone(Protocol):
    """The program that the screen belongs to."""

    service: Service
    words: Words
    keys_shown: dict[str, str]

    @property
    def noted_call(self) -> str:
        """The call whose notes are shown."""

    def carry_out(self, name: str, argument: str = "") -> None:
        """Have an action carried out."""


class AskPane(Vertical):
    """A question with a line to type into, and a list below it where there are choices."""

    def compose(self) -> ComposeResult:
        """Question, line, list."""
        yield Drawn(id="question")
        yield Input(id="answer", compact=True)
        yield OptionList(id="choices", compact=True)


class DeskScreen(Screen[None]):
    """The one screen: seat, calls, caller, script, notes, queues, day, team, keys."""

    app: Softphone  # type: ignore[assignment]
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - an instance variable of Textual's
        (0, "-narrow"), (72, "-usual"), (WIDE, "-wide"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._ask = Ask("", "")
        self._script_shown = ""
        self._caller_moved = False
        """A wide window took the caller out of the panes while he was the one shown."""
        self.script_drawn: Awaitable[None] | None = None
        """Done when the newest script is on the screen."""
        self._noted_call = ""

    def compose(self) -> ComposeResult:
        """Lay it out."""
        words = self.app.words
        yield Drawn(id="seat")
        yield Drawn(id="banner")
        with Horizontal(id="middle"):
            with Vertical(id="left"):
                yield Drawn(id="lines")
                with Horizontal(id="lower"):
                    with VerticalScroll(id="beside"):
                        yield Drawn(id="caller-beside")
                    with Vertical(id="panes"):
                        yield AskPane(id="ask")
                        with TabbedContent(id="tabs"):
                            with TabPane(words("pane.caller"), id="caller-tab"), VerticalScroll():
                                yield Drawn(id="caller")
                            with TabPane(words("pane.script"), id="script-tab"), VerticalScroll():
                                yield Markdown(id="script")
                            with TabPane(words("pane.notes"), id="notes-tab"):
                                yield TextArea(id="notes", placeholder=words("notes.hint"))
                            with (
                                TabPane(words("pane.messages"), id="messages-tab"),
                                VerticalScroll(),
                            ):
                                yield Drawn(id="messages")
                            with TabPane(words("pane.help"), id="help-tab"), VerticalScroll():
                                yield Drawn(id="help")
            with Vertical(id="right"):
                yield Drawn(id="pulse")
                yield Drawn(id="day")
                with VerticalScroll(id="team-scroll"):
                    yield Drawn(id="team")
        yield Drawn(id="told")
        yield Drawn(id="keys")
        yield Drawn(id="small")

    def on_mount(self) -> None:
        """Begin to draw."""
        self.query_one("#ask").display = False
        self.query_one("#answer", Input).cursor_blink = False
        self.query_one("#notes", TextArea).cursor_blink = False
        for pane, word in (("lines", "lines"), ("pulse", "pulse"), ("day", "day")):
            self.query_one(f"#{pane}").border_title = self.app.words(f"pane.{word}")
        self.query_one("#beside").border_title = self.app.words("pane.caller")
        self.query_one("#team-scroll").border_title = self.app.words("pane.team")
        self.set_focus(None)
        self.draw()

    def on_resize(self, event: events.Resize) -> None:
        """Too small a window is said to be."""
        self.set_class(event.size.width < SMALLEST[0] or event.size.height < SMALLEST[1], "-small")
        self.set_class(event.size.height < 22, "-low")
        self._make_room(wide=event.size.width >= WIDE)
        self.draw()
        self.call_after_refresh(self.draw)  # what is as wide as its pane: that is known only then

    def _make_room(self, *, wide: bool) -> None:
        """In a wide window the caller stands beside the other panes, and is none of them."""
        tabs = self.query_one("#tabs", TabbedContent)
        if wide and tabs.active == "caller-tab":
            tabs.active, self._caller_moved = "script-tab", True
        if wide:
            tabs.hide_tab("caller-tab")
            return
        tabs.show_tab("caller-tab")
        if self._caller_moved and tabs.active == "script-tab":
            tabs.active = "caller-tab"  # where the agent had it before the window was wide
        self._caller_moved = False

    @property
    def is_wide(self) -> bool:
        """Whether the caller stands beside the other panes."""
        return self.size.width >= WIDE

    # --- drawing ----------------------------------------------------------------------------

    @property
    def stands(self) -> bool:
        """Whether its panes are there: not before it is built, nor while it is taken down."""
        return self.is_mounted and bool(self.query("#small"))

    def draw(self) -> None:
        """Draw everything that changed."""
        if not self.stands:
            return
        app, service, words = self.app, self.app.service, self.app.words
        desk, now, keys = service.desk, service.clock(), app.keys_shown
        self.tick()
        who = panes.caller(service, words, now)
        self._put("#caller", who)
        self._put("#caller-beside", who)
        self._put("#messages", panes.messages(list(desk.messages), words, now))
        self._put("#day", panes.my_day(desk, words, now))
        right = self.query_one("#right")
        self._put("#pulse", panes.pulse(desk, words, max(20, right.size.width - 4)))
        self._put("#keys", panes.footer(service, words, keys, self.size.width))
        self._put("#help", panes.help_(desk, service.around, words, keys))
        self._put("#small", words("size.too_small"))
        self._banner()
        self._script()
        self._notes()
        tab = self.query_one("#tabs", TabbedContent).get_tab("messages-tab")
        label = words("pane.messages") + (f" ({desk.unread})" if desk.unread else "")
        if str(tab.label) != label:
            tab.label = label

    def tick(self) -> None:
        """Draw what changes with time alone."""
        app, service, words = self.app, self.app.service, self.app.words
        now = service.clock()
        self._put("#seat", panes.seat_bar(service, words, now, self.size.width))
        self._put("#lines", panes.lines(service.desk, words, app.keys_shown, now))
        right = self.query_one("#right")
        self._put("#team", panes.team(service.desk, words, now, max(20, right.size.width - 4)))

    def tell(self, markup: str) -> None:
        """Say what came of something, above the keys."""
        self._put("#told", markup)

    def _put(self, selector: str, markup: str) -> None:
        self.query_one(selector, Drawn).say(markup)

    def _banner(self) -> None:
        service, words = self.app.service, self.app.words
        banner = self.query_one("#banner", Drawn)
        if service.link is LinkState.LOST:
            text = f"! {words('link.lost')}"
        elif service.link is LinkState.DISPLACED:
            keys = self.app.keys_shown
            text = f"! {words('link.displaced', take=keys['take_back'], quit=panes.shown_key(keys['quit']))}"
        else:
            text = f"! {panes.escaped(service.phone_trouble)}" if service.phone_trouble else ""
        banner.display = bool(text)
        self._put("#banner", text)

    def _script(self) -> None:
        queue = self.app.service.desk.queue
        text = queue.script if queue is not None and queue.script else self.app.words("script.none")
        if text != self._script_shown:
            self._script_shown = text
            self.script_drawn = self.query_one("#script", Markdown).update(text)

    def _notes(self) -> None:
        """The notes are those of the call that is shown: another call, another page."""
        call = self.app.noted_call
        notes = self.query_one("#notes", TextArea)
        if call != self._noted_call:
            self._noted_call = call
            notes.load_text(self.app.service.notes.get(call, ""))
        notes.disabled = not call

    @on(TextArea.Changed, "#notes")
    def _noted(self, event: TextArea.Changed) -> None:
        if self._noted_call:
            self.app.service.notes[self._noted_call] = event.text_area.text

    # --- questions --------------------------------------------------------------------------

    def ask(self, ask: Ask) -> None:
        """Open a question below the calls."""
        self._ask = ask
        pane = self.query_one("#ask")
        pane.display = True
        self.query_one("#tabs").display = False
        line = self.query_one("#answer", Input)
        line.password = ask.secret
        line.value = ""
        self._offer("")
        line.focus()

    def close_question(self) -> None:
        """Back to the panes."""
        self.query_one("#ask").display = False
        self.query_one("#tabs").display = True
        self.set_focus(None)

    @property
    def asking(self) -> bool:
        """Whether a question is open."""
        return bool(self.query_one("#ask").display)

    def _offer(self, text: str) -> None:
        """Show the choices that have every word of the text."""
        ask, words = self._ask, self.app.words
        found = [each for each in ask.choices if fits(text, each.shown)]
        choices = self.query_one("#choices", OptionList)
        choices.display = bool(ask.choices)
        choices.clear_options()
        choices.add_options([Option(panes.escaped(each.shown), id=each.value) for each in found])
        if found:
            choices.highlighted = 0
        count = words("ask.matches", shown=len(found), all=len(ask.choices)) if ask.choices else ""
        hint = f"[$text-muted]{words('ask.filter')} {count}[/]" if ask.choices else ""
        self._put("#question", f"[bold]{ask.question}[/] {hint}")

    @on(Input.Changed, "#answer")
    def _typed(self, event: Input.Changed) -> None:
        if self.asking:
            self._offer(event.value)

    @on(Input.Submitted, "#answer")
    def _answered(self, event: Input.Submitted) -> None:
        ask, choices = self._ask, self.query_one("#choices", OptionList)
        value = event.value.strip()
        chosen = choices.highlighted_option if ask.choices else None
        if chosen is not None and chosen.id is not None:
            # A number that is typed is meant, not the name that happens to hold it.
            value = value if ask.free and value.isdigit() else chosen.id
        elif ask.choices and not ask.free:
            return
        self.close_question()
        self.app.carry_out(ask.action, ask.prefix + value)

    @on(OptionList.OptionSelected, "#choices")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.close_question()
        self.app.carry_out(self._ask.action, self._ask.prefix + (event.option_id or ""))

    def key_escape(self) -> None:
        """Back; it never ends a call."""
        if self.asking:
            self.close_question()
        else:
            self.set_focus(None)

    def key_down(self) -> None:
        """In the list, from the line."""
        self._move(1)

    def key_up(self) -> None:
        """In the list, from the line."""
        self._move(-1)

    def _move(self, by: int) -> None:
        choices = self.query_one("#choices", OptionList)
        if self.asking and choices.option_count and isinstance(self.focused, Input):
            choices.highlighted = ((choices.highlighted or 0) + by) % choices.option_count
