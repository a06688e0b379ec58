"""Which Leans are known to be unsound, by version."""

from __future__ import annotations

import pytest

from farm.toolchains import FAULTS, faults, warning


@pytest.mark.parametrize(
    ("version", "mended"),
    [
        ("v4.29.0", "v4.34.0"),
        ("4.9.0", "v4.34.0"),
        ("leanprover/lean4:v4.32.0", "v4.34.0"),
        ("v4.0.0-m5", "v4.34.0"),
        ("v4.32.2", "v4.34.0"),
        ("v4.33.1", "v4.34.0"),
        ("v4.34.0-rc2", "v4.34.0"),
    ],
)
def test_one_from_before_the_mending_is_unsound_and_the_way_out_is_named(version: str, mended: str) -> None:
    assert version in warning(version)
    assert f"Use {mended} or later" in warning(version)


@pytest.mark.parametrize("version", ["v4.34.0", "v4.34.1", "v4.35.0-rc1", "v4.35.0", "v4.100.0", "v5.0.0"])
def test_nothing_is_known_against_a_later_one(version: str) -> None:
    assert faults(version) == []
    assert warning(version) == ""


@pytest.mark.parametrize("version", [None, "", "v4.0.0-scripted", "nightly-2026-07-01", "v4", "4.32", "v4.32.0-mine"])
def test_what_cannot_be_read_is_unknown(version: str | None) -> None:
    assert faults(version) == []


def test_a_fault_holds_below_the_version_that_mends_it() -> None:
    names = {version: {fault.name for fault in faults(version)} for version in ("v4.32.0", "v4.32.1", "v4.32.2")}

    assert names["v4.32.0"] - names["v4.32.1"] == {"lean4#14484"}
    assert names["v4.32.1"] - names["v4.32.2"] == {"lean4#14577"}
    assert all(fault.source.startswith("https://") and fault.what for fault in FAULTS)
