"""Where headers end, and that positions are mapped back into the user's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from farm.models import Position, Proof
from farm.source import assemble, split_header
from tests.support.repl.source import Source as LeanText
from workers.lean.report import place


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
        ("open Nat\nimport A", ""),
        ("set_option x true\nimport A", ""),
        ("namespace A\nimport B", ""),
        ("/-! module doc -/\nimport A", ""),
        ("module\n\npublic meta import all A.B -- why\nx", "module\n\npublic meta import all A.B"),
        ("prelude\nimport A", "prelude\nimport A"),
        ("import runtime A\nx", "import runtime A"),
        ("importance", ""),
        ("modules.x", ""),
        ("import A theorem a : 1 = 1 := rfl", "import A"),
    ],
)
def test_the_header_ends_behind_the_last_import(text: str, header: str) -> None:
    assert split_header(text).header == header


HEADERS = st.lists(
    st.sampled_from(
        ["import Mathlib", "import A.«b c»", "public import A", "public meta import all B", "import all C", "module"]
    )
    | st.sampled_from(
        ["prelude", "\n", "\r\n", " ", "\t", "-- note\n", "/- c /- d -/ -/", "/- 𝔸\n-/", "/-- doc -/", "/-", "-/"]
    ),
    max_size=14,
).map("".join)
BODIES = st.lists(
    st.sampled_from(["open Nat", "namespace X", "set_option a true", "theorem α : 1 = 1 := rfl", "/-- d -/", "𝔸", "x"])
    | st.sampled_from(["\n", "\r\n", "\r", " ", "\u2028", "-- c", "import Late", "/-"]),
    max_size=10,
).map("".join)
TEXTS = st.tuples(HEADERS, BODIES).map("".join) | st.text(max_size=60)


@given(TEXTS)
def test_header_gap_and_body_are_the_text(text: str) -> None:
    source = split_header(text)

    assert (source.header + source.gap + source.body).encode() == text.encode()
    assert split_header(source.header).header == source.header, "what was cut off is a header"
    assert source.gap == "" or source.gap.isspace()


@given(TEXTS, st.data())
def test_every_position_of_a_reply_is_one_of_the_users_text(text: str, data: st.DataObject) -> None:
    """Lean counts lines by line feeds and columns by code points; the scripted REPL's `Source` counts so too."""
    source = split_header(text)
    at = data.draw(st.integers(0, len(source.body)))
    end = data.draw(st.integers(at, len(source.body)))
    body, whole, before = LeanText(source.body), LeanText(text), len(source.header + source.gap)
    span = {"start": body.position(at), "finish": body.position(end)}
    reply = {"messages": [{"pos": body.position(at), "endPos": None}], "infotree": [{"children": [{"range": span}]}]}

    place(reply, source)

    wanted = whole.position(before + at)
    placed = {"start": wanted, "finish": whole.position(before + end)}
    assert reply == {"messages": [{"pos": wanted, "endPos": None}], "infotree": [{"children": [{"range": placed}]}]}


def test_a_position_that_no_text_has_is_left_out() -> None:
    reply = {"messages": [{"pos": {"line": (1 << 64) - 1, "column": 0}, "endPos": {"line": 1, "column": 0}}]}

    place(reply, split_header("import Init\n#eval 1"))

    assert reply == {"messages": [{"pos": {}, "endPos": {"line": 2, "column": 0}}]}


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
