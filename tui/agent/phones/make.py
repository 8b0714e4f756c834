"""The phone that the settings ask for."""

from __future__ import annotations

from importlib.util import find_spec

from tui.agent.phones.phone import ALL_ABILITIES, Phone, PhoneError
from tui.agent.phones.settings import PhoneSettings
from tui.agent.phones.worker import WorkerPhone

_BACK_ENDS = {"pjsip": ("pjsua2", "pjsip_process"), "pyvoip": ("pyVoIP", "pyvoip_process")}
"""Each one's package, and the process that uses it. The package is not loaded here: one
that falls takes its process with it."""


def make_phone(settings: PhoneSettings) -> Phone:
    """Return a phone that is not started yet. Raises PhoneError where its package is missing."""
    package, module = _BACK_ENDS[settings.back_end]
    if find_spec(package) is None:
        raise PhoneError(
            f"a {settings.back_end} phone needs the package {package}",
            'pip install "ccd-toolkit[phones]", or --phone desk',
        )
    return WorkerPhone(settings, f"tui.agent.phones.{module}", ALL_ABILITIES)
