"""Agents that speak A2A (Agent2Agent), protocol 1.0 and 0.3, over JSON-RPC."""
