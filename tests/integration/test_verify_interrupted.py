"""`farm verify` that is killed, interrupted, or run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.client import Manifest
from tests.support.data_sets import FALSE, TRUE, read_lines, write_lines
from tests.support.running import RunningFarm, await_true


@contextmanager
def verifying(farm: RunningFarm, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `farm verify` beside the test; it has a session of its own, and is gone afterwards."""
    command = [sys.executable, "-m", "farm", "verify", *arguments]
    environment = {**farm.environment, "FARM_URL": farm.url}
    with subprocess.Popen(
        command, env=environment, cwd=farm.folder, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def slow_proofs(path: Path, count: int) -> Path:
    codes = (f"{FALSE if index % 5 == 0 else TRUE} -- {index} sleep:50" for index in range(count))
    return write_lines(path, [{"id": f"p{index}", "code": code} for index, code in enumerate(codes)])


def test_a_killed_run_goes_on_where_it_was(farm: RunningFarm, tmp_path: Path) -> None:
    _, output, manifest = slow_proofs(tmp_path / "in.jsonl", 60), tmp_path / "out.jsonl", tmp_path / "run.json"
    arguments = (str(tmp_path), "--output", str(output), "--manifest", str(manifest), "--label", "killed")
    with verifying(farm, *arguments) as process:
        await_true(lambda: output.exists() and output.read_bytes().count(b"\n") >= 5, "some verdicts")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = read_lines(output)
    assert 5 <= len(before) < 60, "the kill has to come in the middle"
    # What a write that was cut off leaves behind.
    with output.open("ab") as file:
        file.write(b'{"id": "p5')

    run = farm.command("verify", *arguments)

    after = read_lines(output)
    assert run.returncode == 1, run.stderr
    assert Counter(row["id"] for row in after) == dict.fromkeys((f"p{index}" for index in range(60)), 1)
    assert all(row["outcome"] == ("rejected" if int(row["id"][1:]) % 5 == 0 else "accepted") for row in after)
    assert after[: len(before)] == before, "what was known stays as it was"
    record = Manifest.read(manifest)
    assert (len(record.proofs), record.known) == (60, 0)
    with farm.client() as client:
        [batch] = client.batches(label="killed")
    assert (record.batches, batch.total) == ([batch.batch_id], 60), "the batch that was there is joined"
    assert f"{len(before)} of 60 have their verdict" in run.stderr
    assert "this run began at" in run.stderr


def test_without_a_manifest_what_has_its_verdict_is_not_sent(farm: RunningFarm, tmp_path: Path) -> None:
    source, output = slow_proofs(tmp_path / "in.jsonl", 60), tmp_path / "out.jsonl"
    with verifying(farm, str(source), "--output", str(output)) as process:
        await_true(lambda: output.exists() and output.read_bytes().count(b"\n") >= 5, "some verdicts")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = len(read_lines(output))

    farm.command("verify", str(source), "--output", str(output), "--label", "the rest")

    with farm.client() as client:
        [rest] = client.batches(label="the rest")
    assert rest.total == 60 - before
    assert len({row["id"] for row in read_lines(output)}) == len(read_lines(output)) == 60


def test_a_run_that_has_not_ended_is_no_other_run(farm: RunningFarm, tmp_path: Path) -> None:
    source, manifest = slow_proofs(tmp_path / "in.jsonl", 40), tmp_path / "run.json"
    arguments = (str(source), "--manifest", str(manifest))
    with verifying(farm, *arguments, "--label", "began") as process:
        await_true(lambda: manifest.exists() and '"batches": [\n' in manifest.read_text(), "a batch")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    other = farm.command("verify", *arguments, "--label", "another")
    same = farm.command("verify", *arguments, "--label", "began")
    after = farm.command("verify", *arguments, "--label", "another")

    assert other.returncode == 2
    assert "other options" in other.stderr
    assert "repeat that call, or remove the file" in other.stderr
    assert "continues" in same.stderr
    assert after.returncode == 1, "once it has ended, the file is free"
    with farm.client() as client:
        assert len(client.batches(label="began")) == len(client.batches(label="another")) == 1


def test_a_run_that_was_stopped_is_not_found_again(farm: RunningFarm, tmp_path: Path) -> None:
    source, manifest = slow_proofs(tmp_path / "in.jsonl", 200), tmp_path / "run.json"
    with verifying(farm, str(source), "--manifest", str(manifest), "--label", "stopped") as process:
        await_true(lambda: manifest.exists() and '"batches": [\n' in manifest.read_text(), "a batch")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert process.returncode == 130
    assert not manifest.exists()
    with farm.client() as client:
        [batch] = client.batches(label="stopped")
    assert batch.state == "cancelled"


def test_ctrl_c_cancels_and_leaves_a_valid_file(farm: RunningFarm, tmp_path: Path) -> None:
    source, output = slow_proofs(tmp_path / "in.jsonl", 200), tmp_path / "out.jsonl"
    with verifying(farm, str(source), "--output", str(output)) as process:
        await_true(lambda: output.exists() and output.read_bytes().count(b"\n") >= 5, "some verdicts")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert b"of 200 had a verdict" in said
    assert 5 <= len(read_lines(output)) < 200
    with farm.client() as client:
        [latest] = client.batches(limit=1)
        assert latest.state == "cancelled"


def test_what_changed_or_was_undecided_is_asked_again(farm: RunningFarm, tmp_path: Path) -> None:
    source, output, manifest = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "run.json"
    statement = {"statement": "theorem two : 1 + 1 = 2", "code": "by rfl"}
    rows = [{"id": "same", **statement}, {"id": "changed", **statement}, {"id": "slow", "code": f"{TRUE} -- hang!"}]
    rows += [{"id": "by older rules", **statement}]
    arguments = (str(source), "--output", str(output), "--manifest", str(manifest), "--timeout", "1")
    write_lines(source, rows)
    farm.command("verify", *arguments)
    assert {row["id"]: row["outcome"] for row in read_lines(output)}["slow"] == "undecided"
    kept = read_lines(output)
    other = {**kept[0], "id": "of another run"}
    [older] = [row for row in kept if row["id"] == "by older rules"]
    older["evidence"]["policy"] = "3"
    write_lines(output, [*kept, other])

    rows = [rows[0], {**rows[1], "code": "by simp"}, {"id": "slow", "code": TRUE}, rows[3]]
    write_lines(source, rows)
    run = farm.command("verify", *arguments)

    assert run.returncode == 0, run.stderr
    assert Manifest.read(manifest).known == 1
    assert {row["id"]: row["outcome"] for row in read_lines(output)} == {
        **{"same": "accepted", "changed": "accepted", "slow": "accepted", "of another run": other["outcome"]},
        "by older rules": "accepted",
    }
    assert len(read_lines(output)) == 5
    assert "3" not in {row["evidence"]["policy"] for row in read_lines(output)}
    write_lines(source, rows[:1])
    farm.command("verify", *arguments, "--level", "checked")
    assert Manifest.read(manifest).known == 0, "a verdict at one level says nothing about another"
