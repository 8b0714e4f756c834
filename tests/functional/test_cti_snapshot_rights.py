"""Who sees which calls: a supervisor all, an agent those that he is in."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual.centre import VirtualCentre
from virtual.wired import Wired

from ccd.cti.spec import Role
from ccd.cti.wire import CtiError, ErrorCode


@pytest.mark.parametrize(
    ("roles", "agents", "seen"),
    [
        ({Role.SUPERVISOR}, set(), True),
        ({Role.AGENT}, {"agent1"}, True),
        ({Role.AGENT}, {"agent2"}, False),
        ({Role.QA}, set(), False),
    ],
)
async def test_calls_are_shown_to_whom_they_concern(
    tmp_path: Path, roles: set[Role], agents: set[str], seen: bool
) -> None:
    centre = VirtualCentre(tmp_path, agents=2)
    centre.talking()
    async with Wired(tmp_path, centre) as wired:
        (session,) = wired.server.sessions.values()
        session.roles, session.agents = frozenset(roles), agents
        snapshot = await wired.client.snapshot()
        assert [call.call for call in snapshot.calls] == ([centre.call.id] if seen else [])
        assert len(snapshot.agents) == 2
        if seen:
            one = await wired.client.snapshot_call(centre.call.id)
            assert len(one.call.legs) == 2
        else:
            with pytest.raises(CtiError, match="nobody's of this session") as refused:
                await wired.client.snapshot_call(centre.call.id)
            assert refused.value.code is ErrorCode.FORBIDDEN
