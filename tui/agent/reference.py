"""The key card and the commands of docs/agent.md, made from the table of actions.

python -m tui.agent.reference docs/agent.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from tui.agent.actions import ACTIONS, GROUPS
from tui.agent.widgets.panes import shown_key
from tui.shared.words import Words

BEGIN, END = "<!-- keys: made by python -m tui.agent.reference -->", "<!-- end of keys -->"


def card() -> str:
    """Return the tables: a group each, English and Chinese side by side."""
    english, chinese = Words("en"), Words("zh")
    parts = []
    for group in GROUPS:
        name = f"group.{group}"
        rows = [
            f"**{english(name)} · {chinese(name)}**",
            "",
            "| key | also | action | | id |",
            "| --- | --- | --- | --- | --- |",
        ]
        for action in ACTIONS:
            if action.group == group:
                word = f"action.{action.id}"
                twin = action.function_key.upper()
                rows.append(
                    f"| `{shown_key(action.key)}` | {twin} | {english(word)} | {chinese(word)} | "
                    f"`{action.id}` |"
                )
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def with_card(text: str) -> str:
    """Return the page with the card of today. Raises ValueError where it has no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{card()}\n\n{END}{after}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_card(page.read_text(encoding="utf-8")), encoding="utf-8")
