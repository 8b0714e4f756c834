"""A contact's story, read from the journal: for the command line and for the CTI."""

from __future__ import annotations

from sqlite_utils import Database

from ccd.acd.stories.story import Story, span, tell
from ccd.events import CallbackRequested, CallbackResolved, Event, Queued, Routed
from ccd.store import contacts


def read_story(db: Database, contact: str) -> Story:
    """Return the story of the contact of exactly this name. Raises ValueError where there is none."""
    own = contacts.events_of_contact(db, contact)
    calls = _calls_for(db, contact, own)
    for call in calls:
        own += contacts.events_of_contact(db, call)
    own.sort(key=lambda event: event.seq)
    queues = {
        event.queue
        for event in own
        if isinstance(event, Queued | Routed) and event.queue is not None
    }
    seqs = span(own)
    others = contacts.steps_between(db, *seqs, queues) if seqs is not None else []
    return tell(contact, own, others, calls)


def _calls_for(db: Database, contact: str, own: list[Event]) -> list[str]:
    """The calls by which a callback was carried out; none for another contact."""
    for event in own:
        if isinstance(event, CallbackRequested) and event.callback == contact:
            over = next((each.at for each in own if isinstance(each, CallbackResolved)), None)
            return contacts.calls_made_to(db, event.number, event.at, over)
    return []
