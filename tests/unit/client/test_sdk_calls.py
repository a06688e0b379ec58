"""Every method: what goes over the wire, and what comes back."""

from __future__ import annotations

import json

import pytest

from farm.errors import FarmError, InvalidRequest, NotFound
from farm.models import DetailedPremise, Level, NewPremise, Outcome, Proof, Reason, RetrievedPremise, rewards
from tests.unit.client.conftest import Connect, Driver, collected, settled
from tests.unit.client.scripted_farm import (
    ScriptedFarm,
    accepted,
    answer,
    line,
    refuse,
    results,
    status_json,
    stream,
    verdict_json,
)

SOURCE = "theorem two : 1 + 1 = 2 := rfl"


async def test_verify_returns_verdicts_in_the_order_of_the_proofs(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(results(verdict_json(0), verdict_json(1, Reason.ERROR, "mine"), verdict_json(2)))
    proofs = [SOURCE, {"code": SOURCE, "id": "mine"}, Proof(code="by simp", statement="theorem t : True")]
    verdicts = await driver.call("verify", proofs, timeout_s=2.5, priority=9, cache=False)
    assert rewards(verdicts) == [1.0, 0.0, 1.0]
    [asked] = scripted.asked
    assert (asked.method, asked.path) == ("POST", "/v1/verify")
    assert asked.json() == {
        "proofs": [
            {"code": SOURCE},
            {"id": "mine", "code": SOURCE},
            {"code": "by simp", "statement": "theorem t : True"},
        ],
        "timeout_s": 2.5,
        "priority": 9,
        "cache": False,
    }


@pytest.mark.parametrize("one", [SOURCE, {"code": SOURCE}, Proof(code=SOURCE)])
async def test_one_proof_needs_no_list(scripted: ScriptedFarm, driver: Driver, one: object) -> None:
    scripted.script(results(verdict_json(0)))
    [verdict] = await driver.call("verify", one)
    assert verdict.outcome is Outcome.ACCEPTED
    assert verdict.level is Level.COMPILED
    assert scripted.asked[0].json() == {"proofs": [{"code": SOURCE}]}


async def test_text_travels_unescaped_as_utf_8(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(results(verdict_json(0)))
    await driver.call("verify", "∀ x\u2028🦥")
    assert scripted.asked[0].body == '{"proofs":[{"code":"∀ x\u2028🦥"}]}'.encode()


async def test_more_than_a_thousand_proofs_go_as_a_batch(scripted: ScriptedFarm, driver: Driver) -> None:
    total = 1001
    lines = [line(index, number) for number, index in enumerate(reversed(range(total)), 1)]
    end = {"cursor": "1001-0", "done": True}
    scripted.script(accepted(total), answer(status_json(total=total)), stream(*lines, end))
    verdicts = await driver.call("verify", (f"{SOURCE} -- {index}" for index in range(total)), priority=1)
    assert [verdict.index for verdict in verdicts] == list(range(total))
    assert [asked.path for asked in scripted.asked] == ["/v1/batches", "/v1/batches/b1", "/v1/batches/b1/results"]
    assert len(scripted.asked[0].json()["proofs"]) == total
    assert scripted.asked[0].json()["priority"] == 1


async def test_what_is_too_big_for_one_json_value_goes_as_lines(scripted: ScriptedFarm, driver: Driver) -> None:
    proofs = [f"-- {index}\n" + "∀" * 300_000 for index in range(40)]
    scripted.script(accepted(40))
    await driver.call("submit", proofs, level="compiled", cache=False)
    [asked] = scripted.asked
    assert asked.headers["content-type"] == "application/x-ndjson"
    assert asked.query == {"level": "compiled", "cache": "false"}
    assert [json.loads(text)["code"] for text in asked.body.split(b"\n")] == proofs


async def test_submit_returns_a_handle(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(accepted())
    batch = await driver.call("submit", [SOURCE])
    assert (batch.id, batch.cursor) == ("b1", None)
    assert scripted.asked[0].headers["content-type"] == "application/json"


async def test_a_handle_sees_and_cancels_its_batch(scripted: ScriptedFarm, driver: Driver) -> None:
    batch = driver.farm.batch("b/1")
    item = {"index": 2, "proof": {"code": SOURCE}, "verdict": verdict_json(2)}
    scripted.script(answer(status_json("b/1", done=1)), answer(item), answer(status_json("b/1", state="cancelled")))
    assert (await settled(batch.status())).done == 1
    assert (await settled(batch.item(2))).proof.code == SOURCE
    assert (await settled(batch.cancel())).state == "cancelled"
    assert [(asked.method, asked.path) for asked in scripted.asked] == [
        ("GET", "/v1/batches/b%2F1"),
        ("GET", "/v1/batches/b%2F1/items/2"),
        ("DELETE", "/v1/batches/b%2F1"),
    ]


async def test_an_unknown_batch_is_not_found(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(*[refuse(404, "not_found")] * 3)
    batch = driver.farm.batch("nope")
    with pytest.raises(NotFound):
        await settled(batch.status())
    with pytest.raises(NotFound):
        await settled(batch.wait())
    with pytest.raises(NotFound):
        await collected(batch)


async def test_batches_lists_the_latest(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer({"batches": [status_json("b2"), status_json("b1")]}))
    assert [each.batch_id for each in await driver.call("batches", limit=2)] == ["b2", "b1"]
    assert scripted.asked[0].query == {"limit": "2"}


async def test_retrieve_sends_what_the_premise_server_knows(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer([{"score": 0.9, "name": "Nat.add_comm"}]))
    found = await driver.call(
        "retrieve",
        "⊢ a + b = b + a",
        4,
        imported_modules=("Init.Core", 7),
        new_premises=[NewPremise(name="mine", decl="theorem mine : True"), {"name": "b", "decl": "c"}],
    )
    assert found == [RetrievedPremise(score=0.9, name="Nat.add_comm")]
    [asked] = scripted.asked
    assert (asked.method, asked.path) == ("POST", "/retrieve")
    assert asked.json() == {
        "state": "⊢ a + b = b + a",
        "k": 4,
        "imported_modules": ["Init.Core", 7],
        "new_premises": [{"name": "mine", "decl": "theorem mine : True"}, {"name": "b", "decl": "c"}],
        "caller_in_module_system": False,
    }


async def test_retrieve_many_sends_its_goals_at_once(scripted: ScriptedFarm, driver: Driver) -> None:
    premise = {"score": 0.9, "name": "a", "kind": "theorem", "module": "M", "statement": "theorem a : True"}
    timings = {"embed": 0.1, "search": 0.1, "total": 0.3}
    scripted.script(answer({"results": [{"premises": [premise]}, {"premises": []}], "timings_s": timings}))

    found = await driver.call("retrieve_many", ("⊢ a", "⊢ b"), 4, local_premises=[1])

    assert found == [[DetailedPremise.model_validate(premise)], []]
    [asked] = scripted.asked
    assert (asked.method, asked.path) == ("POST", "/v1/retrieve")
    assert asked.json() == {
        "states": ["⊢ a", "⊢ b"],
        "k": 4,
        "local_premises": [1],
        "new_premises": [],
        "caller_in_module_system": False,
    }
    for states in ((), ["⊢"] * 65):
        with pytest.raises(InvalidRequest, match="states"):
            await driver.call("retrieve_many", states)


@pytest.mark.parametrize("options", [{"k": "many"}, {"new_premises": [{"name": "x"}]}, {"imported_modules": "Init"}])
async def test_a_wrong_premise_query_is_refused_here(
    scripted: ScriptedFarm, driver: Driver, options: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(options))):
        await driver.call("retrieve", "⊢ True", **options)
    with pytest.raises(InvalidRequest, match="surrogates"):
        await driver.call("retrieve", "\ud800")
    assert scripted.asked == []


async def test_workers_shows_who_is_there(scripted: ScriptedFarm, driver: Driver) -> None:
    worker = {"id": "w", "kind": "lean", "host": "h", "pid": 1}
    scripted.script(answer({"workers": [worker], "draining": True}))
    status = await driver.call("workers")
    assert status.draining
    assert status.workers[0].kind == "lean"


async def test_environments_are_listed_as_the_farm_orders_them(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer({"environments": [{"name": "default"}, {"name": "mathlib", "workers": 2, "seen_s": 0.5}]}))
    first, second = await driver.call("environments")
    assert scripted.asked[0].path == "/v1/environments"
    assert (first.name, first.workers, first.seen_s) == ("default", 0, None)
    assert (second.name, second.workers, second.seen_s) == ("mathlib", 2, 0.5)


async def test_history_keeps_what_is_missing_apart_from_zero(scripted: ScriptedFarm, driver: Driver) -> None:
    quiet = {"at": 1790000040, "verdicts": {}}
    host = {"node07": [None, {"processes": 2, "proofs": 5}]}
    scripted.script(answer({"start": 1789999980, "minutes": [None, quiet], "hosts": host, "events": [], "alarms": []}))
    history = await driver.call("history", 2, hosts=True)
    assert scripted.asked[0].path == "/v1/history"
    assert scripted.asked[0].query == {"minutes": "2", "hosts": "true"}
    assert history.minutes[0] is None
    assert history.minutes[1].verdicts == {}
    assert [each and each.proofs for each in history.hosts["node07"]] == [None, 5]


@pytest.mark.parametrize("status", [200, 503])
async def test_ready_is_an_answer_either_way(scripted: ScriptedFarm, driver: Driver, status: int) -> None:
    checks = {"status": "?", "checks": {"redis": {"ready": status == 200}}}
    scripted.script(answer(checks, status))
    assert await driver.call("ready") == checks
    assert driver.pauses == []


async def test_a_path_in_front_of_the_farm_is_kept(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(answer({"workers": []}))
    await connect(f"{scripted.url}/lab/farm/").call("workers")
    assert scripted.asked[0].path == "/lab/farm/v1/workers"


async def test_an_answer_of_no_farm_says_so(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(answer({"welcome": "to another service"}))
    with pytest.raises(FarmError, match=r"answers, but not as a farm of this version"):
        await driver.call("workers")


async def test_check_speaks_kimina_s_shapes(scripted: ScriptedFarm, driver: Driver) -> None:
    said = {"env": 0, "messages": [{"severity": "info", "data": "x", "pos": {"line": 1, "column": 0}}]}
    results = [{"id": "0", "time": 0.1, "response": said}, {"id": "b", "time": 1.0, "error": "timed out"}]
    scripted.script(answer({"results": results}))

    good, late = await driver.call("check", [SOURCE, {"id": "b", "code": SOURCE}], timeout=5, infotree="tactics")

    assert (good.id, good.response, good.error) == ("0", said, None)
    assert (late.id, late.response, late.error) == ("b", None, "timed out")
    [asked] = scripted.asked
    assert (asked.method, asked.path) == ("POST", "/api/check")
    snippets = [{"id": "0", "code": SOURCE}, {"id": "b", "code": SOURCE}]
    wishes = {"timeout": 5, "debug": False, "reuse": True, "infotree": "tactics"}
    assert asked.json() == {"snippets": snippets, **wishes}


@pytest.mark.parametrize(
    ("snippets", "says"),
    [
        ([], "at least 1 item"),
        ([SOURCE, {"id": "0", "code": SOURCE}], "unique ids"),
        ([{"code": SOURCE}], "id: Field"),
        (["\ud800"], "surrogates"),
    ],
)
async def test_wrong_snippets_are_refused_here(
    scripted: ScriptedFarm, driver: Driver, snippets: list[object], says: str
) -> None:
    with pytest.raises(InvalidRequest, match=says):
        await driver.call("check", snippets)
    assert scripted.asked == []
