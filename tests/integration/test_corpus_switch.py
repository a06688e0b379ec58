"""Another corpus at run time: no query is dropped, numbers keep their meaning, and a restarted worker keeps it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from farm.store.corpora import Corpora, Wish
from tests.conftest import lean_settings
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm
from workers.premises.corpus import SHIPPED

GOAL = "a b : Nat\n⊢ a + b = b + a"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The shipped corpus without its first module, and with a module of its own in front."""
    folder = tmp_path / "other"
    shutil.copytree(SHIPPED, folder)
    names = [json.loads(line)["name"] for line in (folder / "Modules.jsonl").read_text().splitlines()]
    (folder / "Declarations" / f"{min(names)}.jsonl").unlink()
    kept = ["Aaa.Own", *sorted(names)[1:]]
    (folder / "Modules.jsonl").write_text("".join(json.dumps({"name": name}) + "\n" for name in kept))
    line = (SHIPPED / "Declarations" / "Init.Data.Nat.Basic.jsonl").read_text().splitlines()[0]
    record = {**json.loads(line), "name": "Own.first"}
    (folder / "Declarations" / "Aaa.Own.jsonl").write_text(json.dumps(record) + "\n")
    return folder


@pytest.fixture
def farm(tmp_path: Path, scripted: Install) -> Iterator[RunningFarm]:
    with running_farm(tmp_path / "farm", **lean_settings(scripted), LEAN_WORKERS="1") as running:
        yield running


def corpus(farm: RunningFarm) -> str:
    found: str = httpx.get(f"{farm.url}/readyz").json()["checks"]["premises"]["corpus"]
    return found


def ask(farm: RunningFarm, **lists: Any) -> httpx.Response:
    return httpx.post(f"{farm.url}/retrieve", json={"state": GOAL, "k": 1000, **lists}, timeout=60)


def names(answer: httpx.Response) -> set[str]:
    return {premise["name"] for premise in answer.json()}


def use(farm: RunningFarm, repo: str) -> Any:
    farm.environment["DATA_REPO"] = repo
    return farm.command("index", "use", "--json")


def test_a_switch_drops_no_query_and_no_number_changes_its_meaning(farm: RunningFarm, other: Path) -> None:
    modules: list[str] = httpx.get(f"{farm.url}/indexed-modules").json()
    before, seen, done = corpus(farm), list[httpx.Response](), threading.Event()
    number = modules.index("Init.Data.Nat.Basic")
    by_edition = {before: names(ask(farm))}

    def keep_asking(lists: dict[str, Any]) -> None:
        while not done.is_set():
            seen.append(ask(farm, **lists))

    with ThreadPoolExecutor(8) as pool:
        kinds = [{"imported_modules": [number]}, {}]
        asking = [pool.submit(keep_asking, kinds[at % 2]) for at in range(8)]
        try:
            switched = use(farm, str(other))
        finally:
            done.set()
        for each in asking:
            each.result()

    assert switched.returncode == 0, switched.stderr
    after = corpus(farm)
    assert after.startswith(json.loads(switched.stdout)["snapshot"])
    by_edition[after] = names(ask(farm))
    assert {answer.status_code for answer in seen} == {200}
    assert {answer.headers["x-corpus"] for answer in seen} == {before, after}, "the switch was under way meanwhile"
    nat = names(ask(farm, imported_modules=[number]))
    assert len(nat) > 40
    assert by_edition[before] - by_edition[after], "the corpora differ"
    for answer in seen:
        assert names(answer) in (nat, by_edition[answer.headers["x-corpus"]]), "no answer is made of both"

    lists = httpx.get(f"{farm.url}/indexed-modules")
    assert lists.headers["x-corpus"] == after
    assert lists.json() == [*modules, "Aaa.Own"], "known names keep their numbers"
    assert names(ask(farm, imported_modules=[0])) == set(), "a module that is gone selects nothing"
    assert names(ask(farm, imported_modules=[len(modules)])) == {"Own.first"}

    # What an operator chose at run time holds when the worker is replaced.
    [worker] = farm.workers("premises")
    os.kill(worker["pid"], signal.SIGKILL)
    await_true(lambda: [w for w in farm.workers("premises") if w["pid"] != worker["pid"]], "its successor")
    assert names(ask(farm, imported_modules=[len(modules)])) == {"Own.first"}
    assert corpus(farm) == after


def test_a_corpus_that_cannot_be_used_leaves_the_one_before_and_says_why(
    farm: RunningFarm, other: Path, tmp_path: Path
) -> None:
    before = corpus(farm)
    run = use(farm, str(tmp_path))
    assert run.returncode == 1
    assert "holds neither" in " ".join(run.stderr.split()), "the command itself looks first"

    # A worker on another host may have something else at this path.
    with closing(open_store(farm.redis_url)) as client:
        corpora, wish = Corpora(client), Wish(str(other), "", "f" * 64)
        corpora.want(wish)
        outcome = await_true(lambda: corpora.outcome(wish), "the refusal")
        assert f"{other} on {socket.gethostname()} is not the requested corpus" in outcome.failure
        file = other / "Declarations" / "Aaa.Own.jsonl"
        whole = file.read_text()
        file.write_text("{")
        wish = Wish(str(other), "", "f" * 64)
        corpora.want(wish)
        outcome = await_true(lambda: corpora.outcome(wish), "the refusal")
    assert "Aaa.Own.jsonl, line 1" in outcome.failure
    assert corpus(farm) == before
    assert ask(farm).status_code == 200
    [worker] = farm.workers("premises")
    assert worker["state"] in ("idle", "busy")
    assert "Aaa.Own.jsonl, line 1" in worker["notice"]

    # And the next one may be good.
    file.write_text(whole)
    assert use(farm, str(other)).returncode == 0
    assert corpus(farm) != before
    assert farm.workers("premises")[0]["notice"] == ""


def test_a_worker_whose_corpus_is_broken_is_helped_by_another(tmp_path: Path, scripted: Install, other: Path) -> None:
    settings = {**lean_settings(scripted), "LEAN_WORKERS": "1", "DATA_REPO": str(other)}
    with running_farm(tmp_path / "farm", **settings) as farm:
        (other / "revision").unlink()
        os.kill(farm.workers("premises")[0]["pid"], signal.SIGKILL)
        await_true(lambda: [w for w in farm.workers("premises") if w["state"] == "failed"], "the failure")
        answer = ask(farm)
        assert (answer.status_code, "revision: No such file" in answer.text) == (500, True)

        used = use(farm, str(SHIPPED))
        assert used.returncode == 0, used.stderr
        assert ask(farm).status_code == 200
        idle = await_true(lambda: [w for w in farm.workers("premises") if w["state"] == "idle"], "an idle worker")
        assert {worker["notice"] for worker in idle} == {""}


def test_without_a_premise_worker_nothing_is_waited_for(farm: RunningFarm, valkey_url: str) -> None:
    farm.environment["REDIS_URL"] = valkey_url
    run = farm.command("index", "use")
    assert run.returncode == 1
    assert "No premise worker is running" in " ".join(run.stderr.split())
