"""SIPp scenarios, and the captures that their callers and agents speak from."""
