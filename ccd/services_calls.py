"""The CTI's operations on calls (ECMA-269, call control): asked of `ccd.control`, in the CTI's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from ccd.centre import Centre
from ccd.control.errors import ControlError
from ccd.control.service import CallControl
from ccd.cti.call_operations import (
    CallArgs,
    CallResult,
    ConsultArgs,
    DataArgs,
    DigitsArgs,
    KeysArgs,
    MakeCallArgs,
    NumberArgs,
    SendToIvrArgs,
)
from ccd.cti.session import Session
from ccd.cti.spec import AgentArgs
from ccd.cti.wire import CtiError, ErrorCode

T = TypeVar("T")

SERVED = (
    *("make_call", "dial_digits", "hold_call", "retrieve_call", "alternate_call"),
    *("consultation_call", "reconnect_call", "transfer_call", "conference_call"),
    *("single_step_transfer", "single_step_conference", "clear_connection", "clear_call"),
    *("generate_digits", "associate_data", "send_to_ivr", "recall_from_ivr"),
)
"""The operations that are done here."""


class Controlled(Protocol):
    """What is asked of the daemon."""

    centre: Centre


def said(act: Callable[[], T]) -> T:
    """Do it, and put call control's refusal in the CTI's words."""
    try:
        return act()
    except ControlError as error:
        raise CtiError(ErrorCode(error.code.value), error.message) from error


class CallHandlers:
    """One method an operation; arguments and results are the catalogue's."""

    def __init__(self, daemon: Controlled) -> None:
        self._daemon = daemon

    @property
    def _calls(self) -> CallControl:
        return self._daemon.centre.control.calls

    def make_call(self, _session: Session, args: MakeCallArgs) -> CallResult:
        """Call somebody."""
        call = said(lambda: self._calls.make_call(args.agent or "", args.number, args.data))
        return CallResult(call=call.id)

    def dial_digits(self, _session: Session, args: DigitsArgs) -> None:
        """Say whom."""
        said(lambda: self._calls.dial_digits(args.agent or "", args.digits, args.call))

    def hold_call(self, _session: Session, args: CallArgs) -> None:
        """Hold."""
        said(lambda: self._calls.hold_call(args.agent or "", args.call))

    def retrieve_call(self, _session: Session, args: CallArgs) -> None:
        """Be back."""
        said(lambda: self._calls.retrieve_call(args.agent or "", args.call))

    def alternate_call(self, _session: Session, args: AgentArgs) -> CallResult:
        """The other one."""
        return CallResult(call=said(lambda: self._calls.alternate_call(args.agent or "")).id)

    def consultation_call(self, _session: Session, args: ConsultArgs) -> CallResult:
        """Ask somebody."""
        call = said(
            lambda: self._calls.consultation_call(
                args.agent or "", args.number, args.call, args.data
            )
        )
        return CallResult(call=call.id)

    def reconnect_call(self, _session: Session, args: AgentArgs) -> CallResult:
        """Back to the first."""
        return CallResult(call=said(lambda: self._calls.reconnect_call(args.agent or "")).id)

    def transfer_call(self, _session: Session, args: AgentArgs) -> CallResult:
        """Leave them together."""
        return CallResult(call=said(lambda: self._calls.transfer_call(args.agent or "")).id)

    def conference_call(self, _session: Session, args: AgentArgs) -> CallResult:
        """All together."""
        return CallResult(call=said(lambda: self._calls.conference_call(args.agent or "")).id)

    def single_step_transfer(self, _session: Session, args: NumberArgs) -> None:
        """Give it away."""
        said(lambda: self._calls.single_step_transfer(args.agent or "", args.number, args.call))

    def single_step_conference(self, _session: Session, args: NumberArgs) -> None:
        """Bring somebody in."""
        said(lambda: self._calls.single_step_conference(args.agent or "", args.number, args.call))

    def clear_connection(self, _session: Session, args: CallArgs) -> None:
        """Leave."""
        said(lambda: self._calls.clear_connection(args.agent or "", args.call))

    def clear_call(self, _session: Session, args: CallArgs) -> None:
        """End it."""
        said(lambda: self._calls.clear_call(args.agent or "", args.call))

    def generate_digits(self, _session: Session, args: KeysArgs) -> None:
        """Key them."""
        said(lambda: self._calls.generate_digits(args.agent or "", args.digits, args.call))

    def associate_data(self, _session: Session, args: DataArgs) -> None:
        """Attach it."""
        said(lambda: self._calls.associate_data(args.agent or "", args.data, args.call))

    def send_to_ivr(self, _session: Session, args: SendToIvrArgs) -> None:
        """Send the caller through a flow."""
        loans = self._daemon.centre.control.ivr_loans
        said(lambda: loans.send(args.agent or "", args.flow, args.call, args.data))

    def recall_from_ivr(self, _session: Session, args: CallArgs) -> None:
        """Have him back."""
        loans = self._daemon.centre.control.ivr_loans
        said(lambda: loans.recall(args.agent or "", args.call))
