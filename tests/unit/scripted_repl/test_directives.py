"""What a text can order the scripted REPL to do: answer falsely, hang, flood, die."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from lean_interact import AutoLeanServer, Command
from lean_interact.interface import (
    LeanError,
)

from tests.support.repl.asking import FIB, Run, ask
from tests.support.repl.install import Install, install
from tests.support.repl.serving import Pipes, serving


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
