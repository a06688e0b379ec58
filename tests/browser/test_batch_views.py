"""Batches in Chromium: the list, one batch with its proofs, over a whole farm with the scripted REPL."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from pyarrow import parquet
from selenium.webdriver.common.keys import Keys

from farm.keys import Scope, create_key
from tests.browser.page import Page
from tests.browser.proofs import ENDLESS, FALSE, GAP, TRUE, finish, submit
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


def test_the_way_back_names_the_batch_and_the_filter(page: Page, farm: RunningFarm) -> None:
    proof = {"code": TRUE, "id": "problem_23/0", "problem": "problem_23"}
    batch = finish(farm, submit(farm, [proof], label="step 1200"))
    page.open(f"batches/{batch}/0?text=problem_23")

    await_true(lambda: page.texts(".trail a") == ["Batches", "step 1200", "problem_23"], "the way back")
    page.await_text("All attempts at problem_23")
    page.chrome.find_element("link text", "All attempts at problem_23").click()
    page.await_text("only problem_23 ✕", "search")


def test_an_outcome_that_does_not_exist_shows_all(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?show=banana")
    page.await_text("all 46", "search")

    assert "No verdict is called “banana”: all are listed." in page.text("search")
    assert len(page.texts(".rows .row")) > 5
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
    assert [" ".join(row.split("\n")) for row in page.texts(".rows .row")] == [
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

    rows = page.texts(".rows .row")
    assert ["(earlier)" in row for row in rows[:12]] == [True] * 10 + [False] * 2
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


def test_problems_are_listed_in_their_natural_order(page: Page, farm: RunningFarm) -> None:
    proofs = [{"problem": f"problem_{at}", "code": f"{TRUE} -- natural {at}"} for at in (10, 2, 1)]
    page.open(f"batches/{finish(farm, submit(farm, proofs))}?group=problem")

    await_true(lambda: page.texts(".rows .row a") == ["problem_1", "problem_2", "problem_10"], "numbers in their order")


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


def download(page: Page, form: str, batch: str, folder: Path, name: str = "") -> Path:
    """Press a batch's button for a file of this form, and return the file; it has the batch's id for a name."""
    where = {"behavior": "allow", "downloadPath": str(folder)}
    page.chrome.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    page.open(f"batches/{batch}")
    page.await_text(f"as {form}", ".tools")
    await_true(lambda: page.texts(".state"), "the state")
    [button] = [each for each in page.chrome.find_elements("css selector", ".tools button") if form in each.text]
    button.click()
    path = folder / f"{name or batch}.{form.lower()}"
    await_true(path.exists, "the file")
    return path


def test_a_batch_is_downloaded_as_lines(page: Page, mixed: str, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in download(page, "JSONL", mixed, tmp_path).read_text().splitlines()]

    assert [row["index"] for row in rows] == list(range(46))
    assert (rows[45]["reason"], rows[45]["batch"]) == ("timeout", mixed)


def test_a_batch_is_downloaded_as_parquet(page: Page, mixed: str, tmp_path: Path) -> None:
    rows = parquet.read_table(download(page, "Parquet", mixed, tmp_path)).to_pylist()

    assert [row["index"] for row in rows] == list(range(46))
    assert (rows[45]["reason"], rows[45]["batch"]) == ("timeout", mixed)
    page.await_text("Download all 46 as Parquet", ".tools")


def test_a_file_begins_with_the_label_of_its_batch(page: Page, farm: RunningFarm, tmp_path: Path) -> None:
    batch = finish(farm, submit(farm, [{"code": TRUE}], label="../prover 7b: step 1200"))

    download(page, "JSONL", batch, tmp_path, f"prover_7b_step_1200_{batch[:8]}")


def test_what_is_undecided_runs_again(page: Page, mixed: str, farm: RunningFarm) -> None:
    page.open(f"batches/{mixed}")
    page.await_text("Rerun 1 undecided", ".tools")
    [button] = [each for each in page.chrome.find_elements("css selector", ".tools button") if "Rerun" in each.text]
    button.click()

    page.await_text("runs again what was undecided in an earlier batch")
    page.await_text("undecided 1", "search")
    again = page.address().rpartition("/")[2]
    assert httpx.get(f"{farm.url}/v1/batches/{again}").json()["parent"] == mixed


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


def test_a_filter_is_part_of_the_address(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}?show=rejected&text=gap")

    await_true(lambda: sorted(page.texts(".rows .row a")) == ["gap-0", "gap-1"], "two rows")


def test_a_batch_that_is_not_there_is_said_to_be(page: Page) -> None:
    page.open("batches/nope")

    page.await_text("Nothing here", "[role=alert]:not([hidden])")


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
