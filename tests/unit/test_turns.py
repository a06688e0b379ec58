"""Texts are read for a while at a time: however many a request has, others get their turn in between."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import cast

import pytest
from fastapi import Request

from api import large_texts
from api.intake import Intake
from api.kimina import SnippetOptions, run_checks
from api.large_texts import read_aside
from api.service import Service
from api.tactic_search import split_goals
from farm.models import Goal, Proof, ReportRequest
from tests.support.turns import turns_during

SERVICE = cast("Service", SimpleNamespace(settings=SimpleNamespace(max_timeout_s=60, verdict_cache_mb=1)))
OPTIONS = {"level": "compiled", "gate": "off", "environment": "default", "timeout_s": 1.0, "cache": True, "canaries": 0}


async def test_nobody_waits_for_more_than_one_text_that_takes_a_while() -> None:
    read: list[int] = []
    waited: list[int] = []

    async def wait() -> None:
        while True:
            before = len(read)
            await asyncio.sleep(0)
            waited.append(len(read) - before)

    def read_slowly(index: int) -> None:
        # As long as it takes to read a text of some length; how long that is depends on the machine.
        time.sleep(0.03)
        read.append(index)

    other = asyncio.create_task(wait())
    for index in range(10):
        await read_aside(100, read_slowly, index)
    other.cancel()

    assert read == list(range(10))
    assert max(waited) == 1


async def test_the_snippets_of_a_request_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_texts, "_TURN_S", 0.001)
    texts, options = ["theorem a : 1 = 1 := rfl"] * 30_000, SnippetOptions(0, ReportRequest())

    turns, _ = await turns_during(lambda: run_checks(cast("Request", None), SERVICE, "me", texts, options))

    assert turns >= 3


async def test_a_large_code_is_fingerprinted_beside_the_loop() -> None:
    intake = Intake(SERVICE, "me", OPTIONS)
    found = []

    async def take() -> None:
        found.extend([entry async for entry in intake.entries([Proof(code='"a" ' * 100_000 + "-- b")])])

    turns, _ = await turns_during(take)

    assert turns >= 10
    [entry] = found
    assert len(entry.fingerprint) == 80


def test_the_shares_of_a_large_goal_do_not_multiply_it() -> None:
    large = Goal(
        code="theorem t : True := by sorry -- " + "x" * 900_000, candidates=[f"exact h{n}" for n in range(1000)]
    )
    small = Goal(code="theorem t : True := by sorry", candidates=[f"exact h{n}" for n in range(1000)])

    of_both, of_small = split_goals([large, small]), split_goals([small])

    assert sum(len(share.task.proof.code) for share in of_both) <= 32 << 20
    assert sorted(place for share in of_both if share.goal == 0 for place in share.places) == list(range(1000))
    assert {len(share.places) for share in of_small} == {4}
