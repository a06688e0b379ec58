"""Scrolling through 100 000 proofs in Chromium: what a frame costs the page's main thread, beside the 20 ms of 50 Hz.

    make setup && .venv/bin/python -m pytest tests/bench/test_scrolling.py -m bench -s

Chromium counts the CPU time of the thread, to which other work on the machine adds nothing. The time between frames,
beside it, does depend on other work.
"""

from __future__ import annotations

import statistics

import pytest

from tests.browser.conftest import chrome, page  # noqa: F401 - fixtures
from tests.browser.page import Page
from tests.browser.proofs import submit_many
from tests.support.running import RunningFarm

PROOFS = 100_000
FRAMES = 300
BUDGET_MS = 20
ROW_PX = 34
# How far a frame scrolls: as a wheel turns slowly, a screenful, and through all proofs in five seconds.
PACES = {"three rows": 3 * ROW_PX, "a screenful": 560, "through all": PROOFS * ROW_PX // FRAMES}
PARTS = {"script": "ScriptDuration", "style": "RecalcStyleDuration", "layout": "LayoutDuration", "all": "TaskDuration"}
SCROLL = """
const [frames, step, done] = arguments;
const view = document.querySelector(".view");
view.scrollTop = 0;
const gaps_ms = [];
let last = performance.now();
const frame = () => {
  const now = performance.now();
  gaps_ms.push(now - last);
  last = now;
  if (gaps_ms.length > frames) return done(gaps_ms.slice(1));
  view.scrollTop += step;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""


def spent_s(page: Page) -> dict[str, float]:  # noqa: F811
    found = page.chrome.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    values = {each["name"]: each["value"] for each in found}
    return {name: values[metric] for name, metric in PARTS.items()}


def scroll(page: Page, step_px: int) -> tuple[dict[str, float], list[float]]:  # noqa: F811
    """Return the CPU milliseconds of a frame by part, and the milliseconds between frames."""
    before = spent_s(page)
    gaps_ms: list[float] = page.chrome.execute_async_script(SCROLL, FRAMES, step_px)
    return {part: 1000 * (now - before[part]) / FRAMES for part, now in spent_s(page).items()}, gaps_ms


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_cost_of_a_frame(page: Page, farm: RunningFarm) -> None:  # noqa: F811
    page.chrome.set_script_timeout(120)
    page.chrome.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    batch = submit_many(farm, PROOFS)
    for order in ("", "?sort=name"):
        page.open(f"batches/{batch}{order}")
        page.await_text(f"all {PROOFS:,}", "search", 100)
        for pace, step_px in PACES.items():
            cost_ms, gaps_ms = scroll(page, step_px)
            parts = ", ".join(f"{part} {value:.2f}" for part, value in cost_ms.items())
            gaps = f"between frames: median {statistics.median(gaps_ms):.1f}, p95 {sorted(gaps_ms)[-FRAMES // 20]:.1f}"
            print(f"\n{order or 'as they came':13} {pace:12} CPU ms a frame: {parts} of {BUDGET_MS}; {gaps} ms", end="")
