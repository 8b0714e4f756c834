"""Decide where callers go, before they wait in a queue: `python examples/route_calls.py [STATE]`.

Known callers go to their adviser, the others where their data says; whom neither helps, the ACD
routes as if nobody had been asked.
"""

import sys

from ccd.cti.client import CtiError, SyncClient
from ccd.events import RouteRequested

ADVISERS = {"13800000001": "li.na"}
QUEUES = {"en": "english", "zh": "orders"}

with SyncClient(*sys.argv[1:2], name="route_calls") as client:
    router = client.call("route_register", queue="*", timeout_ms=1000).router
    print(f"asked as {router}", flush=True)
    for asked in client.events(None, RouteRequested):
        if not isinstance(asked, RouteRequested) or asked.router != router:
            continue
        queue = QUEUES.get(asked.data.get("language", ""))
        to = f"agent:{ADVISERS[asked.ani]}" if asked.ani in ADVISERS else f"queue:{queue}"
        try:
            if to != "queue:None":
                client.call("route_select", call=asked.call, destination=to)
            else:
                client.call("route_reject", call=asked.call)
        except CtiError as late:  # the caller hung up, or we took too long
            print(late, flush=True)
