"""Where the events of a run go: a live terminal view, lines, JSON lines, or nothing but the answer."""

from __future__ import annotations

from engine.sinks.answer import AnswerWriter
from engine.sinks.base import Sink
from engine.sinks.json_lines import JsonView
from engine.sinks.line import LineView
from engine.sinks.progress import RunProgress, StepRow
from engine.sinks.quiet import QuietView
from engine.sinks.summary import summary_line

__all__ = [
    "AnswerWriter",
    "JsonView",
    "LineView",
    "QuietView",
    "RunProgress",
    "Sink",
    "StepRow",
    "summary_line",
]
