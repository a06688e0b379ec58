"""When two rankings are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.compat.reference import Ranking

TOLERANCE = 1e-6


def ranking(answer: Any) -> Ranking:
    """Return what `POST /retrieve` answers, checked for its shape: `[{"score": number, "name": text}, …]`, no more."""
    assert isinstance(answer, list), answer
    assert all(set(each) == {"score", "name"} and type(each["score"]) is float for each in answer), answer[:3]
    return [(each["score"], each["name"]) for each in answer]


def assert_same(found: Ranking, expected: Ranking) -> None:
    """Fail unless names and order are the same and scores within 1e-6.

    Where rounding alone decides an order, either is right: unequal scores closer than that may change places.
    """
    assert_scores(found, expected)
    for at, end in _runs(expected):
        assert_run(found[at:end], expected[at:end])


def assert_same_but_last_ties(found: Ranking, expected: Ranking, whole: Ranking) -> None:
    """As `assert_same`, but who of those that tie with the last is taken may differ.

    Args:
        found: an answer.
        expected: another answer to the same body.
        whole: what the answer would be if k were endless.
    """
    assert_scores(found, expected)
    for at, end in _runs(expected):
        if end < len(expected) or len(whole) == len(expected):
            assert_run(found[at:end], expected[at:end])
        else:
            tied = [name for score, name in whole if abs(score - expected[-1][0]) <= (end - at + 1) * TOLERANCE]
            assert {name for _, name in found[at:] + expected[at:]} <= set(tied)


def assert_scores(found: Ranking, expected: Ranking) -> None:
    assert len(found) == len(expected)
    scores, wanted = ([score for score, _ in each] for each in (found, expected))
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, wanted, rtol=0, atol=TOLERANCE)


def assert_run(found: Ranking, expected: Ranking) -> None:
    """Fail unless both hold the same names, in the same order where scores are equal and not only nearly so."""
    names, wanted = ([name for _, name in each] for each in (found, expected))
    if len({score for score, _ in found}) == len({score for score, _ in expected}) == 1:
        assert names == wanted
    else:
        assert sorted(names) == sorted(wanted)


def _runs(scored: Ranking) -> Iterator[tuple[int, int]]:
    """Yield the bounds of runs of scores that are closer to each other than the tolerance."""
    start = 0
    for at in range(1, len(scored) + 1):
        if at == len(scored) or scored[at - 1][0] - scored[at][0] > TOLERANCE:
            yield start, at
            start = at
