"""Recorded Kimina sessions through `POST /v1/verify`: the verdict says what the recorded Lean said."""

from __future__ import annotations

from pathlib import Path

import httpx

from farm import Outcome, Proof
from tests.conftest import lean_settings
from tests.support.repl.install import install
from tests.support.repl.transcripts import Record, load, write_replay
from tests.support.running import running_farm


def code_of(record: Record) -> str:
    """Return the whole Lean text of a session of a header and a body."""
    header, body = record.requests
    return f"{header['cmd']}\n{body['cmd']}"


def is_one_proof(record: Record) -> bool:
    """Whether a session is a header and a body on it, without options, and its answer was recorded."""
    if "kimina" not in record.source or None in record.replies:
        return False
    keys = [set(request) for request in record.requests]
    return keys == [{"cmd"}, {"cmd", "env"}] and str(record.requests[0]["cmd"]).startswith("import ")


def test_recorded_sessions_come_back_as_verdicts(tmp_path: Path, shared_data: Path) -> None:
    records = [record for record in load(shared_data / "transcripts.jsonl") if is_one_proof(record)]
    assert len(records) >= 40
    # In the REPL's own folder, which the sandbox lets it read.
    (tmp_path / "repl").mkdir()
    replay = write_replay(tmp_path / "repl" / "replay.json", records)
    repl = install(tmp_path / "repl", SCRIPTED_FILE=str(replay))

    with running_farm(tmp_path / "own", **lean_settings(repl)) as running, running.client() as client:
        verdicts = client.verify([Proof(id=record.id, code=code_of(record)) for record in records])
        assert httpx.get(f"{running.url}/livez").status_code == 200

    for record, verdict in zip(records, verdicts, strict=True):
        reply = record.replies[1]
        assert reply is not None
        said = reply.get("messages", [])
        has_error = any(message["severity"] == "error" for message in said)
        has_sorry = bool(reply.get("sorries")) or any("declaration uses" in message["data"] for message in said)
        assert verdict.outcome is (Outcome.REJECTED if has_error or has_sorry else Outcome.ACCEPTED), record.id
        shift = str(record.requests[0]["cmd"]).count("\n") + 1
        assert [(m.severity, m.data, m.pos and m.pos.line) for m in verdict.messages] == [
            (m["severity"], m["data"], m["pos"]["line"] + shift) for m in said
        ], record.id
