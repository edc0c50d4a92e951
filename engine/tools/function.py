"""Python functions as tools: the ``@tool`` decorator, and how such a tool is called.

An async function is awaited in the step's own task. A blocking one runs in a daemon thread: it cannot be stopped, so a
call that is given up on is abandoned, and the context's ``abandoned(thread_done: anyio.Event)`` is called, where the
context has such a method, with an event that is set when the thread has ended. With ``isolate="process"`` the function
runs in a process of its own, which is killed instead.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Generic, Literal, NoReturn, ParamSpec, TypeVar, cast, overload

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token

from engine.tools.failures import cancelled_from_outside, interrupted, tool_failure
from engine.tools.process import Isolated, importable
from engine.tools.signature import read_signature
from engine.tools.stdout import ToolOutput
from engine.tools.threads import run_in_thread
from engine.tools.values import to_json
from schemas.errors import ConfigError, EngineError
from schemas.planning import StepCall
from schemas.policies import ApprovalPolicy
from schemas.protocols import ModelClient, ToolContext
from schemas.result import Usage
from schemas.rules import rule_faults
from schemas.tool import Effects, RetryPolicy, SpendingLimits, ToolKind, ToolSpec

P = ParamSpec("P")
R = TypeVar("R")

Isolation = Literal["process"]


class FunctionTool(Generic[P, R]):
    """A Python function with its ToolSpec; still callable as the function it was."""

    def __init__(self, function: Callable[P, R], *, name: str | None = None, isolate: Isolation | None = None) -> None:
        """Read the function; ``name`` stands in place of its own.

        Raises:
            ConfigError: The function cannot be a tool; says why.
        """
        self._signature = read_signature(function, name)
        self._function = function
        self._called: Any = function
        self._async = _is_async(function)
        self._isolated = Isolated(*importable(function)) if isolate else None
        if isolate and (self._async or self._signature.context):
            what = "is async" if self._async else "takes a ToolContext"
            raise ConfigError(
                f"tool '{self._signature.name}' {what} and asks for a process of its own",
                hint="only a blocking function without a context can have one",
            )
        self.spec = ToolSpec(
            name=self._signature.name,
            description=self._signature.description,
            input_schema=self._signature.input_schema,
            output_schema=self._signature.output_schema,
        )
        functools.update_wrapper(cast("Any", self), function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, outside any run."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<tool {self.spec.name}>"

    @property
    def function(self) -> Callable[P, R]:
        """The function itself."""
        return self._function

    @property
    def needs_run(self) -> bool:
        """Whether it takes a ToolContext, so that it can be called by a run only."""
        return self._signature.context is not None

    def with_spec(self, spec: ToolSpec) -> FunctionTool[P, R]:
        """Return the same function under another spec."""
        copy = cast("FunctionTool[P, R]", object.__new__(type(self)))
        copy.__dict__.update(self.__dict__)
        copy.spec = spec
        return copy

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call the function once and return its result as JSON data.

        Cancellation: an async function is cancelled; a blocking one is abandoned (see the module), its process killed.

        Raises:
            ToolArgumentsError: The arguments do not fit the function's types.
            ToolUnavailableError: It could not reach what it needs; a retry may help.
            ToolFailedError: It raised anything else, SystemExit included, or returned what is not JSON.
            EngineError: An error of ours raised in the function (a budget, a model) passes through.
        """
        try:
            with ToolOutput():
                if self._isolated is not None:
                    return await self._isolated.call(self.spec.name, arguments)
                if self._async:
                    args, kwargs = self._bind(arguments, context)
                    return to_json(await self._called(*args, **kwargs))
                return await self._block(arguments, context)
        except GeneratorExit:
            raise
        except Exception as exc:
            raise self._failure(exc) from exc
        except BaseException as exc:
            if interrupted(exc) or (not isinstance(exc, (SystemExit, KeyboardInterrupt)) and cancelled_from_outside()):
                raise
            raise self._failure(exc) from exc

    async def _block(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        args, kwargs = self._bind(arguments, _ThreadContext(context, current_token()))
        function = self._called

        def _run() -> Any:
            try:
                result = function(*args, **kwargs)
                return result if inspect.isawaitable(result) else to_json(result)
            except BaseException as exc:
                raise self._failure(exc) from exc  # StopIteration could not cross into a coroutine as it is

        result = await run_in_thread(_run, abandoned=getattr(context, "abandoned", None))
        return to_json(await result) if inspect.isawaitable(result) else result

    def _bind(self, arguments: Mapping[str, Any], context: ToolContext) -> tuple[list[Any], dict[str, Any]]:
        args, kwargs = self._signature.bind(arguments)
        if self._signature.context is not None:
            kwargs[self._signature.context] = context
        return args, kwargs

    def _failure(self, exc: BaseException) -> EngineError:
        return tool_failure(self.spec.name, exc)


class _ThreadContext:
    """A tool's context as seen from its thread: progress is handed over to the event loop."""

    def __init__(self, context: ToolContext, token: EventLoopToken) -> None:
        self._context = context
        self._token = token

    @property
    def call(self) -> StepCall:
        return self._context.call

    @property
    def model(self) -> ModelClient | None:
        return self._context.model

    def progress(self, message: str = "", fraction: float | None = None) -> None:
        self._hand_over(self._context.progress, message, fraction)

    def text(self, piece: str) -> None:
        self._hand_over(self._context.text, piece)

    def used(self, usage: Usage) -> None:
        self._hand_over(self._context.used, usage)

    @property
    def left_usd(self) -> float | None:
        return self._context.left_usd

    def request_replan(self, reason: str) -> None:
        self._hand_over(self._context.request_replan, reason)

    def postpone(self, *, seconds: float | None = None, until: float | None = None, reason: str = "") -> NoReturn:
        self._context.postpone(seconds=seconds, until=until, reason=reason)

    def ask(self, question: str, answer_schema: dict[str, Any] | None = None) -> Any:
        return from_thread.run(self._context.ask, question, answer_schema, token=self._token)

    def _hand_over(self, function: Callable[..., None], *args: Any) -> None:
        with suppress(anyio.RunFinishedError):  # abandoned, and nobody watches any more
            from_thread.run_sync(function, *args, token=self._token)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 -- an instance whose __call__ is async
    )


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    effects: Effects | None = None,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    approval: Literal["always", "never"] | ApprovalPolicy | None = None,
    timeout_s: float | None = None,
    max_parallel: int | None = None,
    max_attempts: int | None = None,
    expected_s: float | None = None,
    expected_usd: float | None = None,
    simulate: str | None = None,
    spending: SpendingLimits | None = None,
    hidden: bool = False,
    isolate: Isolation | None = None,
    kind: ToolKind = "python",
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...


def tool(
    function: Callable[P, R] | None = None, /, *, isolate: Isolation | None = None, **options: Any
) -> FunctionTool[P, R] | Callable[[Callable[P, R]], FunctionTool[P, R]]:
    """Make a function a tool; usable bare and with options.

    Name, description and schemas come from the function: its type hints, and a docstring with Google ``Args:`` and
    ``Returns:``. A parameter annotated ``ToolContext`` receives the run's context and is not an argument. A function
    that does not say what it does to the world (``effects``) counts as effectful: it waits until the whole plan is
    checked, never overlaps another undeclared one, and is not retried after an unclear failure.

    Args:
        function: The function, when used bare.
        isolate: ``"process"`` runs each call in a process of its own (about 0.3 s to start), which is killed at the
            time limit; the function has to stand at the top of an importable module.
        options: name, description, effects, reads, writes, approval, timeout_s, max_parallel, max_attempts,
            expected_s, expected_usd, simulate, spending, hidden, kind: as in ToolSpec.

    Raises:
        ConfigError: The function cannot be a tool, or an option is wrong.

    Example:
        >>> @tool(effects="none")
        ... def double(number: float) -> float:
        ...     \"\"\"Double a number.\"\"\"
        ...     return 2 * number
        >>> double.spec.required, double(4)
        (('number',), 8)
    """
    if function is not None:
        return FunctionTool(function)

    def decorate(function: Callable[P, R]) -> FunctionTool[P, R]:
        plain = FunctionTool(function, name=options.get("name"), isolate=isolate)
        return plain.with_spec(respec(plain.spec, options))

    return decorate


def respec(spec: ToolSpec, options: Mapping[str, Any]) -> ToolSpec:
    """Return a spec with some fields replaced; None leaves one as it is, ``max_attempts`` goes into the retry policy.

    Raises:
        ConfigError: A value is wrong; names the tool and the field.
    """
    changes = {key: value for key, value in options.items() if value is not None and key != "max_attempts"}
    attempts = options.get("max_attempts")
    try:
        if attempts is not None:
            changes["retry"] = RetryPolicy.model_validate({**spec.retry.model_dump(), "max_attempts": attempts})
        made = ToolSpec.model_validate({**spec.model_dump(), **changes})
    except ValueError as exc:
        raise ConfigError(f"tool '{spec.name}': {_first_problem(exc)}") from None
    _check_spending(made)
    _check_rules(made)
    return made


def _check_spending(spec: ToolSpec) -> None:
    """A limit on an argument that is never there would limit nothing, or refuse every call."""
    known: Mapping[str, Any] = spec.input_schema.get("properties", {})
    if spec.spending is None or spec.spending.argument.split(".")[0] in known:
        return
    argument = spec.spending.argument
    near = difflib.get_close_matches(argument, known, 1)
    raise ConfigError(
        f"tool '{spec.name}': spending.argument: there is no argument '{argument}'",
        hint=f"did you mean '{near[0]}'?" if near else f"there are {', '.join(known) or 'none'}",
    )


def _check_rules(spec: ToolSpec) -> None:
    """A rule over an argument that is never there would ask about every call, or none."""
    for rule in spec.approval.rule if spec.approval is not None else ():
        fault = next(rule_faults(rule, spec.input_schema), None)
        if fault is not None:
            raise ConfigError(f"tool '{spec.name}': approval.rule {rule!r}: {fault}")


def _first_problem(exc: ValueError) -> str:
    errors = getattr(exc, "errors", None)
    if errors is None:
        return str(exc)
    first = errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
