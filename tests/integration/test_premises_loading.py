"""The answer to a premise query while the premise room is still starting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from farm import Farm
from farm.errors import Unavailable
from tests.support.parts import Parts, parts
from tests.support.running import await_true
from tests.support.tei import HOLD, Tei

SENTENCE = "The premise worker is loading its corpus (Embedding a corpus: 256 of "
QUERY = {"state": "⊢ 1 = 1", "k": 3}


@pytest.fixture
def tei() -> Iterator[Tei]:
    with Tei() as service:
        yield service


@pytest.fixture
def loading(tmp_path: Path, tei: Tei) -> Iterator[Parts]:
    """A farm whose premise worker has embedded the first 256 premises, and gets no further."""
    settings = {"EMBED_SERVICE_URL": tei.url, "EMBED_SERVICE_TIMEOUT": "60"}
    with parts(tmp_path / "farm", settings) as farm:
        farm.start("api", "api")
        farm.start("embed", "workers.embed")
        await_true(lambda: state(farm, "embed") == "idle", "queries can be embedded")
        tei.then(*[None] * 9)  # one greets, eight are a batch
        tei.always = HOLD
        farm.start("premises", "workers.premises")
        await_true(lambda: "256 of" in notice(farm), "it embeds its corpus")
        yield farm
        tei.release()


def state(farm: Parts, kind: str) -> str:
    [worker] = [w for w in httpx.get(f"{farm.url}/v1/workers").json()["workers"] if w["kind"] == kind]
    return str(worker["state"])


def notice(farm: Parts) -> str:
    return str(httpx.get(f"{farm.url}/readyz").json()["checks"]["premises"]["notice"])


def test_it_is_said_on_every_way_and_ends_with_its_cause(loading: Parts, tei: Tei) -> None:
    compatible = httpx.post(f"{loading.url}/retrieve", json=QUERY, timeout=60)
    assert compatible.status_code == 500, "its client knows no other"
    assert compatible.json()["detail"].startswith(SENTENCE)
    assert compatible.headers["retry-after"] == "1"

    answer = httpx.post(f"{loading.url}/v1/retrieve", json={"states": ["⊢ 1 = 1"], "k": 3}, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.json()["error"]["message"].startswith(SENTENCE)
    assert answer.headers["retry-after"] == "1"

    with Farm(loading.url, retries=0) as sdk, pytest.raises(Unavailable, match="loading its corpus"):
        sdk.retrieve_many(["⊢ 1 = 1"], k=3)

    command = [sys.executable, "-m", "farm", "retrieve", "⊢ 1 = 1"]
    environment = {**os.environ, "FARM_URL": loading.url}
    told = subprocess.run(
        command, env=environment, cwd=loading.folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert told.returncode == 1
    assert "loading its corpus" in told.stderr
    assert "Traceback" not in told.stderr

    tei.release()
    await_true(lambda: state(loading, "premises") == "idle", "it has loaded its corpus", 60)
    assert len(httpx.post(f"{loading.url}/retrieve", json=QUERY, timeout=60).json()) == 3
