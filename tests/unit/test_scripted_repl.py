"""The scripted REPL behind the real AutoLeanServer, or bare pipes where that would not survive. No Lean anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from lean_interact import AutoLeanServer, Command, FileCommand, ProofStep
from lean_interact.interface import (
    CommandResponse,
    LeanError,
    Message,
    PickleEnvironment,
    PickleProofState,
    UnpickleEnvironment,
    UnpickleProofState,
)

from tests.support.repl.install import LEAN_VERSION, Install, install
from tests.support.repl.serving import Pipes, serving
from tests.support.repl.transcripts import Contradiction, Record, load, shelves, write_replay

FIB = "theorem add_zero' (x y : Nat) (h : x = y) : y + 0 = x := by\n  simp [h]"
Run = Callable[..., CommandResponse]


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Install:
    return install(tmp_path_factory.mktemp("repl"))


@pytest.fixture(scope="module")
def server(where: Install) -> Iterator[AutoLeanServer]:
    with serving(where) as running:
        yield running


@pytest.fixture
def run(server: AutoLeanServer) -> Run:
    def one(text: str, env: int | None = None, timeout: float = 5) -> CommandResponse:
        response = server.run(Command(cmd=text, env=env), timeout=timeout)
        assert isinstance(response, CommandResponse), response
        return response

    return one


@pytest.fixture
def pipes(where: Install) -> Iterator[Pipes]:
    with Pipes(where) as opened:
        yield opened


def ask(server: AutoLeanServer, query: Any) -> Any:
    return server.run(query, timeout=5)


def brief(messages: list[Message]) -> list[tuple[str, int, int, str]]:
    return [(one.severity, one.start_pos.line, one.start_pos.column, one.data.split("\n")[0]) for one in messages]


# --- what is installed ---------------------------------------------------------------------------------------------


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
    root = Path(__file__).parents[2]
    printed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    show = ["sh", "-c", f'{printed}\nprintf "%s|%s" "$LAKE_PATH" "$LEAN_REPL_DIR"']
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    assert shown == f"{tmp_path / 'x y' / 'lake'}|{tmp_path / 'x y'}"


# --- the protocol --------------------------------------------------------------------------------------------------


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


# --- Lean text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (FIB, []),
        (
            "-- sorry\n/- sorry /- sorry -/ sorry -/\ndef s := \"sorry\"\ndef sorry' := 's'\n#eval 7 % 4",
            [("info", 5, 0, "3")],
        ),
        ("theorem t : 1 = 1 := by\n  sorry", [("warning", 1, 8, "declaration uses `sorry`")]),
        ("@[simp] private example : 1 = 1 := sorry", [("warning", 1, 16, "declaration uses `sorry`")]),
        (
            "#check Nat\n#check x.y\n  #check (1 : ℕ)",
            [("info", 1, 0, "Nat : Type"), ("info", 2, 0, "x.y : <scripted>"), ("info", 3, 2, "(1 : ℕ) : <scripted>")],
        ),
        ('#print "sync 8f3a"', [("info", 1, 0, "sync 8f3a")]),
        ('#eval "hi"\n#eval 2^10 - 1', [("info", 1, 0, '"hi"'), ("info", 2, 0, "1023")]),
        ("#print axioms Nat.add_comm", [("info", 1, 0, "'Nat.add_comm' does not depend on any axioms")]),
        ("#print axioms nope", [("error", 1, 0, "unknown constant 'nope'")]),
        (
            "def f := 1\nimport Lean",
            [("error", 2, 0, "invalid 'import' command, it must be used in the beginning of the file")],
        ),
        ("def a := 1\n#exit\n#eval 1 sorry", [("warning", 2, 0, "using 'exit' to interrupt Lean")]),
        ("def a := 1 /- open", [("error", 1, 18, "unterminated comment")]),
        ('def a := "open', [("error", 1, 14, "unterminated string literal")]),
        (
            "def a : A := 1\ndef a : B := 2\n#check a",
            [("error", 2, 4, "'a' has already been declared"), ("info", 3, 0, "a : A")],
        ),
        ("#print Nat", [("info", 1, 0, "Nat : Type")]),
        ("namespace A\ndef a := 1\nend A\ndef a := 2", []),
        ("end", [("error", 1, 0, "Invalid `end`: There is no current scope to end")]),
        (
            "namespace A\nend",
            [("error", 2, 0, "Missing name after `end`: Expected the current scope name `A`")],
        ),
        ("section A\nend B", [("error", 2, 0, "Invalid name after `end`: Expected `A`, but found `B`")]),
        (
            "noncomputable section\nend A",
            [("error", 2, 0, "Unexpected name `A` after `end`: The current section is unnamed")],
        ),
        ("@[expose] public section\ndef a := 1\nend\nsection open_at_the_end", []),
        (
            "set_option pp.sorrySource true\ntheorem t : 1 = 1 := by\n  sorry",
            [("warning", 2, 8, "declaration uses `sorry `«M:3:2»`")],
        ),
    ],
)
def test_what_is_said_about_text(run: Run, text: str, expected: list[tuple[str, int, int, str]]) -> None:
    assert brief(run(text or " ").messages) == expected


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        ("2 + 2 = 4", True),
        ("2 + 2 = 5", False),
        ("2 - 3 = 0", True),
        ("3 * 5 = 15", True),
        ("(2 : ℤ) - 3 = -1", True),
        ("(2 : ℤ) - 3 = 0", False),
        ("(2 : ℤ) - 3 = -2", False),
        ("3 ^ 60000 = 1", True),
        ("2 ^ 10 % 7 < 3 * (1 + 1)", True),
        ("7 / 2 ≥ 4", False),
        ("7 / 0 ≠ 0", False),
        ("1 ≤ 1 ∧ 2 > 3", False),
        ("False", False),
        ("x = 5", True),
        ("9 ^ 9 ^ 9 = 1", True),
    ],
)
@pytest.mark.parametrize("proof", ["rfl", "by decide", "by\n  norm_num", "by omega", "by simp <;> linarith"])
def test_closed_arithmetic_is_really_computed(run: Run, statement: str, holds: bool, proof: str) -> None:
    """What cannot be computed passes, and so does a false statement with hypotheses or an unknown proof."""
    response = run(f"theorem t : {statement} := {proof}")
    assert response.has_errors() is not holds
    assert not run(f"theorem t (h : x = 1) : {statement} := {proof}").messages
    assert not run(f"theorem t : {statement} := by\n  norm_num\n  exact magic").messages


def test_an_arithmetic_error_points_at_the_tactic(run: Run) -> None:
    (message,) = run("example : 2 + 2 = 5 := by\n  norm_num").messages
    assert message.data == "unsolved goals\n⊢ False"
    assert (message.start_pos.line, message.start_pos.column) == (2, 2)
    assert message.end_pos is not None
    assert (message.end_pos.line, message.end_pos.column) == (2, 10)


@pytest.mark.parametrize(
    ("text", "goals"),
    [
        (
            "theorem t (x y : Nat) {α : Type u} [Ring α] (h : (x : ℤ) = y) : x = x := by sorry",
            ["x y : Nat\nα : Type u\ninst✝ : Ring α\nh : (x : ℤ) = y\n⊢ x = x"],
        ),
        ("example : A := by\n  have h : B := by sorry\n  show C from sorry\n  sorry", ["⊢ B", "⊢ C", "⊢ A"]),
        ("def f : Nat →\n  Nat\n  | 0 => sorry\n  | _ => 1", ["⊢ Nat → Nat"]),
        ("def f := sorry", ["⊢ <scripted>"]),
        ("lemma l : ∀ n : Nat, n = n := by sorry", ["⊢ ∀ n : Nat, n = n"]),
    ],
)
def test_the_goal_of_a_sorry(run: Run, text: str, goals: list[str]) -> None:
    response = run(text)
    assert [one.goal for one in response.sorries] == goals
    assert [one.severity for one in response.messages] == ["warning"]


def test_axioms_are_followed_through_declarations_and_commands(run: Run) -> None:
    env = run("namespace N\naxiom choice : 1 = 2\ntheorem a : 1 = 2 := choice\ntheorem b : True := by sorry").env
    env = run("theorem c : 1 = 1 := by\n  exact (a, b, native_decide)\ntheorem d : 1 = 1 := rfl", env).env
    shown = run("#print axioms c\n#print axioms d\n#print axioms N.a\nend N\n#print axioms N.b", env).messages
    assert [one.data for one in shown] == [
        "'N.c' depends on axioms: [Lean.ofReduceBool, N.choice, sorryAx]",
        "'N.d' does not depend on any axioms",
        "'N.a' depends on axioms: [N.choice]",
        "'N.b' depends on axioms: [sorryAx]",
    ]
    hidden = run("theorem e : False := sorryAx _ false\n#print axioms e")
    assert brief(hidden.messages) == [("info", 2, 0, "'e' depends on axioms: [sorryAx]")]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("silent", []),
        ("message", [("error", 2, 0, "unknown module prefix 'Mathlbi'")]),
    ],
)
def test_a_failed_import_breaks_what_follows(tmp_path: Path, how: str, expected: list[Any]) -> None:
    header = "-- header\nimport Mathlbi.Tactic\nimport Others"
    with serving(install(tmp_path, SCRIPTED_IMPORT_ERRORS=how)) as server:
        response = ask(server, Command(cmd=header))
        assert brief(response.messages) == expected
        after = ask(server, Command(cmd='open Nat\ntheorem t : 1 = 1 := rfl\n#print "x"', env=response.env))
        assert brief(after.messages) == [
            ("error", 1, 5, "unknown namespace 'Nat'"),
            ("error", 2, 8, "Unknown constant `OfNat`"),
            ("info", 3, 0, "x"),
        ]


def test_which_modules_exist_and_how_their_absence_shows_can_be_set(tmp_path: Path) -> None:
    where = install(tmp_path, SCRIPTED_MODULES="Init,Mine", SCRIPTED_IMPORT_ERRORS="leanerror")
    with Pipes(where) as pipes:
        assert pipes.ask({"cmd": "public import Mine.Deep\nimport Init"}) == {"env": 0}
        assert pipes.ask({"cmd": "import Mathlib"})["message"].startswith(
            "unknown module prefix 'Mathlib'\n\nNo directory"
        )


# --- tactics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "tactic", "goals", "status"),
    [
        ("1 = 1", "rfl", [], "Completed"),
        ("p", "exact fun h => h", [], "Completed"),
        ("p", "sorry", [], "Incomplete: contains sorry"),
        ("a ∧ b ∧ c", "constructor", ["case left\n⊢ a", "case right\n⊢ b ∧ c"], "Incomplete: open goals remain"),
        ("∀ (n : Nat), p n → q", "intro n hp", ["n : Nat\nhp : p n\n⊢ q"], "Incomplete: open goals remain"),
        ("p", "have h : q := by sorry", ["h : q\n⊢ p"], "Incomplete: open goals remain"),
        ("p", 'trace "37"', ["⊢ p"], "Incomplete: open goals remain"),
    ],
)
def test_tactics(run: Run, server: AutoLeanServer, goal: str, tactic: str, goals: list[str], status: str) -> None:
    state = run(f"example : {goal} := by sorry").sorries[0].proof_state
    assert state is not None
    response = ask(server, ProofStep(proof_state=state, tactic=tactic))
    assert (response.goals, response.proof_status) == (goals, status)
    assert response.traces == (["37"] if "trace" in tactic else [])
    assert [one.proof_state for one in response.sorries] == ([state + 1] if "sorry" in tactic else [])


@pytest.mark.parametrize(
    ("goal", "tactic", "complaint"),
    [
        ("2 + 2 = 5", "decide", "Lean error:\ntactic 'decide' proved that the proposition\n  2 + 2 = 5\nis false"),
        ("p", "exat 42", "Lean error:\n<input>:1:1: unknown tactic"),
        ("p", "constructor", "Lean error:\ntactic 'constructor' failed, target is not inductive\n⊢ p"),
        ("p", "intro h", "Lean error:\ntactic 'introN' failed, insufficient number of binders\n⊢ p"),
    ],
)
def test_tactics_that_fail(run: Run, server: AutoLeanServer, goal: str, tactic: str, complaint: str) -> None:
    state = run(f"example : {goal} := by sorry").sorries[0].proof_state
    assert state is not None
    assert ask(server, ProofStep(proof_state=state, tactic=tactic)) == LeanError(message=complaint)


def test_a_finished_proof_takes_no_more_tactics(pipes: Pipes) -> None:
    pipes.ask({"cmd": "example : a ∧ b := sorry"})
    pipes.ask({"tactic": "have h : c\n  := g", "proofState": 0})
    split = pipes.ask({"tactic": "constructor", "proofState": 1})
    assert split["goals"] == ["case left\nh : c\n⊢ a", "case right\nh : c\n⊢ b"]
    pipes.ask({"tactic": "sorry", "proofState": 2})
    assert pipes.ask({"tactic": "trivial", "proofState": 4})["proofStatus"] == "Incomplete: contains sorry"
    assert pipes.ask({"tactic": "rfl", "proofState": 5}) == {"message": "Lean error:\nno goals to be proved"}


# --- misbehaviour that AutoLeanServer survives ---------------------------------------------------------------------


def test_directives_that_add_messages(run: Run) -> None:
    response = run(f"{FIB} -- error! big:70000\n-- unknown:simp and simp")
    assert [(one.severity, len(one.data)) for one in response.messages] == [
        ("error", 25),
        ("error", 14),
        ("info", 70000),
    ]
    assert response.messages[0].data == "unknown identifier 'simp'"
    assert {"PATH"} <= json.loads(run("-- env?").messages[0].data).keys()


def test_count_shows_recycling(run: Run, server: AutoLeanServer) -> None:
    first, second = (json.loads(run("-- count?").messages[0].data) for _ in range(2))
    assert second == {"pid": first["pid"], "commands": first["commands"] + 1}


def test_time_and_memory_are_really_used(run: Run) -> None:
    pid = json.loads(run("-- count?").messages[0].data)["pid"]
    process = psutil.Process(pid)
    memory, cpu = process.memory_info().rss, sum(process.cpu_times()[:2])
    start = time.monotonic()
    run("-- sleep:120 burn:80 grow:50 spew:1000")
    assert time.monotonic() - start >= 0.2
    assert sum(process.cpu_times()[:2]) - cpu >= 0.07
    assert process.memory_info().rss - memory >= 49 << 20


def test_lean_errors_take_no_environment_number(run: Run, server: AutoLeanServer) -> None:
    before = run("def a := 1").env
    assert ask(server, Command(cmd="-- leanerror!")) == LeanError(message="scripted LeanError")
    assert run("def a := 1").env == before + 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-- crash!", ConnectionAbortedError),
        ("-- segv!", ConnectionAbortedError),
        ("-- garbage!", json.JSONDecodeError),
        ("-- deep:100000", RecursionError),
        ("-- hang!", TimeoutError),
    ],
)
def test_directives_that_cost_the_request(where: Install, text: str, error: type[Exception]) -> None:
    with serving(where) as server:
        with pytest.raises(error):
            server.run(Command(cmd=text), timeout=0.3 if "hang" in text else 5)
        response = ask(server, Command(cmd="#check Nat"))
        assert response.messages[0].data == "Nat : Type"


def test_a_memory_limit_ends_it_as_it_ends_lean(where: Install) -> None:
    with (
        serving(where, memory_hard_limit_mb=500) as server,
        pytest.raises(ConnectionAbortedError, match="INTERNAL PANIC"),
    ):
        ask(server, Command(cmd="-- grow:1000"))


def test_a_forged_reply_makes_the_stock_client_off_by_one(where: Install) -> None:
    with serving(where) as server:
        for text, seen in (
            ("-- forge! error!", []),
            ("#check Nat", ["unsolved goals"]),
            ("#check Int", ["Nat : Type"]),
        ):
            response = ask(server, Command(cmd=text))
            assert [one.data for one in response.messages] == seen


def test_descendants_stay_behind(pipes: Pipes) -> None:
    reply = pipes.ask({"cmd": "-- orphan! fork!"})
    found = {name: pid for one in reply["messages"] for name, pid in json.loads(one["data"]).items()}
    try:
        assert (os.getsid(found["orphan"]), os.getsid(found["fork"]) != os.getsid(pipes.process.pid)) == (
            pipes.process.pid,
            True,
        )
        pipes.send({"cmd": "-- crash!"})
        assert pipes.process.wait(timeout=5) == 1
        with pytest.raises(TimeoutError):  # no end of output: the one in a session of its own holds it
            pipes.chunk(0.05)
    finally:
        for pid in found.values():
            os.kill(pid, signal.SIGKILL)
    assert pipes.receive() == b""


# --- misbehaviour over bare pipes ----------------------------------------------------------------------------------


def test_how_a_process_dies(where: Install) -> None:
    for word, code in (("crash!", 1), ("segv!", -signal.SIGSEGV)):
        with Pipes(where) as pipes:
            pipes.send({"cmd": word})
            assert (pipes.process.wait(timeout=5), pipes.receive()) == (code, b"")


@pytest.mark.parametrize(
    ("word", "reply"),
    [
        ("garbage!", b"this is not JSON\n\n"),
        ("blank!", b'\n{"env": 0}\n\n'),
        ("forge!", b'{"env": 0}\n\n{"env": 0}\n\n'),
        ("forgelate:5", b'{"env": 0}\n\n{"env": 0}\n\n'),
        ("badutf8!", b'{"env": 0,\n "bytes": "\xff\xfe"}\n\n'),
        ("deep:3", b'{"env": 0,\n "deep": [[[]]]}\n\n'),
    ],
)
def test_spoilt_bytes(pipes: Pipes, word: str, reply: bytes) -> None:
    pipes.send({"cmd": f"-- {word}"})
    received = b""
    while len(received) < len(reply):
        received += pipes.chunk(5)
    assert received == reply


@pytest.mark.parametrize(("word", "newlines"), [("flood!", False), ("floodlines!", True)])
def test_floods(pipes: Pipes, word: str, newlines: bool) -> None:
    pipes.send({"cmd": word})
    flood = b"".join(pipes.chunk(5) for _ in range(20))
    assert (b"\n" in flood, b"\n\n" in flood) == (newlines, False)


def test_noread_answers_and_then_reads_no_more(pipes: Pipes) -> None:
    assert pipes.ask({"cmd": "-- noread!"}) == {"env": 0}
    pipes.send({"cmd": "#check Nat"})
    pipes.deadline_s = 0.1
    with pytest.raises(TimeoutError):
        pipes.receive()


def test_spew_reaches_stderr_before_the_reply(pipes: Pipes) -> None:
    assert pipes.ask({"cmd": "-- spew:3000"}) == {"env": 0}
    assert pipes.process.stderr is not None
    assert pipes.process.stderr.read(3000) == b"x" * 3000


# --- settings and replay -------------------------------------------------------------------------------------------


def test_pauses_spare_the_guard_and_yield_to_sleep(tmp_path: Path) -> None:
    with Pipes(install(tmp_path, SCRIPTED_SLEEP_MS="60000", SCRIPTED_IMPORT_SLEEP_MS="80")) as pipes:
        start = time.monotonic()
        assert pipes.ask({"cmd": "/- c -/ import Mathlib"}) == {"env": 0}
        assert time.monotonic() - start >= 0.08
        assert pipes.ask({"cmd": '#print "x"', "env": 0})["env"] == 1
        assert pipes.ask({"cmd": "-- sleep:0"}) == {"env": 2}
        pipes.send({"cmd": FIB})
        with pytest.raises(TimeoutError):
            pipes.chunk(0.1)


def test_every_request_is_logged_with_its_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Pipes(install(tmp_path / "r", SCRIPTED_LOG=str(log))) as pipes:
        pipes.ask({"cmd": "a"})
        pipes.ask({"tactic": "rfl", "proofState": 0})
        logged = [json.loads(line) for line in log.read_text().splitlines()]
        pid = pipes.process.pid
    assert logged == [
        {"pid": pid, "request": {"cmd": "a"}},
        {"pid": pid, "request": {"tactic": "rfl", "proofState": 0}},
    ]


def _record(name: str, *exchanges: tuple[dict[str, Any], dict[str, Any] | None]) -> Record:
    requests, replies = zip(*exchanges, strict=True)
    return Record(name, "self-written", "v4", requests, replies, client_can_parse=True)


SORRY = {"env": 5, "sorries": [{"proofState": 7, "goal": "⊢ g"}, {"proofState": 8, "goal": "⊢ h"}]}
STEP = {"proofStatus": "Completed", "proofState": 9, "goals": []}
SESSION = _record(
    "s",
    ({"cmd": "import Own"}, {"env": 4}),
    ({"cmd": "two", "env": 4}, SORRY),
    ({"tactic": "magic", "proofState": 8}, STEP),
    ({"cmd": "never", "env": 5}, None),
)


def test_replay_answers_lineages_and_leaves_the_rest_to_the_rules(tmp_path: Path) -> None:
    script = write_replay(tmp_path / "answers.json", [SESSION])
    with Pipes(install(tmp_path, SCRIPTED_FILE=str(script))) as pipes:
        assert pipes.ask({"cmd": "two"}) == {"env": 0}
        assert pipes.ask({"cmd": "import Own", "incrementality": True, "setOptions": [[["Elab", "async"], True]]}) == {
            "env": 1
        }
        for env, state in ((2, 0), (3, 2)):
            reply = pipes.ask({"cmd": "two", "env": 1})
            assert (reply["env"], [one["proofState"] for one in reply["sorries"]]) == (env, [state, state + 1])
        assert pipes.ask({"tactic": "magic", "proofState": 3}) == {**STEP, "proofState": 4}
        assert pipes.ask({"tactic": "magic", "proofState": 2}) == {
            "message": "Lean error:\n<input>:1:1: unknown tactic"
        }
        assert pipes.ask({"tactic": "magic", "proofState": 5}) == {"message": "Unknown proof state."}
        assert pipes.ask({"cmd": "two", "env": 4}) == {"message": "Unknown environment."}
        assert pipes.ask({"cmd": "never", "env": 1}) == {"env": 4}
        pipes.send({"cmd": "never", "env": 3})
        pipes.deadline_s = 0.1
        with pytest.raises(TimeoutError):
            pipes.receive()


def test_contradicting_records_need_two_files(tmp_path: Path) -> None:
    other = _record("o", ({"cmd": "import Own"}, {"env": 0, "messages": []}))
    same = _record("t", ({"cmd": "import Own"}, {"env": 2}), ({"cmd": "three", "env": 2}, {"env": 3}))
    with pytest.raises(Contradiction):
        write_replay(tmp_path / "x", [SESSION, other])
    assert shelves([SESSION, other, same]) == [[SESSION, same], [other]]
    assert load(tmp_path / "absent.jsonl") == []


def test_what_a_recording_leaves_out_is_completed(tmp_path: Path) -> None:
    """Kimina's recordings lack the header's answer and environment numbers, with an error where a body timed out."""
    line = {"id": "k", "source": "k", "lean_version": "v4", "lean_interact_0_11_6_valid": True}
    line |= {"requests": [{"cmd": "h"}, {"cmd": "b", "env": 0}], "responses": [None, {"time": 1.5}]}
    late = {**line, "responses": [None, None], "error": "Lean process timed out"}
    other = {**line, "requests": [{"tactic": "t", "proofState": 0}], "responses": [STEP]}
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in (line, late, other)))
    assert [one.replies for one in load(path)] == [({"env": 0}, {"time": 1.5, "env": 1}), ({"env": 0}, None), (STEP,)]
