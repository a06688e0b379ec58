"""Try in Chromium: a proof and a goal typed into the page, over a whole farm with the scripted REPL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.browser.proofs import FALSE, TRUE
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm, scripted_settings

pytestmark = pytest.mark.system


def test_a_pasted_proof_gets_its_verdict_and_says_that_a_script_answered(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys(FALSE, Keys.CONTROL, Keys.ENTER)

    page.await_text("rejected: error", ".verdict")
    assert "A script answers here, not Lean" in page.text(".scripted")
    assert page.texts("mark") == ["decide"]


READ_OUT = "return document.querySelector('.source').closest('[aria-live], [role=status], [role=alert]') !== null"


def test_a_screen_reader_hears_the_verdict_and_not_the_whole_text(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys(FALSE, Keys.CONTROL, Keys.ENTER)
    page.await_text("rejected: error", ".verdict")
    await_true(lambda: page.texts(".source .lean-keyword"), "the colours, which come late")

    assert page.texts("form[aria-label=Verify] .heard") == ["rejected: error"]
    assert not page.run(READ_OUT)


def test_a_refused_request_says_why(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys("by rfl")
    page.find("#statement").send_keys("this is no statement")
    page.find("form[aria-label=Verify] .primary").click()

    page.await_text("a statement reads", "form[aria-label=Verify] [role=alert]")


def test_checked_without_a_statement_is_said_in_words(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys("by rfl")
    page.find("#level").send_keys("checked")
    page.find("form[aria-label=Verify] .primary").click()

    page.await_text("The level checked needs a statement", "form[aria-label=Verify] [role=alert]")


def test_abbreviations_become_signs(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys("\\forall x : \\N", Keys.TAB, ", \\<x, 1\\>", Keys.TAB, " a \\ b")

    assert page.find("#code").get_attribute("value") == "∀ x : ℕ, ⟨x, 1⟩ a \\ b"
    assert page.focused() == "code"


def test_an_example_is_filled_in_and_its_link_brings_it_back(page: Page) -> None:
    allowed = {"origin": page.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.chrome.execute_cdp_cmd("Browser.grantPermissions", allowed)
    page.open("try")
    page.await_text("Verify")
    page.find("select[aria-label=Examples]").choose("A statement, and a proof for it")
    assert page.find("#level").get_attribute("value") == "checked"
    page.press_button("link")
    page.await_text("Copied", "form[aria-label=Verify]")
    link = page.run("return navigator.clipboard.readText()")
    page.chrome.get("about:blank")
    page.chrome.get(link)

    page.await_text("Verify")
    values = page.run("return ['code', 'statement', 'level'].map((id) => document.getElementById(id).value)")
    assert values == ["by\n  rfl\n", "theorem two_and_two : 2 + 2 = 4", "checked"]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_row_of_a_pasted_benchmark_fills_the_boxes(page: Page, width: int, scheme: str) -> None:
    page.look(width, scheme)
    rows: list[dict[str, Any]] = [
        {"name": f"sum_{at}", "header": "import Init", "formal_statement": f"theorem t{at} : {at} + 1 = {at + 1} := by"}
        for at in range(244)
    ]
    rows += [{"name": "solved", "lean4_code": TRUE}, {"name": "odd", "formal_statement": ["?"]}]
    page.open("try")
    page.await_text("Verify")
    page.chrome.find_element("xpath", "//summary[contains(., 'benchmark')]").click()
    page.paste("\n".join(map(json.dumps, rows)), "#rows")
    page.await_text("246 rows: choose one.", "details[open] [role=status]")
    page.find("#row").choose("244 sum_243")

    assert page.find("#statement").get_attribute("value") == "import Init\n\ntheorem t243 : 243 + 1 = 244 := by"
    assert page.find("#level").get_attribute("value") == "checked"
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.picture(f"row-{width}-{scheme}")
    page.find("#row").choose("246 odd (cannot be read)")
    page.await_text("This row cannot be read: statement:", "details[open] [role=status]")
    page.find("#row").choose("245 solved")
    values = page.run("return ['code', 'statement', 'level'].map((id) => document.getElementById(id).value)")
    assert values == [TRUE, "", "compiled"]
    page.find("form[aria-label=Verify] .primary").click()
    page.await_text("accepted", ".verdict")


def test_a_file_that_holds_no_rows_says_where(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"name": "a", "formal_statement": "theorem a : 1 = 1"}\n{"name": }\n')
    page.open("try")
    page.await_text("Verify")
    page.chrome.find_element("xpath", "//summary[contains(., 'benchmark')]").click()
    page.find("#rows-file").send_keys(str(path))

    page.await_text("Line 2 is not JSON", "details [role=alert]")


def test_what_runs_can_be_stopped_and_is_remembered(page: Page, farm: RunningFarm) -> None:
    page.open("try")
    page.run("localStorage.clear()")  # of earlier tests' tries
    page.await_text("Verify")
    page.find("#code").send_keys(f"{TRUE} -- sleep:60000")
    page.find("form[aria-label=Verify] .primary").click()
    page.await_text("Stop", "form[aria-label=Verify] .tools")
    await_true(lambda: any(each["state"] == "busy" for each in farm.workers()), "the proof runs")
    [stop] = [each for each in page.chrome.find_elements("css selector", ".tools button") if each.text == "Stop"]
    stop.click()
    page.await_text("Stopped.", "form[aria-label=Verify]")
    await_true(lambda: all(each["state"] != "busy" for each in farm.workers()), "nobody works on it any more")

    page.find("#code").clear()
    page.find("#code").send_keys(FALSE, Keys.CONTROL, Keys.ENTER)
    page.await_text("rejected: error", ".verdict")
    page.open("try")
    page.await_text("Earlier tries in this browser (1)")
    page.chrome.find_element("xpath", "//summary[contains(., 'Earlier')]").click()
    page.await_text("theorem three", ".tries")
    page.find(".tries button").click()
    assert page.find("#code").get_attribute("value") == FALSE
    [forget] = [each for each in page.chrome.find_elements("css selector", "details button") if "Forget" in each.text]
    forget.click()
    assert page.run("return localStorage.length") == 0


def test_the_wait_is_counted_and_said_in_all(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")
    page.find("#code").send_keys(f"{TRUE} -- sleep:3500", Keys.CONTROL, Keys.ENTER)
    page.await_text("2 s. The farm may be starting Lean", "form[aria-label=Verify] .answer-box")
    page.await_text("accepted", ".verdict")

    facts = dict(zip(page.texts(".verdict dt"), page.texts(".verdict dd"), strict=True))
    spent = {name: float(facts[name].removesuffix(" s")) for name in ("Ran", "Waited", "In all")}
    rounded_s = 0.02
    assert spent["In all"] + rounded_s > spent["Ran"] + spent["Waited"], "the press came before the wait"


KEEP = """
const [tries, done] = arguments;
const assets = document.querySelector("script[type=module]").src;
import(new URL("tries.js", assets)).then(({ keep }) => done(tries.forEach(keep)));
"""


def test_each_text_environment_and_level_has_its_own_entry(page: Page) -> None:
    page.open("try")
    page.run("localStorage.clear()")
    asked = {"code": "by\n  decide", "statement": "import Init\ntheorem two_and_two : 2 + 2 = 4", "timeout": "60"}
    first = {**asked, "environment": "default", "level": "checked", "kind": "accepted", "at_s": 1}
    broken = {"kind": "farm_error", "at_s": 2}
    others = [{**first, **broken, "environment": "nightly"}, {**first, **broken}, {**first, "level": "compiled"}]
    page.chrome.execute_async_script(KEEP, [{**first, "code": "by rfl"}, first, *others])
    page.open("try")
    page.await_text("Earlier tries in this browser (4)")
    page.chrome.find_element("xpath", "//summary[contains(., 'Earlier')]").click()

    said = [text.replace("\n", " ").rpartition(", ")[0] for text in page.texts(".tries li")]
    text = "theorem two_and_two : 2 + 2 = 4 · by"
    assert said == [
        f"accepted {text} decide compiled, on default",
        f"farm error {text} decide checked, on nightly",
        f"accepted {text} decide checked, on default",
        f"accepted {text} rfl checked, on default",
    ]
    page.run("localStorage.clear()")


def test_a_text_that_is_too_long_to_keep_deletes_no_other(page: Page) -> None:
    page.open("try")
    page.run("localStorage.clear()")
    asked = {"statement": "", "timeout": "60", "environment": "default", "level": "compiled", "at_s": 1}
    codes = [TRUE, "-- " + "a" * 200_000, FALSE]
    page.chrome.execute_async_script(KEEP, [{**asked, "kind": "accepted", "code": code} for code in codes])
    page.open("try")
    page.await_text("Earlier tries in this browser (2)")
    page.run("localStorage.clear()")


def test_a_goal_gets_premises(page: Page) -> None:
    page.open("try")
    page.await_text("Find premises")
    page.find("#goal").send_keys("a b : Nat\n⊢ a + b = b + a")
    page.find("form[aria-label='Find premises'] button").click()

    page.await_text("Nat.add_comm", "form[aria-label='Find premises'] table")


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
