"""What waiting callers are told, in words: position, wait, offers, greetings; Mandarin and English.

An utterance is a sequence of prompts, heard one after the other. There are some 180 of
them a language and no others, so that each is spoken before the first call, and a studio
can record them one by one under their keys (`vocabulary`; docs/waiting.md).

Waits are said only as exactly as they are known. Of an estimate's P50 and P90 it is:

- nothing, where one is missing, or where P90 is more than `SPREAD` times P50 and also more
  than `SPREAD_S` above it: a range that wide helps nobody;
- "less than N minutes", where P50 is below half a minute: N is P90, rounded up;
- "about N to M minutes" else: P50 to the nearest minute, P90 rounded *up*, so that nine in
  ten are served by M; "about N minutes" where both are the same;
- "more than N minutes", where P90 is above an hour: N is P50, rounded down.

Above ten minutes the steps are five minutes, above half an hour ten: nobody believes that
a wait of 23 minutes is known to the minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from ccd.acd.waiting.numerals import english, mandarin, mandarin_count
from ccd.media.prompt import Prompt

EXACT = 120
"""Positions up to this one are said exactly."""

FLOORS: Final = (100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000)
"""Behind them it is said how many are before the caller at least."""

SPREAD = 3.0
SPREAD_S = 180.0
"""Beyond both, an estimate is too wide to be said."""

MINUTES: Final = (*range(1, 11), 15, 20, 25, 30, 40, 50, 60)
"""The waits that are said."""

KEYS: Final = "0123456789*#ABCD"
"""The keys of a telephone (RFC 4733, 3.2)."""


class Phrase(StrEnum):
    """Texts that stand by themselves; the value is the prompt's key."""

    BUSY = "busy"
    """All agents are busy; said where neither position nor wait can be."""
    CALLBACK_CONFIRMED = "callback-confirmed"
    VOICEMAIL_GREETING = "voicemail-greeting"
    VOICEMAIL_THANKS = "voicemail-thanks"
    VOICEMAIL_EMPTY = "voicemail-empty"
    """Nothing, or next to nothing, was recorded."""
    CLOSED = "closed"
    GOODBYE = "goodbye"
    VOICEMAIL_MENU = "voicemail-menu"
    """For the agent who hears a message."""
    VOICEMAIL_GONE = "voicemail-gone"
    """For that agent: the message can't be played."""


class _Words(NamedTuple):
    """How one language says it. A text that stops short is followed by a number's."""

    phrases: Mapping[Phrase, str]
    next: str
    position: str
    nth: Callable[[int], str]
    ahead: Callable[[int], str]
    wait_about: str
    wait_below: str
    wait_above: str
    lower: Callable[[int], str]
    minutes: Callable[[int], str]
    offer: str
    key: Callable[[str], str]
    offer_end: str


def _key_zh(key: str) -> str:
    name = {"*": "星号键", "#": "井号键"}.get(key)
    return name or (mandarin(int(key)) if key.isdecimal() else f"{key}键")


def _key_en(key: str) -> str:
    name = {"*": "the star key", "#": "the hash key"}.get(key)
    return name or (english(int(key)) if key.isdecimal() else key)


def _ahead_zh(floor: int) -> str:
    # Not 五百多位: that is less than six hundred, and there may be more.
    return f"您前面还有超过{mandarin_count(floor)}位客户。"


def _minutes_zh(minutes: int) -> str:
    return "一小时。" if minutes == 60 else f"{mandarin_count(minutes)}分钟。"


def _minutes_en(minutes: int) -> str:
    match minutes:
        case 1:
            return "one minute."
        case 60:
            return "one hour."
        case _:
            return f"{english(minutes)} minutes."


_WORDS: Final[Mapping[str, _Words]] = {
    "zh": _Words(
        phrases={
            Phrase.BUSY: "目前座席全忙，请您继续等候，我们会尽快为您服务。",
            Phrase.CALLBACK_CONFIRMED: "您的回电请求已经登记，您的排队位置已为您保留，我们会尽快给您回电。再见。",
            Phrase.VOICEMAIL_GREETING: "现在无法接听您的电话。请在提示音后留言，留言结束请按井号键。",
            Phrase.VOICEMAIL_THANKS: "您的留言已经收到，谢谢您的来电。再见。",
            Phrase.VOICEMAIL_EMPTY: "没有听到您的留言。再见。",
            Phrase.CLOSED: "您好，现在不是服务时间，请您在服务时间内来电。再见。",
            Phrase.GOODBYE: "感谢您的来电。再见。",
            Phrase.VOICEMAIL_MENU: "重听留言请按一，处理完毕请按二，回电客户请按三。",
            Phrase.VOICEMAIL_GONE: "这条留言无法播放。处理完毕请按二，回电客户请按三。",
        },
        next="您是下一位。",
        position="您现在排在",
        nth=lambda number: f"第{mandarin(number)}位。",
        ahead=_ahead_zh,
        wait_about="预计还需等待大约",
        wait_below="预计等待时间不到",
        wait_above="预计等待时间超过",
        lower=lambda minutes: f"{mandarin_count(minutes)}到",
        minutes=_minutes_zh,
        offer="如果您不想继续等待，",
        key=lambda key: f"请按{_key_zh(key)}，",
        offer_end="我们将给您回电，并保留您的排队位置。",
    ),
    "en": _Words(
        phrases={
            Phrase.BUSY: "All our agents are still busy. Please stay on the line.",
            Phrase.CALLBACK_CONFIRMED: "Thank you. You keep your place, and we will call you back as soon as it is your turn. Goodbye.",
            Phrase.VOICEMAIL_GREETING: "We cannot take your call now. Please leave a message after the tone, and press the hash key when you have finished.",
            Phrase.VOICEMAIL_THANKS: "Thank you, we have your message. Goodbye.",
            Phrase.VOICEMAIL_EMPTY: "We did not hear a message. Goodbye.",
            Phrase.CLOSED: "We are closed at the moment. Please call again during our service hours. Goodbye.",
            Phrase.GOODBYE: "Thank you for calling. Goodbye.",
            Phrase.VOICEMAIL_MENU: "To hear the message again, press one. If you are done with it, press two. To call the customer back, press three.",
            Phrase.VOICEMAIL_GONE: "This message cannot be played. If you are done with it, press two. To call the customer back, press three.",
        },
        next="You are next in line.",
        position="You are number",
        nth=lambda number: f"{english(number)} in line.",
        ahead=lambda floor: f"There are more than {english(floor)} callers ahead of you.",
        wait_about="Your wait is likely to be about",
        wait_below="Your wait is likely to be less than",
        wait_above="Your wait is likely to be more than",
        lower=lambda minutes: f"{english(minutes)} to",
        minutes=_minutes_en,
        offer="If you would rather not wait,",
        key=lambda key: f"press {_key_en(key)},",
        offer_end="and we will call you back. You keep your place in line.",
    ),
}

LANGUAGES: Final = tuple(_WORDS)
"""Those in which all of this can be said."""


def languages_of(setting: str) -> tuple[str, ...]:
    """Return the languages of a setting such as `zh` or `zh+en`, in their order.

    Raises ValueError for one that is not spoken here.
    """
    languages = tuple(setting.split("+"))
    for language in languages:
        if language not in _WORDS:
            raise ValueError(
                f"language {setting!r} is not spoken; use {', '.join(LANGUAGES)}, or two with +"
            )
    return languages


def phrase(which: Phrase, language: str) -> tuple[Prompt, ...]:
    """Return a text that stands by itself."""
    return (_prompt(_WORDS[language].phrases[which], language, which),)


def position(number: int, language: str) -> tuple[Prompt, ...]:
    """Say a place in the line; 1 is next. Raises ValueError below 1."""
    if number < 1:
        raise ValueError(f"a position is 1 or more, not {number}")
    words = _WORDS[language]
    if number == 1:
        return (_prompt(words.next, language, "position-1"),)
    if number <= EXACT:
        return (
            _prompt(words.position, language, "position"),
            _prompt(words.nth(number), language, f"position-{number}"),
        )
    floor = max(floor for floor in FLOORS if floor < number - 1)
    return (_prompt(words.ahead(floor), language, f"ahead-{floor}"),)


def wait(p50: float | None, p90: float | None, language: str) -> tuple[Prompt, ...]:
    """Say how long it is likely to take, of an estimate in seconds; () where nothing honest can be said."""
    if p50 is None or p90 is None or not 0 <= p50 <= p90 < math.inf:
        return ()
    if p90 > SPREAD * p50 and p90 - p50 > SPREAD_S:
        return ()
    words = _WORDS[language]
    longest = MINUTES[-1]
    if p90 > longest * 60:
        least = max((m for m in MINUTES if m * 60 <= p50), default=0)
        return (
            _prompt(words.wait_above, language, "wait-above"),
            _minutes(max(least, 1), language),
        )
    upper = min(m for m in MINUTES if p90 <= m * 60)
    if p50 < 30:
        return (_prompt(words.wait_below, language, "wait-below"), _minutes(upper, language))
    lower = min(MINUTES, key=lambda minutes: abs(minutes * 60 - p50))
    about = _prompt(words.wait_about, language, "wait-about")
    if lower >= upper:
        return (about, _minutes(upper, language))
    return (about, _lower(lower, language), _minutes(upper, language))


def callback_offer(key: str, language: str) -> tuple[Prompt, ...]:
    """Offer to call back, for the press of `key`; the place is kept."""
    words = _WORDS[language]
    return (
        _prompt(words.offer, language, "callback-offer"),
        _prompt(words.key(key), language, f"key-{_key_name(key)}"),
        _prompt(words.offer_end, language, "callback-offer-end"),
    )


def vocabulary(languages: Iterable[str]) -> list[Prompt]:
    """Return every prompt that anything here can be made of, in these languages."""
    return [prompt for language in dict.fromkeys(languages) for prompt in _all(language)]


def _all(language: str) -> Iterator[Prompt]:
    words = _WORDS[language]
    for which in Phrase:
        yield from phrase(which, language)
    yield from position(1, language)
    yield _prompt(words.position, language, "position")
    for number in range(2, EXACT + 1):
        yield position(number, language)[-1]
    for floor in FLOORS:
        yield _prompt(words.ahead(floor), language, f"ahead-{floor}")
    yield _prompt(words.wait_about, language, "wait-about")
    yield _prompt(words.wait_below, language, "wait-below")
    yield _prompt(words.wait_above, language, "wait-above")
    for minutes in MINUTES:
        yield _minutes(minutes, language)
    for minutes in MINUTES[:-1]:
        yield _lower(minutes, language)
    offer, _, end = callback_offer("1", language)
    yield offer
    yield end
    for key in KEYS:
        yield callback_offer(key, language)[1]


def _lower(minutes: int, language: str) -> Prompt:
    return _prompt(_WORDS[language].lower(minutes), language, f"from-{minutes}")


def _minutes(minutes: int, language: str) -> Prompt:
    return _prompt(_WORDS[language].minutes(minutes), language, f"minutes-{minutes}")


def _key_name(key: str) -> str:
    """As it can stand in a file's name."""
    return {"*": "star", "#": "hash"}.get(key, key)


def _prompt(text: str, language: str, key: str) -> Prompt:
    return Prompt(text, language, f"acd-{key}")
