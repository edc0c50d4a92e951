"""Fences: how data from outside stands in a prompt, so that it is read as data and never as instructions.

A fence is ``<label name="value">`` on a line of its own, the data, ``</label>``. Inside the data every ``</`` that
could close a fence is broken up by a zero-width space, so no tool result can end its own fence. The offline model
reads the same fences back.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape, unescape
from typing import Any

_BREAK = "\u200b"
_LABEL = re.compile(r"^[a-z][a-z_]*$")
_FENCE = re.compile(
    r"^<(?P<label>[a-z][a-z_]*)(?P<attrs>(?: [a-z_]+=(?:\"[^\"]*\"|'[^']*'))*)>\n(?P<text>.*?)\n?^</(?P=label)>$",
    re.S | re.M,
)
_ATTR = re.compile(r" ([a-z_]+)=(?:\"([^\"]*)\"|'([^']*)')")


@dataclass(frozen=True, slots=True)
class Fenced:
    """One fence read back: its label, attributes and data."""

    label: str
    attrs: dict[str, str]
    text: str


def fence(label: str, text: str, **attrs: str) -> str:
    """Return ``text`` inside a fence.

    Raises:
        ValueError: The label is not lower-case letters and underscores.

    >>> print(fence("result", "42", step="1"))
    <result step="1">
    42
    </result>
    """
    if not _LABEL.match(label):
        raise ValueError(f"a fence label is lower-case letters and underscores, not {label!r}")
    head = "".join(f" {key}={_quoted(value)}" for key, value in attrs.items())
    return f"<{label}{head}>\n{text.replace('</', '<' + _BREAK + '/')}\n</{label}>"


def terse(value: Any) -> str:
    """Return a value as the JSON that prompts hold: without spaces, which can be a fourth of its tokens.

    >>> terse({"rows": [1, "é"]})
    '{"rows":[1,"é"]}'
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _quoted(value: str) -> str:
    """Return an attribute's value in quotes: single ones where it holds double ones, as JSON does."""
    if '"' not in value:
        return f'"{escape(value, quote=False)}"'
    return "'{}'".format(escape(value, quote=False).replace("'", "&#x27;"))


def read_fences(prompt: str) -> list[Fenced]:
    """Return the fences of a prompt in order, their data restored.

    >>> read_fences(fence("task", "a </task> b"))[0].text
    'a </task> b'
    """
    return [
        Fenced(
            label=match["label"],
            attrs={key: unescape(one or other) for key, one, other in _ATTR.findall(match["attrs"])},
            text=match["text"].replace("<" + _BREAK + "/", "</"),
        )
        for match in _FENCE.finditer(prompt)
    ]
