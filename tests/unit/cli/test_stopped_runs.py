"""What a person who stops `farm verify` leaves in the farm."""

from __future__ import annotations

from pathlib import Path

from farm.cli.runs import _Going
from farm.cli.unfinished_runs import UnfinishedRun
from farm.cli.verdicts import Output
from farm.client import Farm
from tests.unit.client.scripted_farm import answer, paths, refuse, serve, status_json


def test_a_run_whose_first_batch_has_expired_is_cancelled(tmp_path: Path) -> None:
    note = tmp_path / "run.json"
    with serve() as scripted, Farm(scripted.url, retries=0) as farm:
        begun = UnfinishedRun.make([], {}, farm.base_url, set())
        begun.batches += ["a", "b"]
        begun.write(note)
        scripted.script(refuse(404, "not_found"), answer(status_json("b")))

        _Going([], Output(), as_json=False, begun=begun, note=note).stop(farm)

        assert paths(scripted) == ["DELETE /a", "DELETE /b"]
    assert not note.exists()
