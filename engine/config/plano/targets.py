"""Plano's prompt targets: calls of an HTTP service, described for a model. Here they are tools of an OpenAPI document.

Source: katanemo/plano, docs/source/concepts/prompt_target.rst and docs/source/guides/function_calling.rst.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from engine.config.plano.listeners import Team, safe
from engine.config.plano.section import Section

_TYPES: Mapping[str, str] = {
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
    "list": "array",
    "array": "array",
    "dict": "object",
    "object": "object",
}
_IN_PATH = re.compile(r"\{([^}]+)\}")


def read_targets(top: Section, team: Team) -> list[dict[str, Any]]:
    """Return an entry of ``tools`` for each target, and give them to the assistants of the prompt listeners."""
    services = {name: _service(entry) for name, entry in top.named("endpoints")}
    instructions = top.text("system_prompt")
    tools: list[dict[str, Any]] = []
    for target in top.sections("prompt_targets"):
        tool = _tool(target, services)
        if tool is not None:
            tools.append(tool)
    names = [tool["name"] for tool in tools]
    prompts = {entry.text("name") for entry in team.prompts}
    for assistant in team.assistants:
        if assistant["name"] in prompts:
            assistant |= {"tools": names, "instructions": instructions}
    if tools and not prompts:
        top.found.note(top.at("prompt_targets"), "there is no listener of type prompt: no assistant has them")
    elif instructions and not prompts:
        top.found.note(top.at("system_prompt"), "there is no listener of type prompt: not used")
    return tools


def _service(entry: Section) -> str:
    """Return the address of an endpoint."""
    place = entry.needs("endpoint")
    protocol = entry.text("protocol") or ("https" if place.endswith(":443") else "http")
    entry.cannot("connect_timeout", "a call has the time of its step: not honoured")
    entry.cannot("http_host", "the Host header is that of the endpoint: not honoured")
    entry.cannot("prefix_affinity", "not honoured")
    entry.close()
    return place if "://" in place else f"{protocol}://{place}"


def _tool(target: Section, services: Mapping[str, str]) -> dict[str, Any] | None:
    name, description = safe(target.needs("name")), target.needs("description")
    parameters = [_parameter(each) for each in target.sections("parameters")]
    target.cannot("system_prompt", "instructions of one target are not honoured: those of the file are")
    if target.flag("auto_llm_dispatch_on_response") is False:
        why = "the answer is always put into words: not honoured"
        target.cannot("auto_llm_dispatch_on_response", why)
    endpoint = target.section("endpoint")
    if target.flag("default"):
        target.leave()
        target.found.note(target.path, f"{name} is for what fits no target: the assistant answers that by itself")
        return None
    target.close()
    if endpoint is None:
        target.found.note(target.path, f"{name} names no endpoint: left out")
        return None
    service, path = endpoint.needs("name"), endpoint.needs("path")
    method = (endpoint.text("http_method") or "GET").lower()
    headers = endpoint.secrets("http_headers")
    endpoint.close()
    if service not in services:
        known = ", ".join(services) or "none"
        target.found.problem(endpoint.at("name"), f"there is no endpoint {service!r}", f"there are {known}")
        return None
    made: dict[str, Any] = {"name": name, "openapi": _document(name, description, path, method, parameters)}
    made |= {"base_url": services[service]} | ({"effects": "none"} if method == "get" else {})
    return made | ({"headers": headers} if headers else {})


def _parameter(entry: Section) -> dict[str, Any]:
    form, said, in_path = entry.text("format"), entry.text("description"), bool(entry.flag("in_path"))
    allowed = {key: entry.value(key) for key in ("enum", "default") if entry.has(key)}
    found = {
        "name": entry.needs("name"),
        "in": "path" if in_path else "query",
        "required": bool(entry.flag("required")) or in_path,
        "description": f"{said} ({form})" if form else said,
        "schema": {"type": _TYPES.get(entry.text("type").lower(), "string"), **allowed},
    }
    entry.close()
    return found


def _document(name: str, description: str, path: str, method: str, parameters: list[dict[str, Any]]) -> str:
    """Return an OpenAPI document with the one operation: a POST takes what is not in its path as a JSON body."""
    in_path = set(_IN_PATH.findall(path))
    for each in parameters:
        if each["name"] in in_path:
            each |= {"in": "path", "required": True}
    operation: dict[str, Any] = {"operationId": name, "description": description, "responses": {"200": {}}}
    if method == "post":
        fields = [each for each in parameters if each["in"] != "path"]
        schema = {
            "type": "object",
            "properties": {each["name"]: {**each["schema"], "description": each["description"]} for each in fields},
            "required": [each["name"] for each in fields if each["required"]],
        }
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        parameters = [each for each in parameters if each["in"] == "path"]
    operation["parameters"] = parameters
    document = {"openapi": "3.1.0", "info": {"title": name, "version": "1"}, "paths": {path: {method: operation}}}
    return json.dumps(document, ensure_ascii=False)
