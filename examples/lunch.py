"""Send an agent to lunch at noon, and back: `python examples/lunch.py AGENT MINUTES [STATE]`.

For cron: `0 12 * * 1-5  python examples/lunch.py anna 45`. Who is in a call finishes it first; who
changed his state meanwhile (went home, say) is left alone.
"""

import sys
import time

from ccd.cti.client import SyncClient
from ccd.model import AgentState

agent, minutes, state = [*sys.argv[1:], ""][:3]

with SyncClient(state or None, name="lunch") as client:
    client.not_ready(agent=agent, reason="lunch")
    print(f"{agent} is at lunch", flush=True)
    time.sleep(60 * float(minutes))
    now = next(each for each in client.snapshot().agents if each.agent == agent)
    if now.state is AgentState.NOT_READY and now.reason == "lunch":
        client.ready(agent=agent)
        print(f"{agent} is back", flush=True)
    else:
        print(f"{agent} is {now.state} meanwhile", flush=True)
