"""The business front end: what the brokerage's own systems know of a customer's accounts."""
