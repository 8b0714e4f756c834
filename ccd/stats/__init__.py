"""Figures and what may be said about them: queueing formulas, estimates, intervals (sans-IO)."""
