"""The agent's softphone: `ccd agent`."""
