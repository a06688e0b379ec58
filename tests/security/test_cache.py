"""Rows 54–55: a kept verdict answers only its own question, and undecided ones are not kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from farm import Farm, Level, Outcome, Proof, Reason
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import running_farm

FILE = "theorem two : 1 + 1 = 2 := by rfl"
STATED = Proof(statement="theorem two : 1 + 1 = 2", code=FILE)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[Farm]:
    """A farm that keeps verdicts."""
    settings = {**lean_settings(scripted), "VERDICT_CACHE_MB": "64", "LEAN_WORKERS": "1"}
    with running_farm(tmp_path_factory.mktemp("cache"), **settings) as farm, farm.client() as client:
        yield client


def test_a_verdict_of_a_lower_level_or_gate_answers_no_higher_one(own: Farm) -> None:
    [compiled] = own.verify(FILE)
    [gated] = own.verify(FILE, gate="strict")
    [stated] = own.verify(STATED)
    [checked] = own.verify(STATED, level="checked")
    [again] = own.verify(STATED, level="checked")

    assert [each.cached for each in (compiled, gated, stated, checked, again)] == [False, False, False, False, True]
    assert (stated.level, checked.level, again.level) == (Level.COMPILED, Level.CHECKED, Level.CHECKED)
    assert (again.axioms, again.evidence) == (checked.axioms, checked.evidence)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("theorem two : 1 + 1 = 3", Reason.STATEMENT),
        ("import Lean\ntheorem two : 1 + 1 = 2", None),
        ("theorem other : 1 + 1 = 2", Reason.MISSING),
    ],
)
def test_another_statement_is_another_question(own: Farm, statement: str, reason: Reason | None) -> None:
    own.verify(STATED, level="checked")
    [verdict] = own.verify(Proof(statement=statement, code=FILE), level="checked")

    assert (verdict.cached, verdict.reason) == (False, reason)


def test_a_refused_word_is_not_hidden_by_a_text_that_looks_the_same_without_comments(own: Farm) -> None:
    honest = "theorem two : 1 + 1 = 2 := by rfl /- f -/\n"
    assert own.verify(honest, gate="strict")[0].outcome is Outcome.ACCEPTED
    [verdict] = own.verify("theorem two : 1 + 1 = 2 := by rfl\naxiom f : 1 = 2", gate="strict")

    assert (verdict.cached, verdict.reason) == (False, Reason.POLICY)


def test_what_was_not_decided_is_not_kept(own: Farm) -> None:
    hanging = Proof(statement="theorem two : 1 + 1 = 2", code="by rfl -- hang!")
    [first] = own.verify(hanging, level="checked", timeout_s=0.4)
    [second] = own.verify(hanging, level="checked", timeout_s=0.4)

    assert (first.reason, second.reason, second.cached) == (Reason.TIMEOUT, Reason.TIMEOUT, False)
