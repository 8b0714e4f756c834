"""What can be wrong with a database file; each message says what to do."""

from __future__ import annotations

from ccd.errors import CcdError


class StoreError(CcdError):
    """The database cannot be used."""


class StoreMissingError(StoreError):
    """There is no database: no daemon has run on this state folder yet."""


class StoreForeignError(StoreError):
    """The file is no database of ccd's."""


class StoreNewerError(StoreError):
    """A later release of ccd wrote the file."""


class StoreCorruptError(StoreError):
    """SQLite finds the file damaged."""


class StoreLockedError(StoreError):
    """Another program holds the file for longer than we wait."""


class StoreReadOnlyError(StoreError):
    """The file or its folder cannot be written."""


class StoreFullError(StoreError):
    """The disk is full."""
