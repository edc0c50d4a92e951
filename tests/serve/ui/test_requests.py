"""What a run waits for, as a person meets it: what a plan will take, dry runs, doubts, calls of a client's own."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serve.serving import Served, served
from tests.serve.ui import scenes
from tests.serve.ui.watching import QUIET, begin, status

pytestmark = [QUIET, pytest.mark.slow]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def pay(amount: float) -> dict[str, Any]:
    """A plan that pays after a dry run; above 500 somebody is asked."""
    step = {"id": "1", "tool": "pay", "tool_input": {"amount_usd": amount}, "rationale": "the invoice is due"}
    return {"goal": "Pay the invoice", "steps": [step], "answer": "paid"}


def test_a_plan_tells_what_it_will_take(here: Served, page: Page) -> None:
    """B49: A plan that waits shows money, calls, time, what changes something or asks; so does an edited one."""
    page.goto(begin(here, "dear", {**scenes.mail(), "answer": None}, approve="plan"))
    told = page.locator(".expected")
    for word in ("3 steps", "1 model call", "about", "1 may change something"):
        expect(told).to_contain_text(word)
    expect(page.locator(".steps tbody tr").nth(1)).to_contain_text("changes")
    page.get_by_role("button", name="Edit…").click()
    editor = page.get_by_label("The plan", exact=True)
    whole = editor.input_value()
    editor.fill(whole.replace('"send_mail"', '"look"'))
    expect(told).to_contain_text("As edited 3 steps")
    expect(told).to_contain_text("nothing is changed")
    editor.fill(whole.replace('"send_mail"', '"send_male"'))
    expect(page.locator(".request .problem")).to_contain_text("send_mail")
    page.get_by_role("button", name="Back").click()
    expect(told).to_contain_text("1 may change something")


def test_a_dry_run_is_shown_beside_the_input(here: Served, page: Page) -> None:
    """B50: Who is asked sees which rule asks, what for, the exact input, and what the dry run gave."""
    page.goto(begin(here, "rehearsed", pay(900)))
    asked = page.locator(".request")
    for word in ("amount_usd is 900, above 500", "the invoice is due", "arrives", "tomorrow"):
        expect(asked).to_contain_text(word)
    expect(page.get_by_role("group", name="Exact input")).to_contain_text("900")
    expect(page.get_by_role("group", name="Dry run")).to_contain_text("fee_usd")
    asked.get_by_role("button", name="Approve").click()
    status(page, "Completed")
    page.locator(".node[data-step='1']").click()
    expect(page.locator(".step")).to_contain_text("Approved by")


def test_a_doubt_is_settled(tmp_path: Path, browser: Browser) -> None:
    """A call that broke off with the server is not repeated: a person says that it happened, and what it gave."""
    store = str(tmp_path / "runs.db")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        where = [{"port": taken.getsockname()[1]}]
    plan = scenes.plan(("transfer", {"to": "Ada"}, []), answer="{{1}}", goal="transfer")
    with served(lambda: scenes.make(store), listeners=where) as here, browser.new_context() as context:
        page = context.new_page()
        page.goto(begin(here, "doubt", plan))
        expect(page.locator(".node.s-running")).to_have_count(1)
        here.stop()
        with served(lambda: scenes.make(store), listeners=where) as again:
            asked = page.locator(".request.r-in_doubt")
            expect(asked).to_contain_text("broke off while it called transfer", timeout=30_000)
            expect(asked.get_by_role("group", name="Exact input")).to_contain_text("Ada")
            asked.get_by_role("button", name="It happened…").click()
            asked.get_by_label("What it gave").fill('{"receipt": 7}')
            asked.get_by_role("button", name="It happened", exact=True).click()
            status(page, "Completed")
            assert again.get("/doubt")["steps"][0]["result"]["value"] == {"receipt": 7}


def test_a_clients_own_call_is_answered_here(here: Served, page: Page) -> None:
    """A run of a chat that waits for its client's tool says so, and takes the result from the page as well."""
    said = {"role": "user", "content": "weather in Oslo"}
    body = {"model": "engine", "messages": [said], "tools": [WEATHER]}
    reply = here.client.post("/v1/chat/completions", json=body).json()
    assert reply["choices"][0]["finish_reason"] == "tool_calls"
    page.goto(f"{here.url}/#/runs/{reply['engine']['run_id']}")
    asked = page.locator(".request.r-client_tool")
    expect(asked).to_contain_text("get_weather")
    expect(asked).to_contain_text("Oslo")
    asked.get_by_role("button", name="Give the result…").click()
    asked.get_by_label("Its result").fill('{"degrees": 7}')
    asked.get_by_role("button", name="Give the result", exact=True).click()
    status(page, "Completed")
    expect(page.get_by_role("article", name="Answer")).to_contain_text("Services revenue")


def test_a_tool_that_asks_shows_in_the_list(here: Served, page: Page) -> None:
    """A run whose tool asks in the middle of its call waits, in the list as on its own page."""
    begin(here, "asking", scenes.plan(("convert", {}, []), answer="ok", goal="convert"))
    page.goto(f"{here.url}/#/?status=waiting")
    expect(page.locator("table.runs")).to_contain_text("asking")
    page.get_by_role("link", name="convert").click()
    status(page, "Waiting for you")
    here.post("/asking/cancel", {})
