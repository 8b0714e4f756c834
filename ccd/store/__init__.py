"""SQLite: the journal of events and the call records, written by a thread."""
