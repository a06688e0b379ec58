"""`python -m tests.chaos.standstill`: how soon a farm works again after faults between it and its store.

Prints a table in Markdown: seconds from the end of each interruption to the first verdict of a fresh batch, all of
which comes, and to the first answer of `/retrieve`; for an interruption that is not ended, from its beginning.
"""

from __future__ import annotations

import argparse
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.evidence import evidence
from tests.chaos.faults import GONE
from tests.chaos.ground import Ground, ground
from tests.chaos.interruptions import INTERRUPTIONS, Interruption
from tests.support.repl.install import install

LIMIT_S = 30.0
_PATIENCE_S = 200.0
_LINGER_S = 12.0


@dataclass(frozen=True)
class Recovery:
    """How the farm recovered from one interruption; None: it did not.

    Attributes:
        verdict_s: seconds to the first verdict.
        answer_s: seconds to the first answer.
    """

    name: str
    verdict_s: float | None
    answer_s: float | None

    @property
    def worst_s(self) -> float:
        """The later of both."""
        return max(_PATIENCE_S if each is None else each for each in (self.verdict_s, self.answer_s))


def main() -> None:
    """Run; exit 0 only if nothing took longer than half a minute."""
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos.standstill")
    arguments.add_argument("--times", type=int, default=10, help="how often each")
    arguments.add_argument("--mixed", type=int, default=0, help="this many short ones at random instead")
    arguments.add_argument("--seed", type=int, help="decides every choice; random when absent")
    arguments.add_argument("--only", default="", help="those whose name holds this")
    given = arguments.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    chosen = [each for each in INTERRUPTIONS if given.only in each.name]
    short = [each for each in chosen if each.is_short]
    plan = [rng.choice(short) for _ in range(given.mixed)] or [each for each in chosen for _ in range(given.times)]
    found = list(_recoveries(plan, rng))
    print(f"\n{table(found)}")
    sys.exit(1 if any(each.worst_s > LIMIT_S for each in found) else 0)


def _recoveries(plan: Sequence[Interruption], rng: random.Random) -> Iterator[Recovery]:
    """Make one interruption after another; after one without an end, the next meets a new farm."""
    left = list(plan)
    with tempfile.TemporaryDirectory(prefix="leanfarm-standstill-") as name:
        repl = install(Path(name) / "repl")
        while left:
            with ground(Path(name) / str(len(left)), repl) as here:
                here.first_answer(time.monotonic() + _PATIENCE_S)
                while left:
                    recovery = _interrupt(here, left.pop(0), rng)
                    print(f"{recovery.name}: {_seconds(recovery.verdict_s)}, {_seconds(recovery.answer_s)}", flush=True)
                    yield recovery
                    if recovery.worst_s >= _PATIENCE_S:
                        break


def _interrupt(here: Ground, interruption: Interruption, rng: random.Random) -> Recovery:
    """Make one interruption, under load or at rest, and see how soon the farm works again."""
    if rng.random() < 0.5:
        here.submit(120, rng.choice([5, 20, 40]), time.monotonic() + _PATIENCE_S)
        time.sleep(rng.uniform(0, 1.5))
    elif rng.random() < 0.5:
        # After this time the rooms wait for tokens.
        time.sleep(_LINGER_S)
    over = _strike(here, interruption, rng)
    until = over + _PATIENCE_S
    with ThreadPoolExecutor(2) as pool:
        verdict, answer = pool.submit(here.first_verdict, until), pool.submit(here.first_answer, until)
        recovery = Recovery(interruption.name, _since(over, verdict.result()), _since(over, answer.result()))
    if recovery.worst_s > LIMIT_S:
        print(f"SLOW {recovery}\n{evidence(here.ill)}", flush=True)
    return recovery


def _strike(here: Ground, interruption: Interruption, rng: random.Random) -> float:
    while True:
        try:
            return interruption.strike(here, rng)
        except GONE:
            # The process that was to be struck is just being replaced.
            time.sleep(1)


def _since(over: float, then: float | None) -> float | None:
    return None if then is None else then - over


def _seconds(seconds: float | None) -> str:
    return "no end" if seconds is None else f"{seconds:.1f}"


def table(found: Sequence[Recovery]) -> str:
    """Return the results of every interruption, in Markdown."""
    lines = ["| what happened | runs | first verdict, median | longest | first answer, median | longest | no end |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in [each.name for each in INTERRUPTIONS]:
        if runs := [each for each in found if each.name == name]:
            cells = [cell for kind in ("verdict_s", "answer_s") for cell in _summary(runs, kind)]
            ends = sum(each.worst_s >= _PATIENCE_S for each in runs)
            lines.append(f"| {name} | {len(runs)} | {' | '.join(cells)} | {ends} |")
    return "\n".join(lines)


def _summary(runs: Sequence[Recovery], kind: str) -> tuple[str, str]:
    seconds = [value for each in runs if (value := getattr(each, kind)) is not None]
    return (f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("", "")


if __name__ == "__main__":
    main()
