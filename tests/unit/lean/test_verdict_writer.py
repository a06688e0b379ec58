"""The verdict writer by itself, on a real Valkey."""

from __future__ import annotations

import pytest

from farm.celery_app import Tokens, celery_app
from farm.errors import StoreUnavailable
from farm.local.ports import free_port
from farm.models import Reason, Verdict, verdict
from farm.settings import Settings
from farm.store.leases import Leases
from tests.support.lean_process import REVISION, LeanProcess
from tests.support.open_store import open_store
from tests.support.store import ENV
from workers.lean.claims import Chunk
from workers.lean.verdict_writer import VerdictWriter


def take(process: LeanProcess, count: int) -> Chunk:
    process.put(count)
    chunk = process.claims.take(0.0)
    assert chunk is not None
    assert len(chunk.rest) == count
    return chunk


def found(index: int, reason: Reason | None = None) -> Verdict:
    return verdict(str(index), index, reason=reason)


def test_verdicts_are_written_in_the_order_in_which_they_come(process: LeanProcess) -> None:
    chunk = take(process, 16)

    writes = [process.writer.write(chunk.claim, [found(index)], None, 0.1) for index in range(16)]

    assert [write.result().written for write in writes] == [1] * 16
    assert [each.index for each in process.verdicts(chunk.claim.batch)] == list(range(16))


def test_the_first_verdict_stands(process: LeanProcess) -> None:
    claim = take(process, 2).claim
    first = process.writer.write(claim, [found(0)], None, 0.1)
    second = process.writer.write(claim, [found(0, Reason.ERROR)], None, 0.1)

    assert (first.result().written, second.result().written) == (1, 0)
    assert [each.reason for each in process.verdicts(claim.batch)] == [None]


def test_what_is_given_back_waits_for_others(process: LeanProcess) -> None:
    chunk = take(process, 3)

    process.writer.give_back(chunk.claim, [1, 2])
    again = process.claims.take(0.0)

    assert again is not None
    assert [(item.index, item.attempts) for item in again.claim.items] == [(1, 1), (2, 1)]


def test_only_the_last_death_has_to_be_decided(process: LeanProcess) -> None:
    chunk = take(process, 1)
    for is_last in (False, False, True):
        assert chunk is not None
        assert process.writer.charge(chunk.claim, chunk.claim.items[0], 0.1) is is_last
        chunk = process.claims.take(0.0) or chunk


def test_a_store_that_is_away_for_longer_than_its_patience_is_told(process: LeanProcess) -> None:
    claim = take(process, 1).claim
    nowhere = f"redis://127.0.0.1:{free_port()}"
    tokens = Tokens(celery_app(Settings(redis_url=nowhere, _env_file=None)))
    writer = VerdictWriter(Leases(open_store(nowhere)), tokens, ENV, REVISION, patience_s=0.1)

    with pytest.raises(StoreUnavailable):
        writer.write(claim, [found(0)], None, 0.1).result()
    with pytest.raises(StoreUnavailable):
        writer.give_back(claim, [0])
