"""Batches in Chromium: the list, one batch with its proofs, over a whole farm with the scripted REPL."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from farm.keys import Scope, create_key
from tests.browser.page import Page
from tests.browser.proofs import TRUE, finish, submit
from tests.security.service.conftest import api_process
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system


def test_a_label_stands_before_the_id_and_the_tags_after_it(page: Page, farm: RunningFarm) -> None:
    with farm.client() as client:
        batch = client.submit([TRUE], label="night <b>run</b>", tags=["nightly", "minif2f"]).id

    page.open("batches")

    page.await_text("night <b>run</b>")
    assert page.find(f"a[href='#/batches/{batch}']").text == f"night <b>run</b>\n{batch}"
    page.await_text(f"{batch}\nnightly minif2f", "tbody th")
    page.find(f"a[href='#/batches/{batch}']").click()
    page.await_text("tags nightly minif2f", ".facts")


def test_without_a_label_the_first_problem_names_a_batch(page: Page, farm: RunningFarm) -> None:
    batch = submit(farm, [{"code": TRUE, "id": "attempt-0", "problem": "aime_1983_p1"}])
    page.open("batches")
    page.await_text(batch)

    assert page.find(f"a[href='#/batches/{batch}']").text == f"aime_1983_p1\n{batch}"
    page.find(f"a[href='#/batches/{batch}']").click()
    page.await_text(f"aime_1983_p1\n{batch}", "h1")
    page.await_text("1 proof: median", ".plots")


def test_batches_are_sorted_by_the_heads_of_columns(page: Page, farm: RunningFarm) -> None:
    for label in ("sorted 10", "sorted 9"):
        submit(farm, [{"code": TRUE}], label=label)
    page.open("batches")
    page.await_text("sorted 9")
    page.find(".batches th button").click()

    def sorted_ones() -> list[str]:
        return [text.split("\n")[0] for text in page.texts(".batches th[scope=row]") if text.startswith("sorted")]

    await_true(lambda: sorted_ones() == ["sorted 9", "sorted 10"], "numbers in their order")
    assert page.find(".batches th[aria-sort]").get_attribute("aria-sort") == "ascending"
    page.find(".batches th button").click()
    await_true(lambda: sorted_ones() == ["sorted 10", "sorted 9"], "the other way round")
    assert page.address() == "#/batches?sort=-name"
    page.find(".batches th button").click()
    await_true(lambda: page.address() == "#/batches", "the newest first again")


def test_the_way_back_names_the_batch_and_the_filter(page: Page, farm: RunningFarm) -> None:
    proof = {"code": TRUE, "id": "problem_23/0", "problem": "problem_23"}
    batch = finish(farm, submit(farm, [proof], label="step 1200"))
    page.open(f"batches/{batch}/0?text=problem_23")

    await_true(lambda: page.texts(".trail a") == ["Batches", "step 1200", "problem_23"], "the way back")
    page.await_text("All attempts at problem_23")
    page.chrome.find_element("link text", "All attempts at problem_23").click()
    page.await_text("only problem_23 ✕", "search")


def test_names_can_be_read_on_a_narrow_screen(page: Page, farm: RunningFarm) -> None:
    page.look(390, "light")
    batch = finish(farm, submit(farm, [{"id": "aime_1983_p1/12", "code": TRUE}]))
    page.open(f"batches/{batch}")
    await_true(lambda: page.texts(".rows .row a"), "the proof")

    assert page.run(
        "const e = document.querySelector('.rows .row > :nth-child(2)'); return e.scrollWidth <= e.clientWidth"
    )


def test_the_first_error_is_one_click_away(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}")
    page.await_text("all 46", "search")
    page.chrome.find_element("link text", "First error").click()

    page.await_text("Proof 40\nwrong-0", "h1")


def hint(page: Page) -> bool:
    """Whether the foot of the page names the key of the filter."""
    return bool(page.run("return document.querySelector('.filter-hint').checkVisibility()"))


def test_a_click_on_a_row_opens_it_unless_text_is_being_marked(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?show=timeout")
    await_true(lambda: page.texts(".rows .row a") == ["endless"], "the row")
    page.run("getSelection().selectAllChildren(document.querySelector('.rows .two-lines'))")
    page.run("document.querySelector('.rows .two-lines').click()")
    assert page.address() == f"#/batches/{mixed}?show=timeout", "the text was marked, to be copied"
    page.find(".rows .badge").click()

    page.await_text("Proof 45", "h1")
    page.press(Keys.ESCAPE)
    await_true(lambda: page.focused() == "endless", "the row it was opened from")


def test_two_lines_of_a_message_can_be_read_in_its_row(page: Page, farm: RunningFarm) -> None:
    code = f"theorem long : {'1 + ' * 40}1 = 3 := by decide"
    page.open(f"batches/{finish(farm, submit(farm, [{'code': code}]))}")
    await_true(lambda: page.texts(".rows .row"), "the row")

    script = """
      const text = document.querySelector('.rows .two-lines');
      return [text.getClientRects()[0].height, text.closest('.row').clientHeight, text.title];
    """
    text, row, title = page.run(script)
    assert (text, row) == (30, 33), "two lines of 15 pixels, in a row as high as every other"
    assert "1 + 1 + 1" in title


TAKEN_OVER = """
const ask = window.fetch;
window.fetch = async (...of) => {
  const reply = await ask(...of);
  if (!String(of[0]).includes("/results")) return reply;
  const told = (await reply.text()).replace(/("index":[0-9],.*?)"cached":false/g, '$1"cached":true');
  return new Response(told, { status: reply.status, headers: reply.headers });
};
"""


def test_a_list_says_which_proofs_did_not_run(page: Page, mixed: str) -> None:
    """The tests' farm keeps no verdicts, so ten verdicts of runs are told as earlier ones on their way to the page."""
    added = page.chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": TAKEN_OVER})
    assert added
    page.open(f"batches/{mixed}?sort=index")
    page.await_text("all 46", "search")

    assert ["(earlier)" in row for row in page.rows()[:12]] == [True] * 10 + [False] * 2
    assert "46 verdicts, 10 from earlier runs" in page.text(".facts")
    await_true(lambda: "36 proofs" in page.text(".plots figure:nth-last-child(2)"), "the times of what ran")
    assert "without the 10 from earlier runs" in page.text(".plots figure:nth-last-child(2)")
    assert "46 proofs" in page.text(".plots figure:last-child"), "all of them waited"


def test_the_list_says_what_timed_out(page: Page, mixed: str) -> None:
    page.open("batches")
    page.await_text(mixed)
    [row] = [each for each in page.chrome.find_elements("css selector", ".batches tbody tr") if mixed in each.text]

    assert "40 accepted, 5 rejected, 1 undecided" in row.text
    assert "3 errors, 2 sorry, 1 timeout" in row.text
    links = {each.text: (each.get_attribute("href") or "") for each in row.find_elements("css selector", ".counts a")}
    assert links["40 accepted"].endswith(f"#/batches/{mixed}?show=accepted")
    assert not hint(page), "there is no filter here"
    row.find_element("link text", "1 timeout").click()
    await_true(lambda: page.texts(".rows .row a") == ["endless"], "the proof that timed out")
    assert "limit 1 s each" in page.text()
    assert hint(page)


def test_the_counts_of_a_batch_lead_to_its_proofs(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}")
    page.await_text("all 46", "search")
    page.chrome.find_element("link text", "1 undecided").click()

    await_true(lambda: page.texts(".rows .row a") == ["endless"], "the one")


def test_the_first_error_is_the_first_cause(page: Page, mixed: str) -> None:
    """Lean's complaint that it cannot evaluate a wrong text comes before the fault, but is its consequence."""
    page.open(f"batches/{mixed}/40")
    page.await_text("First error", ".verdict")
    said = [
        ("cannot evaluate code because it uses 'sorry' and/or contains errors", 4, 0),
        ("unsolved goals", 9, 2),
        ("unknown identifier 'repeat'", 4, 27),
    ]
    messages = [{"severity": "error", "data": data, "pos": {"line": n, "column": at}} for data, n, at in said]
    script = """
      const [verdict, done] = arguments;
      import(new URL("console/assets/messages.js", location.origin)).then(
        (found) => done([found.firstError(verdict).data, found.firstWrong(verdict).data]));
    """
    assert page.chrome.execute_async_script(script, {"messages": messages, "sorries": []}) == [said[2][0]] * 2
    only = {"messages": messages[:1], "sorries": []}
    assert page.chrome.execute_async_script(script, only) == [said[0][0]] * 2, "without another, it is the first"


def test_a_proof_that_did_not_run_says_whose_run_it_shows(page: Page, mixed: str) -> None:
    """The tests' farm keeps no verdicts, so this is the verdict of a run, told as an earlier one."""
    page.open(f"batches/{mixed}/0")
    page.await_text("Attempts\n1\n", ".verdict dl")
    script = """
      const [path, done] = arguments;
      const of = (name) => import(new URL(`console/assets/${name}`, location.origin));
      const read = fetch(path).then((reply) => reply.json());
      Promise.all([of("verdict.js"), read]).then(([{ judged }, { proof, verdict }]) => {
        const [panel] = judged({ ...verdict, cached: true, attempts: 0 }, proof.code);
        document.getElementById("main").replaceChildren(panel);
        done(panel.querySelector("dl").innerText);
      });
    """
    facts = page.chrome.execute_async_script(script, f"/v1/batches/{mixed}/items/0")

    assert "none: answered by the verdict of an earlier run" in facts
    assert "s, in the earlier run" in facts


def test_coming_back_from_a_proof_keeps_the_place(page: Page, farm: RunningFarm) -> None:
    batch = finish(farm, submit(farm, [{"code": f"{TRUE} -- {i}"} for i in range(200)]))
    page.open(f"batches/{batch}?sort=index")
    page.await_text("all 200", "search")

    def is_at_the_middle() -> bool:
        page.run("document.querySelector('.view').scrollTop = 34 * 120")
        return "125" in page.texts(".rows .row a")

    await_true(is_at_the_middle, "the middle")
    page.chrome.find_element("link text", "125").click()
    page.await_text("accepted", ".verdict")
    page.press(Keys.ESCAPE)

    await_true(lambda: page.focused() == "125", "the proof they came from")
    assert page.run("return document.querySelector('.view').scrollTop") == 34 * 120


def test_a_farm_without_batches_says_how_to_begin(page: Page, farm: RunningFarm, tmp_path: Path) -> None:
    key = create_key(tmp_path / "keys", "new", frozenset(Scope))
    with api_process(farm.redis_url, API_KEYS_FILE=str(tmp_path / "keys")) as page.url:
        page.open("batches")
        page.await_text("This farm asks for a key", "dialog[open]")
        page.find("#key-text").send_keys(key, Keys.ENTER)

        page.await_text("No batch yet", ".empty")
        assert f"FARM_URL={page.url}" in page.text(".empty")
        assert not page.find("table").is_displayed(), "a table of nothing"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_a_batch_explains_its_level(page: Page, mixed: str, width: int, scheme: str) -> None:
    page.look(width, scheme)
    page.open(f"batches/{mixed}")
    page.await_text("compiled · submitted", ".facts")
    page.run("document.querySelector('.facts .term').focus({ focusVisible: true })")

    page.await_text("checked (what was proved is the statement that was asked for", ".facts [role=tooltip]")
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_batch_that_is_not_there_is_said_to_be(page: Page) -> None:
    page.open("batches/nope")

    page.await_text("Nothing here", "[role=alert]:not([hidden])")
