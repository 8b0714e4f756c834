"""Who answers which call: the distributor (sans-IO) and its service."""
