"""What every agent is, wherever it runs: a tool of kind ``agent`` that takes a query, and how it is doing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from opentelemetry.propagate import inject
from pydantic import Field

from engine.dag.handing import QUERY
from schemas.agents import AgentSettings
from schemas.protocols import ToolContext
from schemas.result import Record
from schemas.tool import AgentTraits, RetryPolicy, ToolSpec

LOOK_S = 5.0
"""How long an agent may take to say how it is."""


class Card(Record):
    """What an agent says of itself; what the configuration says goes before it.

    Attributes:
        description, version, capabilities: As in ``AgentSettings``.
        arguments: JSON Schemas of what it takes beside the query, by name; none of them is required.
        output_schema: JSON Schema of its result, where it is no text.
    """

    description: str = ""
    version: str = ""
    capabilities: tuple[str, ...] = ()
    arguments: dict[str, Any] = Field(default_factory=dict)
    output_schema: dict[str, Any] | None = None


class Agent(Protocol):
    """One agent. Made by ``made`` of the module for its kind; what is in ``call`` is checked against its spec."""

    def hosting(self, owner: str) -> AbstractAsyncContextManager[None]:
        """Hold what it needs to be called (a process, a connection) for an engine or a run; most need nothing."""
        ...

    async def look(self) -> Card:
        """Ask it how it is, and return what it says of itself now; called again and again, at most ``LOOK_S`` long.

        Raises:
            ToolUnavailableError: It cannot be called now; the message says why, on one line.
            ToolFailedError: It will not be callable as it is configured.
        """
        ...

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Put ``arguments["query"]`` to it and return its answer: a text, or a JSON value where it gives one.

        Its text is told as it comes (``context.text``), what it used is counted (``context.used``).

        Cancellation: it is told, or its connection closed, at once.

        Raises:
            ToolUnavailableError: Not reached, or asked to come back later: worth another try.
            ToolFailedError: It failed; never is an error returned as an answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """What agents are made against.

    Attributes:
        folder: Of the configuration: modules are imported from there, and paths relative to it.
        environ: Where secrets (``$NAME``) are looked up, at each call.
    """

    folder: Path
    environ: Mapping[str, str]


def whose(name: str, context: ToolContext) -> dict[str, str]:
    """Return the headers that say whose a call is, for an agent that calls models through our gateway in its turn.

    ``x-engine-run``, ``x-engine-step``, ``x-engine-agent``, ``x-engine-budget-usd`` (what is left of the run's budget),
    ``Idempotency-Key`` (the same for every attempt of the step) and ``traceparent``: passed on, they have the agent's
    own calls counted to the run.
    """
    call = context.call
    told = {"User-Agent": "plan-execute-engine", "x-engine-run": call.run_id, "x-engine-step": call.step_id}
    told["x-engine-agent"] = name
    if call.idempotency_key:
        told["Idempotency-Key"] = call.idempotency_key
    if context.left_usd is not None:
        told["x-engine-budget-usd"] = f"{max(0.0, context.left_usd):.6f}"
    inject(told)
    return told


@asynccontextmanager
async def held_by_nobody(owner: str) -> AsyncGenerator[None]:
    """Hold nothing: what an agent without a process of ours needs to be called."""
    del owner
    yield


def spec_of(settings: AgentSettings, card: Card = Card()) -> ToolSpec:
    """Return an agent as the planner knows it: the configuration, and where it says nothing the agent's own card.

    Left out, ``effects`` make a call effectful on a resource of the agent's own: agents run beside each other.

    >>> spec_of(AgentSettings(name="weather", url="http://localhost:8081")).writes
    ('agent:weather',)
    """
    own = (f"agent:{settings.name}",)
    effectful = settings.effects in (None, "effectful", "idempotent")
    silent = settings.reads is None and settings.writes is None
    properties = {QUERY: {"type": "string", "description": "The whole request in words, with all it needs to know."}}
    return ToolSpec(
        name=settings.name,
        kind="agent",
        description=settings.description or card.description,
        input_schema={
            "type": "object",
            "properties": {**card.arguments, **properties},
            "required": [QUERY],
            "additionalProperties": False,
        },
        output_schema=card.output_schema,
        effects=settings.effects or "effectful",
        reads=settings.reads or (),
        writes=own if effectful and silent else settings.writes or (),
        approval=settings.approval,
        timeout_s=settings.timeout_s,
        max_parallel=settings.max_parallel,
        retry=RetryPolicy() if settings.max_attempts is None else RetryPolicy(max_attempts=settings.max_attempts),
        enabled=settings.enabled,
        hidden=settings.hidden,
        view=settings.view,
        expected_usd=settings.expected_usd,
        agent=AgentTraits(
            version=settings.version or card.version,
            capabilities=tuple(dict.fromkeys((*settings.capabilities, *card.capabilities))),
            permissions=settings.permissions,
            passthrough=settings.passthrough,
            default=settings.default,
        ),
    )
