"""An element as a person sees it: what stands in its place now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

T = TypeVar("T")
# A list that is drawn again replaces its rows, and a text that gets its colours its words. More than that is a fault.
_MOST_REPLACEMENTS = 5


@dataclass(frozen=True)
class Element:
    """The first element of a selector; if the page replaces it between finding and using it, the one that replaced it.

    Attributes:
        chrome: the browser, with the tab in front.
        selector: where the element is.
    """

    chrome: Chrome
    selector: str

    def use(self, action: Callable[[WebElement], T]) -> T:
        """Return what an action returns; repeat the action if the page has replaced the element meanwhile."""
        for _ in range(_MOST_REPLACEMENTS):
            try:
                return action(self.chrome.find_element(By.CSS_SELECTOR, self.selector))
            except StaleElementReferenceException as error:
                last = error
        raise last

    def click(self) -> None:
        """Click on the element."""
        self.use(WebElement.click)

    def send_keys(self, *keys: str) -> None:
        """Press keys while the element has the focus."""
        self.use(lambda element: element.send_keys(*keys))

    def clear(self) -> None:
        """Empty the field that the element is."""
        self.use(WebElement.clear)

    def choose(self, text: str) -> None:
        """Choose the option that shows a text; the element is a select."""
        self.use(lambda element: Select(element).select_by_visible_text(text))

    def is_displayed(self) -> bool:
        """Whether a person sees the element."""
        return self.use(WebElement.is_displayed)

    def get_attribute(self, name: str) -> str | None:
        """Return an attribute's value."""
        return self.use(lambda element: element.get_attribute(name))

    @property
    def text(self) -> str:
        """What a person reads in the element."""
        return self.use(lambda element: element.text)
