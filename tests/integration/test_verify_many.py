"""`verify_many` against a real farm: a trainer that is killed and comes back, one that is interrupted, many batches."""

from __future__ import annotations

import signal
import subprocess
import sys
from uuid import uuid4

import pytest

from farm import AsyncFarm, Farm
from farm.errors import Conflict
from farm.models import BatchState, Outcome
from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
TRAINER = """
import sys
from farm import Farm
with Farm() as farm:
    proofs = [f"{sys.argv[1]} -- {index} sleep:100" for index in range(40)]
    key = sys.argv[2] or None
    farm.verify_many(proofs, batch_size=20, idempotency_key=key, on_verdict=lambda each: print(each.id, flush=True))
"""


def slow() -> list[str]:
    return [f"{TRUE} -- {index} sleep:100" for index in range(40)]


def trainer(farm: RunningFarm, key: str) -> subprocess.Popen[str]:
    environment = {**farm.environment, "FARM_URL": farm.url}
    return subprocess.Popen(
        [sys.executable, "-c", TRAINER, TRUE, key],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_trainer_that_was_killed_gets_the_batches_it_had(farm: RunningFarm, client: Farm) -> None:
    key = f"step {uuid4().hex}"
    with trainer(farm, key) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "its first verdict"
        process.kill()
    had = [status.batch_id for status in client.batches(limit=2)]

    run = client.verify_many(slow(), batch_size=20, idempotency_key=key)

    assert run.counts.accepted == 40
    assert run.manifest.batches == list(reversed(had)), "the same two, and in the same order"
    assert [status.batch_id for status in client.batches(limit=2)] == had, "and no other was made"
    with pytest.raises(Conflict):
        client.verify_many([FALSE], idempotency_key=key)


def test_ctrl_c_leaves_no_work_behind(farm: RunningFarm, client: Farm) -> None:
    with trainer(farm, "") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert "KeyboardInterrupt" in said
    ended = {BatchState.CANCELLED, BatchState.DONE}
    first, second = (client.batch(status.batch_id) for status in client.batches(limit=2))
    await_true(lambda: {first.status().state, second.status().state} <= ended, "the end of both batches")
    assert BatchState.CANCELLED in {first.status().state, second.status().state}


async def test_many_batches_give_the_order_of_the_proofs(farm: RunningFarm) -> None:
    async with AsyncFarm(farm.url) as client:
        proofs = [FALSE if index % 3 == 0 else TRUE for index in range(100)]
        run = await client.verify_many(proofs, batch_size=7, in_flight=3)
    assert [each.outcome is Outcome.REJECTED for each in run] == [index % 3 == 0 for index in range(100)]
    assert len(run.manifest.batches) == 15
    assert run.manifest.options["timeout_s"] == 60.0, "the farm's default is written down"
    assert [each.lean_version for each in run.manifest.environments] == [run[0].environment.lean_version]
