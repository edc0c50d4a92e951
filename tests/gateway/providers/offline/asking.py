"""Requests as the engine writes them, for tests of the offline model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.providers.offline.catalogue import OfferedTool, tools_of_grammar
from gateway.providers.offline.provider import OfflineProvider
from schemas.fence import fence
from schemas.model import Message, ModelRequest, ModelResponse, OutputSchema, ToolDefinition

REFERENCE: dict[str, Any] = {"type": "string", "pattern": "^\\{\\{.+\\}\\}$"}
TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}


def text(description: str) -> dict[str, Any]:
    """Return the schema of a text argument."""
    return {**TEXT, "description": description}


def number(description: str) -> dict[str, Any]:
    """Return the schema of a number argument."""
    return {**NUMBER, "description": description}


class Offered:
    """A tool as it is declared.

    Args:
        required: Names of the arguments that must be there; None for all.
        returns: Fields of the result; None when it is not known.
    """

    def __init__(
        self,
        name: str,
        description: str,
        arguments: Mapping[str, dict[str, Any]],
        required: Sequence[str] | None = None,
        returns: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        self.name, self.description, self.arguments = name, description, dict(arguments)
        self.required = list(arguments if required is None else required)
        self.returns = returns

    def native(self) -> ToolDefinition:
        """Return the tool as a function offered to a model."""
        schema = {"type": "object", "properties": self.arguments, "required": self.required}
        return ToolDefinition(name=self.name, description=self.description, input_schema=schema)

    def call(self) -> dict[str, Any]:
        """Return the tool as an item of the compact plan grammar."""
        whole, short = self._body(list(self.arguments)), self._body(self.required)
        bare = len(self.required) == 1 and self.arguments[self.required[0]].get("type") == "string"
        told = f"{self.required[0]}: {self.arguments[self.required[0]].get('description', '')}" if bare else ""
        first = {"type": "string", "description": told.rstrip(": ")} if bare else short
        bodies = [first] if len(self.required) == len(self.arguments) else [first, whole]
        told = f"{self.description}\nReturns: {json.dumps(self._result())}" if self.returns else self.description
        body = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
        return {"type": "object", "description": told, "properties": {self.name: body}, "required": [self.name]}

    def _body(self, names: Sequence[str]) -> dict[str, Any]:
        shown = {name: _or_reference(self.arguments[name], name in self.required) for name in names}
        return {"type": "object", "properties": shown, "required": list(names), "additionalProperties": False}

    def _result(self) -> dict[str, Any]:
        return {"type": "object", "properties": dict(self.returns or {})}


def _or_reference(schema: dict[str, Any], required: bool) -> dict[str, Any]:
    branches = [schema] if schema.get("type") == "string" and required else [schema, REFERENCE]
    return schema if len(branches) == 1 else {"anyOf": [*branches, *([] if required else [{"type": "null"}])]}


def grammar(tools: Sequence[Offered]) -> dict[str, Any]:
    """Return the compact plan grammar over these tools."""
    return {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/call"}]}}},
        "required": ["steps"],
        "additionalProperties": False,
        "$defs": {"call": {"anyOf": [tool.call() for tool in tools]}},
    }


def offered(tools: Sequence[Offered]) -> tuple[OfferedTool, ...]:
    """Return the tools as the offline model reads them."""
    return tools_of_grammar(grammar(tools))


def plan_request(task: str, tools: Sequence[Offered], *more: str, emit: bool = False) -> ModelRequest:
    """Return a request for a plan; ``more`` are fences after the task."""
    said = "\n\n".join([fence("task", task), *more])
    messages = (Message.system("You plan."), Message.user(said))
    schema = grammar(tools)
    if emit:
        tool = ToolDefinition(name="emit_plan", input_schema=schema)
        return ModelRequest(messages=messages, model="rules", tools=(tool,), tool_choice="emit_plan")
    return ModelRequest(messages=messages, model="rules", output=OutputSchema(name="plan", json_schema=schema))


def reply(request: ModelRequest) -> ModelResponse:
    """Return the offline model's reply."""
    return OfflineProvider().answer("rules", request)


def plan(task: str, tools: Sequence[Offered], *more: str) -> list[Any]:
    """Return the items of the plan for a task."""
    return json.loads(reply(plan_request(task, tools, *more)).text)["steps"]
