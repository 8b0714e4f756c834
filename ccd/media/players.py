"""Players: sources that give a frame of a play list each tick.

Files are read and resampled in another thread; a player whose sounds are not ready yet
is silent, and its time begins when they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future

from ccd.media.nodes import Nodes
from ccd.media.protocol import Sound
from ccd.media.sounds import SoundError, SoundPlayer

Ended = Callable[[str, str], None]
"""Called with the reason (`completed`, `failed`) and the error."""


class _Player:
    __slots__ = ("ended", "future", "sounds")

    def __init__(self, future: Future[SoundPlayer], ended: Ended) -> None:
        self.future: Future[SoundPlayer] | None = future
        self.sounds: SoundPlayer | None = None
        self.ended = ended


class Players:
    """All players, by row. `loader` reads their files."""

    def __init__(self, nodes: Nodes, loader: Executor) -> None:
        self._nodes = nodes
        self._loader = loader
        self._players: dict[int, _Player] = {}

    def start(self, row: int, sounds: Sequence[Sound], *, loop: bool, ended: Ended) -> None:
        """Begin a play list; `ended` is called once, from `advance`, unless it is stopped."""
        self._players[row] = _Player(self._loader.submit(SoundPlayer, sounds, loop), ended)

    def stop(self, row: int) -> bool:
        """Forget a player; whether there was one."""
        player = self._players.pop(row, None)
        if player is not None and player.future is not None:
            player.future.cancel()
        return player is not None

    def advance(self) -> None:
        """Put every player's next frame into its row; tell those that are at their end."""
        frames = self._nodes.frame
        over: list[tuple[int, str, str]] = []
        for row, player in self._players.items():
            if player.sounds is None and not self._loaded(player):
                continue
            try:
                if player.future is not None:
                    player.sounds = player.future.result()
                    player.future = None
                assert player.sounds is not None
                frame = player.sounds.next_frame()
            except SoundError as error:
                over.append((row, "failed", str(error)))
                continue
            except Exception as error:
                over.append((row, "failed", f"{type(error).__name__}: {error}"))
                continue
            if frame is None:
                over.append((row, "completed", ""))
            else:
                frames[row] = frame
        for row, reason, error_text in over:
            self._players.pop(row).ended(reason, error_text)

    def _loaded(self, player: _Player) -> bool:
        return player.future is not None and player.future.done()
