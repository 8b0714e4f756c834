"""What callers hear while they wait."""
