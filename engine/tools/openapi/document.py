"""An OpenAPI document: read from a file or an address, its references followed, its operations listed.

Source: OpenAPI Specification 3.0.4 and 3.1.1; JSON Pointer, RFC 6901.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urljoin

import yaml

from engine.tools.failures import describe
from schemas.errors import ConfigError

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LARGEST_DOCUMENT = 50_000_000  # bytes
LONGEST_FETCH_S = 20.0
_MOST_HOPS = 20  # references that lead to references
_ADDRESS = re.compile(r"^https?://", re.I)
_VARIABLE = re.compile(r"\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document.

    Attributes:
        method: Lower case.
        path: Its template.
        body: The operation object.
        shared: The path item, for what all its operations share.
    """

    method: str
    path: str
    body: Mapping[str, Any]
    shared: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its operationId, else method and path."""
        return str(self.body.get("operationId") or f"{self.method}{self.path}")

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""
        return tuple(str(tag) for tag in _list(self.body.get("tags")))


class Document:
    """An OpenAPI 3 document.

    Args:
        content: The document.
        source: Where it is from: a path or an address.

    Raises:
        ConfigError: It is none, or of another version.
    """

    def __init__(self, content: object, source: str) -> None:
        self.source = source
        if not isinstance(content, dict):
            raise ConfigError(f"{source}: is no OpenAPI document but {type(content).__name__}")
        self.content = cast("dict[str, Any]", content)
        version = str(self.content.get("openapi", ""))
        if not version.startswith("3."):
            found = f"Swagger {self.content['swagger']}" if "swagger" in self.content else "no OpenAPI document"
            raise ConfigError(f"{source}: is {found}", hint="OpenAPI 3.0 and 3.1 are read; convert it")

    def operations(self) -> Iterator[Operation]:
        """Yield the operations in the document's order."""
        for path, item in _map(self.content.get("paths")).items():
            shared = self.follow(item)
            for method in METHODS:
                if isinstance(shared.get(method), dict):
                    yield Operation(method, str(path), shared[method], shared)

    def follow(self, node: object) -> Mapping[str, Any]:
        """Return an object of the document, behind its references if it is one; empty for what is no object.

        Raises:
            ConfigError: A reference leads out of the document, nowhere, or in a circle.
        """
        for _ in range(_MOST_HOPS):
            found = _map(node)
            if not isinstance(found.get("$ref"), str):
                return found
            node = self.at(found["$ref"])
        raise ConfigError(f"{self.source}: a reference leads in a circle: {_map(node).get('$ref')}")

    def at(self, pointer: str) -> Any:
        """Return what a reference (``#/components/…``) points at.

        Raises:
            ConfigError: It leads out of the document, or nowhere.
        """
        if not pointer.startswith("#"):
            raise ConfigError(
                f"{self.source}: the reference {pointer} leads to another document", hint="bundle them into one file"
            )
        node: Any = self.content
        for part in pointer.removeprefix("#").strip("/").split("/") if pointer.strip("#/") else ():
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            try:
                node = cast("list[Any]", node)[int(key)] if isinstance(node, list) else node[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise ConfigError(f"{self.source}: the reference {pointer} leads nowhere") from None
        return node

    def base_url(self, operation: Operation) -> str:
        """Return the address an operation's path is appended to, without a slash at its end.

        Raises:
            ConfigError: The document names none.
        """
        for holder in (operation.body, operation.shared, self.content):
            for server in _list(holder.get("servers")):
                return self._server(_map(server))
        return self._server({"url": "/"})

    def _server(self, server: Mapping[str, Any]) -> str:
        variables = _map(server.get("variables"))
        url = str(server.get("url", "/"))
        url = _VARIABLE.sub(lambda match: str(_map(variables.get(match[1])).get("default", match[0])), url)
        if _ADDRESS.match(self.source):
            url = urljoin(self.source, url)
        if not _ADDRESS.match(url) or _VARIABLE.search(url):
            raise ConfigError(f"{self.source}: does not say at which server it is ({url})", hint="give a base_url")
        return url.rstrip("/")


def load_document(source: str, folder: Path) -> Document:
    """Read a document from a path relative to a folder, from an http or https address, or from its own text as JSON.

    Raises:
        ConfigError: It cannot be read.
    """
    if source.lstrip().startswith("{"):
        return _document(source, "the document")
    try:
        text = _fetched(source) if _ADDRESS.match(source) else (folder / source).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{source}: cannot be read: {_why(exc)}", hint="check the path or the address") from None
    return _document(text, source)


def _document(text: str, source: str) -> Document:
    try:
        return Document(_parsed(text), source)
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise ConfigError(f"{source}: is neither JSON nor YAML: {' '.join(str(exc).split())[:300]}") from None


def _why(exc: BaseException) -> str:
    """Say in words why a file or an address cannot be read."""
    if isinstance(exc, urllib.error.HTTPError):
        return f"the server answered {exc.code}"
    if isinstance(exc, urllib.error.URLError) and isinstance(exc.reason, BaseException):
        return _why(exc.reason)
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror.lower()
    return describe(exc)


def _fetched(address: str) -> str:
    request = urllib.request.Request(address, headers={"Accept": "application/json, application/yaml, */*"})
    with urllib.request.urlopen(request, timeout=LONGEST_FETCH_S) as answer:  # the person's own address, from the file
        body: bytes = answer.read(LARGEST_DOCUMENT + 1)
    if len(body) > LARGEST_DOCUMENT:
        raise ValueError(f"it is larger than {LARGEST_DOCUMENT // 1_000_000} MB")
    return body.decode("utf-8-sig")


def _parsed(text: str) -> Any:
    """Return JSON data; YAML's dates and numbers as keys become text, as JSON has it."""
    if text.lstrip().startswith("{"):
        return json.loads(text)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return json.loads(json.dumps(yaml.load(text, Loader=loader), default=str))


def _map(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
