"""Whatever programs do: each call is routed exactly once, and never later than its patience lasts."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ccd.control.routing import (
    Ask,
    Chosen,
    Defaulted,
    Gone,
    Health,
    InService,
    NotAskedError,
    OutOfService,
    Routing,
    Rules,
)

RULES = Rules(patience_s=5.0, reroutes=1, failures=2, rest_s=4.0, rest_max_s=10.0)
ROUTERS = st.sampled_from(["a", "b", "c"])
QUEUES = st.sampled_from(["orders", "advice", "*"])


class Programs(RuleBasedStateMachine):
    """Programs that come, go, answer, answer wrongly, and say nothing; callers who do not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.engine = Routing(RULES)
        self.calls = 0
        self.open: dict[str, float] = {}
        """Calls that are asked about, and when each came."""
        self.asked: dict[str, tuple[str, float]] = {}
        """Who was asked last about each, and until when."""
        self.in_service: set[tuple[str, str]] = set()
        self.reachable = True

    # --- what may happen --------------------------------------------------------------------

    @rule(router=ROUTERS, queue=QUEUES, timeout_s=st.sampled_from([0.5, 2.0, 20.0]))
    def register(self, router: str, queue: str, timeout_s: float) -> None:
        self.engine.register(router, queue, timeout_s, self.now)
        self.in_service.discard((router, queue))  # said anew
        self.carry_out()

    @rule(router=ROUTERS, queue=st.none() | QUEUES)
    def cancel(self, router: str, queue: str | None) -> None:
        self.engine.cancel(router, self.now, queue=queue)
        # Who rests is told of as cancelled too, and was out of service before.
        self.carry_out()

    @rule(queue=st.sampled_from(["orders", "advice"]))
    def come(self, queue: str) -> None:
        self.calls += 1
        call = f"call{self.calls}"
        if self.engine.ask(call, queue, self.now):
            self.open[call] = self.now
        self.carry_out()

    @precondition(lambda self: self.open)
    @rule(data=st.data(), reachable=st.booleans(), rejects=st.booleans())
    def answer(self, data: st.DataObject, reachable: bool, rejects: bool) -> None:
        call = data.draw(st.sampled_from(sorted(self.open)))
        self.reachable = reachable
        router = self.asked[call][0]
        if rejects:
            self.engine.reject(router, call, self.now)
        else:
            self.engine.select(router, call, "queue:orders", self.now)
        self.carry_out()
        assert not reachable or call not in self.open

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), router=ROUTERS)
    def answer_out_of_turn(self, data: st.DataObject, router: str) -> None:
        call = f"call{data.draw(st.integers(1, self.calls))}"
        if call in self.open and self.asked[call][0] == router:
            return
        try:
            self.engine.select(router, call, "queue:orders", self.now)
        except NotAskedError:
            return
        raise AssertionError(f"{router} was not asked about {call}")

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.engine.left(data.draw(st.sampled_from(sorted(self.open))))
        self.carry_out()

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0, 3.0, 30.0]))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.engine.get_timer()) is not None and due <= until:
            self.now = max(self.now, due)
            self.engine.handle_timer(self.now)
            self.carry_out()
        self.now = until

    # --- what is done -----------------------------------------------------------------------

    def carry_out(self) -> None:
        while (action := self.engine.next_action()) is not None:
            match action:
                case Ask(call=call, router=router, queue=queue, deadline=deadline):
                    assert call in self.open
                    assert deadline <= self.open[call] + RULES.patience_s
                    assert deadline > self.now
                    assert {(router, queue), (router, "*")} & self.in_service
                    self.asked[call] = (router, deadline)
                case Chosen(call=call):
                    if self.reachable:
                        self.end(call)
                        self.engine.routed(call, self.now)
                    else:
                        self.engine.unreachable(call, self.now)
                case Defaulted(call=call) | Gone(call=call):
                    self.end(call)
                case InService(router=router, queue=queue):
                    self.in_service.add((router, queue))
                case OutOfService(router=router, queue=queue):
                    self.in_service.discard((router, queue))

    def end(self, call: str) -> None:
        came = self.open.pop(call)  # KeyError: routed twice
        assert self.now <= came + RULES.patience_s

    # --- what is so at any time -------------------------------------------------------------

    @invariant()
    def the_engine_has_who_waits(self) -> None:
        assert len(self.engine) == len(self.open)
        for call in self.open:
            assert self.asked[call][1] >= self.now

    @invariant()
    def who_rests_is_not_in_service(self) -> None:
        there = {
            (view.router, view.queue)
            for view in self.engine.registrations()
            if view.health is not Health.RESTING
        }
        assert there == self.in_service

    def teardown(self) -> None:
        self.wait(RULES.patience_s)
        assert self.open == {}
        assert len(self.engine) == 0


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
