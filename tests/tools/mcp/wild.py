"""What the tests of MCP servers share: an engine with a server that behaves as asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from engine.api import Engine
from engine.telemetry import tracer
from engine.testing import ScriptedProvider, scripted_settings
from gateway.gateway import Gateway
from schemas.plan import Plan
from schemas.settings import McpSettings, ToolSettings

SCRIPT = str(Path(__file__).with_name("wild_server.py"))


def wild(kind: str = "good", *args: Any, name: str = "wild", mcp: dict[str, Any] | None = None, **entry: Any) -> Any:
    """Return an entry of ``tools:`` for a server that behaves like ``kind``."""
    command = (SCRIPT, kind, *(str(arg) for arg in args))
    settings = McpSettings.model_validate({"command": sys.executable, "args": command, **(mcp or {})})
    return ToolSettings.model_validate({"mcp": settings, "name": name, **entry})


def engine_of(*entries: Any, script: Any = (), environ: Any = None, **settings: Any) -> Engine:
    """Return an engine over these entries whose models reply from a script."""
    provider = script if isinstance(script, ScriptedProvider) else ScriptedProvider(script)
    chosen = scripted_settings(tools=entries, **settings)
    made = Engine(chosen, environ=environ)
    made.gateway = Gateway(chosen, ledger=made.ledger, providers={"scripted": provider}, tracer=tracer)
    return made


def plan_of(*steps: tuple[str, dict[str, Any]], answer: str | None = "done") -> Plan:
    """Return a plan of independent calls, numbered from 1."""
    numbered = [{"id": str(n), "tool": tool, "tool_input": given} for n, (tool, given) in enumerate(steps, 1)]
    return Plan.model_validate({"goal": "test", "steps": numbered, "answer": answer})
