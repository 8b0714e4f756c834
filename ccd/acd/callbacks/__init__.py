"""Calling customers back, in their place."""
