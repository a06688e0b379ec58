"""One seed's worth of chaos: a calm run, every fault by itself, then faults together at random, then the end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import trial
from tests.chaos.evidence import evidence
from tests.chaos.faults import CLOCK, FAULTS, JUMP_S, Fault
from tests.chaos.invariants import Tally, leftovers, survivors, uncounted
from tests.chaos.victim import Victim, clocked_victim, victim
from tests.chaos.workload import proofs
from tests.support.repl.install import Install
from tests.support.running import await_true

Tell = Callable[[str], None]
TOGETHER = "together, at random"
AT_THE_END = "the farm afterwards"
RETENTION_S = 86_400


@dataclass(frozen=True)
class Plan:
    """How much chaos one farm gets.

    Attributes:
        seed: decides the proofs, the order of the faults and every random choice of theirs.
        items: proofs of a batch.
        sleep_ms: about how long the scripted REPL sleeps over each.
        faults: those that strike one by one.
        together: how many strike at random afterwards.
    """

    seed: int
    items: int = 240
    sleep_ms: int = 25
    faults: Sequence[Fault] = FAULTS
    together: int = 10


@dataclass
class Report:
    """The results of each fault: its tallies by name."""

    seed: int
    rows: list[tuple[str, Tally]] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every invariant held, every time."""
        return all(tally.is_whole for _, tally in self.rows)

    def failures(self) -> list[str]:
        """Return what was broken, in words."""
        return [f"seed {self.seed}, {name}: {tally}" for name, tally in self.rows if not tally.is_whole]


def run(
    folder: Path, repl: Install, plan: Plan, tell: Tell, *, small_disk: bool = False, clock: Path | None = None
) -> Report:
    """Put one farm through a plan.

    Args:
        folder: where it lives.
        repl: what answers as Lean.
        plan: the chaos that it gets.
        tell: is told each step in one line.
        small_disk: whether its store has a small disk of its own, so that it can be full.
        clock: libfaketime, for a farm whose store has a clock of its own.
    """
    report, settings = Report(plan.seed), {"RETENTION_S": str(RETENTION_S)}
    if clock:
        farm = clocked_victim(folder, repl, clock, **settings)
    else:
        farm = victim(folder, repl, small_disk=small_disk, **settings)
    with farm as ill:
        try:
            _ill_treat(ill, plan, report, tell)
        except AssertionError:
            tell(f"  STANDS STILL\n{evidence(ill)}")
            raise
        if not report.is_whole:
            tell(evidence(ill))
    report.rows.append((AT_THE_END, Tally(0, broken=list(survivors(folder)))))
    return report


def _ill_treat(ill: Victim, plan: Plan, report: Report, tell: Tell) -> None:
    rng = random.Random(plan.seed)
    codes = proofs(plan.items, rng, plan.sleep_ms)
    calm, tallies = trial.calm_run(ill, codes), []
    possible = [fault for fault in plan.faults if fault.possible(ill)]
    for fault in rng.sample(possible, len(possible)):
        started = time.monotonic()
        tallies.append((fault.name, trial.single(ill, fault, rng, codes, calm)))
        tell(f"  {fault.name}: {_word(tallies[-1][1])} after {time.monotonic() - started:.1f} s")
    if plan.together:
        struck = [rng.choice(possible) for _ in range(plan.together)]
        for tally in trial.together(ill, struck, rng, codes, calm, tell):
            tallies.append((TOGETHER, tally))
            tell(f"  {TOGETHER}: {_word(tally)}")
    decided = len(calm) + sum(tally.items for _, tally in tallies)
    report.rows += [*tallies, (AT_THE_END, Tally(0, broken=_at_rest(ill, decided)))]


def _at_rest(ill: Victim, decided: int) -> list[str]:
    """Return what is wrong with the store once nothing runs."""
    store = ill.redis()
    # Batches that finished while the clock was an hour ahead stay for that hour longer.
    longest_s = RETENTION_S + (JUMP_S if ill.clock else 0)

    def wrong() -> list[str]:
        return [*leftovers(store, longest_s), *uncounted(store, decided)]

    try:
        # The reaper may still be clearing up after a fault.
        await_true(lambda: not wrong(), "a farm at rest", 30)
    except AssertionError:
        return wrong()
    return []


def _word(tally: Tally) -> str:
    return "whole" if tally.is_whole else f"BROKEN {tally}"


def table(reports: Sequence[Report]) -> str:
    """Return the results of every fault over all seeds, in Markdown."""
    names = [fault.name for fault in (*FAULTS, CLOCK)] + [TOGETHER, AT_THE_END]
    lines = ["| what happened | runs | proofs | lost | doubled | changed | other breaches |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in names:
        found = [tally for report in reports for row, tally in report.rows if row == name]
        if not found:
            lines.append(f"| {name} | not on this machine | | | | | |")
            continue
        sums = [sum(len(getattr(t, what)) for t in found) for what in ("lost", "doubled", "changed", "broken")]
        cells = [len(found), sum(tally.items for tally in found) or "", *sums]
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
