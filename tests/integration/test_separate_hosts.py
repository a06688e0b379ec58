"""A farm over three hosts, each with its own network: API and store on one, Lean workers on two; one is cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm import Outcome
from farm.store.constants import LEASE_MS
from tests.conftest import lean_settings, require
from tests.support.hosts import Host, can_make_networks, network
from tests.support.repl.install import Install
from tests.support.running import await_true
from tests.support.spread import Spread, spread

pytestmark = [pytest.mark.root, pytest.mark.system, pytest.mark.networks, pytest.mark.timeout(180)]

WORKERS = 2
# The host that is left must not be done before the other is back: its connections notice within half a minute.
COUNT = 700
# Half of them are false, so that a verdict that went to its neighbour is a wrong one.
CODES = [f"theorem t : 1 + 1 = {2 + index % 2} := by rfl -- sleep:100 {index}" for index in range(COUNT)]


@pytest.fixture
def three(tmp_path: Path, scripted: Install) -> Iterator[tuple[Spread, Host, Host]]:
    """A farm, and the two Lean hosts that have joined it."""
    require(shutil.which("ip"), "iproute2")
    if not can_make_networks():
        pytest.skip("needs root, to make network namespaces")
    settings = lean_settings(scripted)
    with (
        network("head", "lean1", "lean2") as (head, one, two),
        spread(tmp_path, head, settings) as farm,
        farm.joined(one, WORKERS, settings),
        farm.joined(two, WORKERS, settings),
    ):
        yield farm, one, two


def test_a_host_that_is_cut_off_and_comes_back_loses_doubles_and_changes_nothing(
    three: tuple[Spread, Host, Host],
) -> None:
    farm, alone, lost = three
    with farm.client() as client:
        batch = client.submit(CODES, cache=False)
        await_true(lambda: farm.leases_of(lost), "the host has work")
        await_true(lambda: batch.status().done > COUNT // 10, "some of it is done")
        lost.cut_off()
        try:
            elsewhere_s = LEASE_MS / 1000 + 15
            await_true(lambda: not farm.leases_of(lost), "its leases are taken back", elsewhere_s)
            await_true(lambda: not farm.processes_of(lost), "it gives no sign of life")
            assert farm.processes_of(alone) == WORKERS
            done = batch.status().done
            await_true(lambda: batch.status().done > done, "the other host works on")
            assert batch.status().done < COUNT, "the host must come back while there is work"
        finally:
            lost.heal()
        await_true(lambda: farm.leases_of(lost), "the host works again")
        seen = [verdict.index for verdict in batch.results()]
        verdicts = sorted(batch.results(), key=lambda verdict: verdict.index)
        status = batch.status()

    assert sorted(seen) == list(range(COUNT)), "a verdict was lost or doubled"
    expected = [Outcome.REJECTED if index % 2 else Outcome.ACCEPTED for index in range(COUNT)]
    assert [verdict.outcome for verdict in verdicts] == expected
    assert status.counts.model_dump() == {"accepted": COUNT // 2, "rejected": COUNT // 2, "undecided": 0}
    assert max(verdict.attempts for verdict in verdicts) <= 2, "being cut off once was charged more than once"
