"""False proofs mixed in: invisible while they are rejected, and an alarm and a stop when one is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from farm import Farm, Outcome, Unavailable, rewards
from farm.keys import create_key
from tests.support.running import RunningFarm, await_true, running_farm

TRUE = "import Init\ntheorem two_{} : 1 + 1 = 2 := by rfl"
# What a broken farm looks like: a REPL that takes everything for proved.
CREDULOUS = """#!/bin/sh
n=0
while IFS= read -r line; do
  [ -z "$line" ] && continue
  printf '{"env":%d}\\n\\n' "$n"
  n=$((n + 1))
done
"""


def figure(url: str, name: str, key: str = "") -> float:
    """Return a figure of /metrics."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    text = httpx.get(f"{url}/metrics", headers=headers).text
    [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_canaries_are_judged_and_nobody_sees_them(farm: RunningFarm, client: Farm) -> None:
    rejected, accepted = 'farm_canaries_total{outcome="rejected"}', 'farm_canaries_total{outcome="accepted"}'
    before = figure(farm.url, rejected)

    batch = client.submit([TRUE.format(i) for i in range(20)], canaries=1.0)
    verdicts = batch.wait()
    [one] = client.verify(TRUE.format("alone"), canaries=0.0001)

    assert sorted(verdict.index for verdict in verdicts) == list(range(20))
    assert {verdict.outcome for verdict in [*verdicts, one]} == {Outcome.ACCEPTED}
    status = batch.status()
    assert (status.total, status.done, status.counts.accepted, status.counts.rejected) == (20, 20, 20, 0)
    assert status.state == "done"
    assert not status.paused
    assert figure(farm.url, rejected) == before + 21, "at least one, however small the share"
    assert figure(farm.url, accepted) == 0
    assert [item.index for item in batch.items()] == list(range(20))
    for index in (20, 100_000, 100_001, -1):
        assert httpx.get(f"{farm.url}/v1/batches/{batch.id}/items/{index}").status_code == 404


def test_canaries_of_a_stream_are_spread_over_it(farm: RunningFarm, client: Farm) -> None:
    lines = "".join(f'{{"code":"theorem s_{i} : 1 + 1 = 2 := by rfl"}}\n' for i in range(300))
    headers = {"Content-Type": "application/x-ndjson"}
    before = figure(farm.url, 'farm_canaries_total{outcome="rejected"}')

    accepted = httpx.post(f"{farm.url}/v1/batches?canaries=0.2", content=lines, headers=headers, timeout=30).json()

    assert accepted["total"] == 300
    assert len(client.batch(accepted["batch_id"]).wait()) == 300
    mixed_in = figure(farm.url, 'farm_canaries_total{outcome="rejected"}') - before
    assert 20 < mixed_in < 120


def test_a_cancelled_batch_ends_with_its_canaries(client: Farm) -> None:
    batch = client.submit([f"{TRUE.format(i)}  -- sleep:200" for i in range(60)], canaries=0.5)
    batch.cancel()

    assert len(batch.wait()) == 60
    assert batch.status().done == 60


@pytest.mark.parametrize("share", [-0.1, 1.1, "many"])
def test_a_share_is_a_share(farm: RunningFarm, share: object) -> None:
    body = {"proofs": [{"code": "x"}], "canaries": share}

    assert httpx.post(f"{farm.url}/v1/verify", json=body).status_code == 422


@pytest.fixture
def credulous(tmp_path: Path) -> Iterator[tuple[RunningFarm, str, str]]:
    """A farm that accepts everything, and two keys of it."""
    repl = tmp_path / "repl" / ".lake" / "build" / "bin" / "repl"
    repl.parent.mkdir(parents=True)
    repl.write_text(CREDULOUS)
    lake = tmp_path / "repl" / "lake"
    lake.write_text('#!/bin/sh\n[ "$1" = env ] && { shift; exec "$@"; }\necho lake\n')
    for script in (repl, lake):
        script.chmod(0o755)
    (tmp_path / "repl" / "lean-toolchain").write_text("leanprover/lean4:v4.20.0\n")
    keys = tmp_path / "keys"
    mine, theirs = create_key(keys, "mine"), create_key(keys, "theirs")
    settings = {"LAKE_PATH": str(lake), "LEAN_REPL_DIR": str(repl.parents[3]), "API_KEYS_FILE": str(keys)}
    with running_farm(tmp_path / "own", **settings, VERDICT_CACHE_MB="0", LEAN_WORKERS="1") as running:
        yield running, mine, theirs


def test_an_accepted_canary_stops_its_key_loudly(credulous: tuple[RunningFarm, str, str]) -> None:
    running, mine, theirs = credulous
    with Farm(running.url, api_key=mine, retries=0) as client, Farm(running.url, api_key=theirs) as other:
        batch = client.submit([TRUE.format(i) for i in range(300)], canaries=0.1)
        await_true(lambda: batch.status().paused, "the pause")

        assert other.verify(TRUE.format("theirs"))[0].outcome is Outcome.ACCEPTED, "others go on"
        assert batch.status().done < 300
        assert figure(running.url, "farm_paused_keys", mine) == 1
        assert "canary.accepted" in running.log("lean")
        with pytest.raises(Unavailable, match="farm resume"):
            client.verify(TRUE.format("now"))
        later = client.submit([TRUE.format("later")])

        def marked() -> bool:
            with httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {mine}"}) as http:
                results = http.get(f"/v1/batches/{batch.id}/results").json()["results"]
            return {each.get("revoked") for each in results} <= {"canary accepted"}

        await_true(marked, "the marks")
        assert later.status().done == 0
        assert batch.id in running.command("resume").stdout
        assert running.command("resume", "nobody").returncode == 1

        batch.cancel()
        assert set(rewards(batch.wait())) == {None}
        assert running.command("resume", "mine").returncode == 0
        assert [verdict.reward for verdict in later.wait()] == [1.0]
        assert figure(running.url, "farm_paused_keys", mine) == 0
