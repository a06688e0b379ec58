"""Batches with names: listed, found by the beginning of an id, exported, run again; old batches have no name."""

from __future__ import annotations

import gzip
import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import pyarrow.parquet
import pytest

from farm import Conflict, Farm, InvalidRequest, NotFound, Outcome
from farm.cli.batch_names import find_batch
from farm.processes import own_module
from tests.support.open_store import open_store
from tests.support.running import RunningFarm, await_true

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
HANGS = "theorem h : 1 = 1 := by rfl -- hang!"


def ids(found: list[Any]) -> list[str]:
    return [status.batch_id for status in found]


def test_a_label_and_tags_go_where_the_batch_goes(client: Farm) -> None:
    batch = client.submit([TRUE], label="miniF2F, step 3", tags=["minif2f", "step:3", "minif2f"])
    batch.wait()

    status = batch.status()
    assert (status.label, status.tags, status.parent) == ("miniF2F, step 3", ["minif2f", "step:3"], None)
    assert "label" not in status.options, "what a batch is called decides nothing"
    assert ids(client.batches(label="miniF2F, step 3")) == [batch.id]


def test_lines_bring_them_as_query_parameters(farm: RunningFarm, client: Farm) -> None:
    body = gzip.compress(json.dumps({"code": TRUE}).encode())
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    params: dict[str, Any] = {"label": "lines", "tags": ["a", "b"]}

    answer = httpx.post(f"{farm.url}/v1/batches", params=params, content=body, headers=headers)

    assert answer.status_code == 202, answer.text
    status = client.batch(answer.json()["batch_id"]).status()
    assert (status.label, status.tags) == ("lines", ["a", "b"])


def test_a_run_of_many_batches_has_one_name(client: Farm) -> None:
    run = client.verify_many([TRUE] * 5, batch_size=2, label="many", tags=["run"])

    assert sorted(ids(client.batches(label="many"))) == sorted(run.manifest.batches)
    assert (run.manifest.label, run.manifest.tags) == ("many", ["run"])
    assert not run.manifest.differences(client.verify_many([TRUE] * 5, batch_size=2).manifest)


def test_lists_are_filtered_over_all_batches(client: Farm) -> None:
    wanted = client.submit([TRUE], tags=["deep", "old"])
    others = [client.submit([TRUE], tags=["deep"]) for _ in range(120)]

    assert ids(client.batches(limit=1, tags=["deep", "old"])) == [wanted.id]
    assert ids(client.batches(limit=2, tags=["deep"])) == [others[-1].id, others[-2].id]
    assert ids(client.batches(prefix=wanted.id[:20])) == [wanted.id]
    assert client.batches(label="no such label") == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "two\nlines"}, "one line of printable text"),
        ({"label": "x" * 201}, "200 characters"),
        ({"tags": ["two words"]}, "tags.0: a tag is made of letters, digits and"),
        ({"tags": [str(n) for n in range(17)]}, "16 items"),
    ],
)
def test_what_is_no_name_is_refused(client: Farm, options: Any, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        client.submit([TRUE], **options)


def test_a_batch_of_an_older_release_has_no_name(farm: RunningFarm, client: Farm) -> None:
    batch = client.submit([TRUE], label="forgotten")
    batch.wait()
    with open_store(farm.redis_url) as store:
        key = f"farm:batch:{batch.id}"
        options = orjson.loads(store.hget(key, "options") or b"")
        store.hset(key, "options", orjson.dumps({k: v for k, v in options.items() if k not in ("label", "tags")}))

    assert (batch.status().label, batch.status().tags) == (None, [])
    assert batch.id not in ids(client.batches(label="forgotten"))


def test_a_label_or_tag_finds_a_batch_in_the_log_of_each_room_that_had_it(farm: RunningFarm, client: Farm) -> None:
    batch = client.submit([TRUE], label="in the log", tags=["night", "log:1"], cache=False)
    batch.wait()

    def found(room: str, event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, farm.log(room).splitlines())
        return [line for line in lines if line.get("label") == "in the log" and line["event"] == event]

    for room, event in (("api", "request"), ("lean", "chunk.done")):
        line = await_true(partial(found, room, event), f"{event} in the log of {room}")[0]
        assert (line["batch"], line["tags"]) == (batch.id, ["night", "log:1"])


def test_the_command_line_gives_names_and_finds_by_them(farm: RunningFarm, client: Farm, tmp_path: Path) -> None:
    (tmp_path / "two.lean").write_text(TRUE)
    farm.command("verify", str(tmp_path / "two.lean"), "--label", "by hand", "--tag", "x", "--tag", "y")
    [status] = client.batches(label="by hand")

    head, row = [
        line.split("\t") for line in farm.command("batches", "--tag", "y", "--label", "by hand").stdout.splitlines()
    ]
    assert dict(zip(head, row, strict=True)) | {"created": ""} == {
        **{"batch": status.batch_id, "state": "done", "done": "1/1", "accepted": "1", "rejected": "0"},
        **{"undecided": "0", "created": "", "label": "by hand", "tags": "x y"},
    }
    shown = json.loads(farm.command("batches", status.batch_id[:16], "--json").stdout)
    assert shown[0]["batch_id"] == status.batch_id


def test_a_beginning_of_several_ids_is_told_with_the_candidates(farm: RunningFarm, client: Farm) -> None:
    # Of 17 ids, two begin with the same character.
    made = [client.submit([TRUE], label=f"number {n}") for n in range(17)]
    first = next(c for c in "0123456789abcdef" if sum(batch.id[0] == c for batch in made) > 1)

    run = farm.command("batches", first)
    nothing = farm.command("batches", "0" * 31)

    assert run.returncode == 2
    assert f"Several batches begin with '{first}'" in run.stderr
    assert "(number" in run.stderr
    assert nothing.returncode == 1
    assert "`farm batches` lists yours" in nothing.stderr
    with pytest.raises(NotFound, match="an id has 32 digits"):
        find_batch(client, "")


def test_a_batch_is_followed_to_its_end(farm: RunningFarm, client: Farm) -> None:
    batch = client.submit([HANGS], cache=False)
    command = own_module("farm", "batches", batch.id, "--follow")
    environment = {**farm.environment, "FARM_URL": farm.url}

    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout
        shown = [follower.stdout.readline() for _ in range(2)]
        batch.cancel()
        shown += follower.stdout

    states = [line.split("\t")[1:3] for line in shown[1:]]
    assert follower.returncode == 0
    assert states[0][1] == "0/1", "it was shown while it ran"
    assert states[-1][1] == "1/1"


def test_an_export_has_the_problem_of_each_verdict(farm: RunningFarm, client: Farm, tmp_path: Path) -> None:
    proofs = [{"id": f"p{n}", "code": FALSE if n % 2 else TRUE, "problem": f"q{n // 2}"} for n in range(250)]
    batch = client.submit(proofs, label="exported", tags=["t"])
    batch.wait()

    lines = farm.command("export", batch.id[:20], "--jsonl", str(tmp_path / "out.jsonl"))
    table = farm.command("export", batch.id, "--parquet", str(tmp_path / "out.parquet"), "--json")

    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["problem"], row["outcome"], row["reason"]) for row in rows[:2]] == [
        ("p0", "q0", "accepted", None),
        ("p1", "q0", "rejected", "error"),
    ]
    assert rows[1]["messages"][0]["pos"]["line"] == 1
    assert {(row["label"], row["batch"], row["level"]) for row in rows} == {
        ("exported", batch.id, "compiled"),
        ("exported", batch.id, "none"),
    }
    assert "250 verdicts" in lines.stderr
    assert json.loads(table.stdout)["rows"] == 250
    kept = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["id"], row["problem"], row["reward"]) for row in kept] == [
        (f"p{n}", f"q{n // 2}", float(not n % 2)) for n in range(250)
    ]
    assert kept[0]["tags"] == ["t"]
    answer = httpx.get(f"{farm.url}/v1/batches/{batch.id}/verdicts.parquet")
    assert f'filename="{batch.id}.parquet"' in answer.headers["Content-Disposition"]
    assert pyarrow.parquet.read_table(pyarrow.BufferReader(answer.content)).to_pylist() == kept


def test_large_texts_come_in_several_pages(farm: RunningFarm, client: Farm) -> None:
    batch = client.submit([f"-- {n:07} {'x' * 900_000}\n{TRUE}" for n in range(12)], gate="off")
    batch.wait()

    first = httpx.get(f"{farm.url}/v1/batches/{batch.id}/items").json()

    assert 0 < len(first["items"]) < 12
    assert [item.index for item in batch.items()] == list(range(12))
    assert all(item.verdict and item.verdict.index == item.index for item in batch.items())
    assert all(item.proof.code.startswith(f"-- {item.index:07}") for item in batch.items())
    table = httpx.get(f"{farm.url}/v1/batches/{batch.id}/verdicts.parquet").content
    groups = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(table))
    assert 1 < groups.num_row_groups < 12, "a page at a time"
    assert groups.read(["index"]).to_pydict() == {"index": list(range(12))}


@pytest.mark.parametrize("arguments", [[], ["--jsonl", "a", "--parquet", "b"]])
def test_an_export_without_one_file_says_what_to_say(farm: RunningFarm, arguments: list[str]) -> None:
    run = farm.command("export", "0" * 32, *arguments)

    assert run.returncode == 2
    assert "--parquet FILE or --jsonl FILE" in run.stderr


def test_the_undecided_run_again_as_a_batch_of_their_own(farm: RunningFarm, client: Farm) -> None:
    proofs: list[Any] = [{"id": "good", "code": TRUE}, {"id": "slow", "code": HANGS, "problem": "q"}, FALSE]
    batch = client.submit(proofs, timeout_s=1, label="first", tags=["night"], priority=7)
    batch.wait()

    run = farm.command("rerun", batch.id[:20], "--undecided", "--label", "second", "--json")

    assert run.returncode == 0, run.stderr
    again = client.batch(json.loads(run.stdout)["batch_id"])
    [verdict] = again.wait()
    status = again.status()
    assert (verdict.id, verdict.outcome, again.item(0).proof.problem) == ("slow", Outcome.UNDECIDED, "q")
    assert (status.label, status.tags, status.parent) == ("second", ["night"], batch.id)
    assert (status.options["timeout_s"], status.options["priority"]) == (1, 7)


def test_a_nameless_proof_keeps_its_index_for_a_name(client: Farm) -> None:
    batch = client.submit([TRUE, HANGS], timeout_s=1)
    batch.wait()

    assert [verdict.id for verdict in batch.rerun().results()] == ["1"]


def test_what_expires_while_it_is_read_does_not_run_again(farm: RunningFarm, client: Farm) -> None:
    batch = client.submit([HANGS], timeout_s=1)
    batch.wait()
    open_store(farm.redis_url).delete(f"farm:batch:{batch.id}:items")

    with pytest.raises(NotFound, match="expired"):
        batch.rerun()


def test_what_cannot_run_again_says_why(farm: RunningFarm, client: Farm) -> None:
    decided = client.submit([TRUE])
    decided.wait()
    running = client.submit([f"{TRUE} -- sleep:30000"], timeout_s=60)

    with pytest.raises(InvalidRequest, match="no undecided proof"):
        decided.rerun()
    with pytest.raises(Conflict, match="still runs"):
        running.rerun()
    with pytest.raises(NotFound):
        client.batch("0" * 32).rerun()
    assert "say --undecided" in farm.command("rerun", decided.id).stderr
    running.cancel()
    running.wait()
    # What somebody cancelled was not decided either, and this runs it after all.
    again = running.rerun()
    assert again.status().total == 1
    again.cancel()
