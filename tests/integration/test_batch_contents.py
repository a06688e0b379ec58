"""What lies in a batch, without its texts: names, problems, and which proofs have a text in what Lean said."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from farm import Farm
from tests.security.service.conftest import api_process
from tests.support.running import RunningFarm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
HOLE = "theorem hole (a b : Nat) : a + b = b + a := by sorry"


@pytest.fixture(scope="module")
def batch(farm: RunningFarm) -> str:
    proofs: list[dict[str, Any]] = [
        {"code": TRUE, "problem": "sum", "id": "sum/0"},
        {"code": FALSE, "problem": "sum"},
        {"code": HOLE},
    ]
    with farm.client() as client:
        submitted = client.submit(proofs)
        submitted.wait()
        return submitted.id


def get(farm: RunningFarm, path: str, **params: Any) -> Any:
    answer = httpx.get(f"{farm.url}/v1/batches/{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_names_come_in_pages(farm: RunningFarm, batch: str) -> None:
    first = get(farm, f"{batch}/names", limit=2)
    rest = get(farm, f"{batch}/names", after=first["next"])

    assert first["names"] == [
        {"index": 0, "id": "sum/0", "problem": "sum"},
        {"index": 1, "id": "1", "problem": "sum"},
    ]
    assert rest == {"names": [{"index": 2, "id": "2", "problem": None}], "next": None}


def test_a_text_is_found_in_messages_and_in_goals(farm: RunningFarm, batch: str) -> None:
    found = get(farm, f"{batch}/matches", text="A + B = b + a")
    assert (found["indices"], found["done"]) == ([2], True)

    pages: list[int] = []
    after = ""
    for _ in range(3):
        page = get(farm, f"{batch}/matches", text="e", after=after, limit=1)
        pages += page["indices"]
        after = page["next"]
    assert set(pages) == set(get(farm, f"{batch}/matches", text="e")["indices"]) >= {1, 2}
    assert get(farm, f"{batch}/matches", text="e", after=after) == {"indices": [], "next": after, "done": True}


def test_a_batch_says_what_its_first_proof_attempts(client: Farm, batch: str) -> None:
    assert client.batch(batch).status().first == "sum"
    assert "first" not in client.batch(batch).status().options
    named = client.submit([{"code": TRUE, "id": "two"}])
    assert named.status().first == "two"
    assert client.submit([TRUE]).status().first is None


def test_another_batch_has_none_of_this(farm: RunningFarm) -> None:
    for path in ("nope/names", "nope/matches?text=a", "nope/verdicts.parquet"):
        answer = httpx.get(f"{farm.url}/v1/batches/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_an_api_without_the_library_says_what_to_install(farm: RunningFarm, batch: str) -> None:
    with api_process(farm.redis_url, "import sys; sys.modules['pyarrow'] = None") as url:
        answer = httpx.get(f"{url}/v1/batches/{batch}/verdicts.parquet")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert "pip install 'leanfarm[datasets]'" in answer.json()["error"]["message"]
