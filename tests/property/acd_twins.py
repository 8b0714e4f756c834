"""Two distributors that are told the same: what they answer and decide must be the same."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis.stateful import RuleBasedStateMachine

from ccd.acd.distributor import AcdError, Action, Distributor


class Twins(RuleBasedStateMachine):
    """`do` tells both; `follow` is given what they decided, by `decisions`."""

    acd: Distributor
    twin: Distributor

    def do(self, method: str, *args: object, **kwargs: object) -> object:
        """Return what the verb returned, or the code of its refusal."""
        outcomes = []
        for engine in (self.acd, self.twin):
            try:
                outcomes.append(getattr(engine, method)(*args, **kwargs))
            except AcdError as error:
                outcomes.append(error.code)
        assert outcomes[0] == outcomes[1]
        self.follow()
        return outcomes[0]

    def decisions(self) -> Iterator[Action]:
        """Yield what both decided, one by one."""
        while True:
            action, twin = self.acd.next_action(), self.twin.next_action()
            assert action == twin
            if action is None:
                return
            yield action

    def follow(self) -> None:
        """Carry the decisions out, checking each against what an onlooker knows."""
        raise NotImplementedError
