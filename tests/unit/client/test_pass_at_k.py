"""pass@k: compared with the probability that it estimates, and undecided proofs never count."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from statistics import fmean

import pytest

from farm.client import Manifest, Run
from farm.client.manifest import Identity, findings
from farm.models import Reason, verdict

ATTEMPTS = {"p": "1001000", "q": "0000", "r": "111"}


def run_of(attempts: dict[str, str]) -> Run:
    """A run with one proof per character: 1 accepted, 0 rejected, ? undecided."""
    reasons = {"1": None, "0": Reason.ERROR, "?": Reason.TIMEOUT}
    marked = [(problem, mark) for problem, marks in attempts.items() for mark in marks]
    verdicts = [verdict(str(index), index, reason=reasons[mark]) for index, (_, mark) in enumerate(marked)]
    identities = [Identity(str(index), problem or None, "") for index, (problem, _) in enumerate(marked)]
    now = datetime.now(UTC)
    head = {"leanfarm": "0", "farm": "http://f", "started_at": now, "ended_at": now, "options": {}, "batches": []}
    return Run(verdicts, Manifest.model_validate({**head, **findings(identities, verdicts)}))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_it_is_the_share_of_choices_with_a_success(k: int) -> None:
    expected = fmean(fmean("1" in chosen for chosen in combinations(marks, k)) for marks in ATTEMPTS.values())

    assert run_of(ATTEMPTS).pass_at_k(k) == pytest.approx(expected, abs=1e-12)


def test_many_attempts_do_not_overflow() -> None:
    assert run_of({"p": "1" + "0" * 4999}).pass_at_k(2500) == pytest.approx(0.5)


def test_what_is_undecided_counts_as_the_caller_says() -> None:
    run = run_of({"p": "1??0", "q": "00"})

    assert run.pass_at_k(1, undecided="failed") == pytest.approx(0.125)
    assert run.pass_at_k(1, undecided="excluded") == pytest.approx(0.25)
    with pytest.raises(ValueError, match="Proof '1' is undecided"):
        run.pass_at_k(1)


@pytest.mark.parametrize(
    ("attempts", "k", "says"),
    [
        ({"p": "10"}, 3, "problem 'p' has 2"),
        ({"p": "10"}, 0, "a k of 1 or more"),
        ({}, 1, "and proofs"),
        ({"": "1"}, 1, "proof '0' does not have"),
        ({"p": "11", "q": "??"}, 1, "problem 'q' has 0"),
    ],
)
def test_what_cannot_be_estimated_is_refused(attempts: dict[str, str], k: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        run_of(attempts).pass_at_k(k, undecided="excluded")


def test_a_manifest_names_the_external_checkers() -> None:
    asked, unasked = (verdict(str(index), index, reason=None) for index in range(2))
    evidence = asked.evidence.model_copy(update={"checker": {"version": "nanoda 0.3", "answer": "accepted"}})
    verdicts = [asked.model_copy(update={"evidence": evidence}), unasked]

    assert findings([Identity(each.id, None, "") for each in verdicts], verdicts)["checkers"] == ["nanoda 0.3"]
