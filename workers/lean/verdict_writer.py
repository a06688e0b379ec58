"""Telling the store what became of the items of a lease, patiently: Redis may be away for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from farm.errors import StoreUnavailable
from farm.queues import Tokens
from farm.store.leases import Claim, ClaimedItem, Finished, GivenBack, Leases, Result

# How long verdicts wait for Redis to come back before the lease is left to lapse.
_STORE_PATIENCE_S = 60

_again = Retrying(
    retry=retry_if_exception_type(StoreUnavailable),
    wait=wait_random_exponential(multiplier=0.1, max=2),
    stop=stop_after_delay(_STORE_PATIENCE_S),
    reraise=True,
)

P = ParamSpec("P")
T = TypeVar("T")


def _patiently(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a call returns, trying again for a minute while Redis is away."""
    try:
        # Nearly every call succeeds: tenacity's bookkeeping would be a fifth of what writing a verdict costs.
        return call(*args, **kwargs)
    except StoreUnavailable:
        return _again(call, *args, **kwargs)


class VerdictWriter:
    """Writes verdicts and gives items back, and publishes the tokens that this makes due.

    Verdicts are written in a thread of its own, one write after the other: while the store is away no proof's time runs
    out. Built in the process that uses it, after the fork.

    Args:
        leases: the store.
        tokens: where tokens go.
        environment: whose tokens they are.
        revision: what this process judges by.
    """

    def __init__(self, leases: Leases, tokens: Tokens, environment: str, revision: str) -> None:
        self._leases = leases
        self._tokens = tokens
        self._environment = environment
        self._revision = revision
        self._thread = ThreadPoolExecutor(1, "verdict writer")

    def write(
        self, claim: Claim, verdicts: Sequence[Result], then: ClaimedItem | None, spent_s: float
    ) -> Future[Finished]:
        """Begin to write verdicts, and return the outcome to wait for.

        Wait for it before an item of the same claim is given back: once the lease is gone, an `undecided` is dropped.

        Args:
            claim: under which they were found.
            verdicts: what was found.
            then: the item that runs next; it is charged if this process dies once they are written.
            spent_s: seconds that these took.

        Returns:
            The outcome; StoreUnavailable when Redis was away for a minute.
        """
        # The context names batch and lease in what is logged.
        return self._thread.submit(copy_context().run, self._finish, claim, verdicts, then, spent_s)

    def _finish(self, claim: Claim, verdicts: Sequence[Result], then: ClaimedItem | None, spent_s: float) -> Finished:
        finished = _patiently(
            self._leases.finish,
            claim.lease,
            claim.batch,
            verdicts,
            then=then.index if then else None,
            seconds=spent_s,
            revision=self._revision,
        )
        self._tokens.lean(self._environment, finished.tokens)
        return finished

    def give_back(self, claim: Claim, indices: Sequence[int]) -> None:
        """Give items back, uncharged."""
        self._publish(_patiently(self._leases.release, claim.lease, indices))

    def defer(self, claim: Claim, item: ClaimedItem, spent_s: float) -> None:
        """Give an item back whose first slice expired."""
        self._publish(_patiently(self._leases.defer, claim.lease, item.index, spent_s))

    def charge(self, claim: Claim, item: ClaimedItem, spent_s: float) -> bool:
        """Give an item back whose REPL died; return whether that was its last death: it then has to be decided."""
        back = _patiently(self._leases.charge, claim.lease, item.index, spent_s)
        self._publish(back)
        return bool(back.condemned)

    def _publish(self, back: GivenBack) -> None:
        self._tokens.lean(self._environment, back.tokens)
