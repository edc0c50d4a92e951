"""Tools that the client of a chat runs itself: what it offers, as tools of a run, and what its calls gave."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from engine.serve.chat.values import value_of
from engine.tools.registry import RESERVED
from schemas.errors import ModelRequestError
from schemas.model import Message, ModelRequest, ToolCallPart, ToolDefinition, ToolResultPart
from schemas.tool import ToolSpec

PREFIX = "client."
"""Stands before a client's tool where one of ours has its name, or a plan means something else by it. No function of a
chat completion may have a dot in its name, so what the client called it is known again."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,56}")


def client_specs(request: ModelRequest, ours: Collection[str]) -> tuple[ToolSpec, ...]:
    """Return the tools that a client offers as tools of a run; none where it says that none may be called.

    Calls of them run side by side, unless they are of one tool with the same arguments or the client wants one at a
    time. Only the one that must be called is offered where it names one.

    Args:
        request: What the client asks for.
        ours: Names of our tools that the run may use.

    Raises:
        ModelRequestError: A name is no function's, or is there twice; parameters are no JSON Schema of an object; the
            tool that must be called is not among them.
    """
    if not request.tools or request.tool_choice == "none":
        return ()
    names = [tool.name for tool in request.tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _refused("tools", f"there are two tools named {twice!r}")
    chosen = request.tool_choice
    if chosen not in ("auto", "required", *names):
        raise _refused("tool_choice", f"there is no tool {chosen!r} among the tools")
    wanted = {chosen} if chosen in names else set(request.allowed_tools) or set(names)
    specs = [_spec(place, tool, request) for place, tool in enumerate(request.tools)]
    taken = {*ours, *RESERVED}
    return tuple(
        spec.model_copy(update={"name": f"{PREFIX}{spec.name}"}) if spec.name in taken else spec
        for spec in specs
        if spec.name in wanted
    )


def wish_of(request: ModelRequest, specs: Sequence[ToolSpec]) -> str:
    """Return what models are told of how the client's tools are to be used; empty where that is theirs to say."""
    if not specs or request.tool_choice in ("auto", "none"):
        return ""
    names = ", ".join(spec.name for spec in specs)
    return f"Call {'at least one of these tools' if len(specs) > 1 else 'this tool'} for this request: {names}."


def own_name(tool: str) -> str:
    """Return what the client calls its tool.

    >>> own_name("client.search"), own_name("look")
    ('search', 'look')
    """
    return tool.removeprefix(PREFIX)


def _spec(place: int, tool: ToolDefinition, request: ModelRequest) -> ToolSpec:
    at = f"tools[{place}].function"
    if _NAME.fullmatch(tool.name) is None:
        raise _refused(f"{at}.name", f"{tool.name[:80]!r} is no name: letters, digits, _ and -, at most 57")
    schema = tool.input_schema
    if schema.get("type", "object") != "object":
        raise _refused(f"{at}.parameters", f"the parameters of {tool.name} must be an object")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        what = f"the parameters of {tool.name} are no JSON Schema"
        raise _refused(f"{at}.parameters", f"{what}: {exc.json_path}: {exc.message[:200]}") from None
    arguments = [name for name in schema.get("properties", {}) if re.fullmatch(r"\w+", name)]
    own = f"client/{tool.name}:{'|'.join(f'{{{name}}}' for name in arguments if name in schema.get('required', ()))}"
    return ToolSpec(
        name=tool.name,
        description=tool.description,
        input_schema={"type": "object", **schema},
        effects="effectful",
        writes=(own,) if request.parallel_tool_calls else (),
        kind="client",
    )


def _refused(param: str, message: str) -> ModelRequestError:
    return ModelRequestError(f"{param}: {message}", details={"param": param})


@dataclass(frozen=True, slots=True)
class Given:
    """What a client's calls gave, all of one run.

    Attributes:
        run_id: The run.
        values: By the approval's id.
    """

    run_id: str
    values: dict[str, object]


def given_by(messages: Sequence[Message]) -> Given | None:
    """Return the results at the end of a conversation; None where it ends otherwise.

    A message of the user may follow them. Earlier results are history.

    Raises:
        ModelRequestError: An id is none of ours, or there twice; a call of the last turn has no result; or the calls
            are of several runs.
    """
    last = max((place for place, message in enumerate(messages) if message.role == "assistant"), default=-1)
    after = messages[last + 1 :]
    results = [part for message in after for part in message.parts if isinstance(part, ToolResultPart)]
    asked = _called(messages[last]) if last >= 0 else []
    ids = [part.call_id for part in results]
    if results or (after and asked and all(_split(one) for one in asked)):
        _check_complete(asked, ids)
    return _of_one_run(results) if results else None


def _check_complete(asked: Sequence[str], ids: Sequence[str]) -> None:
    """Return if each call has one result. Raises ModelRequestError."""
    missing = [one for one in asked if one not in ids]
    if missing:
        raise _refused("messages", f"no result for {_listed(missing)}: add a tool message for each tool_call_id")
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        raise _refused("messages", f"two tool messages for tool_call_id {twice!r}")


def _called(message: Message) -> list[str]:
    return [part.call_id for part in message.parts if isinstance(part, ToolCallPart)]


def _of_one_run(results: Sequence[ToolResultPart]) -> Given:
    values: dict[str, object] = {}
    runs: list[str] = []
    for part in results:
        found = _split(part.call_id)
        if found is None:
            raise _refused("messages", f"tool_call_id {part.call_id[:80]!r} is none of this assistant's calls")
        runs.append(found[0])
        values[found[1]] = value_of(part.content)
    if len(set(runs)) > 1:
        raise _refused("messages", "the results are of calls of different runs; send those of one run")
    return Given(runs[0], values)


def _split(call_id: str) -> tuple[str, str] | None:
    """Return the run and the approval that a call's id carries."""
    found = re.fullmatch(r"call_(.+)_(a\d+)", call_id)
    return (found[1], found[2]) if found else None


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(repr(one[:80]) for one in ids)
