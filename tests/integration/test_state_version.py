"""The version of the store's state: which releases may start, which are refused, and where the version is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from farm.errors import SchemaMismatch
from farm.store.schema import enter_store, read_schema
from farm.store.scripts import source
from tests.conftest import lean_settings
from tests.support.open_store import OpenStore, open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm


@pytest.fixture
def store(valkey_url: str) -> Iterator[OpenStore]:
    """An empty store."""
    client = open_store(valkey_url)
    client.flushdb()
    yield client
    client.flushdb()


def ours(store: OpenStore) -> int:
    return read_schema(store).ours


def test_who_comes_first_says_which_version_it_is(store: OpenStore) -> None:
    enter_store(store)

    assert int(store.get("farm:schema")) == ours(store)


def test_state_that_says_nothing_is_that_of_the_first_release(store: OpenStore) -> None:
    assert read_schema(store).store == ours(store), "there is no state yet"
    store.zadd("farm:environments", {"default": 1})

    assert read_schema(store).store == 1


@pytest.mark.parametrize("apart", [-1, 0, 1])
def test_one_version_apart_is_let_in_and_the_newer_one_stays(store: OpenStore, apart: int) -> None:
    store.set("farm:schema", ours(store) + apart)

    enter_store(store)

    assert int(store.get("farm:schema")) == ours(store) + max(apart, 0)


@pytest.mark.parametrize(("apart", "advice"), [(-2, "releases between"), (2, "later release")])
def test_two_versions_apart_is_refused_and_changes_nothing(store: OpenStore, apart: int, advice: str) -> None:
    store.set("farm:schema", ours(store) + apart)

    with pytest.raises(SchemaMismatch, match=advice) as refused:
        enter_store(store)

    assert refused.value.code == "schema"
    assert int(store.get("farm:schema")) == ours(store) + apart


def test_the_next_release_is_let_in_and_the_one_after_it_then(store: OpenStore) -> None:
    enter_store(store)
    number = f"local SCHEMA = {ours(store)}"
    for step in (1, 2):
        later = source("schema").replace(number, f"local SCHEMA = {ours(store) + step}")
        assert later != source("schema"), "the number stands where the schema does"
        store.eval(later, 0, "enter")
        assert int(store.get("farm:schema")) == ours(store) + step

    with pytest.raises(SchemaMismatch):
        enter_store(store)


PROCESSES = ["api", "workers.lean", "workers.reaper", "workers.embed", "workers.premises"]


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_that_is_refused_ends_and_says_what_to_do(
    store: OpenStore, valkey_url: str, module: str, tmp_path: Path
) -> None:
    store.set("farm:schema", ours(store) + 2)

    line = failed_start(module, valkey_url, tmp_path)

    assert line["code"] == "schema"
    assert "install a later release" in line["error"]


@pytest.mark.parametrize("module", PROCESSES)
def test_no_process_works_on_a_store_that_may_forget_verdicts(
    store: OpenStore, valkey_url: str, module: str, tmp_path: Path
) -> None:
    store.config_set("maxmemory-policy", "allkeys-lru")
    try:
        line = failed_start(module, valkey_url, tmp_path)
    finally:
        store.config_set("maxmemory-policy", "noeviction")

    assert line["code"] == "configuration"
    assert "noeviction" in line["error"]


def failed_start(module: str, url: str, folder: Path) -> dict[str, str]:
    """Return the one line of a process that does not start."""
    environment = {**os.environ, "REDIS_URL": url, "DATA_DIR": str(folder)}
    run = subprocess.run(
        [sys.executable, "-m", module], env=environment, cwd=folder, capture_output=True, timeout=60, check=False
    )
    line: dict[str, str] = json.loads(run.stderr)
    assert (run.returncode, line["event"]) == (1, "process.failed")
    return line


def test_readiness_and_doctor_show_both_versions(tmp_path: Path, scripted: Install) -> None:
    with running_farm(tmp_path / "farm", **lean_settings(scripted)) as farm:
        store = open_store(farm.redis_url)
        words = f"state version {ours(store)}, this release {ours(store)}"
        assert readiness(farm)["checks"]["redis"] == {"ready": True, "engine": words, "notice": ""}
        assert words in doctor(farm)

        store.set("farm:schema", ours(store) + 2)

        await_true(lambda: readiness(farm)["status"] == "not ready", "it is not ready any more")
        assert "install a later release" in readiness(farm)["checks"]["redis"]["notice"]
        assert "install a later release" in doctor(farm)


def doctor(farm: RunningFarm) -> str:
    """Return what `farm doctor` says of the store."""
    told = replace(farm, environment={**farm.environment, "REDIS_URL": farm.redis_url}).command("doctor", "--json")
    return next(str(finding) for finding in json.loads(told.stdout) if finding["subject"] == "redis")


def readiness(farm: RunningFarm) -> Any:
    return httpx.get(f"{farm.url}/readyz").json()
