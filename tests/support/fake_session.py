"""A session without a REPL: a function answers in Lean's place, and ends it as a real REPL would end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from farm.models import Message, Position
from workers.lean.repl_events import HeaderFailed, ReplEnded, ReplGone, ReplTimeout, StartFailed
from workers.lean.repl_reply import Reply
from workers.lean.session import Exchange, Header, Session
from workers.lean.time_slices import Slice

Lean = Callable[[str], Reply]
"""Answers a text, or raises an error that a `Session` raises. If it takes longer than the timeout, the run times out.

In a run with a slice, its first `ReplTimeout` is the end of the slice. If the run goes on, it is called again.
"""


def response(*errors: str, warnings: tuple[str, ...] = ()) -> Reply:
    """Return Lean's reply to a text, with these messages."""
    start = Position(line=1, column=0)
    messages = [Message(severity="error", data=text, pos=start) for text in errors]
    messages += [Message(severity="warning", data=text, pos=start) for text in warnings]
    return Reply(1, tuple(messages))


def _as_it_came(said: Reply) -> dict[str, Any]:
    """Return a reply in the REPL's own words."""
    messages = [each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in said.messages]
    return {"env": said.env, "messages": messages, "sorries": []}


class FakeSession(Session):
    """Behaves like a `Session`, but has no REPL.

    Attributes:
        lean: the function that answers in Lean's place.
        failing_starts: how many of the first starts of the REPL fail.
        ended: for each time that the REPL was ended, the reason.
        loaded: the headers that were loaded, in order.
    """

    def __init__(self, lean: Lean = lambda _: response()) -> None:
        self.lean = lean
        self.failing_starts = 0
        self.ended: list[str] = []
        self.loaded: list[str] = []
        self.infotree = None
        self.exchange = Exchange()
        self._headers = {}
        self._begun = set()
        self._warm_header = ""
        self._generation = 0
        self._is_alive = False
        self._ran = 0
        self._can_sync = True
        self._loading_s = self._load_s = self._start_s = 0.0
        self._domain = ""
        self._slice: Slice | None = None

    @property
    def pid(self) -> int | None:
        """0 while a REPL seems to run, so that no process is killed."""
        return 0 if self._is_alive else None

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def restarts(self) -> int:
        return max(0, self._generation - 1)

    @contextmanager
    def sliced(self, slice_: Slice | None) -> Iterator[None]:
        self._slice = slice_
        yield
        self._slice = None

    def ensure_alive(self) -> None:
        if self.failing_starts:
            self.failing_starts -= 1
            raise StartFailed("The REPL does not start: it is not there")
        if not self._is_alive:
            self._is_alive = True
            self._generation += 1
            self._headers.clear()
            self._begun.clear()
            self._ran = 0
        self.exchange = Exchange(repl=str(self._generation))

    def load(self, header: str, *, is_checked: bool = False) -> Header:
        if header not in self._headers:
            self._begun.add(header)
            said = self._answer(header, 60.0) if header else response()
            if not said.is_clean:
                raise HeaderFailed(said)
            self._headers[header] = Header(0, 0 if header else None, said)
            self.loaded.append(header)
            self._warm_header = " ".join(header.split())
        return self._headers[header]

    @contextmanager
    def running(self, header: Header, body: str, timeout_s: float, *, start: int | None = None) -> Iterator[Reply]:
        self._ran += 1
        self.exchange.header = header
        said = self._answer(body, timeout_s)
        self.exchange.reply = _as_it_came(said)
        yield said

    def ask(self, command: str, env: int | None, timeout_s: float) -> Reply:
        return self._answer(command, timeout_s)

    def talk(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        said = self._answer(str(request.get("cmd", request.get("tactic", ""))), timeout_s)
        return _as_it_came(said)

    def require_token(self, header: Header) -> None:
        if not self._is_alive:
            raise ReplGone("The REPL is gone")

    def memory_mb(self) -> float:
        return 0.0

    def blame(self, cause: str) -> None:
        self.ended[-1] = cause

    def end(self, cause: str = "fresh") -> None:
        self.ended.append(cause)
        self._is_alive = False

    def _answer(self, text: str, timeout_s: float) -> Reply:
        deadline = time.monotonic() + timeout_s
        try:
            said = self._sliced_answer(text)
        except ReplEnded as error:
            self.end(type(error).__name__)
            raise
        if time.monotonic() > deadline:
            self.end("deadline")
            raise ReplTimeout("The REPL did not answer in time")
        return said

    def _sliced_answer(self, text: str) -> Reply:
        try:
            return self.lean(text)
        except ReplTimeout:
            slice_, self._slice = self._slice, None
            if slice_ is None or not slice_.end():
                raise
            return self.lean(text)
