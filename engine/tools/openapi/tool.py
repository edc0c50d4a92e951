"""Tools of an OpenAPI document, as the configuration asks for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.tools.failures import http_failure
from engine.tools.http import Order, Reply, exchange
from engine.tools.openapi.document import Document, Operation, load_document
from engine.tools.openapi.operations import Described, Describer, chosen
from engine.tools.openapi.parameters import written_body, written_headers, written_path, written_query
from engine.tools.openapi.security import ANY_SCHEME, Credentials, Keys, Scheme, chosen_schemes, read_schemes
from schemas.errors import ConfigError, EngineError, ToolFailedError
from schemas.protocols import ToolContext
from schemas.settings import ToolSettings
from schemas.tool import ToolSpec

LARGEST_ANSWER = 20_000_000  # bytes, unpacked
LARGEST_BINARY = 5_000_000
_SHOWN = 300  # characters of an error's body
_USER_AGENT = ("User-Agent", "plan-execute-engine")


@dataclass(frozen=True, slots=True)
class OpenAPITool:
    """One operation as a tool (implements ``schemas.protocols.Tool``)."""

    described: Described
    operation: Operation
    base_url: str
    schemes: tuple[Scheme, ...]
    keys: Keys

    @property
    def spec(self) -> ToolSpec:
        """What the engine knows of it."""
        return self.described.spec

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Make the request and return its answer: JSON as a value, text as it is, other bytes as base64.

        Raises:
            ToolArgumentsError: An argument cannot be written into a request.
            ToolFailedError: The API refused (4xx), redirects, or its answer cannot be read.
            ToolUnavailableError: Not reached, 429 or 5xx; ``retry_after_s`` where the API said it.
            ConfigError: A secret's environment variable is not set.
        """
        credentials = self.keys.credentials(self.schemes)
        order = self._order(arguments, credentials, context.call.idempotency_key)
        try:
            reply = await exchange(order, max_bytes=LARGEST_ANSWER)
        except EngineError as exc:
            raise type(exc)(
                credentials.without_secrets(exc.message), hint=exc.hint, details=exc.details
            ) from None  # what it was raised from may quote a header
        if reply.status >= 300:
            raise self._refused(reply, credentials)
        return self._result(reply)

    def _order(self, arguments: Mapping[str, Any], credentials: Credentials, key: str) -> Order:
        parameters, body = self.described.parameters, self.described.body
        query = "&".join([*written_query(parameters, arguments), *credentials.query])
        path = written_path(self.operation.path, parameters, arguments)
        sent = written_body(body, arguments, [one.argument for one in parameters]) if body else None
        headers = [_USER_AGENT, ("Accept", "application/json, text/*;q=0.9, */*;q=0.1")]
        headers += written_headers(parameters, arguments)
        if sent is not None:
            headers.append(("Content-Type", sent[1]))
        if self.spec.effects != "none" and key and not _has(headers, "idempotency-key"):
            headers.append(("Idempotency-Key", _quoted(key)))
        headers = [header for header in headers if not _has(credentials.headers, header[0].lower())]
        return Order(
            self.operation.method.upper(),
            f"{self.base_url}{path}{'?' if query else ''}{query}",
            tuple(_one_cookie([*headers, *credentials.headers])),
            sent[0] if sent is not None else b"" if self.operation.method in ("post", "put", "patch") else None,
        )

    def _refused(self, reply: Reply, credentials: Credentials) -> EngineError:
        said = credentials.without_secrets(" ".join(_text(reply).split()))[:_SHOWN]
        what = f"{self.operation.method.upper()} {self.operation.path} answered {reply.status}"
        if reply.status < 400:
            target = credentials.without_secrets(reply.headers.get("location", "nowhere"))[:_SHOWN]
            return ToolFailedError(
                f"{what}: it leads to {target}", hint="redirects are not followed: give its base_url as it is now"
            )
        hint = "the configuration gives it no auth: or a wrong one" if reply.status in (401, 403) else ""
        return http_failure(f"{what}: {said}" if said else what, reply.status, reply.headers, hint=hint)

    def _result(self, reply: Reply) -> Any:
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        what = f"{self.operation.method.upper()} {self.operation.path}"
        if reply.truncated:
            raise ToolFailedError(f"{what} answered more than {LARGEST_ANSWER // 1_000_000} MB", hint="ask for less")
        if not reply.body:
            return None
        if kind == "application/json" or kind.endswith("+json"):
            try:
                return json.loads(reply.body)
            except (ValueError, RecursionError) as exc:
                raise ToolFailedError(f"{what} answered what says it is JSON and is not: {exc}") from None
        if kind.startswith("text/") or kind.endswith("xml") or not kind:
            return _text(reply)
        if len(reply.body) > LARGEST_BINARY:
            raise ToolFailedError(f"{what} answered {len(reply.body):,} bytes of {kind}, too many to keep")
        return {"content_type": kind, "base64": base64.b64encode(reply.body).decode()}


def openapi_tools(
    entry: ToolSettings, folder: Path, where: str, taken: Collection[str], environ: Mapping[str, str]
) -> list[OpenAPITool]:
    """Return the tools of one entry of the configuration.

    Args:
        entry: With ``openapi`` and what belongs to it.
        folder: What a path in it is relative to.
        where: The entry's place, for messages.
        taken: Names that none of them may have.
        environ: Where secrets are looked up, at each call.

    Raises:
        ConfigError: The document cannot be read, or does not fit what the entry says.
    """
    document = _document(entry.openapi or "", folder, where)
    schemes = read_schemes(document)
    given = {ANY_SCHEME: entry.auth} if isinstance(entry.auth, str) else dict(entry.auth or {})
    unknown = given.keys() - schemes.keys() - {ANY_SCHEME}
    if unknown:
        raise ConfigError(
            f"{where}.auth: {document.source} has no security scheme '{min(unknown)}'",
            hint=f"it has {', '.join(sorted(schemes)) or 'none; write auth: $TOKEN'}",
        )
    operations = chosen(document, entry.include or (), entry.exclude or (), where)
    if not operations:
        raise ConfigError(f"{where}: no operation of {document.source} is left")
    describer = Describer(document, entry.prefix or "", taken)
    keys = Keys(given, entry.headers or {}, environ)
    return [_tool(document, operation, describer, entry, schemes, keys) for operation in operations]


def _tool(
    document: Document,
    operation: Operation,
    describer: Describer,
    entry: ToolSettings,
    schemes: Mapping[str, Scheme],
    keys: Keys,
) -> OpenAPITool:
    base_url = (entry.base_url or document.base_url(operation)).rstrip("/")
    needed = chosen_schemes(document, operation, schemes, keys.by_scheme)
    return OpenAPITool(describer.describe(operation, base_url), operation, base_url, needed, keys)


def _document(source: str, folder: Path, where: str) -> Document:
    try:
        return load_document(source, folder)
    except ConfigError as exc:
        raise ConfigError(f"{where}.openapi: {exc.message}", hint=exc.hint) from None


def _quoted(key: str) -> str:
    """Return a key as the header's string, quotes and all.

    Source: draft-ietf-httpapi-idempotency-key-header-07, section 2.1; RFC 9651, section 4.1.6.

    >>> _quoted('r:"1"')
    '"r:\\\\"1\\\\""'
    """
    plain = key.encode("ascii", "backslashreplace").decode()
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _has(headers: list[tuple[str, str]], name: str) -> bool:
    return any(key.lower() == name for key, _ in headers)


def _one_cookie(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    cookies = [value for name, value in headers if name.lower() == "cookie"]
    rest = [header for header in headers if header[0].lower() != "cookie"]
    return [*rest, ("Cookie", "; ".join(cookies))] if cookies else rest


def _text(reply: Reply) -> str:
    return reply.body.decode("utf-8", "replace")
