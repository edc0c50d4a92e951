"""The gateway over HTTP: several listeners, each client's own wire format, a reload that drops nothing."""
