"""One proof in Chromium: its text, what was said of it and where, over a whole farm with the scripted REPL."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.page import Page
from tests.browser.proofs import FALSE, TRUE, finish, submit
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system


def test_what_lean_said_is_underlined_where_it_said_it(page: Page, farm: RunningFarm) -> None:
    """Columns count characters: 𝔸 is one to Lean and two to JavaScript."""
    code = f"{TRUE}\n/- 𝔸𝔸𝔸 -/ {FALSE}"
    batch = submit(farm, [{"code": code}])
    page.open(f"batches/{batch}/0")

    page.await_text("error at line 2", ".source")
    assert page.texts("mark") == ["decide"]
    assert page.texts(".number") == ["1", "2"]


def test_a_sorry_shows_the_goal_that_is_left(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}/43")

    page.await_text("Goal left open", ".source")
    assert "First sorry: line 1" in page.text(".verdict .first")
    assert "⊢ a + b = b + a" in page.text(".said.sorry")
    await_true(lambda: page.texts("mark .lean-doubted") == ["sorry"], "its colour")


def test_the_first_error_of_a_long_text_is_in_the_card_and_in_view(page: Page, farm: RunningFarm) -> None:
    code = "-- filler\n" * 20_000 + FALSE
    batch = finish(farm, submit(farm, [{"code": code}], timeout_s=30))
    page.open(f"batches/{batch}/0")

    page.await_text("First error: line 20001, column 32", ".verdict .first")
    assert "is false" in page.text(".verdict .first")
    inside = """
      const place = (selector) => document.querySelector(selector).getBoundingClientRect();
      const [box, line] = [place(".source .code"), place(".source .placed .line")];
      return box.top <= line.top && line.bottom <= Math.min(box.bottom, innerHeight);
    """
    await_true(lambda: page.run(inside), "the line with the error is in view")
    page.press_button("Earlier lines")
    await_true(lambda: "Lines 17,801 to 19,800 of 20,001" in page.text(".parts"), "the part before")
    page.find(".first button").click()
    await_true(lambda: page.run(inside), "back at the error")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_of_a_megabyte_of_messages_the_page_shows_a_quarter_and_downloads_all(
    page: Page, farm: RunningFarm, tmp_path: Path, width: int, scheme: str
) -> None:
    page.look(width, scheme)
    batch = finish(farm, submit(farm, [{"code": f"{TRUE} -- big:900000"}, {"code": FALSE}], timeout_s=30))
    page.open(f"batches/{batch}/0")
    page.await_text("This page shows the first 256 kB", ".verdict .rest")

    page.press_button("Show all 262,145 characters")
    assert page.run("return document.body.textContent.match(/a{1000,}…/)[0].length") == (256 << 10) + 1
    assert page.violations() == []
    page.download_to(tmp_path)
    page.press_button("Download all messages")
    whole = tmp_path / "proof_0_messages.txt"
    await_true(whole.exists, "the file")
    assert "a" * 900_000 in whole.read_text()
    page.open(f"batches/{batch}/1")
    page.await_text("First error", ".verdict .first")
    assert page.texts(".verdict .rest") == [], "the page shows all of it"


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_an_error_below_the_window_is_brought_up(page: Page, farm: RunningFarm, width: int, scheme: str) -> None:
    page.look(width, scheme)
    page.open(f"batches/{finish(farm, submit(farm, [{'code': '-- filler' + chr(10) * 39 + FALSE}]))}/0")
    page.await_text("First error: line 40", ".verdict .first")
    page.find(".first button").click()

    row = "const { top, bottom } = document.querySelector('.placed .line').getBoundingClientRect();"
    await_true(lambda: page.run(f"{row} return 0 <= top && bottom <= innerHeight"), "line 40 in the window")


COLOURED = """\
/- theorem /- sorry -/
 still -/ theorem two : 1 + 1 = 2 := by rfl -- def
@[simp, norm_cast] def said := "a -- sorry \\" /-
-/ sorry" ++ r#"b " admit "#
#eval 'c' == '"' -- it's
example : «by sorry» := by admit
theorem three : 1 + 1 = 2 := by native_decide"""
COLOURS = {
    "comment": ["/- theorem /- sorry -/", " still -/", "-- def", "-- it's"],
    "declares": ["theorem", "def", "theorem"],
    "keyword": ["by", "@[simp, norm_cast]", "#eval", "example", "by", "by"],
    "string": ['"a -- sorry \\" /-', '-/ sorry"', 'r#"b " admit "#', "'c'", "'\"'"],
    "number": ["1", "1", "2", "1", "1", "2"],
    "doubted": ["admit", "native_decide"],
}


def test_lean_is_coloured_and_its_comments_and_strings_hide_words(page: Page, farm: RunningFarm) -> None:
    batch = finish(farm, submit(farm, [{"code": COLOURED}]))
    page.open(f"batches/{batch}/0")
    await_true(lambda: page.texts(".source .lean-doubted") == COLOURS["doubted"], "the colours of the last line")

    assert {kind: page.texts(f".source .lean-{kind}") for kind in COLOURS} == COLOURS
    assert page.texts(".source code") == COLOURED.split("\n")


def test_a_comment_that_began_above_the_shown_part_is_coloured(page: Page, farm: RunningFarm) -> None:
    code = "/-" + "\n theorem" * 2500 + f"\n-/ {FALSE}"
    page.open(f"batches/{finish(farm, submit(farm, [{'code': code}], timeout_s=30))}/0")
    await_true(lambda: page.texts(".source .placed .lean-declares") == ["theorem"], "the colours of the last line")
    assert set(page.texts(".source .lean-declares")) == {"theorem"}
    assert page.texts(".source .placed .lean-comment") == ["-/"]
    assert page.texts(".source mark") == ["decide"]
    assert len(page.texts(".source .lean-comment")) == len(page.texts(".source .line")), "all that is shown"

    page.run("[...document.querySelectorAll('.parts button')].find(e => e.innerText === 'Earlier lines').click()")
    await_true(lambda: len(page.texts(".source .lean-comment")) == 2000, "the colours of the part before")
    assert page.texts(".source .lean-declares") == []


def test_nothing_is_coloured_by_guess_below_a_line_too_long_to_read(page: Page, farm: RunningFarm) -> None:
    harmless, comment = "-- " + "a" * 5000, "/- " + "a" * 5000 + " -/"
    code = f"theorem one : 1 = 1 := by rfl\n{harmless}\n{TRUE}\n/- {comment}\ntheorem\n-/\n{TRUE}"
    page.open(f"batches/{finish(farm, submit(farm, [{'code': code}]))}/0")

    await_true(lambda: page.texts(".source .lean-declares") == ["theorem"] * 2, "the colours above the comment")
    assert page.texts(".source .lean-comment") == []


MARKED_AND_LEFT = """
const done = arguments[0];
const assets = document.querySelector("script[type=module]").src;
import(new URL("lean.js", assets)).then(({ lean }) => {
  const [marked, left, plain] = [0, 1, 2].map(() => lean(document.createElement("pre"), "theorem one : 1 = 1"));
  document.querySelector("main").append(marked, left, plain);
  getSelection().selectAllChildren(marked);
  left.remove();
  const coloured = (element) => element.querySelector("[class^=lean-]") !== null;
  new MutationObserver(() => done([[marked, left, plain].map(coloured), String(getSelection())]))
    .observe(plain, { childList: true, subtree: true });
});
"""


def test_late_colours_leave_marked_text_alone_and_end_with_the_view(page: Page) -> None:
    page.open("try")
    page.await_text("Verify")

    assert page.chrome.execute_async_script(MARKED_AND_LEFT) == [[False, False, True], "theorem one : 1 = 1"]


def test_lean_is_shown_plain_if_its_colours_do_not_arrive(page: Page, farm: RunningFarm) -> None:
    batch = finish(farm, submit(farm, [{"code": COLOURED}]))
    page.chrome.execute_cdp_cmd("Network.enable", {})
    page.chrome.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/vendor/*"]})
    page.open(f"batches/{batch}/0")
    page.await_text("What the verdict rests on", ".evidence")
    failed = "return import(new URL('console/assets/vendor/shiki-lean.js', location.origin)).then(() => '', String)"
    await_true(lambda: "Failed to fetch" in page.run(failed), "the end of the attempt to load it")

    assert page.texts(".source code") == COLOURED.split("\n")
    assert page.texts(".source [class^=lean-]") == []


def test_the_list_of_batches_does_not_load_the_colours(page: Page, mixed: str) -> None:
    loaded = "return performance.getEntriesByType('resource').filter(e => e.name.includes('/vendor/')).length"
    page.open("batches")
    page.await_text(mixed)
    assert page.run(loaded) == 0
    page.run("location.hash = arguments[0]", f"#/batches/{mixed}/40")
    await_true(lambda: page.texts(".source .lean-declares"), "colours")
    assert page.run(loaded) == 1


def test_hidden_characters_are_shown(page: Page, farm: RunningFarm) -> None:
    trick = "/- \u202e } -/ theorem two : 1 + 1 = 2 := by rfl -- a\u200bb"
    batch = finish(farm, submit(farm, [{"code": trick, "id": "na\u2066me"}]))
    page.open(f"batches/{batch}")
    page.await_text("naU+2066me", ".rows")
    page.find(".rows .row a").click()

    page.await_text("accepted", ".verdict")
    assert page.texts(".source .hidden-character") == ["U+202E", "U+200B"]
    assert page.find(".source .hidden-character").get_attribute("title") == "right-to-left override"


def test_what_repairs_a_proof_stands_at_its_error(page: Page, farm: RunningFarm) -> None:
    batch = finish(farm, submit(farm, [{"code": FALSE}], feedback=True))
    page.open(f"batches/{batch}/0")

    page.await_text("The tactic that failed", ".placed .repair")
    assert "decide" in page.text(".placed .repair")
    assert "⊢ 1 + 1 = 3" in page.text(".placed .repair .goal")
    sides = "return ['.placed .line', '.placed .said'].map(e => document.querySelector(e).getBoundingClientRect().left)"
    code, said = page.run(sides)
    assert said > code + 300, "beside the line, not below it"


def test_hypotheses_are_aligned(page: Page, farm: RunningFarm) -> None:
    code = "theorem gap (a b : Nat) (equal : a = b) : a + b = b + a := by sorry"
    page.open(f"batches/{finish(farm, submit(farm, [{'code': code}]))}/0")
    page.await_text("Goal left open", ".source")

    edges = "return [...document.querySelectorAll('.source .names')].map(e => e.getBoundingClientRect().right)"
    first, second = page.run(edges)
    assert first == second


def test_a_word_is_explained_on_focus(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}/40")
    page.await_text("What the verdict rests on", ".evidence")
    page.run("[...document.querySelectorAll('.term')].find(e => e.innerText === 'Gate').focus({ focusVisible: true })")

    page.await_text("Gate", ".term:focus")
    explained = page.run(
        "return document.getElementById(document.activeElement.getAttribute('aria-describedby')).innerText"
    )
    assert explained.startswith("Rules about the words")


WHERE = """
const [word, text] = [arguments[0], document.querySelector('[role=tooltip]:popover-open')];
const [a, b] = [word.getBoundingClientRect(), text.getBoundingClientRect()];
return { gap: Math.max(a.top - b.bottom, b.top - a.bottom), starts: a.left - b.left, ends: b.right - a.left,
  left: b.left, right: innerWidth - b.right, said: text.innerText };
"""


@pytest.mark.parametrize("width", [1280, 390])
def test_an_explanation_stands_at_its_word(page: Page, mixed: str, width: int) -> None:
    page.look(width, "light")
    page.open(f"batches/{mixed}/40")
    page.await_text("What the verdict rests on", ".evidence")
    [policy] = [each for each in page.chrome.find_elements("css selector", ".term") if each.text == "Policy"]
    ActionChains(page.chrome).scroll_to_element(policy).move_to_element(policy).perform()
    await_true(lambda: page.text("[role=tooltip]:popover-open"), "the explanation")

    place = page.run(WHERE, policy)
    assert place["said"].startswith("The version of the rules")
    assert -1 <= place["gap"] <= 1, "above or below the word, and touching it"
    assert place["starts"] >= -1, "it begins no further right than the word"
    assert place["ends"] > 0, "and reaches the word"
    assert min(place["left"], place["right"]) >= 0, "all of it is on the screen"
    assert page.violations() == []
    ActionChains(page.chrome).move_by_offset(0, -300).perform()
    await_true(lambda: not page.texts("[role=tooltip]:popover-open"), "its end")


def test_escape_closes_an_explanation_before_it_leaves_the_view(page: Page, mixed: str) -> None:
    page.open(f"batches/{mixed}/40")
    page.await_text("What the verdict rests on", ".evidence")
    page.run("document.querySelector('.evidence .term').focus()")
    await_true(lambda: page.texts("[role=tooltip]:popover-open"), "the explanation")
    page.press(Keys.ESCAPE)

    assert page.texts("[role=tooltip]:popover-open") == []
    assert page.address() == f"#/batches/{mixed}/40"


def test_a_proof_is_copied(page: Page, mixed: str) -> None:
    allowed = {"origin": page.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.chrome.execute_cdp_cmd("Browser.grantPermissions", allowed)
    page.open(f"batches/{mixed}/40")
    page.await_text("Copy source")
    page.press_button("Copy source")

    page.await_text("Copied", ".head-line")
    assert page.run("return navigator.clipboard.readText()") == FALSE


def test_markup_in_a_proof_stays_text(page: Page, farm: RunningFarm) -> None:
    evil = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>"
    batch = submit(farm, [{"id": evil, "code": f"-- {evil}\n{FALSE}"}])
    page.open(f"batches/{batch}")
    page.await_text(evil, ".rows")
    page.open(f"batches/{batch}/0")

    page.await_text(evil, ".source")
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    assert page.chrome.title == "Proof 0 · leanfarm"
