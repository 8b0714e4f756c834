"""A pane of text that is drawn anew only where the text is another one."""

from __future__ import annotations

from textual.widgets import Static


class Drawn(Static):
    """Text in markup; drawing the same again costs nothing."""

    said = ""

    def say(self, markup: str) -> None:
        """Show this."""
        if markup != self.said:
            self.said = markup
            self.update(markup)
