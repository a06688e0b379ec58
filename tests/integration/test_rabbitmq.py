"""A whole farm over RabbitMQ: it verifies, appears in Flower, and survives a broker that dies or hangs."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from farm import Farm, Outcome
from tests.conftest import lean_settings, require
from tests.support.rabbitmq import RabbitMQ, is_installed, rabbitmq
from tests.support.repl.install import Install
from tests.support.running import RunningFarm, await_true, running_farm

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

TRUE = "theorem two : 1 + 1 = 2 := by rfl"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    require(is_installed(), "rabbitmq-server")
    with rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker


@pytest.fixture(scope="module")
def over_amqp(broker: RabbitMQ, tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[RunningFarm]:
    folder = tmp_path_factory.mktemp("farm")
    with running_farm(folder, BROKER_URL=broker.url, **lean_settings(scripted)) as running:
        yield running


def test_a_batch_runs_and_premises_are_found(over_amqp: RunningFarm) -> None:
    with over_amqp.client() as client:
        verdicts = client.verify([f"{TRUE} -- {index}" for index in range(200)])
        premises = client.retrieve("⊢ 1 + 1 = 2", k=3)

    assert {verdict.outcome for verdict in verdicts} == {Outcome.ACCEPTED}
    assert len(premises) == 3


def test_the_queues_that_carry_tokens_are_quorum_queues_and_the_store_has_none(
    over_amqp: RunningFarm, broker: RabbitMQ
) -> None:
    queues = broker.queues()

    assert {queues["lean.default"], queues["embed"], queues["premises"]} == {"quorum"}
    assert "prefetch" not in over_amqp.log("lean"), "Celery was told to do what RabbitMQ has not"


def test_flower_shows_the_workers(over_amqp: RunningFarm) -> None:
    up = (over_amqp.folder / "up.log").read_text()
    address, login = flower_of(up)
    auth = httpx.BasicAuth(*login.split(":"))

    def known() -> set[str]:
        answer = httpx.get(f"{address}/workers?json=1", auth=auth, timeout=10)
        return {row["hostname"].partition("-")[0] for row in answer.json()["data"] if row["status"]}

    await_true(lambda: known() == {"lean", "embed", "premises"}, "Flower knows the workers")


def flower_of(up: str) -> tuple[str, str]:
    """Return Flower's address and login, as `farm up` prints them."""
    words = up.partition("Flower")[2].split()
    return words[0], words[2].rstrip(")")


def test_a_broker_that_is_killed_costs_no_verdict(over_amqp: RunningFarm, broker: RabbitMQ) -> None:
    with over_amqp.client() as client:
        running = client.submit([f"{TRUE} -- sleep:50 {index}" for index in range(200)])
        await_true(lambda: running.status().done > 20, "work under way")
        broker.kill()
        # Tokens for these cannot be sent, and what was on the broker's wire is gone.
        meanwhile = client.submit([f"{TRUE} -- meanwhile {index}" for index in range(50)])
        broker.start()
        verdicts = [*running.wait(), *meanwhile.wait()]
        afterwards = client.verify([f"{TRUE} -- afterwards {index}" for index in range(50)])

    assert {verdict.outcome for verdict in (*verdicts, *afterwards)} == {Outcome.ACCEPTED}
    assert {verdict.attempts for verdict in verdicts} == {1}
    assert len(verdicts) == 250


def test_batches_are_taken_while_the_broker_answers_nothing(over_amqp: RunningFarm, broker: RabbitMQ) -> None:
    with Farm(over_amqp.url, retries=0, timeout=10) as client:
        client.verify([f"{TRUE} -- before {index}" for index in range(20)])
        with broker.silent():
            meanwhile = [client.submit([f"{TRUE} -- silent {at} {index}" for index in range(20)]) for at in range(20)]
        verdicts = [verdict for batch in meanwhile for verdict in batch.wait()]

    assert len(verdicts) == 400
    assert {(verdict.outcome, verdict.attempts) for verdict in verdicts} == {(Outcome.ACCEPTED, 1)}
