"""The scripted REPL as a process: its pipes, files, pickles, and the inputs that end it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from lean_interact import AutoLeanServer, FileCommand
from lean_interact.interface import (
    LeanError,
    PickleEnvironment,
    PickleProofState,
    UnpickleEnvironment,
    UnpickleProofState,
)

from tests.support.repl.asking import FIB, Run, ask, brief
from tests.support.repl.install import LEAN_VERSION, Install, install
from tests.support.repl.serving import Pipes


def test_nothing_about_it_pretends_to_be_lean(where: Install, server: AutoLeanServer, run: Run) -> None:
    assert server.lean_version == LEAN_VERSION == "v4.0.0-scripted"
    assert run("#eval Lean.versionString").messages[0].data == '"4.0.0-scripted"'
    version = subprocess.run([where.lake_path, "--version"], capture_output=True, text=True, check=True)
    assert "scripted stand-in, not Lean" in version.stdout


def test_lake_spawns_and_waits_and_does_nothing_else(where: Install, server: AutoLeanServer, run: Run) -> None:
    pid = json.loads(run("-- count?").messages[0].data)["pid"]
    assert server._proc is not None
    assert [child.pid for child in psutil.Process(server._proc.pid).children()] == [pid]
    assert subprocess.run([where.lake_path, "env", "sh", "-c", "exit 7"]).returncode == 7
    shown = subprocess.run([where.lake_path, "env"], env={"A": "b"}, capture_output=True, text=True, check=True)
    assert "A=b" in shown.stdout
    assert subprocess.run([where.lake_path, "build"], capture_output=True).returncode == 1


def test_baked_in_environment_survives_a_cleaned_one_and_any_quoting(tmp_path: Path) -> None:
    value = 'it\'s "a" $HOME `x`\nline'
    with Pipes(install(tmp_path / "a b", SCRIPTED_NOTE=value)) as pipes:
        shown = pipes.ask({"cmd": "-- env?"})["messages"][0]["data"]
    assert json.loads(shown)["SCRIPTED_NOTE"] == value


def test_install_runs_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.repl.install", str(tmp_path / "x y"), "SCRIPTED_STYLE=compact"]
    root = Path(__file__).parents[3]
    printed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    show = ["sh", "-c", f'{printed}\nprintf "%s|%s" "$LAKE_PATH" "$LEAN_REPL_DIR"']
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    assert shown == f"{tmp_path / 'x y' / 'lake'}|{tmp_path / 'x y'}"


def test_environments_and_proof_states_count_from_zero(pipes: Pipes) -> None:
    assert pipes.ask({"cmd": "import Mathlib"}) == {"env": 0}
    assert pipes.ask({"cmd": FIB, "env": 0}) == {"env": 1}
    first = pipes.ask({"cmd": "example : 1 = 1 := by sorry\nexample : 2 = 2 := sorry", "env": 0})
    assert (first["env"], [one["proofState"] for one in first["sorries"]]) == (2, [0, 1])
    assert pipes.ask({"tactic": "rfl", "proofState": 1}) == {"proofStatus": "Completed", "proofState": 2, "goals": []}
    assert pipes.ask({"cmd": "x", "env": 9}) == {"message": "Unknown environment."}
    assert pipes.ask({"tactic": "rfl", "proofState": 9}) == {"message": "Unknown proof state."}
    assert pipes.ask({"pickleTo": "/nowhere", "proofState": 9}) == {"message": "Unknown proof State."}


@pytest.mark.parametrize("style", ["pretty", "compact"])
def test_a_reply_has_no_blank_line_inside(tmp_path: Path, style: str) -> None:
    with Pipes(install(tmp_path, SCRIPTED_STYLE=style)) as pipes:
        pipes.send({"cmd": 'theorem ℝé : "\\n\\n" = "" := by\n\n  sorry\n#print "a b"'})
        reply = pipes.receive()
    assert reply.count(b"\n\n") == 1
    assert (len(reply.splitlines()) > 2) == (style == "pretty")
    assert json.loads(reply)["sorries"][0]["pos"] == {"line": 3, "column": 2}


def test_pretty_replies_are_laid_out_as_leans_are(pipes: Pipes) -> None:
    pipes.send({"cmd": "def f : Nat := by sorry"})
    assert pipes.receive().decode() == (
        '{"sorries":\n [{"proofState": 0,\n   "pos": {"line": 1, "column": 18},\n   "goal": "⊢ Nat",\n'
        '   "endPos": {"line": 1, "column": 23}}],\n "messages":\n [{"severity": "warning",\n'
        '   "pos": {"line": 1, "column": 4},\n   "endPos": {"line": 1, "column": 5},\n'
        '   "data": "declaration uses `sorry`"}],\n "env": 0}\n\n'
    )


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (b"not json\n\n", b"Could not parse JSON"),
        (b"\n", b"Could not parse JSON"),
        (b"[1]\n\n", b"Could not parse as a valid JSON command"),
        (b'{"what": 1}\n\n', b"Could not parse as a valid JSON command"),
        (b'{"cmd": "x", "env": -1}\n\n', b"Could not parse as a valid JSON command"),
        (b'{"cmd": "x", "env": true}\n\n', b"Could not parse as a valid JSON command"),
        (b'{"unpickleEnvFrom": "/nowhere"}\n\n', b"no such file or directory (error code: 2)"),
    ],
)
def test_what_the_real_repl_dies_of(pipes: Pipes, request_: bytes, complaint: bytes) -> None:
    pipes.send(request_)
    out, error = pipes.process.communicate(timeout=5)
    assert (pipes.process.returncode, out) == (1, b"")
    assert error.startswith(b"uncaught exception: ")
    assert complaint in error


def test_requests_may_span_lines_carry_null_and_end_with_the_input(pipes: Pipes) -> None:
    pipes.send(b'# a comment\n\n-- another\n\n{"cmd":\n "#check Nat",  \n "env": null}')
    out, error = pipes.process.communicate(timeout=5)
    assert json.loads(out)["messages"][0]["data"] == "Nat : Type"
    assert (pipes.process.returncode, error) == (0, b"")


def test_a_reader_that_went_away_is_a_quiet_end(pipes: Pipes) -> None:
    assert pipes.process.stdout is not None
    pipes.process.stdout.close()
    pipes.send({"cmd": "big:200000"})
    assert pipes.process.wait(timeout=5) == 0
    assert pipes.process.stderr is not None
    assert pipes.process.stderr.read() == b""


def test_files(run: Run, server: AutoLeanServer, tmp_path: Path) -> None:
    path = tmp_path / "a.lean"
    path.write_text("def é := 1\n#check é", encoding="utf-8")
    response = ask(server, FileCommand(path=str(path)))
    assert brief(response.messages) == [("info", 2, 0, "é : <scripted>")]
    path.write_bytes(b"\xff")
    assert "non UTF-8" in ask(server, FileCommand(path=str(path))).message
    missing = ask(server, FileCommand(path="/nowhere/a.lean"))
    assert missing == LeanError(message="no such file or directory (error code: 2)\n  file: /nowhere/a.lean")


def test_pickles_carry_environments_and_proof_states(run: Run, server: AutoLeanServer, tmp_path: Path) -> None:
    env = run("namespace A\ndef f : Nat := 1").env
    assert ask(server, PickleEnvironment(env=env, pickle_to=str(tmp_path / "e"))).env == env
    fresh = ask(server, UnpickleEnvironment(unpickle_env_from=str(tmp_path / "e")))
    assert brief(run("#check f", fresh.env).messages) == [("info", 1, 0, "A.f : Nat")]
    state = run("example : 1 = 1 := sorry").sorries[0].proof_state
    ask(server, PickleProofState(proof_state=state, pickle_to=str(tmp_path / "s")))
    loaded = ask(server, UnpickleProofState(unpickle_proof_state_from=str(tmp_path / "s"), env=env))
    nowhere = UnpickleProofState(unpickle_proof_state_from=str(tmp_path / "s"), env=10**6)
    assert ask(server, nowhere) == LeanError(message="Unknown environment.")
    assert (loaded.goals, loaded.proof_status) == (["⊢ 1 = 1"], "Incomplete: open goals remain")
