"""The console in Chromium, over a whole farm with the scripted REPL: what a person looks for is there."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from farm import Farm
from farm.keys import Scope, create_key
from tests.browser.page import Page
from tests.conftest import lean_settings
from tests.security.service.conftest import api_process
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm, scripted_settings

pytestmark = pytest.mark.system

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
HOLE = "theorem hole (a b : Nat) : a + b = b + a := by sorry"
ENDLESS = "import Init\n\n-- a search that does not end: hang!\ntheorem endless : 1 + 1 = 2 := by\n  rfl"
VIEWS = ("batches", "workers", "try")


def submit(farm: RunningFarm, proofs: list[dict[str, str]], timeout_s: float = 1) -> str:
    body = {"proofs": proofs, "timeout_s": timeout_s}
    return str(httpx.post(f"{farm.url}/v1/batches", json=body, timeout=30).json()["batch_id"])


@pytest.fixture(scope="module")
def mixed(farm: RunningFarm) -> str:
    """A finished batch in which one proof of 46 timed out."""
    proofs = [{"id": f"lemma-{i}", "code": f"{TRUE} -- {i}"} for i in range(40)]
    proofs += [{"id": f"wrong-{i}", "code": FALSE} for i in range(3)] + [
        {"id": f"hole-{i}", "code": HOLE} for i in range(2)
    ]
    batch = submit(farm, [*proofs, {"id": "endless", "code": ENDLESS}])
    await_true(lambda: httpx.get(f"{farm.url}/v1/batches/{batch}").json()["state"] == "done", "the batch")
    return batch


def test_a_label_stands_before_the_id(page: Page, farm: RunningFarm) -> None:
    with farm.client() as client:
        batch = client.submit([TRUE], label="night <b>run</b>").id

    page.open("batches")

    page.await_text("night <b>run</b>")
    assert page.find(f"a[href='#/batches/{batch}']").text == f"night <b>run</b> {batch}"


@pytest.mark.parametrize(
    ("view", "shows"), [("batches", "Batches"), ("workers", "Workers"), ("try", "Verify"), ("no/such", "no such view")]
)
def test_every_view_opens_by_its_address(page: Page, view: str, shows: str) -> None:
    page.open(view)

    page.await_text(shows)
    assert "leanfarm" in page.chrome.title


def test_a_violation_would_be_noticed(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.run("const s = document.createElement('style'); s.textContent = 'p {}'; document.head.append(s)")

    assert any("Content Security Policy" in each for each in page.complaints())


def test_a_pasted_proof_gets_its_verdict_and_says_that_a_script_answered(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys(FALSE, Keys.CONTROL, Keys.ENTER)

    page.await_text("rejected: error", ".verdict")
    assert "A script answers here, not Lean" in page.text(".scripted")
    assert page.texts("mark") == ["decide"]


def test_a_refused_request_says_why(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys("by rfl")
    page.find("#statement").send_keys("this is no statement")
    page.find("form[aria-label=Verify] button").click()

    page.await_text("a statement reads", "form[aria-label=Verify] [role=alert]")


def test_a_goal_gets_premises(page: Page) -> None:
    page.open("try")
    page.await_text("Find premises")
    page.find("#goal").send_keys("a b : Nat\n⊢ a + b = b + a")
    page.find("form[aria-label='Find premises'] button").click()

    page.await_text("Nat.add_comm", "form[aria-label='Find premises'] table")


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
    assert page.text("h1") == "Proof 45\nendless"
    assert "landlock" in page.text(".evidence") or "none" in page.text(".evidence")
    assert page.texts(".trail a") == ["Batches", f"Batch {mixed}", "timeout"]
    assert "a search that does not end: hang!" in page.text(".source .code.whole"), "no place is known: all is marked"
    page.picture("proof")


def test_what_lean_said_is_underlined_where_it_said_it(page: Page, farm: RunningFarm) -> None:
    """Columns count characters: 𝔸 is one to Lean and two to JavaScript."""
    code = f"{TRUE}\n/- 𝔸𝔸𝔸 -/ {FALSE}"
    batch = submit(farm, [{"code": code}])
    page.open(f"batches/{batch}/0")

    page.await_text("error at line 2", ".source")
    assert page.texts("mark") == ["decide"]
    assert page.texts(".number") == ["1", "2"]


def test_a_hole_shows_the_goal_that_is_left(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}/43")

    page.await_text("Goal left open", ".source")
    assert "⊢ a + b = b + a" in page.text(".said.sorry")
    assert "sorry" in page.texts("mark")


def test_markup_in_a_proof_stays_text(page: Page, farm: RunningFarm) -> None:
    evil = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>"
    batch = submit(farm, [{"id": evil, "code": f"-- {evil}\n{FALSE}"}])
    page.open(f"batches/{batch}")
    page.await_text(evil, ".rows")
    page.open(f"batches/{batch}/0")

    page.await_text(evil, ".source")
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    assert page.chrome.title == "Proof 0 · leanfarm"


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

    assert page.run("return window.first.isConnected && window.first === document.querySelector('.rows .row')")


def test_a_running_batch_is_cancelled_by_keyboard_after_a_question(page: Page, farm: RunningFarm) -> None:
    batch = submit(farm, [{"code": f"{TRUE} -- sleep:60000"}] * 4, timeout_s=100)
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
    assert httpx.get(f"{farm.url}/v1/batches/{batch}").json()["state"] == "running"
    page.press(Keys.ENTER, Keys.TAB)
    assert page.focused() == "Cancel the batch"
    page.press(Keys.ENTER)

    page.await_text("4 of 4: 0 accepted, 0 rejected, 4 undecided", ".progress")
    page.await_text("cancelled", "h1")
    assert not page.find(".cancel").is_displayed()
    assert httpx.get(f"{farm.url}/v1/batches/{batch}").json()["state"] == "cancelled"


def test_a_farm_of_one_environment_asks_for_none(page: Page) -> None:
    page.open("try")
    await_true(lambda: page.run("return document.querySelectorAll('#environment option').length") == 1, "the list")

    assert not page.find("#environment").is_displayed()


def versions_of(farm: RunningFarm) -> list[str | None]:
    found = httpx.get(f"{farm.url}/v1/environments").json()["environments"]
    return [each["lean_version"] for each in found]


def test_a_proof_is_sent_to_the_environment_that_was_chosen(page: Page, tmp_path: Path, scripted: Install) -> None:
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    own = {**scripted_settings(scripted), "LEAN_WORKERS": "1"}
    (rooms / "mathlib.env").write_text("".join(f"{name}={value}\n" for name, value in own.items()))
    with running_farm(tmp_path / "farm", **lean_settings(scripted), ENVIRONMENTS_DIR=str(rooms)) as farm:
        await_true(lambda: versions_of(farm) == ["v4.0.0-scripted"] * 2, "both are served")
        page.url = farm.url
        page.open("try")
        await_true(lambda: page.find("#environment").is_displayed(), "the choice")
        names = [f"{name} (Lean v4.0.0-scripted)" for name in ("default", "mathlib")]
        assert page.texts("#environment option") == names
        page.find("#environment").send_keys("mathlib")
        page.find("#code").send_keys(TRUE, Keys.CONTROL, Keys.ENTER)
        page.await_text("accepted", ".verdict")

        ran = await_true(lambda: [each["environment"] for each in farm.workers() if each["proofs"]], "who ran it")
        assert ran == ["mathlib"]


def test_a_farm_without_batches_says_how_to_begin(page: Page, farm: RunningFarm, tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys", "new", frozenset(Scope))
    with api_process(farm.redis_url, API_KEYS_FILE=str(tmp_path / "keys")) as page.url:
        page.open("batches")
        page.await_text("This farm asks for a key", "dialog[open]")
        page.find("#key-text").send_keys(key, Keys.ENTER)

        page.await_text("No batch yet", ".empty")
        assert f"FARM_URL={page.url}" in page.text(".empty")
        assert not page.find("table").is_displayed(), "a table of nothing"


def test_a_filter_is_part_of_the_address(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?show=rejected&text=hole")

    await_true(lambda: sorted(page.texts(".rows .row a")) == ["hole-0", "hole-1"], "two rows")


def test_a_batch_that_is_not_there_is_said_to_be(page: Page) -> None:
    page.open("batches/nope")

    page.await_text("Nothing here", "[role=alert]:not([hidden])")


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
    page.press(Keys.ENTER)
    page.await_text("rejected: error", ".verdict")
    page.press(Keys.ESCAPE)
    await_true(lambda: page.address() == f"#/batches/{mixed}?text=wrong-", "the batch, and the filter with it")
    page.press(Keys.ESCAPE)
    await_true(lambda: page.address() == "#/batches", "the list")


@pytest.mark.parametrize("view", ["batches", "workers", "try", "batches/{}", "batches/{}/45"])
def test_a_narrow_screen_never_scrolls_sideways(page: Page, mixed: str, view: str) -> None:
    page.chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": False}
    )
    page.open(view.format(mixed))
    await_true(lambda: page.run("return document.querySelectorAll('main *').length") > 10, "the view")

    assert page.run("return innerWidth") == 320
    assert page.run("return document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("view", ["batches", "batches/{}", "batches/{}/45", "workers", "try"])
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
