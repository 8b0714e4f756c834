"""Every operation is a typed method of both clients."""

from __future__ import annotations

import inspect

import pytest

from ccd.cti import generate_operations
from ccd.cti.catalogue import CATALOGUE
from ccd.cti.client import Client, SyncClient


def test_the_generated_file_is_what_the_catalogue_says() -> None:
    written = generate_operations.TARGET.read_text(encoding="utf-8")
    said = generate_operations.formatted(generate_operations.module())
    assert written == said, "stale: run python -m ccd.cti.generate_operations"


@pytest.mark.parametrize("op", sorted(set(CATALOGUE) - generate_operations.OWN))
def test_both_clients_have_it_with_all_arguments(op: str) -> None:
    fields = set(CATALOGUE[op].args.__struct_fields__)
    for client in (Client, SyncClient):
        parameters = inspect.signature(getattr(client, op)).parameters
        assert set(parameters) - {"self"} == fields
    assert inspect.iscoroutinefunction(getattr(Client, op))
    assert not inspect.iscoroutinefunction(getattr(SyncClient, op))
