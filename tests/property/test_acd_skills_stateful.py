"""Long random histories of everything the distributor can do, judged by an onlooker.

The onlooker knows the rules and looks at everybody each time: who could have had this
agent, who could have had this contact, who waits though somebody is free. Channels, skills,
classes, rings, last agents, named agents, deadlines, several phones at once, and queues and
people that change in the middle of it.
"""

from __future__ import annotations

import msgspec
from acd_twins import Twins
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from ccd.acd.contact import RingSettings
from ccd.acd.distributor import (
    Assign,
    Contact,
    Distributor,
    Moved,
    Noted,
    Order,
    Positioned,
    QueueSettings,
    Removed,
    Stage,
    Withdrawn,
)
from ccd.acd.steps import Step
from ccd.acd.tape import BEGIN, Input, decide_again
from ccd.model import AgentState, Cause, Channel

S = AgentState
AGENTS = ("anna", "bert", "cleo", "dora", "emil", "fay")
SKILLS = ("orders", "english")
VIP_S = 40.0
URGENT = Order(urgent_s=20.0, urgent_head_start_s=100.0)
QUEUES = {
    "orders": QueueSettings(
        name="orders",
        skills={"orders": 5},
        strategy="most_skilled",
        rings=(
            RingSettings(after_s=10.0, skills={"orders": 2}),
            RingSettings(after_s=25.0, skills={}),
        ),
        last_agent_s=8.0,
        wrap_up_s=5.0,
    ),
    "advice": QueueSettings(name="advice", weight_s=15.0, strategy="least_skilled", ring_agents=2),
    "chats": QueueSettings(name="chats", skills={"english": 3}, strategy="linear"),
}
LEVELS = st.fixed_dictionaries({}, optional=dict.fromkeys(SKILLS, st.integers(1, 10)))
SOME_QUEUES = st.lists(st.sampled_from(sorted(QUEUES)), unique=True, min_size=1)
CAPACITIES = st.sampled_from([{}, {"chat": 2}, {"chat": 3, "email": 2}])


class Life(Twins):
    """What the service may say, at any time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.tape: list[Input] = [(BEGIN, [msgspec.to_builtins(URGENT)], {})]
        self.assigned_pairs: list[tuple[str, str]] = []
        self.acd = Distributor(URGENT, notes=True, tape=self.write_down)
        self.twin = Distributor(URGENT, notes=True)  # fed the same, must act the same
        self.queues = dict(QUEUES)
        for engine in (self.acd, self.twin):
            for queue in QUEUES.values():
                engine.add_queue(queue)
        self.now = 0.0
        self.count = 0
        self.numbers: dict[str, int] = {}
        self.states: dict[str, AgentState] = {}
        self.idle_since: dict[str, float] = {}
        self.serves: dict[str, tuple[str, ...]] = {}
        self.levels: dict[str, dict[str, int]] = {}
        self.capacity: dict[str, dict[str, int]] = {}
        self.contacts: dict[str, Contact] = {}
        self.arrival: dict[str, int] = {}
        self.queue_of: dict[str, str] = {}
        self.waiting: set[str] = set()
        self.prefers: dict[str, str] = {}
        """Who waits for his last agent alone, patience permitting."""
        self.offers: dict[str, list[str]] = {}
        self.hands: dict[str, list[str]] = {agent: [] for agent in AGENTS}
        self.engaged: dict[str, list[str]] = {agent: [] for agent in AGENTS}
        self.taken: set[str] = set()

    def write_down(self, verb: str, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        self.tape.append((verb, [msgspec.to_builtins(arg) for arg in args], kwargs))

    def teardown(self) -> None:
        """The journal, read back from its bytes, gives the same decisions."""
        written = msgspec.msgpack.encode(self.tape)
        read = msgspec.msgpack.decode(written, type=list[Input])
        again = [(a.contact, a.agent) for a in decide_again(read) if isinstance(a, Assign)]
        assert again == self.assigned_pairs

    # --- the rules, in the plainest words ---

    def waited(self, name: str) -> float:
        return self.now - self.contacts[name].enqueued_at

    def due(self, name: str) -> tuple[float, int]:
        contact, queue = self.contacts[name], self.queues[self.queue_of[name]]
        due = contact.enqueued_at - contact.head_start_s - queue.weight_s
        if contact.deadline is not None and self.now >= contact.deadline - URGENT.urgent_s:
            due -= URGENT.urgent_head_start_s
        return due, self.arrival[name]

    def suits(self, name: str, agent: str) -> bool:
        """Whether the contact may be given to this agent now, were he free."""
        contact, queue = self.contacts[name], self.queues[self.queue_of[name]]
        if self.states.get(agent, S.LOGGED_OUT) is S.LOGGED_OUT:
            return False
        if contact.agent is not None:
            return contact.agent == agent
        if name in self.prefers and self.waited(name) < queue.last_agent_s:
            return self.prefers[name] == agent
        needed = queue.skills
        for ring in queue.rings:
            if self.waited(name) >= ring.after_s:
                needed = ring.skills
        levels = self.levels[agent]
        return queue.name in self.serves[agent] and all(
            levels.get(skill, 0) >= level
            for need in (needed, contact.skills)
            for skill, level in need.items()
        )

    def load(self, agent: str) -> float:
        capacity = self.capacity[agent]
        return sum(1 / capacity.get(self.contacts[c].channel, 1) for c in self.hands[agent])

    def room(self, agent: str, channel: Channel) -> bool:
        if any(agent in rung for rung in self.offers.values()):
            return False
        state = self.states.get(agent, S.LOGGED_OUT)
        if state is S.READY:
            return True
        if state is not S.BUSY or self.engaged[agent]:
            return False
        if self.acd.agent(agent).pending in ("not_ready", "log_off"):
            return False
        return self.load(agent) + 1 / self.capacity[agent].get(channel, 1) <= 1 + 1e-9

    def could_have(self, name: str, agent: str) -> bool:
        return self.suits(name, agent) and self.room(agent, self.contacts[name].channel)

    def preference(self, agent: str, name: str) -> tuple[float, ...]:
        """Smaller is better, by the strategy of the contact's queue."""
        queue = self.queues[self.queue_of[name]]
        skills = queue.skills
        if self.contacts[name].skills or self.contacts[name].channel is not Channel.VOICE:
            for ring in queue.rings:
                if self.waited(name) >= ring.after_s:
                    skills = ring.skills
        needed = skills.keys() | self.contacts[name].skills.keys()
        levels = self.levels[agent]
        by = {
            "longest_idle": self.idle_since[agent],
            "most_skilled": -sum(levels.get(skill, 0) for skill in needed),
            "least_skilled": sum(levels.values()),
            "linear": self.numbers[agent],
        }
        load = round(self.load(agent), 6)
        return load, by[queue.strategy], self.idle_since[agent], self.numbers[agent]

    # --- doing, and looking on ---

    def follow(self) -> None:
        for action in self.decisions():
            match action:
                case Moved(agent, state, _, _):
                    self.moved(agent, state)
                case Positioned(contact, queue, position):
                    assert queue == self.queue_of[contact]
                    ahead = sum(
                        self.queue_of[other] == queue and self.due(other) < self.due(contact)
                        for other in self.waiting
                        if other != contact
                    )
                    assert position == ahead + 1
                    self.waiting.add(contact)
                case Assign(contact, agent, queue, _):
                    assert queue == self.queue_of[contact]
                    self.assigned(contact, agent)
                    self.assigned_pairs.append((contact, agent))
                case Withdrawn(contact, agent):
                    self.offers[contact].remove(agent)
                    if not self.offers[contact]:
                        del self.offers[contact]
                case Removed(contact, _, _, _):
                    self.waiting.discard(contact)
                    self.offers.pop(contact, None)
                    del self.contacts[contact]
                case Noted(contact, Step.URGENT):
                    deadline = self.contacts[contact].deadline
                    assert deadline is not None
                    assert self.now >= deadline - URGENT.urgent_s
                case Noted(contact, _):
                    assert contact

    def moved(self, agent: str, state: AgentState) -> None:
        before = self.states.get(agent, S.LOGGED_OUT)
        if state is S.READY and before is not S.RESERVED:
            self.idle_since[agent] = self.now
        self.states[agent] = state
        self.given_up(agent)

    def given_up(self, agent: str) -> None:
        """Nobody waits for one who is not at work."""
        state = self.states[agent]
        gone = state in (S.NOT_READY, S.LOGGED_OUT) or (
            state is not S.READY and self.acd.agent(agent).pending in ("not_ready", "log_off")
        )
        if gone:
            self.prefers = {name: who for name, who in self.prefers.items() if who != agent}

    def assigned(self, contact: str, agent: str) -> None:
        """The right agent for the contact, the right contact for the agent."""
        ringing = self.offers.get(contact, [])
        assert contact in self.waiting or ringing
        assert self.suits(contact, agent)
        before = self.states[agent]
        assert before is S.RESERVED
        assert not any(agent in rung for rung in self.offers.values())
        assert not self.engaged[agent]
        self.states[agent] = S.READY if not self.hands[agent] else S.BUSY
        assert self.room(agent, self.contacts[contact].channel)
        for other in self.waiting - {contact}:
            if self.could_have(other, agent):
                assert self.due(contact) < self.due(other)
                # The bound on starvation, in seconds of coming later.
                later = self.contacts[contact].enqueued_at - self.contacts[other].enqueued_at
                assert later <= self.head_start(contact) - self.head_start(other)
        mine = self.preference(agent, contact)
        for other_agent in AGENTS:
            if other_agent != agent and self.could_have(contact, other_agent):
                assert mine < self.preference(other_agent, contact)
        self.states[agent] = before
        self.waiting.discard(contact)
        self.offers.setdefault(contact, []).append(agent)

    def head_start(self, name: str) -> float:
        contact = self.contacts[name]
        urgent = contact.deadline is not None and self.now >= contact.deadline - URGENT.urgent_s
        weight = self.queues[self.queue_of[name]].weight_s
        return contact.head_start_s + weight + URGENT.urgent_head_start_s * urgent

    def plan(self, name: str) -> None:
        """A contact takes its place (again): its last agent is waited for if he is at work."""
        self.prefers.pop(name, None)
        contact = self.contacts[name]
        last = contact.last_agent
        if last is None or contact.agent is not None or last not in self.states:
            return
        state = self.states[last]
        wishes = self.acd.agent(last).pending in ("not_ready", "log_off")
        if state is S.READY or (state in (S.RESERVED, S.BUSY, S.WRAP_UP) and not wishes):
            self.prefers[name] = last

    # --- what may happen ---

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.0, 9.0]))
    def time_passes(self, seconds: float) -> None:
        """Second by second, as timers fall due: what may be done changes at those times."""
        end = self.now + seconds
        while (due := self.acd.get_timer()) is not None and due <= end:
            assert due == self.twin.get_timer()
            self.now = max(due, self.now)
            self.do("handle_timer", self.now)
        self.now = end

    @initialize(levels=st.lists(LEVELS, min_size=4, max_size=4), capacity=CAPACITIES)
    def morning(self, levels: list[dict[str, int]], capacity: dict[str, int]) -> None:
        for agent, own in zip(AGENTS, levels, strict=False):
            self.log_on(agent, sorted(QUEUES), own, capacity)
            self.now += 1.0
            self.ready(agent)

    @rule(agent=st.sampled_from(AGENTS), queues=SOME_QUEUES, levels=LEVELS, capacity=CAPACITIES)
    def log_on(
        self, agent: str, queues: list[str], levels: dict[str, int], capacity: dict[str, int]
    ) -> None:
        queues = [queue for queue in queues if queue in self.queues]
        if self.states.get(agent, S.LOGGED_OUT) is S.LOGGED_OUT:
            self.serves[agent], self.levels[agent] = tuple(queues), levels
            self.capacity[agent] = capacity
            self.numbers.setdefault(agent, len(self.numbers))
            self.idle_since.setdefault(agent, self.now)
            outcome = self.do(
                "agent_log_on", agent, queues, self.now, skills=levels, capacity=capacity
            )
            assert outcome is None

    @rule(agent=st.sampled_from(AGENTS))
    def ready(self, agent: str) -> None:
        self.do("agent_ready", agent, self.now)

    @rule(agent=st.sampled_from(AGENTS), off=st.booleans())
    def rest(self, agent: str, off: bool) -> None:
        if agent not in self.states:
            return
        # A wish is noted at once: who waits for him alone is told in the same breath.
        if self.states[agent] in (S.RESERVED, S.BUSY):
            self.prefers = {name: who for name, who in self.prefers.items() if who != agent}
        if off:
            self.do("agent_log_off", agent, self.now)
        else:
            self.do("agent_not_ready", agent, "lunch", self.now)
        self.given_up(agent)

    @rule(
        queue=st.sampled_from(sorted(QUEUES)),
        channel=st.sampled_from([Channel.VOICE, Channel.VOICE, Channel.CHAT, Channel.EMAIL]),
        vip=st.booleans(),
        earlier=st.sampled_from([0.0, 0.0, 12.0]),
        english=st.sampled_from([0, 0, 4]),
        last=st.sampled_from([None, None, *AGENTS]),
        only=st.sampled_from([None, None, None, *AGENTS]),
        deadline=st.sampled_from([None, None, 21.0, 30.0]),
    )
    def arrive(
        self,
        queue: str,
        channel: Channel,
        vip: bool,
        earlier: float,
        english: int,
        last: str | None,
        only: str | None,
        deadline: float | None,
    ) -> None:
        self.count += 1
        name = f"c{self.count}"
        contact = self.contacts[name] = Contact(
            id=name,
            queue=queue,
            enqueued_at=self.now - earlier,
            channel=channel,
            skills={"english": english} if english else {},
            head_start_s=VIP_S if vip else 0.0,
            last_agent=last,
            agent=only,
            deadline=None if deadline is None else self.now + deadline,
        )
        self.arrival[name], self.queue_of[name] = self.count, queue
        self.plan(name)
        self.do("enqueue", contact, self.now)

    @precondition(lambda self: self.contacts)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.contacts)))
        holder = next((agent for agent, held in self.hands.items() if name in held), None)
        if holder is None:
            assert self.do("remove", name, "abandoned", self.now) is True
            assert name not in self.contacts
        else:
            self.hands[holder].remove(name)
            ended = self.contacts.pop(name)
            assert self.do("contact_ended", ended.id, self.now) is True

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.offers)))
        agent = data.draw(st.sampled_from(self.offers[name]))
        self.offers[name].remove(agent)
        if not self.offers[name]:
            del self.offers[name]
        self.hands[agent].append(name)
        assert self.do("offer_accepted", name, self.now, agent=agent) is True
        assert name not in self.offers

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.offers)))
        agent = data.draw(st.sampled_from(self.offers[name]))
        self.offers[name].remove(agent)
        self.prefers = {name: who for name, who in self.prefers.items() if who != agent}
        if not self.offers[name]:
            del self.offers[name]
            self.plan_without(name, agent)
        assert self.do("offer_failed", name, Cause.NO_ANSWER, self.now, agent=agent) is True

    def plan_without(self, name: str, agent: str) -> None:
        self.plan(name)
        if self.prefers.get(name) == agent:
            del self.prefers[name]

    @rule(agent=st.sampled_from(AGENTS), data=st.data(), contact=st.booleans())
    def engage(self, agent: str, data: st.DataObject, contact: bool) -> None:
        """He has a call of his own, or is asked about a contact."""
        self.count += 1
        name = f"e{self.count}"
        if contact and self.contacts:
            name = data.draw(st.sampled_from(sorted(self.contacts)))
        has = [*self.engaged[agent], *self.hands[agent]]
        expected = None
        if agent not in self.states:
            expected = "unknown_agent"
        elif name not in has and self.states[agent] in (S.LOGGED_OUT, S.RESERVED):
            expected = "wrong_state"
        elif name not in has:
            self.engaged[agent].append(name)
        assert self.do("engage", agent, name, self.now) == expected

    @precondition(lambda self: any(self.engaged.values()))
    @rule(data=st.data())
    def disengage(self, data: st.DataObject) -> None:
        agent = data.draw(st.sampled_from([a for a in AGENTS if self.engaged[a]]))
        name = data.draw(st.sampled_from(self.engaged[agent]))
        self.engaged[agent].remove(name)
        assert self.do("disengage", agent, name, self.now) is True

    @rule(
        agent=st.sampled_from(AGENTS),
        data=st.data(),
        new=st.sampled_from([None, None, Channel.VOICE, Channel.CHAT]),
    )
    def take(self, agent: str, data: st.DataObject, new: Channel | None) -> None:
        """He picks one up, or a colleague gives it to him."""
        if new is None and not self.contacts:
            return
        if new is None:
            contact = self.contacts[data.draw(st.sampled_from(sorted(self.contacts)))]
        else:
            self.count += 1
            contact = Contact(
                id=f"c{self.count}", queue="orders", enqueued_at=self.now, channel=new
            )
        state = self.states.get(agent)
        if state is None or state is S.LOGGED_OUT:
            expected = "unknown_agent" if state is None else False
            assert self.do("take", contact, agent, self.now) == expected
            return
        name = contact.id
        if new is not None:
            self.contacts[name], self.arrival[name] = contact, self.count
            self.queue_of[name] = contact.queue
        self.waiting.discard(name)
        for hand in (*self.hands.values(), self.engaged[agent]):
            if name in hand:
                hand.remove(name)
        if agent in self.offers.get(name, ()):
            self.offers[name].remove(agent)
            if not self.offers[name]:
                del self.offers[name]
        self.hands[agent].append(name)
        self.taken.add(name)
        assert self.do("take", contact, agent, self.now) is True
        assert self.acd.holder(name) == agent
        assert name not in self.offers

    @rule(agent=st.sampled_from(AGENTS), state=st.sampled_from([S.READY, S.WRAP_UP, S.NOT_READY]))
    def next_state(self, agent: str, state: AgentState) -> None:
        """He says what he will be when this is over."""
        if self.states.get(agent) not in (S.RESERVED, S.BUSY):
            told = "wrong_state" if agent in self.states else "unknown_agent"
            assert self.do("next_state", agent, state, "lunch", self.now) == told
            return
        if state is S.NOT_READY:
            self.prefers = {name: who for name, who in self.prefers.items() if who != agent}
        assert self.do("next_state", agent, state, "lunch", self.now) is None

    @rule(agent=st.sampled_from(AGENTS), seconds=st.sampled_from([0.0, 2.0, 30.0, None]))
    def wrap_up_limit(self, agent: str, seconds: float | None) -> None:
        wraps_up = self.states.get(agent) is S.WRAP_UP
        outcome = self.do("wrap_up_limit", agent, seconds, self.now)
        assert (outcome is None) == wraps_up

    @rule(agent=st.sampled_from(AGENTS), queues=SOME_QUEUES, levels=LEVELS)
    def retrain(self, agent: str, queues: list[str], levels: dict[str, int]) -> None:
        queues = [queue for queue in queues if queue in self.queues]
        if agent in self.states:
            self.serves[agent], self.levels[agent] = tuple(queues), levels
            self.do("agent_skills", agent, queues, levels, self.now)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), queue=st.sampled_from(sorted(QUEUES)))
    def move(self, data: st.DataObject, queue: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.waiting)))
        self.waiting.discard(name)
        self.queue_of[name] = queue
        self.contacts[name] = msgspec.structs.replace(self.contacts[name], agent=None)
        self.plan(name)
        assert self.do("move", name, queue, self.now) is True

    @rule(
        name=st.sampled_from(["orders", "advice"]),
        strategy=st.sampled_from(["longest_idle", "most_skilled", "least_skilled", "linear"]),
        weight=st.sampled_from([0.0, 15.0, 50.0]),
        lowest=st.integers(0, 6),
    )
    def change_queue(self, name: str, strategy: str, weight: float, lowest: int) -> None:
        changed = msgspec.structs.replace(
            self.queues[name],
            strategy=strategy,
            weight_s=weight,
            skills={"orders": lowest} if lowest else {},
            rings=(RingSettings(after_s=15.0, skills={}),),
        )
        self.queues[name] = changed
        moved = [contact for contact in self.waiting if self.queue_of[contact] == name]
        for contact in moved:
            self.waiting.discard(contact)
            self.plan(contact)
        self.do("change_queue", changed, self.now)

    # --- what must be so ---

    @invariant()
    def nobody_is_lost_or_in_two_places(self) -> None:
        held = [name for names in self.hands.values() for name in names]
        here = [*self.waiting, *self.offers, *held]
        assert len(here) == len(set(here))
        assert set(here) == set(self.contacts)
        assert len(self.acd) == len(here)
        stages = [(self.waiting, Stage.WAITING), (self.offers, Stage.OFFERED)]
        for names, stage in [*stages, (held, Stage.CONNECTED)]:
            assert all(self.acd.stage(name) is stage for name in names)

    @invariant()
    def nobody_has_two_offers_or_too_much_in_hand(self) -> None:
        rung = [agent for agents in self.offers.values() for agent in agents]
        assert len(rung) == len(set(rung))
        for agent, state in self.states.items():
            assert (state is S.RESERVED) == (agent in rung)
            if state is not S.RESERVED:
                assert (state is S.BUSY) == bool(self.hands[agent] or self.engaged[agent])
            assert self.load(agent) <= 1 + 1e-9 or self.taken.intersection(self.hands[agent])
            assert list(self.acd.agent(agent).engaged) == self.engaged[agent]
            assert not (self.engaged[agent] and state is S.RESERVED)
            assert set(self.acd.agent(agent).contacts) == set(self.hands[agent])

    @invariant()
    def nobody_waits_who_could_be_served(self) -> None:
        for name in self.waiting:
            for agent in AGENTS:
                assert not self.could_have(name, agent)

    @invariant()
    def positions_are_by_due_time(self) -> None:
        for queue in self.queues:
            line = sorted(
                (name for name in self.waiting if self.queue_of[name] == queue), key=self.due
            )
            assert self.acd.waiting(queue) == line
            assert [self.acd.position(name) for name in line] == list(range(1, len(line) + 1))


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestLife = Life.TestCase
