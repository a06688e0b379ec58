"""One SDK client that many threads and processes use at once; counts whether each gets the answer to its own call.

    FARM_URL=… python -m tests.support.calling thread|fork|forkserver|spawn CALLS

The client first makes some calls, so that it has connections, which a fork leaves open in both processes. Then four
workers and the thread that made it use it at the same time. A forked process makes twenty calls, so that many forks
happen between and during calls. One call in ten asks for rewards, in turn through the SDK, `AsyncFarm` and verl; the
others read a proof of one batch. Prints how many answers were right, wrong or an error, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.pool import Pool, ThreadPool

from farm import AsyncFarm, Batch, Farm, FarmError
from farm.client.trainers import VerlReward, verl_reward

_SLICE = 20
_TEXTS = 200


@dataclass(frozen=True)
class Caller:
    """The SDK's objects that are passed to other threads and processes."""

    farm: Farm
    asynchronous: AsyncFarm
    score: VerlReward
    batch: Batch

    def answers(self, first: int) -> Counter[str]:
        """Make a slice of calls, and count their results."""
        return Counter(self._tried(number) for number in range(first, first + _SLICE))

    def _tried(self, number: int) -> str:
        ask: tuple[Callable[[int], bool], ...] = (self._verified, self._awaited, self._scored)
        try:
            is_right = self._read(number) if number % 10 else ask[number // 10 % 3](number)
        except FarmError as error:
            return f"{type(error).__name__}: {error}"
        return "right" if is_right else "wrong"

    def _read(self, number: int) -> bool:
        item = self.batch.item(number % _TEXTS)
        return item.proof.code == text(number % _TEXTS)

    def _verified(self, number: int) -> bool:
        rewards = [each.reward for each in self.farm.verify([text(number), text(number + 1)])]
        return rewards == [worth(number), worth(number + 1)]

    def _awaited(self, number: int) -> bool:
        async def rewards() -> list[float | None]:
            one, other = await asyncio.gather(*(self.asynchronous.verify(text(number + step)) for step in (0, 1)))
            return [one[0].reward, other[0].reward]

        return asyncio.run(rewards()) == [worth(number), worth(number + 1)]

    def _scored(self, number: int) -> bool:
        return self.score("", "by rfl", text(number).removesuffix(" := by rfl"))["score"] == worth(number)


def text(number: int) -> str:
    return f"theorem t{number} : {number} = {number + number % 2} := by rfl"


def worth(number: int) -> float:
    return 1.0 - number % 2


def caller() -> Caller:
    farm = Farm()
    batch = farm.submit([text(number) for number in range(_TEXTS)])
    found = Caller(farm, AsyncFarm(), verl_reward(undecided=-1.0, farm=farm), batch)
    assert found.answers(0) == {"right": _SLICE}
    return found


_taken: list[Caller] = []


def take(caller: Caller) -> None:
    _taken.append(caller)


def answers(first: int) -> Counter[str]:
    return _taken[0].answers(first)


def pool(kind: str, caller: Caller) -> Pool:
    if kind == "thread":
        return ThreadPool(4)
    slices = 1 if kind == "fork" else None
    return multiprocessing.get_context(kind).Pool(4, take, (caller,), maxtasksperchild=slices)


def main(kind: str, calls: int) -> Iterator[Counter[str]]:
    """Yield the answers of all calls; this thread makes one call in five."""
    shared = caller()
    take(shared)
    with pool(kind, shared) as others:
        ahead = others.imap_unordered(answers, range(0, calls * 4 // 5, _SLICE))
        for first in range(calls * 4 // 5, calls, _SLICE):
            yield shared.answers(first)
        yield from ahead


if __name__ == "__main__":
    print(json.dumps(sum(main(sys.argv[1], int(sys.argv[2])), Counter())))
