"""One form for every way of writing a telephone number, so that two spellings meet.

The form is `+` and the digits of E.164 (`+8613800138000`) where a text is a number that the
whole world can call, and its digits alone (`1001`, `95500`) where it is not. Extensions are
no part of it: who calls from behind a switchboard shows the switchboard's number.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

LONGEST = 64
"""Characters; a longer text is no number, however it is written (E.164 has 15 digits)."""

CACHED = 65_536
"""Numbers whose form is remembered: some 20 MB, and the same customers call again."""

CHINA = "CN"

_MOBILE = re.compile(r"(?:\+86|0086|86|0)?(1(?:[3-689]\d|7[0-8])\d{8})")
"""A mobile number of mainland China, as carriers and people write it: most of all that comes. 179
begins a carrier's prefix for calls over IP, not a number."""

SHORTEST_LOCAL = 7
"""Digits of a subscriber's number; fewer are a service (95500, 110) or an extension."""

_URI = re.compile(r"(?:sips?|tel):", re.IGNORECASE)

_EXTENSION = re.compile(
    r"(?:;ext=|extension|ext\.?|转接|轉接|转|轉|分机|分機|内线|x|#|,)[\s:.]*(\d{1,7})\s*$",
    re.IGNORECASE,
)
_DASHED_EXTENSION = re.compile(r"^(\D*0\d{2,3}\)?[-\s]?\d{7,8})\s*-\s*\d{1,6}$")
"""`021-58781234-801`: the way of business cards in China."""

_FORMATTING = re.compile(r"[\s\-‐-―./()\[\]·]+")
_DIALLED = re.compile(r"\+?\d+")

LONG_ENOUGH_FOR_ABROAD = 10
"""Digits without `+` or `00` that may still begin with a country's code: fewer are a local number."""


class Numbering:
    """How numbers are read in one place: `region` is its country (ISO 3166), `area_code` its own.

    `area_code` (`021`, `21` and `0 21` are the same) completes local numbers that are written
    without one; empty: these stay as they are. Raises ValueError for a region that there is not.
    """

    def __init__(self, region: str = CHINA, area_code: str = "") -> None:
        import phonenumbers

        self.region = region.upper()
        self._code = phonenumbers.country_code_for_region(self.region)
        if not self._code:
            raise ValueError(f"there is no region {region!r}")
        self._area = re.sub(r"\D", "", area_code).lstrip("0")
        self._trunk_prefix = phonenumbers.ndd_prefix_for_region(self.region, True) or ""
        self.normal = lru_cache(CACHED)(self._normal)

    def _normal(self, text: str) -> str:
        """Return a text's one form; empty where it is no number. Never raises."""
        number = _bare(text)
        if not number:
            return ""
        if self.region == CHINA and (mobile := _MOBILE.fullmatch(number)):
            return "+86" + mobile[1]
        return self._world(number) or number.lstrip("+")

    def _world(self, number: str) -> str:
        """Return its form where the whole world can call it, else nothing."""
        here = self._parsed(number)
        if here is not None and _is_valid(here):
            return _e164(here)
        foreign = len(number) >= LONG_ENOUGH_FOR_ABROAD and number[0] not in "+0"
        if foreign and (abroad := self._parsed("+" + number)) is not None and _is_valid(abroad):
            return _e164(abroad)
        if here is not None and _is_possible(here):
            # Nobody has it as far as the library knows; ranges open more often than releases come.
            return _e164(here)
        if (
            self._area
            and number[0] not in "+0"
            and SHORTEST_LOCAL <= len(number) < LONG_ENOUGH_FOR_ABROAD
        ):
            local = self._parsed(f"+{self._code}{self._area}{number}")
            if local is not None and _is_valid(local):
                return _e164(local)
        return ""

    def _parsed(self, number: str) -> PhoneNumber | None:
        import phonenumbers

        try:
            parsed = phonenumbers.parse(number, self.region)
        except phonenumbers.NumberParseException:
            return None
        own = self._area and parsed.country_code == self._code and not number.startswith(("+", "0"))
        # 58781234 is possible as it stands, but in Shanghai it is 021 58781234.
        return None if own and len(number) < LONG_ENOUGH_FOR_ABROAD else parsed

    def spellings(self, number: str) -> tuple[str, ...]:
        """Return the ways in which carriers write a number in this region, its normal form first.

        For what is stored as it came, in the journal: there a number is looked for by all of them.
        """
        normal = self.normal(number)
        if not normal.startswith("+"):
            return (normal,) if normal else ()
        digits = normal[1:]
        ways = [normal, digits, "00" + digits]
        country = str(self._code)
        if digits.startswith(country):
            national = digits.removeprefix(country)
            ways += [national, self._trunk_prefix + national]
            if self._area and national.startswith(self._area):
                ways.append(national.removeprefix(self._area))
        return tuple(dict.fromkeys(ways))


def digits_of(text: str) -> int:
    """Return how many digits a text has."""
    return sum(each.isdigit() for each in text)


def _bare(text: str) -> str:
    """Return a text without formatting and extension: digits, with a plus before them perhaps.

    Empty where it is anything else.
    """
    if len(text) > LONGEST:
        return ""
    # Full-width digits and signs, as Chinese input methods write them.
    text = unicodedata.normalize("NFKC", text).strip()
    scheme = _URI.match(text)
    if scheme:
        text = text[scheme.end() :].split("@")[0]
    if (dashed := _DASHED_EXTENSION.match(text)) is not None:
        text = dashed[1]
    else:
        text = _EXTENSION.sub("", text)
    if scheme:
        text = text.split(";")[0]
    number = _FORMATTING.sub("", text.replace("(0)", ""))
    if not _DIALLED.fullmatch(number) or not number.isascii():
        return ""
    return number


def _is_valid(number: PhoneNumber) -> bool:
    import phonenumbers

    return phonenumbers.is_valid_number(number)


def _is_possible(number: PhoneNumber) -> bool:
    import phonenumbers

    reason = phonenumbers.is_possible_number_with_reason(number)
    return bool(reason == phonenumbers.ValidationResult.IS_POSSIBLE) and not _is_local(number)


def _is_local(number: PhoneNumber) -> bool:
    """Whether it has too few digits to be called from elsewhere (95500, 1001, 58781234)."""
    return len(str(number.national_number)) < LONG_ENOUGH_FOR_ABROAD - 1


def _e164(number: PhoneNumber) -> str:
    import phonenumbers

    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
