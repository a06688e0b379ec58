"""The store does not answer for a while: a proof is charged only with Lean's time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farm import Outcome
from tests.conftest import lean_settings
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, running_farm

TIMEOUT_S = 1
AWAY_S = 5


@pytest.fixture(scope="module")
def own_farm(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    """A farm whose store is stopped."""
    with running_farm(tmp_path_factory.mktemp("own"), **lean_settings(scripted)) as running:
        yield running


def test_no_proof_times_out_because_the_store_is_away(own_farm: RunningFarm) -> None:
    codes = [f"theorem two : 1 + 1 = 2 := by rfl -- sleep:100 {i}" for i in range(80)]
    seen: set[int] = set()
    with own_farm.client() as client:
        batch = client.submit(codes, timeout_s=TIMEOUT_S)
        for verdict in batch.results():
            seen.add(verdict.index)
            # Three times in the course of the batch, with verdicts under way from both processes.
            if len(seen) in (30, 45, 60):
                be_away(own_farm)
            assert verdict.outcome is Outcome.ACCEPTED, verdict
            assert verdict.attempts == 1
            assert verdict.time_s < TIMEOUT_S
        assert seen == set(range(80))
        assert batch.status().counts.accepted == 80


def be_away(farm: RunningFarm) -> None:
    """Have the store answer nobody for a while, as a stopped process or a failing network does; it ends by itself."""
    open_store(farm.redis_url).execute_command("CLIENT", "PAUSE", AWAY_S * 1000, "ALL")
