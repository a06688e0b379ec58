"""Many proofs at one call: how they are sent, what comes back, and what is left in the farm after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from farm.client import AsyncFarm, Farm, Manifest, Run
from farm.client.manifest import content_hash
from farm.client.series import SeriesFields, SeriesPlan
from farm.client.submission import OptionFields
from farm.errors import ConfigurationError, ConnectionFailed, FarmError, InvalidRequest, NotFound, RateLimited
from farm.models import Outcome, Proof, Reason, Verdict, verdict
from tests.unit.client.conftest import Connect, Driver
from tests.unit.client.scripted_farm import (
    LOST,
    ScriptedFarm,
    accepted,
    answer,
    finished,
    line,
    paths,
    refuse,
    status_json,
    stream,
    stream_of,
)

SOURCE = "theorem two : 1 + 1 = 2 := rfl"


def three_batches(scripted: ScriptedFarm) -> None:
    scripted.script(accepted(2, "a"), accepted(2, "b"), stream_of(None, Reason.ERROR), finished("a", 2))
    scripted.script(accepted(1, "c"), stream_of(None, Reason.TIMEOUT, ids="23"), finished("b", 2))
    scripted.script(stream_of(Reason.SORRY, ids="4"), finished("c"))


async def test_batches_overlap_and_verdicts_keep_the_order(scripted: ScriptedFarm, driver: Driver) -> None:
    three_batches(scripted)
    seen: list[tuple[int, int]] = []
    streamed: list[Verdict] = []

    run = await driver.call(
        "verify_many",
        (f"{SOURCE} -- {index}" for index in range(5)),
        batch_size=2,
        in_flight=2,
        timeout_s=60,
        progress=lambda *step: seen.append(step),
        on_verdict=streamed.append,
    )

    read = {name: [f"GET /{name}/results", f"GET /{name}"] for name in "abc"}
    assert paths(scripted) == ["POST ", "POST ", *read["a"], "POST ", *read["b"], *read["c"]]
    assert [each.index for each in run] == list(range(5))
    assert run.rewards(undecided=-1.0) == [1.0, 0.0, 1.0, -1.0, 0.0]
    assert [each.index for each in streamed] == [1, 0, 3, 2, 4]
    assert seen == [(1, 4), (2, 4), (3, 5), (4, 5), (5, 5)], "of a generator the total is what was read"
    submitted = [proof["id"] for asked in scripted.asked if asked.method == "POST" for proof in asked.json()["proofs"]]
    assert submitted == ["0", "1", "2", "3", "4"], "an id names a proof in the whole run"
    assert scripted.asked[0].json()["timeout_s"] == 60


async def test_one_proof_needs_no_list_and_a_list_is_counted_at_once(scripted: ScriptedFarm, driver: Driver) -> None:
    seen: list[tuple[int, int]] = []
    scripted.script(accepted(1, "a"), stream_of(None), finished("a"))
    assert len(await driver.call("verify_many", SOURCE, progress=lambda *step: seen.append(step))) == 1
    scripted.script(
        accepted(1, "a"), stream_of(None), finished("a"), accepted(1, "b"), stream_of(None, ids="1"), finished("b")
    )
    await driver.call(
        "verify_many", [SOURCE, SOURCE], batch_size=1, in_flight=1, progress=lambda *step: seen.append(step)
    )
    assert seen == [(1, 1), (1, 2), (2, 2)]


async def test_nothing_to_verify_asks_nothing(scripted: ScriptedFarm, driver: Driver) -> None:
    run = await driver.call("verify_many", [], level="compiled")
    assert (len(run), scripted.asked, run.manifest.options) == (0, [], {"level": "compiled"})


async def test_undecided_proofs_are_sent_again_alone(scripted: ScriptedFarm, driver: Driver) -> None:
    seen: list[tuple[int, int]] = []
    streamed: list[Verdict] = []
    scripted.script(
        accepted(4, "a"), stream_of(Reason.TIMEOUT, Reason.CANCELLED, None, Reason.CRASHED), finished("a", 4)
    )
    scripted.script(accepted(2, "b"), stream_of(None, Reason.CRASHED, ids="03"), finished("b", 2))
    scripted.script(accepted(1, "c"), stream_of(Reason.CRASHED, ids="3"), finished("c"))

    run = await driver.call(
        "verify_many",
        [f"{SOURCE} -- {index}" for index in range(4)],
        retry_undecided=2,
        progress=lambda *step: seen.append(step),
        on_verdict=streamed.append,
    )

    again = [[proof["id"] for proof in asked.json()["proofs"]] for asked in scripted.asked if asked.method == "POST"]
    assert again == [["0", "1", "2", "3"], ["0", "3"], ["3"]], "a cancelled one was cancelled by somebody"
    assert [each.reason for each in run] == [None, Reason.CANCELLED, None, Reason.CRASHED]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert sorted(each.index for each in streamed) == [0, 1, 2, 3], "each once, when it is final"
    assert (run.manifest.retried, run.manifest.batches) == (2, ["a", "b", "c"])


async def test_a_key_names_every_batch_and_without_one_each_has_its_own(scripted: ScriptedFarm, driver: Driver) -> None:
    for key in ("step-7", "step-7", None, None):
        scripted.script(accepted(1, "a"), accepted(1, "b"), stream_of(Reason.TIMEOUT), finished("a"))
        scripted.script(stream_of(None, ids="1"), finished("b"))
        scripted.script(accepted(1, "c"), stream_of(None), finished("c"))
        await driver.call(
            "verify_many", [SOURCE, SOURCE], batch_size=1, retry_undecided=1, idempotency_key=key, in_flight=2
        )
    keys = [asked.headers["idempotency-key"] for asked in scripted.asked if asked.method == "POST"]
    assert keys[:6] == ["step-7.0.0", "step-7.0.1", "step-7.1.0"] * 2
    assert len(set(keys[6:])) == 6


@pytest.mark.parametrize("key", ["x" * 257, "clé", "a\nb", " a", "a ", " "])
async def test_a_key_that_no_header_carries_is_refused(scripted: ScriptedFarm, driver: Driver, key: str) -> None:
    with pytest.raises(InvalidRequest, match="idempotency key"):
        await driver.call("submit", SOURCE, idempotency_key=key)
    assert scripted.asked == []


def two_and_a_broken_one() -> Iterator[str | dict[str, Any]]:
    yield from (SOURCE, SOURCE)
    yield {"kode": SOURCE}


@pytest.mark.parametrize(("key", "last"), [(None, ["DELETE /a", "DELETE /b"]), ("kept", ["POST ", "POST "])])
async def test_what_was_submitted_is_cancelled_when_a_later_proof_is_wrong(
    scripted: ScriptedFarm, driver: Driver, key: str | None, last: list[str]
) -> None:
    scripted.script(accepted(1, "a"), accepted(1, "b"), answer(status_json("a")), answer(status_json("b")))
    with pytest.raises(InvalidRequest, match="Proof 2: code: Field required"):
        await driver.call("verify_many", two_and_a_broken_one(), batch_size=1, in_flight=3, idempotency_key=key)
    assert paths(scripted)[-2:] == last


async def test_ctrl_c_cancels_what_runs(scripted: ScriptedFarm, driver: Driver) -> None:
    def interrupt(verdict: Verdict) -> None:
        raise KeyboardInterrupt

    scripted.script(
        accepted(1, "a"), accepted(1, "b"), stream_of(None), answer(status_json("a")), answer(status_json("b"))
    )
    with pytest.raises(KeyboardInterrupt):
        await driver.call("verify_many", [SOURCE, SOURCE], batch_size=1, on_verdict=interrupt)
    assert paths(scripted)[-2:] == ["DELETE /a", "DELETE /b"]


async def test_a_batch_that_is_gone_keeps_no_other_from_being_cancelled(scripted: ScriptedFarm, driver: Driver) -> None:
    gone = refuse(404, "not_found")
    scripted.script(accepted(1, "a"), accepted(1, "b"), gone, gone, answer(status_json("b")))
    with pytest.raises(NotFound):
        await driver.call("verify_many", [SOURCE, SOURCE], batch_size=1)
    assert paths(scripted)[-2:] == ["DELETE /a", "DELETE /b"]


async def test_a_cancelled_task_cancels_what_runs(scripted: ScriptedFarm) -> None:
    async with AsyncFarm(scripted.url) as farm:
        scripted.script(accepted(2, "a"), stream_of(None, None), answer(status_json("a")))
        task = asyncio.create_task(farm.verify_many([SOURCE, SOURCE], on_verdict=lambda _: task.cancel()))
        with pytest.raises(asyncio.CancelledError):
            await task
    assert paths(scripted)[-1] == "DELETE /a"


async def test_a_farm_that_is_lost_is_told_nothing_more(scripted: ScriptedFarm, connect: Connect) -> None:
    driver = connect(retries=0)
    scripted.script(accepted(1, "a"), LOST)
    with pytest.raises(ConnectionFailed):
        await driver.call("verify_many", [SOURCE])
    assert paths(scripted) == ["POST ", "GET /a/results"]


async def test_a_full_quota_is_waited_for_as_long_as_own_batches_run(scripted: ScriptedFarm, connect: Connect) -> None:
    driver = connect(retries=0)
    full = refuse(429, "rate_limited", "the quota is full")
    scripted.script(accepted(1, "a"), full, stream_of(None), finished("a"), accepted(1, "b"))
    scripted.script(stream_of(Reason.ERROR, ids="1"), finished("b"))
    assert (await driver.call("verify_many", [SOURCE, SOURCE], batch_size=1)).rewards() == [1.0, 0.0]

    scripted.script(full)
    with pytest.raises(RateLimited):
        await driver.call("verify_many", [SOURCE])


async def test_missing_verdicts_are_an_error(scripted: ScriptedFarm, driver: Driver) -> None:
    end = stream({"cursor": "2-0", "done": True})
    scripted.script(accepted(2, "a"), stream(line(0, 1), {"cursor": "2-0", "done": True}), *[end] * 5, finished("a", 2))
    with pytest.raises(FarmError, match="a batch of 2 after 1 verdicts"):
        await driver.call("verify_many", [SOURCE, SOURCE])


async def test_two_proofs_of_one_name_are_refused_wherever_they_are(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(accepted(1, "a"), answer(status_json("a")))
    with pytest.raises(InvalidRequest, match="Proof 1: id: two proofs have the id '0'"):
        await driver.call("verify_many", [SOURCE, {"id": "0", "code": SOURCE}], batch_size=1)


async def test_what_is_known_is_not_sent(scripted: ScriptedFarm, driver: Driver) -> None:
    proofs = [Proof(id=name, code=f"{SOURCE} -- {name}") for name in "abc"]
    known = {("b", content_hash(proofs[1])): verdict("b", 77, reason=Reason.ERROR)}
    known[("c", content_hash(proofs[0]))] = verdict("c", 78, reason=None)
    streamed: list[Verdict] = []
    scripted.script(accepted(2, "a"), stream_of(None, Reason.SORRY, ids="ac"), finished("a", 2))

    run = await driver.call("verify_many", proofs, known=known, on_verdict=streamed.append)

    assert [(each.index, each.reason) for each in run] == [(0, None), (1, Reason.ERROR), (2, Reason.SORRY)]
    assert [proof["id"] for proof in scripted.asked[0].json()["proofs"]] == ["a", "c"], "c has changed since"
    assert len(streamed) == 2
    assert run.manifest.known == 1


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"batch_size": 100_001}, {"in_flight": 0}, {"priority": 10}])
async def test_wrong_wishes_are_refused(scripted: ScriptedFarm, driver: Driver, wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match=next(iter(wrong))):
        await driver.call("verify_many", [SOURCE], **wrong)
    assert scripted.asked == []


def test_every_wish_is_a_keyword() -> None:
    plan = {each.name for each in fields(SeriesPlan)}
    assert set(SeriesFields.__annotations__) == set(OptionFields.__annotations__) | plan


async def test_the_synchronous_client_works_where_a_loop_runs(scripted: ScriptedFarm) -> None:
    """As a cell of a notebook calls it: on the thread of a running event loop."""
    assert asyncio.get_running_loop().is_running()
    three_batches(scripted)
    with Farm(scripted.url) as farm:
        run = farm.verify_many([SOURCE] * 5, batch_size=2)
    assert run._repr_html_().startswith("<table><tr><td>accepted</td><td>2</td></tr>")
    assert repr(run) == "Run(2 accepted, 2 rejected, 1 undecided)"


async def test_the_manifest_says_what_was_asked_of_whom(
    scripted: ScriptedFarm, connect: Connect, tmp_path: Any
) -> None:
    driver = connect(scripted.url.replace("http://", "http://user:secret@"))
    three_batches(scripted)
    run: Run = await driver.call(
        "verify_many", [{"code": SOURCE, "problem": f"p{n % 2}"} for n in range(5)], batch_size=2
    )
    path = tmp_path / "run.json"
    run.manifest.write(path)

    assert "secret" not in path.read_text()
    read = Manifest.read(path)
    assert read == run.manifest
    with pytest.raises(ConfigurationError, match="cannot be written"):
        run.manifest.write(tmp_path / "nowhere" / "run.json")
    assert read.farm == scripted.url
    assert (read.reasons, read.counts.undecided) == ({"error": 1, "sorry": 1, "timeout": 1}, 1)
    assert read.options == {"timeout_s": 60.0, "level": "compiled"}
    assert read.proofs[1].model_dump() == {
        **{"id": "1", "problem": "p1", "sha256": content_hash(Proof(code=SOURCE))},
        **{"outcome": Outcome.REJECTED, "level": "none", "reason": Reason.ERROR},
    }


async def test_two_runs_are_compared_by_what_matters(scripted: ScriptedFarm, driver: Driver) -> None:
    manifests = []
    for code, reason in ((SOURCE, None), (SOURCE, None), (SOURCE, Reason.TIMEOUT), (f"{SOURCE} ", None)):
        scripted.script(accepted(1, "a"), stream_of(reason, ids="x"), finished("a"))
        manifests.append((await driver.call("verify_many", [{"id": "x", "code": code}])).manifest)
    first, same, slower, other = manifests

    assert first.differences(same) == {}
    assert first.differences(slower) == {
        "counts.accepted": (1, 0),
        "counts.undecided": (0, 1),
        "proofs.x.outcome": ("accepted", "undecided"),
        "proofs.x.level": ("compiled", "none"),
        "proofs.x.reason": (None, "timeout"),
        "reasons.timeout": (None, 1),
    }
    assert set(first.differences(other)) == {"sha256", "proofs.x.sha256"}


def test_a_file_that_is_no_manifest_says_so(tmp_path: Any) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InvalidRequest, match=r"x\.json is not a manifest: leanfarm: Field required"):
        Manifest.read(tmp_path / "x.json")


def test_what_is_asked_of_a_statement_is_part_of_a_proofs_identity() -> None:
    statement = "theorem a : 1 = 1 := sorry\ntheorem b : 2 = 2 := sorry"
    asked = [Proof(statement=statement, code="theorem a : 1 = 1 := rfl", targets=targets) for targets in (["a"], ["b"])]

    assert content_hash(asked[0]) != content_hash(asked[1])
