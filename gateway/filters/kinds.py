"""Making filters of what the configuration says: one module a kind, imported when the first of its kind is declared."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from pydantic import ValidationError

from gateway.filters.base import BodyFilter, Outside, RunInThread, TextFilter
from gateway.filters.http import HttpFilter
from gateway.filters.mcp import McpFilter
from gateway.filters.python import PythonFilter
from schemas.errors import ConfigError
from schemas.gateway import FilterSettings
from schemas.result import Record


def make_body_filter(
    one: FilterSettings, environ: Mapping[str, str], outside: Outside, in_thread: RunInThread, where: str
) -> BodyFilter:
    """Return a filter of somebody else's.

    Raises:
        ConfigError: It cannot be had here, or a variable is not set; names the entry.
    """
    _no_options(one, where)
    if one.kind == "http":
        if outside.post is None:
            raise ConfigError(f"{where}: nothing here can send requests to {one.url}")
        return HttpFilter(one.url or "", _looked_up(one.headers, environ, where), outside.post, one.timeout_s)
    if one.kind == "mcp":
        if outside.call_tool is None:
            raise ConfigError(f"{where}: nothing here can call tools of MCP servers")
        return McpFilter(one.mcp or "", one.tool or "", outside.call_tool, one.timeout_s)
    if outside.load is None:
        raise ConfigError(f"{where}: nothing here can import {one.python}")
    function: Any = outside.load(one.python or "", f"{where}.python")
    if not callable(function):
        raise ConfigError(f"{where}: {one.python} is {type(function).__name__}, not a function")
    return PythonFilter(function, in_thread)


def make_text_filter(one: FilterSettings, where: str) -> TextFilter:
    """Return a built-in filter.

    Raises:
        ConfigError: An option is wrong; names it.
    """
    if one.kind not in _BUILT_IN:
        raise ConfigError(f"{where}: there is no kind {one.kind}")
    shape, make = _built_in(one.kind)
    try:
        return make(shape.model_validate(one.options))
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        near = difflib.get_close_matches(name, shape.model_fields, 1)
        hint = f"did you mean '{near[0]}'?" if near and name != near[0] else f"it knows {', '.join(shape.model_fields)}"
        raise ConfigError(f"{where}: options.{name}: {first['msg']}", hint=hint) from None


_BUILT_IN = {
    "pii": ("PiiOptions", "PiiFilter"),
    "injection": ("InjectionOptions", "InjectionFilter"),
    "secrets": ("SecretsOptions", "SecretsFilter"),
    "words": ("WordsOptions", "WordsFilter"),
    "schema": ("SchemaOptions", "SchemaFilter"),
}


def _built_in(kind: str) -> tuple[type[Record], Callable[[Any], TextFilter]]:
    """Return the options and the maker of a kind."""
    module = import_module(f"gateway.filters.{kind}")
    shape, make = _BUILT_IN[kind]
    return cast("type[Record]", getattr(module, shape)), cast("Callable[[Any], TextFilter]", getattr(module, make))


def _no_options(one: FilterSettings, where: str) -> None:
    if one.options:
        raise ConfigError(f"{where}: a filter of kind {one.kind} knows no options")


def _looked_up(headers: Mapping[str, str], environ: Mapping[str, str], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        if value.startswith("$"):
            if value[1:] not in environ:
                raise ConfigError(f"{where}: headers.{name}: the environment has no {value[1:]}")
            value = environ[value[1:]]
        found[name] = value
    return found
