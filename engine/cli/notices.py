"""What a process says beside its work: a note of what was chosen for it, log lines, traces."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager

from engine.cli.failure import error_line
from engine.config import LoadedSettings, resolve_secret
from engine.telemetry import setup_logging, setup_tracing
from schemas.settings import Telemetry


def say_notice(found: LoadedSettings, *, unless: bool = False) -> None:
    """Write on stderr what was chosen without being asked for."""
    if found.notice and not unless:
        print(error_line(found.notice).replace("error", "note", 1), file=sys.stderr)
    for note in () if unless else found.notes:
        print(error_line(note).replace("error", "note", 1), file=sys.stderr)


@contextmanager
def traced(found: LoadedSettings) -> Generator[None]:
    """Write logs and traces as the settings say."""
    setup_logging(found.settings.telemetry)
    stop_tracing = setup_tracing(_with_headers(found.settings.telemetry))
    try:
        yield
    finally:
        stop_tracing()


def _with_headers(telemetry: Telemetry) -> Telemetry:
    if not telemetry.otlp_endpoint:
        return telemetry
    headers = {key: resolve_secret(value, os.environ) or "" for key, value in telemetry.headers.items()}
    return telemetry.model_copy(update={"headers": headers})
