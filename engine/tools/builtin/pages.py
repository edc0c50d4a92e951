"""What a fetched body says: HTML as Markdown, JSON as a value, text as it is; other kinds are refused by name."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from email.message import Message
from typing import Any

from engine.tools.http import Reply
from schemas.errors import ToolFailedError

_DECLARED = re.compile(rb"""<(?:meta\b[^>]*?charset|\?xml\b[^>]*?encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.I)
_DECLARED_WITHIN = 1024  # bytes, as HTML's own rule has it
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_TEXTUAL = ("application/xml", "application/javascript", "application/x-ndjson", "application/yaml", "application/toml")
_LATIN = frozenset({"iso-8859-1", "latin-1", "latin1", "ascii", "us-ascii"})
_TITLE_WITHIN = 20_000  # characters
_TAGS = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Content:
    """A body that was read: text, or the value of a JSON document."""

    kind: str
    text: str | None = None
    title: str | None = None
    data: Any = None


def read_content(reply: Reply, url: str) -> Content:
    """Read a reply's body.

    Args:
        reply: With its headers.
        url: Where it is from: links of a page are made absolute by it.

    Raises:
        ToolFailedError: Its kind is none that can be read, or its JSON is broken.
    """
    header = Message()
    header["content-type"] = reply.headers.get("content-type", "") or _guessed(reply.body)
    kind = header.get_content_type()
    if not reply.body:
        return Content(kind, text="")
    if kind in ("text/html", "application/xhtml+xml"):
        return _page(kind, _decoded(reply.body, _charset(header)), url)
    if kind == "application/json" or kind.endswith("+json"):
        return _json(kind, reply, _charset(header))
    if kind.startswith("text/") or kind.endswith("+xml") or kind in _TEXTUAL:
        return Content(kind, text=_decoded(reply.body, _charset(header)))
    raise ToolFailedError(
        f"what is there is {kind} ({len(reply.body):,} bytes{' and more' if reply.truncated else ''}), not text",
        hint="HTML, text, XML and JSON can be read",
        details={"content_type": kind},
    )


def _guessed(body: bytes) -> str:
    """Return the kind of a body whose server does not say it."""
    start = body[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "text/html"
    return "application/octet-stream" if b"\0" in start else "text/plain"


def _charset(header: Message) -> str | None:
    found = header.get_content_charset()
    return found if found is None or _known(found) else None


def _known(name: str) -> bool:
    try:
        return codecs.lookup(name)._is_text_encoding  # pyright: ignore[reportPrivateUsage] -- there is no public name
    except (LookupError, ValueError):
        return False


def _decoded(body: bytes, charset: str | None) -> str:
    """Decode by byte-order mark, header, the document's own word, else UTF-8 or the web's Latin-1 (windows-1252)."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    if charset is None:
        declared = _DECLARED.search(body[:_DECLARED_WITHIN])
        name = declared[1].decode("ascii") if declared else ""
        charset = name if name and _known(name) and not name.lower().startswith("utf-16") else None
    if charset is None:
        try:
            return body.decode()
        except UnicodeDecodeError as exc:
            cut_short = exc.reason == "unexpected end of data"
            return body.decode("utf-8" if cut_short else "windows-1252", "replace")
    return body.decode("windows-1252" if charset.lower() in _LATIN else charset, "replace")


def _page(kind: str, html: str, url: str) -> Content:
    from html_to_markdown import ConversionOptions, convert  # only when a page is read

    options = ConversionOptions(base_url=url, skip_images=True, extract_metadata=False)
    text = convert(html, options).content or ""
    title = re.search(r"<title\b[^>]*>(.*?)</title", html[:_TITLE_WITHIN], re.I | re.S)
    plain = _TAGS.sub("", convert(title[1], options).content or "") if title else ""
    return Content(kind, text=text.strip(), title=" ".join(plain.split()) or None)


def _json(kind: str, reply: Reply, charset: str | None) -> Content:
    if reply.truncated:
        raise ToolFailedError(
            f"the JSON document is larger than {len(reply.body):,} bytes", hint="ask for less of it by its parameters"
        )
    try:
        return Content(kind, data=json.loads(_decoded(reply.body, charset or "utf-8")))
    except (ValueError, RecursionError) as exc:
        raise ToolFailedError(f"the answer says it is JSON and is not: {exc}") from None
