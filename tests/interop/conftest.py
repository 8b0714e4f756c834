"""One daemon a module, started as its users start it, and its events for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

import pytest
from peers.audio import Audio
from peers.centre import Centre, make_centre
from peers.daemon import Watch


@pytest.fixture(scope="module")
def open_centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Centre]]:
    """Start daemons on the tests' settings; ended, with SIGTERM, when the module is done.

    A daemon that does not end well, or logged a fault of its own, fails the module.
    """
    centres: list[Centre] = []

    def start(studio: Mapping[str, Audio] | None = None, **changes: Any) -> Centre:
        centre = make_centre(tmp_path_factory.mktemp("centre"), changes, studio)
        centres.append(centre)
        centre.daemon.start()
        return centre

    yield start
    try:
        for centre in centres:
            assert centre.daemon.stop() == 0, centre.daemon.log_tail()
            assert centre.daemon.log_entries("error") == []
    finally:
        for centre in centres:
            centre.daemon.kill()


@pytest.fixture(scope="module")
def centre(open_centre: Callable[..., Centre]) -> Centre:
    """The module's daemon."""
    return open_centre()


@pytest.fixture
async def watch(centre: Centre) -> AsyncIterator[Watch]:
    """The centre's events since the test began."""
    async with Watch(centre.daemon) as watching:
        yield watching
