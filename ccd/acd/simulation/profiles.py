"""The shape of a day: how busy each time of it is, relative to the others."""

from __future__ import annotations

import msgspec


class Profile(msgspec.Struct, frozen=True):
    """Calls come at a rate that is constant from each of these times to the next."""

    name: str
    meaning: str
    rates: tuple[tuple[float, float], ...]
    """From when (seconds since midnight), and the relative rate; the last one is the end, with 0."""
    calls: int = 5_000
    """On such a day, where nothing else is said."""

    def spans(self) -> list[tuple[float, float, float]]:
        """Return begin and end of each span (seconds), and the share of the day's calls in it."""
        spans = [
            (begin, end, rate * (end - begin))
            for (begin, rate), (end, _) in zip(self.rates, self.rates[1:], strict=False)
        ]
        total = sum(weight for _, _, weight in spans)
        return [(begin, end, weight / total) for begin, end, weight in spans]


def _day(text: str) -> tuple[tuple[float, float], ...]:
    """Return `HH:MM rate` pairs as numbers."""
    words = text.split()
    return tuple(
        (int(time[:2]) * 3600.0 + int(time[3:]) * 60.0, float(rate))
        for time, rate in zip(words[::2], words[1::2], strict=True)
    )


_TRADING_DAY = """
    08:30 0.3   09:00 0.7   09:15 1.3   09:25 2.5   09:30 4.0   09:35 3.2   09:45 2.2
    10:00 1.5   10:30 1.1   11:00 1.0   11:30 0.4   12:30 0.6   13:00 1.6   13:10 1.1
    13:30 0.9   14:30 1.2   14:50 1.8   15:00 0.9   15:30 0.5   16:00 0.25  17:00 0
"""

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "market-open",
            "a trading day in Shanghai: the surge at 09:30, the break from 11:30 to 13:00, the close",
            _day(_TRADING_DAY),
        ),
        Profile(
            "market-shock",
            "the same, and at 10:40 the market falls: twenty minutes of eight times the calls",
            _day(_TRADING_DAY.replace("11:00 1.0", "10:40 8.8   11:00 2.5   11:15 1.0")),
            6_500,
        ),
        Profile("flat", "the same rate from 09:00 to 17:00", _day("09:00 1 17:00 0")),
    )
}
