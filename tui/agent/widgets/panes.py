"""What each pane says: markup made of the desk, without any widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from ccd.cti.catalogue import Account, Holdings, Order, Position
from ccd.cti.desk_operations import AdherenceView
from ccd.model import Direction
from tui.agent.actions import ACTIONS, GROUPS, Around, possible
from tui.agent.desk import LIVE, Desk, Line, Message, Stage, Wrapping
from tui.agent.phones.phone import Ability, Levels
from tui.agent.service import LinkState, Service
from tui.agent.widgets.look import STAGES, STATES
from tui.shared.words import Words
from tui.shared.words.spans import clock, day, span

JOINER = "\u2060"
METER = "▁▂▃▄▅▆▇█"
STALE_S = 6.0
"""News older than this is said to be."""


def escaped(text: str) -> str:
    """Text of others, which may hold what markup is made of, as it is.

    Nothing escapes a backslash: a joiner, which has no width, keeps it from the bracket behind it.
    """
    return text.replace("\\", f"\\{JOINER}").replace("[", "\\[")


def seat_bar(service: Service, words: Words, now: float, width: int) -> str:
    """Who, in which state, for how long; the phone and the link; the time at the right edge.

    Where there is no room for all, what is known anyway is left out first: the phone's name, that
    the link is well; then a long reason is cut.
    """
    seat = service.desk.seat
    glyph, style = STATES[seat.state]
    state = f"{glyph} {words(f'state.{seat.state.value}')}"
    reason = ""
    if seat.reason:
        reasons = {each.name: each.title for each in service.desk.place.reasons}
        reason = f" · {reasons.get(seat.reason) or words.known(f'reason.{seat.reason}')}"
    since = span(now - seat.since) if seat.since else ""
    name = f"[bold]{escaped(seat.full_name or seat.agent)}[/]"
    phone, link, time = _phone(service, words), _link(service, words, now), clock(now)

    def bar(reason: str, name: str, link: str) -> str:
        left = f"[{style} bold]{state}{escaped(reason)}[/] {since}"
        return "  ".join((f" {left}", name, *(each for each in (phone, link) if each)))

    room = width - cell_len(time) - 3
    at = f" ({escaped(seat.phone)})" if seat.phone else ""
    news = "" if link == _well(words) else link
    for shown in ((name + at, link), (name + at, news), (name, news)):
        drawn = bar(reason, *shown)
        used = _cells(drawn)
        if used <= room:
            break
    else:
        keep = cell_len(reason) - (used - room) - 1
        drawn = bar(f"{set_cell_size(reason, keep).rstrip()}…" if keep > 3 else "", name, news)
        used = _cells(drawn)
    return f"{drawn}{' ' * max(2, width - 1 - cell_len(time) - used)}{time}"


def _cells(markup: str) -> int:
    return Content.from_markup(markup).cell_length


def _phone(service: Service, words: Words) -> str:
    phone, up = service.phone, service.desk.seat.nailed_up
    if phone is None:
        return f"[$text-muted]{words('phone.nailed_up' if up else 'phone.desk')}[/]"
    if service.phone_trouble or phone.trouble:
        return f"[$error]! {words('phone.unregistered')}[/]"
    text = words("phone.nailed_up" if up else f"phone.{phone.state.value}")
    if Ability.LEVELS in phone.can and service.desk.line(*LIVE) is not None:
        text += f" {_meter(phone.levels)}"
    if phone.muted:
        text += f" [$warning reverse] {words('lines.muted')} [/]"
    return f"[$text-muted]{text}[/]"


def _meter(levels: Levels) -> str:
    """How loud both directions are: what goes out, what comes in."""
    said, heard = (
        METER[min(int(level * len(METER)), len(METER) - 1)]
        for level in (levels.microphone, levels.earpiece)
    )
    return f"↑{said} ↓{heard}"


def _well(words: Words) -> str:
    return f"[$text-muted]✓ {words('link.up')}[/]"


def _link(service: Service, words: Words, now: float) -> str:
    if service.link is not LinkState.UP:
        return f"[$error]! {words(f'link.{LinkState.CONNECTING.value}')}[/]"
    silent = now - service.desk.heard_at
    if service.desk.heard_at and silent > max(STALE_S, 3 * service.desk.pulse_s):
        return f"[$warning]! {words('link.stale', seconds=int(silent))}[/]"
    return _well(words)


def lines(desk: Desk, words: Words, keys: dict[str, str], now: float) -> str:
    """His calls, one a row, or what there is instead."""
    rows = [_row(line, desk, words, now) for line in desk.lines]
    wrapping = desk.wrapping
    if wrapping is not None:
        rows.append(_wrapping(wrapping, words, keys, now))
    if not rows:
        state = desk.seat.state.value
        which = f"lines.none_{state}" if state in ("ready", "not_ready") else "lines.none"
        rows = [f"[$text-muted]{words(which, key=keys['ready'])}[/]"]
    return "\n".join(rows)


def _row(line: Line, desk: Desk, words: Words, now: float) -> str:
    glyph, style = STAGES[line.stage]
    row = f"[{style}]{glyph} {words(f'stage.{line.stage.value}')}[/] {span(now - line.since)} "
    row += f"[bold]{escaped(line.who)}[/]"
    if line.customer is not None and line.customer.customer_class:
        row += f" [$accent]{escaped(line.customer.customer_class)}[/]"
    if line.number and line.number != line.who and line.direction is not Direction.INTERNAL:
        row += f" {escaped(line.number)}"
    if line.others:
        row += f" {words('lines.with', others=escaped(', '.join(line.others)))}"
    if line.queue:
        row += f" [$text-muted]· {escaped(desk.title(line.queue))}[/]"
    if line.paused:
        row += f" [$warning]‖ {words('lines.paused')}[/]"
    elif line.recording:
        row += f" [$error]●[/] {words('lines.recording')}"
    return row


def _wrapping(wrapping: Wrapping, words: Words, keys: dict[str, str], now: float) -> str:
    which, key = "lines.wrap_up", keys["wrap_up"]
    if wrapping.said:
        which, key = "lines.wrap_up_said", keys["ready"]
    elif wrapping.required:
        which = "lines.wrap_up_required"
    text = words(which, who=f"[bold]{escaped(wrapping.who)}[/]", key=key)
    left = wrapping.since + wrapping.limit_s - now
    clock_ = f" {span(left)}" if wrapping.limit_s else f" {span(now - wrapping.since)}"
    return f"[$accent]✎ {words('state.wrap_up')}[/]{clock_} {text}"


def caller(service: Service, words: Words, now: float) -> str:
    """Who is on the line: what is known of him, what he keyed, what was before."""
    desk = service.desk
    line, subject = desk.shown, desk.subject
    if subject is None:
        return f"[$text-muted]{words('caller.none')}[/]"
    customer, number = subject.customer, subject.number
    rows: list[str] = []
    if customer is None:
        matches = line.matches if line is not None else 0
        rows.append(_unknown(number, matches, words))
    else:
        rows.append(f"[bold]{escaped(customer.name or customer.id)}[/]  {escaped(number)}")
        rows += _fields(
            (words("caller.class"), customer.customer_class),
            (words("caller.adviser"), desk.title(customer.adviser) if customer.adviser else ""),
            (words("caller.accounts"), ", ".join(customer.accounts)),
            (words("caller.language"), customer.language),
            (
                words("caller.last"),
                _last(customer.last_contact_at, desk.title(customer.last_agent), now),
            ),
            (words("caller.contacts"), str(customer.contacts) if customer.contacts else ""),
            (words("caller.notes"), customer.notes),
        )
    if line is not None and line.data:
        data = ", ".join(f"{key} {value}" for key, value in sorted(line.data.items()))
        rows += _fields((words("caller.data"), data))
    if customer is not None and customer.id in service.holdings:
        rows += _holdings(service.holdings[customer.id], words, now)
    record = service.records.get(customer.id) if customer is not None else None
    if record is not None and record.history:
        rows.append(f"[$text-muted]{words('caller.history')}[/]")
        rows += [
            f"  {day(past.at, now)} {escaped(past.outcome)} {escaped(past.queue)} {escaped(past.agent)}"
            for past in record.history
        ]
    return "\n".join(rows)


def _holdings(known: Holdings | str, words: Words, now: float) -> list[str]:
    """Money, positions, today's orders; or why they are not known."""
    if isinstance(known, str):
        return [f"[$warning]! {words('caller.host_failed')}[/] {escaped(known)}"]
    rows = _fields(*((words("caller.cash"), _cash(each)) for each in known.accounts))
    if known.positions:
        rows.append(f"[$text-muted]{words('caller.positions')}[/]")
        rows += [f"  {escaped(_position(each))}" for each in known.positions]
    if known.orders:
        rows.append(f"[$text-muted]{words('caller.orders')}[/]")
        rows += [f"  {escaped(_order(each, words, now))}" for each in known.orders]
    return rows


def _cash(account: Account) -> str:
    free = account.cash if account.available is None else account.available
    total = f" / {account.cash:,}" if free != account.cash else ""
    return f"{account.account} {free:,}{total} {account.currency}"


def _position(position: Position) -> str:
    held = f"{position.quantity:,}"
    if position.available is not None and position.available != position.quantity:
        held = f"{position.available:,}/{held}"
    worth = "" if position.value is None else f" @{position.price:,} = {position.value:,}"
    return f"{position.code} {position.name} {held}{worth}"


def _order(order: Order, words: Words, now: float) -> str:
    at = f"{day(order.at, now)} " if order.at is not None else ""
    price = words("order.market") if order.price is None else f"@{order.price:,}"
    filled = f"{order.filled:,}/" if order.filled else ""
    side, state = words(f"order.{order.side.value}"), words(f"order.{order.state.value}")
    return f"{at}{side} {order.code} {order.name} {filled}{order.quantity:,} {price} {state}"


def _unknown(number: str, matches: int, words: Words) -> str:
    if not any(each.isalnum() for each in number) or number == "anonymous":
        return words("caller.withheld")
    if matches > 1:
        return words("caller.several", matches=matches, number=escaped(number))
    return words("caller.unknown", number=f"[bold]{escaped(number)}[/]")


def _last(at: float | None, agent: str, now: float) -> str:
    return f"{day(at, now)} {agent}".strip() if at is not None else ""


def _fields(*fields: tuple[str, str]) -> list[str]:
    return [f"[$text-muted]{name}[/] {escaped(value)}" for name, value in fields if value]


def pulse(desk: Desk, words: Words, width: int) -> str:
    """His queues: who waits, how long, who is free."""
    if not desk.pulse:
        return f"[$text-muted]{words('pulse.none')}[/]"
    heads = (words("pulse.waiting"), words("pulse.longest"), words("pulse.free"))
    columns = [max(cell_len(head), 4) + 1 for head in heads]
    name = max(6, width - sum(columns))
    rows = [f"[$text-muted]{_columns(words('pulse.queue'), name, heads, columns)}[/]"]
    for queue in desk.pulse:
        longest = span(queue.oldest_wait_s) if queue.oldest_wait_s is not None else "–"
        figures = (str(queue.waiting), longest, str(queue.idle_agents))
        row = escaped(_columns(desk.title(queue.queue), name, figures, columns))
        rows.append(f"[$warning]{row}[/]" if queue.waiting > queue.idle_agents else row)
    return "\n".join(rows)


def _columns(name: str, width: int, figures: Sequence[str], columns: Iterable[int]) -> str:
    cells = [
        " " * max(0, column - cell_len(figure)) + figure
        for figure, column in zip(figures, columns, strict=True)
    ]
    return set_cell_size(name, width) + "".join(cells)


def my_day(desk: Desk, words: Words, now: float) -> str:
    """His figures."""
    figures = desk.figures(now)
    level = f"{figures.level:.0%}" if figures.level is not None else "–"
    occupied = f"{figures.occupancy:.0%}" if figures.occupancy is not None else "–"
    rows = [
        f"{words('day.handled')} [bold]{figures.handled}[/]  {words('day.aht')} "
        f"[bold]{span(figures.aht_s)}[/]",
        f"{words('day.level')} [bold]{level}[/]  {words('day.occupancy')} [bold]{occupied}[/]",
    ]
    kept = desk.adherence
    if kept is not None:
        share = f"{kept.kept_s / kept.rostered_s:.0%}" if kept.rostered_s else "–"
        rows.append(f"{words('day.adherence')} [bold]{share}[/]{_rostered(kept, words)}")
    return "\n".join(rows)


def _rostered(kept: AdherenceView, words: Words) -> str:
    """What the roster wants of him now."""
    if kept.activity is None or kept.until is None:
        return ""
    return f"  [$text-muted]{words(f'roster.{kept.activity}')} → {clock(kept.until)}[/]"


def team(desk: Desk, words: Words, now: float, width: int) -> str:
    """Colleagues: state and since when."""
    if not desk.team:
        return f"[$text-muted]{words('team.none')}[/]"
    rows = []
    for mate in desk.team:
        glyph, style = STATES[mate.state]
        state = words(f"state.{mate.state.value}")
        age = span(now - mate.since) if mate.since else ""
        tail = f" {state} {age}"
        name = set_cell_size(desk.title(mate.agent), max(4, width - 2 - cell_len(tail)))
        rows.append(f"[{style}]{glyph}[/] {escaped(name)}[$text-muted]{tail}[/]")
    return "\n".join(rows)


def messages(told: Sequence[Message], words: Words, now: float) -> str:
    """Lines from others, the newest first."""
    if not told:
        return f"[$text-muted]{words('messages.none')}[/]"
    return "\n".join(
        f"[$text-muted]{day(each.at, now)}[/] [bold]{escaped(each.by)}[/] {escaped(each.text)}"
        for each in reversed(told)
    )


def help_(desk: Desk, around: Around, words: Words, keys: dict[str, str]) -> str:
    """Every key: what it does, and where it does not now, why."""
    rows = []
    for group in GROUPS:
        rows.append(f"[bold]{words(f'group.{group}')}[/]")
        for action in ACTIONS:
            if action.group != group:
                continue
            key = shown_key(keys[action.id])
            twin = f" {action.function_key.upper()}" if action.function_key else ""
            row = f"  {set_cell_size(key + twin, 10)} {words(f'action.{action.id}')}"
            why = action.why_not(desk, around)
            rows.append(
                f"[$text-muted]{escaped(row)} – {words(f'why.{why}')}[/]" if why else escaped(row)
            )
    return "\n".join(rows)


def footer(service: Service, words: Words, keys: dict[str, str], width: int, most: int = 7) -> str:
    """The keys that matter now."""
    shown: list[str] = []
    used = 1
    for action in possible(service.desk, service.around)[:most]:
        key, word = shown_key(keys[action.id]), words(f"action.{action.id}")
        length = cell_len(key) + cell_len(word) + 4
        if used + length > width:
            break
        used += length
        shown.append(f"[$accent bold reverse] {escaped(key)} [/] {word}")
    return " " + " ".join(shown)


def shown_key(key: str) -> str:
    """A key as a keyboard names it."""
    names = {"question_mark": "?", "slash": "/", "plus": "+", "space": "␣"}
    return names.get(key, key.replace("ctrl+", "^").replace("shift+", "⇧"))


def ringing(desk: Desk) -> bool:
    """Whether something rings for him."""
    return desk.line(Stage.RINGING) is not None
