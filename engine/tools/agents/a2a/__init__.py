"""Agents that speak A2A (Agent2Agent), protocol 1.0 and 0.3, over JSON-RPC.

A client of our own: the official SDK brings thirty packages (protobuf and gRPC's types among them), takes a second to
import and runs on asyncio only. It is the peer that this one is tested against (tests/clients).
"""

from __future__ import annotations

from engine.tools.agents.a2a.agent import A2AAgent, made

__all__ = ["A2AAgent", "made"]
