"""A phone's settings are checked when they are made: what is wrong, and the mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ccd.errors import CcdError
from tui.agent.cli import phone_settings
from tui.agent.phones import make
from tui.agent.phones.phone import PhoneError
from tui.agent.phones.settings import PhoneSettings, PhoneSettingsError

GOOD: dict[str, Any] = {"back_end": "pjsip", "user": "1001", "password": "x"}


def test_the_usual_ones_are_good() -> None:
    settings = PhoneSettings(**GOOD)
    assert settings.offered == ("G722", "PCMU", "PCMA")
    assert settings.address == "1001@127.0.0.1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"user": ""}, "user: is empty"),
        ({"user": "a b"}, "is no SIP user"),
        ({"host": "h:5060"}, "is no host"),
        ({"domain": "a b"}, "is no domain"),
        ({"port": 0}, "0 is no port"),
        ({"rtp_port": 5001}, "5001 is odd"),
        ({"expires_s": 1}, "1 is too short"),
        ({"codecs": ("OPUS",)}, "does not know 'OPUS'"),
        ({"ca_file": Path("/nowhere.pem")}, "there is no file"),
        ({"capture": "/nowhere.wav"}, "there is no file"),
        ({"back_end": "pyvoip", "transport": "tls"}, "pyvoip has no tls"),
        ({"back_end": "pyvoip", "srtp": "required"}, "pyvoip has none"),
        ({"back_end": "pyvoip", "codecs": ("PCMA",)}, "does not know 'PCMA'"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(PhoneSettingsError, match=says):
        PhoneSettings(**(GOOD | changes))


def test_a_desk_phone_needs_no_settings() -> None:
    assert phone_settings("desk", user="x", at="", password="") is None


@pytest.mark.parametrize("at", ["5060", "host", "host:sip"])
def test_where_it_registers_is_host_and_port(at: str) -> None:
    with pytest.raises(CcdError, match="HOST:PORT"):
        phone_settings("pjsip", user="x", at=at, password="")


def test_a_back_end_that_is_not_there_is_refused() -> None:
    with pytest.raises(CcdError, match="there are desk, pjsip and pyvoip"):
        phone_settings("pigeon", user="x", at="h:5060", password="")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "find_spec", lambda _name: None)
    with pytest.raises(PhoneError, match="needs the package pjsua2"):
        make.make_phone(PhoneSettings(**GOOD))
