"""Try in Chromium: a proof and a goal typed into the page, over a whole farm with the scripted REPL."""

from __future__ import annotations

from pathlib import Path

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
