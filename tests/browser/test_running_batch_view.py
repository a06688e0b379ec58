"""A batch in Chromium while its verdicts arrive, over a whole farm with the scripted REPL."""

from __future__ import annotations

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.browser.proofs import TRUE, submit
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system


def test_a_running_batch_says_how_fast_it_is_and_how_long_it_takes(page: Page, farm: RunningFarm) -> None:
    batch = submit(farm, [{"code": f"{TRUE} -- sleep:{150 + i}"} for i in range(120)], timeout_s=10, label="slow one")
    page.open("batches")
    page.await_text("per second", ".speed")

    assert " left" in page.text(".speed")
    assert page.run("return document.querySelectorAll('.speed .sparkline').length") == 1
    page.find(f"a[href='#/batches/{batch}']").click()
    page.await_text("verdicts per second, about")
    httpx.delete(f"{farm.url}/v1/batches/{batch}")
    page.await_text("cancelled", "h1")


def test_the_numbers_agree_with_the_bar_at_every_moment(page: Page, farm: RunningFarm) -> None:
    batch = submit(farm, [{"code": f"{TRUE} -- sleep:{60 + i}"} for i in range(80)], timeout_s=10)
    page.open(f"batches/{batch}")
    await_true(lambda: page.texts(".chip.accepted"), "the view")
    # After each frame: what the chips, the words and the bar say.
    page.run("""
      window.differences = [];
      const number = (selector) => Number(document.querySelector(selector).textContent.match(/\\d+/)[0]);
      const look = () => {
        const bar = Number(document.querySelector(".mix").getAttribute("aria-valuenow"));
        const seen = [number(".chip"), number(".chip.accepted"), number(".counts span"), bar];
        if (new Set(seen).size > 1) window.differences.push(seen);
        requestAnimationFrame(look);
      };
      look();
    """)
    page.await_text("all 80", "search")

    assert page.run("return window.differences") == []


def test_a_running_batch_is_followed_to_its_end(page: Page, farm: RunningFarm) -> None:
    batch = submit(farm, [{"code": f"{TRUE} -- sleep:{100 + i}"} for i in range(60)], timeout_s=10)
    page.open(f"batches/{batch}")

    await_true(lambda: page.run("return document.querySelectorAll('.curve').length"), "the plot of the rate")
    page.await_text("60 of 60: 60 accepted", ".progress")
    page.await_text("all 60", "search")
    page.await_text("done, 100 percent", ".heard")
    assert "60 proofs" in page.text(".plots")
    bars = "return [...document.querySelectorAll('.bar')].filter((bar) => bar.getBBox().height > 0).length"
    assert page.run(bars) >= 2, "at least one in each of two histograms"
    assert "1 s" in page.run("return [...document.querySelectorAll('svg text')].map((text) => text.textContent)")
    assert not page.find(".cancel").is_displayed(), "there is nothing to cancel any more"


def test_rows_stay_what_they_are_while_verdicts_come(page: Page, farm: RunningFarm) -> None:
    """A click whose element is replaced between press and release is lost."""
    batch = submit(farm, [{"code": f"{TRUE} -- sleep:{100 + i}"} for i in range(40)], timeout_s=10)
    page.open(f"batches/{batch}")
    await_true(lambda: page.texts(".rows .row"), "the first row")
    page.run("window.first = document.querySelector('.rows .row')")
    page.await_text("all 40", "search")

    assert page.run("return window.first.isConnected")


def done(farm: RunningFarm, batch: str) -> int:
    return int(httpx.get(f"{farm.url}/v1/batches/{batch}").json()["done"])


def test_the_keyboard_stays_with_its_row_while_rows_arrive_above(page: Page, farm: RunningFarm) -> None:
    batch = submit(farm, [{"code": f"{TRUE} -- sleep:{200 + i}"} for i in range(200)], timeout_s=10)
    page.open(f"batches/{batch}?sort=-index")
    await_true(lambda: int([*page.texts(".rows .row a"), "0"][0]) > 3, "some rows in their order")
    page.press(Keys.ARROW_DOWN)
    row = int(page.focused())
    await_true(lambda: int(page.texts(".rows .row a")[0]) > row + 3, "rows above")
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == str(row - 1)

    page.press(Keys.ENTER)
    page.await_text("accepted", ".verdict")
    seen = done(farm, batch)
    await_true(lambda: done(farm, batch) > seen + 3, "more rows above")
    page.press(Keys.ESCAPE)
    await_true(lambda: page.focused() == str(row - 1), "the proof they came from")
    httpx.delete(f"{farm.url}/v1/batches/{batch}")


def test_a_running_batch_is_cancelled_by_keyboard_after_a_question(page: Page, farm: RunningFarm) -> None:
    batch = submit(farm, [{"code": f"{TRUE} -- sleep:60000"}] * 4, timeout_s=100)

    def state() -> str:
        return str(httpx.get(f"{farm.url}/v1/batches/{batch}").json()["state"])

    await_true(lambda: state() == "running", "a running batch")
    page.open(f"batches/{batch}")
    page.await_text("Cancel batch…", ".cancel")
    page.run("document.querySelector('.cancel button').focus()")
    page.press(Keys.ENTER)
    page.await_text("4 of its proofs have no verdict yet", "dialog[open]")
    page.press(Keys.ESCAPE)
    await_true(lambda: not page.text("dialog[open]"), "the question is gone")
    assert page.address() == f"#/batches/{batch}", "Esc closed the question and nothing else"
    page.press(Keys.ENTER)
    page.await_text("Cancel this batch?", "dialog[open]")
    assert page.focused() == "Let it run"
    page.press(Keys.ENTER)
    await_true(lambda: page.focused() == "Cancel batch…", "the focus where it was")
    assert state() == "running"
    page.press(Keys.ENTER, Keys.TAB)
    assert page.focused() == "Cancel the batch"
    page.press(Keys.ENTER)

    page.await_text("4 of 4: 0 accepted, 0 rejected, 4 undecided", ".progress")
    page.await_text("cancelled", "h1")
    await_true(lambda: not page.find(".cancel").is_displayed(), "nothing is left to cancel")
    assert state() == "cancelled"
