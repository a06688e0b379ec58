"""Writes the results of a lease's items to the store; if Redis does not answer, it tries again for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from farm.celery_app import Tokens
from farm.errors import StoreUnavailable
from farm.store.claims import Claim, ClaimedItem
from farm.store.constants import ONE_OF_THEM
from farm.store.leases import Finished, Leases, Result

_STORE_PATIENCE_S = 60.0
# A group is written when it is this old, or when it has this many verdicts. A reader of the stream hardly notices the
# delay, and one write takes little time compared with sixteen runs, even if each run takes a millisecond.
_GROUP_S = 0.025
_GROUP = 16

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(eq=False, slots=True)
class _Group:
    """Verdicts of one claim that are written together, and the item that runs after them (`then`)."""

    claim: Claim
    verdicts: list[Result] = field(default_factory=list)
    spent_s: float = 0.0
    then: int | str | None = ONE_OF_THEM
    due: threading.Event = field(default_factory=threading.Event)


class VerdictWriter:
    """Writes verdicts, gives items back, and publishes the tokens that become due.

    A token is a Celery message that says that there is work. The writer has its own thread, which writes one group of
    verdicts after the other, so the thread that runs proofs need not wait for the store. Create the writer after the
    fork, in the process that uses it.

    Args:
        leases: the store.
        tokens: where tokens go.
        environment: the environment that the tokens are for.
        revision: the versions that this process judges with, as for `Leases.claim`.
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
        self._lock = threading.Lock()
        self._gathering: tuple[_Group, Future[Finished]] | None = None

    def write(
        self, claim: Claim, verdicts: Sequence[Result], then: int | str | None, spent_s: float
    ) -> Future[Finished]:
        """Begin to write verdicts, together with the verdicts gathered before; return a future of the outcome.

        Before you give back an item of the same claim, wait for the outcome. If the lease is gone, `undecided` verdicts
        are dropped.

        Args:
            claim: the claim whose items the verdicts are about.
            verdicts: the verdicts to write; may be empty.
            then: the index of the item that runs next; it is charged if this process dies after the write.
                `ONE_OF_THEM` if several items run before the next write; None if no item runs next.
            spent_s: the seconds that the verdicts' runs took.

        Returns:
            A future of the outcome; the future raises StoreUnavailable if Redis was away for a minute.
        """
        with self._lock:
            group, written = self._add(claim, verdicts, spent_s)
            group.then = then
            self._close(group)
        return written

    def gather(self, claim: Claim, verdicts: Sequence[Result], spent_s: float) -> Future[Finished]:
        """Gather verdicts, which are written within 25 ms while other items run; return a future of the outcome."""
        with self._lock:
            group, written = self._add(claim, verdicts, spent_s)
            if len(group.verdicts) >= _GROUP:
                self._close(group)
        return written

    def _add(self, claim: Claim, verdicts: Sequence[Result], spent_s: float) -> tuple[_Group, Future[Finished]]:
        """Add verdicts to the group that is being gathered for a claim, or to a new group.

        Return the group, and the future of its write.
        """
        if self._gathering is None or self._gathering[0].claim.lease != claim.lease:
            group = _Group(claim)
            # The writer's thread gets a copy of this thread's context, so its log lines name the batch and the lease.
            self._gathering = group, self._thread.submit(copy_context().run, self._write_when_due, group)
        group, written = self._gathering
        group.verdicts += verdicts
        group.spent_s += spent_s
        return group, written

    def _close(self, group: _Group) -> None:
        """Close a group to further verdicts, and let the writer's thread write it."""
        if self._gathering and self._gathering[0] is group:
            self._gathering = None
        group.due.set()

    def _write_when_due(self, group: _Group) -> Finished:
        group.due.wait(_GROUP_S)
        with self._lock:
            self._close(group)
        finished = self._patiently(
            self._leases.finish,
            group.claim.lease,
            group.claim.batch,
            group.verdicts,
            then=group.then,
            seconds=group.spent_s,
            revision=self._revision,
        )
        self.publish(finished.tokens)
        return finished

    def give_back(self, claim: Claim, indices: Sequence[int]) -> None:
        """Give items back, and charge nothing to them."""
        self.publish(self._patiently(self._leases.release, claim.lease, indices).tokens)

    def defer(self, claim: Claim, item: ClaimedItem, spent_s: float) -> None:
        """Give back an item that outlasted its slice."""
        self.publish(self._patiently(self._leases.defer, claim.lease, item.index, spent_s).tokens)

    def charge(self, claim: Claim, item: ClaimedItem, spent_s: float) -> bool:
        """Give back an item whose REPL died; return whether the item is condemned and must not run again."""
        back = self._patiently(self._leases.charge, claim.lease, item.index, spent_s)
        self.publish(back.tokens)
        return bool(back.condemned)

    def publish(self, tokens: int) -> None:
        """Publish this many tokens."""
        self._tokens.lean(self._environment, tokens)

    def _patiently(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a call returns; while Redis does not answer, repeat the call for a while."""
        try:
            # Nearly every first call succeeds, and tenacity's bookkeeping would be a fifth of the cost of a write.
            return call(*args, **kwargs)
        except StoreUnavailable:
            return self._again(call, *args, **kwargs)
