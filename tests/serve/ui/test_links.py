"""Finding a run again, sending somebody there, and taking things elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from playwright.sync_api import Browser, Page, expect

from engine.durable.memory import MemoryLog
from schemas.bookkeeping import UsageLine
from schemas.result import Usage
from tests.serve.serving import Served, served
from tests.serve.ui import scenes
from tests.serve.ui.chromium import visiting
from tests.serve.ui.watching import QUIET, begin, status

pytestmark = [QUIET, pytest.mark.slow]
ALLOWED = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture
def copying(here: Served, browser: Browser) -> Generator[Page]:
    """A page that may read what it copied."""
    with visiting(browser, here.url, **ALLOWED) as found:
        yield found


def copied(page: Page) -> str:
    """What the person would paste."""
    return page.evaluate("navigator.clipboard.readText()")


def test_what_is_looked_for_stands_in_the_address(here: Served, page: Page) -> None:
    """Status, words, user, assistant and time narrow the list; the address brings somebody else to the same one."""
    begin(here, "found-a", scenes.failing(), wait=True, user="ann")
    begin(here, "found-b", scenes.three(), wait=True, assistant="engine")
    page.goto(here.url)
    rows = page.locator("table.runs tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Failed").click()
    expect(rows).to_have_count(1)
    page.get_by_label("Search by task or run id").fill("cannot be")
    expect(page).to_have_url(f"{here.url}/#/?status=failed&text=cannot+be")
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Compare what cannot be fetched").click()
    status(page, "Failed")
    page.go_back()
    expect(page.get_by_label("Search by task or run id")).to_have_value("cannot be")
    for narrowed, found in (
        ("text=found-", 2),
        ("user=ann", 1),
        ("assistant=engine", 1),
        ("hours=1", 2),
        ("text=nobody", 0),
    ):
        page.goto(f"{here.url}/#/?{narrowed}")
        expect(rows).to_have_count(found)
    page.get_by_role("button", name="Show all runs").click()
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="ann").click()
    page.get_by_role("button", name="of ann: show all").click()
    expect(page).to_have_url(f"{here.url}/#/")


def test_a_link_leads_to_the_very_step_and_view(here: Served, copying: Page) -> None:
    """Run, step, view and plan stand in the link that is copied; opened by somebody else it shows the same."""
    copying.goto(begin(here, "linked", scenes.three(), wait=True))
    copying.get_by_role("tab", name="Timeline").click()
    copying.get_by_role("button", name="Step 2 fetch_prices").click()
    copying.get_by_role("button", name="More").click()
    copying.get_by_role("menuitem", name="Copy link").click()
    link = copied(copying)
    assert link == f"{here.url}/#/runs/linked/2?tab=timeline"
    copying.goto("about:blank")
    copying.goto(link)
    expect(copying.get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")
    expect(copying.get_by_role("heading", name="2 fetch_prices")).to_be_focused()
    copying.get_by_role("button", name="Link").click()
    assert copied(copying) == f"{here.url}/#/runs/linked/2"


def test_the_menu_by_keyboard_and_where_browsers_keep_their_clipboard(here: Served, copying: Page) -> None:
    """Enter opens, arrows move, Escape closes and gives the focus back; without TLS from afar copying works, too."""
    copying.add_init_script("window.__clipboard = navigator.clipboard; delete Navigator.prototype.clipboard;")
    copying.goto("about:blank")
    copying.goto(begin(here, "menu", scenes.three(), wait=True))
    more = copying.get_by_role("button", name="More")
    more.press("Enter")
    copying.keyboard.press("ArrowDown")
    expect(copying.get_by_role("menuitem", name="Copy id")).to_be_focused()
    copying.keyboard.press("Escape")
    expect(more).to_be_focused()
    expect(copying.get_by_role("menu")).to_have_count(0)
    more.press("Enter")
    copying.keyboard.press("ArrowDown")
    copying.keyboard.press("Enter")
    expect(copying.get_by_text("Id copied")).to_be_visible()
    assert copying.evaluate("window.__clipboard.readText()") == "menu"


def test_a_run_that_is_deleted_meanwhile_says_so(here: Served, page: Page) -> None:
    """Who looks at a run that somebody deletes is told, and keeps what was shown."""
    page.goto(begin(here, "deleted", scenes.mail(), wait=True))
    status(page, "Waiting for you")
    assert here.client.delete("/runs/deleted").status_code == 204
    expect(page.locator(".line-state")).to_contain_text("deleted", timeout=20_000)
    expect(page.locator(".node")).to_have_count(3)


def test_what_is_copied_runs_elsewhere(browser: Browser) -> None:
    """The curl command starts the same run once more, whatever its task is made of; the key is named, never written."""
    task = 'it\'s "quoted" $HOME `id` \\ and\nmore'
    with served(lambda: scenes.make(MemoryLog()), token="secret") as here:
        here.post("", {"task": task, "run_id": "first", "mode": "plan", "wait": True})
        with visiting(browser, here.url, **ALLOWED) as page:
            page.get_by_label("Key").fill("secret")
            page.get_by_role("button", name="Enter").click()
            page.goto(f"{here.url}/#/runs/first")
            page.get_by_role("button", name="More").click()
            page.get_by_role("menuitem", name="Copy as curl").click()
            command = copied(page)
        assert "secret" not in command
        environ = {"ENGINE_KEY": "secret", "PATH": "/usr/bin:/bin", "HOME": "/nowhere"}
        done = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, check=True)
        again = json.loads(done.stdout)
        assert (again["task"], here.ended(again["id"])["status"]) == (task, "completed")


def test_everything_of_a_run_can_be_had_as_a_file(here: Served, page: Page) -> None:
    """Plan and events come as files that the command line and other tools read."""
    page.goto(begin(here, "files", scenes.three(), wait=True))
    for name, begins in (
        ("Plan as JSON", "{"),
        ("Plan as SVG", "<svg"),
        ("Plan as Mermaid", "flowchart"),
        ("Events", "{"),
    ):
        page.get_by_role("button", name="More").click()
        with page.expect_download() as got:
            page.get_by_role("menuitem", name=name).click()
        assert Path(got.value.path()).read_text().lstrip().startswith(begins), name


def test_a_run_that_failed_is_tried_again_from_where_it_failed(here: Served, page: Page) -> None:
    """Retry begins with the first step that failed, with another input where one is given."""
    page.goto(begin(here, "tried", scenes.failing(), wait=True))
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_label("Run anew from")).to_have_value("2")
    page.get_by_label("with another input").check()
    page.get_by_role("dialog").get_by_label("Input", exact=True).fill('{"url": "https://example.com/other"}')
    page.get_by_role("dialog").get_by_role("button", name="Fork").click()
    expect(page.locator(".crumbs")).to_contain_text("forked from tried")
    status(page, "Failed")
    page.locator(".node[data-step='2']").click()
    expect(page.locator(".step")).to_contain_text("https://example.com/other")


def test_two_plans_are_compared(page: Page) -> None:
    """What a new plan changed is told: what stands for what, what is new, dropped and kept, and why it was made."""
    page.get_by_label("What should be done?").fill("try the shaky one")
    page.get_by_label("Mode").select_option("plan")
    page.get_by_role("button", name="Start").click()
    status(page, "Completed")
    page.get_by_role("link", name="Plan 2").click()
    expect(page).to_have_url(page.url.partition("?")[0] + "?plan=2")
    table = page.get_by_role("region", name="What plan 2 changed")
    expect(table.locator(".d-replaced")).to_contain_text("shaky")
    expect(table.locator(".d-added")).to_contain_text("search_news")
    expect(page.locator(".change summary")).to_contain_text("404 Not Found")
    page.get_by_label("Show").select_option("1")
    expect(page.locator(".change summary")).to_contain_text("the first one")


def test_times_are_told_either_way(here: Served, page: Page) -> None:
    """Moments are told as how long ago or by the clock, as was chosen last."""
    begin(here, "timed", scenes.three(), wait=True)
    page.goto(here.url)
    when = page.locator("table.runs time").first
    expect(when).to_contain_text(re.compile("ago|just now"))
    page.get_by_role("button", name="When: by the clock").click()
    expect(when).to_contain_text(str(datetime.now(UTC).year))
    page.reload()
    expect(when).to_contain_text(str(datetime.now(UTC).year))


def test_who_has_no_run_yet_is_told_how_to_begin(browser: Browser) -> None:
    """The command that is shown starts the first run, which then is there by itself."""
    with served(lambda: scenes.make(MemoryLog())) as here, visiting(browser, here.url) as page:
        command = page.locator(".way code").first.inner_text()
        expect(page.locator(".welcome")).to_contain_text(f"{here.url}/v1")
        subprocess.run(["sh", "-c", command], capture_output=True, check=True)
        expect(page.locator("table.runs")).to_contain_text("12 percent", timeout=15_000)


def test_a_server_that_is_gone_is_said(browser: Browser) -> None:
    """The list says that nobody answers and what to do; so does the box that starts a run; what was there stays."""
    with served(lambda: scenes.make(MemoryLog())) as here:
        begin(here, "gone", scenes.three(), wait=True)
        with visiting(browser, here.url) as page:
            expect(page.locator("table.runs")).to_contain_text("gone")
            here.stop()
            expect(page.get_by_role("alert")).to_contain_text("engine serve", timeout=15_000)
            expect(page.locator("table.runs")).to_contain_text("gone")
            page.get_by_label("What should be done?").fill("more")
            page.get_by_role("button", name="Start").click()
            expect(page.locator(".start")).to_contain_text("The server does not answer")
            page.goto(f"{here.url}/#/runs/gone")
            expect(page.get_by_role("status").first).to_contain_text("No line to the server")


def test_usage_shows_what_was_used(browser: Browser) -> None:
    """Cost, tokens and calls by day and model are those that were counted; a price that is not known is said."""
    log = MemoryLog()
    today = datetime.now(UTC).date()

    def line(days: int, model: str, calls: int, nano_usd: int, **more: Any) -> UsageLine:
        used = Usage(calls=calls, input_tokens=1_000 * calls, output_tokens=100 * calls)
        return UsageLine(day=str(today - timedelta(days)), model=model, usage=used, cost_nano_usd=nano_usd, **more)

    lines = [
        line(0, "p/big", 3, 1_500_000_000), line(2, "p/small", 10, 250_000_000), line(40, "p/big", 7, 7_000_000_000),
        line(1, "p/free", 2, 0, unpriced_calls=2),
    ]  # fmt: skip
    with ThreadPoolExecutor(1) as pool:  # playwright has an event loop of its own in this one
        pool.submit(anyio.run, log.usage_book.add, lines).result()
    with served(lambda: scenes.make(log)) as here, visiting(browser, here.url) as page:
        page.goto(f"{here.url}/#/usage")
        expect(page.locator(".totals")).to_have_text("Cost$1.75Tokens16.5kCalls15")
        rows = page.get_by_role("region", name="By model").locator("tbody tr")
        expect(rows).to_have_text(["p/big33,000300$1.50", "p/small1010.0k1,000$0.250", "p/free22,000200$0 +?"])
        expect(page.get_by_role("img", name="By day, at most $1.50 a day")).to_be_visible()
        page.get_by_role("button", name="Calls").click()
        expect(rows.first).to_contain_text("p/small")
        page.get_by_role("button", name="90 days").click()
        expect(page.locator(".totals")).to_contain_text("$8.75")
        expect(page.locator(".column")).to_have_count(90)
        expect(page).to_have_url(f"{here.url}/#/usage?measure=calls&days=90")


def test_agents_show_how_they_are_and_are_switched(browser: Browser) -> None:
    """An agent says whether it is up, and why not; whoever may switches it off and on again."""
    agent = {"name": "weather", "description": "Tells the weather.", "url": "http://127.0.0.1:9/x"}
    with served(lambda: scenes.make(MemoryLog(), agents=[agent])) as here, visiting(browser, here.url) as page:
        page.get_by_role("link", name="Agents").click()
        card = page.get_by_role("listitem")
        expect(card).to_contain_text("Tells the weather.")
        expect(card).to_contain_text("http://127.0.0.1:9/x")
        page.get_by_role("button", name="Disable weather").click()
        expect(card).to_contain_text("Disabled")
        assert here.client.get("/agents").json()["agents"][0]["status"] == "disabled"
        page.get_by_role("button", name="Enable weather").click()
        expect(card.locator(".pill")).not_to_have_text("Disabled")


def test_an_address_that_changes_before_anybody_listens_is_followed(here: Served, browser: Browser) -> None:
    """Where the page's first look comes before the address that a person is sent to, the view is that address's."""
    with visiting(browser, here.url) as page:
        page.add_init_script(
            """const add = window.addEventListener;
            window.addEventListener = function (kind, ...how) {
              if (kind === "hashchange") history.replaceState(null, "", "#/usage");
              return add.call(this, kind, ...how);
            };"""
        )
        page.goto(f"{here.url}/?again")
        expect(page.get_by_role("heading", level=1)).to_have_text("Usage")
