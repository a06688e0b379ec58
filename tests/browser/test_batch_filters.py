"""The filters, groups and orders of a batch's list in Chromium, over a whole farm with the scripted REPL."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.browser.proofs import ENDLESS, FALSE, GAP, TRUE, finish, submit
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system


def test_proofs_are_sorted_and_keep_their_index(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?sort=-index")
    await_true(lambda: page.texts(".rows .row")[:1] and page.texts(".rows .row")[0].startswith("45"), "the last first")
    assert page.texts(".rows .row a")[0] == "endless"
    [by_name] = [each for each in page.chrome.find_elements("css selector", ".head button") if "Proof" in each.text]
    by_name.click()

    await_true(lambda: page.texts(".rows .row a")[:4] == ["endless", "gap-0", "gap-1", "lemma-0"], "names in order")
    assert page.address() == f"#/batches/{mixed}?sort=name"


def test_proofs_stand_in_the_order_of_the_batch(page: Page, farm: RunningFarm) -> None:
    proofs = [{"code": f"{TRUE} -- sleep:{100 * (9 - at)}"} for at in range(9)]
    page.open(f"batches/{finish(farm, submit(farm, proofs, timeout_s=10))}")

    await_true(lambda: page.texts(".rows .row a") == [str(at) for at in range(9)], "the order of the proofs")
    heads = ".head [aria-sort=ascending]"
    assert page.text(heads) == "# ↑"
    page.find(f"{heads} button").click()
    await_true(lambda: page.texts(".rows .row a")[:1] == ["8"], "the last first")
    page.find(".head [aria-sort=descending] button").click()
    await_true(lambda: page.texts(".rows .row a")[:1] == ["0"], "as at the beginning")
    assert "sort" not in page.address()


def test_an_outcome_that_does_not_exist_shows_all(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?show=banana")
    page.await_text("all 46", "search")

    assert "No verdict is called “banana”: all are listed." in page.text("search")
    assert len(page.rows()) > 5
    assert page.find(".chip[aria-pressed=true]").text == "all 46"
    assert page.address() == f"#/batches/{mixed}"


def test_two_clicks_in_one_frame_turn_the_order_round(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}")
    page.await_text("all 46", "search")
    page.run("const e = document.querySelectorAll('.head button')[1]; e.click(); e.click()")

    await_true(lambda: page.texts(".rows .row a")[:1] == ["wrong-2"], "the last name first")
    assert page.address() == f"#/batches/{mixed}?sort=-name"


def test_a_search_that_ends_leaves_a_person_in_the_list(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?sort=name")
    page.await_text("all 46", "search")
    page.press("/", *"wrong-", Keys.TAB, Keys.ARROW_DOWN)
    answered = "return performance.getEntriesByType('resource').some(e => e.name.includes('text=wrong-&'))"
    await_true(lambda: page.run(answered), "an answer of the farm")
    await_true(lambda: "Looking" not in page.text("search"), "the end of the search")

    assert page.focused() == "wrong-1"


def test_a_text_is_found_in_any_message_of_the_batch(page: Page, farm: RunningFarm) -> None:
    """Also in what the page itself does not hold: the second message of a proof."""
    wrong = "example : 1 + 1 = 4 := by decide\n#check needle_in_a_haystack"
    batch = finish(farm, submit(farm, [{"code": FALSE}, {"code": wrong, "id": "hay"}, {"code": TRUE}]))
    page.open(f"batches/{batch}?text=NEEDLE_in")

    await_true(lambda: page.texts(".rows .row a") == ["hay"], "the one that says it")


def test_attempts_are_grouped_by_their_problem(page: Page, farm: RunningFarm) -> None:
    proofs = [{"problem": "easy", "code": TRUE}, {"problem": "easy", "code": FALSE}, {"problem": "hard", "code": FALSE}]
    batch = finish(farm, submit(farm, proofs))
    page.open(f"batches/{batch}")
    page.await_text("all 3", "search")
    [toggle] = [each for each in page.chrome.find_elements("css selector", ".tools button") if "Group" in each.text]
    toggle.click()

    page.await_text("1 of 2 problems solved")
    assert [" ".join(row.split("\n")) for row in page.rows()] == [
        "easy solved 1 of 2 1 0",
        "hard unsolved 0 of 1 1 0",
    ]
    page.find(".rows .row a").click()
    await_true(lambda: sorted(page.texts(".rows .row a")) == ["0", "1"], "the attempts at it")
    page.find("button[aria-label^='Show all problems']").click()
    await_true(lambda: sorted(page.texts(".rows .row a")) == ["0", "1", "2"], "all")


def test_a_filter_finds_the_problems_of_the_attempts_that_match(page: Page, farm: RunningFarm) -> None:
    attempts = [("p1", TRUE, "p1/0"), ("p1", FALSE, "p1/1"), ("p2", GAP, "p2/0"), ("p3", ENDLESS, "p3/0")]
    proofs = [{"problem": problem, "code": code, "id": name} for problem, code, name in attempts]
    batch = finish(farm, submit(farm, proofs))

    def open_with(query: str, *problems: str) -> None:
        page.open(f"batches/{batch}?group=problem&{query}")
        await_true(lambda: page.texts(".problems .rows .row a") == list(problems), f"the problems with {query}")

    open_with("text=p1/1", "p1")
    open_with("show=timeout", "p3")
    open_with("text=did+not+finish", "p3")
    open_with("text=P2", "p2")
    open_with("show=rejected&text=is+false", "p1")
    page.await_text("1 of 3 problems of the whole batch solved. Listed: 1 problem with 1 matching attempt.")
    assert "rejected 1" in page.text("search")
    assert "Whole batch, 4 of 4: 1 accepted" in page.text(".progress")
    page.find(".rows .row a").click()
    await_true(lambda: page.texts(".rows .row a") == ["p1/1"], "the attempt that matches")


def test_chips_and_the_first_error_are_those_of_the_filter(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?text=wrong-1")
    page.await_text("all 1", "search")
    chips = [each.text for each in page.chrome.find_elements("css selector", ".chip") if each.is_displayed()]
    assert chips == ["all 1", "accepted 0", "rejected 1", "undecided 0", "error 1", "timeout 0"]
    assert "46 proofs" in page.text(".plots figure:last-child")
    assert "whole batch" in page.text(".plots figure:last-child")
    page.chrome.find_element("link text", "First error").click()
    page.await_text("Proof 41\nwrong-1", "h1")

    page.open(f"batches/{mixed}?show=accepted")
    page.await_text("accepted 40", "search")
    first = page.find(".tools .button")
    assert (first.text, first.get_attribute("aria-disabled")) == ("First error", "true"), "no accepted proof has one"
    assert first.get_attribute("href") is None
    assert "Download all 46 as JSONL" in page.text(".tools"), "whatever the filter"


def test_problems_are_listed_in_their_natural_order(page: Page, farm: RunningFarm) -> None:
    proofs = [{"problem": f"problem_{at}", "code": f"{TRUE} -- natural {at}"} for at in (10, 2, 1)]
    page.open(f"batches/{finish(farm, submit(farm, proofs))}?group=problem")

    await_true(lambda: page.texts(".rows .row a") == ["problem_1", "problem_2", "problem_10"], "numbers in their order")


def test_a_filter_is_part_of_the_address(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?show=rejected&text=gap")

    await_true(lambda: sorted(page.texts(".rows .row a")) == ["gap-0", "gap-1"], "two rows")
