"""When a call leaves a queue without an agent, and where it goes."""
