"""Verdicts by a toolchain or policy that turns out to be bad: marked, forgotten, and no more of them given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from farm import Farm, rewards
from farm.models import POLICY_VERSION
from farm.store.revocation import Bad, Basis, Revocation
from tests.conftest import lean_settings
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

TRUE = "theorem two_{0} : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    settings = {**lean_settings(scripted), "VERDICT_CACHE_MB": "64"}
    with running_farm(tmp_path_factory.mktemp("revocation"), **settings) as running:
        yield running


@pytest.fixture
def client(own: RunningFarm) -> Iterator[Farm]:
    """A client; whatever a test declared bad is allowed again after it."""
    with own.client() as client:
        yield client
    for line in own.command("revoke").stdout.splitlines()[1:]:
        basis, version = line.split("\t")
        own.command("revoke", f"--{basis}", version, "--withdraw")


def revoke(own: RunningFarm, *arguments: str) -> Any:
    run = own.command("revoke", *arguments, "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def shown_everywhere(own: RunningFarm, batch: str) -> list[list[Any]]:
    """Return the verdicts of a batch in order, from a page, both streams, and item by item."""
    with httpx.Client(base_url=own.url, timeout=30) as http:
        results = f"/v1/batches/{batch}/results"
        page = http.get(results).json()["results"]
        lines = http.get(results, headers={"Accept": "application/x-ndjson"}).text.splitlines()
        events = http.get(results, headers={"Accept": "text/event-stream"}).text.splitlines()
        items = [http.get(f"/v1/batches/{batch}/items/{each['index']}").json()["verdict"] for each in page]
    streamed = [json.loads(line)["result"] for line in lines if '"result"' in line]
    sent = [json.loads(line[6:]) for line in events if line.startswith('data: {"id"')]
    return [sorted(each, key=lambda v: int(v["index"])) for each in (page, streamed, sent, items)]


@pytest.mark.parametrize("basis", ["policy", "toolchain"])
def test_what_rests_on_it_is_marked_everywhere_and_forgotten(own: RunningFarm, client: Farm, basis: str) -> None:
    codes = [TRUE.format(basis), FALSE, f"{TRUE.format(0)}  -- crash!"]
    batch = client.submit(codes)
    first = batch.wait()
    version = {"policy": POLICY_VERSION, "toolchain": str(first[0].environment.lean_version)}[basis]
    assert first[0].evidence.policy == POLICY_VERSION

    listed = revoke(own, f"--{basis}", version, "--dry-run")["verdicts"]
    assert [verdict.revoked for verdict in batch.results()] == [None] * 3
    done = revoke(own, f"--{basis}", version)

    assert done["verdicts"] == listed
    mine = [verdict for verdict in listed if verdict["batch"] == batch.id]
    assert sorted((verdict["index"], verdict["outcome"]) for verdict in mine) == [(0, "accepted"), (1, "rejected")]
    assert done["forgotten"] >= 2
    for verdicts in shown_everywhere(own, batch.id):
        assert [verdict.get("revoked") for verdict in verdicts] == [f"{basis} {version}"] * 2 + [None]
        assert [verdict["outcome"] for verdict in verdicts] == ["accepted", "rejected", "undecided"]
    assert rewards(batch.results()) == [None] * 3
    assert batch.status().revoked == 2
    assert revoke(own, f"--{basis}", version)["verdicts"] == [], "a second time there is nothing to do"


def test_nothing_more_is_judged_by_it_until_it_is_allowed_again(own: RunningFarm, client: Farm) -> None:
    [kept] = client.verify(TRUE.format("kept"))
    running = client.submit([f"{TRUE.format('running')}  -- sleep:4000"])
    await_true(lambda: client.workers().queues[0].leased, "the proof's run")

    # Not by the command, which takes its time to start: the proof has to be running still.
    Revocation(open_store(own.redis_url)).declare(Bad(Basis.POLICY, POLICY_VERSION))
    waiting = client.submit([TRUE.format("kept")])
    await_true(
        lambda: any(f"policy {POLICY_VERSION}" in worker["notice"] for worker in own.workers()), "the worker's notice"
    )
    await_true(lambda: not client.workers().queues[0].leased, "the end of the run")

    assert (running.status().done, waiting.status().done) == (0, 0)
    assert "declared bad" in httpx.get(f"{own.url}/readyz").json()["checks"]["lean"]["notice"]
    own.command("revoke", "--policy", POLICY_VERSION, "--withdraw")
    [late], [again] = running.wait(), waiting.wait()
    assert (kept.reward, late.reward, again.reward) == (1.0, 1.0, 1.0)
    assert (late.revoked, again.revoked) == (None, None)


@pytest.mark.parametrize(
    "arguments", [["--policy", "none-such"], ["--checker", "nanoda 0.1"], ["--toolchain", "v9.9.9"]]
)
def test_what_nothing_rests_on_changes_nothing(own: RunningFarm, client: Farm, arguments: list[str]) -> None:
    [verdict] = client.verify(TRUE.format("untouched"))

    assert revoke(own, *arguments) == {"verdicts": [], "forgotten": 0}
    assert client.verify(TRUE.format("untouched"))[0].cached
    assert verdict.revoked is None


def test_one_thing_at_a_time(own: RunningFarm) -> None:
    assert own.command("revoke", "--policy", "1", "--checker", "x").returncode == 2
