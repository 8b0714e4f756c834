"""The phone that the settings ask for; its back end is loaded when it is wanted, not before."""

from __future__ import annotations

from importlib import import_module

from tui.agent.phones.phone import Phone, PhoneError
from tui.agent.phones.settings import PhoneSettings


def make_phone(settings: PhoneSettings) -> Phone:
    """Return a phone that is not started yet. Raises PhoneError where its package is missing."""
    try:
        room = import_module(f"tui.agent.phones.{settings.back_end}")
    except ImportError as error:
        raise PhoneError(
            f"a {settings.back_end} phone needs {error.name}",
            'pip install "ccd-toolkit[phones]", or --phone desk',
        ) from None
    phone: Phone = room.make(settings)
    return phone
