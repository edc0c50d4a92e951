"""Agents that do steps, and the assistants that people talk to: what the configuration says of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.events import ApproveMode, Mode
from schemas.policies import Approval
from schemas.result import Record
from schemas.tool import Effects, ResultView

AgentKind = Literal["url", "a2a", "mcp", "python"]
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"


class AgentSettings(Record):
    """One agent: to the planner a tool with one argument, ``query``. Exactly one of url, a2a, mcp, python.

    Attributes:
        name: Unique among tools and agents.
        description: What it is good at, for the planner; that of its card where it has one and this is left out.
        url: A server that speaks chat completions, in any language. A path is kept: ``/v1/chat/completions`` is
            added to it, ``/chat/completions`` where it ends in ``/v1``, nothing where it ends in that already.
        a2a: An A2A agent: its address, or that of its card.
        mcp: An MCP server's command line or address, and after ``#`` the tool that is asked.
        python: ``module:function``, importable from the folder of the configuration file: ``(query)`` or
            ``(query, context)``.
        model: The model's name that ``url`` is asked for; the agent's own name when left out.
        api_key: Sent as a bearer token; ``$NAME`` is looked up.
        headers: Sent with every call; ``$NAME`` is looked up.
        version: For people; that of its card where it has one.
        capabilities: Words by which ``engine agents list --capability`` finds it; those of its card are added.
        permissions: Keys and users whose runs may use it, by name, ``*`` for any text; empty: everybody's.
        effects: What a call does to the world. Left out, a call counts as effectful, on a resource of its own: agents
            run beside each other, one agent's calls one after another. ``none`` lets them start early and side by side.
        approval: Whether somebody has to approve a call; None: as ``approvals`` says.
        passthrough: A task that only this agent is for goes to it as it is, with no planner call.
        default: Takes what no other agent is for.
        hidden: Shown only to the planners of assistants that name it.
        usage: Where what it uses is counted: by what its replies say, or by what it asks of our gateway, which it then
            tells whose calls they are (``gateway``: what its replies say is left out, or it would count twice).
        expected_usd: Typical cost of a call in USD; held of the budget while it runs, and what a call is taken to have
            cost whose reply names tokens and no cost.
    """

    name: str = Field(pattern=NAME)
    description: str = ""
    url: str | None = None
    a2a: str | None = None
    mcp: str | None = None
    python: str | None = None
    model: str | None = None
    api_key: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    version: str = ""
    capabilities: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    effects: Effects | None = None
    reads: tuple[str, ...] | None = None
    writes: tuple[str, ...] | None = None
    approval: Approval | None = None
    timeout_s: float | None = Field(default=None, gt=0)
    max_parallel: int | None = Field(default=None, ge=1)
    max_attempts: int | None = Field(default=None, ge=1)
    enabled: bool = True
    hidden: bool = False
    passthrough: bool = False
    default: bool = False
    view: ResultView | None = None
    usage: Literal["reply", "gateway"] = "reply"
    expected_usd: float | None = Field(default=None, ge=0)

    @property
    def kind(self) -> AgentKind:
        """Where it is."""
        return next(kind for kind in ("url", "a2a", "mcp", "python") if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _is_somewhere(self) -> AgentSettings:
        given = [kind for kind in ("url", "a2a", "mcp", "python") if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"agent {self.name!r} has {found}: give exactly one of url, a2a, mcp, python")
        return self


class ConversationSettings(Record):
    """What is remembered of a conversation, and how much of it a task is made of.

    Attributes:
        ttl_s: A conversation is forgotten this long after its last message.
        history_tokens: Most tokens of earlier messages that a new one is understood by; what is asked for first and
            the latest messages stay.
    """

    ttl_s: float = Field(default=30 * 86_400.0, gt=0)
    history_tokens: int = Field(default=6_000, ge=200)


class AssistantSettings(Record):
    """One assistant: a model's name that chat clients ask for, and the team behind it.

    Attributes:
        name: What clients ask for; unique among assistants and models.
        description: For people who choose one.
        agents: Names of its agents, ``*`` for any text; None: all.
        tools: Names of its tools, in the same way.
        mode: auto, plan, react or direct.
        passthrough: The agent that every task goes to as it is: no planner call, the query byte-identical.
        default: The agent that takes what nothing else is for.
        instructions: What planner and synthesizer are told in its name.
        approve: Who decides; None: as ``approvals`` says.
        run_usd, run_tokens, run_seconds, max_steps, max_replans, max_parallel: Caps of one run; never above those of
            ``budget`` and ``limits``.
        progress: How much a person sees of the work before the answer: a sentence a step, or nothing.
        on_disconnect: What becomes of a run whose client went away, where the client does not say.
        conversation: What is remembered.
    """

    name: str = Field(min_length=1, max_length=200)
    description: str = ""
    agents: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    mode: Mode = "auto"
    passthrough: str | None = None
    default: str | None = None
    instructions: str = ""
    approve: ApproveMode | None = None
    run_usd: float | None = Field(default=None, ge=0)
    run_tokens: int | None = Field(default=None, ge=1)
    run_seconds: float | None = Field(default=None, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    max_replans: int | None = Field(default=None, ge=0)
    max_parallel: int | None = Field(default=None, ge=1)
    progress: Literal["steps", "none"] = "steps"
    on_disconnect: Literal["continue", "cancel"] = "cancel"
    conversation: ConversationSettings = ConversationSettings()
