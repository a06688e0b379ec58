"""The banner: whoever opens any view sees what is wrong, since when, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from farm.keys import Scope, create_key
from farm.store.pauses import resume
from tests.browser.page import Page
from tests.browser.proofs import finish, submit
from tests.browser.workers import broken_worker
from tests.security.service.conftest import api_process
from tests.support.minutes import pass_a_minute
from tests.support.open_store import open_store
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system

CANARY = "#alarms details.rejected"
# The page looks every 15 s; here, every second.
HURRY = "const wait = setTimeout; window.setTimeout = (then, ms, ...more) => wait(then, ms / 15, ...more)"
ASKED = "return performance.getEntriesByType('resource').map((e) => e.name.match(/v1\\/history\\?minutes=(\\d+)/)?.[1])"


def minutes_asked(page: Page) -> list[int]:
    """Return how many minutes of the history the page has asked for, request by request."""
    return [int(each) for each in page.run(ASKED) if each]


@pytest.fixture
def paused(farm: RunningFarm) -> Iterator[None]:
    """A key of which a canary was accepted, seen by a reaper."""
    store = open_store(farm.redis_url)
    store.hset("farm:paused", "alice", "6f1c0d")
    pass_a_minute(farm)
    yield
    resume(store, "alice")
    store.close()


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize("view", ["batches", "try"])
def test_an_accepted_canary_is_seen_in_every_view(page: Page, view: str) -> None:
    page.open(view)
    page.await_text("accepted a false proof in batch 6f1c0d, and has paused its key, alice", CANARY)

    assert page.text(f"{CANARY} summary") == "False proof accepted: key alice paused"
    assert ", since 2" in page.text(CANARY), "the date"
    assert page.texts(f"{CANARY} code") == ["farm resume alice"]
    assert "farm resume alice" in page.text(CANARY)
    link = page.find(f"{CANARY} a")
    assert (link.get_attribute("href") or "").endswith("#/batches/6f1c0d")
    page.picture(f"alarm-{view}")


@pytest.mark.usefixtures("paused")
def test_a_folded_alarm_stays_folded_in_the_next_view(page: Page) -> None:
    page.open("batches")
    page.await_text("has paused its key, alice", CANARY)
    page.run("document.querySelector(arguments[0]).focus()", f"{CANARY} summary")
    page.press(Keys.ENTER)
    await_true(lambda: "What to do" not in page.text(CANARY), "it is folded")
    page.find("nav a[href='#/workers']").click()
    page.await_text("Queues")
    assert page.text(CANARY) == "False proof accepted: key alice paused"
    page.open("batches")
    page.await_text("key alice paused", CANARY)
    assert "What to do" not in page.text(CANARY), "a page that is loaded again still knows"

    kept = page.run("return localStorage.getItem('leanfarm-folded')")
    assert kept
    assert "alice" not in kept, "a browser may outlive the right to see alarms"
    page.run(
        "localStorage.setItem('leanfarm-folded', localStorage.getItem('leanfarm-folded').replace(/\\d+\\]\\]/, '1]]'))"
    )
    page.open("batches")
    page.await_text("has paused its key, alice", CANARY)
    assert "What to do" in page.text(CANARY), "the same trouble, begun anew, is news"


def fold(page: Page, selector: str) -> None:
    page.find(f"#alarms {selector}[open] summary").click()
    await_true(lambda: page.texts(f"#alarms {selector}:not([open])"), "it is folded")
    page.run("return new Promise(requestAnimationFrame)")


@pytest.mark.usefixtures("paused", "broken")
def test_an_alarm_stays_folded_whatever_another_tab_folds_and_its_figures_say(page: Page, farm: RunningFarm) -> None:
    page.open("batches")
    page.await_text("1 worker failed: default on node3", "#alarms")
    first = page.chrome.current_window_handle
    page.chrome.switch_to.new_window("tab")
    page.open("batches")
    page.await_text("1 worker failed: default on node3", "#alarms")
    fold(page, ".rejected")
    page.chrome.close()
    page.chrome.switch_to.window(first)
    fold(page, ".undecided")

    with broken_worker(farm, 9):
        page.open("batches")
        page.await_text("2 workers failed: default on node3", "#alarms")
        opened = page.texts("#alarms details[open] summary")
        assert not [title for title in opened if "alice" in title or "node3" in title], "both are folded"
    page.run("localStorage.clear()")


@pytest.mark.usefixtures("paused", "broken")
def test_folded_alarms_leave_a_phone_its_page(page: Page) -> None:
    page.look(390, "light")
    page.open("workers")
    page.await_text("1 worker failed: default on node3", "#alarms")
    page.await_text("has paused its key", "#alarms")
    assert page.texts("#alarms p code") == ["farm resume alice", "lake build", "farm doctor", "failed"]
    for _ in range(2):
        page.find("#alarms details[open] summary").click()
        page.run("return new Promise(requestAnimationFrame)")

    assert page.run("return document.querySelector('h1').getBoundingClientRect().top") < 300
    page.picture("alarms-folded")
    page.run("localStorage.clear()")


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_the_banner_can_be_read_everywhere(page: Page, width: int, scheme: str) -> None:
    page.look(width, scheme)
    page.open("history")
    page.await_text("has paused its key, alice", CANARY)
    page.await_text("Premise queries")

    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.picture(f"alarm-history-{width}-{scheme}")


@pytest.mark.usefixtures("paused")
@pytest.mark.parametrize(("hours", "asked"), [(1, [60, 60, 60, 60, 60]), (24, [1440, 1, 1, 1, 1440])])
def test_the_view_of_the_last_hours_and_the_banner_ask_together(page: Page, hours: int, asked: list[int]) -> None:
    page.chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HURRY})
    page.open(f"history?hours={hours}")
    page.await_text("has paused its key, alice", CANARY)
    await_true(lambda: len(minutes_asked(page)) >= 5, "five looks")
    assert minutes_asked(page)[:5] == asked

    page.find("nav a[href='#/try']").click()
    page.await_text("Verify")
    seen = len(minutes_asked(page))
    await_true(lambda: minutes_asked(page)[seen:], "the banner's own look")
    assert set(minutes_asked(page)[seen + 1 :]) <= {1}


def test_an_alarm_that_has_ended_goes(page: Page, farm: RunningFarm) -> None:
    store = open_store(farm.redis_url)
    store.hset("farm:paused", "bob", "6f1c0e")
    page.chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HURRY})
    page.open("batches")
    page.await_text("has paused its key, bob", CANARY)
    resume(store, "bob")
    store.close()

    await_true(lambda: not page.texts(CANARY), "the banner's end")


def test_statements_that_lean_cannot_read_lead_to_their_proofs(page: Page, farm: RunningFarm) -> None:
    proof = {"id": "unread", "code": "by rfl", "statement": "theorem two /- error! -/ : 1 + 1 = 2"}
    batch = finish(farm, submit(farm, [proof], level="checked", label="a typo"))
    page.open("batches")
    page.await_text("in batch a typo of key local", "#alarms")
    page.find(f"#alarms a[href='#/batches/{batch}?show=invalid_statement']").click()

    await_true(lambda: page.texts(".rows .row a") == ["unread"], "the proof whose statement is wrong")


@pytest.mark.usefixtures("paused")
def test_a_key_that_may_not_see_alarms_is_not_asked_again_and_again(
    page: Page, farm: RunningFarm, tmp_path: Path
) -> None:
    keys = {
        name: create_key(tmp_path / "keys", name, scopes)
        for name, scopes in (("narrow", frozenset({Scope.VERIFY})), ("all", frozenset(Scope)))
    }
    with api_process(farm.redis_url, API_KEYS_FILE=str(tmp_path / "keys")) as page.url:
        page.open("batches")
        page.await_text("This farm asks for a key", "dialog[open]")
        page.find("#key-text").send_keys(keys["narrow"], Keys.ENTER)
        page.await_text("Batches")
        assert page.text("#alarms") == ""
        page.find("#open-key").click()
        page.find("#key-text").send_keys(keys["all"], Keys.ENTER)

        page.await_text("has paused its key, alice", CANARY)
