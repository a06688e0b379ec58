"""Verdicts that are sent before their outcome is asked for."""

from __future__ import annotations

import multiprocessing
import os
import signal

from farm.models import verdict
from farm.queues import Tokens, celery_app
from farm.settings import Settings
from farm.store.connection import RedisClient, connect
from farm.store.leases import Claim, Leases
from tests.support.store import ENV, assert_settled, finish, put, state, take
from workers.lean.writing import Writer


def writer(leases: Leases, url: str) -> Writer:
    """Return what a Lean process writes with."""
    return Writer(leases, Tokens(celery_app(Settings(redis_url=url, _env_file=None))), ENV, "")


def test_a_death_right_after_a_verdict_was_sent_is_charged_to_the_proof_that_runs(
    client: RedisClient, leases: Leases, valkey_url: str
) -> None:
    put(valkey_url, 1)
    finish(leases, take(leases, "w"))  # so that the server knows the script
    batch = put(valkey_url, 3)
    claim = take(leases, "w", most=3)
    process = multiprocessing.get_context("spawn").Process(target=send_and_die, args=(valkey_url, claim))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL

    leases.reap(claim.lease, dead=True)

    assert state(client, batch)["accepted"] == "1"
    assert [(item.index, item.deaths) for item in take(leases, "other", most=3).items] == [(1, 1)], "it runs alone"
    assert [(item.index, item.deaths) for item in take(leases, "third", most=3).items] == [(2, 0)]


def send_and_die(url: str, claim: Claim) -> None:
    """Send the first proof's verdict, and be killed as the second begins."""
    first, second, *_ = claim.items
    leases = Leases(connect(url))
    writer(leases, url).send(claim, [verdict(first.id, first.index, reason=None)], second, 0.1)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_connection_that_breaks_before_the_outcome_costs_no_verdict_and_doubles_none(
    client: RedisClient, leases: Leases, valkey_url: str
) -> None:
    batch = put(valkey_url, 2)
    claim = take(leases, "w", most=2)
    first, second = claim.items
    other = connect(valkey_url)
    own = writer(leases, valkey_url)

    outcome = own.send(claim, [verdict(first.id, first.index, reason=None)], second, 0.1)
    other.client_kill_filter(_type="normal", skipme=True)
    assert outcome().alive
    other.script_flush()
    assert own.send(claim, [verdict(second.id, second.index, reason=None)], None, 0.1)().written == 1

    assert_settled(client, batch, 2)
