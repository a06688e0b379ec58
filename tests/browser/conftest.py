"""Debian's Chromium without a window, and the console in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.browser.page import Page
from tests.browser.proofs import ENDLESS, FALSE, GAP, TRUE, finish, submit
from tests.browser.workers import broken_worker
from tests.conftest import require
from tests.support.running import RunningFarm


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    """One browser for all tests."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    require(browser and driver, "Chromium and its driver (Debian: chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = str(browser)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--force-prefers-reduced-motion"):
        options.add_argument(argument)
    if os.geteuid() == 0:  # Chromium's own sandbox refuses root
        options.add_argument("--no-sandbox")
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


@pytest.fixture(scope="session")
def mixed(farm: RunningFarm) -> str:
    """A finished batch in which one proof of 46 timed out."""
    proofs = [{"id": f"lemma-{i}", "code": f"{TRUE} -- {i}"} for i in range(40)]
    proofs += [{"id": f"wrong-{i}", "code": FALSE} for i in range(3)]
    proofs += [{"id": f"gap-{i}", "code": GAP} for i in range(2)]
    return finish(farm, submit(farm, [*proofs, {"id": "endless", "code": ENDLESS}]))


@pytest.fixture
def broken(farm: RunningFarm) -> Iterator[None]:
    """A Lean worker on node3 that has no Lean."""
    with broken_worker(farm, 8):
        yield


@pytest.fixture
def page(chrome: Chrome, farm: RunningFarm) -> Iterator[Page]:
    """The console of the shared farm, in a tab of its own that must not have complained."""
    chrome.set_window_size(1200, 900)
    chrome.switch_to.new_window("tab")
    # A window that nobody looks at has no focus, and then no clipboard.
    chrome.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    page = Page(chrome, farm.url)
    yield page
    complaints = page.complaints()
    chrome.close()
    chrome.switch_to.window(chrome.window_handles[0])
    assert complaints == []
