"""The console in Chromium, over a whole farm with the scripted REPL: people find what they look for."""

from __future__ import annotations

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from farm import Farm
from tests.browser.page import Page
from tests.browser.proofs import TRUE, finish, submit
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("view", "shows"),
    [
        ("batches", "Batches"),
        ("workers", "Workers"),
        ("history", "Restarts of REPLs"),
        ("try", "Verify"),
        ("no/such", "no such view"),
    ],
)
def test_every_view_opens_by_its_address(page: Page, view: str, shows: str) -> None:
    page.open(view)

    page.await_text(shows)
    assert "leanfarm" in page.chrome.title


def test_an_address_of_no_view_says_which_views_there_are(page: Page) -> None:
    page.open("no/such")
    page.await_text("The address asks for #/no/such. These views exist:")
    assert page.texts("main li") == ["Batches", "Workers", "History", "Try"]
    page.find("main li:last-child a").click()

    page.await_text("Try", "h1")


def test_the_question_for_a_key_can_be_closed(page: Page) -> None:
    page.open("batches")
    page.await_text("Batches", "h1")
    page.find("#open-key").click()
    page.await_text("This tab has no key.", "dialog[open]")
    assert not page.find("#forget-key").is_displayed(), "there is none to forget"
    page.find("#close-key").click()

    assert page.text("dialog[open]") == ""


def test_a_violation_would_be_noticed(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.run("const s = document.createElement('style'); s.textContent = 'p {}'; document.head.append(s)")

    assert any("Content Security Policy" in each for each in page.complaints())


def test_who_has_never_seen_it_finds_the_proof_that_timed_out(page: Page, mixed: str) -> None:
    page.open("batches")
    page.await_text(mixed)
    page.picture("batches")
    # The one that was left undecided says so, and is one click away.
    page.find(f"a[href='#/batches/{mixed}?show=undecided']").click()
    page.await_text("timeout 1", "search")
    await_true(lambda: page.texts(".rows .row a") == ["endless"], "the undecided one alone")
    page.find(".chip.timeout").click()
    await_true(lambda: page.texts(".rows .row a") == ["endless"], "one row")
    assert "1 s" in page.text(".rows .row")
    page.picture("batch")
    page.find(".rows .row a").click()

    page.await_text("undecided: timeout", ".verdict")
    assert "Lean was still running when the time was up" in page.text(".verdict")
    assert "Lean did not finish within 1 s" in page.text(".verdict .said")
    assert "nobody knows where it was when it was stopped" in page.text(".verdict")
    assert page.text("h1") == "Proof 45\nendless"
    assert "landlock" in page.text(".evidence") or "none" in page.text(".evidence")
    assert page.texts(".trail a") == ["Batches", f"Batch {mixed[:8]}", "timeout"]
    assert "a search that does not end: hang!" in page.text(".source .code.whole"), "no place is known: all is marked"
    page.picture("proof")


def test_workers_and_queues_are_shown(page: Page, farm: RunningFarm, client: Farm) -> None:
    client.verify(f"import Init\n{TRUE}")
    page.open("workers")
    await_true(lambda: "import Init" in page.text(), "the header")

    assert {"idle"} <= set(page.texts(".badge"))
    assert "A script answers here" in page.text(".scripted")
    assert str(farm.workers()[0]["pid"]) in page.text()
    link = page.find("main a[rel~=noopener]")
    assert (link.text, link.get_attribute("href")) == (
        "Flower",
        httpx.get(f"{farm.url}/v1/workers").json()["flower"] + "/",
    )


def test_everything_is_reached_by_keyboard(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}")
    page.await_text("all 46", "search")
    page.press("/")
    assert page.focused() == "filter"
    page.press(*"wrong-", Keys.TAB)
    await_true(lambda: len(page.texts(".rows .row")) == 3, "three rows")
    first, _, last = page.texts(".rows .row a")
    assert page.focused() == first
    page.press(Keys.END)
    assert page.focused() == last
    page.press(Keys.ARROW_UP, Keys.ARROW_UP)
    assert page.focused() == first
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(Keys.ARROW_UP, Keys.ARROW_RIGHT)
    assert page.focused() == "Proof ↕", "the heads, by which the list is sorted"
    page.press(Keys.ENTER, Keys.ENTER, Keys.ARROW_DOWN)
    await_true(lambda: page.texts(".rows .row a") == ["wrong-2", "wrong-1", "wrong-0"], "the last name first")
    page.press(Keys.ENTER)
    page.await_text("rejected: error", ".verdict")
    page.press(Keys.ESCAPE)
    await_true(
        lambda: page.address() == f"#/batches/{mixed}?text=wrong-&sort=-name", "the batch, and the filter with it"
    )
    page.press(Keys.ESCAPE)
    await_true(lambda: page.address() == "#/batches", "the list")


HINTS = (
    "return [...document.querySelectorAll('footer span')].filter((e) => e.checkVisibility()).map((e) => e.innerText)"
)


@pytest.mark.parametrize(
    ("view", "keys"),
    [
        ("batches", ["↑ ↓ rows", "Enter opens"]),
        ("batches/{}", ["/ filter", "↑ ↓ rows", "Enter opens", "Esc back"]),
        ("batches/{}/45", ["Esc back"]),
        ("try", ["Esc back", "Ctrl+Enter sends the form"]),
    ],
)
def test_the_foot_names_the_keys_that_work_here(page: Page, mixed: str, view: str, keys: list[str]) -> None:
    page.open(view.format(mixed))

    await_true(lambda: page.run(HINTS) == keys, f"the keys of {view}")


def test_the_arrow_keys_lead_from_anywhere_into_the_rows(page: Page, mixed: str, farm: RunningFarm) -> None:
    finish(farm, submit(farm, [{"code": TRUE}]))
    page.open("batches")
    page.await_text(mixed)
    page.press(Keys.ARROW_DOWN)
    first, second = page.texts(".batches tbody th a")[:2]
    assert page.focused() == first
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == second
    page.press(Keys.ARROW_UP)
    assert page.focused() == first
    page.run("document.querySelector('.batches tbody td a[href]').focus()")
    page.press(Keys.ARROW_DOWN)
    assert page.focused() == second, "from any link of a row"

    page.open(f"batches/{mixed}?sort=name&text=wrong-")
    # The rows are drawn a frame after the numbers above them.
    await_true(lambda: len(page.texts(".rows .row")) == 3, "three rows")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ENTER)
    page.await_text("wrong-1", "h1")
    page.press(Keys.ESCAPE)
    await_true(lambda: page.focused() == "wrong-1", "the row they came from")
    page.press("/", Keys.ARROW_DOWN)
    assert page.focused() == "wrong-1", "from the filter too"


@pytest.mark.parametrize("view", ["batches", "workers", "history", "try", "batches/{}", "batches/{}/45"])
def test_a_narrow_screen_never_scrolls_sideways(page: Page, mixed: str, view: str) -> None:
    page.chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": False}
    )
    page.open(view.format(mixed))
    await_true(lambda: page.run("return document.querySelectorAll('main *').length") > 10, "the view")

    assert page.run("return innerWidth") == 320
    assert page.run("return document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("view", ["batches", "batches/{}", "batches/{}/45", "workers", "history", "try"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_colours_can_be_read_in_both_schemes(page: Page, mixed: str, scheme: str, view: str) -> None:
    """WCAG's contrast of 4.5 for every outcome's word, against what is behind it."""
    page.chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    page.open(view.format(mixed))
    await_true(lambda: page.run("return document.querySelectorAll('main *').length") > 10, "the view")

    found = page.run(CONTRAST)
    assert len(found) > 3
    assert min(found.values()) >= 4.5, found
    assert (
        page.run("return getComputedStyle(document.body).backgroundColor")
        == {
            "dark": "rgb(20, 23, 27)",
            "light": "rgb(251, 252, 253)",
        }[scheme]
    )


CONTRAST = """
const paper = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const painted = (colours) => {
  for (const colour of colours) { paper.fillStyle = colour; paper.fillRect(0, 0, 1, 1); }
  return [...paper.getImageData(0, 0, 1, 1).data];
};
const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
const behind = (e) => (e ? [...behind(e.parentElement), getComputedStyle(e).backgroundColor] : []);
const found = {};
const words = ".badge, .quiet, .counts span, a:not(.skip), button, label, dt, dd, th, td, figcaption, footer, h1, p";
for (const e of document.querySelectorAll(words)) {
  if (!e.checkVisibility() || !e.innerText) continue;
  const [back, front] = [behind(e), getComputedStyle(e).color];
  const [a, b] = [light(painted(back)), light(painted([...back, front]))];
  found[e.className + e.tagName] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
return found;
"""
