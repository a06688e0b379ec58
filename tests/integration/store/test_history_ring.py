"""The history in a real Valkey: a ring of minutes, gaps that show, and two reapers that make one sample."""

from __future__ import annotations

import asyncio
import json

import pytest

from farm.alarms import Watch
from farm.celery_app import Tokens, celery_app
from farm.history import Look
from farm.models import Environment, History, Minute, Reason, WorkerKind
from farm.settings import Settings
from farm.store.codec import pack
from farm.store.connection import connect_async
from farm.store.constants import FIRST_CANARY
from farm.store.history import keep, read_history
from farm.store.leases import Leases
from farm.store.pauses import resume
from farm.store.registry import Registry, set_draining
from tests.support.minutes import age, await_quiet
from tests.support.open_store import OpenStore
from tests.support.store import finish, lapse, put, take
from workers.reaper import Reaper
from workers.sampler import Sampler


@pytest.fixture(autouse=True)
def _quiet(client: OpenStore) -> None:
    await_quiet(client, 3)


def history(url: str, minutes: int = 60, *, hosts: bool = False) -> History:
    async def read() -> History:
        async with connect_async(url) as client:
            return await read_history(client, minutes, with_hosts=hosts)

    return asyncio.run(read())


def sample(client: OpenStore) -> None:
    """Let a reaper that has just started look."""
    Sampler(client).sample_if_due()


def a_minute_later(client: OpenStore) -> None:
    age(client)
    sample(client)


def last(url: str) -> Minute:
    """Return the only minute that is known."""
    [minute] = [each for each in history(url).minutes if each]
    return minute


def test_a_minute_has_what_was_written_in_it(valkey_url: str, client: OpenStore, leases: Leases) -> None:
    sample(client)
    put(valkey_url, 3)
    finish(leases, take(leases, most=1))
    finish(leases, take(leases, most=1), Reason.ERROR)
    a_minute_later(client)

    minute = last(valkey_url)
    assert minute.verdicts == {"accepted": 1, "error": 1}
    assert (minute.pending, minute.leased) == (1, 0)


def known(url: str, minutes: int) -> list[bool]:
    return [each is not None for each in history(url, minutes).minutes]


def test_a_minute_without_a_look_is_missing_and_not_zero(valkey_url: str, client: OpenStore) -> None:
    sample(client)
    a_minute_later(client)
    age(client, 5)
    sample(client)

    assert known(valkey_url, 8) == [False, False, True, False, False, False, False, False]
    a_minute_later(client)
    assert known(valkey_url, 8) == [False, True, False, False, False, False, False, True]
    assert known(valkey_url, 1440).count(True) == 2


def test_two_reapers_write_one_sample_and_each_event_once(valkey_url: str, client: OpenStore) -> None:
    one, other = Sampler(client), Sampler(client)
    one.sample_if_due()
    Registry(client, WorkerKind.LEAN, "h:1.1").beat(host="h", pid=1, state="idle")
    age(client)
    one, other = Sampler(client), Sampler(client)
    one.sample_if_due()
    other.sample_if_due()

    assert last(valkey_url).processes == {"lean": 1}
    assert [event.text for event in history(valkey_url).events] == ["1 lean process started on h"]


def test_of_two_reapers_that_look_at_the_same_moment_one_is_kept(client: OpenStore) -> None:
    look, watch = Look(at_ms=client.time()[0] * 1000), Watch(at_ms=0)

    assert [keep(client, look, watch, None, {}) for _ in range(2)] == [True, False]


def test_a_look_that_this_release_cannot_read_costs_one_minute(valkey_url: str, client: OpenStore) -> None:
    sample(client)
    a_minute_later(client)
    age(client)
    client.hset("farm:history", mapping={"look": pack({"at_ms": "later"}), "watch": "[]"})
    sample(client)
    a_minute_later(client)

    assert known(valkey_url, 4) == [False, True, False, True]


def test_what_this_release_cannot_count_costs_a_sample_and_no_proof(
    valkey_url: str, client: OpenStore, leases: Leases
) -> None:
    client.hset("farm:totals", "accepted:", "of another kind")
    put(valkey_url, 1)
    lapse(client, take(leases))
    tokens = Tokens(celery_app(Settings(redis_url=valkey_url)))
    Reaper(client, leases, [], tokens, retention_s=100).pass_over()

    assert not client.hexists("farm:history", "turn")
    assert take(leases).items[0].lapses == 1, "the reaper has taken the proof back all the same"


def test_processes_minutes_and_events_of_another_release_cost_only_themselves(
    valkey_url: str, client: OpenStore
) -> None:
    sample(client)
    a_minute_later(client)
    a_minute_later(client)
    [*_, before, _] = sorted(name for name in client.hkeys("farm:history") if name.isdigit())
    stored = json.loads(client.hget("farm:history", before))
    client.hset("farm:history", before, json.dumps({**stored, "verdicts": "later"}))
    client.rpush("farm:events", '{"at": "later"}')
    Registry(client, WorkerKind.LEAN, "h:1.1").beat(host="h", pid="of another kind")
    Registry(client, WorkerKind.LEAN, "h:2.1").beat(host="h", pid=2, proofs="many")
    a_minute_later(client)

    assert sorted(known(valkey_url, 3)) == [False, True, True]
    latest = history(valkey_url).minutes[-1]
    assert latest
    assert latest.processes == {"lean": 1}
    assert [event.text for event in history(valkey_url).events] == ["1 lean process started on h"]


def test_a_slot_of_yesterday_is_not_shown_as_today(valkey_url: str, client: OpenStore) -> None:
    sample(client)
    a_minute_later(client)
    slots = {name: value for name, value in client.hgetall("farm:history").items() if name.isdigit()}
    [(slot, stored)] = slots.items()
    client.hset("farm:history", slot, stored.replace(str(last(valkey_url).at).encode(), b"86340"))

    assert not any(history(valkey_url, 1440).minutes)


def test_hosts_are_told_apart_where_they_are_asked_for(valkey_url: str, client: OpenStore) -> None:
    sample(client)
    for host, proofs in (("a", 4), ("b", 2)):
        Registry(client, WorkerKind.LEAN, f"{host}:1.1").beat(host=host, pid=1, state="busy", proofs=proofs)
    a_minute_later(client)

    assert history(valkey_url).hosts == {}
    hosts = history(valkey_url, 1440, hosts=True).hosts
    assert {name: len(minutes) for name, minutes in hosts.items()} == {"a": 30, "b": 30}
    last = hosts["a"][-1]
    assert last is not None
    assert (last.processes, last.busy, last.proofs) == (1, 1, 4)
    assert hosts["a"][-2] is None


def test_a_drain_is_told_when_it_begins_and_ends_however_short(valkey_url: str, client: OpenStore) -> None:
    set_draining(client, False)
    set_draining(client, True)
    set_draining(client, True)
    set_draining(client, False)

    assert [event.text for event in history(valkey_url).events] == [
        "The farm began to drain",
        "The farm takes work again",
    ]


def test_an_accepted_canary_is_an_alarm_at_once_and_dated_by_the_next_look(
    valkey_url: str, client: OpenStore, leases: Leases
) -> None:
    sample(client)
    batch = put(valkey_url, 1, canaries=1, canaries_at=0, owner="alice")
    claim = take(leases, most=1)
    assert claim.items[0].index == FIRST_CANARY
    assert finish(leases, claim).alarm

    [alarm] = history(valkey_url).alarms
    assert (alarm.kind, alarm.since, alarm.see) == ("canary", None, f"#/batches/{batch}")
    a_minute_later(client)
    [dated] = history(valkey_url).alarms
    assert dated.since is not None
    a_minute_later(client)
    assert history(valkey_url).alarms == [dated], "it keeps its date"
    assert [event.kind for event in history(valkey_url).events] == ["canary"], "it is told once"

    resume(client, "alice")
    assert history(valkey_url).alarms == []


def test_a_lean_known_to_be_unsound_is_an_alarm_and_an_event(valkey_url: str, client: OpenStore) -> None:
    sample(client)
    serves = Environment(lean_version="v4.29.0")
    Registry(client, WorkerKind.LEAN, "h:1.1", "mathlib", serves).beat(host="h", pid=1, state="idle")
    a_minute_later(client)
    a_minute_later(client)

    [alarm] = history(valkey_url).alarms
    assert alarm.text.startswith("Environment mathlib: Lean v4.29.0 is known to be unsound")
    assert [event.kind for event in history(valkey_url).events] == ["workers", "unsound"]


def test_a_process_that_cannot_work_is_an_alarm_and_an_event(valkey_url: str, client: OpenStore) -> None:
    sample(client)
    registry = Registry(client, WorkerKind.LEAN, "h:1.1", "nightly")
    registry.beat(host="h", pid=1, state="failed", notice="LEAN_REPL_DIR has no built REPL")
    a_minute_later(client)

    [alarm] = history(valkey_url).alarms
    assert (alarm.kind, alarm.since is not None, alarm.see) == (
        "failed",
        True,
        "#/workers?kind=lean&state=failed&environment=nightly",
    )
    text = "1 Lean process of environment nightly on h cannot work: LEAN_REPL_DIR has no built REPL"
    assert alarm.text == text
    assert (text, "failed") in [(event.text, event.kind) for event in history(valkey_url).events]
    assert (last(valkey_url).processes, last(valkey_url).failed) == ({"lean": 1}, {"lean": 1})
    registry.beat(host="h", pid=1, state="idle", notice="")
    assert history(valkey_url).alarms == []


def test_a_batch_of_unreadable_statements_is_an_alarm_for_an_hour(
    valkey_url: str, client: OpenStore, leases: Leases
) -> None:
    batch = put(valkey_url, 1)
    finish(leases, take(leases), Reason.INVALID_STATEMENT)

    [alarm] = history(valkey_url).alarms
    assert f"1 proof in batch {batch}" in alarm.text
    client.hincrby(f"farm:batch:{batch}", "finished_ms", -3_700_000)
    assert history(valkey_url).alarms == []


def test_a_process_that_rests_while_proofs_wait_is_an_alarm(valkey_url: str, client: OpenStore, leases: Leases) -> None:
    registry = Registry(client, WorkerKind.LEAN, "h:1.1")
    registry.beat(host="h", pid=1, state="idle")
    put(valkey_url, 3)
    sample(client)
    assert history(valkey_url).alarms == []
    a_minute_later(client)

    [alarm] = history(valkey_url).alarms
    assert (alarm.kind, alarm.see) == ("deaf", "#/workers?kind=lean&state=idle&host=h")
    set_draining(client, True)
    assert history(valkey_url).alarms == [], "a farm that drains rests rightly"
    set_draining(client, False)
    registry.beat(host="h", pid=1, state="busy")
    assert history(valkey_url).alarms == []


def test_reapers_that_are_all_gone_are_an_alarm(valkey_url: str, client: OpenStore) -> None:
    sample(client)
    assert history(valkey_url).alarms == []
    client.hset("farm:history", "watch", '{"at_ms": 1790000000000}')

    [alarm] = history(valkey_url).alarms
    assert (alarm.kind, alarm.since) == ("reaper", 1790000000.0)


def test_the_ring_of_a_busy_day_is_bounded(valkey_url: str, client: OpenStore, leases: Leases) -> None:
    sample(client)
    put(valkey_url, 2)
    finish(leases, take(leases, most=1))
    a_minute_later(client)
    [stored] = [value for name, value in client.hgetall("farm:history").items() if name.isdigit()]
    client.hset("farm:history", mapping={str(slot): stored for slot in range(1440)})
    a_minute_later(client)

    assert client.hlen("farm:history") <= 1440 + 30 + 3
    assert 0 < client.ttl("farm:history") <= 90_000
