"""The slice is used where it pays; a run that outlasts it is deferred if its batch ends no later, else goes on."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from farm.models import Outcome, Proof, Reason, Verdict
from farm.store.batch_outlooks import Outlook, Outlooks
from farm.store.claims import Claim, ClaimedItem
from tests.support.fake_session import response
from tests.support.lean_process import LeanProcess
from tests.support.store import ENV, assert_settled
from workers.lean.repl_events import ReplTimeout
from workers.lean.time_slices import Slices, first_slice_s, is_worth_deferring

# A batch of which 4 % do not end, on 32 processes: 20 more are to come, and nothing of it is held or deferred.
LATE = Outlook(
    processes=32,
    fresh=500,
    deferred=0,
    outlasted=41,
    returned=1,
    timeouts=20,
    decided=960,
    worked_s=20 * 300 + 960 * 4.0,
    others_wait=False,
)


@pytest.mark.parametrize(
    ("timeout_s", "timed", "longest_s", "load_s", "slice_s"),
    [
        (300, 99, 1, 0, None),  # too little was seen
        (300, 100, 1, 0, 2),
        (300, 100, 10, 0, 10),
        (300, 100, 0.01, 0, 2),  # never so short that a busy host ends it
        (300, 100, 150, 0, None),  # the rest is shorter than the slice
        (60, 100, 20, 30, None),  # a deferral costs a header load, 40 < 20 + 30
        (60, 100, 20, 10, 20),
        (3, 1000, 1, 0, None),
    ],
)
def test_the_first_slice(timeout_s: float, timed: int, longest_s: float, load_s: float, slice_s: float | None) -> None:
    assert first_slice_s(timeout_s, timed, longest_s, load_s) == slice_s


@pytest.mark.parametrize("longest_s", [0, 0.5, 3, 29, 100, 1000])
@pytest.mark.parametrize("load_s", [0, 5, 60])
def test_a_slice_leaves_more_than_it_costs(longest_s: float, load_s: float) -> None:
    found = first_slice_s(120, 100, longest_s, load_s)

    assert found is None or (found < 120 and 120 - found > found + load_s)


def test_it_is_deferred_where_all_that_are_left_can_begin_at_once_at_the_end() -> None:
    assert is_worth_deferring(LATE, 50.0, 300.0, 0.0)
    assert is_worth_deferring(replace(LATE, deferred=11), 50.0, 300.0, 0.0)
    assert is_worth_deferring(replace(LATE, going_on_s=(10.0,) * 20), 50.0, 300.0, 0.0), "those end before"


@pytest.mark.parametrize(
    "change",
    [
        {"fresh": 0},
        {"fresh": -3},  # a count that was off by what was deferred twice
        {"others_wait": True},
        {"processes": 20},  # 21 would not begin at once
        {"deferred": 12},
        {"going_on_s": (290.0,) * 12},
        {"fresh": 2000, "decided": 960},  # 80 are still to come
        {"timeouts": 4, "worked_s": 4 * 300 + 960 * 4.0},  # that they do not end is not shown yet
        {"outlasted": 2},  # hardly another is to come: this one would end the batch
        {"fresh": 100},  # too near to the end to make up for what it has run
        {"decided": 0, "worked_s": 0.0},
    ],
)
def test_else_it_goes_on(change: dict[str, Any]) -> None:
    assert not is_worth_deferring(replace(LATE, **change), 50.0, 300.0, 0.0)


class Store(Outlooks):
    """Knows a batch whose runs should be deferred, and answers once it may."""

    def __init__(self, may_answer: threading.Event) -> None:
        self._may_answer = may_answer

    def outlasted(self, lease: str, index: int, left_s: float) -> Outlook | None:
        self._may_answer.wait()
        return LATE


def test_a_run_goes_on_that_the_store_keeps_waiting() -> None:
    may_answer = threading.Event()
    item, options = ClaimedItem(0, "p", Proof(code="theorem t : 1 = 1 := rfl")), {"timeout_s": 300.0}
    asked = Claim("l", "lane", "b", "me", options, queued_s=0.0, timed=100, longest_s=50.0, trace="", items=(item,))
    slices = Slices(Store(may_answer))

    held = slices.of(item, asked, 0.0)
    assert held is not None
    assert held.end(), "nobody reads from its REPL meanwhile"
    may_answer.set()
    answered = slices.of(item, asked, 0.0)
    assert answered is not None
    assert not answered.end()


def test_runs_that_went_on_for_long_show_that_they_do_not_end() -> None:
    early = replace(LATE, timeouts=0, worked_s=960 * 4.0)

    assert is_worth_deferring(replace(early, going_on_s=(190.0,) * 5), 50.0, 300.0, 0.0)
    assert not is_worth_deferring(replace(early, going_on_s=(210.0,) * 5), 50.0, 300.0, 0.0)


def test_the_dearer_the_header_the_sooner_it_goes_on() -> None:
    assert is_worth_deferring(LATE, 50.0, 300.0, 30.0)
    assert not is_worth_deferring(LATE, 50.0, 300.0, 60.0)


def run(process: LeanProcess, count: int, processes: int = 64, **learned: Any) -> tuple[str, list[Verdict]]:
    """Run a batch whose proof 0 outlasts its slice and then is accepted, after what the batch has learned.

    Returns:
        The batch, and its verdicts in the order in which they were written.
    """
    batch = process.put(count, timeout_s=60.0)
    seen = {"timed": 100, "longest_s": 0.1, "timeouts": 5, "outlasted": 9, "served": 5 * 60 + 100 * 5.0, **learned}
    process.client.hset(f"farm:batch:{batch}", mapping=seen)
    process.client.zadd(f"farm:workers:{ENV}", {f"w{i}": 1e15 for i in range(processes)})
    # The farm's record says 100 accepted that are none of these.
    process.client.hincrby(f"farm:batch:{batch}", "accepted", 100)
    asked: list[str] = []

    def lean(text: str) -> Any:
        asked.append(text)
        if text == "proof 0" and asked.count(text) == 1:
            raise ReplTimeout
        return response()

    process.session.lean = lean
    process.loop.work()
    process.client.hincrby(f"farm:batch:{batch}", "accepted", -100)
    return batch, process.verdicts(batch)


def test_a_deferred_proof_comes_last_uncharged_with_its_full_time(process: LeanProcess) -> None:
    batch, verdicts = run(process, 300)

    assert verdicts[-1].index == 0
    assert {(each.outcome, each.attempts) for each in verdicts} == {(Outcome.ACCEPTED, 1)}
    assert process.client.hget(f"farm:batch:{batch}", "deferred") == b"1"
    assert not process.client.exists(f"farm:batch:{batch}:beyond")
    assert_settled(process.client, batch, 300)


@pytest.mark.parametrize(
    ("count", "processes", "learned"),
    [(1, 64, {}), (300, 8, {}), (300, 64, {"timeouts": 0, "served": 500.0})],
    ids=["nothing waits", "too many would be left", "nothing shows that they do not end"],
)
def test_what_is_not_deferred_goes_on_without_a_new_start(
    process: LeanProcess, count: int, processes: int, learned: dict[str, Any]
) -> None:
    batch, verdicts = run(process, count, processes, **learned)

    assert verdicts[0].index == 0
    assert {(each.outcome, each.attempts) for each in verdicts} == {(Outcome.ACCEPTED, 1)}
    record = process.client.hgetall(f"farm:batch:{batch}")
    assert (record[b"outlasted"], record[b"returned"]) == (b"10", b"1")
    assert not process.client.exists(f"farm:batch:{batch}:beyond", f"farm:batch:{batch}:history")
    assert process.session.restarts == 0
    assert_settled(process.client, batch, count)


def test_with_another_batch_waiting_nothing_is_deferred(process: LeanProcess) -> None:
    process.put(300, timeout_s=60.0, owner="other")

    batch, verdicts = run(process, 300)

    assert {each.outcome for each in verdicts} == {Outcome.ACCEPTED}
    record = process.client.hgetall(f"farm:batch:{batch}")
    assert (record[b"outlasted"], b"deferred" in record) == (b"10", False)


def test_without_slices_a_proof_has_its_full_time_at_once(valkey_url: str, process: LeanProcess) -> None:
    off = LeanProcess(valkey_url, has_slices=False)

    batch, verdicts = run(off, 300)

    assert (verdicts[0].index, verdicts[0].reason) == (0, Reason.TIMEOUT)
    assert process.client.hget(f"farm:batch:{batch}", "outlasted") == b"9", "nobody asked"
