"""Agents: others that do steps, by URL, A2A, MCP or Python."""
