"""Hold music: quiet, without a seam or a silence, and always the same."""

import numpy as np
import pytest

from ccd.media import music, wav
from ccd.media.level import level_dbm0
from ccd.media.music import compose, hold_music
from ccd.media.protocol import Sound
from ccd.media.sounds import SoundPlayer, load


@pytest.fixture(scope="module")
def piece():
    return compose()


def test_it_has_a_length_and_a_level_to_wait_with(piece):
    assert 30 < piece.size / 8000 < 60
    assert level_dbm0(piece) == pytest.approx(-22, abs=0.5)
    assert np.abs(piece.astype(int)).max() < 10_000
    # Every half second is within a few dB: never silent, never sudden.
    halves = [level_dbm0(part) for part in piece[: piece.size // 4000 * 4000].reshape(-1, 4000)]
    assert min(halves) > -28
    assert max(halves) < -17


def test_its_end_runs_into_its_beginning(piece):
    # The seam is no more of a jump than the piece makes anywhere.
    twice = np.concatenate([piece, piece]).astype(float)
    curvature = np.abs(np.diff(twice, 3))
    seam = curvature[piece.size - 6 : piece.size + 3].max()
    assert seam <= np.percentile(curvature, 99.9)
    # And the notes that ring over it go on: levels around it match.
    around = [level_dbm0(twice[piece.size + k * 400 :][:400]) for k in (-2, -1, 0, 1)]
    assert max(around) - min(around) < 10


def test_it_is_music_and_no_beep(piece):
    hertz = np.fft.rfftfreq(4096, 1 / 8000)
    frames = piece[: piece.size // 4096 * 4096].reshape(-1, 4096) * np.hanning(4096)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    # Many notes in turn, no one of which has most of the power.
    loudest = {round(12 * np.log2(hertz[k] / 440)) for k in power[:, 20:].argmax(axis=1) + 20}
    assert len(loudest) >= 7
    assert (power.sum(axis=0) / power.sum()).max() < 0.2
    # For the telephone: nearly everything between 120 and 2,000 Hz.
    assert power[:, (hertz > 120) & (hertz < 2000)].sum() / power.sum() > 0.97


def test_it_is_rendered_once(tmp_path, piece, monkeypatch):
    path = hold_music(tmp_path / "state")
    np.testing.assert_array_equal(load(path), piece)  # and always the same
    monkeypatch.setattr(music, "compose", lambda: pytest.fail("rendered again"))
    assert hold_music(tmp_path / "state") == path


def test_it_plays_for_ever(tmp_path):
    path = tmp_path / "short.wav"
    wav.write(path, np.arange(1000, dtype=np.int16))
    player = SoundPlayer((Sound(path=str(path)),), loop=True)
    assert all(player.next_frame() is not None for _ in range(100))
