"""A carrier and its callers, and agents' phones, from one process."""
