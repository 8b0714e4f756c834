"""Run a command with the caller's number when an agent's phone rings.

`python examples/screen_pop.py AGENT COMMAND [STATE]`; the number is the command's last argument.
"""

import shlex
import subprocess
import sys

from ccd.cti.client import SyncClient
from ccd.events import Delivered

agent, command, state = [*sys.argv[1:], ""][:3]

with SyncClient(state or None) as client:
    monitor = client.monitor(agent=agent)
    for event in monitor:
        if isinstance(event, Delivered) and event.agent == agent:
            number = event.ani or (monitor.call.ani if monitor.call else "")
            # A list, and no shell: what a caller sends as his number is never a command.
            subprocess.run([*shlex.split(command), number], check=False)
