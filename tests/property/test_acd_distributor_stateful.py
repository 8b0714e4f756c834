"""Long random histories against a slow, obvious distributor that looks at everybody.

The oracle keeps plain lists and decides by `min` over all pairs; the engine must decide
the same, always, whatever crosses what.
"""

from __future__ import annotations

from acd_twins import Twins
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from ccd.acd.distributor import (
    Assign,
    Contact,
    Distributor,
    Moved,
    Positioned,
    QueueSettings,
    Removed,
    Stage,
)
from ccd.model import AgentState, Cause

QUEUES = {"orders": 0.0, "advice": 5.0, "bonds": 20.0}
AGENTS = ("anna", "bert", "cleo", "dora", "emil")
SKILLS = [frozenset(QUEUES), frozenset({"orders", "bonds"}), frozenset({"bonds"}), frozenset()]
S = AgentState


class Life(Twins):
    """Everything the service may say to the distributor, at any time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.acd = Distributor()
        self.twin = Distributor()  # fed the same, must act the same
        for name, wrap_up in QUEUES.items():
            for engine in (self.acd, self.twin):
                engine.add_queue(QueueSettings(name=name, wrap_up_s=wrap_up))
        self.now = 0.0
        self.count = 0
        # What the engine told, which is all that its service knows.
        self.states: dict[str, AgentState] = {}
        self.hands: dict[str, str | None] = {}
        self.idle_since: dict[str, float] = {}
        self.turn: dict[str, tuple[str, float]] = {}
        self.serves: dict[str, frozenset[str]] = {}
        self.numbers: dict[str, int] = {}
        # The oracle's contacts: place, queue; and where each is.
        self.places: dict[str, tuple[float, int]] = {}
        self.queue_of: dict[str, str] = {}
        self.waiting: set[str] = set()
        self.offered: dict[str, str] = {}
        self.connected: dict[str, str] = {}
        self.taken: set[str] = set()
        self.engaged: dict[str, list[str]] = {agent: [] for agent in AGENTS}
        self.history: list[Assign] = []

    # --- doing ---

    def follow(self) -> None:
        """Carry the actions out, checking each against what an onlooker knows."""
        for action in self.decisions():
            match action:
                case Moved(agent, state, _, contact):
                    self.moved(agent, state, contact)
                case Positioned(contact, queue, position):
                    assert queue == self.queue_of[contact]
                    ahead = sum(
                        self.queue_of[other] == queue and self.places[other] < self.places[contact]
                        for other in self.waiting
                    )
                    assert position == ahead + 1
                    self.waiting.add(contact)
                case Assign(contact, agent, queue, waited):
                    assert self.queue_of[contact] == queue
                    assert waited == self.now - self.places[contact][0]
                    assert contact in self.waiting
                    assert agent not in self.offered.values()
                    assert agent not in self.connected.values()
                    assert self.states[agent] is S.RESERVED
                    assert self.best(contact, agent)
                    self.waiting.discard(contact)
                    self.offered[contact] = agent
                    self.history.append(action)
                case Removed(contact, _, _, _):
                    assert contact not in self.connected
                    self.waiting.discard(contact)
                    self.offered.pop(contact, None)
                    del self.places[contact]

    def moved(self, agent: str, state: AgentState, contact: str | None) -> None:
        before = self.states.get(agent, S.LOGGED_OUT)
        if state is S.READY:
            # One whose caller hung up before he could answer keeps his turn.
            withdrawn = before is S.RESERVED
            self.idle_since[agent] = self.idle_since[agent] if withdrawn else self.now
        assert (contact is not None) == (state in (S.RESERVED, S.BUSY, S.WRAP_UP))
        self.states[agent] = state
        self.hands[agent] = contact

    def best(self, contact: str, agent: str) -> bool:
        """Nobody who could take it was idle longer, or nothing he could take was older."""
        able = [
            (self.idle_since[name], self.numbers[name])
            for name, state in self.states.items()
            if self.queue_of[contact] in self.serves[name] and (state is S.READY or name == agent)
        ]
        could = [
            self.places[other]
            for other in self.waiting
            if self.queue_of[other] in self.serves[agent]
        ]
        longest_idle = min(able) == (self.idle_since[agent], self.numbers[agent])
        oldest = min(could) == self.places[contact]
        return longest_idle and oldest

    # --- what may happen ---

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        timer = self.acd.get_timer()
        assert timer == self.twin.get_timer()
        self.do("handle_timer", self.now)
        after = self.acd.get_timer()
        assert after is None or after > self.now

    @rule(agent=st.sampled_from(AGENTS), queues=st.sampled_from(SKILLS))
    def log_on(self, agent: str, queues: frozenset[str]) -> None:
        if self.states.get(agent, S.LOGGED_OUT) is S.LOGGED_OUT:
            self.serves[agent] = queues
            self.numbers.setdefault(agent, len(self.numbers))
            assert self.do("agent_log_on", agent, sorted(queues), self.now) is None
            self.idle_since.setdefault(agent, self.now)
        else:
            assert self.do("agent_log_on", agent, sorted(queues), self.now) == "wrong_state"

    @initialize(skills=st.lists(st.sampled_from(SKILLS), min_size=3, max_size=3))
    def morning(self, skills: list[frozenset[str]]) -> None:
        for agent, queues in zip(AGENTS, skills, strict=False):
            self.log_on(agent, queues)
            self.now += 1.0
            self.ready(agent)

    @precondition(lambda self: self.offered)
    @rule(data=st.data(), seconds=st.sampled_from([0.0, 1.0, 4.0]), by_hand=st.booleans())
    def talk(self, data: st.DataObject, seconds: float, by_hand: bool) -> None:
        """Answer, speak, end, and perhaps end wrap-up by hand: what most calls do."""
        name = data.draw(st.sampled_from(sorted(self.offered)))
        agent = self.offered[name]
        self.answer_one(name)
        self.time_passes(seconds)
        self.hang_up_one(name)
        if by_hand:
            self.ready(agent)

    @rule(agent=st.sampled_from(AGENTS))
    def log_off(self, agent: str) -> None:
        self.do("agent_log_off", agent, self.now)

    @rule(agent=st.sampled_from(AGENTS))
    def ready(self, agent: str) -> None:
        self.do("agent_ready", agent, self.now)

    @rule(agent=st.sampled_from(AGENTS))
    def not_ready(self, agent: str) -> None:
        self.do("agent_not_ready", agent, "lunch", self.now)

    @rule(agent=st.sampled_from(AGENTS))
    def wrap_up_done(self, agent: str) -> None:
        self.do("wrap_up_done", agent, self.now)

    @precondition(lambda self: self.serves)
    @rule(data=st.data(), queues=st.sampled_from(SKILLS))
    def change_queues(self, data: st.DataObject, queues: frozenset[str]) -> None:
        agent = data.draw(st.sampled_from(sorted(self.serves)))
        self.serves[agent] = queues
        self.do("agent_queues", agent, sorted(queues), self.now)

    @rule(queue=st.sampled_from(sorted(QUEUES)), earlier=st.sampled_from([0.0, 0.0, 10.0]))
    def arrive(self, queue: str, earlier: float) -> None:
        self.count += 1
        name = f"c{self.count}"
        at = self.now - earlier  # some come with an older claim to their place
        self.places[name] = (at, self.count)
        self.queue_of[name] = queue
        self.do("enqueue", Contact(id=name, queue=queue, enqueued_at=at), self.now)

    @precondition(lambda self: self.places)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        self.hang_up_one(data.draw(st.sampled_from(sorted(self.places))))

    def hang_up_one(self, name: str) -> None:
        if name in self.connected:
            assert self.do("remove", name, "abandoned", self.now) is False
            del self.connected[name], self.places[name]
            assert self.do("contact_ended", name, self.now) is True
        else:
            assert self.do("remove", name, "abandoned", self.now) is True
            assert name not in self.places

    @precondition(lambda self: self.offered)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.answer_one(data.draw(st.sampled_from(sorted(self.offered))))

    def answer_one(self, name: str) -> None:
        self.connected[name] = self.offered.pop(name)
        assert self.do("offer_accepted", name, self.now) is True

    @precondition(lambda self: self.offered)
    @rule(data=st.data(), cause=st.sampled_from([Cause.NO_ANSWER, Cause.BUSY]))
    def fail(self, data: st.DataObject, cause: Cause) -> None:
        name = data.draw(st.sampled_from(sorted(self.offered)))
        agent = self.offered.pop(name)
        assert self.do("offer_failed", name, cause, self.now, agent=agent) is True
        # One who took another meanwhile has that one in hand.
        still = {S.BUSY} if agent in self.connected.values() else {S.NOT_READY, S.LOGGED_OUT}
        assert self.states[agent] in still

    @rule(agent=st.sampled_from(AGENTS), with_contact=st.booleans())
    def engage(self, agent: str, with_contact: bool) -> None:
        """He has a call of his own, perhaps one that is a contact too."""
        self.count += 1
        name = next(iter(self.places), "") if with_contact else ""
        name = name or f"e{self.count}"
        if agent not in self.states:
            assert self.do("engage", agent, name, self.now) == "unknown_agent"
        elif self.states[agent] in (S.LOGGED_OUT, S.RESERVED) and name not in self.hers(agent):
            assert self.do("engage", agent, name, self.now) == "wrong_state"
        else:
            if name not in self.hers(agent):
                self.engaged[agent].append(name)
            assert self.do("engage", agent, name, self.now) is None

    def hers(self, agent: str) -> list[str]:
        held = [name for name, holder in self.connected.items() if holder == agent]
        return [*self.engaged[agent], *held]

    @precondition(lambda self: any(self.engaged.values()))
    @rule(data=st.data())
    def disengage(self, data: st.DataObject) -> None:
        agent = data.draw(st.sampled_from(sorted(a for a in AGENTS if self.engaged[a])))
        name = data.draw(st.sampled_from(self.engaged[agent]))
        self.engaged[agent].remove(name)
        assert self.do("disengage", agent, name, self.now) is True
        assert self.do("disengage", agent, name, self.now) is False

    @rule(agent=st.sampled_from(AGENTS), seconds=st.sampled_from([0.0, 3.0]))
    def consult(self, agent: str, seconds: float) -> None:
        """A colleague asks him something: when that is over he is what he was."""
        state = self.states.get(agent)
        if state not in (S.READY, S.NOT_READY, S.WRAP_UP):
            return
        self.time_passes(0.0)  # what is due by now is done
        before = self.acd.agent(agent)
        if before.state not in (S.READY, S.NOT_READY, S.WRAP_UP):
            return
        assert self.do("engage", agent, "question", self.now) is None
        assert self.acd.agent(agent).state is S.BUSY
        self.time_passes(seconds)  # a colleague's wrap-up ends meanwhile; his own waits
        assert self.do("disengage", agent, "question", self.now) is True
        after = self.acd.agent(agent)
        assert (after.state, after.reason, after.contact) == (
            before.state,
            before.reason,
            before.contact,
        )

    @rule(data=st.data(), agent=st.sampled_from(AGENTS), new=st.booleans())
    def take(self, data: st.DataObject, agent: str, new: bool) -> None:
        """He picks one up, or is given one by a colleague."""
        if new or not self.places:
            self.count += 1
            name, queue = f"c{self.count}", "advice"
        else:
            name = data.draw(st.sampled_from(sorted(self.places)))
            queue = self.queue_of[name]
        place = self.places.get(name, (self.now, self.count))
        contact = Contact(id=name, queue=queue, enqueued_at=place[0])
        state = self.states.get(agent)
        if state is None or state is S.LOGGED_OUT:
            told = "unknown_agent" if state is None else False
            assert self.do("take", contact, agent, self.now) == told
            return
        self.places[name], self.queue_of[name] = place, queue
        self.waiting.discard(name)
        self.offered.pop(name, None)
        if name in self.engaged[agent]:
            self.engaged[agent].remove(name)
        self.connected[name] = agent
        self.taken.add(name)
        assert self.do("take", contact, agent, self.now) is True

    @precondition(lambda self: self.count)
    @rule(data=st.data(), agent=st.sampled_from(AGENTS), method=st.integers(0, 2))
    def late_news(self, data: st.DataObject, agent: str, method: int) -> None:
        """An answer, a failure or an end that crossed something on its way."""
        name = f"c{data.draw(st.integers(1, self.count))}"
        if self.offered.get(name) != agent:
            if method == 0:
                assert self.do("offer_accepted", name, self.now, agent=agent) is False
            if method == 1:
                assert self.do("offer_failed", name, Cause.BUSY, self.now, agent=agent) is False
        if name not in self.connected and method == 2:
            assert self.do("contact_ended", name, self.now) is False

    # --- what must be so ---

    @invariant()
    def nobody_is_lost_or_in_two_places(self) -> None:
        here = [*self.waiting, *self.offered, *self.connected]
        assert len(here) == len(set(here))
        assert set(here) == set(self.places)
        assert len(self.acd) == len(here)
        stages = [(self.waiting, Stage.WAITING), (self.offered, Stage.OFFERED)]
        for names, stage in [*stages, (self.connected, Stage.CONNECTED)]:
            assert all(self.acd.stage(name) is stage for name in names)

    @invariant()
    def nobody_is_given_two_contacts(self) -> None:
        given = [agent for name, agent in self.connected.items() if name not in self.taken]
        given += self.offered.values()
        assert len(given) == len(set(given))
        engaged = {agent for agent, calls in self.engaged.items() if calls}
        holders = {*self.offered.values(), *self.connected.values(), *engaged}
        for agent, state in self.states.items():
            assert (state in (S.RESERVED, S.BUSY)) == (agent in holders)
            assert not (state is S.RESERVED and agent in engaged)
            assert list(self.acd.agent(agent).engaged) == self.engaged[agent]

    @invariant()
    def nobody_waits_who_could_be_served(self) -> None:
        for agent, state in self.states.items():
            if state is S.READY:
                able = {q for name in self.waiting for q in [self.queue_of[name]]}
                assert not able & self.serves[agent]

    @invariant()
    def the_views_agree(self) -> None:
        for view in self.acd.agents():
            assert view.state is self.states[view.name]
            assert view.contact == self.hands[view.name]
        for queue in QUEUES:
            line = sorted(
                (self.places[name], name) for name in self.waiting if self.queue_of[name] == queue
            )
            assert self.acd.waiting(queue) == [name for _, name in line]
            for index, (_, name) in enumerate(line):
                assert self.acd.position(name) == index + 1
            idle = sum(
                state is S.READY and queue in self.serves[agent]
                for agent, state in self.states.items()
            )
            assert self.acd.queue(queue).idle_agents == idle


Life.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestLife = Life.TestCase
