"""The CTI from outside, in a few lines: an asyncio `Client`, and `SyncClient` without.

    async with Client(state_folder) as client:
        await client.log_in("anna", phone="1001")
        await client.ready()
        async for event in client.events():
            ...

Every operation is a typed method. Events come in order and without a gap, or iteration ends
in `CtiError` with the code `gone`: `ccd.cti.feed` says how, docs/cti.md how one begins again.
`Mirror` keeps a picture of the centre from a snapshot and the events since.
"""

from __future__ import annotations

from ccd.cti.asyncio_client import Client
from ccd.cti.feed import Feed, MonitorFeed
from ccd.cti.mirror import Mirror
from ccd.cti.sync_client import SyncClient, SyncMonitor
from ccd.cti.wire import CtiError, ErrorCode

__all__ = [
    "Client",
    "CtiError",
    "ErrorCode",
    "Feed",
    "Mirror",
    "MonitorFeed",
    "SyncClient",
    "SyncMonitor",
]
