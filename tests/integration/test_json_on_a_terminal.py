"""`--json` is JSON on a terminal too: it is not wrapped or drawn over, and nothing else is on stdout."""

from __future__ import annotations

import json
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import typer

from farm.cli.app import app
from tests.support.running import RunningFarm
from tests.support.terminal import on_terminal

# Longer than a line of the terminal, in the id and in what the REPL says.
LONG = "a-name-that-is-longer-than-a-line-of-the-terminal-" * 3
TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = f"theorem {LONG.replace('-', '_')} : 1 + 1 = 3 := by decide"
# `up` and `mcp` have no answer: they run until they are stopped. `drain` ends the farm, `demo` starts one: they have
# their own tests.
# `init` writes into the folder that it is called in, `join` needs a farm with keys, and `bundle` the index of wheels.
APART = {"up", "mcp", "drain", "demo", "init", "join", "bundle"}
COMMANDS: dict[str, list[list[str]]] = {
    "verify": [["PROOFS"], ["PROOFS", "--output", "OUTPUT"]],
    "retrieve": [["a b : Nat\n⊢ a + b = b + a"]],
    "status": [[]],
    "history": [[], ["--minutes", "5"]],
    "batches": [[], ["BATCH"], ["BATCH", "--item", "0"]],
    "export": [["BATCH", "--jsonl", "EXPORT"]],
    "rerun": [["CRASHED", "--undecided"]],
    "revoke": [[], ["--policy", LONG, "--dry-run"], ["--policy", LONG], ["--policy", LONG, "--withdraw"]],
    "resume": [[]],
    "doctor": [[]],
    "bench": [["--proofs", "2", "--queries", "1"]],
    "cache stats": [[]],
    "cache purge": [["--policy", LONG]],
    "index build": [[]],
    "index use": [[]],
    "index info": [[]],
    "keys create": [["somebody"], ["somebody", "--if-missing"]],
    "keys list": [[]],
    "keys revoke": [["somebody"]],
}


def commands(group: typer.Typer, prefix: str = "") -> dict[str, bool]:
    """Return all commands by name, and whether each has `--json`."""
    found: dict[str, bool] = {}
    for info in group.registered_commands:
        assert info.callback
        found[f"{prefix}{info.name or info.callback.__name__}"] = "as_json" in signature(info.callback).parameters
    for each in group.registered_groups:
        assert each.typer_instance
        found |= commands(each.typer_instance, f"{each.name} ")
    return found


def test_every_command_that_answers_has_it() -> None:
    found = commands(app)

    assert {name for name, has_json in found.items() if not has_json} == {"mcp", "up"}
    assert set(found) == set(COMMANDS) | APART


@pytest.mark.timeout(600)
def test_what_comes_parses(farm: RunningFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(farm.environment, "API_KEYS_FILE", str(tmp_path / "keys"))
    proofs = tmp_path / "in.jsonl"
    proofs.write_text(
        "".join(json.dumps({"id": f"{LONG}{n}", "code": code}) + "\n" for n, code in enumerate((TRUE, FALSE)))
    )
    with farm.client() as client:
        batch = client.submit([TRUE]).id
        crashed = client.submit([f"{TRUE} -- crash!"])
        crashed.wait()
    given = {"PROOFS": str(proofs), "OUTPUT": str(tmp_path / "out.parquet"), "BATCH": batch}
    given |= {"CRASHED": crashed.id, "EXPORT": str(tmp_path / "export.jsonl")}
    for name, lines in COMMANDS.items():
        for arguments in lines:
            asked = [*name.split(), *(given.get(each, each) for each in arguments), "--json"]
            code, shown = on_terminal(farm, *asked)
            assert code in (0, 1), (asked, shown)
            values = parsed(shown) if name == "verify" else [json.loads(shown)]
            assert values, asked


def parsed(shown: str) -> list[Any]:
    """Return the verdicts of `farm verify`, one a line."""
    values = [json.loads(line) for line in shown.splitlines()]
    assert {value["id"] for value in values} == {f"{LONG}0", f"{LONG}1"}
    return values
