"""Fixtures of the chaos tests: the seed, and libfaketime."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from tests.chaos.victim import faketime
from tests.conftest import require


@pytest.fixture
def seed() -> int:
    """The seed: SEED if it is set, else a random one; pytest shows it when a test fails."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    print(f"make test SEED={seed}")
    return seed


@pytest.fixture
def libfaketime() -> Path:
    """libfaketime; its absence skips by name."""
    found = faketime()
    require(found, "libfaketime (the Debian package libfaketime)")
    assert found is not None
    return found
