"""What the main commands show, on terminals of 60, 80 and 200 columns and in a pipe, kept as files to be read.

`GOLDEN=write python -m pytest tests/unit/cli/test_golden.py` rewrites them; read the difference before a commit.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.unit.cli.screens import ROOT, bare_environment, compare, in_pipe, on_terminal
from tests.unit.client.scripted_farm import ScriptedFarm, accepted, answer, refuse, serve, status_json, stream

NIGHT, MORNING, MIDDAY = (digit * 32 for digit in "6f1")
_NOTICE = (
    "Lean 4.31.0 is known to be unsound (a fault of its kernel, fixed in 4.32.1): nothing is attested here; install a"
    " later toolchain, or ask for `checked`"
)


def batch(batch_id: str, **more: Any) -> dict[str, Any]:
    counts = {"accepted": 1800, "rejected": 150, "undecided": 40}
    return {**status_json(batch_id, total=2000, done=1990), "counts": counts, "created_at": 1790000000.0, **more}


def worker(pid: int, **more: Any) -> dict[str, Any]:
    given = {"id": f"node07-{pid}", "kind": "lean", "host": "node07.cluster.example.org", "pid": pid, "state": "busy"}
    serves = {"lean_version": "v4.31.0", "repl_revision": "r", "project": "mathlib", "leanfarm": "1.0"}
    return {
        **given,
        "engine": "Lean 4.31.0",
        "proofs": 1234,
        "restarts": 3,
        "memory_mb": 5120.4,
        "serves": serves,
        **more,
    }


def verdict(index: int, name: str, outcome: str, reason: str | None, data: str) -> dict[str, Any]:
    message = {"severity": "error", "pos": {"line": 7, "column": 2}, "endPos": None, "data": data}
    found = {"id": name, "index": index, "outcome": outcome, "reason": reason, "level": "none", "reward": 0.0}
    if outcome == "accepted":
        found |= {"level": "compiled", "reward": 1.0}
    elif outcome == "undecided":
        found["reward"] = None
    return {**found, "time_s": 1.5, "attempts": 1, "messages": [message] if data else []}


VERDICTS = [
    verdict(0, "sum_of_three", "accepted", None, ""),
    verdict(1, "sum_of_three#2", "rejected", "error", "unsolved goals\na b : ℕ\nh : a < b\n⊢ a + 1 ≤ b ∨ b = a + 1"),
    verdict(2, "square_of_sum", "undecided", "timeout", "(deterministic) timeout after 60 s"),
]
LINES = [{"cursor": f"{number}-0", "result": each} for number, each in enumerate(VERDICTS, 1)]
ROWS = [
    {"name": "sum_of_three", "formal_statement": "theorem sum_of_three : 2 + 3 + 4 = 9 := by\n", "proof": "  norm_num"},
    {"name": "sum_of_three", "formal_statement": "theorem sum_of_three : 2 + 3 + 4 = 9 := by\n", "proof": "  simp"},
    {"name": "square_of_sum", "formal_statement": "theorem square_of_sum : 1 = 1 := by\n", "proof": "  ring"},
]
PREMISE = {
    **{"name": "Nat.add_comm", "kind": "theorem", "module": "Init.Data.Nat.Basic", "score": 0.912},
    "statement": "theorem Nat.add_comm : ∀ (n m : Nat), n + m = m + n",
}
ITEM = {
    "index": 1,
    "proof": {"id": "sum_of_three#2", "code": "theorem t : 1 = 2 := by\n  simp"},
    "verdict": VERDICTS[1],
}
LISTED = [
    batch(NIGHT, label="prover 7, step 40, the long night run", tags=["minif2f", "nightly"]),
    batch(MORNING, state="done", done=2000, finished_at=1790000100.0),
    batch(MIDDAY, state="cancelled", label="try"),
]
WORKERS = [worker(4711, notice=_NOTICE), worker(4712, state="idle", notice=_NOTICE)]
QUEUES = [{"environment": "default", "pending": 1200, "leased": 64}]

BUSY = {
    "at": 0,
    "verdicts": {"accepted": 40, "error": 8, "timeout": 2},
    "pending": 1200,
    "leased": 64,
    "queue_p50_s": 1.25,
    "queue_p95_s": 12.5,
    "run_p50_s": 0.25,
    "run_p95_s": 60.0,
    "retrievals": 7,
    "processes": {"lean": 64, "embed": 1, "premises": 1},
    "restarts": {"died": 1, "deadline": 2},
    "memory_mb": 327680.4,
}
QUIET = {"at": 0, "processes": {"lean": 64, "embed": 1, "premises": 1}, "memory_mb": 65536.0}
PAST = {
    "start": 1790000040,
    "minutes": [None, None, *[QUIET] * 10, *[BUSY] * 6, None, *[{**BUSY, "pending": 600}] * 5],
    "events": [{"at": 1790000400.0, "kind": "drain", "text": "The farm began to drain"}],
    "alarms": [
        {
            "kind": "canary",
            "text": "The farm accepted a false proof in batch 6f1c0d, and has paused its key, alice",
            "action": "Trust no verdict until you know why (docs/verdicts.md, Canaries); then run `farm resume alice`",
            "since": 1790000820.0,
            "see": "#/batches/6f1c0d",
        }
    ],
}
PAST_OF_A_NEW_FARM = {"start": 1790000040, "minutes": [None] * 5}

# Each command with the answers that the farm gives it.
COMMANDS: list[tuple[list[str], list[Any]]] = [
    ([], []),
    (["status"], [answer({"workers": WORKERS, "queues": QUEUES})]),
    (["history", "--minutes", "24"], [answer(PAST)]),
    (["history", "--minutes", "5"], [answer(PAST_OF_A_NEW_FARM)]),
    (["history", "--minutes", "5", "--json"], [answer(PAST_OF_A_NEW_FARM)]),
    (["batches"], [answer({"batches": LISTED})]),
    (["batches", NIGHT[:4]], [answer({"batches": LISTED[:1]}), answer(LISTED[0])]),
    (["batches", "6"], [answer({"batches": [LISTED[0], batch("6a" * 16)]})]),
    (["batches", NIGHT, "--item", "1"], [answer(ITEM)]),
    (["batches", NIGHT, "--json"], [answer(LISTED[0])]),
    (["export", NIGHT], []),
    (["rerun", MORNING], []),
    (["rerun", MORNING, "--undecided"], [accepted(40, MIDDAY), answer(batch(MIDDAY, total=40))]),
    (["rerun", NIGHT, "--undecided"], [refuse(409, "conflict", f"Batch '{NIGHT}' still runs")]),
    (
        ["verify", "rows.jsonl", "--pass-at", "1"],
        [
            accepted(3, NIGHT),
            stream(*LINES, {"cursor": "3-0", "done": True}),
            answer(batch(NIGHT, total=3, done=3, state="done", finished_at=1790000009.0)),
        ],
    ),
    (["verify", "rows.jsonl", "--pass-at", "2"], []),
    (["verify", "rows.jsonl", "--code-column", "answer"], []),
    (["verify", "broken.jsonl"], []),
    (["retrieve", "⊢ a + b = b + a"], [answer({"results": [{"premises": [PREMISE]}], "timings_s": {}})]),
]


def ask(scripted: ScriptedFarm, folder: Path, columns: int) -> tuple[list[str], dict[str, str]]:
    """Return the program and its environment, once the farm knows its answers."""
    for _, answers in COMMANDS:
        scripted.script(*answers)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "broken.jsonl").write_text('{"id": "a", "code": "theorem t : 1 = 1 := rfl"\n')
    program = [sys.executable, "-m", "tests.unit.cli.transcript", json.dumps([command for command, _ in COMMANDS])]
    return program, {**bare_environment(columns), "FARM_URL": scripted.url}


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_terminal_shows_what_the_file_has(tmp_path: Path, columns: int) -> None:
    with serve() as scripted:
        shown = on_terminal(*ask(scripted, tmp_path, columns), tmp_path, columns)
        shown = shown.replace(scripted.url, "http://farm.example")

        compare(shown, f"terminal-{columns}.txt")
    for whole in (NIGHT, MORNING, MIDDAY):
        assert re.search(rf"(^|\s){whole}(\s|$)", shown), "an id is there in one piece"
    assert shown.count("known to be unsound") == 1, "a notice is said once"
    for part in shown.split("$ farm ")[2:5]:
        command, _, table = part.partition("\n")
        assert max(map(cell_len, table.split("\n"))) <= columns, command


@pytest.mark.parametrize("columns", [60, 200])
def test_a_pipe_shows_the_same_at_any_width(tmp_path: Path, columns: int) -> None:
    with serve() as scripted:
        shown = in_pipe(*ask(scripted, tmp_path, columns), tmp_path)
        shown = shown.replace(scripted.url, "http://farm.example")

        compare(shown, "pipe.txt")


def test_the_shell_completes_commands_and_options() -> None:
    asked = {"_FARM_COMPLETE": "complete_bash", "COMP_CWORD": "1", "COMP_WORDS": "farm ex"}
    program = [sys.executable, "-c", "from farm.cli.app import app; app(prog_name='farm')"]

    done = subprocess.run(
        program, env={**os.environ, **asked}, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )

    assert done.stdout.split() == ["export"]
