"""The work loop over a real Valkey, with a function in Lean's place."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from farm.errors import StoreUnavailable
from farm.local.valkey import prepare_valkey
from farm.models import Outcome, Reason, verdict
from farm.store.codec import mark, pack
from farm.store.leases import DEATH_BOUND, Leases
from farm.store.registry import Alive
from tests.support.fake_session import response
from tests.support.lean_process import ENVIRONMENT, LeanProcess
from tests.support.running import await_true
from tests.support.store import assert_settled
from workers.lean.engine import NoLean
from workers.lean.repl_events import ReplGone
from workers.lean.repl_reply import Reply
from workers.lean.watchdog import Interruption

# So many short runs later, verdicts are written in groups while Lean runs the next proofs.
WARMED_UP = 9


def number(text: str) -> int:
    """Return which proof of a batch a text is; -1 for a canary."""
    found = re.fullmatch(r"proof (\d+)", text)
    return int(found[1]) if found else -1


def test_a_store_that_is_away_for_5_s_costs_no_proof_its_second(process: LeanProcess) -> None:
    batch = process.put(14)

    def lean(text: str) -> Reply:
        if number(text) == WARMED_UP:
            # The verdict on this proof cannot be written while the next one runs.
            await_true(lambda: process.has_verdict(batch, WARMED_UP - 1), "the verdict before it")
            process.client.execute_command("CLIENT", "PAUSE", 5000, "ALL")
        return response()

    process.session.lean = lean
    process.loop.work()

    assert [(v.outcome, v.attempts) for v in process.verdicts(batch)] == [(Outcome.ACCEPTED, 1)] * 14
    assert_settled(process.client, batch, 14)


@pytest.mark.parametrize("task", [{"requests": "later"}, {"proof": {"code": "later"}, "candidates": 7}, {"later": 1}])
def test_a_task_that_this_release_cannot_read_is_answered_once(process: LeanProcess, task: dict[str, Any]) -> None:
    """The proofs that are claimed with it run, and no death or lapse is charged to anybody."""
    batch = process.put(3)
    process.client.hset(f"farm:batch:{batch}:items", "1", mark(pack({**task, "id": "one"}), ""))

    process.loop.work()

    strange, *others = sorted(process.verdicts(batch), key=lambda each: each.index != 1)
    assert (strange.id, strange.reason, strange.attempts) == ("one", Reason.FARM_ERROR, 1)
    assert "another release" in strange.messages[0].data
    assert [each.outcome for each in others] == [Outcome.ACCEPTED] * 2
    assert_settled(process.client, batch, 3)


def test_lean_goes_on_while_a_group_of_verdicts_is_written(process: LeanProcess) -> None:
    batch = process.put(16)
    unwritten: dict[int, list[int]] = {}

    def lean(text: str) -> Reply:
        this = number(text)
        if this == WARMED_UP:
            await_true(lambda: process.has_verdict(batch, this - 1), "the verdict before it")
            # Reads are answered meanwhile.
            process.client.execute_command("CLIENT", "PAUSE", 3000, "WRITE")
        unwritten[this] = [index for index in range(this) if not process.has_verdict(batch, index)]
        return response()

    process.session.lean = lean
    process.loop.work()

    assert unwritten[WARMED_UP + 1] == [WARMED_UP], "it runs though the verdict before it is not written"
    assert [verdict.index for verdict in process.verdicts(batch)] == list(range(16))


def test_a_group_is_written_while_a_long_proof_runs(process: LeanProcess) -> None:
    batch = process.put(16)

    def lean(text: str) -> Reply:
        if number(text) == WARMED_UP + 3:
            await_true(lambda: process.has_verdict(batch, WARMED_UP + 2), "the verdicts before it", 1)
        return response()

    process.session.lean = lean
    process.loop.work()

    assert_settled(process.client, batch, 16)


def test_short_runs_share_their_writes(process: LeanProcess) -> None:
    process.put(16)
    process.loop.work()
    batch = process.put(160)
    process.client.execute_command("CONFIG", "RESETSTAT")

    process.loop.work()

    assert_settled(process.client, batch, 160)
    calls = process.client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert calls < 60, "a claim and a write or two for sixteen proofs"


def test_a_verdict_that_somebody_waits_for_is_written_at_once(process: LeanProcess) -> None:
    process.put(16)
    process.loop.work()
    batch = process.put(4, interactive=True)

    def lean(text: str) -> Reply:
        assert all(process.has_verdict(batch, index) for index in range(number(text)))
        return response()

    process.session.lean = lean
    process.loop.work()

    assert_settled(process.client, batch, 4)


def work_and_die(url: str, killer: int) -> None:
    """Work until a proof runs, and die of it, in a process of its own."""
    process = LeanProcess(url)
    process.session.lean = lambda text: os._exit(9) if number(text) == killer else response()
    process.loop.work()


@pytest.mark.parametrize("killer", [WARMED_UP - 1, 40])
def test_a_process_that_dies_in_a_group_is_charged_to_no_proof_but_the_one_that_killed_it(
    process: LeanProcess, killer: int
) -> None:
    batch, leases = process.put(60), Leases(process.client)
    history = []
    for _ in range(1 + DEATH_BOUND):
        dying = multiprocessing.get_context("spawn").Process(target=work_and_die, args=(process.url, killer))
        dying.start()
        dying.join(60)
        for lease in leases.held_by():
            back = leases.reap(lease, dead=True)
            assert back is not None
            leases.finish(lease, batch, [verdict(str(i), i, reason=Reason.CRASHED) for i in back.condemned])
        deaths = process.client.hgetall(f"farm:batch:{batch}:history")
        history.append({name.decode(): int(value) for name, value in deaths.items() if name.startswith(b"death")})
    process.loop.work()

    name = f"death:{killer}"
    assert history == [{}, {name: 1}, {name: 2}, {name: 3}], "in a group none is known to have run"
    found = {each.index: (each.reason, each.attempts) for each in process.verdicts(batch)}
    assert found.pop(killer)[0] is Reason.CRASHED
    assert found == dict.fromkeys({*range(60)} - {killer}, (None, 1))
    assert_settled(process.client, batch, 60)


def test_while_runs_are_not_short_the_lease_names_the_proof_that_runs(process: LeanProcess) -> None:
    process.put(5)
    named: list[tuple[int, str]] = []

    def lean(text: str) -> Reply:
        lease = process.signs.lease()
        named.append((number(text), process.client.hget(f"farm:lease:{lease}", "running").decode()))
        return response()

    process.session.lean = lean
    process.loop.work()

    assert named == [(index, str(index)) for index in range(5)]


@pytest.mark.parametrize("dies_at", [2, WARMED_UP + 2])
def test_a_death_is_charged_to_the_proof_under_which_the_repl_died(process: LeanProcess, dies_at: int) -> None:
    batch = process.put(14)
    deaths: list[str] = []

    def lean(text: str) -> Reply:
        if number(text) == dies_at and not deaths:
            deaths.append(text)
            raise ReplGone("The REPL ended by itself")
        return response()

    process.session.lean = lean
    process.loop.work()

    attempts = {verdict.index: verdict.attempts for verdict in process.verdicts(batch)}
    assert attempts == {index: 2 if index == dies_at else 1 for index in range(14)}
    assert_settled(process.client, batch, 14)


def test_the_seconds_of_a_run_that_died_are_charged_once(process: LeanProcess) -> None:
    batch = process.put(3)
    spent_s: list[float] = []

    def lean(text: str) -> Reply:
        if number(text) == 1 and not spent_s:
            began = time.monotonic()
            time.sleep(0.5)
            spent_s.append(time.monotonic() - began)
            raise ReplGone("The REPL ended by itself")
        return response()

    process.session.lean = lean
    process.loop.work()

    claimed_s = 4 / 32  # what claims charge: 1/32 s for each of the three, and for the one that ran again
    served_s = float(process.client.hget(f"farm:batch:{batch}", "served"))
    assert spent_s[0] <= served_s - claimed_s < 1.5 * spent_s[0]


def test_the_third_death_is_crashed_and_says_why(process: LeanProcess) -> None:
    batch = process.put(3)

    def lean(text: str) -> Reply:
        if number(text) == 1:
            raise ReplGone("The REPL ended by itself; its last output: Stack overflow")
        return response("false") if number(text) == 2 else response()

    process.session.lean = lean
    process.loop.work()

    found = {verdict.index: verdict for verdict in process.verdicts(batch)}
    assert {index: verdict.reason for index, verdict in found.items()} == {0: None, 1: Reason.CRASHED, 2: Reason.ERROR}
    assert "died 3 times" in found[1].messages[0].data
    assert "Stack overflow" in found[1].messages[0].data
    assert found[1].reward is None


@pytest.mark.parametrize("odd_at", [2, WARMED_UP + 2])
def test_a_reply_that_the_farm_cannot_read_is_charged_to_its_proof(process: LeanProcess, odd_at: int) -> None:
    batch = process.put(14)

    def lean(text: str) -> Reply:
        if number(text) == odd_at:
            raise AttributeError("'NoneType' object has no attribute 'strip'")
        return response()

    process.session.lean = lean
    process.loop.work()

    found = {verdict.index: (verdict.reason, verdict.attempts) for verdict in process.verdicts(batch)}
    assert found.pop(odd_at) == (Reason.CRASHED, DEATH_BOUND)
    assert found == dict.fromkeys({*range(14)} - {odd_at}, (None, 1))
    assert process.session.ended.count("guard") == DEATH_BOUND, "the next proof gets another REPL"
    assert_settled(process.client, batch, 14)


def test_an_accepted_canary_ends_this_process_s_work_for_its_owner(process: LeanProcess) -> None:
    batch = process.put(14, canaries=1, canaries_at=10)
    later = process.put(2)

    process.loop.work()

    assert "canary" in process.session.ended, "the REPL is not to be believed"
    assert [verdict.index for verdict in process.verdicts(batch)] == list(range(10)), "nothing runs after it"
    process.loop.work()
    assert process.verdicts(later) == [], "the owner is paused"
    assert process.counts()["leased"] == 0


def test_a_rejected_canary_is_seen_by_nobody(process: LeanProcess) -> None:
    batch = process.put(10, canaries=1)
    process.session.lean = lambda text: response("false") if number(text) < 0 else response()

    process.loop.work()

    assert {verdict.outcome for verdict in process.verdicts(batch)} == {Outcome.ACCEPTED}
    assert len(process.verdicts(batch)) == 10
    assert "canary" not in process.session.ended


def test_a_process_that_is_to_stop_gives_the_rest_back_uncharged(process: LeanProcess) -> None:
    batch = process.put(12)

    def lean(text: str) -> Reply:
        process.stops = number(text) == 10
        return response()

    process.session.lean = lean
    process.loop.work()
    assert [verdict.index for verdict in process.verdicts(batch)] == list(range(11)), "what ran has its verdict"
    assert process.counts() == {"pending": 1, "leased": 0}

    process.stops = False
    process.session.lean = lambda _: response()
    process.loop.work()
    assert {verdict.attempts for verdict in process.verdicts(batch)} == {1}
    assert_settled(process.client, batch, 12)


def test_a_run_that_was_ended_for_no_fault_of_its_own_goes_back_uncharged(process: LeanProcess) -> None:
    batch = process.put(12)
    ends = True

    def lean(text: str) -> Reply:
        nonlocal ends
        if number(text) == 10 and ends:
            ends = False
            process.watchdog.interrupt(Interruption.LEASE_LOST)
            raise ReplGone("The REPL ended by itself")
        return response()

    process.session.lean = lean
    process.loop.work()

    assert {verdict.attempts for verdict in process.verdicts(batch)} == {1}
    assert_settled(process.client, batch, 12)


def test_a_store_that_stays_away_ends_the_token_and_holds_nothing(tmp_path: Path) -> None:
    store = prepare_valkey(tmp_path)
    with subprocess.Popen(store.command, stdout=subprocess.DEVNULL) as server:
        await_true(lambda: asyncio.run(store.is_healthy()), "the store")
        process = LeanProcess(store.url, patience_s=0.5)
        process.put(14)

        def lean(text: str) -> Reply:
            if number(text) == WARMED_UP:
                server.kill()
                server.wait(10)
            return response()

        process.session.lean = lean
        with pytest.raises(StoreUnavailable):
            process.loop.work()

    assert process.claims.in_hand is None
    assert process.signs.lease() == ""


def test_a_host_without_lean_says_so_in_every_verdict(process: LeanProcess) -> None:
    without = LeanProcess(process.url, engine=NoLean(ENVIRONMENT, "Lean was not found: do this"))
    batch = process.put(3)

    without.loop.work()

    assert {(v.reason, v.messages[0].data) for v in process.verdicts(batch)} == {
        (Reason.FARM_ERROR, "Lean was not found: do this")
    }
    shown = without.signs.describe()
    assert (shown["state"], shown["notice"]) == ("failed", "Lean was not found: do this")


def test_a_repl_that_does_not_start_costs_no_proof_an_attempt(process: LeanProcess) -> None:
    batch = process.put(2)
    process.session.failing_starts = 1

    process.loop.work()

    assert [(v.outcome, v.attempts) for v in process.verdicts(batch)] == [(Outcome.ACCEPTED, 1)] * 2
    assert process.signs.describe()["state"] == "idle", "what failed is over"


def test_what_waits_behind_a_long_proof_is_given_to_others(process: LeanProcess) -> None:
    batch = process.put(4, timeout_s=60.0)
    elsewhere = LeanProcess(process.url)

    def shed() -> bool:
        process.signs.on_alive(process.signs.lease(), Alive(lease_alive=True, cancelled=False))
        return process.counts()["pending"] == 3

    def lean(text: str) -> Reply:
        if number(text) == 0:
            await_true(shed, "the rest is given back")
            elsewhere.loop.work()
        return response()

    process.session.lean = lean
    process.loop.work()

    assert [verdict.index for verdict in process.verdicts(batch)] == [1, 2, 3, 0]
    assert_settled(process.client, batch, 4)


def test_a_process_whose_lease_is_gone_runs_nothing_more_of_it(process: LeanProcess) -> None:
    batch = process.put(4)
    ran: list[int] = []

    def lean(text: str) -> Reply:
        ran.append(number(text))
        if len(ran) == 1:
            process.signs.on_alive(process.signs.lease(), Alive(lease_alive=False, cancelled=False))
            process.stops = True
            raise ReplGone("The REPL ended by itself")
        return response()

    process.session.lean = lean
    process.loop.work()

    assert ran == [0]
    assert process.verdicts(batch) == []
