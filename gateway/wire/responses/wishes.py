"""How an answer is wished: tools, their choice, structure, thinking, what comes with it.

Source: OpenAI's API reference, "Responses", create.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.wire.fields import Json, listed, mapping, one_of, refused, text
from schemas.model import OutputSchema, ToolDefinition

THERE = "ask a model whose provider speaks this format: there it passes untouched"

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARIES = ("auto", "concise", "detailed")
_LOGPROBS = "message.output_text.logprobs"


def tools(body: Json) -> Iterator[ToolDefinition]:
    """Yield the functions offered. Raises ModelRequestError: a tool that runs at OpenAI."""
    for number, tool in enumerate(listed(body.get("tools") or [], "tools")):
        at = f"tools[{number}]"
        known = mapping(tool, at)
        kind = known.get("type")
        if kind != "function":
            what = f"can't be translated for this model: {kind!r} runs at OpenAI" if kind else "is missing"
            raise refused(f"{at}.type", what, f"offer functions, or {THERE}")
        if "function" in known:
            raise refused(
                f"{at}.function", "is no field of this format", "name and parameters stand in the tool itself"
            )
        strict = known.get("strict")
        schema = known.get("parameters")
        yield ToolDefinition(
            name=text(known.get("name"), f"{at}.name"),
            description=text(known.get("description") or "", f"{at}.description"),
            input_schema=dict(mapping(schema, f"{at}.parameters")) if schema else {"type": "object", "properties": {}},
            strict=strict if isinstance(strict, bool) else None,
        )


def tool_choice(choice: object, offered: tuple[ToolDefinition, ...]) -> tuple[str, tuple[str, ...]]:
    """Return how tools may be called, and those that may, if not all. Raises ModelRequestError."""
    if choice is None:
        return "auto", ()
    if isinstance(choice, str):
        return one_of(choice, ("auto", "none", "required"), "tool_choice"), ()
    known = mapping(choice, "tool_choice")
    names = [tool.name for tool in offered]
    match known.get("type"):
        case "function":
            return one_of(known.get("name"), names, "tool_choice.name"), ()
        case "allowed_tools":
            mode = one_of(known.get("mode") or "auto", ("auto", "required"), "tool_choice.mode")
            return mode, tuple(_allowed(known, names))
        case kind:
            raise refused("tool_choice.type", f"can't be translated for this model: {kind!r}", THERE)


def _allowed(choice: Json, names: list[str]) -> Iterator[str]:
    for number, tool in enumerate(listed(choice.get("tools"), "tool_choice.tools")):
        at = f"tool_choice.tools[{number}]"
        yield one_of(mapping(tool, at).get("name"), names, f"{at}.name")


def text_options(body: Json) -> dict[str, Any]:
    """Return ``output`` and ``verbosity`` of a request. Raises ModelRequestError."""
    options = mapping(body.get("text") or {}, "text")
    verbosity = options.get("verbosity")
    said = one_of(verbosity, ("low", "medium", "high"), "text.verbosity") if verbosity is not None else None
    return {"verbosity": said, "output": _output(mapping(options.get("format") or {"type": "text"}, "text.format"))}


def _output(wanted: Json) -> OutputSchema | None:
    kind = one_of(wanted.get("type"), ("text", "json_object", "json_schema"), "text.format.type")
    if kind != "json_schema":
        return OutputSchema(name=kind, json_schema={}) if kind == "json_object" else None
    strict = wanted.get("strict")
    return OutputSchema(
        name=text(wanted.get("name"), "text.format.name"),
        json_schema=dict(mapping(wanted.get("schema"), "text.format.schema")),
        description=text(wanted.get("description") or "", "text.format.description"),
        strict=strict if isinstance(strict, bool) else None,
    )


def reasoning(options: object) -> dict[str, Any]:
    """Return ``effort`` and ``summary`` of a request. Raises ModelRequestError."""
    if options is None:
        return {}
    known = mapping(options, "reasoning")
    effort, summary = known.get("effort"), known.get("summary") or known.get("generate_summary")
    return {
        "effort": one_of(effort, _EFFORTS, "reasoning.effort") if effort is not None else None,
        "summary": one_of(summary, _SUMMARIES, "reasoning.summary") if summary is not None else None,
    }


def metadata(notes: object) -> dict[str, str]:
    """Return the client's notes. Raises ModelRequestError."""
    if notes is None:
        return {}
    return {name: text(value, f"metadata.{name}") for name, value in mapping(notes, "metadata").items()}


def not_included(body: Json) -> Iterator[str]:
    """Yield what is asked beside the answer and can't be given; the encrypted thinking always is.

    Raises:
        ModelRequestError: What can't be left out.
    """
    for number, wish in enumerate(listed(body.get("include") or [], "include")):
        if wish == _LOGPROBS:
            raise refused(f"include[{number}]", "can't be met: the model's provider may give no logprobs", THERE)
        if wish != "reasoning.encrypted_content":
            yield f"include: {wish}"
