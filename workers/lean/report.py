"""Adds reports to the verdicts of batches that ask for them. A report contains the REPL's own reply."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from farm.models import Position, Reason, Report, ReportRequest, Verdict
from farm.processes import tree_cpu_s, tree_memory_mb
from farm.source import Source, assemble, split_header
from farm.store.claims import Claim, ClaimedItem
from workers.lean.judging import Judge
from workers.lean.reply_depth import cut
from workers.lean.session import Session

_MB = 1 << 20
# A line or column as large as this is not in any text, and a much larger number could not be written as JSON.
_MOST = 1 << 32


class Reporter:
    """Judges proofs, and adds the REPL's reply to a verdict if the batch's options ask for it."""

    def __init__(self, judge: Judge, session: Session) -> None:
        self._judge = judge
        self._session = session

    def run(self, item: ClaimedItem, claim: Claim) -> Verdict:
        """Return the verdict on a claimed proof, with a report if the batch asks for it; raises as `Judge.run` does."""
        asked = claim.options.get("report")
        if asked is None:
            return self._judge.run(item, claim)
        request = ReportRequest.model_validate(asked)
        if request.is_fresh:
            self._session.end()
        with self._asking(request):
            started, cpu_s = time.monotonic(), self._cpu_s() if request.is_measured else 0.0
            found = self._judge.run(item, claim)
            report = self._report(item, found)
            if request.is_measured:
                spent = (self._cpu_s() - cpu_s) / max(time.monotonic() - started, 1e-6)
                measured = {"cpu_percent": round(max(0.0, 100 * spent), 1), "memory_bytes": self._memory_bytes()}
                report = report.model_copy(update=measured)
        return found.model_copy(update={"report": report})

    @contextmanager
    def _asking(self, request: ReportRequest) -> Iterator[None]:
        self._session.infotree = request.infotree
        try:
            yield
        finally:
            self._session.infotree = None

    def _report(self, item: ClaimedItem, found: Verdict) -> Report:
        exchange = self._session.exchange
        reply: dict[str, Any] | None = None
        if exchange.header is not None and exchange.reply is not None:
            text = assemble(item.proof)
            reply = cut({name: value for name, value in exchange.reply.items() if value is not None})
            place(reply, split_header(text.text), text.lines_before)
            if exchange.header.start is not None:
                said = [each.model_dump(mode="json", by_alias=True) for each in exchange.header.response.messages]
                reply |= {"messages": said + reply.get("messages", [])} if said else {}
        elif found.reason is Reason.ERROR:
            reply = _of_header(found)
        return Report(reply=reply, in_header=exchange.header is None, repl=exchange.repl)

    def _cpu_s(self) -> float:
        return tree_cpu_s(self._session.pid) if self._session.pid else 0.0

    def _memory_bytes(self) -> int:
        return int(tree_memory_mb(self._session.pid) * _MB) if self._session.pid else 0


def _of_header(found: Verdict) -> dict[str, Any]:
    """Return Lean's messages about a header that failed, in the form of a REPL's reply.

    If the first message has no position, return only its text. Otherwise return the messages that have a position.
    """
    first = found.messages[0]
    if first.pos is None:
        return {"message": first.data}
    return {"messages": [each.model_dump(mode="json", by_alias=True) for each in found.messages if each.pos]}


def place(reply: dict[str, Any], source: Source, lines_before: int = 0) -> None:
    """Change every position in a reply, info trees included, to the position in the user's own text.

    A position is an object with the numbers `line` and `column`. It becomes empty if the user's text has no such place.
    Trees may be deep, so this does not recurse.
    """
    waiting: list[Any] = [reply]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if type(value.get("line")) is int and type(value.get("column")) is int:
                is_real = max(value["line"], value["column"]) < _MOST
                at = Position(line=value["line"], column=value["column"])
                found = source.to_user(at, lines_before) if is_real else None
                value.update(line=found.line, column=found.column) if found else value.clear()
            waiting += [part for part in value.values() if isinstance(part, (dict, list))]
