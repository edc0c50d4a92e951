"""What tests of the page do again and again: start a run and look at it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.serve.serving import Served

QUIET = pytest.mark.filterwarnings("ignore::ResourceWarning")
PHONE = {"viewport": {"width": 375, "height": 812}, "has_touch": True, "is_mobile": True}


def begin(here: Served, run_id: str, plan: dict[str, Any], **more: Any) -> str:
    """Start a run of a plan and return its address on the page."""
    body = {"plan": plan, "task": plan["goal"], "run_id": run_id, "limits": {"max_steps": 300}, **more}
    here.post("", body)
    return f"{here.url}/#/runs/{run_id}"


def status(page: Page, word: str) -> None:
    """Wait until the run's head says a word."""
    expect(page.locator(".title .pill")).to_have_text(word)
