"""Where in the user's text a verdict says that a theorem has a fault."""

from __future__ import annotations

import pytest

from farm.models import Position, Proof
from farm.prepared_proof import prepare
from workers.lean.gate.objections import declared_at

ONE, TWO = "theorem a : 1 = 1 := sorry", "theorem a : 1 = 1 := sorry\ntheorem b : 2 = 2 := sorry"


@pytest.mark.parametrize(
    ("statement", "code", "name", "line"),
    [
        (TWO, "theorem a : True := trivial\n\ntheorem b : 2 = 2 := rfl", "a", 1),
        (TWO, "theorem a : True := trivial\n\ntheorem b : 2 = 2 := rfl", "b", 3),
        (TWO, "theorem a : True := trivial\n\ntheorem b : 2 = 2 := rfl", "", 3),
        (ONE, "namespace B\ntheorem a : True := trivial\nend B\ntheorem a : True := trivial", "a", 4),
        (f"namespace N\n{ONE}", "\ntheorem a : True := trivial", "N.a", 2),
    ],
    ids=["the first", "the second", "none named", "after a namesake", "in the namespace of the front"],
)
def test_the_place_is_that_of_the_theorem_with_the_fault(statement: str, code: str, name: str, line: int) -> None:
    found = declared_at(prepare(Proof(statement=statement, code=code)), name)

    assert found == Position(line=line, column=8)
