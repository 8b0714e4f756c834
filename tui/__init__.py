"""What people see in the terminal: the agent's softphone and the supervisor's wallboard."""
