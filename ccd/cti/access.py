"""Who may come in: people, passwords, keys, and the line that says what somebody did."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ccd.store.audit import AuditLine

if TYPE_CHECKING:
    from ccd.cti.catalogue import Role

__all__ = ["Account", "AuditLine", "CurveKeys", "check_password", "hash_password", "masked"]

MASK = "********"
SECRET_ARGS = frozenset({"password", "pin", "digits"})
"""Arguments that no log and no audit line may hold."""


@dataclass(frozen=True)
class CurveKeys:
    """A CURVE key pair, Z85, as `zmq.curve_keypair` makes them."""

    public: bytes
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Account:
    """Somebody whom the settings know: an agent, or a user who is none."""

    name: str
    role: Role
    password_hash: str = ""
    agent: bool = False
    full_name: str = ""


def masked(args: dict[str, Any]) -> dict[str, Any]:
    """Return arguments fit to be written down."""
    return {k: MASK if k in SECRET_ARGS and v else v for k, v in args.items()}


@cache
def _hasher() -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher()


def hash_password(password: str) -> str:
    """Return what `password_hash` in the settings holds (argon2id, RFC 9106)."""
    hashed: str = _hasher().hash(password)
    return hashed


@cache
def _nobodys_hash() -> str:
    return hash_password("nobody")


def check_password(stored: str | None, password: str) -> bool:
    """Whether a password is right; for an unknown person False, in the same time.

    Takes tens of milliseconds of a core by design: not in the event loop.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        right = bool(_hasher().verify(stored or _nobodys_hash(), password))
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None
