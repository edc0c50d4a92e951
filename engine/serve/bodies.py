"""What clients send, and how a wrong field is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError

from engine.config.problems import expectation, nearest, shown
from schemas.errors import RequestError, RequestFieldError
from schemas.events import ApproveMode, Mode, RunLimits
from schemas.result import Record
from schemas.runs import RunPhase, RunQuery

B = TypeVar("B", bound=Record)
LONGEST_TASK = 1_000_000
_WORDS = ("literal_error", "enum")


class Caps(Record):
    """The caps of one run, where they differ from the server's; what it allows of money and time is not exceeded."""

    budget_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, gt=0)
    time_limit_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_replans: int | None = Field(default=None, ge=0)
    max_steps: int | None = Field(default=None, ge=1)
    max_parallel: int | None = Field(default=None, ge=1)


class NewRun(Record):
    """The body of POST /runs.

    Attributes:
        task: What to do; may be left out where there is a plan.
        plan: Run this plan, in any format that ``engine apply`` reads, as JSON or as its text.
        assistant: In whose name it runs: with its tools, mode, approvals and limits, where the request says no other.
        mode, approve, user: As in ``Engine.start``.
        run_id: A name of the client's own; must be new, so that a request sent twice starts one run.
        limits: Caps.
        stream: Answer with the run's events as they come.
        wait: Answer when the run ends (or parks), with how it came out.
        on_disconnect: What happens to the run when the client goes away while it streams or waits.
    """

    task: str = Field(default="", max_length=LONGEST_TASK)
    plan: dict[str, Any] | list[Any] | str | None = None
    assistant: str = Field(default="", max_length=200)
    mode: Mode = "auto"
    approve: ApproveMode | None = None
    user: str = Field(default="", max_length=200)
    run_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    limits: Caps = Caps()
    stream: bool = False
    wait: bool = False
    on_disconnect: Literal["continue", "cancel"] = "continue"


class Answering(Record):
    """The body of …/answer, and (without ``decision``) of …/approve and …/reject."""

    approval_id: str | None = None
    decision: Literal["approve", "edit", "reject", "done"] | None = None
    result: Any = None
    tool_input: dict[str, Any] | None = None
    plan: dict[str, Any] | list[Any] | str | None = None
    reason: str = ""
    by: str = ""


class Cancelling(Record):
    """The body of …/cancel."""

    reason: str = "cancelled"
    by: str = ""


class Steering(Record):
    """The body of …/steer: what the run is for from now on."""

    task: str = Field(min_length=1, max_length=LONGEST_TASK)
    by: str = ""


class Forking(Record):
    """The body of …/fork: a new run that begins with what was done before a step, its input or the plan edited."""

    from_step: str | None = None
    tool_input: dict[str, Any] | None = None
    plan: dict[str, Any] | list[Any] | str | None = None
    run_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


class Estimating(Record):
    """The body of …/estimate: a plan, where another is meant than the one that waits or runs."""

    plan: dict[str, Any] | list[Any] | str | None = None


class Resuming(Record):
    """The body of …/resume."""

    force: bool = False


def read_body(raw: bytes, model: type[B]) -> B:
    """Return a request's body as a model; no body at all is an empty object.

    Raises:
        RequestError: It is no JSON object.
        RequestFieldError: A field is wrong: which, what would be right, the nearest word.
    """
    try:
        found: Any = json.loads(raw.decode("utf-8-sig")) if raw.strip() else {}
    except (ValueError, RecursionError) as exc:
        where = f"line {exc.lineno}, column {exc.colno}: " if isinstance(exc, json.JSONDecodeError) else ""
        raise RequestError(f"the body is no JSON ({where}{exc.msg if where else exc})") from None  # type: ignore[union-attr]
    if not isinstance(found, dict):
        raise RequestError("the body is no JSON object", hint=f"fields: {', '.join(model.model_fields)}")
    return checked(found, model)


def checked(found: Any, model: type[B]) -> B:
    """Return what a client said as a model.

    Raises:
        RequestFieldError: A field is wrong: which, what would be right, the nearest word.
    """
    try:
        return model.model_validate(found)
    except ValidationError as exc:
        raise _field_error(exc, model) from None


def read_query(values: list[tuple[str, str]], most: int) -> RunQuery:
    """Return which runs a query string describes, ``most`` at most.

    Raises:
        RequestFieldError: A parameter is unknown or wrong.
    """
    raw: dict[str, Any] = {"limit": min(50, most)}
    for name, value in values:
        if name == "status":
            raw["status"] = (*raw.get("status", ()), *(part.strip() for part in value.split(",")))
        else:
            raw[name] = value
    try:
        query = RunQuery.model_validate(raw)
    except ValidationError as exc:
        raise _field_error(exc, RunQuery, _possible) from None
    if query.limit is None or not 1 <= query.limit <= most or query.offset < 0:
        raise RequestFieldError(f"limit and offset: expected 1 to {most}, and at least 0")
    return query


def limits_within(caps: Caps, own: RunLimits) -> dict[str, Any]:
    """Return the caps a client asks for.

    Raises:
        RequestFieldError: One is above the server's own.
    """
    asked = caps.model_dump(exclude_none=True)
    for name in ("budget_usd", "max_tokens", "time_limit_s", "max_parallel"):
        most = getattr(own, name)
        if name in asked and most is not None and asked[name] > most:
            raise RequestFieldError(f"limits.{name}: {asked[name]:g} is above this server's {most:g}")
    return asked


_possible: dict[str, tuple[str, ...]] = {"status": get_args(RunPhase)}


def _field_error(exc: ValidationError, model: type[Record], words: dict[str, tuple[str, ...]] | None = None) -> Any:
    problems = list(_problems(exc, model, words or {}))
    message, hint = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    details = {"problems": [{"message": text, "hint": advice} for text, advice in problems]}
    return RequestFieldError(message + more, hint=hint, details=details)


def _problems(
    exc: ValidationError, model: type[Record], words: dict[str, tuple[str, ...]]
) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for error in exc.errors():
        names = [part for part in error["loc"] if isinstance(part, str)]
        path = ".".join(name for name in names if name.isidentifier())
        if path in seen:
            continue  # members of a union that each refused the value
        seen.add(path)
        if error["type"] == "extra_forbidden":
            yield f"{path}: unknown field", nearest(str(names[-1]), _fields(model, names[:-1]))
        elif error["type"] == "missing":
            yield f"{path}: missing", ""
        elif error["type"] == "literal_error":
            expected = str((error.get("ctx") or {}).get("expected", ""))
            known = words.get(path) or tuple(word.strip("'") for word in expected.replace(" or ", ", ").split(", "))
            yield f"{path}: {shown(error['input'])} is not possible", nearest(str(error["input"]), known)
        else:
            yield f"{path}: expected {expectation(error)}, not {shown(error['input'])}", ""


def _fields(model: type[BaseModel], path: list[str]) -> tuple[str, ...]:
    for name in path:
        found = model.model_fields[name].annotation if name in model.model_fields else None
        if isinstance(found, type) and issubclass(found, BaseModel):
            model = found
    return tuple(model.model_fields)
