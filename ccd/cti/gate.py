"""The gate: who somebody is, what he may do, and who has guessed too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from ccd.cti.access import Account, check_password
from ccd.cti.catalogue import (
    SUPERVISORS,
    Args,
    AuthenticateArgs,
    AuthenticateResult,
    LockedAccountsResult,
    LockKind,
    LockView,
    Role,
    UnlockAccountArgs,
    UnlockAccountResult,
)
from ccd.cti.lockout import Lockout, LockoutPolicy
from ccd.cti.session import Session
from ccd.cti.wire import CtiError, ErrorCode

KEY_PATIENCE = 4
"""A client's key may be behind so many times as many wrong passwords as one person: a whole
site's softphones may share it."""


class Gate:
    """Passwords, roles and locks, for all sessions."""

    def __init__(
        self,
        people: Callable[[str], Account | None],
        policy: LockoutPolicy,
        now: Callable[[], float],
    ) -> None:
        """`people` knows everybody in the settings as they apply at that moment; `now` is a clock
        that does not go back."""
        self._people = people
        self._now = now
        clients = LockoutPolicy(
            policy.attempts * KEY_PATIENCE, policy.window_s, policy.first_s, policy.longest_s
        )
        self._locks = {LockKind.PERSON: Lockout(policy), LockKind.CLIENT: Lockout(clients)}
        self._verifying = asyncio.Semaphore(1)  # argon2 takes 50 ms of a core: one at a time
        self._log = structlog.get_logger("cti")

    # --- who --------------------------------------------------------------------------------

    async def check(self, session: Session, name: str, password: str) -> Account | None:
        """Return who it is where the password is right, None where there is no such person.

        None is only said on this machine, where nothing is to be hidden. Raises CtiError:
        wrong, locked out, or without a password and not on this machine.
        """
        account = self._people(name)
        if session.local and (account is None or not account.password_hash):
            return account  # whoever may open the daemon's own socket is trusted
        if account is not None and not account.password_hash:
            # One without a password is not to be told from one whose password is wrong.
            account = None
        async with self._verifying:
            # Here and not before: those who waited for their turn count too.
            self._refuse_locked(session, name)
            stored = account.password_hash if account is not None else None
            right = await asyncio.to_thread(check_password, stored, password)
            if right and account is not None:
                self._locks[LockKind.PERSON].succeeded(name)
                return account
            self._failed(session, name)
        raise CtiError(ErrorCode.WRONG_PASSWORD, f"log-in of {name!r} failed")

    async def authenticate(self, session: Session, args: AuthenticateArgs) -> AuthenticateResult:
        """`authenticate`: a person, for his role."""
        account = await self.check(session, args.user, args.password)
        if account is None:
            raise CtiError(ErrorCode.WRONG_PASSWORD, f"there is nobody called {args.user!r}")
        session.user = account.name
        self.grant(session)
        return AuthenticateResult(
            user=account.name, roles=tuple(sorted(session.roles)), full_name=account.full_name
        )

    def grant(self, session: Session) -> None:
        """Give a session the roles that the people behind it have now, and no others."""
        roles = {Role.ADMIN} if session.local else set[Role]()
        accounts = (self._people(name) for name in (session.user, *session.agents) if name)
        roles.update(account.role for account in accounts if account is not None)
        if session.agents:
            roles.add(Role.AGENT)
        session.roles = frozenset(roles)

    def grant_all(self, sessions: Iterable[Session]) -> None:
        """The same for everybody, after the settings may have changed."""
        for session in sessions:
            if session.user or session.agents:
                self.grant(session)

    def sees_all(self, name: str) -> bool:
        """Whether somebody may hear of everything, by the settings as they apply now."""
        account = self._people(name)
        return account is not None and account.role in SUPERVISORS

    # --- locks ------------------------------------------------------------------------------

    def locked_accounts(self, _session: Session, _args: Args) -> LockedAccountsResult:
        """`locked_accounts`."""
        now = self._now()
        return LockedAccountsResult(
            locked=tuple(
                LockView(name=one.subject, kind=kind, for_s=one.until - now, locks=one.locks)
                for kind, lockout in self._locks.items()
                for one in lockout.locked(now)
            )
        )

    def unlock_account(self, _session: Session, args: UnlockAccountArgs) -> UnlockAccountResult:
        """`unlock_account`."""
        return UnlockAccountResult(lifted=self._locks[args.kind].lift(args.name, self._now()))

    def _refuse_locked(self, session: Session, name: str) -> None:
        now = self._now()
        for kind, subject in _subjects(session, name):
            length = self._locks[kind].locked_for(subject, now)
            if length:
                raise _locked(kind, subject, length)

    def _failed(self, session: Session, name: str) -> None:
        now = self._now()
        for kind, subject in _subjects(session, name):
            length = self._locks[kind].failed(subject, now)
            if length:
                self._log.warning(
                    "cti.locked", kind=kind.value, name=subject, for_s=length, client=session.client
                )


def _subjects(session: Session, name: str) -> tuple[tuple[LockKind, str], ...]:
    """Who is to blame for a wrong password. All clients of this machine are one, and not locked."""
    person = (LockKind.PERSON, name)
    return (person,) if session.local else (person, (LockKind.CLIENT, session.key))


def _locked(kind: LockKind, subject: str, length: float) -> CtiError:
    what = f"{subject!r}" if kind is LockKind.PERSON else f"this client's key ({subject})"
    return CtiError(
        ErrorCode.LOCKED,
        f"too many wrong passwords: {what} is locked out for {length:.0f} s; a supervisor can "
        "end it: ccd unlock",
        {"retry_after_s": round(length, 1)},
    )
