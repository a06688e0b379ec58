"""`python -m workers.reaper`: takes work back from dead processes.

Each host runs a reaper, and Redis lets only one of the reapers do each task. Every second, a reaper takes back leases
that ran out and leases of dead processes of its host, and gives verdicts to the remaining proofs of cancelled batches.
In the same pass, it deletes batches whose retention has ended, and replaces lost tokens of premise queries. Every five
seconds, it replaces lost tokens of proofs, ends processes that a dead worker left, and forgets environments whose
workers have not been seen for a long time. Every minute, it takes a sample for the history.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence

import structlog

from farm import descriptors
from farm.celery_app import EMBED_QUEUE, PREMISES_QUEUE, Tokens, celery_app
from farm.errors import StoreUnavailable
from farm.logs import configure_logs
from farm.models import Message, Reason, Verdict, verdict
from farm.processes import end_orphans, host_of_ids, is_identity_alive, keep_loaded
from farm.settings import Settings, load
from farm.signs_of_life import Sign
from farm.store.claims import UndecidedItem
from farm.store.client import RedisClient
from farm.store.connection import connect
from farm.store.environments import environment_names, forget_environments
from farm.store.leases import Leases
from farm.store.revocation import Revocation
from farm.store.room_queues import Room
from farm.store.schema import await_store
from workers.sampler import Sampler

_TICK_S = 1.0
_NUDGE_EVERY = 5
_KNOWN_AT_LEAST_S = 3600
_TEXTS = {
    Reason.CRASHED: "Each process that ran this proof died (LEAN_MAX_DEATHS)",
    Reason.FARM_ERROR: "The lease on this proof ran out ten times: its hosts stalled or were cut off",
    Reason.CANCELLED: "The batch was cancelled before this proof was decided",
}

_log = structlog.get_logger()


class Reaper:
    """Takes work back from dead processes; each call of `pass_over` is one pass.

    Args:
        client: the store.
        leases: the operations on the store's items.
        rooms: the rooms whose premise queries to look after.
        tokens: where tokens are published.
        retention_s: how many seconds a finished batch is kept.
        give_sign: gives a sign of life of this process; called between the steps of work that may take long.
    """

    def __init__(
        self,
        client: RedisClient,
        leases: Leases,
        rooms: Sequence[Room],
        tokens: Tokens,
        retention_s: int,
        give_sign: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._leases = leases
        self._revocation = Revocation(client)
        self._sampler = Sampler(client)
        self._rooms = rooms
        self._tokens = tokens
        self._give_sign = give_sign
        # An environment stays known as long as the batches that name it are kept. The lower bound gives an operator
        # time to replace the environment's workers.
        self._known_s = max(retention_s, _KNOWN_AT_LEAST_S)
        self._host = host_of_ids()
        self._passes = 0

    def pass_over(self) -> None:
        """Do what is due now.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        self._reap_dead()
        for lease in self._leases.lapsed():
            self._reap(lease, dead=False)
        for batch in self._leases.cancelling():
            self._sweep(batch)
        while self._leases.expire_due():
            self._give_sign()
        if marked := self._revocation.mark_suspects():
            _log.critical("canary.suspects_marked", verdicts=marked)
        # At every pass, because a person may be waiting for premises.
        for room in self._rooms:
            if room.call_if_neglected():
                self._tokens.room(room.name)
        if self._passes % _NUDGE_EVERY == 0:
            end_orphans()
            self._nudge()
            for environment in forget_environments(self._client, self._known_s):
                _log.info("environment.forgotten", environment=environment)
        self._sample()
        self._passes += 1

    def _sample(self) -> None:
        """Take a sample for the history, if one is due.

        If the history cannot be read, for example because another release wrote it, the reaper logs this and goes on.
        """
        try:
            self._sampler.sample_if_due()
        except ValueError:
            _log.warning("history.unreadable", exc_info=True)

    def _nudge(self) -> None:
        """Replace the lost tokens of proofs."""
        for environment in environment_names(self._client):
            self._tokens.lean(environment, self._leases.nudge(environment, _NUDGE_EVERY * 1000))

    def _reap_dead(self) -> None:
        """Take back the leases of this host's dead processes before they lapse: nobody will renew them."""
        for lease, worker in self._leases.held_by().items():
            host, _, identity = worker.partition(":")
            if host == self._host and not is_identity_alive(identity):
                self._reap(lease, dead=True)

    def _reap(self, lease: str, *, dead: bool) -> None:
        back = self._leases.reap(lease, dead=dead)
        if back is None:
            return
        _log.warning("lease.reaped", lease=lease, batch=back.batch, dead=dead, condemned=len(back.condemned))
        self._tokens.lean(back.environment, back.tokens)
        if back.condemned:
            items = self._leases.items(back.batch, back.condemned)
            finished = self._leases.finish(lease, back.batch, _undecided(items, Reason(back.reason)))
            # A condemned item must not run again. Other items with the same proof waited for its result, and now wait
            # for a process: they need tokens.
            self._tokens.lean(back.environment, finished.tokens)

    def _sweep(self, batch: str) -> None:
        while True:
            lease, items = self._leases.sweep(batch)
            if not items:
                return
            self._leases.finish(lease, batch, _undecided(items, Reason.CANCELLED))
            self._give_sign()


def _undecided(items: Sequence[UndecidedItem], reason: Reason) -> list[Verdict]:
    note = [Message(severity="info", data=_TEXTS[reason])]
    return [verdict(i.id, i.index, reason=reason, attempts=i.deaths + i.lapses, messages=note) for i in items]


def run(settings: Settings, stopped: threading.Event) -> None:
    """Make a pass each second until told to stop; if Redis does not answer, wait until it does."""
    client = connect(settings.redis_url)
    rooms = [Room(client, name) for name in (EMBED_QUEUE, PREMISES_QUEUE)]
    leases = Leases(client, death_bound=settings.lean_max_deaths)
    sign = Sign(settings.data_dir, "reaper", is_main=True)
    reaper = Reaper(client, leases, rooms, Tokens(celery_app(settings)), settings.retention_s, sign.give)
    while not stopped.wait(_TICK_S):
        sign.give()
        try:
            reaper.pass_over()
        except StoreUnavailable as error:
            _log.warning("reaper.waits", error=error.message)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    configure_logs("reaper")
    descriptors.raise_limit()
    keep_loaded()
    settings, stopped = load(), threading.Event()
    await_store(connect(settings.redis_url))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopped.set())
    run(settings, stopped)


if __name__ == "__main__":
    main()
