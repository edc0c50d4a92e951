"""Whoever reads the page, and however: by screen reader, enlarged, in forced colours, in any script, without motion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.baselines.environment import node_with
from tests.serve.serving import Served
from tests.serve.ui import scenes
from tests.serve.ui.chromium import visiting
from tests.serve.ui.watching import PHONE, QUIET, begin, status

pytestmark = [QUIET, pytest.mark.slow]
HERE = Path(__file__).parent
ENLARGED = {"viewport": {"width": 680, "height": 430}, "device_scale_factor": 2}
LOOK = (HERE / "reading.js").read_text(encoding="utf-8")
LISTEN = """() => {
  const regions = "[role=status], [aria-live=polite], [role=alert]";
  const heard = () => [...document.querySelectorAll(regions)].map((each) => each.textContent).join("|");
  let last = heard();
  window.__said = [];
  const look = () => heard() !== last && window.__said.push((last = heard()));
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
PLACES = (
    "#/", "#/?status=failed", "#/?text=nothing", "#/runs/read", "#/runs/read/2", "#/runs/read?tab=timeline",
    "#/runs/read?tab=events", "#/runs/wait", "#/runs/planned", "#/runs/asks", "#/runs/replanned?plan=2", "#/usage",
    "#/agents",
)  # fmt: skip


def all_kinds(here: Served) -> None:
    """Have a run of every kind, once."""
    if here.client.get("/runs/read").status_code == 404:
        begin(here, "read", scenes.failing(), wait=True)
        begin(here, "wait", scenes.mail(), wait=True)
        begin(here, "planned", scenes.mail(), approve="plan", wait=True)
        begin(here, "asks", scenes.plan(("convert", {}, []), answer="ok", goal="convert"))
        here.post("", {"task": "try the shaky one", "mode": "plan", "run_id": "replanned", "wait": True})
        here.asked("asks")


def views(here: Served, page: Page) -> Iterator[str]:
    """Open every view in turn."""
    all_kinds(here)
    for place in PLACES:
        page.goto("about:blank")
        page.goto(f"{here.url}/{place}")
        expect(page.locator(".card, .loading").first).to_be_visible()
        page.wait_for_timeout(400)
        yield place


@pytest.mark.parametrize("how", [{}, {"color_scheme": "dark"}, PHONE], ids=["light", "dark", "phone"])
def test_no_rule_of_accessibility_is_broken(here: Served, browser: Browser, how: dict[str, Any]) -> None:
    """axe-core finds nothing to mend on any view: WCAG 2.2 A and AA, and its own best practices."""
    folder = node_with("axe", HERE / "pins")
    if folder is None:
        pytest.skip("NOT RUN: node and npm are not installed")
    axe = (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    with visiting(browser, here.url, **how) as page:
        for place in views(here, page):
            page.evaluate(axe)
            found = page.evaluate("axe.run()")["violations"]
            assert [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found] == [], place


@pytest.mark.parametrize(
    "how",
    [ENLARGED, {"forced_colors": "active"}, {"forced_colors": "active", "color_scheme": "dark"}, PHONE],
    ids=["200 %", "forced colours", "forced dark", "375 px"],
)
def test_nothing_is_cut_off_or_without_a_name(here: Served, browser: Browser, how: dict[str, Any]) -> None:
    """Enlarged twice, in forced colours, at 375 px: nothing overflows, every control has a name, text has contrast."""
    with visiting(browser, here.url, **how) as page:
        for place in views(here, page):
            assert page.evaluate(LOOK) == [], place


def test_any_script_and_any_word_fits(here: Served, browser: Browser) -> None:
    """Right to left, East Asian, emoji, and words of 200 letters stay within the page, at desk and phone."""
    begin(here, "tongues", scenes.tongues(), wait=True)
    for how in ({}, PHONE):
        with visiting(browser, here.url, **how) as page:
            for place in (
                "#/",
                "#/runs/tongues",
                "#/runs/tongues/1",
                "#/runs/tongues/2",
                "#/runs/tongues?tab=timeline",
            ):
                page.goto(f"{here.url}/{place}")
                page.wait_for_timeout(400)
                assert page.evaluate(LOOK) == [], place
            page.goto(f"{here.url}/#/runs/tongues")
            expect(page.get_by_role("heading", level=1)).to_have_css("direction", "rtl")


def test_a_screen_reader_hears_what_a_run_is(here: Served, page: Page) -> None:
    """Headings, states in words, and what waits are told by name and role."""
    all_kinds(here)
    page.goto(f"{here.url}/#/runs/wait")
    expect(page.get_by_role("main")).to_match_aria_snapshot("""
    - main:
      - paragraph:
        - link "Runs"
      - heading "Send the report to Ada" [level=1]
      - status: Waiting for you
      - paragraph:
        - button "Steer"
        - button "Cancel"
        - button "Fork"
        - button "More"
      - progressbar "1 of 3 steps are over"
      - status: "The run waits for you: 1 request"
      - region "Step 2 wants to call send_mail":
        - heading "Step 2 wants to call send_mail" [level=2]
        - group "Exact input"
        - paragraph:
          - button "Approve"
      - region "The run":
        - tablist "Views":
          - tab "Plan 3" [selected]
        - tabpanel "Plan 3":
          - 'group "The plan: 3 steps. Arrow keys move between steps, Enter opens one."':
            - button /Step 1 search_filings Done/
            - button /Step 2 send_mail Waiting/
            - button /Step 3 look Planned/
    """)


def test_nobody_is_talked_to_death(here: Served, page: Page) -> None:
    """While two hundred steps go by, live regions say a handful of things, not one a step."""
    page.goto(begin(here, "calm", scenes.mail()))
    status(page, "Waiting for you")
    page.evaluate(LISTEN)
    begin(here, "crowd", scenes.many(200))
    page.goto(f"{here.url}/#/runs/crowd")
    status(page, "Completed")
    assert len(page.evaluate("window.__said")) <= 8


def test_nothing_moves_where_no_motion_is_wanted(here: Served, browser: Browser) -> None:
    """With reduced motion no animation or transition runs, also while a run does."""
    with visiting(browser, here.url, reduced_motion="reduce") as page:
        page.goto(begin(here, "still", scenes.plan(("slow", {}, []), goal="something slow")))
        expect(page.locator(".node.s-running")).to_have_count(1)
        assert page.evaluate("document.getAnimations().length") == 0
        here.post("/still/cancel", {})
