"""What axe-core, Deque's checker of accessibility, finds in each view at both widths and in both schemes: nothing."""

from __future__ import annotations

from functools import partial

import pytest

from tests.browser.page import Page
from tests.browser.proofs import FALSE, TRUE, finish, submit
from tests.support.running import RunningFarm, await_true

pytestmark = pytest.mark.system

VIEWS = {
    "batches": ".batches tbody tr",
    "batches/{mixed}": ".rows .row",
    "batches/{pairs}?group=problem": ".problems .rows .row",
    "batches/{mixed}/40": ".source .lean-keyword",
    "batches/{mixed}/43": ".source .lean-doubted",
    "compare/{pairs}/{pairs}": ".compared .rows .row",
    "workers": "tbody tr",
    "history": ".over-time svg",
    "try": "form",
}


@pytest.fixture(scope="module")
def pairs(farm: RunningFarm) -> str:
    """A batch with two attempts at each problem."""
    proofs = [{"problem": name, "code": code} for name in ("first", "second") for code in (TRUE, FALSE)]
    return finish(farm, submit(farm, proofs, label="pairs", feedback=True))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(page: Page, mixed: str, pairs: str, width: int, scheme: str) -> None:
    page.look(width, scheme)

    found = {}
    for view, sign in VIEWS.items():
        page.open(view.format(mixed=mixed, pairs=pairs))
        await_true(partial(page.texts, sign), f"{view} with its content")
        found[view] = page.violations()
        assert page.run("return document.documentElement.scrollWidth <= innerWidth"), f"{view} scrolls sideways"

    assert {view: all_ for view, all_ in found.items() if all_} == {}
