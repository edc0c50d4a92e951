"""Runs over HTTP: accept, watch, answer. Needs starlette; nothing else of the engine imports it."""
