"""``/openapi.json``: what the gateway answers, as OpenAPI 3.1.

Bodies of calls are those of the formats' own documents, passed on with whatever fields they have; here stands what the
gateway itself reads and adds.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_Json = dict[str, Any]

_USAGE = (
    ("by", "Any of day, key, provider, model, agent, role, run, joined by commas; day,model."),
    ("since", "A day (UTC), included."),
    ("until", "A day (UTC), included."),
    ("key", "Only this key's, by id."),
    ("model", "Only this model, or provider/model."),
    ("agent", "Only this agent's."),
    ("run", "Only this run's."),
    ("most", "Only so many rows, the costliest first."),
)
_CALLS = {
    "/v1/chat/completions": (
        "Chat completion",
        "createChatCompletion",
        "messages",
        "OpenAIError",
        "https://platform.openai.com/docs/api-reference/chat",
    ),
    "/v1/messages": (
        "Message",
        "createMessage",
        "messages",
        "AnthropicError",
        "https://docs.claude.com/en/api/messages",
    ),
    "/v1/responses": (
        "Response",
        "createResponse",
        "input",
        "OpenAIError",
        "https://platform.openai.com/docs/api-reference/responses",
    ),
    "/v1/embeddings": (
        "Embeddings",
        "createEmbeddings",
        "input",
        "OpenAIError",
        "https://platform.openai.com/docs/api-reference/embeddings",
    ),
}
_QUESTION: _Json = {"role": "user", "content": "What is the capital of Belgium?"}
_WEATHER: _Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
EXAMPLES: dict[str, _Json] = {
    "/v1/chat/completions": {
        "model": "executor",
        "messages": [{"role": "system", "content": "Answer in one word."}, _QUESTION],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": _WEATHER}}],
        "max_completion_tokens": 200,
        "stream": True,
        "stream_options": {"include_usage": True},
    },
    "/v1/messages": {
        "model": "executor",
        "max_tokens": 200,
        "system": "Answer in one word.",
        "messages": [_QUESTION],
        "tools": [{"name": "weather", "input_schema": _WEATHER}],
        "stream": True,
    },
    "/v1/responses": {
        "model": "executor",
        "instructions": "Answer in one word.",
        "input": "What is the capital of Belgium?",
        "max_output_tokens": 200,
    },
    "/v1/embeddings": {"model": "executor", "input": ["Brussels", "Ghent"]},
    "/v1/messages/count_tokens": {"model": "executor", "messages": [_QUESTION]},
    "/v1/route": {"model": "executor", "messages": [_QUESTION]},
}
"""A body for each path that takes one; ``executor`` is a role, which every configuration has."""
_HEARD = {
    "x-request-id": "An id of the client's own; the answer, the log and the trace carry it.",
    "x-engine-run": "The run this call belongs to: it counts to that run's budget.",
    "x-engine-role": "The part it plays in the run.",
    "x-engine-step": "The step of the run.",
    "x-engine-agent": "The agent that calls, for its budget; a key's own agent stands above it.",
    "x-engine-session": "What the calls of one conversation share, so that they stay with one model.",
    "x-engine-deadline": "Seconds the whole call may take, waits, retries and fallbacks included.",
    "x-engine-restart": "true: a streamed answer that breaks off may begin anew on another model.",
    "x-engine-drop": "Fields that may be left out where a call is translated though they matter; * for all.",
    "x-engine-cache": "no-store, no-cache, or max-age=SECONDS, where answers are kept.",
}
_SAID = {
    "x-request-id": "The request's id.",
    "x-engine-model": "Who answered, as provider/model.",
    "x-engine-route": "Why this model.",
    "x-engine-attempts": "Requests that were sent to providers.",
    "x-engine-dropped": "Fields that a translation left out.",
    "x-engine-cost-usd": "What it cost, where that is known when the answer begins.",
}
_FAILURES = {
    "400": "The request cannot be read, or the provider refused it.",
    "401": "No API key, or a wrong one.",
    "402": "A budget is used up.",
    "403": "The key may not, or a page of another site asks.",
    "404": "There is no such model, or nothing at this address.",
    "408": "The request did not come in time.",
    "413": "The request is too large.",
    "415": "The body is no JSON in UTF-8.",
    "429": "A limit; Retry-After says when to come back.",
    "502": "The provider's answer cannot be read.",
    "503": "No provider can be reached, or the gateway is stopping.",
    "504": "No answer in time.",
}


@cache
def document() -> _Json:
    """Return the document."""
    paths = {path: {"post": _call(*about)} for path, about in _CALLS.items()}
    paths["/v1/messages/count_tokens"] = {"post": _posted("Count a message's tokens", "countTokens", "TokenCount")}
    paths["/v1/route"] = {
        "post": _posted("Which models would be asked, in order, and why; nothing is called", "showRoute", "Route")
    }
    paths["/v1/models"] = {"get": _got("The models", "listModels", "ModelList")}
    paths["/v1/models/{id}"] = {"get": _got("One model", "showModel", "Model")}
    paths["/v1/models/{id}"]["get"]["parameters"] = [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": "May hold slashes.",
        }
    ]
    paths["/v1/usage"] = {"get": _got("What calls used: a key's own, or with admin everybody's", "showUsage", "Usage")}
    paths["/v1/usage"]["get"]["parameters"] = [
        {"name": name, "in": "query", "schema": {"type": "string"}, "description": said} for name, said in _USAGE
    ]
    paths["/healthz"] = {"get": _open("Whether the process is up", "health", "application/json")}
    paths["/readyz"] = {"get": _open("Whether it takes calls (503: not)", "readiness", "application/json")}
    paths["/metrics"] = {"get": _got("Numbers for Prometheus", "metrics", None)}
    paths["/openapi.json"] = {"get": _open("This document", "openapi", "application/json")}
    for path, example in EXAMPLES.items():
        paths[path]["post"]["requestBody"]["content"]["application/json"]["example"] = example
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "engine gateway",
            "version": "1",
            "description": "Any client format in, any provider out. Fields that are not named here pass as they are.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"x-api-key": []}, {"api-key": []}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _schemes(), "responses": _failures()},
    }


def _call(what: str, operation: str, field: str, error: str, docs: str) -> _Json:
    asked = {
        "type": "object",
        "properties": {"model": {"type": "string"}, "stream": {"type": "boolean"}, field: {}},
        "required": [field],
    }
    answer: _Json = {
        "description": what,
        "headers": {name: _header(text) for name, text in _SAID.items()},
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    if operation != "createEmbeddings":
        answer["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return {
        "summary": what,
        "operationId": operation,
        "externalDocs": {"url": docs},
        "parameters": _heard(),
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
        "responses": {"200": answer, **_refusals(error)},
    }


def _posted(what: str, operation: str, schema: str) -> _Json:
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {**_got(what, operation, schema), "requestBody": body}


def _got(what: str, operation: str, schema: str | None) -> _Json:
    content: _Json = {"text/plain": {"schema": {"type": "string"}}}
    if schema is not None:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    responses = {"200": {"description": what, "content": content}, **_refusals("OpenAIError", ("401", "403", "404"))}
    return {"summary": what, "operationId": operation, "responses": responses}


def _open(what: str, operation: str, media: str) -> _Json:
    answer = {"description": what, "content": {media: {"schema": {"type": "object"}}}}
    return {"summary": what, "operationId": operation, "security": [], "responses": {"200": answer}}


def _heard() -> list[_Json]:
    return [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in _HEARD.items()
    ]


def _header(text: str) -> _Json:
    return {"description": text, "schema": {"type": "string"}}


def _refusals(error: str, statuses: tuple[str, ...] = tuple(_FAILURES)) -> _Json:
    return {status: {"$ref": f"#/components/responses/{error}{status}"} for status in statuses}


def _failures() -> _Json:
    return {
        f"{error}{status}": {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{error}"}}},
        }
        for error in ("OpenAIError", "AnthropicError")
        for status, text in _FAILURES.items()
    }


def _schemes() -> _Json:
    return {
        "bearer": {"type": "http", "scheme": "bearer"},
        "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
        "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
    }


def _schemas() -> _Json:
    text: _Json = {"type": "string"}
    maybe: _Json = {"type": ["string", "null"]}
    number: _Json = {"type": ["number", "null"]}
    inner = _object({"message": text, "type": text, "param": maybe, "code": maybe}, ("message", "type"))
    route = {"model": text, "reason": text, "left_out": maybe, "usd_per_mtok": number, "latency_s": number}
    model = {"id": text, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": text}
    models = {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
    routes = {"type": "array", "items": _object(route, tuple(route))}
    return {
        "OpenAIError": _object({"error": inner}, ("error",)),
        "AnthropicError": _object(
            {"type": {"const": "error"}, "error": _object({"type": text, "message": text}, ("type", "message"))},
            ("type", "error"),
        ),
        "Model": _object({**model, "engine": {"type": "object"}}, tuple(model)),
        "ModelList": _object({"object": {"const": "list"}, "data": models}, ("object", "data")),
        "Route": _object(
            {"object": {"const": "route"}, "asked": text, "model": maybe, "routes": routes},
            ("object", "asked", "model", "routes"),
        ),
        "Usage": _object(
            {"by": {"type": "array"}, "data": {"type": "array"}, "total": {"type": "object"}}, ("by", "data", "total")
        ),
        "TokenCount": _object({"input_tokens": {"type": "integer"}}, ("input_tokens",)),
    }


def _object(properties: _Json, required: tuple[str, ...]) -> _Json:
    return {"type": "object", "properties": properties, "required": list(required)}
