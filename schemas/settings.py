"""The typed configuration: what engine.yaml may say, with every default.

``engine.config`` reads files and the environment into it; nothing here touches either. A secret may be written as
``$NAME`` (or ``${NAME}``): it is looked up only when it is used.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.agents import AgentSettings, AssistantSettings
from schemas.approving import Approvals
from schemas.care import Retention
from schemas.events import FailurePolicy
from schemas.gateway import FilterSettings, GatewaySettings, Listener, RateLimits, Weighted, WireFormat
from schemas.policies import Approval
from schemas.presets import filled, presets
from schemas.result import Record
from schemas.schedules import ScheduleSettings
from schemas.tool import Effects, ResultView, SpendingLimits

ProviderKind = Literal["anthropic", "openai", "offline"]


class ModelSettings(Record):
    """One model of a provider.

    Attributes:
        name: As the provider calls it.
        input_usd_per_mtok: USD per million input tokens; None takes the maintained price list.
        output_usd_per_mtok: USD per million output tokens.
        cached_usd_per_mtok, cache_write_usd_per_mtok: USD per million input tokens read from, and written to, the
            provider's prompt cache; None: as ``input_usd_per_mtok``.
        context_tokens: Longest request plus reply.
        vision: Whether it reads images; None: nobody said, it may be tried.
        tools: Whether it calls tools, in the same way.
        structured: Whether it keeps to a JSON Schema, in the same way.
        plan_tier: How it is made to write a plan: constrained output, a forced tool call, or JSON in text.
        max_parallel: Most simultaneous calls.
        requests_per_minute: Most calls started in a minute.
        tokens_per_minute: Most tokens (estimated before, corrected after) in a minute.
    """

    name: str
    input_usd_per_mtok: float | None = Field(default=None, ge=0)
    output_usd_per_mtok: float | None = Field(default=None, ge=0)
    context_tokens: int | None = Field(default=None, ge=1)
    vision: bool | None = None
    tools: bool | None = None
    structured: bool | None = None
    cached_usd_per_mtok: float | None = Field(default=None, ge=0)
    cache_write_usd_per_mtok: float | None = Field(default=None, ge=0)
    plan_tier: Literal["schema", "tool", "text"] | None = None
    max_parallel: int | None = Field(default=None, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)


def _preset_may_name_it(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema that an entry with a preset needs nothing else, and which presets there are."""
    required = schema.pop("required")
    schema["anyOf"] = [{"required": required}, {"required": ["preset"]}]
    schema["properties"]["preset"] = {"title": "Preset", "enum": [*presets(), None], "default": None}


class ModelProvider(Record):
    """Where models are.

    Attributes:
        name: Unique; ``name/model`` addresses one of its models.
        kind: Which wire format it speaks; ``openai`` is any compatible server.
        base_url: None for the official one.
        api_key: The key, or ``$NAME`` of an environment variable.
        models: Models offered; the first is the provider's default.
        local: Runs on the user's own machine: its calls cost 0 USD.
        timeout_s: Deadline of one attempt.
        first_token_s: Longest wait for the first token of a streamed answer; None: as ``timeout_s``.
        stall_s: Longest silence within a streamed answer; None: as ``timeout_s``.
        limits: For all its models together.
        formats: Request formats its server takes as they are; None: what its kind, or its preset, says.
        preset: A well-known service (see docs/gateway.md) whose name, kind, address, key and ways are filled in where
            the entry does not say them.
    """

    model_config = ConfigDict(json_schema_extra=_preset_may_name_it)

    name: str
    kind: ProviderKind
    base_url: str | None = None
    api_key: str | None = None
    models: tuple[ModelSettings, ...] = ()
    local: bool = False
    timeout_s: float = Field(default=120.0, gt=0)
    first_token_s: float | None = Field(default=None, gt=0)
    stall_s: float | None = Field(default=None, gt=0)
    limits: RateLimits = RateLimits()
    formats: tuple[WireFormat, ...] | None = None
    preset: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _as_the_preset_says(cls, entry: object) -> object:
        """Fill in what the preset says."""
        if not isinstance(entry, dict):
            return entry
        known = cast("dict[str, Any]", entry)
        return filled(known) if known.get("preset") is not None else known

    @field_validator("preset")
    @classmethod
    def _is_a_preset(cls, name: str | None) -> str | None:
        """A name that is none is told with those there are."""
        if name is not None and name not in presets():
            listed = " or ".join(f"'{known}'" for known in presets())
            raise PydanticCustomError("literal_error", "Input should be {expected}", {"expected": listed})
        return name

    @model_validator(mode="after")
    def _has_an_address(self) -> ModelProvider:
        """A service where everybody has an own address is not looked for at somebody else's."""
        if self.preset is not None and self.kind != "offline" and not self.base_url:
            raise ValueError(f"preset {self.preset!r} needs the base_url of your own {presets()[self.preset].title}")
        return self


class Roles(Record):
    """Which models play which part: a name, or a list tried in order."""

    planner: str | tuple[str, ...] | None = None
    executor: str | tuple[str, ...] | None = None
    synthesizer: str | tuple[str, ...] | None = None
    judge: str | tuple[str, ...] | None = None
    summarizer: str | tuple[str, ...] | None = None


class RoutingPreference(Record):
    """A wish by description ("cheapest that can see images") and the models that meet it, best first."""

    name: str
    description: str
    models: tuple[str, ...] = Field(min_length=1)
    prefer: Literal["listed", "price", "latency"] = "listed"


class McpToolSettings(Record):
    """What the configuration says of one tool of an MCP server; what is left out is as the entry says for all."""

    name: str | None = None
    description: str | None = None
    effects: Effects | None = None
    reads: tuple[str, ...] | None = None
    writes: tuple[str, ...] | None = None
    approval: Approval | None = None
    timeout_s: float | None = Field(default=None, gt=0)
    max_parallel: int | None = Field(default=None, ge=1)
    max_attempts: int | None = Field(default=None, ge=1)
    enabled: bool | None = None
    hidden: bool | None = None
    simulate: str | None = None
    spending: SpendingLimits | None = None


class McpSettings(Record):
    """An MCP server: started here and spoken to over its stdin and stdout (``command``), or reached by HTTP (``url``).

    Attributes:
        url: Its address, such as ``https://example.com/mcp``; ``$NAME`` and ``${NAME}`` are looked up.
        headers: Sent with every request to ``url``; looked up in the same way.
        api_key: Sent to ``url`` as a bearer token; ``$NAME`` is looked up.
        transport: How ``url`` is spoken to: ``http``, or ``sse`` for servers from before streamable HTTP.
        command: The program; without ``args`` it may be a whole command line.
        args: Its arguments; ``$NAME`` (whole) and ``${NAME}`` (anywhere) are looked up in the environment.
        env: Variables it is given beside the few that every program needs; looked up in the same way.
        cwd: Its working folder, relative to the configuration file; that file's folder when left out.
        file: Instead of ``command``: a JSON file with ``mcpServers`` (or ``servers``), as other clients keep it.
        prefix: What its tools' names begin with; the server's name and ``_`` when left out, nothing when empty.
        include: The only tools used, by the server's names; ``*`` and ``?`` stand for any characters.
        exclude: Tools left out, in the same way.
        trust_annotations: Whether the server's own hints say what its tools do to the world where the configuration
            does not; otherwise such a tool counts as effectful.
        tools: What the configuration says of single tools, by the server's names.
        start_timeout_s: Longest time from its start to its list of tools.
        sampling: Whether it may ask for model calls in the middle of a call, on the run's budget.
        roots: Folders it is told it may work in, relative to the configuration file; it is told none when empty.
    """

    url: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    api_key: str | None = None
    transport: Literal["http", "sse"] = "http"
    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    file: str | None = None
    prefix: str | None = Field(default=None, pattern=r"^([A-Za-z0-9_][A-Za-z0-9_-]*)?$")
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    trust_annotations: bool = False
    tools: dict[str, McpToolSettings] = Field(default_factory=dict)
    start_timeout_s: float = Field(default=30.0, gt=0)
    sampling: bool = False
    roots: tuple[str, ...] = ()


class ToolSettings(Record):
    """One entry of ``tools:``; exactly one of python, builtin, mcp, openapi says where it comes from.

    Attributes:
        python: ``module:function``, importable from the folder of the configuration file.
        builtin: Name of a built-in tool; ``builtin: all`` is every one.
        mcp: An MCP server: its settings, or in short its command line, its address or the path of a JSON file. The
            other keys of the entry then hold for every tool of the server.
        name: Another name for it; for an MCP server, the server's.
        openapi: An OpenAPI 3 document: a path beside the configuration file, or an address.
        include: Which of its operations: operationIds, tags or paths, ``*`` for any text; all when left out.
        exclude: Which of these not.
        prefix: Stands before the name of each of its tools.
        base_url: Where the API is, when not where its document says.
        auth: The secret, such as ``$TOKEN``; or one by name of the document's security schemes. ``user:password``
            for basic authentication.
        headers: Sent with every call.
    """

    python: str | None = None
    builtin: str | None = None
    mcp: McpSettings | str | None = None
    openapi: str | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    prefix: str | None = None
    base_url: str | None = None
    auth: str | dict[str, str] | None = None
    headers: dict[str, str] | None = None
    name: str | None = None
    description: str | None = None
    effects: Effects | None = None
    reads: tuple[str, ...] | None = None
    writes: tuple[str, ...] | None = None
    approval: Approval | None = None
    timeout_s: float | None = Field(default=None, gt=0)
    max_parallel: int | None = Field(default=None, ge=1)
    max_attempts: int | None = Field(default=None, ge=1)
    enabled: bool = True
    hidden: bool = False
    simulate: str | None = None
    view: ResultView | None = None
    spending: SpendingLimits | None = None


class PythonSettings(Record):
    """Limits of one call of the built-in tool ``run_python``.

    Attributes:
        time_limit_s: Seconds a program may compute.
        memory_mb: Megabytes it may hold, its inputs included.
    """

    time_limit_s: float = Field(default=5.0, gt=0, le=600)
    memory_mb: int = Field(default=128, ge=8, le=4_096)


class FetchSettings(Record):
    """What the built-in tool ``fetch_url`` may reach; there only when it is named, or this section is.

    Attributes:
        allow: Hosts (``wiki.corp``, ``*.corp``) and networks (``10.0.0.0/8``) reached although they are not public.
        only: The only hosts and networks there are; None for all of the public internet.
        max_bytes: Most bytes read of one page, unpacked.
        max_redirects: Most redirects followed.
        user_agent: What it says it is.
    """

    allow: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    max_bytes: int = Field(default=5_000_000, ge=1, le=100_000_000)
    max_redirects: int = Field(default=5, ge=0, le=20)
    user_agent: str = "plan-execute-engine"


class Budget(Record):
    """What one run may use; None means no cap.

    Attributes:
        run_usd: USD for all its model calls.
        run_tokens: Tokens read and written.
        run_seconds: Seconds from first to last event.
        synthesizer_share: Part of usd and tokens (0–1) that only the synthesizer may use.
    """

    run_usd: float | None = Field(default=None, ge=0)
    run_tokens: int | None = Field(default=None, ge=1)
    run_seconds: float | None = Field(default=None, gt=0)
    synthesizer_share: float = Field(default=0.15, ge=0, lt=1)


class Limits(Record):
    """Caps on the shape of a run.

    Attributes:
        max_parallel: Steps at once; None for no cap.
        max_steps: Steps the planner may write in one plan; never binds a plan that a person applies.
        max_replans: Replans before giving up.
        max_repairs: Repair requests for one unreadable plan.
        catalogue_tokens: Tokens of the planner's prompt that describe tools; of more tools than fit, the likely ones
            stand there in full.
        max_turns: ReAct turns.
        max_questions: Questions the planner may ask in one run, each answered before it plans on; 0: a question is the
            run's answer.
        error_rate: Share of ended steps (at least four) that failed, from which a replan is due.
        similarity: From this likeness (0–1) to a failed plan on, a new plan is not tried.
        result_bytes: Results beyond this many bytes of JSON become artifacts.
        max_result_bytes: Results beyond this fail the step.
        park_after_s: Where a model or a tool asks for more patience than this, no slot and no process waits: the step,
            or the planning, is postponed.
        max_postponements: Times one step, or the run's planning and answering together, may be postponed.
    """

    max_parallel: int | None = Field(default=16, ge=1)
    max_steps: int = Field(default=12, ge=1)
    max_replans: int = Field(default=3, ge=0)
    max_repairs: int = Field(default=2, ge=0)
    catalogue_tokens: int = Field(default=6_000, ge=300)
    max_turns: int = Field(default=12, ge=1)
    max_questions: int = Field(default=3, ge=0)
    error_rate: float = Field(default=0.5, gt=0, le=1)
    similarity: float = Field(default=0.9, gt=0, le=1)
    result_bytes: int = Field(default=65_536, ge=1)
    max_result_bytes: int = Field(default=100_000_000, ge=1)
    park_after_s: float = Field(default=60.0, ge=1)
    max_postponements: int = Field(default=100, ge=0)
    on_failure: FailurePolicy = "continue"
    react_fallback: bool = False


class Results(Record):
    """How results of steps stand in the prompts that come after them; what a tool is called with is always whole.

    Attributes:
        view: auto (whole up to ``whole_tokens``, then a summary if ``roles.summarizer`` is set, else a preview),
            whole, summary (by the model of ``roles.summarizer``, the executor's where it is not set), or preview (a
            handle, the value's shape and its beginning). A tool may have its own.
        whole_tokens: Most tokens of a result that auto shows whole.
        summary_tokens: Most tokens of a summary.
        preview_tokens: Tokens of a result's beginning in its preview.
        prompt_tokens: Most tokens of all results in one prompt; the longest are cut first.
    """

    view: ResultView = "auto"
    whole_tokens: int = Field(default=8_000, ge=0)
    summary_tokens: int = Field(default=400, ge=20)
    preview_tokens: int = Field(default=400, ge=0)
    prompt_tokens: int = Field(default=15_000, ge=100)


class Judge(Record):
    """What the judge's model is asked; off costs nothing.

    Attributes:
        expected_output: Whether a result is held to an ``expected_output`` in words: ask makes one call of the judge
            for each such step (a contradiction fails the step, which leads to a new plan), off leaves the words to
            readers. An ``expected_output`` that is a JSON Schema is always checked, without a model.
    """

    expected_output: Literal["ask", "off"] = "off"

    @field_validator("expected_output", mode="before")
    @classmethod
    def _off_is_false_in_yaml(cls, value: object) -> object:
        """YAML 1.1 reads a bare ``off`` as false."""
        return "off" if value is False else value


class Telemetry(Record):
    """Traces and logs.

    Attributes:
        otlp_endpoint: Where spans are sent by OTLP over HTTP; None turns tracing off.
        log_level: structlog level on stderr.
        content: Whether spans carry prompts and answers.
    """

    otlp_endpoint: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_format: Literal["text", "json"] = "text"
    content: bool = False


class StoreSettings(Record):
    """Where runs are kept, and for how long. Runs that go on or wait are kept in any case.

    Attributes:
        url: A file, or ``postgresql://…``; None: a file in the state folder of the platform.
        keep_days: Ended runs go this many days after their last event; None: never.
        keep_mb: Above this many megabytes the oldest ended runs go; None: however large the store grows.
        keep_usage_days: What model calls used (engine usage) is kept for so many days; None: for ever.
        keep_audit_days: The audit trail (engine audit) of what is no run, or of runs that are gone; None: for ever.
    """

    url: str | None = None
    keep_days: float | None = Field(default=None, ge=0)
    keep_mb: float | None = Field(default=None, ge=0)
    keep_usage_days: float | None = Field(default=None, ge=0)
    keep_audit_days: float | None = Field(default=None, ge=0)


class Workers(Record):
    """How ``engine worker`` drives the runs of a store that machines share.

    When a worker counts as dead, and when a run is set aside, stands in ``durability``.

    Attributes:
        concurrency: Runs driven at once by one worker.
        poll_s: Longest time until a run that is due is looked for, should a notification be lost.
        grace_s: After SIGTERM, seconds for running steps to end before the worker leaves.
    """

    concurrency: int = Field(default=10, ge=1, le=1_000)
    poll_s: float = Field(default=1.0, ge=0.05, le=60)
    grace_s: float = Field(default=25.0, ge=0, le=3_600)


class Durability(Record):
    """How runs outlive the processes that drive them.

    Attributes:
        driver_timeout_s: Without a heartbeat for this long the driver of a run counts as dead, and another may take
            the run over; it beats four times as often.
        store_retry_s: Seconds for which writing a run is tried again when its store cannot be reached; then its drive
            ends, and the run can be resumed.
        max_claims: A run that was taken over this often without getting any further is set aside: it may be what
            kills its drivers.
    """

    driver_timeout_s: float = Field(default=8.0, ge=0.1, le=3_600)
    store_retry_s: float = Field(default=30.0, ge=0, le=3_600)
    max_claims: int = Field(default=5, ge=1)


class Settings(Record):
    """Everything engine.yaml may say."""

    model_providers: tuple[ModelProvider, ...] = ()
    roles: Roles = Roles()
    aliases: dict[str, str | tuple[str | Weighted, ...]] = Field(default_factory=dict)
    routing_preferences: tuple[RoutingPreference, ...] = ()
    tools: tuple[ToolSettings, ...] = ()
    budget: Budget = Budget()
    limits: Limits = Limits()
    results: Results = Results()
    judge: Judge = Judge()
    approvals: Approvals = Approvals()
    telemetry: Telemetry = Telemetry()
    workspace: str | None = None
    statistics: bool = True
    plan_cache: bool = False
    run_python: PythonSettings = PythonSettings()
    fetch_url: FetchSettings | None = None
    store: str | StoreSettings | None = None
    workers: Workers = Workers()
    durability: Durability = Durability()
    agents: tuple[AgentSettings, ...] = ()
    assistants: tuple[AssistantSettings, ...] = ()
    schedules: tuple[ScheduleSettings, ...] = ()
    listeners: tuple[Listener, ...] = ()
    filters: tuple[FilterSettings, ...] = ()
    gateway: GatewaySettings = GatewaySettings()

    @property
    def store_url(self) -> str | None:
        """Where runs are kept, as it is written; None: nowhere is named."""
        return self.store.url if isinstance(self.store, StoreSettings) else self.store

    @property
    def retention(self) -> Retention:
        """How much of the past the store keeps."""
        kept = self.store if isinstance(self.store, StoreSettings) else StoreSettings()
        return Retention(
            older_than_s=None if kept.keep_days is None else kept.keep_days * 86_400,
            keep_bytes=None if kept.keep_mb is None else int(kept.keep_mb * 1_000_000),
            usage_older_than_s=None if kept.keep_usage_days is None else kept.keep_usage_days * 86_400,
            audit_older_than_s=None if kept.keep_audit_days is None else kept.keep_audit_days * 86_400,
        )
