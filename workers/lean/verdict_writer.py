"""Writes the results of a lease's items to the store, patiently, because Redis may be away for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from farm.celery_app import Tokens
from farm.errors import StoreUnavailable
from farm.store.claims import Claim, ClaimedItem
from farm.store.leases import Finished, Leases, Result

_STORE_PATIENCE_S = 60.0

P = ParamSpec("P")
T = TypeVar("T")


class VerdictWriter:
    """Writes verdicts and gives items back, and publishes the tokens that this makes due.

    Verdicts are written in a thread of its own, one write after the other: while the store is away no proof's time runs
    out. Built in the process that uses it, after the fork.

    Args:
        leases: the store.
        tokens: where tokens go.
        environment: the environment that the tokens are for.
        revision: what this process judges by.
        patience_s: how long a write waits for Redis to come back before the lease is left to lapse.
    """

    def __init__(
        self, leases: Leases, tokens: Tokens, environment: str, revision: str, patience_s: float = _STORE_PATIENCE_S
    ) -> None:
        self._leases = leases
        self._tokens = tokens
        self._environment = environment
        self._revision = revision
        self._again = Retrying(
            retry=retry_if_exception_type(StoreUnavailable),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            stop=stop_after_delay(patience_s),
            reraise=True,
        )
        self._thread = ThreadPoolExecutor(1, "verdict writer")

    def write(
        self, claim: Claim, verdicts: Sequence[Result], then: ClaimedItem | None, spent_s: float
    ) -> Future[Finished]:
        """Begin to write verdicts, and return the outcome to wait for.

        Wait for it before an item of the same claim is given back: once the lease is gone, an `undecided` is dropped.

        Args:
            claim: the claim under which they were found.
            verdicts: what was found.
            then: the item that runs next; it is charged if this process dies after they are written.
            spent_s: the seconds that their runs took.

        Returns:
            The outcome; StoreUnavailable when Redis was away for a minute.
        """
        # The context names the batch and the lease in what is logged.
        return self._thread.submit(copy_context().run, self._finish, claim, verdicts, then, spent_s)

    def _finish(self, claim: Claim, verdicts: Sequence[Result], then: ClaimedItem | None, spent_s: float) -> Finished:
        finished = self._patiently(
            self._leases.finish,
            claim.lease,
            claim.batch,
            verdicts,
            then=then.index if then else None,
            seconds=spent_s,
            revision=self._revision,
        )
        self.publish(finished.tokens)
        return finished

    def give_back(self, claim: Claim, indices: Sequence[int]) -> None:
        """Give items back, uncharged."""
        self.publish(self._patiently(self._leases.release, claim.lease, indices).tokens)

    def defer(self, claim: Claim, item: ClaimedItem, spent_s: float) -> None:
        """Give back an item that outlasted its slice."""
        self.publish(self._patiently(self._leases.defer, claim.lease, item.index, spent_s).tokens)

    def charge(self, claim: Claim, item: ClaimedItem, spent_s: float) -> bool:
        """Give back an item whose REPL died; return whether that was its last death, after which it must be decided."""
        back = self._patiently(self._leases.charge, claim.lease, item.index, spent_s)
        self.publish(back.tokens)
        return bool(back.condemned)

    def publish(self, tokens: int) -> None:
        """Publish this many tokens."""
        self._tokens.lean(self._environment, tokens)

    def _patiently(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a call returns, trying again for a while when Redis is away."""
        try:
            # Nearly every call succeeds: tenacity's bookkeeping would be a fifth of what writing a verdict costs.
            return call(*args, **kwargs)
        except StoreUnavailable:
            return self._again(call, *args, **kwargs)
