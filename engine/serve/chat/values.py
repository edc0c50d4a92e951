"""Values in what people write: the arguments they change, and what a question's schema wants."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from engine.serve.chat.wording import EDITING, NO, YES


def changes(text: str, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the arguments that a text gives other values, where all of it does nothing else; else None.

    >>> changes(" with amount 300 and to = Bob", {"amount": 5, "to": "Al"})
    {'amount': 300, 'to': 'Bob'}
    """
    rest = text[cast("re.Match[str]", EDITING.match(text)).end() :].strip()
    if rest.startswith("{"):
        return _object(rest, known)
    names = "|".join(sorted((re.escape(name).replace("_", "[_ ]") for name in known), key=len, reverse=True))
    if not names:
        return None
    parts = re.split(
        rf"(?:^|(?:[\s,;，]|\band\b|\bund\b|\bet\b|\by\b)+)[\"'`]?(?P<name>{names})[\"'`]?(?![\w])",
        rest,
        flags=re.IGNORECASE,
    )
    if parts[0].strip() or len(parts) < 3:
        return None
    changed: dict[str, Any] = {}
    for name, told in _joined(parts[1::2], parts[2::2]):
        key = next(one for one in known if one.lower() in (name.lower(), name.lower().replace(" ", "_")))
        value = _value(told, known[key])
        if value is None or key in changed:
            return None
        changed[key] = value[0]
    return changed


def _joined(names: Sequence[str], told: Sequence[str]) -> list[tuple[str, str]]:
    """Return names with what is said of them; in "amount to 300" the word "to" is no name, even where there is one."""
    pairs: list[tuple[str, str]] = []
    for name, text in zip(names, told, strict=True):
        if name.lower() == "to" and pairs and not pairs[-1][1].strip():
            pairs[-1] = (pairs[-1][0], text)
        else:
            pairs.append((name, text))
    return pairs


def _object(text: str, known: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) and value and set(value) <= set(known) else None  # pyright: ignore[reportUnknownArgumentType]


_IS = re.compile(r"^\s*(?:=|:|：|to\b|is\b|of\b|auf\b|à\b|a\b|为|改为|改成|を)?\s*", re.IGNORECASE)


def _value(told: str, was: Any) -> tuple[Any] | None:
    """Return a value of the kind that stood there, or None where the text is none (or more than one)."""
    text = _IS.sub("", told, count=1).strip().rstrip(".!。").strip()
    quoted = re.fullmatch(r"[\"'“„«「](.*)[\"'”“»」]", text, re.DOTALL)
    if isinstance(was, bool):
        word = text.lower()
        return (
            (word in ("true", "yes", "on", "ja", "oui"),)
            if word in ("true", "false", "yes", "no", "on", "off", "ja", "nein", "oui", "non")
            else None
        )
    if isinstance(was, int | float):
        plain = re.fullmatch(
            r"[$€£¥]?\s*(-?\d+(?:,\d{3})*(?:\.\d+)?)\s*(?:[$€£¥%]|usd|eur|euros?|dollars?)?", text, re.IGNORECASE
        )
        if plain is None:
            return None
        number = float(plain[1].replace(",", ""))
        return (int(number) if number.is_integer() else number,)
    if isinstance(was, str):
        if quoted:
            return (quoted[1],)
        return (
            (text,)
            if text
            and len(text.split()) <= 4
            and not re.search(r"\b(?:if|but|and|unless|only|wenn|aber|si|mais|pero)\b|[,;]", text, re.IGNORECASE)
            else None
        )
    return None


def value_of(text: str) -> Any:
    """Return a text as the JSON object or list it is, else as it is.

    >>> value_of('{"a": 1}'), value_of("12 May")
    ({'a': 1}, '12 May')
    """
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def fitted(text: str, schema: Mapping[str, Any]) -> tuple[Any] | None:
    """Return the value that a text gives for a schema, or None where it gives none.

    JSON is taken as it is; for an object with one field the text is that field's; several come as ``name: value``.

    >>> fitted("3", {"type": "integer"}), fitted("Bob", {"type": "object", "properties": {"name": {"type": "string"}}})
    ((3,), ({'name': 'Bob'},))
    """
    plain = text.strip()
    if schema.get("type") != "object":
        return _scalar(plain, schema)
    given = value_of(plain)
    if isinstance(given, dict):
        return (cast("dict[str, Any]", given),)
    fields: dict[str, Mapping[str, Any]] = dict(schema.get("properties", {}))
    pairs = _pairs(plain, fields)
    if pairs:
        return (pairs,)
    required: Sequence[str] = schema.get("required") or list(fields)
    wanted = [name for name in required if name in fields]
    if len(wanted) != 1:
        return None
    value = _scalar(plain, fields[wanted[0]])
    return None if value is None else ({wanted[0]: value[0]},)


def _pairs(text: str, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``name: value`` pairs, a line or a comma apart; empty where a piece is none."""
    found: dict[str, Any] = {}
    for piece in re.split(r"[\n;]|,(?=\s*[\w ]+\s*[:=])", text):
        name, mark, told = re.sub(r"\s*=\s*", ":", piece, count=1).partition(":")
        key = next((one for one in fields if one.lower() == name.strip().lower().replace(" ", "_")), None)
        value = _scalar(told.strip(), fields[key]) if key is not None and mark else None
        if key is None or value is None:
            return {}
        found[key] = value[0]
    return found


def choices_of(schema: Mapping[str, Any]) -> Sequence[Any]:
    """Return the values that a schema lists, where it lists them."""
    return schema.get("enum") or [one["const"] for one in schema.get("oneOf", ()) if "const" in one]


def _scalar(text: str, schema: Mapping[str, Any]) -> tuple[Any] | None:
    options = choices_of(schema)
    if options:
        return next(((one,) for one in options if str(one).lower() == text.strip(" .!").lower()), None)
    kind = schema.get("type")
    if kind == "boolean":
        agreed = re.fullmatch(rf"\W*(?:(?P<yes>{YES}|true)|{NO}|false)\W*", text, re.IGNORECASE)
        return None if agreed is None else (agreed["yes"] is not None,)
    if kind in ("integer", "number"):
        return _number(text, whole=kind == "integer")
    if kind == "array":
        given = value_of(text)
        return (cast("list[Any]", given),) if isinstance(given, list) else None
    return (text,) if text else None


def _number(text: str, *, whole: bool) -> tuple[int | float] | None:
    found = re.fullmatch(r"\s*(-?\d+)(\.\d+)?\s*", text)
    if found is None or (whole and found[2]):
        return None
    return (int(found[1]) if whole else float(text),)
