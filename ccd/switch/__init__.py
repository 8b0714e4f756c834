"""Calls and legs, and every call-control verb, in one place."""
