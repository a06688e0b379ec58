"""Two batches compared in Chromium, problem by problem, over a whole farm with the scripted REPL."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.browser.proofs import ENDLESS, FALSE, TRUE, finish, submit
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def steps(farm: RunningFarm) -> tuple[str, str]:
    """Two batches: the second solves two problems that the first does not, and loses one."""

    def attempts(*codes: str) -> list[dict[str, str]]:
        return [{"problem": f"p{at}", "code": code, "id": f"{at}"} for at, code in enumerate(codes)]

    first = finish(farm, submit(farm, attempts(TRUE, FALSE, FALSE), label="step 100"))
    return first, finish(farm, submit(farm, attempts(FALSE, TRUE, TRUE), label="step 200"))


def problems_listed(page: Page) -> list[str]:
    """Return the problems in the list of a comparison."""
    return [text.split("\n")[0] for text in page.texts(".rows .row")]


def test_two_batches_are_compared_problem_by_problem(page: Page, steps: tuple[str, str]) -> None:
    first, second = steps
    page.open(f"batches/{second}")
    page.await_text("all 3", "search")
    chooser = page.find(".tools select")
    chooser.click()
    await_true(lambda: "step 100" in chooser.text, "the choice")
    [name] = [each for each in page.texts(".tools select option") if f"step 100 {first[:8]}" in each]
    chooser.choose(name)

    page.await_text("step 200 solves more problems than step 100: 2 against 1. It won 2 and lost 1.")
    assert page.address() == f"#/compare/{first}/{second}"
    assert page.texts(".compared .head > span") == ["Problem", "step 100", "step 200", "Change"]
    won, lost = page.texts("ul.changes")
    assert won.split("\n") == ["p1 (step 100, step 200)", "p2 (step 100, step 200)"]
    assert lost == "p0 (step 100, step 200)"
    page.picture("compare")
    page.find(".chip.rejected").click()
    await_true(lambda: problems_listed(page) == ["p0"], "what was lost")
    page.find(".rows .row a").click()
    page.await_text("Proof 0", "h1")
    page.press(Keys.ESCAPE)
    await_true(lambda: problems_listed(page) == ["p0"], "the comparison again, with its filter")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_a_problem_that_was_won_leads_to_its_proofs(
    page: Page, steps: tuple[str, str], width: int, scheme: str
) -> None:
    page.look(width, scheme)
    first, second = steps
    page.open(f"compare/{first}/{second}")
    page.await_text("It won 2 and lost 1.")
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.picture(f"compare-{width}")
    links = page.chrome.find_elements("css selector", "ul.changes:first-of-type li:first-child a")
    assert [(each.get_attribute("href") or "").partition("#")[2] for each in links[:2]] == [
        f"/batches/{first}/1",
        f"/batches/{second}/1",
    ]
    links[1].click()
    page.await_text("accepted", ".verdict")


def test_a_comparison_adds_up_and_names_what_is_unclear(page: Page, farm: RunningFarm) -> None:
    def step(label: str, *codes: str) -> str:
        attempts = [{"problem": f"p{at}", "code": code} for at, code in enumerate(codes)]
        return finish(farm, submit(farm, attempts, label=label))

    first = step("prover-7b, a long name, step 1200", TRUE, FALSE, ENDLESS, TRUE)
    second = step("prover-7b, a long name, step 1400", TRUE, TRUE, TRUE, FALSE)
    page.look(390, "light")
    page.open(f"compare/{first}/{second}")

    page.await_text("solves more problems than prover-7b, a long name, step 1200: 3 against 2. It won 1 and lost 1.")
    assert "step 1400: 3 = 1 solved by both + 1 won + 1 unclear." in page.text(".judgement")
    assert "step 1200: 2 = 1 solved by both + 1 lost." in page.text(".judgement")
    assert "Unclear, because an attempt is undecided or still runs: p2." in page.text(".judgement")
    heads = page.run("return [...document.querySelectorAll('.compared .head > span')].map((e) => e.innerText)")
    assert heads == ["Problem", "1200", "1400", "Change"], "what the two names do not share"
    assert page.rows(".compared .rows .row")
    cells = "return [...document.querySelectorAll('.compared .rows .row > span')]"
    assert page.run(f"{cells}.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.innerText)") == []
    assert page.violations() == []


@pytest.mark.parametrize(("labels", "heads"), [(["run 𝔸", "run 𝔹"], ["𝔸", "𝔹"]), (["run-", "run-2"], ["run-", "2"])])
def test_a_narrow_comparison_leaves_something_of_each_name(
    page: Page, farm: RunningFarm, labels: list[str], heads: list[str]
) -> None:
    first, second = (finish(farm, submit(farm, [{"problem": each, "code": TRUE}], label=each)) for each in labels)
    page.look(390, "light")
    page.open(f"compare/{first}/{second}")
    page.await_text("solves as many problems as")

    shown = page.run("return [...document.querySelectorAll('.compared .head > span')].map((e) => e.innerText)")
    assert shown == ["Problem", *heads, "Change"]
    page.find(".compared .rows .badge").click()
    assert page.address() == f"#/compare/{first}/{second}", "a row is no link, also if only one batch has its problem"


def test_a_swapped_comparison_keeps_its_filter(page: Page, steps: tuple[str, str]) -> None:
    first, second = steps
    page.open(f"compare/{first}/{second}?show=lost")
    await_true(lambda: problems_listed(page) == ["p0"], "what was lost")
    [swap] = [each for each in page.chrome.find_elements("css selector", ".tools button") if "Swap" in each.text]
    swap.click()

    page.await_text("step 100 solves fewer problems than step 200: 1 against 2. It won 1 and lost 2.")
    assert page.address() == f"#/compare/{second}/{first}?show=lost"
    await_true(lambda: problems_listed(page) == ["p1", "p2"], "what was lost the other way round")
