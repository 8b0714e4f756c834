"""Call control by agent and call: CSTA's services (ECMA-269, clauses 15 to 18), checked by the table.

What the CTI, a softphone's keys and codes dialled at a phone have in common. An agent is
named, and a call where he has several; the switch does the work, the ACD is told who is on
the phone, and calls that agents make themselves are `ccd.control.own_calls`'. Every method
raises `ControlError`, and then nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ccd.acd.errors import AcdError
from ccd.acd.service import Acd
from ccd.control.destinations import (
    Destination,
    DiallingRefused,
    Outside,
    Refusal,
    ToAgent,
    ToQueue,
)
from ccd.control.dialling import DiallingPlan
from ccd.control.errors import ControlError, Refused
from ccd.control.own_calls import OwnCalls
from ccd.control.situations import ALLOWED, Situation, Verb, situation
from ccd.model import Cause, ConnectionState, Party
from ccd.switch.call import Call, Leg
from ccd.switch.switch import NotReachable, Switch

_REFUSALS = {
    Refusal.UNKNOWN_NUMBER: Refused.UNKNOWN_NUMBER,
    Refusal.INCOMPLETE: Refused.UNKNOWN_NUMBER,
    Refusal.NOT_ALLOWED: Refused.NOT_ALLOWED,
    Refusal.FORBIDDEN: Refused.NOT_ALLOWED,
}

_ACD_REFUSALS = {
    "unknown_agent": Refused.UNKNOWN_AGENT,
    "unknown_queue": Refused.UNKNOWN_NUMBER,
}


class CallControl:
    """The verbs that need nothing but switch, ACD and dialling plan; others have rooms of their own."""

    def __init__(
        self,
        *,
        switch: Switch,
        acd: Acd,
        own_calls: OwnCalls,
        plan: DiallingPlan,
        role_of: Callable[[str], str],
        wall_clock: Callable[[], float],
    ) -> None:
        self._switch = switch
        self._acd = acd
        self._own_calls = own_calls
        self.plan = plan
        """Replaced when the settings change."""
        self._role_of = role_of
        self._wall_clock = wall_clock
        self.locked: set[str] = set()
        """Agents whose seats are locked."""

    # --- calling --------------------------------------------------------------------------------

    def make_call(
        self, agent: str, number: str = "", data: Mapping[str, str] | None = None
    ) -> Call:
        """Ring the agent's phone, then the number (make call); no number: it is dialled later.

        With a call on hold his phone is there already.
        """
        destination = self._resolve(agent, number) if number else None
        leg = self._held(agent, Verb.MAKE_CALL, destination)
        if leg is not None:
            return self._own_calls.consult(leg, destination, dialled=number, data=data)
        return self._own_calls.make(agent, destination, dialled=number, data=data)

    def dial_digits(self, agent: str, digits: str, call: str | None = None) -> Call:
        """Say whom to call, in a call that was begun without a number (dial digits)."""
        found, _ = self.connection(Verb.DIAL_DIGITS, agent, call)
        self._own_calls.dial(found, self._resolve(agent, digits), digits)
        return found

    def consultation_call(
        self,
        agent: str,
        number: str = "",
        call: str | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Call:
        """Hold the call, and call somebody else (consultation call); its data goes along."""
        _, leg = self.connection(Verb.CONSULTATION_CALL, agent, call)
        destination = self._resolve(agent, number) if number else None
        return self._own_calls.consult(leg, destination, dialled=number, data=data)

    def single_step_conference(self, agent: str, number: str, call: str | None = None) -> Call:
        """Call somebody into the conversation (single step conference call)."""
        found, _ = self.connection(Verb.SINGLE_STEP_CONFERENCE, agent, call)
        match self._resolve(agent, number):
            case ToAgent(agent=colleague):
                self._own_calls.bring_in(found, colleague)
            case Outside() as outside:
                self._own_calls.bring_in_outside(found, outside)
            case destination:
                raise ControlError(Refused.BAD_ARGS, f"{destination} cannot join a conversation")
        return found

    # --- with a call, or two ----------------------------------------------------------------------

    def hold_call(self, agent: str, call: str | None = None) -> None:
        """Leave the conversation, and stay connected: the other party hears music (hold call)."""
        _, leg = self.connection(Verb.HOLD_CALL, agent, call)
        self._switch.hold(leg)

    def retrieve_call(self, agent: str, call: str | None = None) -> None:
        """Be back in a conversation that is held (retrieve call)."""
        found, leg = self.connection(Verb.RETRIEVE_CALL, agent, call)
        self._caller_is_here(found)
        self._switch.retrieve(leg, found)

    def alternate_call(self, agent: str) -> Call:
        """Hold the one, speak with the other (alternate call); returns the one spoken in from now on."""
        _, leg = self.connection(Verb.ALTERNATE_CALL, agent, None)
        kept = self._other(leg)
        self._switch.retrieve(leg, kept)
        return kept

    def reconnect_call(self, agent: str) -> Call:
        """Leave the second call, and be back in the one on hold (reconnect call)."""
        found, leg = self.connection(Verb.RECONNECT_CALL, agent, None)
        kept = leg.kept[-1]
        self._switch.clear_connection(leg, Cause.NORMAL_CLEARING, found)
        self._switch.retrieve(leg, kept)
        return kept

    def transfer_call(self, agent: str) -> Call:
        """Leave both calls, and have the other two parties speak (transfer call).

        Where the one consulted still rings, the caller is his when he answers.
        """
        return self._merge(Verb.TRANSFER_CALL, agent, stay=False)

    def conference_call(self, agent: str) -> Call:
        """Have all parties of both calls speak together (conference call)."""
        return self._merge(Verb.CONFERENCE_CALL, agent, stay=True)

    def _merge(self, verb: Verb, agent: str, *, stay: bool) -> Call:
        present, leg = self.connection(verb, agent, None)
        kept = self._other(leg)
        # The customer's call stays; of two alike, the older.
        first, other = (
            (present, kept) if self._rank(present) < self._rank(kept) else (kept, present)
        )
        if not stay and other.caller is leg and other.answered is None:
            # He consults a queue where nobody has answered him yet: his caller waits there instead.
            self._wait_there(first, other, leg)
            return first
        if other.caller.state is ConnectionState.ALERTING:
            raise ControlError(Refused.WRONG_STATE, "the number outside has not answered yet")
        staying = [party for party in (*other.parties, *other.joining) if party is not leg]
        colleagues = [party.agent for party in staying if party.agent is not None]
        for colleague in colleagues:
            self._own_calls.engage(first, colleague)
        try:
            self._switch.merge(first, other, leg, stay=stay, host=self._own_calls)
        except NotReachable as error:
            for colleague in colleagues:
                self._own_calls.let_go(first, colleague)
            raise ControlError(Refused.WRONG_STATE, str(error)) from error
        for party in staying:
            if not party.connected:
                self._own_calls.limit(first, party)
        return first

    def _wait_there(self, call: Call, consultation: Call, leg: Leg) -> None:
        """Give a call that is held to the queue in which its agent waits himself."""
        queue = self._acd.queue_of(consultation)
        if queue is None:
            raise ControlError(Refused.WRONG_STATE, "nobody has answered there yet")
        self._switch.clear_connection(leg, Cause.NORMAL_CLEARING, consultation)
        self._give(call, leg, ToQueue(queue))

    def _other(self, leg: Leg) -> Call:
        """The call on hold beside the one in which he speaks. Raises `ControlError`."""
        kept = leg.kept[-1]
        self._caller_is_here(kept)
        return kept

    @staticmethod
    def _caller_is_here(call: Call) -> None:
        if call.caller_away:
            raise ControlError(
                Refused.WRONG_STATE,
                f"the caller of call {call.id} is in a flow: recall_from_ivr has him back",
            )

    def _rank(self, call: Call) -> tuple[bool, bool, float]:
        contact = self._acd.contact(call)
        return contact is None, call.caller.agent is not None, call.offered_at

    def single_step_transfer(self, agent: str, number: str, call: str | None = None) -> Call:
        """Give the call away at once (single step transfer call): to a colleague, a queue, outside.

        Where nobody answers there, the caller is back in his queue, at the place of his age.
        """
        found, leg = self.connection(Verb.SINGLE_STEP_TRANSFER, agent, call)
        self._give(found, leg, self._resolve(agent, number))
        return found

    def _give(self, call: Call, leg: Leg, destination: Destination) -> None:
        """To who is named: the ACD's calls by the ACD, which has them back; others by `OwnCalls`."""
        is_acds = self._acd.contact(call) is not None
        try:
            match destination:
                case ToQueue(queue=queue):
                    self._switch.seat(call, leg)
                    self._acd.transfer_to_queue(call, queue)
                case ToAgent(agent=colleague) if is_acds:
                    why = self._acd.why_not(colleague)
                    if why is not None:
                        raise ControlError(Refused.BUSY, why)
                    self._switch.seat(call, leg)
                    self._acd.transfer(call, colleague)
                case Outside() as outside if is_acds:
                    self._switch.seat(call, leg)
                    self._acd.transfer_outside(
                        call,
                        outside.number,
                        outside.trunks,
                        ani=outside.ani,
                        emergency=outside.emergency,
                    )
                case ToAgent() | Outside():
                    self._own_calls.give(call, leg, destination)
                case _:
                    raise ControlError(Refused.BAD_ARGS, f"{destination} takes no transfers")
        except NotReachable as error:
            raise ControlError(Refused.NOT_REACHABLE, str(error)) from error
        except AcdError as error:
            raise ControlError(
                _ACD_REFUSALS.get(error.code, Refused.WRONG_STATE), str(error)
            ) from error

    # --- the end, keys, data --------------------------------------------------------------------------

    def clear_connection(self, agent: str, call: str | None = None) -> None:
        """Leave the call (clear connection); a phone that rings is declined."""
        found, leg = self.connection(Verb.CLEAR_CONNECTION, agent, call)
        cause = Cause.NORMAL_CLEARING if leg.connected else Cause.REJECTED
        self._switch.clear_connection(leg, cause, found)

    def clear_call(self, agent: str, call: str | None = None) -> None:
        """End the call for everybody (clear call)."""
        found, _ = self.connection(Verb.CLEAR_CALL, agent, call)
        self._switch.clear_call(found, Cause.NORMAL_CLEARING, Party.AGENT)

    def generate_digits(self, agent: str, digits: str, call: str | None = None) -> None:
        """Key digits to the other parties (generate digits): for a bank's menu, say.

        Who is alone with a flow that he dialled, or with a message that he hears, keys them to that.
        """
        found, leg = self._alone(agent, call) or self.connection(Verb.GENERATE_DIGITS, agent, call)
        self._switch.generate_digits(found, leg, digits)

    def _alone(self, agent: str, call: str | None) -> tuple[Call, Leg] | None:
        """The call in which he hears a machine of ours, and may act. Raises `ControlError`."""
        self._may_act(agent)
        for found, leg, state in self.situations(agent):
            machine = found.controller is not None and found.controller is not self._own_calls
            alone = state in (Situation.INITIATED, Situation.CONSULT_INITIATED)
            if alone and machine and leg.speaks_in(found) and call in (None, found.id):
                return found, leg
        return None

    def associate_data(self, agent: str, data: Mapping[str, str], call: str | None = None) -> Call:
        """Attach data to the call (associate data); it goes where the caller goes."""
        found, _ = self.connection(Verb.ASSOCIATE_DATA, agent, call)
        self._switch.associate_data(found, data, by=agent)
        return found

    # --- which call is meant -----------------------------------------------------------------------------

    def call(self, call: str) -> Call:
        """A live call. Raises `ControlError`."""
        found = self._switch.calls.get(call)
        if found is None:
            raise ControlError(Refused.UNKNOWN_CALL, f"there is no call {call!r}, or it is over")
        return found

    def situations(self, agent: str) -> list[tuple[Call, Leg, Situation]]:
        """An agent's calls, the one that he speaks in first, and what he has to do with each.

        One that his phone is leaving is none of them any more.
        """
        return [
            (call, leg, state)
            for leg in self._switch.legs_of(agent)
            for call in (leg.call, *reversed(leg.kept))
            if (state := situation(leg, call)) is not Situation.NULL
        ]

    def connection(
        self, verb: Verb, agent: str, call: str | None, *, emergency: bool = False
    ) -> tuple[Call, Leg]:
        """The agent's connection that a verb is about: of the call named, else the one that it fits.

        Raises `ControlError`, with what he has and what the verb needs. An `emergency` is no
        matter of locked seats.
        """
        self._may_act(agent, emergency=emergency)
        his = self.situations(agent)
        if call is not None:
            named = self.call(call)
            his = [each for each in his if each[0] is named]
        for found, leg, state in his:
            if state in ALLOWED[verb]:
                return found, leg
        is_in = ", ".join(f"{state} in {found.id}" for found, _, state in his)
        wanted = ", ".join(sorted(ALLOWED[verb]))
        raise ControlError(
            Refused.WRONG_STATE,
            f"{verb} is for an agent who is {wanted}; {agent} is {is_in or Situation.NULL}"
            + (f" as to call {call}" if call is not None and not his else ""),
        )

    def idle(self, verb: str, agent: str) -> None:
        """Refuse a verb that is for agents without a call. Raises `ControlError`."""
        self._may_act(agent)
        his = self.situations(agent)
        if his:
            state = his[0][2]
            raise ControlError(
                Refused.WRONG_STATE,
                f"{verb} is for an agent without a call; {agent} is {state} in {his[0][0].id}",
            )

    def _held(self, agent: str, verb: Verb, destination: Destination | None) -> Leg | None:
        """The phone of an agent who holds his call; None where he has none. Raises `ControlError`."""
        emergency = isinstance(destination, Outside) and destination.emergency
        if not self.situations(agent):
            self._may_act(agent, emergency=emergency)
            return None
        return self.connection(verb, agent, None, emergency=emergency)[1]

    def _may_act(self, agent: str, *, emergency: bool = False) -> None:
        """Refuse whoever never logged on, or locked his seat. Raises `ControlError`."""
        self._known(agent)
        if agent in self.locked and not emergency:
            raise ControlError(Refused.LOCKED, f"{agent}'s seat is locked: open it first")

    def _known(self, agent: str) -> None:
        if not self._acd.phone_of(agent):
            raise ControlError(
                Refused.UNKNOWN_AGENT, f"agent {agent!r} never logged on: log on first"
            )

    def resolve(self, agent: str, number: str) -> Destination:
        """What a number leads to when this agent dials it. Raises `ControlError`."""
        return self._resolve(agent, number)

    def _resolve(self, agent: str, number: str) -> Destination:
        try:
            return self.plan.resolve(
                number,
                agent=agent,
                role=self._role_of(agent),
                at=self._wall_clock(),
                locked=agent in self.locked,
            )
        except DiallingRefused as refused:
            raise ControlError(_REFUSALS[refused.code], refused.message) from refused
