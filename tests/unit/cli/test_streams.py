"""Commands on a terminal that obeys what it is sent, and with standard streams that are closed or not UTF-8."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.screens import bare_environment, in_pipe, on_terminal
from tests.unit.client.scripted_farm import ScriptedFarm, answer, serve, status_json, verdict_json

FARM = [sys.executable, "-P", "-m", "farm"]
BATCH = "6" * 32
# Writes to the clipboard of whoever looks at it, and clears the terminal.
HOSTILE = "by rfl -- \x1b]52;c;aGk=\x07 \x1b[2J \x9b2J"
LISTED = {**status_json(BATCH), "label": "⊢", "counts": {"accepted": 0, "rejected": 0, "undecided": 0}}


@pytest.fixture
def scripted() -> Iterator[ScriptedFarm]:
    with serve() as farm:
        yield farm


def asking(scripted: ScriptedFarm, **more: str) -> dict[str, str]:
    return {**bare_environment(80), "FARM_URL": scripted.url, **more}


def hostile_item() -> Any:
    message = {"severity": "error", "data": HOSTILE, "pos": {"line": 1, "column": 0}}
    return answer({"index": 0, "proof": {"code": HOSTILE}, "verdict": {**verdict_json(0), "messages": [message]}})


def test_a_proof_cannot_command_the_terminal(scripted: ScriptedFarm, tmp_path: Path) -> None:
    scripted.script(hostile_item())

    shown = on_terminal([*FARM, "batches", BATCH, "--item", "0"], asking(scripted), tmp_path, 80)

    assert shown.count("by rfl -- \ufffd]52;c;aGk=\ufffd \ufffd[2J \ufffd2J") == 2
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


def test_a_pipe_has_the_proof_as_it_is(scripted: ScriptedFarm, tmp_path: Path) -> None:
    scripted.script(hostile_item())

    assert HOSTILE in in_pipe([*FARM, "batches", BATCH, "--item", "0"], asking(scripted), tmp_path)


def test_what_a_stream_lacks_is_written_as_an_escape(scripted: ScriptedFarm, tmp_path: Path) -> None:
    scripted.script(answer({"batches": [LISTED]}))

    shown = in_pipe([*FARM, "batches"], asking(scripted, PYTHONIOENCODING="ascii"), tmp_path)

    assert "\\u22a2" in shown


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_closed_streams_are_no_fault(scripted: ScriptedFarm, tmp_path: Path, options: list[str]) -> None:
    scripted.script(answer({"batches": [LISTED]}))
    program = ["sh", "-c", 'exec "$@" >&- 2>"$0"', str(tmp_path / "said"), *FARM, "batches", *options]

    done = subprocess.run(program, env=asking(scripted), cwd=tmp_path, check=False)

    assert (done.returncode, (tmp_path / "said").read_text()) == (0, "")


def test_a_closed_stdin_is_named(scripted: ScriptedFarm, tmp_path: Path) -> None:
    program = ["sh", "-c", 'exec "$@" <&-', "sh", *FARM, "verify", "-"]

    done = subprocess.run(program, env=asking(scripted), cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr == "error  `-` stands for stdin, and stdin is closed\n"


@pytest.mark.parametrize("options", [[], ["--json"], ["--help"]])
def test_a_full_disk_is_a_sentence(scripted: ScriptedFarm, tmp_path: Path, options: list[str]) -> None:
    scripted.script(answer({"batches": [LISTED]}))

    with Path("/dev/full").open("w") as full:
        program = [*FARM, "batches", *options]
        done = subprocess.run(
            program, env=asking(scripted), cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (done.returncode, done.stderr) == (1, "error  The output: No space left on device\n")


def test_a_terminal_may_be_one_column_wide(scripted: ScriptedFarm, tmp_path: Path) -> None:
    scripted.script(answer({"batches": [LISTED]}))

    assert "⊢" in on_terminal([*FARM, "batches"], asking(scripted), tmp_path, 1)
