"""SIP: transactions, dialogs, sessions, SDP, authentication; and the shells that carry them."""
