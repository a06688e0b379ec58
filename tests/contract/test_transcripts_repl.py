"""The real LeanInteract gets recorded sessions of the real REPL from the scripted one, and reads what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from lean_interact import AutoLeanServer
from lean_interact.interface import (
    Command,
    FileCommand,
    PickleEnvironment,
    PickleProofState,
    ProofStep,
    UnpickleEnvironment,
    UnpickleProofState,
)

from tests.support.repl.install import Install, install
from tests.support.repl.replay import numbered
from tests.support.repl.serving import serving
from tests.support.repl.transcripts import TRANSCRIPTS, Record, anonymous, load, shelves, write_replay

RECORDS = [record for record in load() if record.client_can_parse]
SHELVES = shelves(RECORDS)
SHELF_OF = {record.id: number for number, shelf in enumerate(SHELVES) for record in shelf}
# A recorded timeout is answered by silence; this is how long the test listens to it.
SILENCE_S = 0.2
KINDS: tuple[tuple[set[str], Any], ...] = (
    ({"proofState", "tactic"}, ProofStep),
    ({"env", "pickleTo"}, PickleEnvironment),
    ({"proofState", "pickleTo"}, PickleProofState),
    ({"unpickleEnvFrom"}, UnpickleEnvironment),
    ({"unpickleProofStateFrom"}, UnpickleProofState),
    ({"cmd"}, Command),
    ({"path"}, FileCommand),
)

pytestmark = pytest.mark.skipif(not RECORDS, reason=f"recorded sessions are not beside the checkout: {TRANSCRIPTS}")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[AutoLeanServer]]:
    """One server per shelf, each behind one REPL process that answers for many sessions."""
    with ExitStack() as stack:
        yield [stack.enter_context(serving(_installed(tmp_path_factory.mktemp("shelf"), shelf))) for shelf in SHELVES]


def _installed(directory: Path, shelf: list[Record]) -> Install:
    script = write_replay(directory / "answers.json", shelf)
    return install(directory, SCRIPTED_FILE=str(script))


def _query(request: dict[str, Any]) -> Any:
    kind = next(kind for fields, kind in KINDS if fields <= request.keys())
    return kind.model_validate(request)


@pytest.mark.parametrize("record", RECORDS, ids=[record.id for record in RECORDS])
def test_a_replayed_session_is_read_as_it_was_recorded(record: Record, servers: list[AutoLeanServer]) -> None:
    server = servers[SHELF_OF[record.id]]
    envs: dict[int, int] = {}
    states: dict[int, int] = {}
    for request, reply in zip(record.requests, record.replies, strict=True):
        live = {**request}
        for field, numbers in (("env", envs), ("proofState", states)):
            if field in request:
                # A number that was never given out stays unknown in the live session too.
                live[field] = numbers.get(request[field], 10**6)
        if reply is None:
            with pytest.raises(TimeoutError):
                server.run(_query(live), timeout=SILENCE_S)
            return
        got = server.run(_query(live), timeout=10).model_dump(by_alias=True, exclude_unset=True)
        assert anonymous(got) == anonymous(reply)
        if "env" in reply:
            assert envs.setdefault(reply["env"], got["env"]) == got["env"]
        for recorded, received in zip(numbered(reply), numbered(got), strict=True):
            assert states.setdefault(recorded["proofState"], received["proofState"]) == received["proofState"]


def test_sessions_recorded_with_several_versions_need_few_processes() -> None:
    assert 1 < len(SHELVES) < len(RECORDS) / 4
