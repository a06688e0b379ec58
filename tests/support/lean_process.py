"""The parts of a Lean process, run in the test's own process on a real store, with a function in Lean's place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from farm.celery_app import Tokens, celery_app
from farm.models import Environment, Verdict
from farm.settings import Settings
from farm.store.batch_outlooks import Outlooks
from farm.store.codec import unpack
from farm.store.leases import Leases
from farm.store.lingering import Lingering
from tests.support.fake_session import FakeSession
from tests.support.open_store import OpenStore, open_store
from tests.support.store import ENV, put
from workers.lean.checkers.attestation import Attestor
from workers.lean.claims import Claims
from workers.lean.engine import Engine, LeanEngine
from workers.lean.executor import Executor
from workers.lean.repl_watch import Watch
from workers.lean.signs_of_life import SignsOfLife
from workers.lean.time_slices import Slices
from workers.lean.verdict_writer import VerdictWriter
from workers.lean.watchdog import Watchdog
from workers.lean.work_loop import WorkLoop
from workers.metric_counts import Metrics

ENVIRONMENT = Environment(lean_version="v4", sandbox=["seccomp"])
REVISION = "v4|1||r"


@dataclass
class LeanProcess:
    """The parts of a Lean process over a store, and the verdicts on its proofs."""

    url: str
    session: FakeSession = field(default_factory=FakeSession)
    patience_s: float = 60.0
    stops: bool = False
    has_slices: bool = True
    task_s: float = 600.0  # a loaded machine may need long for 300 proofs; without lingering, a task ends with its work
    linger_s: float = 0.0
    engine: Engine | None = None

    def __post_init__(self) -> None:
        self.client: OpenStore = open_store(self.url)
        leases = Leases(open_store(self.url))
        tokens = Tokens(celery_app(Settings(redis_url=self.url, _env_file=None)))
        self.watchdog = Watchdog(10_000, lambda: self.stops)
        self.engine = self.engine or self._lean_engine()
        self.claims = Claims(leases, ENV, "w", REVISION)
        self.writer = VerdictWriter(leases, tokens, ENV, REVISION, self.patience_s)
        lingering = Lingering(open_store(self.url), ENV, "w")
        self.loop = WorkLoop(
            self.claims, lingering, self.writer, self.engine, lambda: self.stops, self.task_s, self.linger_s
        )
        self.signs = SignsOfLife(self.claims, self.writer, self.engine)

    def _lean_engine(self) -> Engine:
        watch = Watch(self.session, self.watchdog, 60.0)
        slices = Slices(Outlooks(open_store(self.url)) if self.has_slices else None)
        executor = Executor(self.session, watch, ENVIRONMENT, Attestor(None, 0), slices)
        return LeanEngine(self.session, self.watchdog, executor, ENVIRONMENT, 1000, Metrics())

    def put(self, count: int, *, timeout_s: float = 1.0, **more: Any) -> str:
        """Commit a batch of the texts `proof 0`, `proof 1`, … of one owner."""
        options = {"priority": 5, "timeout_s": timeout_s, "gate": "off", "level": "compiled"}
        return put(self.url, count, options=options, **more)

    def verdicts(self, batch: str) -> list[Verdict]:
        """Return the verdicts of a batch, in the order in which they were written."""
        stream = [fields[b"i"] for _, fields in self.client.xrange(f"farm:batch:{batch}:finished")]
        stored = self.client.hgetall(f"farm:batch:{batch}:results")
        return [Verdict.model_validate(unpack(stored[index])) for index in stream]

    def has_verdict(self, batch: str, index: int) -> bool:
        return bool(self.client.hexists(f"farm:batch:{batch}:results", str(index)))

    def counts(self) -> dict[str, int]:
        """Return how many proofs wait and how many are held."""
        found = {"pending": 0, "leased": 0}
        return found | {k.decode(): int(v) for k, v in self.client.hgetall(f"farm:counts:{ENV}").items()}
