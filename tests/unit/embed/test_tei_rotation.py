"""Several embedding servers: which one is asked, which one rests, and what happens if one serves another model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import pytest

from farm.errors import ConfigurationError, EmbeddingError
from farm.settings import Settings
from tests.support.tei import CLOSE, GARBAGE, NAN, TOO_FEW, TOO_SHORT, Tei, vector
from workers.embed import tei_rotation
from workers.embed.failures import Busy, InputRejected, ServiceDown
from workers.embed.tei import TeiServer
from workers.embed.tei_pool import TeiPool
from workers.embed.tei_rotation import Rotation


@contextmanager
def embedder(*servers: Tei, in_flight: int = 512, timeout_s: float = 5) -> Iterator[TeiPool]:
    settings = Settings(
        embed_service_url=",".join(server.url for server in servers),
        embed_service_max_concurrent_inputs=in_flight,
        embed_service_timeout=timeout_s,
        _env_file=None,
    )
    made = TeiPool(settings)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def pair() -> Iterator[tuple[Tei, Tei]]:
    with Tei() as one, Tei() as other:
        yield one, other


TEXTS = [f"t{index}" for index in range(300)]
EXPECTED = np.array([vector(text, 8) for text in TEXTS])


def test_all_servers_take_part_and_the_order_is_kept(pair: tuple[Tei, Tei]) -> None:
    with embedder(*pair) as both:
        np.testing.assert_array_equal(both.embed(TEXTS), EXPECTED)
    assert all(len(server.calls) > 1 for server in pair)


def test_inputs_on_the_way_are_bounded_over_all_servers(pair: tuple[Tei, Tei]) -> None:
    with embedder(*pair, in_flight=10) as both:
        both.embed(TEXTS)
    assert max(len(call) for server in pair for call in server.calls) == 5
    assert sum(server.most_in_flight for server in pair) <= 10


def test_one_server_down_at_the_start_is_done_without() -> None:
    with Tei() as gone:
        pass
    with Tei() as here, embedder(gone, here) as both:
        np.testing.assert_array_equal(both.embed(TEXTS), EXPECTED)


def test_one_server_failing_later_is_done_without(pair: tuple[Tei, Tei]) -> None:
    one, other = pair
    with embedder(*pair) as both:
        one.always = CLOSE
        np.testing.assert_array_equal(both.embed(TEXTS), EXPECTED)
        failed = len(one.calls)
        np.testing.assert_array_equal(both.embed(TEXTS), EXPECTED)
    assert len(one.calls) == failed
    assert len(other.calls) > 10


@pytest.mark.parametrize("fault", [424, 500, 404, GARBAGE, TOO_FEW, TOO_SHORT, NAN])
def test_a_server_that_fails_at_once_is_done_without(
    monkeypatch: pytest.MonkeyPatch, pair: tuple[Tei, Tei], fault: int | str
) -> None:
    one, other = pair
    for rest in ("_REST_S", "_MOST_REST_S"):
        monkeypatch.setattr(tei_rotation, rest, 600.0)
    with embedder(*pair) as both:
        one.always = fault
        np.testing.assert_array_equal(both.embed(TEXTS), EXPECTED)
        failed = len(one.calls)
        for text in TEXTS[:20]:
            both.embed([text])
    assert len(one.calls) == failed, "it rests"
    assert len(other.calls) > 20


def test_inputs_with_which_every_server_fails_are_tried_once_on_each_and_none_rests(pair: tuple[Tei, Tei]) -> None:
    one, other = pair
    with embedder(*pair) as both:
        for server in pair:
            server.calls.clear()
            server.then(424)
        with pytest.raises(EmbeddingError, match="424") as raised:
            both.embed(["poison"])
        assert not isinstance(raised.value, ServiceDown)
        assert one.calls == other.calls == [["poison"]]
        np.testing.assert_array_equal(both.embed(TEXTS), EXPECTED)
    assert all(len(server.calls) > 2 for server in pair)


def test_a_rejected_call_is_not_sent_to_another_server(pair: tuple[Tei, Tei]) -> None:
    one, other = pair
    with embedder(*pair) as both:
        for server in pair:
            server.calls.clear()
            server.bad_inputs = {"bad"}
        with pytest.raises(InputRejected):
            both.embed(["bad"])
    assert len(one.calls) + len(other.calls) == 1


def test_servers_of_different_models_are_a_wrong_setting() -> None:
    with (
        Tei(model_id="a/one") as one,
        Tei(model_id="a/two") as two,
        pytest.raises(ConfigurationError, match="a/two"),
        embedder(one, two),
    ):
        pytest.fail("It was built")


def test_a_server_that_comes_back_with_another_model_is_not_used(pair: tuple[Tei, Tei]) -> None:
    one, other = pair
    with embedder(*pair, timeout_s=0.5) as both:
        assert one.info is not None
        one.info["model_id"] = "another/model"
        one.then(CLOSE)
        both.embed(TEXTS)
        one.calls.clear()
        other.always = 503
        with pytest.raises(ServiceDown):
            both.embed(["a"])
    assert one.calls == []


def fail_once(rotation: Rotation) -> TeiServer:
    """Have the next call fail; return who was asked."""
    asked: list[TeiServer] = []
    with suppress(Busy), rotation.lend(1) as turn:
        asked.append(turn.endpoint)
        raise Busy("down")
    return asked[0]


def test_the_least_loaded_is_lent_and_a_failing_one_rests() -> None:
    now = 100.0
    with ExitStack() as stack:
        endpoints = [TeiServer("http://a"), TeiServer("http://b")]
        for endpoint in endpoints:
            stack.callback(endpoint.close)
        first, second = endpoints
        rotation = Rotation(endpoints, clock=lambda: now)

        with rotation.lend(8) as one, rotation.lend(2) as two, rotation.lend(1) as three:
            assert [one.endpoint, two.endpoint, three.endpoint] == [first, second, second]

        assert fail_once(rotation) is first
        with rotation.lend(50) as turn, rotation.lend(1) as next_turn:
            assert [turn.endpoint, next_turn.endpoint] == [second, second]

        now += 6
        with rotation.lend(1) as turn:
            assert turn.endpoint is first


def test_if_all_rest_the_one_that_rested_longest_is_lent() -> None:
    now = 100.0
    with ExitStack() as stack:
        endpoints = [TeiServer("http://a"), TeiServer("http://b")]
        for endpoint in endpoints:
            stack.callback(endpoint.close)
        rotation = Rotation(endpoints, clock=lambda: now)
        for _ in endpoints:
            fail_once(rotation)
            now += 1
        with rotation.lend(1) as turn:
            assert turn.endpoint is endpoints[0]
