"""Service without a person: flows, interpreter (sans-IO) and its service."""
