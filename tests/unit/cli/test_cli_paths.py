"""Where state and settings lie."""

from pathlib import Path

import pytest

from ccd.paths import (
    LONGEST_SOCKET_NAME,
    LONGEST_SOCKET_PATH,
    StatePaths,
    settings_path,
    state_paths,
)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CCD_STATE", raising=False)
    monkeypatch.delenv("CCD_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "states"))


def test_the_option_wins_over_the_variable_and_that_over_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert state_paths().root == tmp_path / "states" / "ccd"
    monkeypatch.setenv("CCD_STATE", "/named")
    assert state_paths().root == Path("/named")
    assert state_paths(Path("/chosen")).root == Path("/chosen")


def test_a_relative_folder_is_fixed_where_the_command_was_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert state_paths(Path("here")).root == tmp_path / "here"


def test_settings_are_the_named_ones_else_the_nearest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = StatePaths(tmp_path / "state")
    user = tmp_path / "config" / "ccd" / "ccd.toml"
    for file in (user, state.settings):
        found = settings_path(None, state)
        assert found is None or found == Path("/etc/ccd/ccd.toml") or found == user
        file.parent.mkdir(parents=True)
        file.write_text("")
        assert settings_path(None, state) == file
    monkeypatch.setenv("CCD_CONFIG", "/named.toml")
    assert settings_path(None, state) == Path("/named.toml")
    assert settings_path(Path("/chosen.toml"), state) == Path("/chosen.toml")


@pytest.mark.parametrize("length", [5, 60, 150, 300])
def test_a_socket_s_path_always_fits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, length: int
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    sockets = StatePaths(Path("/" + "x" * length)).sockets
    assert len(str(sockets)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH or str(
        sockets
    ).startswith("/tmp")


def test_two_folders_never_share_sockets() -> None:
    long = "/" + "x" * 200
    assert StatePaths(Path(long + "a")).sockets != StatePaths(Path(long + "b")).sockets


def test_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path / "state")
    paths.prepare()
    for folder in (paths.root, paths.recordings, paths.sockets, paths.log.parent):
        assert folder.stat().st_mode & 0o077 == 0
    paths.prepare()  # again: nothing to do
