"""Runs over HTTP: accept, watch, answer. Needs starlette and uvicorn; nothing else of the engine imports it."""
