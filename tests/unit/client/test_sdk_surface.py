"""The public names, what importing them costs, and that the two clients have the same ones."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

import farm
import farm.client
from farm.client import AsyncBatch, AsyncFarm, Batch, Farm

NAMES = {
    *("AsyncBatch", "AsyncFarm", "Batch", "Farm", "Manifest", "Run", "Checked", "Snippet"),
    *(
        "BatchStatus",
        "Level",
        "Outcome",
        "Proof",
        "Reason",
        "RetrievedPremise",
        "Verdict",
        "proof_from_row",
        "rewards",
        "DetailedPremise",
    ),
    *("CommandsAnswer", "Goal", "TacticsAnswer"),
    *("ConfigurationError", "Conflict", "ConnectionFailed", "FarmError", "Forbidden", "InvalidRequest", "NotFound"),
    *("RateLimited", "TooLarge", "Unauthorized", "Unavailable"),
}
SERVER_ONLY = ("pydantic_settings", "redis", "celery", "psutil", "orjson", "fastapi")


def test_the_public_names_are_these() -> None:
    assert set(farm.client.__all__) == NAMES
    assert set(farm.__all__) == NAMES | {"__version__"}
    assert set(dir(farm)) >= set(farm.__all__)
    for name in NAMES:
        assert getattr(farm, name) is getattr(farm.client, name)


def test_the_version_is_that_of_the_distribution() -> None:
    assert farm.__version__[0].isdigit()


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Frm'"):
        farm.Frm  # type: ignore[attr-defined]  # noqa: B018


def loaded(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after a statement."""
    script = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_sdk_loads_nothing_of_the_server() -> None:
    assert loaded("from farm import Farm, AsyncFarm, Verdict").isdisjoint(SERVER_ONLY)


def test_the_package_alone_loads_no_http_client() -> None:
    assert loaded("import farm, farm.errors").isdisjoint({"httpx", "pydantic", "asyncio"})


def public(kind: type) -> dict[str, list[Any]]:
    """Return the public methods of a class with their parameters; a return type differs by its wrapper alone."""
    return {
        {"aclose": "close"}.get(name, name): list(inspect.signature(method).parameters.values())
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize(("sync", "asynchronous"), [(Farm, AsyncFarm), (Batch, AsyncBatch)])
def test_the_shells_have_the_same_methods(sync: type, asynchronous: type) -> None:
    assert public(sync) == public(asynchronous)


def test_the_shells_are_made_alike() -> None:
    of_sync, of_async = (inspect.signature(shell).parameters for shell in (Farm, AsyncFarm))
    assert list(of_sync) == list(of_async)
    assert [each.default for each in of_sync.values()] == [each.default for each in of_async.values()]
