"""Two releases on one store: the last one's API with this one's workers, the reverse, and an upgrade in mid-batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from farm import Farm, Verdict
from tests.support.parts import ROOT, Parts, parts, previous_release
from tests.support.repl.install import Install
from tests.support.running import await_true, scripted_settings

pytestmark = pytest.mark.timeout(180)

COUNT = 400
# Each is another question, so that each runs. Half are false: a verdict that went to its neighbour is a wrong one.
# The later ones take longer, so that on a busy machine too there is work left when every part has been replaced.
CODES = [f"theorem t{i} : 1 + {i} = {i + 1 + i % 2} := by rfl -- sleep:{30 if i < 100 else 100}" for i in range(COUNT)]
# What dies is charged, and comes again; what never ends runs twice, the second time with its full time.
CODES[7], CODES[301] = "theorem c : 1 = 1 := by rfl -- crash!", "theorem h : 1 = 1 := by rfl -- hang!"
STATEMENT = "theorem s : 2 + 2 = 4"
WORKERS = {"reaper": "workers.reaper", "embed": "workers.embed", "premises": "workers.premises", "lean": "workers.lean"}


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of the previous release."""
    return previous_release(tmp_path_factory.mktemp("release") / "previous")


@pytest.fixture
def settings(scripted: Install) -> dict[str, str]:
    return {**scripted_settings(scripted), "LEAN_WORKERS": "1", "LEAN_TIMEOUT_S": "2"}


def said(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """Return what verdicts come to, in the order of their proofs."""
    return [(str(v.outcome), str(v.reason or "")) for v in sorted(verdicts, key=lambda v: v.index)]


def expected() -> list[tuple[str, str]]:
    found = [("rejected", "error") if index % 2 else ("accepted", "") for index in range(COUNT)]
    found[7], found[301] = ("undecided", "crashed"), ("undecided", "timeout")
    return found


def use_everything(farm: Parts, client: Farm) -> None:
    """Ask for one thing of each kind that an API and workers say to each other."""
    assert said(client.verify(CODES[:40], timeout_s=2)) == expected()[:40]
    assert said(client.verify(CODES[:40], timeout_s=2)) == expected()[:40], "from the cache"
    [checked] = client.verify([{"code": f"{STATEMENT} := by rfl", "statement": STATEMENT}], level="checked")
    assert str(checked.level) == "checked"
    assert client.commands([{"cmd": "example : 1 = 1 := rfl"}]).responses
    assert client.tactics([{"statement": STATEMENT, "candidates": ["rfl"]}]).results
    assert len(client.retrieve("⊢ 1 + 1 = 2", k=3)) == 3
    [[new]] = client.retrieve_many(["⊢ p"], k=1, new_premises=[{"name": "n", "decl": "p"}], imported_modules=[])
    assert (new.name, new.statement) == ("n", "p")
    cancelled = client.submit(["theorem x : 1 = 1 := by rfl -- sleep:300 " + str(i) for i in range(50)], cache=False)
    await_true(lambda: cancelled.status().done, "it has begun")
    cancelled.cancel()
    assert len(list(cancelled.results())) == 50
    for path in ("/v1/workers", "/v1/environments", "/metrics", "/readyz"):
        assert httpx.get(f"{farm.url}{path}").status_code == 200, path


@pytest.mark.parametrize("is_api_new", [True, False])
def test_api_and_workers_of_neighbouring_releases_understand_each_other(
    previous: Path, settings: dict[str, str], tmp_path: Path, *, is_api_new: bool
) -> None:
    of_api, of_workers = (ROOT, previous) if is_api_new else (previous, ROOT)
    with parts(tmp_path / "farm", settings) as farm:
        for name, module in WORKERS.items():
            farm.start(name, module, of_workers)
        farm.start("api", "api", of_api)
        with farm.client() as client:
            await_true(lambda: httpx.get(f"{farm.url}/readyz").status_code == 200, "every part is ready")
            use_everything(farm, client)


def test_a_farm_is_upgraded_in_the_middle_of_a_batch(previous: Path, settings: dict[str, str], tmp_path: Path) -> None:
    with parts(tmp_path / "farm", settings) as farm:
        for name, module in (("reaper", "workers.reaper"), ("lean1", "workers.lean"), ("lean2", "workers.lean")):
            farm.start(name, module, previous)
        farm.start("api", "api", previous)
        with farm.client() as client:
            batch = client.submit(CODES)
            await_true(lambda: batch.status().done > COUNT // 10, "some of it is done")
            farm.replace("lean1", "workers.lean")
            farm.replace("reaper", "workers.reaper")
            farm.replace("lean2", "workers.lean")
            assert batch.status().done < COUNT, "the workers must be replaced while there is work"
            farm.replace("api", "api")
            verdicts, again = list(batch.results()), client.verify(CODES)
            status = batch.status()

        assert sorted(verdict.index for verdict in verdicts) == list(range(COUNT)), "a verdict was lost or doubled"
        assert said(verdicts) == expected()
        assert said(again) == expected(), "what the previous release kept is read as something else"
        outcomes = [outcome for outcome, _ in expected()]
        assert status.counts.model_dump() == {name: outcomes.count(name) for name in status.counts.model_dump()}
