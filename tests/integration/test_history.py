"""The history of a whole farm, written by real reapers."""

from __future__ import annotations

import json
from collections import Counter

import httpx
import pytest

from farm import Farm
from farm.errors import InvalidRequest
from tests.support.minutes import pass_a_minute
from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"


def proofs_run(farm: RunningFarm) -> int:
    return sum(worker["proofs"] for worker in farm.workers())


def queries_counted(farm: RunningFarm) -> float:
    name = 'farm_http_seconds_count{method="POST",route="/retrieve",status="2xx"}'
    lines = httpx.get(f"{farm.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_what_a_farm_did_is_in_its_history(farm: RunningFarm, client: Farm) -> None:
    pass_a_minute(farm)
    before, queries = proofs_run(farm), queries_counted(farm)
    client.verify([f"{TRUE} -- sleep:200 {index}" for index in range(20)] + [FALSE])
    client.retrieve("⊢ 1 + 1 = 2", k=1)
    # The processes report their counts with their signs of life.
    await_true(lambda: proofs_run(farm) >= before + 21, "the counts of the runs")
    await_true(lambda: queries_counted(farm) > queries, "the count of the query")
    pass_a_minute(farm)

    history = client.history(60, hosts=True)

    known = [minute for minute in history.minutes if minute]
    verdicts = sum((Counter(minute.verdicts) for minute in known), Counter[str]())
    assert verdicts["accepted"] >= 20
    assert verdicts["error"] >= 1
    assert known[-1].processes == {"lean": 2, "embed": 1, "premises": 1}
    assert known[-1].memory_mb > 10
    assert max(minute.run_p95_s or 0 for minute in known) >= 0.1
    assert sum(minute.retrievals for minute in known) >= 1
    assert len(history.minutes) == 60
    assert history.minutes[0] is None, "this farm is younger than an hour: that is no hour of zeros"
    [host] = history.hosts
    assert host == farm.workers()[0]["host"]
    assert sum(each.proofs for each in history.hosts[host] if each) >= 20


def test_the_command_shows_the_history_or_says_what_is_wrong(farm: RunningFarm) -> None:
    found = json.loads(farm.command("history", "--minutes", "5", "--json").stdout)
    assert len(found["minutes"]) == 5
    head, *lines = farm.command("history", "-m", "5").stdout.splitlines()
    assert head.startswith("minute\taccepted\trejected")
    assert len(lines) == 5

    refused = farm.command("history", "--minutes", "1441")
    assert refused.returncode == 2
    assert "1440" in refused.stderr


@pytest.mark.parametrize("minutes", [0, -1, 1441])
def test_more_than_a_day_is_refused(client: Farm, minutes: int) -> None:
    with pytest.raises(InvalidRequest, match="minutes"):
        client.history(minutes)
