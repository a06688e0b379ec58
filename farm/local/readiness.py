"""Waits until every part of a farm answers, and meanwhile says for which parts it is waiting."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection
from typing import Any

import httpx

_POLL_S = 0.2
# Without a terminal there is no progress bar, so lines show the progress: first after 5 s, then at most 30 s apart.
_FIRST_WORD_S = 5.0
_WORD_EVERY_S = 30.0

OnProgress = Callable[[str, float], None]
"""Called with a text about a part that is not ready yet, and with how much of that part's loading is done, 0 to 1."""


class Readiness:
    """Keeps track of the parts of a farm that are not ready yet.

    Args:
        http: the client that asks the API.
        ailments: the function that returns what the supervisor knows about services that do not work.
        lean_parts: the names of all Lean rooms. The API reports a farm as ready when one room is ready, but this class
            waits for all of them.

    Attributes:
        waits: the parts that are not ready, and why.
    """

    def __init__(self, http: httpx.AsyncClient, ailments: Callable[[], list[str]], lean_parts: Collection[str]) -> None:
        self._http = http
        self._ailments = ailments
        self._lean_parts = lean_parts
        self.waits: dict[str, str] = {}

    async def wait(self, url: str, on_progress: OnProgress) -> list[str]:
        """Wait until every part answers, and return the notices for an operator.

        The first start may fetch and build a REPL, so there is no time limit.

        Args:
            url: the API's URL.
            on_progress: called several times a second.
        """
        while True:
            checks = await self._checks(url)
            waiting = {name: check for name, check in checks.items() if not check["ready"]}
            if checks and not waiting:
                return [check["notice"] for check in checks.values() if check["notice"]]
            self.waits = {name: check["notice"] or "is starting" for name, check in waiting.items()}
            for name, text in self.waits.items():
                on_progress(f"{name}: {text}", waiting[name].get("progress", 0.0))
            await asyncio.sleep(_POLL_S)

    async def tell_now_and_then(self, tell: Callable[[str], None]) -> None:
        """Until cancelled, tell which parts are not ready: soon after the start, at each change, and twice a minute."""
        told, told_at = "", -math.inf
        while True:
            await asyncio.sleep(_FIRST_WORD_S)
            waits = [f"{name}: {text}" for name, text in self.waits.items()]
            text = "\n".join(["not ready yet", *self._ailments(), *waits])
            if text != told or time.monotonic() - told_at >= _WORD_EVERY_S:
                tell(text)
                told, told_at = text, time.monotonic()

    async def _checks(self, url: str) -> dict[str, Any]:
        """Return what the API says about each part; return nothing if the API does not answer.

        A Lean room that the API does not know yet counts as not ready.
        """
        try:
            checks: dict[str, Any] = (await self._http.get(f"{url}/readyz")).json()["checks"]
        except (httpx.TransportError, ValueError, KeyError):
            return {}
        unknown = {"ready": False, "notice": ""}
        return {**dict.fromkeys(self._lean_parts, unknown), **checks}
