"""Other people's clients, unmodified, against the gateway over HTTP."""
