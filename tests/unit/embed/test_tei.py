"""The client of text-embeddings-inference against a stand-in that misbehaves as told, over real HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from farm.errors import ConfigurationError, EmbeddingError
from farm.local.ports import free_port
from farm.settings import Settings
from tests.support import tei as stand_in
from tests.support.tei import CLOSE, ENDLESS, GARBAGE, HOLD, HUGE, NAN, RAGGED, TOO_FEW, TOO_SHORT, Tei, vector
from workers.embed.failures import Busy, InputRejected, ServiceDown
from workers.embed.tei_pool import TeiPool

Connect = Callable[..., TeiPool]


@pytest.fixture
def tei() -> Iterator[Tei]:
    with Tei() as server:
        yield server


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Makes embedders for URLs and settings, and closes them."""
    with ExitStack() as stack:

        def make(*urls: str, **settings: Any) -> TeiPool:
            embedder = TeiPool(Settings(embed_service_url=" ".join(urls), _env_file=None, **settings))
            stack.callback(embedder.close)
            return embedder

        yield make


def texts(count: int) -> list[str]:
    return [f"theorem t{index} : True" for index in range(count)]


def expected(inputs: list[str]) -> np.ndarray[Any, Any]:
    return np.array([vector(text, 8) for text in inputs])


def test_rows_come_in_the_order_of_the_texts_over_many_calls(tei: Tei, connect: Connect) -> None:
    embedder = connect(tei.url)
    tei.calls.clear()

    rows = embedder.embed(texts(100))

    np.testing.assert_array_equal(rows, expected(texts(100)))
    assert rows.dtype == np.float32
    assert [len(call) for call in tei.calls] == [32, 32, 32, 4]
    assert embedder.dimension == 8


def test_no_texts_cost_no_call(tei: Tei, connect: Connect) -> None:
    embedder = connect(tei.url)
    tei.calls.clear()
    assert embedder.embed([]).shape == (0, 8)
    assert tei.calls == []


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({"max_client_batch_size": 5}, [5, 5]),
        ({"embed_service_max_concurrent_inputs": 3}, [3, 3, 3, 1]),
        ({"embed_service_max_concurrent_inputs": 1}, [1] * 10),
    ],
)
def test_settings_bound_a_call(tei: Tei, connect: Connect, settings: dict[str, int], sizes: list[int]) -> None:
    embedder = connect(tei.url, **settings)
    tei.calls.clear()
    embedder.embed(texts(10))
    assert [len(call) for call in tei.calls] == sizes


def test_the_permits_of_the_server_bound_a_call(tei: Tei, connect: Connect) -> None:
    assert tei.info is not None
    tei.info["max_concurrent_requests"] = 4
    embedder = connect(tei.url)
    tei.calls.clear()
    embedder.embed(texts(8))
    assert [len(call) for call in tei.calls] == [4, 4]


def test_long_texts_are_sent_in_bodies_the_server_takes(tei: Tei, connect: Connect) -> None:
    embedder = connect(tei.url)
    tei.calls.clear()
    # A quote takes two bytes in JSON: 400 kB of them are 800 kB on the wire.
    long = [f"{index}" + '"' * 400_000 for index in range(3)]

    rows = embedder.embed([*long, "short"])

    assert [len(call) for call in tei.calls] == [1, 1, 2]
    np.testing.assert_array_equal(rows, expected([*long, "short"]))


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("position", [0, 17, 31, 32, 40])
def test_a_bad_input_is_named_by_its_position_and_not_by_its_text(
    tei: Tei, connect: Connect, status: int, position: int
) -> None:
    embedder = connect(tei.url)
    inputs = texts(41)
    tei.bad_inputs, tei.bad_status = {inputs[position]}, status

    with pytest.raises(InputRejected) as caught:
        embedder.embed(inputs)

    assert caught.value.position == position
    assert str(position) in caught.value.message
    assert inputs[position] not in caught.value.message
    tei.bad_inputs = set()
    assert len(embedder.embed(inputs)) == 41


def test_a_text_that_no_body_can_hold_is_named(tei: Tei, connect: Connect) -> None:
    with pytest.raises(InputRejected) as caught:
        connect(tei.url).embed(["a", "x" * 2_100_000])
    assert caught.value.position == 1


def test_a_text_that_is_not_unicode_is_named(tei: Tei, connect: Connect) -> None:
    with pytest.raises(InputRejected) as caught:
        connect(tei.url).embed(["a", "b", "\ud800"])
    assert caught.value.position == 2


@pytest.mark.parametrize("status", [413, 422])
def test_a_limit_that_info_does_not_tell_is_found_once(tei: Tei, connect: Connect, status: int) -> None:
    tei.info, tei.too_many_status = None, status
    embedder = connect(tei.url)

    np.testing.assert_array_equal(embedder.embed(texts(300)), expected(texts(300)))

    tei.calls.clear()
    embedder.embed(texts(64))
    assert [len(call) for call in tei.calls] == [32, 32]


@pytest.mark.parametrize("fault", [429, 503, 502, CLOSE])
def test_what_passes_is_tried_again(tei: Tei, connect: Connect, fault: int | str) -> None:
    embedder = connect(tei.url)
    tei.calls.clear()
    tei.then(fault, fault)
    np.testing.assert_array_equal(embedder.embed(["a"]), expected(["a"]))
    assert len(tei.calls) == 3


def test_a_server_is_asked_who_it_is_at_the_start_and_after_it_was_away(tei: Tei, connect: Connect) -> None:
    embedder = connect(tei.url)
    embedder.embed(texts(100))
    assert tei.greetings == 1
    tei.then(CLOSE)
    embedder.embed(texts(100))
    embedder.embed(texts(100))
    assert tei.greetings == 3, "before and after the first rows over the new connection"


def test_a_restart_between_two_calls_is_not_noticed(tei: Tei, connect: Connect) -> None:
    embedder = connect(tei.url)
    tei.drop_connections()
    assert len(embedder.embed(["a"])) == 1


def test_a_server_that_restarted_with_another_model_gives_no_vectors(tei: Tei, connect: Connect) -> None:
    embedder = connect(tei.url, embed_service_timeout=0.5)
    assert tei.info
    before, tei.info["model_id"] = tei.info["model_id"], "another/model"
    tei.drop_connections()
    for _ in range(2):
        with pytest.raises(Busy, match="now serves another/model"):
            embedder.embed(["a"])

    tei.info["model_id"] = before
    tei.drop_connections()
    np.testing.assert_array_equal(embedder.embed(["a"]), expected(["a"]))


@pytest.mark.parametrize("status", [429, 503])
def test_what_does_not_pass_is_given_up_in_time(tei: Tei, connect: Connect, status: int) -> None:
    embedder = connect(tei.url, embed_service_timeout=0.2)
    tei.always = status
    started = time.monotonic()
    with pytest.raises(Busy, match=str(status)):
        embedder.embed(["a"])
    assert time.monotonic() - started < 0.9
    assert len(tei.calls) > 2


@pytest.mark.parametrize("fault", [HOLD, ENDLESS])
def test_a_slow_answer_is_given_up_in_time(tei: Tei, connect: Connect, fault: str) -> None:
    embedder = connect(tei.url, embed_service_timeout=0.2)
    tei.then(fault)
    with pytest.raises(ServiceDown, match="EMBED_SERVICE_TIMEOUT"):
        embedder.embed(["a"])
    assert len(embedder.embed(["a"])) == 1


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (TOO_FEW, r"\(1, 8\) for 2 inputs"),
        (TOO_SHORT, "7 numbers, not of 8"),
        (RAGGED, "not a matrix"),
        (NAN, "not finite"),
        (HUGE, "not finite"),
        (GARBAGE, "not JSON"),
        (424, "424"),
        (500, "500"),
        (302, "302"),
        (404, "404"),
    ],
)
def test_nonsense_is_an_error_and_not_asked_for_twice(tei: Tei, connect: Connect, fault: int | str, says: str) -> None:
    embedder = connect(tei.url)
    tei.calls.clear()
    tei.then(fault)
    with pytest.raises(EmbeddingError, match=says) as caught:
        embedder.embed(["a", "b"])
    assert not isinstance(caught.value, ServiceDown | InputRejected)
    assert len(tei.calls) == 1
    assert len(embedder.embed(["a", "b"])) == 2


def test_a_server_that_wants_a_key_is_named(tei: Tei, connect: Connect) -> None:
    tei.api_key = "secret"
    with pytest.raises(ServiceDown, match=r"127\.0\.0\.1.*EMBED_API_KEY"):
        connect(tei.url)
    with pytest.raises(ServiceDown, match="EMBED_API_KEY"):
        connect(tei.url, embed_api_key="wrong")


def test_the_key_of_the_settings_is_sent(tei: Tei, connect: Connect) -> None:
    tei.api_key = "secret"

    assert len(connect(tei.url, embed_api_key="secret").embed(["a", "b"])) == 2


def test_a_line_break_after_the_key_is_no_part_of_it(tei: Tei, connect: Connect) -> None:
    tei.api_key = "secret"

    assert len(connect(tei.url, embed_api_key="secret\n").embed(["a"])) == 1


@pytest.mark.parametrize("key", ["sec\nret", "sécret", "sec\x00ret"])
def test_a_key_that_no_header_can_carry_is_a_wrong_setting_and_not_shown(tei: Tei, connect: Connect, key: str) -> None:
    with pytest.raises(ConfigurationError, match="EMBED_API_KEY") as caught:
        connect(tei.url, embed_api_key=key)

    assert "ret" not in caught.value.message


def test_credentials_of_a_url_are_used_and_not_shown(tei: Tei, connect: Connect) -> None:
    embedder = connect(tei.url.replace("//", "//user:hush@"))
    tei.then(500)
    with pytest.raises(EmbeddingError) as caught:
        embedder.embed(["a"])
    assert "127.0.0.1" in caught.value.message
    assert "hush" not in caught.value.message


def test_a_proxy_of_the_environment_is_left_alone(tei: Tei, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert connect(tei.url).dimension == 8


@pytest.mark.parametrize("url", ["tei:8080", "127.0.0.1:80", "http://", "ftp://a", "http://a:b:c"])
def test_a_url_that_is_none_is_a_wrong_setting(connect: Connect, url: str) -> None:
    with pytest.raises(ConfigurationError, match="EMBED_SERVICE_URL"):
        connect(url)


def test_nobody_there_is_an_error_at_once(connect: Connect) -> None:
    with pytest.raises(ServiceDown, match="EMBED_SERVICE_URL"):
        connect(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("settings", "name", "notice"),
    [
        ({}, "stand-in/model@c0ffee", ""),
        ({"model_id": "stand-in/model"}, "stand-in/model@c0ffee", ""),
        ({"model_id": "stand-in/model", "model_revision": "v1"}, "stand-in/model@v1", ""),
        ({"model_id": "other/model"}, "other/model@c0ffee", ""),
        ({"model_id": "stand-in/other"}, "stand-in/other@c0ffee", "serves stand-in/model"),
    ],
)
def test_the_name_is_what_the_settings_say_and_a_difference_is_told(
    tei: Tei, connect: Connect, settings: dict[str, str], name: str, notice: str
) -> None:
    embedder = connect(tei.url, **settings)
    assert embedder.name == name
    assert notice in embedder.notice
    assert bool(embedder.notice) == bool(notice)


@pytest.mark.parametrize("info", [None, {}, {"model_id": 7, "model_sha": None, "max_client_batch_size": "many"}])
def test_a_server_need_not_say_who_it_is(tei: Tei, connect: Connect, info: dict[str, Any] | None) -> None:
    tei.info = info
    assert connect(tei.url).name == "tei"
    assert connect(tei.url, model_id="owner/model").name == "owner/model"


def test_the_stand_in_gives_each_text_its_own_vector() -> None:
    assert not np.allclose(stand_in.vector("a", 8), stand_in.vector("b", 8))
