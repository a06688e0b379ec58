"""One client in many threads and processes: each call gets its own answer, and never another's reward."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.running import RunningFarm

CALLS = 1200


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["thread", "fork", "forkserver", "spawn"])
def test_each_call_gets_its_own_answer(farm: RunningFarm, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.calling", kind, str(CALLS)],
        env={**farm.environment, "FARM_URL": farm.url},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == {"right": CALLS}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/workers"),
        ("GET", "/nothing"),
        ("PUT", "/v1/batches"),
        ("POST", "/v1/verify"),
        ("POST", "/retrieve"),
    ],
)
def test_every_answer_bears_the_name_of_its_request(farm: RunningFarm, method: str, path: str) -> None:
    answer = httpx.request(method, farm.url + path, headers={"Farm-Request": "step-17.try_2"})
    assert answer.headers["Farm-Request"] == "step-17.try_2"


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "<script>"])
def test_a_name_of_another_form_is_not_repeated(farm: RunningFarm, name: str) -> None:
    assert "Farm-Request" not in httpx.get(f"{farm.url}/livez", headers={"Farm-Request": name}).headers
