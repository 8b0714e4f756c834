"""Why a contact went where it went, told from its events."""
