"""Text as prompts: the engine is the real one, in its own process."""

import subprocess
import sys
import wave

import numpy as np
import pytest

from ccd.media import speech, wav
from ccd.media.espeak import EngineError, active_level, prompt
from ccd.media.level import amplitude
from ccd.media.sounds import load
from ccd.media.speech import Prompt, SpeechError, render, render_many_now, render_now

ENGLISH = "Welcome. Please press one for trading."
MANDARIN = "欢迎致电，交易委托请按一。"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("speech")


@pytest.fixture(scope="module")
def spoken(folder):
    paths = render_many_now([Prompt(ENGLISH, "en"), Prompt(MANDARIN, "zh")], folder)
    return dict(zip(("en", "zh"), paths, strict=True))


def syllables(samples):
    """Bumps of the envelope: a rough count of syllables."""
    power = np.square(samples[: samples.size // 160 * 160].astype(float)).reshape(-1, 160).mean(1)
    envelope = np.convolve(np.sqrt(power), np.hanning(7) / np.hanning(7).sum(), "same")
    rises = np.diff((envelope > envelope.max() * 0.25).astype(int)) == 1
    return int(rises.sum())


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_prompt_is_telephone_speech(spoken, lang):
    with wave.open(str(spoken[lang])) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
    samples = load(spoken[lang])
    assert 1.5 < samples.size / 8000 < 6.0
    assert active_level(samples) == pytest.approx(-16, abs=1.0)
    assert np.abs(samples.astype(int)).max() < 32000
    # Speech, not a tone or noise: its power lies below 1.5 kHz, and in many lines.
    spectrum = np.abs(np.fft.rfft(samples.astype(float))) ** 2
    hertz = np.fft.rfftfreq(samples.size, 1 / 8000)
    assert spectrum[(hertz > 80) & (hertz < 1500)].sum() / spectrum.sum() > 0.7
    assert np.count_nonzero(spectrum > spectrum.max() / 100) > 50
    assert syllables(samples) >= 3


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_silence_around_a_prompt_is_trimmed(spoken, lang):
    samples = load(spoken[lang]).astype(float)
    loud = np.abs(samples) > amplitude(-45)
    assert 0 <= np.argmax(loud) < 400
    assert np.argmax(loud[::-1]) < 1000


def test_a_sentence_has_a_pause_and_more_text_takes_longer(spoken, folder):
    samples = load(spoken["en"])
    power = np.square(samples[: samples.size // 160 * 160].astype(float)).reshape(-1, 160).mean(1)
    assert (power < amplitude(-50) ** 2).sum() > 5  # 100 ms after "Welcome."
    longer = load(render_now(ENGLISH + " Press two for account services.", "en", folder))
    assert longer.size > samples.size * 1.3


def test_a_text_is_spoken_once(folder, spoken, monkeypatch):
    def run(*_, **__):
        raise AssertionError("the engine was started for a prompt that is there")

    monkeypatch.setattr(subprocess, "run", run)
    assert render_now(ENGLISH, "en", folder) == spoken["en"]


def test_text_language_and_voice_make_the_file(folder, spoken, monkeypatch):
    names = {speech._file_name(Prompt(ENGLISH, "en")), speech._file_name(Prompt(ENGLISH, "zh"))}
    names.add(speech._file_name(Prompt(ENGLISH + " ", "en")))
    monkeypatch.setitem(speech.VOICES, "en", speech.VOICES["en"]._replace(pitch=60))
    names.add(speech._file_name(Prompt(ENGLISH, "en")))
    assert len(names) == 4
    assert spoken["en"].name in names


async def test_render_does_not_block_the_loop(folder, spoken):
    assert await render(ENGLISH, "en", folder) == spoken["en"]


def test_a_studio_recording_goes_first(tmp_path, folder, spoken):
    studio = tmp_path / "studio"
    studio.mkdir()
    assert render_now(ENGLISH, "en", folder, key="welcome", studio=studio) == spoken["en"]
    wav.write(studio / "welcome.wav", np.zeros(800, dtype=np.int16))
    assert render_now(ENGLISH, "en", folder, key="welcome", studio=studio) == studio / "welcome.wav"
    wav.write(studio / "welcome.zh.wav", np.zeros(800, dtype=np.int16))
    chosen = render_now(MANDARIN, "zh", folder, key="welcome", studio=studio)
    assert chosen == studio / "welcome.zh.wav"
    assert render_now(ENGLISH, "en", folder, studio=studio) == spoken["en"]


@pytest.mark.parametrize("key", ["../secret", "a/b", "/etc/passwd"])
def test_a_key_does_not_leave_the_studio(tmp_path, key):
    with pytest.raises(SpeechError, match="without slashes"):
        render_now("text", "en", tmp_path, key=key, studio=tmp_path)


@pytest.mark.parametrize(
    ("text", "lang", "reason"),
    [
        ("", "en", "without text"),
        (" \n", "en", "without text"),
        ("hello", "fr", "no voice for language 'fr'; use en, zh"),
        ("x" * 5001, "en", "5001 characters"),
        ("a\0b", "en", "control characters"),
    ],
)
def test_what_can_not_be_said_is_refused_with_a_reason(tmp_path, text, lang, reason):
    with pytest.raises(SpeechError, match=reason):
        render_now(text, lang, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_bad_text_does_not_take_the_others_along(tmp_path):
    with pytest.raises(SpeechError, match="nothing in the text"):
        render_many_now([Prompt("…", "en"), Prompt("Yes.", "en")], tmp_path)
    assert len(list(tmp_path.glob("*.wav"))) == 1
    assert load(render_now("Yes.", "en", tmp_path)).size > 800


def test_markup_and_brackets_are_only_text(tmp_path):
    path = render_now("[[h@l'oU]] <break time='9s'/> 1 < 2", "en", tmp_path)
    assert load(path).size < 8 * 8000


@pytest.mark.parametrize(
    "death", ["import os; os.abort()", "raise SystemExit('out of order')", 'print(\'{"path": "/\')']
)
def test_an_engine_that_dies_is_an_error_of_the_text_alone(tmp_path, monkeypatch, death):
    monkeypatch.setattr(speech, "_ENGINE", (sys.executable, "-c", death))
    with pytest.raises(SpeechError, match=r"“hello” \(en\): the speech engine died of it"):
        render_now("hello", "en", tmp_path)


def test_an_engine_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "_ENGINE", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(speech, "_START_S", 0.2)
    monkeypatch.setattr(speech, "_PER_TEXT_S", 0.0)
    with pytest.raises(SpeechError, match="took too long"):
        render_now("hello", "en", tmp_path)


def test_no_python_to_run_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(speech, "_ENGINE", (str(tmp_path / "no-python"),))
    with pytest.raises(SpeechError, match="can't start the speech engine"):
        render_now("hello", "en", tmp_path)


def test_a_folder_that_can_not_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpeechError, match="can't keep spoken prompts there"):
        render_now("hello", "en", tmp_path / "file" / "deeper")


def test_levelling_keeps_peaks_from_clipping():
    time = np.arange(8000) / 8000
    clicks = np.where(np.arange(8000) % 100 == 0, 1000.0, 0.0) + np.sin(2 * np.pi * 200 * time)
    assert np.abs(prompt(clicks.astype(np.float32)).astype(int)).max() <= 32000
    with pytest.raises(EngineError, match="nothing"):
        prompt(np.zeros(8000, dtype=np.float32))
    with pytest.raises(EngineError, match="nothing"):
        prompt(np.zeros(0, dtype=np.float32))
