"""The reaper's passes over a real store, without workers."""

from __future__ import annotations

from farm.celery_app import Tokens, celery_app, lean_queue
from farm.settings import Settings
from farm.store.constants import LAPSE_BOUND
from farm.store.leases import Leases
from tests.support.open_store import OpenStore
from tests.support.store import ENV, lapse, mark, put, take
from workers.reaper import Reaper


def test_what_waited_for_a_condemned_run_gets_a_token(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    reaper = Reaper(client, leases, [], Tokens(celery_app(Settings(redis_url=valkey_url, _env_file=None))), 100)
    first = put(valkey_url, 1, marks=[mark("same")])
    claim = take(leases)
    put(valkey_url, 1, marks=[mark("same")])
    assert leases.claim(ENV, "other", revision="v4|1|r") is None, "it waits for the run of the first"
    client.hset(f"farm:batch:{first}:history", "lapse:0", LAPSE_BOUND - 1)
    client.set(f"farm:tokens:{ENV}", 0)
    lapse(client, claim)

    reaper.pass_over()

    assert client.hget(f"farm:batch:{first}", "undecided") == b"1"
    assert client.llen(lean_queue(ENV)) == 1
