"""The Celery side of the Lean room: what runs in the parent, in each process, and for each token.

A token is a Celery message that says that there is work. A chunk is the items that a process claims at once.
"""

from __future__ import annotations

import os
from typing import Any

import structlog
from celery import Celery, signals

from farm.allotment import core_limit, memory_limit_mb
from farm.celery_app import LEAN_TASK, Tokens, celery_app
from farm.models import WorkerKind
from farm.processes import OWNER_VARIABLE, adopt_orphans, die_with_parent, process_identity
from farm.settings import Settings
from farm.store.batch_outlooks import Outlooks
from farm.store.connection import connect
from farm.store.leases import Leases
from farm.store.lingering import Lingering
from farm.store.registry import Registry
from farm.traces import close_traces, open_traces
from workers.background_threads import or_end
from workers.heartbeat import Heartbeat, worker_id
from workers.lean.checkers.attestation import Attestor, open_checker
from workers.lean.claims import Claims
from workers.lean.engine import Engine, LeanEngine, NoLean
from workers.lean.executor import Executor
from workers.lean.installation import Installation, prepare
from workers.lean.repl_watch import Watch
from workers.lean.revision import revision, with_checker
from workers.lean.scratch import ScratchKeeper
from workers.lean.session import Session
from workers.lean.signs_of_life import SignsOfLife
from workers.lean.time_slices import Slices
from workers.lean.verdict_writer import VerdictWriter
from workers.lean.watchdog import Watchdog
from workers.lean.work_loop import WorkLoop
from workers.metric_counts import Metrics
from workers.stopping import StopFlag

_log = structlog.get_logger()


def process_count(settings: Settings) -> int:
    """Return how many Lean processes to run: `LEAN_WORKERS`, or if that is 0, as many as cores and memory allow."""
    if settings.lean_workers:
        return settings.lean_workers
    fit = int(memory_limit_mb() // settings.lean_memory_limit_mb)
    return max(1, min(core_limit(), fit))


class LeanWorker:
    """The Lean room: the installation, which the parent prepares, and the objects that each process builds from it."""

    def __init__(self, settings: Settings) -> None:
        self.processes = process_count(settings)
        # If a cgroup allows less memory than the settings ask for, its OOM killer would act before the worker does. So
        # the limit is lowered.
        share_mb = int(memory_limit_mb() * 0.95 / self.processes)
        self._settings = settings.model_copy(
            update={"lean_memory_limit_mb": min(settings.lean_memory_limit_mb, share_mb)}
        )
        self._parent = os.getpid()
        self._stop = StopFlag()
        self._installation: Installation | None = None
        self._revision = ""
        self._engine: Engine | None = None
        self._loop: WorkLoop | None = None
        self._heartbeat: Heartbeat | None = None
        self._tokens: Tokens | None = None

    def bind(self, app: Celery) -> None:
        """Connect this room to Celery's signals, and register its one task."""
        self._tokens = Tokens(app)
        app.task(name=LEAN_TASK)(self.work)
        signals.worker_init.connect(self._prepare, weak=False)
        signals.worker_process_init.connect(or_end(self._start), weak=False)
        signals.worker_process_shutdown.connect(self._end, weak=False)
        signals.worker_shutting_down.connect(self._stop_soon, weak=False)

    def work(self) -> str:
        """Claim and run chunks, and linger, for ten seconds; return a line for the log and Flower."""
        if self._loop is None:
            raise RuntimeError("The process has not been started by Celery's prefork pool")
        return self._loop.work()

    def _prepare(self, **_: Any) -> None:
        self._installation = prepare(self._settings)
        self._revision = revision(self._settings, self._installation.environment)

    def _stop_soon(self, **_: Any) -> None:
        self._stop.set()

    def _start(self, **_: Any) -> None:
        """Build what this process needs, in its main thread: the REPL ends with the thread that builds it."""
        die_with_parent(self._parent)
        adopt_orphans()
        os.environ[OWNER_VARIABLE] = process_identity(os.getpid())
        installation = self._installation
        if installation is None or self._tokens is None:
            raise RuntimeError("The parent was not prepared")
        settings, worker, client = self._settings, worker_id(), connect(self._settings.redis_url)
        figures = Metrics()
        open_traces("lean")
        checker = open_checker(installation.checker, settings.checker_timeout_s, self._stop.is_set)
        judged_by = with_checker(self._revision, checker.version if checker else "")
        leases = Leases(client, death_bound=settings.lean_max_deaths, cache_mb=settings.verdict_cache_mb)
        attestor = Attestor(checker, settings.checker_share)
        slices = Slices(Outlooks(client) if settings.lean_slices else None)
        self._engine = engine = self._build_engine(installation, attestor, slices, figures)
        claims = Claims(leases, settings.lean_environment, worker, judged_by)
        writer = VerdictWriter(leases, self._tokens, settings.lean_environment, judged_by)
        lingering = Lingering(client, settings.lean_environment, worker)
        self._loop = WorkLoop(claims, lingering, writer, engine, self._stop.is_set)
        if installation.folder:
            ScratchKeeper(installation.folder, figures).start()
        registry = Registry(client, WorkerKind.LEAN, worker, settings.lean_environment, installation.environment)
        signs = SignsOfLife(claims, writer, engine)
        self._heartbeat = Heartbeat(
            registry, signs.describe, signs.lease, signs.on_alive, lambda: figures.hand_in(client)
        )
        for header in filter(None, (text.strip() for text in settings.warm_headers.split(";"))):
            engine.warm(header.replace("\\n", "\n"))
        self._heartbeat.start()
        # Work that was submitted while no worker ran has no token yet.
        writer.publish(1)

    def _build_engine(self, installation: Installation, attestor: Attestor, slices: Slices, figures: Metrics) -> Engine:
        settings, environment = self._settings, installation.environment
        if installation.config is None:
            return NoLean(environment, installation.notice)
        session = Session(installation.config, settings, figures)
        watchdog = Watchdog(settings.lean_memory_limit_mb, self._stop.is_set)
        watchdog.start()
        watch = Watch(session, watchdog, settings.lean_header_timeout_s)
        executor = Executor(session, watch, environment, attestor, slices)
        return LeanEngine(session, watchdog, executor, environment, settings.lean_max_tasks_per_child, figures)

    def _end(self, **_: Any) -> None:
        if self._engine:
            self._engine.end()
        if self._heartbeat:
            self._heartbeat.end()
        close_traces()


def create_app(settings: Settings) -> tuple[Celery, LeanWorker]:
    """Return the Celery app of the Lean room, and the room."""
    room = LeanWorker(settings)
    app = celery_app(settings)
    # The engine replaces the REPL after this many proofs; Celery replaces the process after as many tasks.
    app.conf.worker_max_tasks_per_child = settings.lean_max_tasks_per_child
    room.bind(app)
    return app, room
