"""The farm's bare address, as a person types it and as a client asks for it."""

from __future__ import annotations

import httpx
import pytest

from tests.browser.page import Page
from tests.support.running import RunningFarm

pytestmark = pytest.mark.system


def test_the_bare_address_is_the_console(page: Page, farm: RunningFarm) -> None:
    page.chrome.get(farm.url)

    page.await_text("Batches", "h1")
    assert page.run("return location.pathname") == "/console"


def test_a_client_that_wants_no_page_gets_the_sign_of_life(farm: RunningFarm) -> None:
    assert httpx.get(farm.url).json() == {"status": "ok"}
