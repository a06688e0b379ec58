"""A file that opens its statement's scopes again runs inside the front's scopes, or outside them and under its own."""

from __future__ import annotations

import pytest

from farm.models import Proof
from farm.prepared_proof import prepare

TWO_BLOCKS = "namespace X\nlemma h : T := x\nend X\nnamespace X\ntheorem t : T := h\nend X"
TWO_TARGETS = "namespace X\ntheorem s : T := sorry\nend X\nnamespace X\nvariable (n : N)\ntheorem t : T := sorry\nend X"


def runs(statement: str, file: str) -> list[str]:
    """Return the lines that run as the submission."""
    prepared = prepare(Proof(statement=statement, code=file))
    assert prepared.objection is None
    return [line for line in prepared.body.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("statement", "file"),
    [
        ("namespace X\ntheorem t : T := sorry\nend X", TWO_BLOCKS),
        ("namespace X\ndef f := 1\nend X\nnamespace X\ntheorem t : T := sorry\nend X", TWO_BLOCKS),
        ("namespace X\nopen Y\ntheorem t : T := sorry", "lemma X.h : T := x\nnamespace X\nopen Y\ntheorem t : T := h"),
        (TWO_TARGETS, TWO_TARGETS.replace("sorry", "x")),
        (TWO_TARGETS, TWO_TARGETS.replace("sorry", "x").replace("variable (n : N)\n", "")),
    ],
)
def test_what_a_file_declares_before_it_opens_the_namespace_keeps_its_name(statement: str, file: str) -> None:
    assert runs(statement, file) == ["end X", *file.splitlines()]


def test_a_file_that_leaves_out_what_the_namespace_brings_runs_inside_it() -> None:
    file = "lemma h : T := x\nnamespace X\ntheorem t : T := h\nend X"

    assert runs("namespace X\nopen Y\ntheorem t : T := sorry", file) == file.replace("namespace X\n", "").splitlines()


def test_a_file_runs_where_the_statements_local_lemmas_are_in_force() -> None:
    lemma = "@[local simp] lemma foo : a = b := x\n"
    statement = f"namespace X\n{lemma}theorem t : T := sorry\nend X"
    file = f"lemma h : T := x\nnamespace X\n{lemma}theorem t : T := y\nend X"

    assert runs(statement, file) == ["lemma h : T := x", "theorem t : T := y", "end X"]


def test_each_section_of_a_file_keeps_its_variables() -> None:
    first = "section\nvariable (k : N)\ntheorem s : k = k := sorry\nend\n"
    statement = f"{first}section\nvariable (n : N)\ntheorem t : n = n := sorry\nend"

    lines = runs(statement, statement.replace("sorry", "rfl"))

    # The last section, with its variable, is open where the file begins.
    assert lines == [*first.replace("sorry", "rfl").splitlines(), "theorem t : n = n := rfl", "end"]
