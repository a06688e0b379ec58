"""A Lean process at work on a real Valkey, with a function in Lean's place."""

from __future__ import annotations

import pytest

from tests.support.lean_process import LeanProcess
from tests.support.open_store import open_store


@pytest.fixture
def process(valkey_url: str) -> LeanProcess:
    """A Lean process on an empty store."""
    with open_store(valkey_url) as client:
        client.flushall()
    return LeanProcess(valkey_url)
