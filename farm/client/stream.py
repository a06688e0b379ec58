"""Reads a batch's results from a stream of NDJSON lines. If the connection is lost, reading continues where it stopped.

A shell sends the request that `call()` returns, and passes every chunk of the response to `feed()`. If the response
ends or breaks before `done`, the shell waits for the seconds that `pause()` returns. The shell then sends the next
`call()`, which continues after the last line that was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from farm.client.answer_matching import Misdirected, Sent
from farm.client.calls import Call
from farm.client.failures import Failure, failure, foreign
from farm.client.retries import Retries
from farm.errors import ConnectionFailed, FarmError
from farm.models import Verdict

# The time of three heartbeats of the farm: one heartbeat may be late, and another lost with its connection.
_READ_TIMEOUT_S = 45.0


class _Line(BaseModel):
    """One line of a stream: a verdict, the end of the batch or, if it is neither, a heartbeat."""

    cursor: str
    result: Verdict | None = None
    done: bool = False


class Following:
    """One reader's position in the results of a batch.

    Args:
        batch_id: the batch.
        after: the cursor from which to read on; None starts with the first verdict.
        farm: the farm's address as errors show it.
        retries: how many times in a row a stream that breaks is opened again.
        sent: the number and the ids of the batch's proofs, as far as they are known.

    Attributes:
        cursor: the place after the last line that was read; None before the first line.
        done: whether the stream's last line, which ends the batch, has been read.
    """

    def __init__(self, batch_id: str, after: str | None, *, farm: str, retries: int, sent: Sent | None = None) -> None:
        self.cursor = after
        self.done = False
        self._farm = farm
        self._path = f"/v1/batches/{quote(batch_id, safe='')}/results"
        self._retries = Retries(retries)
        self._tail = b""
        self._sent = sent or Sent()
        self._is_whole = after is None
        self._seen: set[int] = set()

    def call(self) -> Call:
        """Return the request for the lines after the cursor."""
        # The beginning of a line that broke off is dropped: the farm sends the whole line again.
        self._tail = b""
        params = {} if self.cursor is None else {"after": self.cursor}
        headers = {"Accept": "application/x-ndjson"}
        return Call("GET", self._path, _READ_TIMEOUT_S, params=params, headers=headers)

    def feed(self, chunk: bytes) -> Iterator[Verdict]:
        """Yield the verdict of each line that a chunk completes, and move the cursor after each line.

        Raises:
            FarmError: a line is not in the form that this version reads.
            Misdirected: a line belongs to another batch, or ends this batch too early. The cursor stays before it.
        """
        # `iter_lines` of httpx would also split at U+2028, which JSON may hold unescaped.
        *lines, self._tail = (self._tail + chunk).split(b"\n")
        for text in filter(None, lines):
            line = self._parse(text)
            self._check(line)
            self.cursor, self.done = line.cursor, line.done
            self._retries.reset()
            # If the store has lost its last second of writes, verdicts may come again, with other cursors.
            if line.result is not None and line.result.index not in self._seen:
                self._seen.add(line.result.index)
                yield line.result

    def _parse(self, text: bytes) -> _Line:
        try:
            return _Line.model_validate_json(text)
        except ValidationError as error:
            raise foreign(self._farm, error) from error

    def _check(self, line: _Line) -> None:
        if line.result is not None:
            self._sent.check(line.result)
        total, seen = self._sent.total or 0, len(self._seen)
        if line.done and self._is_whole and seen < total:
            raise Misdirected(f"it ends a batch of {total} after {seen} verdicts")

    def pause(self, lost: httpx.HTTPError | None) -> float:
        """Return the seconds to wait before the next call.

        Args:
            lost: the error that broke the response or came instead of it. None if the response ended without an error
                and without its last line, which happens when the farm restarts.

        Raises:
            FarmError: the farm refuses, or there have been too many tries since the last line.
        """
        return self._retries.pause(self._cut() if lost is None else failure(lost, self.call(), self._farm)).seconds

    def _cut(self) -> Failure:
        text = f"{self._farm} keeps ending the results before their last line: continue later from the batch's cursor"
        return Failure(ConnectionFailed(text), retryable=True)


class Gathering:
    """Collects the verdicts of a batch, and puts them into the order of the proofs.

    Args:
        total: how many verdicts there will be.
        progress: called after each verdict with the number of verdicts so far and the total.
    """

    def __init__(self, total: int, progress: Callable[[int, int], object] | None) -> None:
        self._total = total
        self._progress = progress
        self._by_index: dict[int, Verdict] = {}

    def add(self, verdict: Verdict) -> None:
        """Take one verdict."""
        self._by_index[verdict.index] = verdict
        if self._progress is not None:
            self._progress(len(self._by_index), self._total)

    def in_order(self) -> list[Verdict]:
        """Return all verdicts, in the order of their proofs.

        Raises:
            FarmError: verdicts are missing.
        """
        if len(self._by_index) != self._total:
            raise FarmError(f"The farm ended a batch of {self._total} after {len(self._by_index)} verdicts")
        return [self._by_index[index] for index in sorted(self._by_index)]
