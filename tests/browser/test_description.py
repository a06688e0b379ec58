"""`/docs` in Chromium: it describes the API with what the farm itself serves."""

from __future__ import annotations

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.running import RunningFarm, await_true


def test_it_shows_the_routes_and_asks_nobody_else(chrome: Chrome, farm: RunningFarm) -> None:
    chrome.switch_to.new_window("tab")
    chrome.get(f"{farm.url}/docs")

    await_true(lambda: len(chrome.find_elements(By.CSS_SELECTOR, ".opblock")) > 10, "the routes")
    [route] = [each for each in chrome.find_elements(By.CSS_SELECTOR, ".opblock") if "/v1/verify" in each.text]
    route.find_element(By.CSS_SELECTOR, "button").click()
    await_true(lambda: "proofs" in route.text, "what the body of a route holds")

    asked = chrome.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert {address.startswith((farm.url, "data:")) for address in asked} == {True}, asked
    said = chrome.get_log("browser")  # type: ignore[no-untyped-call]
    assert [each for each in said if each["level"] == "SEVERE"] == []
    chrome.close()
    chrome.switch_to.window(chrome.window_handles[0])
