"""Recordings: every sample at its place, whatever happens to the process or the disk."""

import errno
import os
import signal
import subprocess
import sys
import threading
import wave

import numpy as np
import pytest

from ccd.media import recorder as module
from ccd.media import wav
from ccd.media.recorder import RecorderThread, repair


@pytest.fixture
def thread():
    recorders = RecorderThread()
    recorders.start()
    yield recorders
    recorders.stop()


def audio(path):
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def ramp(start, count):
    """Samples that name their own place: channel 1 is channel 0, negated."""
    left = np.arange(start, start + count).astype(np.int16)
    return np.stack([left, -left], axis=1)


def only(results):
    (result,) = results
    return result


def test_both_channels_arrive_sample_by_sample(thread, tmp_path):
    recorder = thread.open(tmp_path / "deep" / "er" / "a.wav")
    for start in range(0, 16000, 160):
        recorder.write(ramp(start, 160))
    recorder.close()
    result = only(thread.stop())
    assert result.recorder is recorder
    assert (result.path, result.seconds, result.lost_seconds, result.error) == (
        tmp_path / "deep" / "er" / "a.wav", 2.0, 0.0, "",
    )  # fmt: skip
    np.testing.assert_array_equal(audio(result.path), ramp(0, 16000))


def test_rows_go_to_their_recordings_as_they_come_and_go(thread, tmp_path):
    recorders = [thread.open(tmp_path / f"{name}.wav") for name in range(100)]
    written = {recorder: [] for recorder in recorders}
    rng = np.random.default_rng(3)
    for _ in range(40):
        count = int(rng.integers(1, 100))
        present = tuple(rng.permutation(np.array(recorders, dtype=object))[:count])
        for _ in range(3):  # the same tuple again is the fast way
            frames = rng.integers(-32768, 32767, (count, 160, 2), dtype=np.int16)
            thread.write_rows(present, frames)
            for recorder, frame in zip(present, frames, strict=True):
                written[recorder].append(frame)
    recorders[0].close()
    thread.write_rows((recorders[0],), np.ones((1, 160, 2), dtype=np.int16))
    results = {result.recorder: result for result in thread.stop()}
    assert len(results) == 100
    for recorder, frames in written.items():
        expected = np.concatenate(frames) if frames else np.zeros((0, 2))
        np.testing.assert_array_equal(audio(results[recorder].path), expected)


def test_a_pause_is_silence_of_its_length(thread, tmp_path):
    recorder = thread.open(tmp_path / "a.wav")
    recorder.write(ramp(1, 160))
    recorder.pause(True)
    recorder.write(ramp(161, 160))
    recorder.pause(False)
    recorder.write(ramp(321, 160))
    recorder.pause(True)
    recorder.write(ramp(481, 160))
    recorder.close()
    result = only(thread.stop())
    samples = audio(result.path)
    expected = ramp(1, 640)
    expected[160:320] = expected[480:] = 0
    np.testing.assert_array_equal(samples, expected)
    assert result.lost_seconds == 0
    assert result.error == ""


def test_nothing_recorded_is_an_empty_file(thread, tmp_path):
    recorder = thread.open(tmp_path / "a.wav")
    recorder.close()
    recorder.close()
    recorder.write(ramp(0, 160))
    assert only(thread.stop()).seconds == 0
    assert audio(tmp_path / "a.wav").size == 0


def test_an_earlier_recording_is_never_overwritten(thread, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"evidence")
    (tmp_path / "a-1.wav").write_bytes(b"evidence too")
    recorder = thread.open(tmp_path / "a.wav")
    recorder.write(ramp(0, 160))
    recorder.close()
    assert only(thread.stop()).path == tmp_path / "a-2.wav"
    assert (tmp_path / "a.wav").read_bytes() == b"evidence"


def test_recordings_are_not_for_everybody(thread, tmp_path):
    thread.open(tmp_path / "a.wav")
    thread.stop()
    assert (tmp_path / "a.wav").stat().st_mode & 0o007 == 0


def test_a_folder_that_can_not_be_made_is_told_and_blocks_nobody(thread, tmp_path):
    (tmp_path / "file").write_text("in the way")
    bad = thread.open(tmp_path / "file" / "a.wav")
    good = thread.open(tmp_path / "b.wav")
    for recorder in (bad, good):
        recorder.write(ramp(0, 1600))
        recorder.close()
    results = {result.recorder: result for result in thread.stop()}
    assert results[bad].error == (
        f"{tmp_path}/file/a.wav: File exists, 0.2 s of audio are lost;"
        " move the file that is where its folder should be"
    )
    assert results[bad].lost_seconds == 0.2
    assert results[good].error == ""
    assert len(thread.problems()) == 1
    assert thread.problems() == []


class Disk:
    """A file class whose disk can be full, or take its time."""

    def __init__(self, monkeypatch):
        self.full = False
        self.filled = False
        self.moving = threading.Event()
        self.moving.set()
        disk = self

        class File(module.FileIO):
            def write(self, data):
                disk.moving.wait(10)
                if disk.full and len(data) > wav.HEADER_BYTES:
                    # As the kernel does it: what still fits, then the error.
                    if not disk.filled:
                        disk.filled = True
                        return super().write(data[:999])
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return super().write(data)

        monkeypatch.setattr(module, "FileIO", File)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def stepped(**options):
    """A recorder thread that is moved by hand, a second at a time."""
    thread = RecorderThread(**options)
    now = [0.0]

    def step():
        now[0] += 1.0
        thread._turn(now[0], everything=False)
        now[0] += 1.0
        thread._turn(now[0], everything=False)

    return thread, step


def test_a_full_disk_loses_only_its_time(disk, tmp_path):
    thread, step = stepped()
    recorder = thread.open(tmp_path / "a.wav")
    recorder.write(ramp(1, 8000))
    step()
    disk.full = True
    recorder.write(ramp(8001, 8000))
    step()
    assert thread.problems() == [
        f"{tmp_path}/a.wav: No space left on device, 1.0 s of audio are lost;"
        " free some space on the disk"
    ]
    disk.full = False
    recorder.write(ramp(16001, 8000))
    step()
    recorder.close()
    thread._thread.start()
    result = only(thread.stop())
    assert result.seconds == 3.0
    assert result.lost_seconds == 1.0
    assert "No space left" in result.error
    samples = audio(result.path)
    np.testing.assert_array_equal(samples[:8000], ramp(1, 8000))
    np.testing.assert_array_equal(samples[16000:], ramp(16001, 8000))
    assert thread.queued_bytes == 0


def test_a_stalled_disk_fills_a_bounded_queue_and_keeps_the_time(tmp_path):
    thread, step = stepped(max_queued_bytes=8000 * 4)
    recorder = thread.open(tmp_path / "a.wav")
    for start in range(0, 24000, 800):
        recorder.write(ramp(start, 800))
    assert thread.queued_bytes == 32000
    assert thread.dropped_bytes == 64000
    step()
    assert thread.queued_bytes == 0
    recorder.write(ramp(24000, 800))
    step()
    for start in range(24800, 34800, 800):
        recorder.write(ramp(start, 800))
    recorder.close()
    thread._thread.start()
    result = only(thread.stop())
    assert result.seconds == 24800 / 8000 + 10400 / 8000
    assert result.lost_seconds == 2.0 + 2400 / 8000
    assert "too slow" in result.error
    samples = audio(result.path)
    np.testing.assert_array_equal(samples[:8000], ramp(0, 8000))
    assert not samples[8000:24000].any()
    np.testing.assert_array_equal(samples[24000:32800], ramp(24000, 8800))
    assert not samples[32800:].any()


def test_the_media_loop_never_waits_for_the_disk(disk, thread, tmp_path):
    disk.moving.clear()
    recorder = thread.open(tmp_path / "a.wav")
    for start in range(0, 8000, 160):
        recorder.write(ramp(start, 160))  # returns, though no write of the disk has
    recorder.close()
    disk.moving.set()
    np.testing.assert_array_equal(audio(only(thread.stop()).path), ramp(0, 8000))


def test_the_header_is_true_after_every_write(tmp_path):
    thread, step = stepped()
    recorder = thread.open(tmp_path / "a.wav")
    for second in range(3):
        recorder.write(ramp(8000 * second, 8000))
        step()
        np.testing.assert_array_equal(audio(tmp_path / "a.wav"), ramp(0, 8000 * (second + 1)))
    thread._thread.start()
    thread.stop()


def test_a_fault_of_ours_is_told_and_recording_goes_on(thread, tmp_path, monkeypatch):
    flush, faults = module._File.flush, ["once"]

    def faulty(file):
        if faults:
            faults.pop()
            raise RuntimeError("a fault")
        return flush(file)

    monkeypatch.setattr(module._File, "flush", faulty)
    recorder = thread.open(tmp_path / "a.wav")
    recorder.write(ramp(0, 800))
    while faults:
        thread._wake.wait(0.05)
    recorder.close()
    assert only(thread.stop()).error == ""
    (problem,) = thread.problems()
    assert "RuntimeError: a fault" in problem
    np.testing.assert_array_equal(audio(tmp_path / "a.wav"), ramp(0, 800))


@pytest.mark.parametrize("shape", [(1, 160), (2, 160, 2), (1, 160, 1), (160, 2)])
def test_frames_of_another_shape_are_the_callers_mistake(thread, tmp_path, shape):
    recorder = thread.open(tmp_path / "a.wav")
    with pytest.raises(ValueError, match="for 1 recordings"):
        thread.write_rows((recorder,), np.zeros(shape, dtype=np.int16))


VICTIM = """
import sys, time, pathlib
import numpy as np
from ccd.media.recorder import RecorderThread
thread = RecorderThread()
thread.start()
path = pathlib.Path(sys.argv[1])
recorder = thread.open(path)
block = 0
said = False
while True:
    left = np.arange(block * 800, block * 800 + 800).astype(np.int16)
    recorder.write(np.stack([left, -left], axis=1))
    block += 1
    time.sleep(0.05)
    if not said and path.exists() and path.stat().st_size > 40_000:
        print("recording", flush=True)
        said = True
"""


def test_a_killed_process_leaves_its_evidence(tmp_path):
    path = tmp_path / "a.wav"
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(path)], stdout=subprocess.PIPE, text=True
    )
    with victim:
        assert victim.stdout.readline() == "recording\n"
        victim.send_signal(signal.SIGKILL)
    whole = path.stat().st_size
    samples = audio(path)  # opens as it is
    assert len(samples) > 8000
    np.testing.assert_array_equal(samples, ramp(0, len(samples)))
    seconds = repair(path)
    assert seconds == (whole - 44) // 4 / 8000
    np.testing.assert_array_equal(audio(path), ramp(0, round(seconds * 8000)))


def test_a_header_behind_its_data_is_repaired(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav.header(0, channels=2) + ramp(0, 500).tobytes() + b"\1")
    assert audio(path).size == 0
    assert repair(path) == 500 / 8000
    np.testing.assert_array_equal(audio(path), ramp(0, 500))


@pytest.mark.parametrize("content", [b"", b"a letter to a friend" * 10, wav.header(0)])
def test_only_recordings_are_repaired(tmp_path, content):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no recording made here"):
        repair(path)
    assert path.read_bytes() == content
