"""Where headers end, and that positions come back into the user's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from farm.models import Position, Proof
from farm.source import assemble, split_header


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("theorem a : 1 = 1 := rfl", ""),
        ("-- only a comment\ntheorem a : 1 = 1 := rfl", ""),
        ("import Mathlib\ntheorem a", "import Mathlib"),
        ("import Mathlib\nimport Aesop\nset_option x true", "import Mathlib\nimport Aesop"),
        ("\n\n  import Mathlib", "\n\n  import Mathlib"),
        ("-- why\n/- a /- nested -/ one -/ import A.B\nopen A", "-- why\n/- a /- nested -/ one -/ import A.B"),
        ("import A import B\ntheorem a", "import A import B"),
        ("import A -- import B\nimport C\nx", "import A -- import B\nimport C"),
        (
            "module\nprelude\npublic import A\nmeta import all B\nx",
            "module\nprelude\npublic import A\nmeta import all B",
        ),
        ("import «odd name».B\nx", "import «odd name».B"),
        ("import Mathlib\r\nimport Aesop\r\nx", "import Mathlib\r\nimport Aesop"),
        ("/-- a doc string -/ import A", ""),
        ("/- unclosed import A", ""),
        ("theorem a : 1 = 1 := rfl\nimport A", ""),
        ("importance", ""),
        ("modules.x", ""),
        ("import A theorem a : 1 = 1 := rfl", "import A"),
    ],
)
def test_the_header_ends_behind_the_last_import(text: str, header: str) -> None:
    assert split_header(text).header == header


PIECES = st.sampled_from(
    ["import Mathlib", "import A.B", "\n", "\r\n", " ", "-- note", "/- c -/", "/-", "-/", "theorem a", "prelude", "x"]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60))
def test_header_gap_and_body_are_the_text(text: str) -> None:
    source = split_header(text)

    assert source.header + source.gap + source.body == text


@given(st.lists(PIECES, max_size=8).map("".join), st.text("ab \n", min_size=1, max_size=20), st.data())
def test_a_position_in_the_body_names_the_same_character_of_the_text(
    front: str, tail: str, data: st.DataObject
) -> None:
    text = front + "\n" + tail
    source = split_header(text)
    lines = source.body.split("\n")
    line = data.draw(st.integers(1, len(lines)))
    column = data.draw(st.integers(0, len(lines[line - 1])))

    found = source.to_user(Position(line=line, column=column))

    assert found is not None
    rest_of_body = "\n".join(lines[line - 1 :])[column:]
    assert "\n".join(text.split("\n")[found.line - 1 :])[found.column :] == rest_of_body


def test_a_statement_is_put_in_front_of_what_follows_it() -> None:
    statement = "open Nat in\ntheorem a (n : Nat) : n = n"

    tail = assemble(Proof(statement=statement, code="by\n  rfl"))
    whole = assemble(Proof(statement=statement, code="theorem a (n : Nat) : n = n := by rfl"))
    other = assemble(Proof(statement=statement, code="theorem ab : 1 = 1 := by rfl"))

    assert tail.text == f"{statement} :=\nby\n  rfl"
    assert tail.lines_before == 2
    assert (whole.text, whole.lines_before) == ("theorem a (n : Nat) : n = n := by rfl", 0)
    assert other.lines_before == 2, "another theorem's file does not declare this one"


def test_a_position_in_the_statement_is_not_in_the_users_text() -> None:
    text = assemble(Proof(statement="theorem a : 1 = 2", code="by rfl"))
    source = split_header(text.text)

    assert source.to_user(Position(line=1, column=3), text.lines_before) is None
    assert source.to_user(Position(line=2, column=3), text.lines_before) == Position(line=1, column=3)


@pytest.mark.parametrize("statement", ["1 = 1", "example : 1 = 1", "theorem : 1 = 1"])
def test_a_statement_needs_a_name(statement: str) -> None:
    with pytest.raises(ValidationError, match="NAME"):
        Proof(code="x", statement=statement)
