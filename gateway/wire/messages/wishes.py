"""How the answer of a message is wished: tools, their choice, structure, thinking."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from gateway.wire.fields import Json, cache_mark, count, flag, listed, mapping, one_of, refused, text, words
from schemas.model import OutputSchema, ToolDefinition

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_TOOL_FIELDS = frozenset(("type", "name", "description", "input_schema", "strict", "cache_control"))
_PLAIN_FIELDS: dict[str, Any] = {"allowed_callers": ["direct"], "defer_loading": False, "eager_input_streaming": False}


def tools(body: Json, dropped: list[str], drop: Collection[str]) -> Iterator[ToolDefinition]:
    """Yield the client's own tools.

    Args:
        body: The client's.
        dropped: Where it is written what is left out.
        drop: Fields that may be left out though they matter.

    Raises:
        ModelRequestError: One is none, or is Anthropic's own, which only Anthropic can offer.
    """
    for number, tool in enumerate(listed(body.get("tools") or [], "tools")):
        at = f"tools[{number}]"
        known = mapping(tool, at)
        kind = known.get("type") or "custom"
        if kind != "custom":
            if "tools" not in drop and "*" not in drop:
                raise refused(f"{at}.type", f"can't be {kind!r}: only Anthropic offers that tool", _OWN_TOOL)
            dropped.append(f"{at} ({kind})")
            continue
        dropped += [f"{at}.{name}" for name in known if _lost(name, known[name])]
        yield ToolDefinition(
            name=text(known.get("name"), f"{at}.name"),
            description=text(known.get("description") or "", f"{at}.description"),
            input_schema=dict(mapping(known.get("input_schema"), f"{at}.input_schema")),
            strict=flag(known.get("strict"), f"{at}.strict"),
            cache=cache_mark(known),
        )


_OWN_TOOL = "offer a tool of your own in its place, or ask one of Anthropic's models"


def _lost(name: str, value: object) -> bool:
    return name not in _TOOL_FIELDS and value is not None and value != _PLAIN_FIELDS.get(name)


def tool_choice(body: Json) -> tuple[str, bool]:
    """Return how tools may be called, and whether several at once. Raises ModelRequestError."""
    choice = body.get("tool_choice")
    if choice is None:
        return "auto", True
    known = mapping(choice, "tool_choice")
    parallel = known.get("disable_parallel_tool_use") is not True
    kind = one_of(known.get("type"), (*_CHOICES, "tool"), "tool_choice.type")
    return (text(known.get("name"), "tool_choice.name") if kind == "tool" else _CHOICES[kind]), parallel


def output(body: Json) -> OutputSchema | None:
    """Return the schema the answer is held to, or None. Raises ModelRequestError."""
    config = mapping(body.get("output_config") or {}, "output_config")
    wanted, at = config.get("format"), "output_config.format"
    if wanted is None:
        wanted, at = body.get("output_format"), "output_format"
    if wanted is None:
        return None
    known = mapping(wanted, at)
    one_of(known.get("type"), ("json_schema",), f"{at}.type")
    return OutputSchema(name="output", json_schema=dict(mapping(known.get("schema"), f"{at}.schema")))


def reasoning(body: Json) -> dict[str, Any]:
    """Return the fields of a request that say how much to think. Raises ModelRequestError."""
    config = mapping(body.get("output_config") or {}, "output_config")
    wanted, thinking = config.get("effort"), body.get("thinking")
    effort = None if wanted is None else one_of(wanted, _EFFORTS, "output_config.effort")
    if thinking is None:
        return {"effort": effort}
    known = mapping(thinking, "thinking")
    kind = one_of(known.get("type"), ("enabled", "adaptive", "disabled", "between_tools"), "thinking.type")
    if kind == "disabled":
        return {"effort": "none"}
    tokens = count(known, "budget_tokens")
    return {"effort": effort, "think": True, "thinking_tokens": tokens, "summary": words(known, "display")}
