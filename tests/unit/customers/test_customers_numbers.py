"""However a number is written, it is one number."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccd.customers.numbers import Numbering

CHINA = Numbering()
SHANGHAI = Numbering("CN", "021")
MOBILE = "+8613800138000"
FIXED = "+862158781234"


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        *((each, MOBILE) for each in (
            "13800138000", "+8613800138000", "8613800138000", "008613800138000", "013800138000",
            "138-0013-8000", "138 0013 8000", "+86 138 0013 8000", "１３８００１３８０００",
            "17951 13800138000", "sip:13800138000@carrier.example", "tel:+86-138-0013-8000",
            "sip:+8613800138000@x;user=phone", "+8613800138000;ext=12",
        )),
        *((each, FIXED) for each in (
            "02158781234", "021-58781234", "(021) 5878 1234", "86-21-58781234", "2158781234",
            "+86 (0)21 5878 1234", "021-58781234-801", "(021) 5878 1234 转 123", "02158781234分机8",
            "021-58781234 ext. 7", "02158781234,801",
        )),
        ("0755-8888 6666", "+8675588886666"),
        ("400-820-5555", "+864008205555"),
        ("00852 2123 4567", "+85221234567"),
        ("85221234567", "+85221234567"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("0044 20 7946 0000", "+442079460000"),
        ("12025550123", "+12025550123"),
        ("95500", "95500"),
        ("1001", "1001"),
        ("58781234", "58781234"),
        ("anonymous", ""),
        ("", ""),
        ("+", ""),
        ("*86", ""),
        ("1" * 65, ""),
    ],
)  # fmt: skip
def test_in_china(written: str, normal: str) -> None:
    assert CHINA.normal(written) == normal


def test_local_numbers_are_of_this_place() -> None:
    assert SHANGHAI.normal("58781234") == FIXED
    assert SHANGHAI.normal("95500") == "95500"
    assert SHANGHAI.normal("13800138000") == MOBILE


def test_elsewhere() -> None:
    assert Numbering("GB").normal("020 7946 0000") == "+442079460000"
    assert Numbering("GB").normal("0086 138 0013 8000") == MOBILE
    assert Numbering("HK").normal("2123 4567") == "+85221234567"
    assert Numbering("US").normal("(202) 555-0123") == "+12025550123"
    with pytest.raises(ValueError, match="no region"):
        Numbering("XX")


@given(st.text(max_size=70) | st.text("0123456789+- ()转x;,=", max_size=24))
@example("+0" * 30)
@example("²³")
def test_no_text_is_too_strange(text: str) -> None:
    normal = CHINA.normal(text)
    assert normal == "" or normal.removeprefix("+").isascii()
    assert normal.removeprefix("+").isdecimal() or normal == ""
    assert not CHINA.spellings(text) or CHINA.spellings(text)[0] == normal


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True).filter(lambda text: text[:3] != "179"))
def test_the_short_way_for_mobiles_is_the_library_s(number: str) -> None:
    assert CHINA._world("+86" + number) == "+86" + number
    for written in (number, "0" + number, "86" + number, "+86" + number):
        assert CHINA.normal(written) == "+86" + number


@given(st.from_regex(r"\+(861[3-9][0-9]{9}|8621[5-6][0-9]{7}|4420794600[0-9]{2})", fullmatch=True))
def test_the_one_form_stays_and_every_spelling_leads_back(number: str) -> None:
    normal = SHANGHAI.normal(number)
    assert SHANGHAI.normal(normal) == normal
    assert {SHANGHAI.normal(each) for each in SHANGHAI.spellings(normal)} == {normal}
