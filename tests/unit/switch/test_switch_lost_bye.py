"""A phone hears late that its call is over: the next one does not find it busy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from virtual.town import Town, person

from ccd.events import ConnectionCleared, Delivered
from ccd.model import Party
from ccd.sip.virtual_network import Sent


def losing_byes(town: Town, agent: str, times: int) -> Callable[[Sent], bool]:
    """The first so many BYEs to this agent's phone are lost."""
    target, left = town.phones[agent].hop, [times]

    def passes(sent: Sent) -> bool:
        if sent.target == target and sent.start_line.startswith("BYE ") and left[0]:
            left[0] -= 1
            return False
        return True

    return passes


def sent_to(town: Town, agent: str, method: str) -> list[float]:
    """When such a request went to this agent's phone, lost or not."""
    return [
        sent.at
        for sent in town.network.trace
        if sent.target == town.phones[agent].hop and sent.start_line.startswith(f"{method} ")
    ]


def two_callers(tmp_path: Path, lost: int) -> Town:
    """One agent speaks, another caller waits; the first hangs up, and our BYE is lost."""
    town = Town(tmp_path, agents=[person("anna")])
    town.staff("anna", answers_after=0.2)
    town.come("100", seconds=1.0)
    town.come("200", seconds=1.0)
    assert town.waiting() == ["200"]
    town.network.filter = losing_byes(town, "anna", lost)
    town.network.trace.clear()
    town.leave("100", seconds=0.2)
    return town


async def test_the_next_call_rings_when_the_lost_bye_was_sent_again_and_answered(
    tmp_path: Path,
) -> None:
    town = two_callers(tmp_path, 1)
    assert sent_to(town, "anna", "INVITE") == []
    # For everybody else the call was over when the BYE was sent.
    gone = [event for event in town.told(ConnectionCleared) if event.party is Party.AGENT]
    assert len(gone) == 1
    assert len(town.told(Delivered)) == 2
    town.run(2.0)
    byes, invites = sent_to(town, "anna", "BYE"), sent_to(town, "anna", "INVITE")
    assert len(byes) == 2
    assert len(invites) == 1
    assert byes[1] < invites[0] < byes[1] + 0.1
    assert town.phones["anna"].found_busy == 0
    assert town.conversations[-1] == ("200", "anna")
    town.leave("200", seconds=1.0)
    town.assert_nothing_left()


async def test_a_phone_that_never_hears_of_the_end_is_called_after_a_second(tmp_path: Path) -> None:
    town = two_callers(tmp_path, 99)
    town.run(2.0)
    byes, invites = sent_to(town, "anna", "BYE"), sent_to(town, "anna", "INVITE")
    assert 1.0 <= invites[0] - byes[0] < 1.1
    town.network.filter = None
    town.leave("200", seconds=40.0)


async def test_a_caller_who_leaves_while_his_call_waits_for_the_phone(tmp_path: Path) -> None:
    town = two_callers(tmp_path, 1)
    town.leave("200", seconds=2.0)
    assert sent_to(town, "anna", "INVITE") == []
    assert town.is_gone("200")
    town.come("300", seconds=2.0)
    assert town.conversations[-1] == ("300", "anna")
    town.leave("300", seconds=1.0)
    town.assert_nothing_left()


async def test_calls_of_a_phone_that_are_over_are_not_remembered(tmp_path: Path) -> None:
    """Sessions hold themselves in cycles, and the daemon collects these seldom."""
    town = Town(tmp_path, agents=[person("anna")])
    town.staff("anna", answers_after=0.2)
    for number in ("100", "200", "300", "400"):
        town.come(number, seconds=1.0)
        town.leave(number, seconds=1.0)
    assert len(town.conversations) == 4
    assert len(town.centre.switch._outbound._sessions["anna"]) == 1
    town.assert_nothing_left()
