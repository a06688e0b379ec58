"""Spreads one search over all cores, with threads of the farm's own.

Threads of OpenMP and BLAS spin while they wait for each other, so they all stop when another program takes one core for
a moment. On a busy machine, these stops made a product with BLAS's threads take up to eight times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from farm.allotment import core_limit

T = TypeVar("T")
R = TypeVar("R")

CORES = core_limit()


def spread(work: Callable[[T], R], parts: Iterable[T]) -> list[R]:
    """Run `work` for each part, in as many threads as there are cores; return the results.

    Two threads run at the same time only while one of them is in a numpy call that releases the interpreter's lock. Do
    not call `spread` from within `work`.
    """
    parts = list(parts)
    with _libraries().limit(limits=1, user_api="blas"):
        return [work(part) for part in parts] if len(parts) < 2 else list(_threads().map(work, parts))


@cache
def _threads() -> ThreadPoolExecutor:
    """Return the thread pool, which is made on first use, because threads do not survive a fork."""
    return ThreadPoolExecutor(CORES, "search")


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
