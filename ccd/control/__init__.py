"""CSTA's services by agent and call: what an agent, a supervisor or a program may have done with calls."""
