"""The commands as a user types them, from a folder of their own; plain in a pipe, JSON when asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.running import RunningFarm

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"


@pytest.fixture
def proofs(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "good.lean").write_text(TRUE)
    (tmp_path / "deep" / "bad.lean").write_text(FALSE)
    (tmp_path / "more.jsonl").write_text(json.dumps({"id": "line", "code": TRUE}) + "\n")
    return tmp_path


def test_verify_a_folder_says_everything_and_exits_1(farm: RunningFarm, proofs: Path) -> None:
    run = farm.command("verify", str(proofs))

    head, *rows = [line.split("\t") for line in run.stdout.splitlines()]
    outcomes = {row[0]: row[1:3] for row in rows}
    assert run.returncode == 1, run.stderr
    assert head[:3] == ["proof", "outcome", "reason"]
    assert outcomes[str(proofs / "good.lean")] == ["accepted", ""]
    assert outcomes[str(proofs / "deep" / "bad.lean")] == ["rejected", "error"]
    assert outcomes["line"] == ["accepted", ""]
    assert "1:32" in run.stdout, "the message must say where"


def test_verify_exits_0_only_if_all_are_accepted(farm: RunningFarm, proofs: Path) -> None:
    assert farm.command("verify", str(proofs / "good.lean"), str(proofs / "more.jsonl")).returncode == 0


def test_verify_reads_stdin_and_prints_json(farm: RunningFarm) -> None:
    run = farm.command("verify", "-", "--json", input=FALSE)

    assert run.returncode == 1
    assert json.loads(run.stdout)["reason"] == "error"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "nowhere.lean"], "nowhere.lean"),
        (["verify", "empty.jsonl"], "no proof in empty.jsonl"),
        (["batches", "nope"], "nope"),
    ],
)
def test_wrong_use_is_told_in_one_line(farm: RunningFarm, arguments: list[str], words: str) -> None:
    (farm.folder / "empty.jsonl").touch()
    run = farm.command(*arguments)

    assert run.returncode != 0
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_retrieve_shows_premises(farm: RunningFarm) -> None:
    plain = farm.command("retrieve", "a b : Nat\n⊢ a + b = b + a", "-k", "3")
    as_json = farm.command("retrieve", "a b : Nat\n⊢ a + b = b + a", "-k", "3", "--json")

    assert "Nat.add_comm\tInit.Data.Nat.Basic\ttheorem Nat.add_comm " in plain.stdout
    assert len(json.loads(as_json.stdout)) == 3


def test_status_and_batches_and_doctor(farm: RunningFarm, proofs: Path) -> None:
    farm.command("verify", str(proofs / "good.lean"))
    status = json.loads(farm.command("status", "--json").stdout)
    [latest] = json.loads(farm.command("batches", "--limit", "1", "--json").stdout)
    item = json.loads(farm.command("batches", latest["batch_id"], "--item", "0", "--json").stdout)
    doctor = json.loads(farm.command("doctor", "--json").stdout)

    assert {worker["kind"] for worker in status["workers"]} == {"lean", "embed", "premises"}
    assert latest["counts"] == {"accepted": 1, "rejected": 0, "undecided": 0}
    assert item["proof"]["code"] == TRUE
    findings = {finding["subject"]: finding for finding in doctor}
    assert "scripted" in findings["lean"]["found"]
    assert findings["embedding"]["state"] == "note"


def test_bench_measures_any_farm(farm: RunningFarm) -> None:
    run = farm.command("bench", "--proofs", "20", "--queries", "10", "--concurrency", "4", "--json")

    measured = json.loads(run.stdout)
    assert [each["count"] for each in measured] == [20, 20, 10]
    assert all(each["per_s"] > 0 for each in measured)


def test_the_version_is_the_packages(farm: RunningFarm) -> None:
    assert farm.command("--version").stdout == f"leanfarm {version('leanfarm')}\n"


def test_help_teaches(farm: RunningFarm) -> None:
    shown = farm.command("--help").stdout

    for command in ("up", "verify", "retrieve", "status", "batches", "drain", "doctor", "bench", "keys"):
        assert command in shown


def test_alone_it_shows_what_a_newcomer_needs(farm: RunningFarm) -> None:
    run = farm.command()

    assert run.returncode == 0
    shown = re.findall(r"^farm (\w+)", run.stdout, re.MULTILINE)
    assert shown == ["up", "doctor", "verify", "retrieve", "status"]
    assert len(run.stdout.splitlines()) <= 10


def test_doctor_ends_with_whether_all_is_there(farm: RunningFarm) -> None:
    assert farm.command("doctor").stderr.splitlines()[-1] == "nothing is missing"


def test_input_that_is_not_utf_8_is_named(farm: RunningFarm) -> None:
    (farm.folder / "wrong.lean").write_bytes(b"theorem\n\xff")

    for arguments in (["bench", "--code", "wrong.lean"], ["verify", "wrong.lean"]):
        run = farm.command(*arguments)
        assert (run.returncode, run.stderr) == (2, "error  wrong.lean:2 is not UTF-8 at column 1\n")


def test_without_a_farm_it_says_so_at_once(farm: RunningFarm, proofs: Path) -> None:

    environment = {**farm.environment, "FARM_URL": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "farm", "verify", str(proofs / "good.lean")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)

    assert run.returncode == 1
    assert "farm up" in run.stderr
