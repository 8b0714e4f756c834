"""A softphone without a daemon: its desk is told what happened, its clock stands still."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ccd.cti.catalogue import AgentView, CallView, LegView, SnapshotResult
from ccd.cti.desk_operations import (
    AdherenceView,
    ContactView,
    DispositionView,
    PulseResult,
    QueuePulse,
    ServedQueueView,
    TeamView,
    WordView,
    WorkplaceResult,
)
from ccd.events import (
    AgentBusy,
    AgentReady,
    AgentReserved,
    AgentWorkingAfterCall,
    CallCleared,
    ConnectionCleared,
    Delivered,
    Established,
    Event,
    Held,
    MessageSent,
    Originated,
    RecordingStarted,
)
from ccd.host.words import Account, Holdings, Order, OrderSide, OrderState, Position
from ccd.model import AgentState, CallRecord, Cause, Customer, Direction, Outcome, Party
from tui.agent.service import LinkState, Login, Service

NOON = 1_795_435_200.0
ME, MATE = "anna", "bert"
CUSTOMER = Customer(
    id="C1", name="王芳", numbers=("13800138000",), customer_class="gold", adviser=MATE,
    language="zh", accounts=("6228480", "6228481"), notes="Prefers limit orders.",
    last_contact_at=NOON - 86_400 * 3, last_agent=MATE, contacts=14,
)  # fmt: skip
PLACE = WorkplaceResult(
    agent=ME,
    full_name="Anna Bell",
    phone="1001",
    queues=(
        ServedQueueView(
            name="orders", title="Orders", wrap_up_s=30.0,
            script="## Greet\n\n- Say your **name**\n- Ask for the account\n",
        ),
        ServedQueueView(name="advice", title="Advice", disposition_required=True),
    ),
    reasons=(WordView(name="lunch", title="Lunch"), WordView(name="training", title="Training")),
    dispositions=(
        DispositionView(name="sold", title="Order placed"),
        DispositionView(name="told", title="Question answered", queues=("advice",)),
    ),
    flows=(WordView(name="pin", title="Key the PIN"),),
    contacts=(
        ContactView(name=MATE, kind="agent", title="Bert Cole", extension="6002"),
        ContactView(name="cora", kind="agent", title="Cora Dunn", extension="6003"),
        ContactView(name="orders", kind="queue", title="Orders"),
        ContactView(name="advice", kind="queue", title="Advice"),
    ),
)  # fmt: skip


HELD = Holdings(
    accounts=(
        Account(account="6228480", cash=Decimal("125000.00"), available=Decimal("25000.00")),
    ),
    positions=(
        Position(account="6228480", code="600519", name="贵州茅台", quantity=200, available=100, price=Decimal("1688.00")),
        Position(account="6228480", code="000001", name="平安银行", quantity=5000, price=Decimal("11.32")),
    ),
    orders=(
        Order(
            order="b1", account="6228480", code="601318", name="中国平安", side=OrderSide.BUY, quantity=2000,
            filled=500, price=Decimal("48.10"), state=OrderState.PARTLY_FILLED, at=NOON - 900,
        ),
    ),
)  # fmt: skip


class Scene:
    """See the module."""

    def __init__(self, **options: Any) -> None:
        self.now = NOON
        self.service = Service(Login(ME), clock=lambda: self.now, **options)
        self.service.link = LinkState.UP
        self.desk = self.service.desk
        self.desk.furnish(PLACE)
        me = AgentView(
            agent=ME, state=AgentState.NOT_READY, queues=("orders", "advice"), phone="1001",
            reason="lunch", since=NOON - 125,
        )  # fmt: skip
        self.desk.begin(SnapshotResult(seq=1, at=NOON, agents=(me,)))
        self.service.holdings[CUSTOMER.id] = HELD
        self.desk.beat(
            PulseResult(
                at=NOON,
                queues=(
                    QueuePulse(queue="orders", waiting=4, oldest_wait_s=73.0, idle_agents=1, agents=9),
                    QueuePulse(queue="advice", waiting=0, idle_agents=2, agents=3),
                ),
                adherence=AdherenceView(
                    rostered_s=10_800.0, kept_s=10_150.0, activity="work", until=NOON + 5400
                ),
                team=(
                    TeamView(agent=MATE, state=AgentState.BUSY, since=NOON - 61),
                    TeamView(agent="cora", state=AgentState.READY, since=NOON - 7),
                ),
            )
        )  # fmt: skip
        self.desk.calls_of_today(
            [record("a", 20.0, 180.0), record("b", 5.0, 60.0), record("c", 8.0, 240.0)]
        )

    def tell(self, *events: Event, after: float = 0.0) -> None:
        """These happen, so many seconds later."""
        self.now += after
        for event in events:
            self.desk.apply(msgspec.structs.replace(event, at=self.now))

    def ready(self) -> Scene:
        self.tell(AgentReady(agent=ME), after=1)
        return self

    def ringing(self) -> Scene:
        """A customer's call rings."""
        self.ready()
        came = CallView(
            call="c1", ani="13800138000", dnis="95500", trunk="carrier", offered_at=self.now - 73,
            queue="orders", agent=ME,
            legs=(
                LegView(leg="c1.0", party="caller", state="connected"),
                LegView(leg="c1.1", party="agent", state="alerting", agent=ME),
            ),
        )  # fmt: skip
        self.tell(AgentReserved(agent=ME, call="c1"), after=5)
        self.desk.apply(
            Delivered(
                at=self.now, call="c1", leg="c1.1", agent=ME, queue="orders", ani="13800138000",
                dnis="95500", data={"account": "6228480"}, customer=CUSTOMER, matches=1,
            ),
            came,
        )  # fmt: skip
        return self

    def speaking(self) -> Scene:
        """She answered."""
        self.ringing()
        self.tell(
            Established(call="c1", leg="c1.1", party=Party.AGENT, agent=ME),
            AgentBusy(agent=ME, call="c1"),
            RecordingStarted(call="c1", path="c1.wav"),
            after=4,
        )
        return self

    def consulting(self) -> Scene:
        """A colleague is on the line, the customer on hold."""
        self.speaking()
        self.tell(
            Held(call="c1", leg="c1.1", by=Party.AGENT),
            Originated(
                call="c2", leg="c1.1", ani=ME, dnis=MATE, trunk="", party=Party.AGENT,
                direction=Direction.INTERNAL, agent=ME, connected=True,
            ),
            Delivered(call="c2", leg="c2.1", agent=MATE, queue="", ani=ME, dnis=MATE),
            Established(call="c2", leg="c2.1", party=Party.AGENT, agent=MATE),
            after=40,
        )  # fmt: skip
        return self

    def wrapping(self) -> Scene:
        """The call is over."""
        self.speaking()
        self.tell(
            ConnectionCleared(
                call="c1", leg="c1.1", party=Party.AGENT, cause=Cause.NORMAL_CLEARING
            ),
            CallCleared(call="c1", cause=Cause.NORMAL_CLEARING, released_by=Party.CALLER),
            AgentWorkingAfterCall(agent=ME, call="c1"),
            after=95,
        )
        self.tell(MessageSent(agent=ME, by="chief", text="Market opens in 5 min."), after=3)
        return self


def record(call: str, wait: float, talk: float) -> CallRecord:
    """A call of this morning that she had."""
    at = NOON - 3600
    return CallRecord(
        call=call, ani="139", dnis="95500", trunk="carrier", outcome=Outcome.ANSWERED,
        offered_at=at, queued_at=at, queue="orders", connected_at=at + wait,
        cleared_at=at + wait + talk, wrap_up_ended_at=at + wait + talk + 10, agent=ME,
        released_by=Party.CALLER, cause=Cause.NORMAL_CLEARING,
    )  # fmt: skip
