"""Services and events to the outside: server, client library, wire."""
