"""The first slice: used where it pays, and only where a batch has shown what its proofs take."""

from __future__ import annotations

import pytest

from workers.lean.slices import first_slice_s


@pytest.mark.parametrize(
    ("timeout_s", "timed", "longest_s", "load_s", "slice_s"),
    [
        (300, 99, 1, 0, None),  # too little was seen
        (300, 100, 1, 0, 2),
        (300, 100, 10, 0, 20),
        (300, 100, 0.01, 0, 2),  # never so short that a busy host ends it
        (300, 100, 100, 0, None),  # the rest is shorter than the slice
        (60, 100, 10, 30, None),  # an expired slice costs a header load, 40 < 20 + 30
        (60, 100, 10, 10, 20),
        (3, 1000, 1, 0, None),
    ],
)
def test_the_first_slice(timeout_s: float, timed: int, longest_s: float, load_s: float, slice_s: float | None) -> None:
    assert first_slice_s(timeout_s, timed, longest_s, load_s) == slice_s


@pytest.mark.parametrize("longest_s", [0, 0.5, 3, 29, 100, 1000])
@pytest.mark.parametrize("load_s", [0, 5, 60])
def test_a_slice_leaves_more_than_it_costs(longest_s: float, load_s: float) -> None:
    found = first_slice_s(120, 100, longest_s, load_s)

    assert found is None or (found < 120 and 120 - found > found + load_s)
