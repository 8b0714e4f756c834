"""Log an agent in, take calls, log off: `python examples/log_in.py AGENT [PHONE [STATE]]`."""

import sys

from ccd.cti.client import SyncClient

agent, phone, state = [*sys.argv[1:], "", ""][:3]

with SyncClient(state or None) as client:
    client.log_in(agent, phone)
    client.ready()
    input(f"{agent} takes calls. Enter ends the shift. ")
    client.log_off()
