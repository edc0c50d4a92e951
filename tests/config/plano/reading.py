"""A file written for Plano, read as a user's is."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from engine.config import parse_settings
from engine.config.plano.translation import Translated, translated
from engine.config.reader import Reader
from schemas.settings import Settings

MODELS = """
model_providers:
  - model: openai/gpt-4o
    access_key: $OPENAI_API_KEY
    default: true
"""


def read(text: str, **environ: str) -> tuple[Settings, str]:
    """Return the settings of a file, and what was named, a line each."""
    told = told_of(text, **environ)
    return parse_settings(dedent(text), "plano.yaml", environ), "\n".join(told.notes)


def told_of(text: str, **environ: str) -> Translated:
    """Return the translation of a file."""
    reader = Reader("plano.yaml")
    raw: dict[str, Any] = reader.read(dedent(text))
    return translated(raw, reader, environ)
