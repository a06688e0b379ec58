"""Recorded answers of a real REPL, given again by the scripted one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.repl.install import install
from tests.support.repl.serving import Pipes
from tests.support.repl.transcripts import Contradiction, Record, load, shelves, write_replay


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
