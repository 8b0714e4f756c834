"""Print what happens to one agent: `python examples/watch_agent.py AGENT [STATE]`."""

import sys

from ccd.cti.client import SyncClient

agent, state = [*sys.argv[1:], ""][:2]

with SyncClient(state or None) as client:
    for event in client.monitor(agent=agent):
        print(event, flush=True)
