"""One server and one browser for the tests of a file; a page of its own for each."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from playwright.sync_api import Browser, Page

from engine.durable.memory import MemoryLog
from tests.serve.serving import Served, served
from tests.serve.ui import scenes
from tests.serve.ui.chromium import browsing, visiting


@pytest.fixture(scope="module")
def here() -> Generator[Served]:
    """A server with the tools of ``scenes``."""
    with served(lambda: scenes.make(MemoryLog(), pace=0.05)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """Debian's chromium; not for the session: its event loop would be in the way of other files."""
    with browsing() as found:
        yield found


@pytest.fixture
def page(here: Served, browser: Browser) -> Generator[Page]:
    """The page of that server, in a context of its own."""
    with visiting(browser, here.url) as found:
        yield found
