"""Reads texts without holding up other requests: large texts in a thread, small texts a few at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

# Reading a statement takes some microseconds per character: tens of milliseconds if the statement is this long, several
# seconds if it is as long as a statement may be.
LARGE_CHARS = 16_384
_MOST_PROOFS = 50
# Small texts are read for this long before other requests get their turn.
_TURN_S = 0.02
# With more than one thread, the event loop would get only a small share of the time.
_THREAD = ThreadPoolExecutor(1, "large texts")

P = ParamSpec("P")
T = TypeVar("T")


class _Turns:
    """Lets other requests run if this module has given them no turn for `_TURN_S`."""

    def __init__(self) -> None:
        self._given_s = 0.0

    async def give(self) -> None:
        if time.monotonic() - self._given_s > _TURN_S:
            await asyncio.sleep(0)
            self._given_s = time.monotonic()


_TURNS = _Turns()


async def read_aside(size: int, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that reads texts, and return its result; if the texts are large, call it in the thread.

    A caller may read any number of small texts in a row: after each, other requests get a turn if they have waited.

    Args:
        size: how many characters, or bytes, the texts have.
        read: the function; it must not depend on the thread in which it runs.
        args: its positional arguments.
        kwargs: its keyword arguments.
    """
    if size <= LARGE_CHARS:
        result = read(*args, **kwargs)
        await _TURNS.give()
        return result
    return await asyncio.get_running_loop().run_in_executor(_THREAD, lambda: read(*args, **kwargs))


def cut_slices(proofs: list[Any]) -> Iterator[tuple[int, int, int]]:
    """Yield the slices in which a JSON body's proofs are read, as (start, end, number of characters in the statements).

    A proof with a large statement makes a slice of its own. The proofs have not been validated.
    """
    start = size = 0
    for index, fields in enumerate(proofs):
        chars = _statement_chars(fields)
        if index > start and (index - start == _MOST_PROOFS or size + chars > LARGE_CHARS):
            yield start, index, size
            start, size = index, 0
        size += chars
    yield start, len(proofs), size


def _statement_chars(fields: Any) -> int:
    statement = fields.get("statement") if isinstance(fields, dict) else None
    return len(statement) if isinstance(statement, str) else 0
