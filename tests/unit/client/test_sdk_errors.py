"""Errors: every code of the farm, every other way to fail, and no message holds the key."""

from __future__ import annotations

import socket
import traceback

import httpx
import pytest

from farm import errors
from farm.client import AsyncFarm, Farm
from farm.errors import ConfigurationError, ConnectionFailed, FarmError, InvalidRequest, RateLimited
from tests.unit.client.conftest import Connect, Driver, collected
from tests.unit.client.scripted_farm import LOST, Scripted, ScriptedFarm, answer, refuse

KEY = "lf_0123456789abcdef"
KINDS = [
    errors.FarmError,
    errors.InvalidRequest,
    errors.Unauthorized,
    errors.Forbidden,
    errors.NotFound,
    errors.MethodNotAllowed,
    errors.Conflict,
    errors.TooLarge,
    errors.UnsupportedMediaType,
    errors.RateLimited,
    errors.Unavailable,
]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_code_is_an_error_of_its_own(
    scripted: ScriptedFarm, connect: Connect, kind: type[FarmError]
) -> None:
    scripted.script(refuse(kind.status, kind.code, "this is why"))
    with pytest.raises(FarmError) as caught:
        await connect(retries=0).call("workers")
    assert type(caught.value) is kind
    assert caught.value.message == "this is why"
    assert caught.value.details == {"why": kind.code}


@pytest.mark.parametrize("kind", KINDS[1:])
async def test_compatible_routes_are_understood_by_their_status(
    scripted: ScriptedFarm, connect: Connect, kind: type[FarmError]
) -> None:
    scripted.script(answer({"detail": "this is why"}, kind.status))
    with pytest.raises(kind, match="this is why"):
        await connect(retries=0).call("retrieve", "⊢ True")


async def test_findings_about_fields_are_put_into_words(scripted: ScriptedFarm, driver: Driver) -> None:
    findings = [{"loc": ["body", "k"], "msg": "Field required", "type": "missing"}, "and this"]
    scripted.script(answer({"detail": findings}, 422))
    with pytest.raises(InvalidRequest, match=r"^body\.k: Field required; and this$") as caught:
        await driver.call("retrieve", "⊢ True")
    assert caught.value.details == findings


async def test_how_long_to_wait_is_told(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(refuse(429, "rate_limited", Retry_After="9"))
    with pytest.raises(RateLimited) as caught:
        await connect(retries=0).call("workers")
    assert caught.value.retry_after_s == 9


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"error": "text"}', b"\xff"])
async def test_a_page_of_something_else_is_named(scripted: ScriptedFarm, driver: Driver, body: bytes) -> None:
    scripted.script(Scripted(404, [body]))
    with pytest.raises(errors.NotFound, match=r"http://127.0.0.1:\d+ answered 404 .* is FARM_URL right\?"):
        await driver.call("workers")


async def test_a_redirect_is_no_answer(scripted: ScriptedFarm, driver: Driver) -> None:
    scripted.script(Scripted(308, headers={"Location": "https://elsewhere/"}))
    with pytest.raises(FarmError, match="answered 308"):
        await driver.call("workers")


async def test_a_broken_encoding_is_a_broken_connection(scripted: ScriptedFarm, connect: Connect) -> None:
    scripted.script(Scripted(200, [b"no gzip"], {"Content-Encoding": "gzip"}))
    with pytest.raises(ConnectionFailed, match="DecodingError"):
        await connect(retries=0).call("workers")


@pytest.fixture
def nobody() -> str:
    """A URL where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


async def test_a_farm_that_is_not_there_says_what_to_do(connect: Connect, nobody: str) -> None:
    driver = connect(nobody)
    with pytest.raises(ConnectionFailed, match=rf"^No farm answers at {nobody}: is `farm up` running\?") as caught:
        await driver.call("workers")
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert len(driver.pauses) == 5
    with pytest.raises(ConnectionFailed, match="No farm answers"):
        await collected(driver.farm.batch("b1"))


@pytest.mark.parametrize("error", [httpx.WriteTimeout("slow"), httpx.ConnectTimeout(""), httpx.WriteError("gone")])
async def test_httpx_errors_do_not_leak(connect: Connect, error: httpx.TransportError) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ConnectionFailed) as caught:
        await connect(transport=httpx.MockTransport(handle), retries=1).call("workers")
    assert caught.value.__cause__ is error


async def test_the_key_goes_into_the_header_and_nowhere_else(
    scripted: ScriptedFarm, connect: Connect, nobody: str
) -> None:
    scripted.script(answer({"workers": []}), refuse(401, "unauthorized"), LOST, answer([], 200))
    driver = connect(api_key=KEY + "\n", retries=0)
    await driver.call("workers")
    assert scripted.asked[0].headers["authorization"] == f"Bearer {KEY}"
    shown = [repr(driver.farm), str(driver.farm), repr(driver.farm.batch("b")), repr(vars(driver.farm))]
    for farm in (driver, driver, driver, connect(nobody, api_key=KEY, retries=0)):
        with pytest.raises(FarmError) as caught:
            await farm.call("workers")
        shown += [repr(caught.value), *traceback.format_exception(caught.value)]
    assert KEY not in "".join(shown)


@pytest.mark.parametrize("key", [KEY + "\nHost: evil", KEY + "é", KEY + "\x00"])
@pytest.mark.parametrize("shell", [Farm, AsyncFarm])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(
    shell: type[Farm] | type[AsyncFarm], key: str
) -> None:
    with pytest.raises(ConfigurationError, match="FARM_API_KEY") as caught:
        shell("http://127.0.0.1:9", api_key=key)
    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_the_environment_is_asked_for_what_is_not_given(
    scripted: ScriptedFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.script(*[answer({"workers": []})] * 3)
    monkeypatch.setenv("FARM_URL", scripted.url + "/")
    monkeypatch.setenv("FARM_API_KEY", KEY)
    with Farm() as farm:
        farm.workers()
    async with AsyncFarm(api_key="") as asynchronous:
        await asynchronous.workers()
    monkeypatch.delenv("FARM_URL")
    monkeypatch.setenv("PORT", scripted.url.rpartition(":")[2])
    with Farm() as farm:
        assert repr(farm) == f"Farm('{scripted.url}')"
        farm.workers()
    assert [asked.headers.get("authorization") for asked in scripted.asked] == [f"Bearer {KEY}", None, f"Bearer {KEY}"]


def test_without_a_word_the_farm_is_on_this_host() -> None:
    with Farm() as farm:
        assert farm.base_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "localhost:8000", "ftp://farm", "http://", "http://farm:port"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must read like http://127\.0\.0\.1:8000"):
        Farm(url)


def test_a_password_in_the_url_is_not_shown() -> None:
    with Farm("https://me:hunter2@lab.example/farm") as farm:
        assert farm.base_url == "https://lab.example/farm"
        assert "hunter2" not in repr(vars(farm))


@pytest.mark.parametrize("options", [{"timeout": 0.0}, {"timeout": -1.0}, {"retries": -1}])
def test_limits_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="`timeout` must be over 0 seconds"):
        Farm(**options)  # type: ignore[arg-type]


async def test_a_proxy_of_the_cluster_is_no_way_to_this_host(
    scripted: ScriptedFarm, connect: Connect, monkeypatch: pytest.MonkeyPatch, nobody: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nobody)
    scripted.script(answer({"workers": []}))
    await connect(retries=0).call("workers")
