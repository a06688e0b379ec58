"""One proof in Chromium: its text, what was said of it and where, over a whole farm with the scripted REPL."""

from __future__ import annotations

import pytest

from tests.browser.page import Page
from tests.browser.proofs import FALSE, TRUE, submit
from tests.support.running import RunningFarm

pytestmark = pytest.mark.system


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
