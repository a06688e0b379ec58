"""Ten policies for runs that outlast the rest of their batch."""

from __future__ import annotations

from dataclasses import dataclass

from farm.store.batch_outlooks import Outlook
from tests.bench.scheduling.simulation import Batch, Farm
from workers.lean.time_slices import first_slice_s, is_worth_deferring


@dataclass(slots=True)
class Fifo:
    """First come, first served: every run has its full time at once."""

    name: str = "first come, first served"
    keeps: bool = False

    def slice_s(self, farm: Farm, batch: Batch) -> float | None:
        return None

    def goes_on(self, farm: Farm, batch: Batch, ran_s: float) -> bool:
        return True

    def resumes(self, farm: Farm, batch: Batch) -> bool:
        return False


@dataclass(slots=True)
class Deferring(Fifo):
    """Every run that outlasts its slice goes to the end of its batch.

    Attributes:
        margin: the slice as a multiple of the longest decided run.
    """

    name: str = "all deferred"
    margin: float = 1.0

    def slice_s(self, farm: Farm, batch: Batch) -> float | None:
        return first_slice_s(farm.timeout_s, batch.decided, self.margin * batch.longest_s, farm.load_s)

    def goes_on(self, farm: Farm, batch: Batch, ran_s: float) -> bool:
        return False


@dataclass(slots=True)
class Share(Deferring):
    """Runs that outlast their slice go on while they hold less than a share of the processes; the others are deferred.

    Attributes:
        share: that share.
        early: whether a deferred proof runs again as soon as the share has room, instead of at the end.
    """

    share: float = 0.5
    early: bool = False

    def goes_on(self, farm: Farm, batch: Batch, ran_s: float) -> bool:
        return self._has_room(farm)

    def resumes(self, farm: Farm, batch: Batch) -> bool:
        return self.early and self._has_room(farm)

    def _has_room(self, farm: Farm) -> bool:
        return sum(len(batch.going_on) for batch in farm.batches) < int(self.share * farm.processes)


@dataclass(slots=True)
class Waves(Deferring):
    """The farm's own decision: a run is deferred only if all deferred runs can begin at once at the end.

    Attributes:
        waves: how many deferred runs there may be, as a multiple of the processes.
    """

    waves: float = 1.0

    def goes_on(self, farm: Farm, batch: Batch, ran_s: float) -> bool:
        outlook = Outlook(
            processes=int(self.waves * farm.processes),
            fresh=len(batch.fresh),
            deferred=len(batch.deferred),
            outlasted=batch.outlasted,
            returned=batch.returned,
            timeouts=batch.timeouts,
            decided=batch.decided,
            worked_s=batch.decided_s + batch.timeouts * farm.timeout_s + len(batch.deferred) * ran_s,
            others_wait=farm.others_wait(batch),
            going_on_s=tuple(ends - farm.now for ends in batch.going_on.values()),
        )
        return not is_worth_deferring(outlook, ran_s, farm.timeout_s, farm.load_s)


FIFO = Fifo()
BEFORE = Deferring("all deferred after twice the longest (before)", margin=2.0)
SHIPPED = Waves("deferred if all left begin at once (shipped)")
POLICIES = (
    FIFO,
    BEFORE,
    Deferring("all deferred after the longest"),
    Share("half go on"),
    Share("three quarters go on", share=0.75),
    Share("half go on, deferred ones resume early", early=True),
    Share("three quarters go on, deferred ones resume early", share=0.75, early=True),
    SHIPPED,
    Waves("deferred if all left begin in two waves", waves=2.0),
    Waves("as shipped in two waves, and stopped ones keep their REPL", waves=2.0, keeps=True),
)
