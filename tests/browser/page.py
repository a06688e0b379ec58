"""The console as a person meets it: opened, read, clicked and typed into."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.element import Element
from tests.support.running import await_true

# What Chromium says of every answer that is no 2xx: a test that asks for one expects it.
_REFUSED = "Failed to load resource"

_FIND = """
const done = arguments[0];
const said = (node) => `${node.html.slice(0, 200)}: ${node.failureSummary}`;
const told = (each) => each.nodes.map((node) => `${each.id}: ${said(node)}`);
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations.flatMap(told)));
"""


class Page:
    """One tab.

    Args:
        chrome: the browser, with the tab in front.
        url: the farm.
    """

    def __init__(self, chrome: Chrome, url: str) -> None:
        self.chrome = chrome
        self.url = url

    def open(self, route: str) -> None:
        """Go to a view by its address, as a deep link does."""
        self.chrome.get("about:blank")
        self.chrome.get(f"{self.url}/console#/{route}")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self.chrome.execute_script(script, *arguments)

    def text(self, selector: str = "main") -> str:
        """Return what a person reads in the first element of a selector; nothing of what is hidden."""
        script = "const e = document.querySelector(arguments[0]); return e?.checkVisibility() ? e.innerText : ''"
        return str(self.run(script, selector))

    def texts(self, selector: str) -> list[str]:
        """Return what stands in every element of a selector."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)", selector
        )
        return found

    def rows(self, selector: str = ".rows .row") -> list[str]:
        """Return what stands in the rows of a list that has some: they are drawn a frame after the numbers above."""
        await_true(lambda: self.texts(selector), f"rows, {selector}")
        return self.texts(selector)

    def await_text(self, text: str, selector: str = "main", timeout_s: float = 30) -> None:
        """Wait until a text stands there."""
        try:
            await_true(lambda: text in self.text(selector), f"{text!r} in {selector}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; there is: {self.text(selector)[:2000]!r}") from None

    def find(self, selector: str) -> Element:
        """Return the first element of a selector."""
        return Element(self.chrome, selector)

    def press_button(self, words: str) -> None:
        """Press the only button whose label contains these words."""
        [button] = [each for each in self.chrome.find_elements("css selector", "main button") if words in each.text]
        button.click()

    def download_to(self, folder: Path) -> None:
        """Have the browser save files in this folder, without asking."""
        where = {"behavior": "allow", "downloadPath": str(folder)}
        self.chrome.execute_cdp_cmd("Browser.setDownloadBehavior", where)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        for key in keys:
            ActionChains(self.chrome).send_keys(key).perform()

    def look(self, width: int, scheme: str) -> None:
        """Take a screen of this width in pixels, in the colours `light` or `dark`."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def paste(self, text: str, selector: str) -> None:
        """Put a text on the clipboard and paste it where the selector leads."""
        allowed = {"origin": self.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        self.chrome.execute_cdp_cmd("Browser.grantPermissions", allowed)
        self.run("return navigator.clipboard.writeText(arguments[0])", text)
        self.find(selector).send_keys(Keys.CONTROL, "v")

    def focused(self) -> str:
        """Return the text, or else the id, of what has the focus."""
        return str(self.run("const e = document.activeElement; return e.innerText || e.id"))

    def address(self) -> str:
        """Return which view is shown."""
        return str(self.run("return location.hash"))

    def complaints(self) -> list[str]:
        """Return the errors that the browser noted in this tab since the last call, CSP violations among them."""
        entries: list[dict[str, Any]] = self.chrome.get_log("browser")  # type: ignore[no-untyped-call]
        return [each["message"] for each in entries if each["level"] == "SEVERE" and _REFUSED not in each["message"]]

    def violations(self) -> list[str]:
        """Return what axe-core, Deque's checker of accessibility, finds in the page as it stands."""
        # The page's own policy lets no other script in, and so it comes by the debugger.
        checker = (files("axe_core_python") / "axe.min.js").read_text()
        self.chrome.execute_cdp_cmd("Runtime.evaluate", {"expression": checker})
        found: list[str] = self.chrome.execute_async_script(_FIND)
        return found

    def picture(self, name: str) -> None:
        """Keep a picture of the page in the folder SCREENSHOTS, where that is set."""
        if folder := os.environ.get("SCREENSHOTS"):
            path = Path(folder)
            path.mkdir(parents=True, exist_ok=True)
            self.chrome.save_screenshot(str(path / f"{name}.png"))
