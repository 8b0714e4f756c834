"""What callers hear of their wait: the right words, no word that was not prepared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.acd.waiting import wording
from ccd.acd.waiting.numerals import MOST, english, mandarin, mandarin_count
from ccd.media.prompt import Prompt

SECONDS = st.none() | st.floats(min_value=0, max_value=20_000, allow_nan=False)
LANGUAGE = st.sampled_from(wording.LANGUAGES)


def heard(prompts: tuple[Prompt, ...]) -> str:
    return " ".join(prompt.text for prompt in prompts)


@pytest.mark.parametrize(
    ("number", "alone", "counted"),
    [
        (0, "零", "零"), (2, "二", "两"), (10, "十", "十"), (12, "十二", "十二"),
        (20, "二十", "二十"), (22, "二十二", "二十二"), (102, "一百零二", "一百零二"),
        (103, "一百零三", "一百零三"), (110, "一百一十", "一百一十"), (112, "一百一十二", "一百一十二"),
        (200, "二百", "两百"), (1003, "一千零三", "一千零三"), (1030, "一千零三十", "一千零三十"),
        (1010, "一千零一十", "一千零一十"), (2000, "二千", "两千"), (2002, "二千零二", "两千零二"),
    ],
)  # fmt: skip
def test_mandarin_numbers_are_said_as_people_say_them(
    number: int, alone: str, counted: str
) -> None:
    assert mandarin(number) == alone
    assert mandarin_count(number) == counted


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"), (13, "thirteen"), (21, "twenty-one"), (40, "forty"), (103, "one hundred and three"),
        (200, "two hundred"), (1003, "one thousand and three"), (1500, "one thousand five hundred"),
    ],
)  # fmt: skip
def test_english_numbers(number: int, words: str) -> None:
    assert english(number) == words


@given(st.integers(0, MOST))
def test_mandarin_numbers_mean_what_they_say(number: int) -> None:
    assert _value(mandarin(number)) == number
    assert _value(mandarin_count(number)) == number


def _value(words: str) -> int:
    """Read a Mandarin number, as anyone who hears it does."""
    total, digit = 0, None
    for character in words:
        if character in "十百千":
            total += (1 if digit is None else digit) * {"十": 10, "百": 100, "千": 1000}[character]
            digit = None
        else:
            digit = 2 if character == "两" else "零一二三四五六七八九".index(character)
    return total + (digit or 0)


@pytest.mark.parametrize("number", [-1, MOST + 1])
def test_what_is_not_put_into_words_says_so(number: int) -> None:
    for say in (mandarin, mandarin_count, english):
        with pytest.raises(ValueError, match=f"{number} is not put into words"):
            say(number)


@pytest.mark.parametrize(
    ("number", "zh", "en"),
    [
        (1, "您是下一位。", "You are next in line."),
        (2, "您现在排在 第二位。", "You are number two in line."),
        (12, "您现在排在 第十二位。", "You are number twelve in line."),
        (103, "您现在排在 第一百零三位。", "You are number one hundred and three in line."),
        (121, "您前面还有超过一百位客户。", "There are more than one hundred callers ahead of you."),
        (202, "您前面还有超过两百位客户。", "There are more than two hundred callers ahead of you."),
    ],
)  # fmt: skip
def test_positions(number: int, zh: str, en: str) -> None:
    assert heard(wording.position(number, "zh")) == zh
    assert heard(wording.position(number, "en")) == en


def test_a_position_before_the_first_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="1 or more, not 0"):
        wording.position(0, "zh")


@pytest.mark.parametrize(
    ("p50", "p90", "zh", "en"),
    [
        (5, 50, "不到 一分钟。", "less than one minute."),
        (20, 200, "不到 四分钟。", "less than four minutes."),
        (55, 60, "大约 一分钟。", "about one minute."),
        (100, 120, "大约 两分钟。", "about two minutes."),
        (110, 170, "大约 两到 三分钟。", "about two to three minutes."),
        (170, 280, "大约 三到 五分钟。", "about three to five minutes."),
        (740, 1260, "大约 十到 二十五分钟。", "about ten to twenty-five minutes."),
        (3400, 3600, "大约 一小时。", "about one hour."),
        (2700, 3700, "超过 四十分钟。", "more than forty minutes."),
        (4000, 9000, "超过 一小时。", "more than one hour."),
    ],
)  # fmt: skip
def test_waits(p50: float, p90: float, zh: str, en: str) -> None:
    assert heard(wording.wait(p50, p90, "zh")).endswith(zh)
    assert heard(wording.wait(p50, p90, "en")).endswith(en)


@pytest.mark.parametrize(
    ("p50", "p90"),
    [
        (None, None), (None, 60.0), (60.0, None),
        (60.0, 241.0),  # four times as long, and three minutes longer
        (600.0, 1801.0),
        (120.0, 60.0), (-1.0, 60.0), (float("nan"), 60.0), (60.0, float("inf")),
    ],
)  # fmt: skip
def test_nothing_is_said_of_a_wait_that_nobody_knows(p50: float | None, p90: float | None) -> None:
    assert wording.wait(p50, p90, "zh") == ()


@given(SECONDS, SECONDS)
def test_a_wait_is_never_promised_shorter_than_nine_in_ten_are(
    p50: float | None, p90: float | None
) -> None:
    said = [prompt.key for prompt in wording.wait(p50, p90, "en")]
    if not said:
        return
    assert p50 is not None
    assert p90 is not None
    minutes = int(said[-1].removeprefix("acd-minutes-"))
    if said[0] == "acd-wait-above":
        assert minutes * 60 <= max(p50, 60)
    else:
        assert p90 <= minutes * 60


@given(LANGUAGE, st.integers(1, 30_000), SECONDS, SECONDS, st.sampled_from(wording.KEYS))
def test_all_that_can_be_said_is_in_the_vocabulary(
    language: str, number: int, p50: float | None, p90: float | None, key: str
) -> None:
    known = set(wording.vocabulary([language]))
    assert known.issuperset(wording.position(number, language))
    assert known.issuperset(wording.wait(p50, p90, language))
    assert known.issuperset(wording.callback_offer(key, language))


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_the_vocabulary_is_small_and_each_prompt_has_its_key(language: str) -> None:
    words = wording.vocabulary([language, language])
    assert len(words) < 200
    assert len({prompt.key for prompt in words}) == len(words) == len(set(words))
    assert all(prompt.lang == language and prompt.text for prompt in words)
    assert {wording.phrase(which, language)[0] for which in wording.Phrase} <= set(words)


def test_languages_of_a_setting() -> None:
    assert wording.languages_of("zh") == ("zh",)
    assert wording.languages_of("zh+en") == ("zh", "en")
    with pytest.raises(ValueError, match="'zh\\+fr' is not spoken; use zh, en, or two with \\+"):
        wording.languages_of("zh+fr")
