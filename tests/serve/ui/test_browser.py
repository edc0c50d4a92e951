"""The page in Debian's chromium, by what a person does."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from engine.durable.memory import MemoryLog
from tests.serve.serving import Served, served
from tests.serve.ui import scenes
from tests.serve.ui.chromium import visiting
from tests.serve.ui.watching import PHONE, QUIET, begin, status

pytestmark = QUIET
slow = pytest.mark.slow


def test_start_and_watch(page: Page) -> None:
    """A task typed into the box becomes a run whose steps, answer and status are seen as they come."""
    page.get_by_label("What should be done?").fill("How did services revenue develop?")
    page.get_by_label("Mode").select_option("plan")
    page.get_by_role("button", name="Start").click()
    status(page, "Completed")
    expect(page.locator(".node")).to_have_count(2)
    expect(page.get_by_role("article", name="Answer")).to_contain_text("Services revenue grew 14 % a year")
    expect(page.locator(".answer table")).to_have_count(1)
    page.get_by_role("button", name="Step 1 look Done").click()
    expect(page.get_by_role("heading", name="1 look")).to_be_focused()
    expect(page.locator(".step")).to_contain_text("services revenue")


def test_approve(here: Served, page: Page) -> None:
    """A run that waits shows the exact input; approved, it goes on to its end without a reload."""
    page.goto(begin(here, "approve", scenes.mail()))
    asked = page.locator(".request")
    expect(asked).to_contain_text("ada@example.com")
    expect(page).to_have_title("(1) Send the report to Ada · waiting")
    asked.get_by_role("button", name="Approve").click()
    status(page, "Completed")
    expect(asked).to_have_count(0)
    assert here.get("/approve")["steps"][1]["result"]["value"] == {"sent": True}


@slow
def test_edit_what_was_wrong(here: Served, page: Page) -> None:
    """An edited input is held to its schema while one types, and sent as it was edited."""
    page.goto(begin(here, "edit", scenes.mail(120)))
    page.get_by_role("button", name="Edit…").click()
    editor = page.get_by_label("Input", exact=True).first
    wrong = {"to": "nobody", "subject": "x", "amount_usd": 900}
    editor.fill(json.dumps(wrong))
    expect(page.locator(".said .wrong")).to_have_count(2)
    send = page.get_by_role("button", name="Approve as edited")
    expect(send).to_be_disabled()
    editor.fill('{"to": ')
    expect(page.locator(".said .wrong")).to_contain_text("no JSON yet")
    editor.fill(json.dumps({**wrong, "to": "bob@example.com", "amount_usd": 90}))
    send.click()
    status(page, "Completed")
    events = [json.loads(line) for line in here.client.get("/runs/edit/export").text.splitlines()]
    sent = next(event for event in events if event["kind"] == "step_started" and event["step_id"] == "2")
    assert sent["input"] == {"to": "bob@example.com", "subject": "x", "amount_usd": 90}


@slow
def test_reject_with_a_reason(here: Served, page: Page) -> None:
    """A refusal takes its reason along, and the step says it."""
    page.goto(begin(here, "reject", scenes.mail()))
    page.get_by_role("button", name="Reject…").click()
    page.get_by_label("Why not?").fill("Ada has left")
    page.get_by_role("button", name="Reject", exact=True).click()
    status(page, "Failed")
    page.locator(".node[data-step='2']").click()
    expect(page.locator(".step")).to_contain_text("Ada has left")


@slow
def test_approve_a_plan_first(here: Served, page: Page) -> None:
    """A plan that waits is shown as a table and a graph before anything runs, and runs as it was edited."""
    page.goto(begin(here, "planned", scenes.three(), approve="plan"))
    expect(page.locator(".request tbody tr")).to_have_count(3)
    expect(page.locator(".node.s-planned")).to_have_count(3)
    page.get_by_role("button", name="Edit…").click()
    editor = page.get_by_label("The plan", exact=True)
    editor.fill(editor.input_value().replace("AAPL", "MSFT"))
    page.get_by_role("button", name="Approve as edited").click()
    status(page, "Completed")
    expect(page.locator(".node[data-step='1']")).to_contain_text("MSFT")


@slow
def test_answer_a_question(here: Served, page: Page) -> None:
    """B51: the planner's question is asked on the page, and its answer reaches the planner."""
    page.get_by_label("What should be done?").fill("which year was it?")
    page.get_by_label("Mode").select_option("plan")
    page.get_by_label("What should be done?").press("Control+Enter")
    expect(page.locator(".question")).to_have_text("Which year do you mean: 2023 or 2024?")
    page.get_by_label("Your answer").fill("only 2024")
    page.get_by_role("button", name="Answer", exact=True).click()
    status(page, "Completed")


@slow
def test_fill_in_a_form(here: Served, page: Page) -> None:
    """What a tool asks while it runs is a form made of its schema, held to it, and the tool goes on with the answer."""
    page.goto(begin(here, "form", scenes.plan(("convert", {}, []), answer="{{1.chosen.currency}}", goal="convert")))
    expect(page.locator(".question")).to_have_text("In which currency, and how exactly?")
    send = page.get_by_role("button", name="Answer", exact=True)
    expect(send).to_be_disabled()
    page.get_by_label("Currency").select_option(label="Euro")
    page.get_by_label("Digits").fill("9")
    expect(page.locator(".form .wrong")).to_contain_text("must be at most 4")
    page.get_by_label("Digits").fill("1")
    page.get_by_label("Rounded").check()
    send.click()
    status(page, "Completed")
    assert here.get("/form")["steps"][0]["result"]["value"] == {
        "chosen": {"currency": "eur", "digits": 1, "rounded": True}
    }


@slow
def test_steer_and_cancel(here: Served, page: Page) -> None:
    """A run that goes on is given a new goal, and then cancelled, each in a dialog that gives the focus back."""
    page.goto(begin(here, "steer", scenes.plan(("slow", {}, []), goal="something slow")))
    page.get_by_role("button", name="Steer").click()
    page.get_by_label("What the run is for from now on").fill("another goal")
    page.get_by_role("button", name="Change the goal").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("another goal")
    expect(page.get_by_role("button", name="Steer")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_label("Reason").fill("not needed")
    page.get_by_role("button", name="Cancel the run").click()
    status(page, "Cancelled")


@slow
def test_fork_from_a_step(here: Served, page: Page) -> None:
    """A run forked from a step begins with what was done before it, and says whence it came."""
    page.goto(begin(here, "forked", scenes.three(), wait=True) + "/3")
    page.get_by_role("button", name="Fork from here").click()
    page.get_by_role("dialog").get_by_role("button", name="Fork").click()
    expect(page.locator(".crumbs")).to_contain_text("forked from forked")
    status(page, "Completed")


@slow
def test_a_restarted_server_is_found_again(tmp_path: Path, browser: Browser) -> None:
    """B60: the page says that the line is lost, and goes on by itself when the server is back, with nothing twice."""
    store = str(tmp_path / "runs.db")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    where = [{"port": port}]
    with served(lambda: scenes.make(store), listeners=where) as here, browser.new_context() as context:
        page = context.new_page()
        page.goto(begin(here, "restart", scenes.mail()))
        expect(page.locator(".request")).to_have_count(1)
        here.stop()
        expect(page.locator(".line-state")).to_contain_text("The line to the server is lost")
        with served(lambda: scenes.make(store), listeners=where) as again:
            page.get_by_role("button", name="Approve").click()
            status(page, "Completed")
            expect(page.locator(".line-state")).to_be_empty()
            page.get_by_role("tab", name="Events").click()
            numbers = [int(text) for text in page.locator(".event .seq").all_inner_texts()]
            assert numbers == list(range(1, again.get("/restart")["head"] + 1))


@slow
def test_a_key_is_asked_for_once(browser: Browser) -> None:
    """Where a token is needed the page asks for it, says when it is wrong, keeps it for the tab, in no link."""
    with served(lambda: scenes.make(MemoryLog()), token="secret") as here, visiting(browser, here.url) as page:
        page.get_by_label("Key").fill("wrong")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("alert")).to_contain_text("not valid")
        page.get_by_label("Key").fill("secret")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_text("No runs yet")).to_be_visible()
        begin(here, "keyed", scenes.three(), wait=True)
        page.goto(f"{here.url}/#/runs/keyed")
        status(page, "Completed")
        page.reload()
        status(page, "Completed")
        assert "secret" not in page.url + page.content()


@slow
def test_hostile_text_stays_text(here: Served, page: Page) -> None:
    """What a tool gives, a task or an answer says is never run, never markup, and hides nothing."""
    plan = {**scenes.three("hostile"), "answer": scenes.HOSTILE.replace("{{1}}", "")}
    page.goto(begin(here, "hostile", plan, wait=True, task=scenes.HOSTILE))
    for view in ("Timeline", "Events", "Plan"):
        page.get_by_role("tab", name=view).click()
    page.locator(".node[data-step='1']").click()
    expect(page.locator(".step .tree").nth(1)).to_contain_text("\\u202egnp.exe")
    page.keyboard.press("Escape")
    expect(page.locator(".answer")).to_contain_text("<script>")
    page.goto(here.url)
    expect(page.locator("table.runs")).to_contain_text("<iframe")
    assert page.evaluate("window.__hit") is None
    assert page.locator("iframe, #app img[onerror], a[href^='javascript']").count() == 0


@slow
def test_a_large_result_is_fetched_when_asked_for(here: Served, page: Page) -> None:
    """A result kept beside the log shows its beginning, and all of it on demand; the file can be had."""
    page.goto(begin(here, "large", scenes.plan(("long_text", {}, []), answer="done", goal="large"), wait=True) + "/1")
    expect(page.locator(".step")).to_contain_text("All work and no play")
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Download").click()
    assert len(Path(downloaded.value.path()).read_text()) > 100_000
    page.locator(".step").get_by_role("button", name="Show all").click()
    expect(page.locator(".step")).to_contain_text("Show more (131k characters left)")


@slow
def test_by_keyboard_alone(here: Served, page: Page) -> None:
    """From the list to a step and back without a mouse: skip link, tabs by arrows, steps by arrows, Escape."""
    begin(here, "keys", scenes.twelve(), wait=True)
    page.goto(f"{here.url}/#/runs/keys")
    status(page, "Completed")
    page.reload()
    status(page, "Completed")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.get_by_role("tab", name="Plan").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Timeline")).to_be_focused()
    expect(page.locator(".lane-row")).to_have_count(13)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    first = page.locator(".node:focus")
    expect(first).to_have_attribute("data-step", "1")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".node:focus")).not_to_have_attribute("data-step", "1")
    page.keyboard.press("Enter")
    expect(page.locator("#step-title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".node:focus")).to_have_count(1)


@slow
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("how", [{}, PHONE], ids=["desktop", "phone"])
def test_everybody_can_read_it(here: Served, browser: Browser, colours: Any, how: dict[str, Any]) -> None:
    """On every view, light and dark, at desk and phone, nothing overflows, text has contrast, controls have names."""
    if here.client.get("/runs/read").status_code == 404:
        begin(here, "read", scenes.failing(), wait=True)
        begin(here, "wait", scenes.mail(), wait=True)
    with visiting(browser, here.url, color_scheme=colours, **how) as page:
        for place in ("#/", "#/runs/read", "#/runs/read/2", "#/runs/wait", "#/usage"):
            page.goto(f"{here.url}/{place}")
            expect(page.locator(".card").first).to_be_visible()
            page.wait_for_timeout(400)
            found = page.evaluate((Path(__file__).parent / "reading.js").read_text(encoding="utf-8"))
            assert found == [], place
