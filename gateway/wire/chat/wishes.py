"""How the answer of a chat completion is wished: tools, their choice, structure, thinking, where to stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.wire.fields import Json, cache_mark, count, flag, listed, mapping, one_of, refused, text
from schemas.model import OutputSchema, ToolDefinition

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_FORMATS = ("text", "json_object", "json_schema")


def tools(body: Json) -> Iterator[ToolDefinition]:
    """Yield the functions offered, the older ``functions`` included. Raises ModelRequestError."""
    for number, tool in enumerate(listed(body.get("tools") or [], "tools")):
        at = f"tools[{number}]"
        known = mapping(tool, at)
        if known.get("type", "function") != "function":
            raise refused(f"{at}.type", f"can't be {known['type']!r}: only functions are translated")
        yield _function(mapping(known.get("function"), f"{at}.function"), known, f"{at}.function")
    for number, function in enumerate(listed(body.get("functions") or [], "functions")):
        known = mapping(function, f"functions[{number}]")
        yield _function(known, known, f"functions[{number}]")


def _function(function: Json, tool: Json, at: str) -> ToolDefinition:
    schema = function.get("parameters")
    return ToolDefinition(
        name=text(function.get("name"), f"{at}.name"),
        description=text(function.get("description") or "", f"{at}.description"),
        input_schema=dict(mapping(schema, f"{at}.parameters")) if schema is not None else {"type": "object"},
        strict=flag(function.get("strict"), f"{at}.strict"),
        cache=cache_mark(tool) or cache_mark(function),
    )


def tool_choice(body: Json) -> tuple[str, tuple[str, ...]]:
    """Return how tools may be called, and which of them only (empty: all). Raises ModelRequestError."""
    choice = body.get("tool_choice") or body.get("function_call")
    if choice is None:
        return "auto", ()
    if isinstance(choice, str):
        known = "required" if choice == "any" else choice
        return one_of(known, ("auto", "none", "required"), "tool_choice"), ()
    chosen = mapping(choice, "tool_choice")
    if chosen.get("type") == "allowed_tools":
        return _allowed(mapping(chosen.get("allowed_tools"), "tool_choice.allowed_tools"))
    function = mapping(chosen.get("function", chosen), "tool_choice.function")
    return text(function.get("name"), "tool_choice.function.name"), ()


def _allowed(allowed: Json) -> tuple[str, tuple[str, ...]]:
    at = "tool_choice.allowed_tools"
    mode = one_of(allowed.get("mode"), ("auto", "required"), f"{at}.mode")
    listed_tools = [mapping(tool, f"{at}.tools") for tool in listed(allowed.get("tools"), f"{at}.tools")]
    functions = [mapping(tool.get("function", tool), f"{at}.tools") for tool in listed_tools]
    return mode, tuple(text(function.get("name"), f"{at}.tools.name") for function in functions)


def output(body: Json) -> OutputSchema | None:
    """Return what the answer is held to, or None. Raises ModelRequestError."""
    wanted = body.get("response_format")
    if wanted is None:
        return None
    known = mapping(wanted, "response_format")
    kind = one_of(known.get("type"), _FORMATS, "response_format.type")
    if kind != "json_schema":
        return OutputSchema(name=kind, json_schema={}) if kind == "json_object" else None
    inner = mapping(known.get("json_schema"), "response_format.json_schema")
    schema: Any = inner.get("schema")
    return OutputSchema(
        name=text(inner.get("name", "output"), "response_format.json_schema.name"),
        json_schema={} if schema is None else dict(mapping(schema, "response_format.json_schema.schema")),
        description=text(inner.get("description") or "", "response_format.json_schema.description"),
        strict=flag(inner.get("strict"), "response_format.json_schema.strict"),
    )


def stop_words(body: Json) -> tuple[str, ...]:
    """Return the stop sequences. Raises ModelRequestError."""
    stop = body.get("stop")
    if stop is None:
        return ()
    words = [stop] if isinstance(stop, str) else listed(stop, "stop")
    return tuple(text(word, "stop") for word in words)


def reasoning(body: Json) -> dict[str, Any]:
    """Return the fields of a request that say how much to think.

    OpenAI's field, OpenRouter's, or the one of those who took Anthropic's.

    Raises:
        ModelRequestError: An effort that is none.
    """
    effort = body.get("reasoning_effort")
    if effort is not None and effort != "default":
        return {"effort": one_of(effort, EFFORTS, "reasoning_effort")}
    wished = body.get("reasoning")
    if wished is not None:
        return _openrouter(mapping(wished, "reasoning"))
    thinking = body.get("thinking")
    if thinking is None:
        return {}
    known = mapping(thinking, "thinking")
    if known.get("type") == "disabled":
        return {"effort": "none"}
    return {"think": True, "thinking_tokens": count(known, "budget_tokens")}


def _openrouter(wished: Json) -> dict[str, Any]:
    effort = wished.get("effort")
    if wished.get("enabled") is False:
        effort = "none"
    return {
        "effort": None if effort is None else one_of(effort, EFFORTS, "reasoning.effort"),
        "think": effort is None,
        "thinking_tokens": count(wished, "max_tokens"),
        "summary": "omitted" if wished.get("exclude") is True else None,
    }
