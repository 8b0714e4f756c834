"""Messages: left by callers, given to agents like calls."""
