"""Callers' intentions are drawn from seeds; voices are told apart."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from lab.trunk_sim.plans import (
    TYPICAL_MIX,
    Behaviour,
    Habits,
    draw_plan,
    poisson_arrivals,
)
from lab.trunk_sim.voices import (
    ALL_TONES,
    CALLER_VOICES,
    ROBOT_VOICES,
    SYLLABLE_MS,
    Ear,
    caller_voice,
    robot_voice,
)


def test_same_seed_same_plans() -> None:
    first = [draw_plan(n, Habits(), random.Random(7)) for n in range(5)]
    again = [draw_plan(n, Habits(), random.Random(7)) for n in range(5)]
    assert first == again


def test_mix_is_followed() -> None:
    rng = random.Random(1)
    drawn = Counter(draw_plan(n, Habits(), rng).behaviour for n in range(5000))
    for behaviour, share in TYPICAL_MIX.items():
        assert drawn[behaviour] / 5000 == pytest.approx(share, abs=0.02)


def test_every_caller_has_a_number_of_his_own() -> None:
    rng = random.Random(1)
    anis = {draw_plan(n, Habits(), rng).ani for n in range(3000)}
    assert len(anis) == 3000


def test_behaviours_differ_where_they_should() -> None:
    rng = random.Random(3)
    habits = Habits(mix={Behaviour.LEAVES_MENU: 1.0})
    leaver = draw_plan(0, habits, rng)
    assert leaver.presses == ()
    assert leaver.menu_patience_s is not None
    wrong = draw_plan(1, Habits(mix={Behaviour.WRONG_DIGIT: 1.0}), rng)
    assert [press.digit for press in wrong.presses] == ["5", "1"]
    canceller = draw_plan(2, Habits(mix={Behaviour.CANCELS: 1.0}), rng)
    assert canceller.cancel_after_s is not None
    impatient = draw_plan(3, Habits(mix={Behaviour.IMPATIENT: 1.0}), rng)
    assert impatient.patience_s <= Habits().impatience_s[1]


def test_poisson_arrivals_have_the_rate_asked_for() -> None:
    arrivals = list(poisson_arrivals(20.0, random.Random(5), duration_s=100.0))
    assert len(arrivals) == pytest.approx(2000, rel=0.1)
    assert arrivals == sorted(arrivals)
    gaps = [b - a for a, b in itertools.pairwise(arrivals)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance == pytest.approx(mean**2, rel=0.2)  # exponential: deviation equals mean


def test_arrivals_end_after_the_calls_asked_for() -> None:
    assert len(list(poisson_arrivals(5.0, random.Random(5), calls=17))) == 17


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_arrivals_refuse_a_rate_that_never_brings_anyone(rate: float) -> None:
    with pytest.raises(ValueError, match="positive rate"):
        next(poisson_arrivals(rate, random.Random(1), calls=1))


def test_voices_of_both_sides_share_no_tone() -> None:
    assert len(set(ALL_TONES)) == len(ALL_TONES)
    assert all(tone % 50 == 0 for tone in ALL_TONES)
    robots = {tone for voice in ROBOT_VOICES for tone in voice.tones}
    callers = {tone for voice in CALLER_VOICES for tone in voice.tones}
    assert not robots & callers
    assert len({robot_voice(n) for n in range(15)}) == 15
    assert len({caller_voice(n) for n in range(28)}) == 28


def speak(ear: Ear, tones: tuple[float, ...], start: float, syllable_s: float) -> float:
    for tone in tones:
        ear.tone(tone, True, start)
        start += syllable_s
        ear.tone(tone, False, start)
    return start


def test_ear_recognises_a_voice_by_both_tones() -> None:
    ear = Ear()
    voice = robot_voice(3)
    at = speak(ear, voice.tones[:1], 10.0, SYLLABLE_MS / 1000)
    assert ear.recognise(ROBOT_VOICES) is None
    speak(ear, voice.tones[1:], at, SYLLABLE_MS / 1000)
    assert ear.recognise(ROBOT_VOICES) == voice
    assert ear.recognise(CALLER_VOICES) is None
    assert ear.heard_ms == dict.fromkeys(voice.tones, SYLLABLE_MS)


def test_ear_prefers_the_voice_it_heard_most() -> None:
    ear = Ear()
    first, second = ROBOT_VOICES[0], ROBOT_VOICES[-1]
    at = speak(ear, first.tones * 3, 0.0, 0.24)
    speak(ear, second.tones, at, 0.24)
    assert ear.recognise(ROBOT_VOICES) == first


def test_ear_forgets_what_is_shorter_than_a_syllable() -> None:
    ear = Ear()
    speak(ear, caller_voice(0).tones * 5, 0.0, 0.08)
    assert ear.heard_ms == {}
    assert not ear.hears(caller_voice(0))


def test_ear_counts_what_still_sounds_at_the_end() -> None:
    ear = Ear()
    ear.tone(2350.0, True, 1.0)
    ear.finish(1.5)
    assert ear.heard_ms == {2350.0: 500}
