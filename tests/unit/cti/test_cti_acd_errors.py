"""Whatever the ACD refuses has a code that clients know."""

from __future__ import annotations

import importlib
import pkgutil

import ccd.acd
from ccd.acd.errors import AcdError
from ccd.cti.wire import ErrorCode


def kinds(of: type[AcdError]) -> set[type[AcdError]]:
    return {of}.union(*(kinds(kind) for kind in of.__subclasses__()))


def test_every_error_of_the_acd_has_a_code_of_the_cti() -> None:
    for module in pkgutil.walk_packages(ccd.acd.__path__, "ccd.acd."):
        importlib.import_module(module.name)
    known = {code.value for code in ErrorCode}
    unknown = {kind.__name__: kind.code for kind in kinds(AcdError) if kind.code not in known}
    assert not unknown, f"add them to ccd.cti.wire.ErrorCode: {unknown}"
