"""The bench: callers, robot agents and trunks that really signal and really sound."""
