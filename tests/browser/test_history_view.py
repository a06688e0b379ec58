"""The view of the last hours: what happened is read off charts, and a minute without a sample is no minute of zeros."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from farm.models import Minute
from farm.store.registry import set_draining
from tests.browser.page import Page
from tests.support.minutes import fill
from tests.support.open_store import open_store
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system

CHARTS = [
    "Verdicts",
    "Proofs in the farm",
    "Time a proof waited",
    "Time a proof ran",
    "Memory",
    "Restarts of REPLs",
    "Processes",
    "Premise queries",
]
ENDS = "return [...document.querySelectorAll('.over-time:first-of-type text')].map((e) => e.textContent)"
WIDTHS = "return [...document.querySelectorAll('.over-time:first-of-type .gap')].map((e) => +e.getAttribute('width'))"
LABELS = "return [...document.querySelectorAll('.over-time svg')].map((e) => e.getAttribute('aria-label'))"
BUSY = Minute(
    at=0,
    verdicts={"accepted": 40, "error": 8, "timeout": 2, "answered": 3},
    pending=120,
    leased=2,
    queue_p50_s=1.5,
    queue_p95_s=4.0,
    run_p50_s=0.25,
    run_p95_s=2.0,
    queue_counts={"2": 47, "30": 3},
    run_counts={"0.5": 48, "2": 1, "+Inf": 1},
    retrievals=7,
    processes={"lean": 2, "embed": 1, "premises": 1},
    failed={"lean": 1},
    restarts={"died": 1, "deadline": 2},
    memory_mb=900.0,
)


@pytest.fixture(scope="module")
def day(farm: RunningFarm) -> None:
    """Two hours with twenty minutes of which nothing is known, a short drain; before, two minutes without Lean."""
    store = open_store(farm.redis_url)
    set_draining(store, True)
    set_draining(store, False)
    store.close()
    quiet = BUSY.model_copy(update={"verdicts": {}, "run_counts": {}, "restarts": {}})
    known = {ago: quiet if ago > 40 else BUSY for ago in range(120) if not 10 <= ago < 30}
    known[1] = BUSY.model_copy(update={"run_counts": {"60": 1}})
    healthy = Minute(at=0, processes={"lean": 8})
    broken = healthy.model_copy(update={"failed": {"lean": 8}})
    # In six hours a column has six minutes: the two broken ones are in two columns, and at most one is a first minute.
    known |= {ago: broken if ago in (219, 230) else healthy for ago in range(200, 250)}
    fill(farm, known)


@pytest.mark.usefixtures("day")
def test_the_last_hour_is_read_off_charts(page: Page) -> None:
    page.open("history")
    await_true(lambda: page.texts(".over-time b") == CHARTS, "the charts")

    assert "nothing is known of 2" in page.text("[role=status]"), "20 minutes, or 21 if one has ended since"
    assert "The farm began to drain" in page.text("main table")
    assert page.run("return document.querySelectorAll('.over-time .event').length") >= 2 * len(CHARTS)
    grey = page.run(WIDTHS)
    assert max(grey) >= 20 * 320 / 60 - 1
    labels = page.run(LABELS)
    assert labels[0] == "Verdicts: at most 50 a minute"
    assert labels[1] == "Proofs in the farm: at most 122 at the end of a minute"
    assert labels[2] == "Time a proof waited: 95 % within 10 to 30 s, where it was longest"
    assert labels[6] == "Processes: at most 4 at the end of a minute"
    narrow = page.texts(".over-time .curve:not(.wide)")
    assert len(page.texts(".over-time .wide")) == len(narrow) - 2, "only memory has one line"
    page.picture("history")


@pytest.mark.usefixtures("day")
def test_a_moment_is_found_by_keyboard(page: Page) -> None:
    page.open("history")
    await_true(lambda: page.texts(".over-time b") == CHARTS, "the charts")
    page.find("#moment").send_keys(Keys.HOME)
    assert "no verdicts" in page.text("output")
    page.find("#moment").send_keys(*[Keys.ARROW_RIGHT] * 40)

    assert "nothing is known; no sample was taken" in page.text("output")
    assert "accepted –" in page.text(".over-time:first-of-type .legend"), "unknown, and not 0"
    page.find("#moment").send_keys(*[Keys.ARROW_LEFT] * 14)
    said = page.text("output")
    assert "accepted 40, error 8, answered 3, timeout 2; restarts: out of time 2, ended by itself 1" in said
    assert re.match(r"(\S+ )?\d\d:\d\d to (\S+ )?\d\d:\d\d: ", said), "a column has a beginning and an end"
    assert page.text(".over-time:first-of-type .legend") == "accepted 40 · rejected 8 · undecided 2"
    assert "Lean 1 · other 2 · failed 1" in page.texts(".over-time .legend"), "alive, but no help"
    assert page.run("return document.activeElement.getAttribute('aria-valuetext')") == page.text("output")


@pytest.mark.usefixtures("day")
def test_the_pointer_finds_a_moment_too(page: Page) -> None:
    page.open("history")
    await_true(lambda: page.texts(".over-time b") == CHARTS, "the charts")

    def point(drawing: WebElement) -> None:
        left = -drawing.size["width"] // 2 + 2
        ActionChains(page.chrome).move_to_element_with_offset(drawing, left, 0).perform()

    page.find(".over-time svg").use(point)

    assert page.run("return document.getElementById('moment').value") == "0"


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("hours", [1, 6, 24])
def test_a_longer_time_is_one_press_away(page: Page, hours: int) -> None:
    page.open("history")
    await_true(lambda: page.texts(".over-time b") == CHARTS, "the charts")
    page.run("document.querySelector(arguments[0]).focus()", f"a[href='#/history?hours={hours}']")
    page.press(Keys.ENTER)
    await_true(lambda: page.texts("main .tools [aria-current]") == [f"{hours} h"], "the other time")
    # For one hour, the view that is left has the same link and the same charts until the new one takes its place.
    await_true(lambda: page.run("return document.querySelectorAll('.over-time .curve').length") > 4, "its curves")

    assert page.texts(".over-time b") == CHARTS
    if hours > 1:
        assert f"of the last {hours} h" in page.text("[role=status]")
        assert page.run(LABELS)[0].endswith(f"a minute, on average over {hours} min")
        ends = page.run(ENDS)
        assert hours == 6 or len(set(ends)) == 2, "the ends of a day have their dates"
        if hours == 24:
            ran = page.texts(".over-time .legend")[3]
            assert ran == "95 % within 0.1 to 0.5 s · half within 0.1 to 0.5 s", "one slow proof of hundreds"
        wide = 320 / (60 * hours)
        grey = page.run(WIDTHS)
        assert any(abs(width - 20 * wide) < 1.5 * wide for width in grey), "the gap is as long as it was"


EACH_MOMENT = """
const moment = document.getElementById("moment");
return [...Array(60).keys()].map((column) => {
  moment.value = column;
  moment.dispatchEvent(new Event("input"));
  return document.querySelectorAll(".over-time .legend")[6].innerText;
});
"""


@pytest.mark.usefixtures("day")
def test_a_healthy_minute_hides_no_failure_in_its_column(page: Page) -> None:
    page.open("history?hours=6")
    await_true(lambda: page.texts(".over-time b") == CHARTS, "the charts")

    assert page.run(EACH_MOMENT).count("Lean 0 · other 0 · failed 8") == 2
    assert page.run(LABELS)[6] == "Processes: at most 8 at the end of a minute"


def test_an_idle_farm_is_not_an_unknown_one(page: Page, farm: RunningFarm) -> None:
    fill(farm, {ago: Minute(at=0, processes={"lean": 1}) for ago in range(60)})
    page.open("history")
    await_true(lambda: page.texts(".over-time b") == CHARTS, "the charts")

    assert page.run(LABELS)[2:4] == ["Time a proof waited: no wait was counted", "Time a proof ran: no run was counted"]
