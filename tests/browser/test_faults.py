"""The console when something is in its way: a farm that stops, keys, a hundred thousand proofs."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from farm.keys import Scope, create_key
from farm.local.ports import free_port
from tests.browser.page import Page
from tests.browser.proofs import submit_many
from tests.browser.proxy import StallingProxy
from tests.conftest import lean_settings
from tests.security.service.conftest import api_process
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm, start_farm, stop

pytestmark = pytest.mark.system

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
MANY = 100_000


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_module_that_does_not_load_is_said_and_reloaded(page: Page, width: int, scheme: str) -> None:
    page.look(width, scheme)
    page.chrome.execute_cdp_cmd("Network.enable", {})
    page.chrome.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/plots.js"]})
    page.open("workers")
    page.await_text("The console could not be loaded", "h1")
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.picture(f"not-loaded-{width}-{scheme}")
    page.chrome.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    [reload] = [each for each in page.chrome.find_elements("css selector", "main button") if each.text == "Reload"]
    reload.click()

    page.await_text("Queues")
    assert page.address() == "#/workers", "where they wanted to go"


def test_an_error_after_the_start_replaces_nothing(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.run("window.dispatchEvent(new ErrorEvent('error', { message: 'an extension of the browser fails' }))")

    assert "could not be loaded" not in page.text()


@pytest.mark.timeout(300)
def test_a_farm_that_stops_is_missed_and_found_again(page: Page, tmp_path: Path, scripted: Install) -> None:
    settings = {**lean_settings(scripted), "PORT": str(free_port())}
    with running_farm(tmp_path / "farm", **settings) as running:
        page.url = running.url
        # The second half is judged by the farm that is started again.
        proofs = [{"code": TRUE}, {"code": f"{TRUE} -- sleep:60000"}]
        body = {"proofs": proofs, "timeout_s": 100}
        batch = httpx.post(f"{running.url}/v1/batches", json=body).json()["batch_id"]
        page.open(f"batches/{batch}")
        page.await_text("all 1", "search")
        stop(running.up)
        page.await_text("The farm does not answer; this page keeps trying", "#trouble")
        again = start_farm(tmp_path / "farm", **settings)
        try:
            await_true(lambda: page.text("#trouble:not([hidden])") == "", "the page's recovery")
            httpx.delete(f"{again.url}/v1/batches/{batch}")
            page.await_text("cancelled 1", "search")
            page.await_text("all 2", "search")
        finally:
            stop(again.up)


def test_a_farm_with_keys_asks_for_one_and_keeps_it_in_the_tab(page: Page, farm: RunningFarm, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    keys = {
        name: create_key(path, name, scopes)
        for name, scopes in (("all", frozenset(Scope)), ("narrow", frozenset({Scope.VERIFY})))
    }
    with api_process(farm.redis_url, API_KEYS_FILE=str(path)) as page.url:
        page.open("workers")
        page.await_text("This farm asks for a key", "dialog[open]")
        page.find("#key-text").send_keys("lf_wrong", Keys.ENTER)
        page.await_text("The farm does not know this key", "dialog[open]")
        page.find("#key-text").send_keys(keys["narrow"], Keys.ENTER)
        page.await_text("Not for this key", "main [role=alert]")
        page.find("#open-key").click()
        page.find("#key-text").send_keys(keys["all"], Keys.ENTER)
        page.await_text("Header loaded")

        assert keys["all"] not in page.run(
            "return document.documentElement.outerHTML + document.cookie + location.href"
        )
        assert page.run("return [localStorage.length, sessionStorage.length]") == [0, 1]
        page.chrome.refresh()
        page.await_text("Header loaded")
        page.find("nav a[href='#/try']").click()
        page.await_text("Verify")
        page.find("#code").send_keys("secret", Keys.CONTROL, Keys.ENTER)
        page.await_text("Earlier tries in this browser (1)")
        page.find("#open-key").click()
        page.find("#forget-key").click()
        await_true(lambda: page.find("#code").get_attribute("value") == "", "the box is empty")
        assert page.run("return localStorage.length + sessionStorage.length") == 0
        assert not page.find("details .tries").is_displayed()


@pytest.fixture(scope="module")
def large(farm: RunningFarm) -> str:
    """A batch of 100 000 proofs, nearly all of them cancelled before they ran."""
    return submit_many(farm, MANY)


def rows_of(page: Page) -> int:
    return int(page.run("return document.querySelectorAll('.rows .row').length"))


@pytest.mark.timeout(400)
def test_a_hundred_thousand_proofs_are_a_screenful_of_elements(page: Page, large: str) -> None:
    page.open(f"batches/{large}")
    page.await_text("all 100,000", "search", 100)
    assert "100,000 of 100,000" in page.text(".progress")
    assert page.find(".list").get_attribute("aria-rowcount") == str(MANY + 1)

    assert rows_of(page) < 60
    page.run("const v = document.querySelector('.view'); v.scrollTop = v.scrollHeight")
    await_true(lambda: page.run(f"return !!document.querySelector('[data-row=\"{MANY - 1}\"]')"), "the last row")
    assert rows_of(page) < 60
    # All of it is there: another proof than the last is found by its name.
    page.press("/", *"99999")
    await_true(lambda: page.texts(".rows .row a") == ["99999"], "the proof of this name")


@pytest.mark.timeout(400)
def test_what_is_scrolled_through_is_drawn_once_a_frame(page: Page, large: str) -> None:
    page.open(f"batches/{large}")
    page.await_text("all 100,000", "search", 100)

    drawn = page.run("""
      window.drawn = 0;
      const count = (changes) => { for (const each of changes) window.drawn += each.addedNodes.length; };
      new MutationObserver(count).observe(document.querySelector('.rows'), { childList: true });
      const view = document.querySelector('.view');
      for (let i = 0; i < 500; i += 1) { view.scrollTop = i * 1000; view.dispatchEvent(new Event('scroll')); }
      const frame = () => new Promise(requestAnimationFrame);
      return frame().then(frame).then(() => window.drawn);
    """)
    assert 1 <= drawn <= 2 * rows_of(page), "a screenful comes in for each frame, and not for each scroll"


# Long waits of the page pass twenty times as fast: forty seconds of silence are two.
HURRY = """
const wait = window.setTimeout;
window.setTimeout = (then, ms, ...more) => wait(then, ms >= 30000 ? ms / 20 : ms, ...more);
"""


def test_a_stream_that_hangs_is_opened_again_where_it_stopped(page: Page, farm: RunningFarm) -> None:
    proofs = [{"code": f"{TRUE} -- sleep:{200 + index}"} for index in range(60)]
    page.chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": HURRY})
    with StallingProxy(farm.url).running() as proxy:
        batch = httpx.post(f"{farm.url}/v1/batches", json={"proofs": proofs}).json()["batch_id"]
        page.url = proxy.url
        page.open(f"batches/{batch}")
        await_true(lambda: any(f"all {count}" in page.text("search") for count in range(3, 20)), "the first verdicts")
        proxy.stall()
        page.await_text("fell silent once and was opened again where it had stopped")

        page.await_text("all 60", "search")
        assert page.find(".list").get_attribute("aria-rowcount") == "61", "none is missing, none is there twice"
        assert len(set(page.texts(".rows .row a"))) == rows_of(page)


def test_a_key_for_premises_alone_may_still_try(page: Page, farm: RunningFarm, tmp_path: Path) -> None:
    """The list of environments is not for it, and that is no trouble."""
    key = create_key(tmp_path / "keys", "hammer", frozenset({Scope.RETRIEVE}))
    with api_process(farm.redis_url, API_KEYS_FILE=str(tmp_path / "keys")) as page.url:
        page.open("try")
        page.await_text("This farm asks for a key", "dialog[open]")
        page.find("#key-text").send_keys(key, Keys.ENTER)
        page.await_text("Find premises")
        page.find("#goal").send_keys("⊢ 1 + 1 = 2", Keys.CONTROL, Keys.ENTER)

        page.await_text("premises, the nearest first", "form[aria-label='Find premises'] table")
        assert not page.find("#environment").is_displayed()
