"""Repeats, runaways and quotas on a whole farm: one process, the verdict cache on.

The scripted REPL reads directives in comments, Lean does not: every text here is new to the cache unless it says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest

from farm import Farm, Outcome, Reason
from tests.chaos.invariants import leftovers
from tests.conftest import lean_settings
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

QUOTA = 400


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    settings = {"VERDICT_CACHE_MB": "64", "LEAN_WORKERS": "1", "QUOTA_PROOFS": str(QUOTA)}
    with running_farm(tmp_path_factory.mktemp("repeats"), **{**lean_settings(scripted), **settings}) as running:
        yield running


@pytest.fixture
def client(own: RunningFarm) -> Iterator[Farm]:
    with own.client() as client:
        yield client


def theorem(name: str, tail: str = "") -> str:
    return f"theorem {name} : 1 + 1 = 2 := by rfl{tail}"


def test_a_repeat_in_another_batch_and_layout_is_answered_from_the_cache(client: Farm) -> None:
    [first] = client.verify(theorem("layout"))
    [again] = client.verify(f"-- a comment\n\n{theorem('layout')}\r\n")
    [other] = client.verify(theorem("layout").replace(" := by", " :=\n  by"))

    assert (first.cached, again.cached, other.cached) == (False, True, False)
    assert (again.outcome, again.attempts) == (Outcome.ACCEPTED, 0)


def test_a_rejected_repeat_keeps_its_messages_and_never_takes_another_layouts(client: Farm) -> None:
    wrong = "theorem no : 1 + 1 = 3 := by decide"
    [first] = client.verify(wrong)
    [same] = client.verify(wrong)
    [lower] = client.verify(f"\n\n{wrong}")

    assert (same.cached, same.messages) == (True, first.messages)
    assert not lower.cached
    assert lower.messages[0].pos is not None
    assert first.messages[0].pos is not None
    assert lower.messages[0].pos.line == first.messages[0].pos.line + 2


def test_a_manifest_says_what_judged_where_the_cache_answered(client: Farm) -> None:
    first, again = (client.verify_many([theorem("judged")]) for _ in range(2))

    assert (first[0].cached, again[0].cached) == (False, True)
    assert [each.lean_version for each in again.manifest.environments] == [first[0].environment.lean_version]
    assert first.manifest.differences(again.manifest) == {}, "nothing that matters to who repeats it"


def test_a_batch_may_ask_for_runs_of_its_own(client: Farm) -> None:
    client.verify(theorem("switch"))

    assert not client.verify(theorem("switch"), cache=False)[0].cached
    assert client.verify(theorem("switch"))[0].cached


def test_another_timeout_is_another_question(client: Farm) -> None:
    client.verify(theorem("limits"), timeout_s=20)

    assert not client.verify(theorem("limits"), timeout_s=19)[0].cached


def test_copies_in_one_batch_run_once(client: Farm) -> None:
    [warm] = client.verify(theorem("warm_up"))
    assert warm.outcome is Outcome.ACCEPTED
    verdicts = client.verify([theorem("copies", "  -- sleep:300")] * 200)

    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    assert sum(not verdict.cached for verdict in verdicts) == 1
    assert [verdict.index for verdict in verdicts] == list(range(200))


def test_a_copy_of_what_crashes_is_never_called_anything_else(client: Farm) -> None:
    verdicts = client.verify([theorem("crashes", "  -- crash!")] * 3)

    assert {verdict.reason for verdict in verdicts} == {Reason.CRASHED}
    assert not any(verdict.cached for verdict in verdicts)


def test_what_outlasts_its_slice_goes_on_with_the_verdict_of_its_full_time(own: RunningFarm, client: Farm) -> None:
    codes = [theorem(f"quick_{i}") for i in range(150)]
    codes[120] = theorem("runaway", "  -- hang!")
    codes[121] = theorem("long", "  -- sleep:4000")

    batch = client.submit(codes, timeout_s=9)
    found = list(batch.results())

    assert sorted(verdict.index for verdict in found) == list(range(150))
    record = open_store(own.redis_url).hgetall(f"farm:batch:{batch.id}")
    assert int(record[b"outlasted"]) == 2, "both were asked for their place"
    assert b"deferred" not in record, "nothing showed that making room would end the batch sooner"
    by_index = {verdict.index: verdict for verdict in found}
    assert (by_index[120].reason, by_index[120].attempts) == (Reason.TIMEOUT, 1)
    assert "9 s" in by_index[120].messages[0].data
    assert by_index[121].outcome is Outcome.ACCEPTED
    assert {by_index[i].outcome for i in range(120)} == {Outcome.ACCEPTED}


def test_a_verdict_does_not_wait_for_the_proof_after_it(own: RunningFarm, client: Farm) -> None:
    codes = [*(theorem(f"before_{i}") for i in range(24)), theorem("endless", "  -- hang!")]
    batch = client.submit(codes, timeout_s=10)

    found = [verdict.index for verdict in islice(batch.results(), 24)]

    done, history = batch.status().done, open_store(own.redis_url).hgetall(f"farm:batch:{batch.id}:history")
    batch.cancel()
    batch.wait()  # or it would count against the quota of the test after this one
    assert sorted(found) == list(range(24))
    assert (done, b"slow:24" in history) == (24, False), "the last verdict came when the proof after it had ended"


def test_over_its_quota_a_key_gets_429_and_nothing_is_stored(own: RunningFarm, client: Farm) -> None:
    lines = "\n".join(json.dumps({"code": theorem(f"many_{i}")}) for i in range(QUOTA + 1))
    before = client.batches()

    answer = httpx.post(
        f"{own.url}/v1/batches", content=lines, headers={"Content-Type": "application/x-ndjson"}, timeout=30
    )

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["error"]["code"] == "rate_limited"
    assert "QUOTA_PROOFS" in answer.json()["error"]["message"]
    assert client.batches() == before
    assert len(client.verify([theorem(f"few_{i}") for i in range(QUOTA)])) == QUOTA


def test_metrics_and_the_command_line_show_and_purge_the_cache(own: RunningFarm, client: Farm) -> None:
    client.verify(theorem("purged"))
    client.verify(theorem("purged"))

    stats = json.loads(own.command("cache", "stats", "--json").stdout)
    assert stats["hits"] >= 1
    assert stats["kept"] >= 1
    assert f"farm_verdict_cache_entries {float(stats['kept'])}" in httpx.get(f"{own.url}/metrics").text
    assert own.command("cache", "purge").returncode == 2, "which ones has to be said"
    forgotten = json.loads(own.command("cache", "purge", "--all", "--json").stdout)

    assert forgotten["forgotten"] == stats["kept"]
    assert not client.verify(theorem("purged"))[0].cached


def test_expiry_brings_redis_back_to_where_it_was(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path, **lean_settings(scripted), RETENTION_S="1") as running, running.client() as client:
        store = open_store(running.redis_url)
        client.submit([theorem("warm")]).wait()
        client.submit([theorem(f"gone_{i}") for i in range(300)]).wait()
        assert list(leftovers(store, 0)), "nothing was kept that could expire"

        await_true(lambda: not store.exists("farm:expiries"), "the end of what is kept of both batches")

        assert list(leftovers(store, 0)) == []
        assert client.batches() == []
