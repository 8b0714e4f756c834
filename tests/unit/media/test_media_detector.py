"""Tones found where they are and nowhere else; keyed digits after ITU-T Q.24."""

import numpy as np
import pytest

from ccd.media.codecs import decode, encode
from ccd.media.detector import DtmfDetector, ToneDetector, levels
from ccd.media.level import amplitude, level_dbm0, rms
from ccd.media.music import compose
from ccd.media.protocol import Codec
from ccd.media.sounds import SoundPlayer, load
from ccd.media.speech import Prompt, render_many_now
from ccd.media.tones import BUSY, DTMF, RINGBACK, dtmf, tone


def sine(frequency, level, milliseconds, start=0):
    time = np.arange(start, start + milliseconds * 8) / 8000
    return amplitude(level) * np.sin(2 * np.pi * frequency * time)


def whole(*parts):
    """Samples of all parts in turn, clipped, filled up to whole frames."""
    samples = np.clip(np.rint(np.concatenate(parts)), -32768, 32767)
    return np.append(samples, np.zeros(-samples.size % 160)).astype(np.int16)


def silence(milliseconds):
    return np.zeros(milliseconds * 8)


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A minute of speech in two languages."""
    english = (
        "Good morning, I would like to know how my order for two thousand shares is doing.",
        "Your order was filled at nine thirty, at an average price of seventeen eighty four.",
        "Please hold the line while I look at your account, this will take a little moment.",
    )
    mandarin = (
        "您好，我想查询一下昨天下午委托的两千股是不是已经成交了。",
        "请您稍等，我马上为您转接人工客服。",
    )
    prompts = [Prompt(text, "en") for text in english] + [Prompt(text, "zh") for text in mandarin]
    paths = render_many_now(prompts, tmp_path_factory.mktemp("talk"))
    return whole(*[load(path).astype(float) for path in paths])


def test_levels_of_many_rows_and_frequencies():
    rows = np.stack(
        [whole(sine(f, level, 20)) for f, level in ((400, -10), (1000, -30), (2150, 0))]
    )
    found = levels(rows, (400, 1000, 2150))
    np.testing.assert_allclose(np.diag(found), (-10, -30, 0), atol=0.1)
    assert (found - np.diag(np.diag(found))).max() <= 0.1
    off = found[~np.eye(3, dtype=bool)]
    assert off.max() < -45


def changes(samples, *frequencies, **options):
    detector = ToneDetector(frequencies, **options)
    return [
        (at // 8, change)
        for at in range(0, samples.size, 160)
        for change in detector.feed(samples[at : at + 160])
    ]


@pytest.mark.parametrize("level", [-35, -10, 0, 3])
@pytest.mark.parametrize("codec", Codec)
def test_a_tone_begins_and_ceases(level, codec):
    samples = whole(silence(200), sine(450, level, 400), silence(200))
    samples = decode(codec, encode(codec, samples))
    (begin, began), (cease, ceased) = changes(samples, 450.0)
    assert (began.frequency, began.present, ceased.present) == (450.0, True, False)
    assert began.level_dbm0 == pytest.approx(level, abs=0.5)
    # A frame's time is that of its beginning: 80 ms of tone lie in 4 frames.
    assert 260 <= begin <= 300
    assert 660 <= cease <= 720


def test_cadences_are_followed():
    for cadence, on, period in ((BUSY["cn"], 350, 700), (RINGBACK["us"], 2000, 6000)):
        player = SoundPlayer(cadence.sounds(-15), loop=True)
        samples = np.concatenate([player.next_frame() for _ in range(3 * period // 20)])
        found = changes(samples, *cadence.frequencies)
        for frequency in cadence.frequencies:
            begins = [
                at for at, change in found if change.frequency == frequency and change.present
            ]
            ceases = [
                at for at, change in found if change.frequency == frequency and not change.present
            ]
            assert np.diff(begins) == pytest.approx(period, abs=20)
            assert np.subtract(ceases, begins) == pytest.approx(on, abs=60)


@pytest.mark.parametrize("milliseconds", [20, 40, 59])
def test_what_is_too_short_is_no_tone_and_no_pause(milliseconds):
    blip = whole(silence(100), sine(450, -10, milliseconds), silence(200))
    assert changes(blip, 450.0) == []
    gap = whole(sine(450, -10, 300), silence(milliseconds // 2), sine(450, -10, 300, 300))
    assert [change.present for _, change in changes(gap, 450.0)] == [True]


def test_mixed_and_clipped_tones_are_all_heard():
    for gain_db in (-20, -6, 3, 12):
        mix = sine(500, gain_db, 400) + sine(700, gain_db - 6, 400) + sine(1100, gain_db, 400)
        found = changes(whole(mix), 500.0, 700.0, 900.0, 1100.0)
        assert {change.frequency for _, change in found if change.present} == {500, 700, 1100}


def test_one_tone_is_not_taken_for_its_neighbour():
    assert changes(whole(sine(450, 0, 500)), 410.0, 490.0, 550.0) == []


def test_noise_below_a_tone_does_not_hide_it_and_is_none():
    noise = np.random.default_rng(1).standard_normal(8000)
    assert changes(whole(noise * rms(-10)), 450.0, 1000.0) == []
    assert changes(whole(noise * rms(-25) + sine(450, -15, 1000)), 450.0)[0][1].present


def test_too_quiet_is_not_there():
    assert changes(whole(sine(450, -45, 500)), 450.0) == []
    assert changes(whole(sine(450, -45, 500)), 450.0, threshold_dbm0=-50) != []


def test_speech_is_no_tone(talk):
    for frequency in range(300, 1500, 25):
        assert changes(talk, float(frequency)) == []


def test_hold_music_is_hardly_ever_a_tone():
    piece = compose()[: 20 * 8000]
    wrong = sum(bool(changes(piece, float(frequency))) for frequency in range(300, 1500, 50))
    assert wrong <= 1


@pytest.mark.parametrize("frequency", [0.0, 4000.0, float("nan")])
def test_frequencies_beyond_the_line_are_refused(frequency):
    with pytest.raises(ValueError, match="Hz"):
        ToneDetector((frequency,))


def keyed(samples, detector=None):
    detector = detector or DtmfDetector(1)
    row = np.array([0])
    return "".join(
        digit
        for at in range(0, samples.size, 160)
        for _, digit in detector.feed(row, samples[None, at : at + 160])
    )


def pair(digit, milliseconds, *, low=-10.0, high=-10.0, low_off=0.0, high_off=0.0):
    a, b = DTMF[digit]
    return sine(a * (1 + low_off), low, milliseconds) + sine(b * (1 + high_off), high, milliseconds)


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("level", [0.0, -10.0, -24.0])
def test_all_digits_at_all_levels(codec, level):
    samples = whole(dtmf("0123456789*#ABCD", 60, 60, level), silence(40))
    assert keyed(decode(codec, encode(codec, samples))) == "0123456789*#ABCD"


@pytest.mark.parametrize("offset", range(0, 160, 16))
def test_forty_milliseconds_wherever_they_begin(offset):
    presses = whole(np.zeros(offset), dtmf("1590DD", 40, 40, -12), silence(60))
    assert keyed(presses) == "1590DD"


@pytest.mark.parametrize("offset", range(0, 160, 16))
def test_too_short_is_no_press(offset):
    for digit in "159D":
        presses = whole(
            np.zeros(offset), pair(digit, 20), silence(60), pair(digit, 22), silence(60)
        )
        assert keyed(presses) == ""


@pytest.mark.parametrize("offset", range(0, 160, 16))
def test_an_interruption_of_10_ms_is_no_second_press(offset):
    press = whole(np.zeros(offset), pair("5", 100), silence(10), pair("5", 100), silence(60))
    assert keyed(press) == "5"


def test_twist_within_q24_is_taken_and_far_beyond_refused():
    for low, high in ((-10, -6), (-6, -14)):
        assert keyed(whole(pair("6", 80, low=low, high=high), silence(40))) == "6"
    for low, high in ((-16, -6), (-4, -18)):
        assert keyed(whole(pair("6", 80, low=low, high=high), silence(40))) == ""


@pytest.mark.parametrize("digit", list(DTMF))
def test_frequencies_in_tune_are_taken_and_out_of_tune_refused(digit):
    for off in (-0.015, 0.015):
        assert keyed(whole(pair(digit, 60, low_off=off, high_off=-off), silence(40))) == digit
    for off in (-0.035, 0.035):
        assert keyed(whole(pair(digit, 100, low_off=off), silence(40))) == ""
        assert keyed(whole(pair(digit, 100, high_off=off), silence(40))) == ""


def test_digits_in_noise():
    noise = np.random.default_rng(3).standard_normal(16 * 8 * 120 + 640)
    clean = whole(dtmf("123A456B789C*0#D", 60, 60, -12), silence(80)).astype(float)
    assert keyed(whole(clean + noise[: clean.size] * rms(-12 + 3 - 15))) == "123A456B789C*0#D"


def test_one_tone_alone_is_no_digit():
    assert keyed(whole(sine(697, -5, 200), sine(1336, -5, 200))) == ""


def test_talking_music_and_ringing_key_nothing(talk):
    assert keyed(talk) == ""
    piece = compose()
    assert keyed(piece[: piece.size // 160 * 160]) == ""
    assert keyed(whole(tone((450.0,), 1000), tone((440.0, 480.0), 1000))) == ""


def test_digits_over_a_quiet_voice_are_heard(talk):
    digits = dtmf("2580", 100, 100, -8).astype(float)
    voice = talk[8000 : 8000 + digits.size].astype(float)
    assert level_dbm0(voice.astype(np.int16)) > -22
    assert keyed(whole(digits + voice * 0.15, silence(80))) == "2580"


def test_many_legs_at_once_do_not_mix():
    rng = np.random.default_rng(9)
    count = 64
    detector = DtmfDetector(count)
    wanted = ["".join(rng.choice(list(DTMF), 5)) for _ in range(count)]
    streams = [
        whole(np.zeros(rng.integers(0, 800)), dtmf(digits, 50, 50, -10)) for digits in wanted
    ]
    length = max(stream.size for stream in streams) + 800
    audio = np.stack([np.append(s, np.zeros(length - s.size, np.int16)) for s in streams])
    audio = audio[:, : length // 160 * 160].reshape(count, -1, 160)
    heard = [""] * count
    for k in range(audio.shape[1]):
        rows = rng.permutation(count)
        for row, digit in detector.feed(rows, audio[rows, k]):
            heard[row] += digit
    assert heard == wanted


def test_a_reset_row_begins_anew():
    detector = DtmfDetector(1)
    held = whole(pair("7", 100))
    assert keyed(held, detector) == "7"
    detector.reset(np.array([0]))
    assert keyed(held, detector) == "7"
