"""What all tests share. Its being here puts `tests/` on the path: `from peers import …` works."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture(scope="session")
def sipp_program() -> str:
    """Give SIPp's path, or skip with the mend."""
    found = shutil.which("sipp")
    if found is None:
        pytest.skip("sipp is not installed: apt install sip-tester")
    return found
