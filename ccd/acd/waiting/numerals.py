"""Numbers as people say them on the telephone, in Mandarin and English."""

from __future__ import annotations

from typing import Final

MOST = 9_999
"""The largest number that is put into words."""

_DIGITS: Final = "零一二三四五六七八九"
_UNITS: Final = ((1000, "千"), (100, "百"), (10, "十"))

_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS: Final = (
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip


def mandarin(number: int) -> str:
    """A number by itself or as an ordinal (after 第): 12 is 十二, 103 一百零三, 110 一百一十.

    Raises ValueError below 0 and above `MOST`.
    """
    _check(number)
    if number < 10:
        return _DIGITS[number]
    words, skipped = "", False
    for unit, name in _UNITS:
        digit = number // unit % 10
        if digit:
            # A zero between two places is said once, however many there are.
            words += ("零" if skipped else "") + _DIGITS[digit] + name
            skipped = False
        elif words:
            skipped = True
    if number % 10:
        words += ("零" if skipped else "") + _DIGITS[number % 10]
    # 十二, not 一十二; but 一百一十二 within a larger number.
    return words.removeprefix("一") if 10 <= number < 20 else words


def mandarin_count(number: int) -> str:
    """A number before a measure word or 百, 千: two is 两 there (两分钟, 两百位), not in 十二 or 二十.

    Raises ValueError below 0 and above `MOST`.
    """
    words = mandarin(number)
    if number == 2 or words.startswith(("二百", "二千")):
        return "两" + words[1:]
    return words


def english(number: int) -> str:
    """A number in words: 21 is twenty-one, 103 one hundred and three.

    Raises ValueError below 0 and above `MOST`.
    """
    _check(number)
    if number < 20:
        return _ONES[number]
    if number < 100:
        ten, one = divmod(number, 10)
        return _TENS[ten] + (f"-{_ONES[one]}" if one else "")
    if number < 1000:
        hundred, rest = divmod(number, 100)
        return f"{_ONES[hundred]} hundred" + (f" and {english(rest)}" if rest else "")
    thousand, rest = divmod(number, 1000)
    joint = " and " if rest < 100 else " "
    return f"{_ONES[thousand]} thousand" + (f"{joint}{english(rest)}" if rest else "")


def _check(number: int) -> None:
    if not 0 <= number <= MOST:
        raise ValueError(f"{number} is not put into words; only 0 to {MOST} are")
