"""Fixtures for what the tests of the sandbox need from the machine."""

from __future__ import annotations

import pytest

from tests.conftest import require
from workers.sandbox.kernel import Missing
from workers.sandbox.landlock import abi


@pytest.fixture(scope="session")
def landlock() -> int:
    """The kernel's version of Landlock; skips by name, or fails in CI, where there is none."""
    try:
        return abi()
    except Missing as missing:
        require(False, f"a kernel with Landlock: {missing}")
        raise
