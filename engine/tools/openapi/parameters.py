"""Arguments of an operation, and how each is written into a request.

Source: OpenAPI 3.1.1, "Parameter Object" (style, explode) and "Media Type Object"; RFC 6570 for the styles.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode

from schemas.errors import ToolArgumentsError

Place = Literal["path", "query", "header", "cookie"]
BodyKind = Literal["json", "form", "multipart", "raw"]

_SEPARATOR = {"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "|", "label": ".", "matrix": ","}
_DATA = "data:"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument that goes into path, query, header or cookie.

    Attributes:
        argument: Its name among the tool's arguments.
        name: Its name in the request.
        place: Where it goes.
        style: How lists and objects are written.
        explode: Whether each of their members is written by itself.
        as_json: Whether it is written as JSON text instead.
    """

    argument: str
    name: str
    place: Place
    style: str
    explode: bool
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Body:
    """The request's body.

    Attributes:
        kind: How it is written.
        content_type: What it says it is.
        argument: The argument that is the whole of it; None when ``members`` are its members.
        members: Argument → member.
        open: Whether arguments that nothing names are members as well.
    """

    kind: BodyKind
    content_type: str
    argument: str | None = None
    members: Mapping[str, str] = field(default_factory=dict[str, str])
    open: bool = False


def written_path(template: str, parameters: Iterable[Parameter], arguments: Mapping[str, Any]) -> str:
    """Return the path with its parameters filled in, encoded.

    Raises:
        ToolArgumentsError: A value is empty, or would lead to another path (``..``).
    """
    for parameter in parameters:
        if parameter.place == "path":
            text = _path_value(parameter, arguments.get(parameter.argument))
            template = template.replace(f"{{{parameter.name}}}", text)
    return template


def _path_value(parameter: Parameter, value: Any) -> str:
    whole = _plain(value) if not isinstance(value, (dict, list)) else "x" if value else ""
    if whole in ("", ".", ".."):
        raise ToolArgumentsError(f"{parameter.argument}: '{whole}' cannot stand in the path of an address")
    text = _SEPARATOR.get(parameter.style, ",").join(
        f"{quote(key, safe='')}={part}"
        if key and parameter.explode
        else f"{quote(key, safe='')},{part}"
        if key
        else part
        for key, part in _parts(value)
    )
    if parameter.style == "matrix":
        return f";{quote(parameter.name, safe='')}={text}"
    return f".{text}" if parameter.style == "label" else text


def written_query(parameters: Iterable[Parameter], arguments: Mapping[str, Any]) -> list[str]:
    """Return the encoded ``name=value`` pairs of the query, in the document's order; what is null is left out."""
    pairs: list[str] = []
    for parameter in parameters:
        value = arguments.get(parameter.argument)
        if parameter.place == "query" and value is not None:
            pairs += _query_pairs(parameter, value)
    return pairs


def _query_pairs(parameter: Parameter, value: Any) -> list[str]:
    name = quote(parameter.name, safe="[]")
    if parameter.as_json or not isinstance(value, (dict, list)):
        return [f"{name}={quote(_json(value) if parameter.as_json else _plain(value), safe='')}"]
    parts = _parts(cast("Any", value))
    if parameter.style == "deepObject":
        return [f"{name}[{quote(key, safe='')}]={part}" for key, part in parts]
    if parameter.explode:
        return [f"{quote(key, safe='') or name}={part}" for key, part in parts]
    joined = _SEPARATOR.get(parameter.style, ",").join(
        f"{quote(key, safe='')},{part}" if key else part for key, part in parts
    )
    return [f"{name}={joined}"] if parts else []


def written_headers(parameters: Iterable[Parameter], arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the headers of header and cookie parameters.

    Raises:
        ToolArgumentsError: A value holds a line break or a character that no header can hold.
    """
    headers: list[tuple[str, str]] = []
    cookies: list[str] = []
    for parameter in parameters:
        value = arguments.get(parameter.argument)
        if value is None or parameter.place not in ("header", "cookie"):
            continue
        text = _json(value) if parameter.as_json else _listed(value, explode=parameter.explode)
        if not text.isprintable() or (parameter.place == "header" and not text.isascii()):
            raise ToolArgumentsError(f"{parameter.argument}: it holds characters that no header can hold")
        if parameter.place == "cookie":
            cookies.append(f"{parameter.name}={quote(text, safe=',')}")
        else:
            headers.append((parameter.name, text))
    return [*headers, *([("Cookie", "; ".join(cookies))] if cookies else [])]


def written_body(body: Body, arguments: Mapping[str, Any], named: Iterable[str]) -> tuple[bytes, str] | None:
    """Return the body and its Content-Type, or None when no argument of it was given.

    Args:
        body: Its form.
        arguments: All arguments of the call.
        named: Arguments that go elsewhere.

    Raises:
        ToolArgumentsError: A file's ``data:`` address cannot be read.
    """
    value = _body_value(body, arguments, frozenset(named))
    if value is None:
        return None
    if body.kind == "json":
        return _json(value).encode(), body.content_type
    if body.kind == "raw" or not isinstance(value, dict):
        return _file(value)[0], body.content_type
    members = cast("dict[str, Any]", value)
    if body.kind == "form":
        pairs = [(name, _plain(item)) for name, items in members.items() for item in _each(items)]
        return urlencode(pairs).encode(), body.content_type
    return _multipart(members)


def _body_value(body: Body, arguments: Mapping[str, Any], named: frozenset[str]) -> Any:
    if body.argument is not None:
        return arguments.get(body.argument)
    given = {body.members[name]: value for name, value in arguments.items() if name in body.members}
    if body.open:
        given |= {name: value for name, value in arguments.items() if name not in named and name not in body.members}
    return given or None


def _multipart(members: Mapping[str, Any]) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    pieces: list[bytes] = []
    for name, items in members.items():
        for item in _each(items):
            data, kind = _file(item)
            field_name = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field_name}"'
            head += f'; filename="{field_name}"\r\nContent-Type: {kind}' if kind else ""
            pieces.append(head.encode() + b"\r\n\r\n" + data + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _file(value: Any) -> tuple[bytes, str]:
    """Return the bytes of a value and, where it is a ``data:`` address, the type it names."""
    if not isinstance(value, str) or not value.startswith(_DATA) or "," not in value:
        return (_plain(value) if not isinstance(value, (dict, list)) else _json(value)).encode(), ""
    head, _, text = value.removeprefix(_DATA).partition(",")
    kind = head.removesuffix(";base64") or "text/plain"
    if not head.endswith(";base64") or not kind.isprintable():
        return value.encode(), ""
    try:
        return base64.b64decode(text, validate=True), kind
    except (binascii.Error, ValueError):
        raise ToolArgumentsError("a data: address in the body is no valid base64") from None


def _parts(value: Any) -> Sequence[tuple[str, str]]:
    """Return (key, encoded text) of an object's members, or of a list's items and of a scalar without a key."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return [(key, quote(_plain(item), safe="")) for key, item in members.items() if item is not None]
    return [("", quote(_plain(item), safe="")) for item in _each(value)]


def _listed(value: Any, *, explode: bool) -> str:
    if isinstance(value, dict):
        sign = "=" if explode else ","
        return ",".join(f"{key}{sign}{_plain(item)}" for key, item in cast("dict[str, Any]", value).items())
    return ",".join(_plain(item) for item in _each(value))


def _each(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return _json(value) if isinstance(value, (dict, list)) else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
