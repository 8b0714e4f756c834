"""Keep a log of those who gave up waiting, and have each called back in ten minutes.

`python examples/missed_calls.py [QUEUE [STATE]]`; without a queue, of every one.
"""

import sys
import time

from ccd.cti.client import CtiError, SyncClient
from ccd.events import CallCleared, Dequeued, Offered

MINUTES = 10
queue, state = [*sys.argv[1:], "", ""][:2]

with SyncClient(state or None, name="missed_calls") as client:
    numbers = {call.call: call.ani for call in client.snapshot().calls}
    print("waiting for calls that are missed", flush=True)
    for event in client.events(None, Offered, Dequeued, CallCleared):
        if isinstance(event, Offered):
            numbers[event.call] = event.ani
        elif isinstance(event, CallCleared):
            numbers.pop(event.call, None)
        elif isinstance(event, Dequeued) and event.reason == "abandoned":
            number = numbers.get(event.call, "")
            if queue not in ("", event.queue) or not number:
                continue
            try:
                client.schedule_callback(number, event.queue, at=time.time() + 60 * MINUTES)
                then = f"to be called back in {MINUTES} minutes"
            except CtiError as error:  # he hides his number, say
                then = f"not called back: {error}"
            print(f"{number} gave up {event.queue} after {event.waited:.0f} s: {then}", flush=True)
