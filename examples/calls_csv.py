"""A day's calls as CSV, oldest first: `python examples/calls_csv.py [DAY [STATE]] > calls.csv`.

`DAY` is `yesterday` (so without it) or a date such as 2026-11-23, of this machine's time zone.
"""

import csv
import sys
from datetime import date, datetime, time, timedelta

import msgspec

from ccd.cti.client import SyncClient
from ccd.model import CallRecord

day, state = [*sys.argv[1:], "", ""][:2]
try:
    first = date.today() - timedelta(1) if day in ("", "yesterday") else date.fromisoformat(day)
except ValueError:
    sys.exit(f"{day!r} is no day: yesterday, or a date such as 2026-11-23")
since, until = (
    datetime.combine(when, time()).timestamp() for when in (first, first + timedelta(days=1))
)
records: list[CallRecord] = []
with SyncClient(state or None, name="calls_csv") as client:
    more = True
    while more:
        after = records[-1].call if records else None
        page = client.call_records(since=since, until=until, after=after, limit=500)
        records += page.records
        more = page.more

table = csv.DictWriter(sys.stdout, CallRecord.__struct_fields__)
table.writeheader()
table.writerows(msgspec.to_builtins(record) for record in reversed(records))
