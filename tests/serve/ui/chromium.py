"""Debian's chromium, driven as a person does; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NODE = shutil.which("node")


def required(found: str | None, what: str) -> str:
    """Return a program; where it is missing the test is skipped, and fails in CI, which installs it."""
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is not installed")
    return str(found)


@contextmanager
def browsing() -> Generator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        args = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=required(CHROMIUM, "chromium"), args=args)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, url: str, **how: Any) -> Generator[Page]:
    """A page of its own; what it logs as an error, or asks of another host, fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1360, "height": 860}, **how})
    page = context.new_page()
    page.set_default_timeout(20_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if _bad(said.type, said.text) else None)
    page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((url, "blob:")) else None)
    try:
        page.goto(url)
        yield page
    finally:
        context.close()
    assert wrong == []


def _bad(kind: str, text: str) -> bool:
    return kind == "error" and "Failed to load resource" not in text
