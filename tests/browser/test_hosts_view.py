"""The workers of several hosts: each host has its own group, which folds, and a strip of its last minutes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from farm.models import HostMinute, WorkerKind
from farm.store.registry import Registry
from tests.browser.page import Page
from tests.browser.workers import NO_REPL
from tests.support.minutes import fill_hosts
from tests.support.open_store import open_store
from tests.support.running import RunningFarm, await_true
from tests.support.store import cancel, put

pytestmark = pytest.mark.system

TITLES = "return [...document.querySelectorAll('[data-host=node2] .strip title')].map((e) => e.textContent)"
PLACE = "const e = document.querySelector('.sought').getBoundingClientRect(); return [e.top, e.bottom]"
MARKS = "[data-host=node3] .strip .rejected"
HEIGHTS = f"return [...document.querySelectorAll('{MARKS}')].map((e) => +e.getAttribute('height'))"
GROUPS = "return [...document.querySelectorAll('tbody[data-host]')].map((e) => [e.dataset.host, e.rows.length - 1])"


@pytest.fixture
def elsewhere(farm: RunningFarm) -> Iterator[list[str]]:
    """Two further hosts, of which node2 has done something in the last minutes."""
    store = open_store(farm.redis_url)
    processes = {f"{host}:7.1": Registry(store, WorkerKind.EMBED, f"{host}:7.1") for host in ("node10", "node2")}
    for name, registry in processes.items():
        registry.beat(host=name.partition(":")[0], pid=7, state="busy", memory_mb=100)
        # One sign of life is to last for the whole test.
        store.persist(f"farm:worker:{name}")
        store.zadd("farm:workers", {name: "+inf"})
    work = HostMinute(processes=1, busy=1, proofs=40, restarts=2)
    fill_hosts(farm, {ago: {"node2": work} for ago in range(30) if not 5 <= ago < 10})
    yield ["node2", "node10"]
    for registry in processes.values():
        registry.leave()
    store.close()


def test_workers_are_grouped_by_host_with_a_strip(page: Page, elsewhere: list[str]) -> None:
    here = socket.gethostname()
    page.open("workers")
    await_true(lambda: page.run(GROUPS), "the hosts")
    groups = dict(page.run(GROUPS))

    assert {here, *elsewhere} == set(groups)
    assert [host for host in groups if host in elsewhere] == elsewhere, "node2 comes before node10"
    assert groups[here] == 4
    assert groups["node2"] == 1
    assert "1 process, 1 busy, 100 MB" in page.text("[data-host=node2]")
    words = page.find("[data-host=node2] .strip").get_attribute("aria-label") or ""
    assert "REPL restarts" in words
    legend = page.text("[data-host=node2] .host")
    assert "■ 5 min unknown" in legend or "■ 6 min unknown" in legend
    assert words.removeprefix("last 30 min: ") in legend.replace("■ ", "")
    titles = page.run(TITLES)
    assert titles.count("12 minutes ago: 40 proofs run, 2 REPL restarts") == 1
    assert titles.count("9 minutes ago: 1 min unknown") == 1
    assert "5 min unknown" in words or "6 min unknown" in words
    assert page.run("return document.querySelectorAll('[data-host=node2] .gap').length") in (5, 6)
    page.picture("workers")


@pytest.mark.usefixtures("broken")
def test_an_alarm_leads_to_the_worker_that_failed(page: Page) -> None:
    page.chrome.set_window_size(1200, 500)
    page.open("workers")
    page.await_text("1 worker failed: default on node3", "#alarms")
    await_true(lambda: page.run(GROUPS), "the hosts")
    assert page.run(GROUPS)[0] == ["node3", 1], "the host that needs help is the first"
    assert page.texts(".sought") == []
    link = "#alarms a[href='#/workers?kind=lean&state=failed&environment=default']"
    for _ in range(2):
        page.find(link).click()
        await_true(lambda: page.texts(".sought th") == ["lean 8"], "the marked row")
        place = page.run(PLACE)
        assert 0 <= place[0] < place[1] <= page.run("return innerHeight")
    page.picture("sought-worker")


@pytest.mark.usefixtures("broken")
def test_a_failed_process_does_not_look_like_failed_proofs(page: Page, farm: RunningFarm) -> None:
    fill_hosts(farm, {ago: {"node3": HostMinute(processes=2, failed=1, proofs=125)} for ago in range(30)})
    page.open("workers")
    await_true(lambda: "30 min with a failed process" in page.text("[data-host=node3] .host"), "the legend")

    drawn = page.run(HEIGHTS)
    assert set(drawn) == {3}, "a mark below the bars"
    assert page.run("return document.querySelectorAll('[data-host=node3] .strip .one').length") >= 29, "125 proofs each"


def test_a_long_notice_of_a_healthy_worker_is_folded(page: Page) -> None:
    page.open("workers")
    await_true(lambda: "Premise retrieval is lexical" in page.texts("td.words details"), "the folded notice")
    page.find("td.words summary").click()
    page.run("window.seen = document.querySelector('td.words summary')")
    await_true(lambda: page.run("return !window.seen.isConnected"), "the next look")

    assert "pip install 'leanfarm[embed]'" in page.texts("td.words code"), "it stays open"
    assert page.focused() == "Premise retrieval is lexical"


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_worker_that_cannot_work_is_seen_with_its_reason(page: Page, width: int, scheme: str) -> None:
    page.look(width, scheme)
    page.open("workers")
    page.await_text("1 Lean process of environment default on node3 cannot work", "#alarms")
    page.await_text("failed", "[data-host=node3] .broken")

    assert "farm doctor" in page.text("#alarms")
    assert "1 process, 0 busy, 1 failed" in page.text("[data-host=node3] .host")
    assert "1 failed" in page.text("main table"), "the queue says who works for it"
    row = page.text("[data-host=node3] .broken")
    assert "default" in row
    sight = (
        "const e = document.querySelector(arguments[0]).getBoundingClientRect(); return [e.left, innerWidth-e.right]"
    )
    for part in ("th", "td[data-name=State]", "td.words"):
        assert min(page.run(sight, f"[data-host=node3] .broken {part}")) >= 0, f"{part} is seen without a swipe"
    assert NO_REPL.replace("`", "") in row
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.run("document.querySelector('[data-host=node3]').scrollIntoView()")
    page.picture(f"failed-worker-{width}-{scheme}")

    page.run("document.querySelector('[data-host=node3] button').click()")
    await_true(lambda: not page.texts("[data-host=node3] .broken"), "the folded host")
    assert "1 failed ({})".format(NO_REPL.replace("`", "")) in page.text("[data-host=node3] .host")


def test_a_host_folds_by_keyboard_and_stays_folded(page: Page, elsewhere: list[str]) -> None:
    page.open("workers")
    await_true(lambda: page.run(GROUPS), "the hosts")
    page.run("document.querySelector('[data-host=node2] button').focus()")
    page.press(Keys.ENTER)

    await_true(lambda: dict(page.run(GROUPS))["node2"] == 0, "the folded host")
    assert page.find("[data-host=node2] button").get_attribute("aria-expanded") == "false"
    assert page.focused() == "▸ node2"
    page.run("window.seen = document.querySelector('[data-host=node2]')")
    await_true(lambda: page.run("return !window.seen.isConnected"), "the next look")
    assert dict(page.run(GROUPS))["node2"] == 0
    assert page.focused() == "▸ node2", "the next look leaves the focus where it was"


def test_a_notice_is_seen_on_a_narrow_screen(page: Page) -> None:
    page.look(390, "dark")
    page.open("workers")
    await_true(lambda: any("Premise retrieval is lexical" in text for text in page.texts("td.words")), "the notice")

    right = "return Math.max(...[...document.querySelectorAll('td.words')].map((e) => e.getBoundingClientRect().right))"
    assert page.run(right) <= 390


@pytest.fixture
def unserved(farm: RunningFarm) -> Iterator[None]:
    """Three proofs that wait in an environment without a worker."""
    store = open_store(farm.redis_url)
    store.zadd("farm:environments", {"mathlib": "+inf"})
    batch = put(farm.redis_url, 3, environment="mathlib", owner="unserved")
    yield
    cancel(farm.redis_url, batch, owner="unserved")
    store.zrem("farm:environments", "mathlib")
    await_true(lambda: store.hget("farm:counts:mathlib", "pending") in (None, b"0"), "the reaper sweeps them")
    store.delete("farm:counts:mathlib")
    store.close()


def test_idle_workers_say_that_nothing_waits(page: Page) -> None:
    page.open("workers")

    page.await_text("No proof waits: idle Lean workers have nothing to do.", "[role=status]")


@pytest.mark.usefixtures("unserved")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_proofs_that_no_worker_can_run_are_named(page: Page, width: int, scheme: str) -> None:
    page.look(width, scheme)
    page.open("workers")

    page.await_text("3 proofs wait for the environment mathlib, which no Lean worker can serve.", "[role=status]")
    assert "No proof waits" not in page.text()
    assert page.violations() == []
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
