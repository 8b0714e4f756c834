"""Opening hours: whose day it is, what is open, and when that changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.acd.overflow.calendar import LOOK_AHEAD_DAYS, OpeningHours
from ccd.config import Calendar

SESSION = Calendar(
    name="shanghai",
    open={"weekdays": ("09:30-11:30", "13:00-15:00")},
    holidays=("2026-10-01/2026-10-07",),
    special={"2026-02-14": ("10:00-12:00",)},
)


def at(wall: str, zone: str = "Asia/Shanghai", fold: int = 0) -> float:
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def spell(hours: OpeningHours, when: float | None) -> str | None:
    return None if when is None else f"{hours.local(when):%a %Y-%m-%d %H:%M %z}"


@pytest.mark.parametrize(
    ("wall", "is_open", "changes"),
    [
        ("2026-11-23 09:29:59.9", False, "Mon 2026-11-23 09:30 +0800"),
        ("2026-11-23 09:30", True, "Mon 2026-11-23 11:30 +0800"),
        ("2026-11-23 11:29:59.9", True, "Mon 2026-11-23 11:30 +0800"),
        ("2026-11-23 11:30", False, "Mon 2026-11-23 13:00 +0800"),
        ("2026-11-23 15:00", False, "Tue 2026-11-24 09:30 +0800"),
        ("2026-11-27 15:00", False, "Mon 2026-11-30 09:30 +0800"),  # over the weekend
        ("2026-09-30 16:00", False, "Thu 2026-10-08 09:30 +0800"),  # over the holiday week
        ("2026-10-07 10:00", False, "Thu 2026-10-08 09:30 +0800"),  # its last day is one
        ("2026-02-14 11:00", True, "Sat 2026-02-14 12:00 +0800"),  # a Saturday made up for
    ],
)
def test_the_session(wall: str, is_open: bool, changes: str) -> None:
    hours = OpeningHours(SESSION)
    assert hours.is_open(at(wall)) is is_open
    assert spell(hours, hours.next_change(at(wall))) == changes
    assert spell(hours, hours.closes_at(at(wall))) == (changes if is_open else None)
    assert hours.opens_at(at(wall)) == (at(wall) if is_open else hours.next_change(at(wall)))


def test_the_nearest_name_of_a_day_counts() -> None:
    hours = OpeningHours(
        Calendar(
            name="c",
            open={
                "fri": ("09:00-12:00",),
                "daily": ("10:00-11:00",),
                "wed": (),
                "weekdays": ("09:00-17:00",),
            },
        )
    )
    monday = datetime(2026, 11, 23, tzinfo=ZoneInfo("Asia/Shanghai"))
    opened = [
        sum(
            hours.is_open((monday + timedelta(days=day, hours=hour)).timestamp())
            for hour in range(24)
        )
        for day in range(7)
    ]
    assert opened == [8, 8, 0, 8, 3, 1, 1]


def test_special_hours_go_before_a_holiday_and_may_close_a_day() -> None:
    hours = OpeningHours(
        Calendar(
            name="c",
            open={"daily": ("09:00-17:00",)},
            holidays=("2026-10-01/2026-10-07",),
            special={"2026-10-03": ("12:00-13:00",), "2026-10-09": ()},
        )
    )
    assert hours.is_open(at("2026-10-03 12:30"))
    assert not hours.is_open(at("2026-10-03 10:00"))
    assert not hours.is_open(at("2026-10-09 10:00"))
    assert hours.is_open(at("2026-10-08 10:00"))


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    hours = OpeningHours(
        Calendar(
            name="night", open={"fri": ("21:00-02:30",)}, holidays=("2026-11-28", "2026-12-04")
        )
    )
    assert hours.is_open(at("2026-11-28 02:29"))  # Friday's, though Saturday is a holiday
    assert spell(hours, hours.closes_at(at("2026-11-27 22:00"))) == "Sat 2026-11-28 02:30 +0800"
    assert not hours.is_open(at("2026-11-27 02:00"))
    assert not hours.is_open(at("2026-12-05 01:00"))  # the Friday was one
    assert spell(hours, hours.opens_at(at("2026-11-28 03:00"))) == "Fri 2026-12-11 21:00 +0800"


def test_hours_that_touch_are_one_period() -> None:
    hours = OpeningHours(
        Calendar(name="c", open={"mon": ("08:00-24:00",), "tue": ("00:00-06:00", "06:00-07:00")})
    )
    assert spell(hours, hours.closes_at(at("2026-11-23 09:00"))) == "Tue 2026-11-24 07:00 +0800"


def test_always_and_never() -> None:
    always = OpeningHours(Calendar(name="a", open={"daily": ("00:00-24:00",)}))
    never = OpeningHours(Calendar(name="n"))
    now = at("2026-11-23 09:00")
    assert (always.is_open(now), always.next_change(now), always.closes_at(now)) == (
        True,
        None,
        None,
    )
    assert (never.is_open(now), never.next_change(now), never.opens_at(now)) == (False, None, None)


def test_a_change_beyond_the_horizon_is_seen_when_it_comes_nearer() -> None:
    far = datetime(2028, 5, 1, tzinfo=ZoneInfo("Asia/Shanghai"))
    hours = OpeningHours(
        Calendar(name="c", open={"daily": ("00:00-24:00",)}, holidays=("2028-05-01",))
    )
    assert hours.next_change((far - timedelta(days=LOOK_AHEAD_DAYS + 1)).timestamp()) is None
    assert hours.next_change((far - timedelta(days=20)).timestamp()) == far.timestamp()
    assert not hours.is_open(far.timestamp())


NEW_YORK = "America/New_York"


def test_hours_follow_the_wall_clock_into_summer_time() -> None:
    hours = OpeningHours(Calendar(name="ny", timezone=NEW_YORK, open={"daily": ("09:30-16:00",)}))
    before, after = at("2026-03-07 09:30", NEW_YORK), at("2026-03-08 09:30", NEW_YORK)
    assert after - before == 23 * 3600
    assert hours.opens_at(at("2026-03-07 16:00", NEW_YORK)) == after
    assert hours.is_open(after)
    assert not hours.is_open(after - 1)


def test_an_hour_that_is_left_out_is_not_waited_for() -> None:
    """On 8 March 2026 clocks in New York went from 02:00 to 03:00."""
    late = OpeningHours(Calendar(name="c", timezone=NEW_YORK, open={"daily": ("02:30-04:00",)}))
    assert spell(late, late.opens_at(at("2026-03-08 01:00", NEW_YORK))) == (
        "Sun 2026-03-08 03:00 -0400"
    )
    within = OpeningHours(Calendar(name="c", timezone=NEW_YORK, open={"daily": ("02:10-02:50",)}))
    assert spell(within, within.opens_at(at("2026-03-08 01:00", NEW_YORK))) == (
        "Mon 2026-03-09 02:10 -0400"
    )


def test_of_an_hour_that_comes_twice_the_first_counts() -> None:
    """On 1 November 2026 clocks in New York went from 02:00 back to 01:00."""
    hours = OpeningHours(
        Calendar(name="c", timezone=NEW_YORK, open={"daily": ("00:30-01:30", "01:45-03:00")})
    )
    assert hours.closes_at(at("2026-11-01 00:45", NEW_YORK)) == at("2026-11-01 01:30", NEW_YORK)
    second = at("2026-11-01 01:30", NEW_YORK, fold=1)
    assert hours.is_open(second)  # since 01:45 the first time
    assert hours.closes_at(second) == at("2026-11-01 03:00", NEW_YORK)


@pytest.mark.parametrize(
    ("calendar", "says"),
    [
        (Calendar(name="c", timezone="Asia/Shangai"), 'timezone: "Asia/Shangai" is no time zone'),
        (Calendar(name="c", timezone="Asia/Shangai"), 'did you mean "Asia/Shanghai"?'),
        (Calendar(name="c", timezone="Asia"), "is no time zone"),
        (Calendar(name="c", timezone="../etc/passwd"), "is no time zone"),
        (Calendar(name="c", timezone=""), "is no time zone"),
        (Calendar(name="c", open={"monday": ()}), '"monday" is no day of the week; did you mean "mon"?'),
        (Calendar(name="c", open={"xyz": ()}), "there are: mon, tue"),
        (Calendar(name="c", open={"mon": ("9-11",)}), 'open: "9-11" is not written like'),
        (Calendar(name="c", open={"mon": ("09:60-11:00",)}), "has a time that no clock shows"),
        (Calendar(name="c", open={"mon": ("09:00-24:01",)}), "has a time that no clock shows"),
        (Calendar(name="c", open={"mon": ("24:00-01:00",)}), "has a time that no clock shows"),
        (Calendar(name="c", open={"mon": ("09:00-09:00",)}), "ends when it begins"),
        (Calendar(name="c", open={"mon": ("09:00–11:00",)}), "is not written like"),
        (Calendar(name="c", open={"mon": ("13:00-15:00", "09:00-13:30")}), '"09:00-13:30" and "13:00-15:00" overlap'),
        (Calendar(name="c", open={"mon": ("13:00-02:00", "23:00-23:30")}), '"13:00-02:00" and "23:00-23:30" overlap'),
        (Calendar(name="c", holidays=("2026-02-30",)), 'holidays: "2026-02-30" is a day that no year has'),
        (Calendar(name="c", holidays=("1.10.2026",)), "is not written like"),
        (Calendar(name="c", holidays=("20261001",)), "is not written like"),
        (Calendar(name="c", holidays=("2026-10-07/2026-10-01",)), "ends before it begins"),
        (Calendar(name="c", holidays=("2026-10-07/",)), '"" is not written like'),
        (Calendar(name="c", special={"2026-10": ()}), 'special: "2026-10" is not written like'),
        (Calendar(name="c", special={"2026-10-01": ("x",)}), 'special: "x" is not written like'),
    ],
)  # fmt: skip
def test_each_slip_is_told_with_its_text(calendar: Calendar, says: str) -> None:
    with pytest.raises(ValueError, match=r"^calendar 'c': ") as caught:
        OpeningHours(calendar)
    assert says in str(caught.value)


_span = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda s: s[0] != s[1] % 24).map(
    lambda s: f"{s[0]:02}:15-{s[1] % 24:02}:15"
)  # fmt: skip
_calendar = st.builds(
    Calendar,
    name=st.just("c"),
    timezone=st.sampled_from(["Asia/Shanghai", NEW_YORK, "Europe/London", "Australia/Lord_Howe"]),
    open=st.dictionaries(
        st.sampled_from(["daily", "weekdays", "mon", "sat", "sun"]), _span.map(lambda s: (s,))
    ),
    holidays=st.sampled_from([(), ("2026-03-29",), ("2026-10-01/2026-11-15",)]),
    special=st.dictionaries(
        st.sampled_from(["2026-03-08", "2026-11-01", "2026-10-04"]), _span.map(lambda s: (s,))
    ),
)


@settings(deadline=None, max_examples=60)
@given(_calendar, st.integers(1_767_225_600, 1_798_761_600), st.randoms(use_true_random=False))
def test_what_is_said_to_come_next_comes_next(calendar: Calendar, now: int, random) -> None:
    """Up to the next change all is as now, then it is otherwise; whatever was asked before."""
    hours = OpeningHours(calendar)
    is_open = hours.is_open(now)
    change = hours.next_change(now)
    until = change if change is not None else now + 20 * 86400
    assert until > now
    for _ in range(10):
        asked = random.uniform(now, until)
        assert OpeningHours(calendar).is_open(asked) is is_open or asked == until
        assert hours.is_open(asked) is is_open or asked == until
    if change is not None:
        assert hours.is_open(change) is not is_open
