"""Files of calls: what they may say, and what is said about a wrong one."""

import random
from datetime import date

import pytest

from ccd.acd.simulation.arrivals import Call
from ccd.acd.simulation.calls_file import CallsFileError, read_calls
from ccd.acd.simulation.distributions import Constant


def read(text: str, day: date | None = None) -> list[Call]:
    return read_calls(
        text.splitlines(keepends=True),
        "calls.csv",
        queues=("orders", "info"),
        classes=("vip",),
        skills=("en", "options"),
        handle=Constant(60.0),
        patience=Constant(90.0),
        rng=random.Random(1),
        day=day,
    )


def test_all_columns() -> None:
    (call,) = read(
        "number,time,queue,class,skills,handle_s,patience_s\n"
        "139, 09:30:05.5, orders, vip, en:5 options:3, 120, 45.5\n"
    )
    assert call == Call(
        at=34205.5,
        queue="orders",
        customer_class="vip",
        skills={"en": 5, "options": 3},
        handle_s=120.0,
        patience_s=45.5,
        number="139",
    )


def test_what_is_not_said_is_drawn_and_lines_may_come_in_any_order() -> None:
    calls = read("time,queue,handle_s\n10:00,info,\n\n09:00,orders,5\n")
    assert [(call.at, call.handle_s, call.patience_s) for call in calls] == [
        (32400.0, 5.0, 90.0),
        (36000.0, 60.0, 90.0),
    ]


def test_patience_may_be_endless() -> None:
    assert read("time,queue,patience_s\n09:00,info,inf\n")[0].patience_s == float("inf")


DATED = "time,queue\n2026-11-23T23:59,info\n2026-11-24T00:01,info\n"


def test_days_follow_one_another_or_one_is_chosen() -> None:
    assert [call.at for call in read(DATED)] == [86340.0, 86460.0]
    assert [call.at for call in read(DATED, date(2026, 11, 24))] == [60.0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "calls.csv:1: no column time or queue"),
        ("time,queue,wait\n", "calls.csv:1: column 'wait' means nothing"),
        ("time,queue,queue\n", "calls.csv:1: a column is named twice"),
        ("time,queue\n", "calls.csv: there is no call in it"),
        (
            "time,queue\n09:00,order\n",
            "calls.csv:2: no queue 'order' in the settings; there are info, orders",
        ),
        ("time,queue\n\n9 o'clock,info\n", 'calls.csv:3: time "9 o\'clock" is none; write 09:30'),
        ("time,queue\n2026-11-23,info\n", "calls.csv:2: time '2026-11-23' is none"),
        ("time,queue\n25:00,info\n", "calls.csv:2: time '25:00' is none"),
        ("time,queue,class\n09:00,info,gold\n", "calls.csv:2: no class 'gold'"),
        ("time,queue,skills\n09:00,info,en\n", "calls.csv:2: skill 'en': write it as en:LEVEL"),
        ("time,queue,skills\n09:00,info,en:11\n", "calls.csv:2: skill 'en:11'"),
        ("time,queue,skills\n09:00,info,fr:1\n", "calls.csv:2: no skill 'fr'"),
        ("time,queue,handle_s\n09:00,info,long\n", "calls.csv:2: handle_s 'long' is no number"),
        ("time,queue,handle_s\n09:00,info,inf\n", "calls.csv:2: handle_s 'inf' is no length"),
        ("time,queue,handle_s\n09:00,info,-1\n", "calls.csv:2: handle_s '-1' is no length"),
        ("time,queue,patience_s\n09:00,info,nan\n", "calls.csv:2: patience_s 'nan' is no length"),
        ("time,queue\n09:00,info,5\n", "calls.csv:2: 3 values, where the first line names 2"),
        (
            "time,queue\n09:00,info\n2026-11-23T09:00,info\n",
            "some times have a date and some have none",
        ),
    ],
)
def test_a_wrong_file_is_explained_with_its_line(text: str, says: str) -> None:
    with pytest.raises(CallsFileError) as caught:
        read(text)
    assert says in str(caught.value)


def test_every_wrong_line_is_told_up_to_ten() -> None:
    with pytest.raises(CallsFileError) as caught:
        read("time,queue\n" + "09:00,x\n" * 50)
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == [
        f"calls.csv:{number}:" for number in range(2, 12)
    ]


def test_a_day_needs_dates_and_calls_on_it() -> None:
    with pytest.raises(CallsFileError, match="no date, so a day cannot be chosen"):
        read("time,queue\n09:00,info\n", date(2026, 11, 23))
    with pytest.raises(CallsFileError, match="no call in it on 2026-11-25"):
        read(DATED, date(2026, 11, 25))
