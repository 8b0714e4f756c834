"""Players: sources that give a frame of a play list each tick.

Files are read and resampled in another thread; a player whose sounds are not ready yet
is silent, and its time begins when they are. One that never ends and that nobody hears
(hold music for an empty queue) *rests*: it costs nothing, so the worker may doze, and when
somebody listens again it is where it would be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future

from ccd.media.board import Board
from ccd.media.protocol import FRAME_MS, Sound
from ccd.media.sounds import SoundError, SoundPlayer

Ended = Callable[[str, str], None]
"""Called with the reason (`completed`, `failed`) and the error."""


class _Player:
    __slots__ = ("ended", "future", "rests_since", "sounds")

    def __init__(self, future: Future[SoundPlayer], ended: Ended) -> None:
        self.future: Future[SoundPlayer] | None = future
        self.sounds: SoundPlayer | None = None
        self.rests_since: float | None = None
        """When its last frame was, where nobody hears it."""
        self.ended = ended


class Players:
    """All players, by row of the board's nodes. `loader` reads their files."""

    def __init__(self, board: Board, loader: Executor) -> None:
        self._board = board
        self._loader = loader
        self._players: dict[int, _Player] = {}

    @property
    def busy(self) -> bool:
        """A player plays, or is about to."""
        return any(
            player.rests_since is None or self._board.edges.touch(row)
            for row, player in self._players.items()
        )

    def start(self, row: int, sounds: Sequence[Sound], *, loop: bool, ended: Ended) -> None:
        """Begin a play list; `ended` is called once, from `advance`, unless it is stopped."""
        future = self._loader.submit(SoundPlayer, sounds, loop)
        self._players[row] = _Player(future, ended)

    def stop(self, row: int) -> bool:
        """Forget a player; whether there was one."""
        player = self._players.pop(row, None)
        if player is not None and player.future is not None:
            player.future.cancel()
        return player is not None

    def advance(self, now: float) -> None:
        """Put every player's next frame into its row; tell those that are at their end."""
        frames = self._board.nodes.frame
        over: list[tuple[int, str, str]] = []
        for row, player in self._players.items():
            if player.sounds is None and not self._loaded(player):
                continue
            try:
                if player.future is not None:
                    player.sounds = player.future.result()
                    player.future = None
                assert player.sounds is not None
                if self._rests(row, player, player.sounds, now):
                    continue
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

    def _rests(self, row: int, player: _Player, sounds: SoundPlayer, now: float) -> bool:
        """Whether it plays to nobody; who begins to listen finds it where time has got to."""
        if not sounds.endless:
            return False  # its end is to be told
        if not self._board.edges.touch(row):
            if player.rests_since is None:
                player.rests_since = now
            return True
        if player.rests_since is not None:
            # The frame at which it lay down was not played, this one is about to be.
            sounds.skip(round((now - player.rests_since) * 1000 / FRAME_MS))
            player.rests_since = None
        return False

    def _loaded(self, player: _Player) -> bool:
        return player.future is not None and player.future.done()
