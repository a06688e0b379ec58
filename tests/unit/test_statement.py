"""Statements taken apart: what is asked for, by which name, and which texts are not statements."""

from __future__ import annotations

import pytest

from farm.declarations import begins_file, declaration
from farm.statement import read_statement


@pytest.mark.parametrize(
    ("text", "name", "universes", "binders", "type_"),
    [
        ("theorem a : 1 = 1", "a", "", " ", " 1 = 1"),
        ("lemma a.b (n : ℕ) : n = n", "a.b", "", " (n : ℕ) ", " n = n"),
        ("theorem a.{u, v} (α : Type u) : α = α", "a", ".{u, v}", " (α : Type u) ", " α = α"),
        ("theorem _root_.a {x} [Foo x] ⦃y : β⦄ (h : x = y := by rfl) z : T", "a", "", None, " T"),
        ("open Nat in\n-- theorem b : 2\ntheorem a : 1 = 1", "a", "", " ", " 1 = 1"),
        ('/-- "theorem" -/ theorem «odd : name» : (fun x : ℕ => x) = id', "«odd : name»", "", " ", None),
        ("theorem a : let x := 1; x = 1", "a", "", " ", " let x := 1; x = 1"),
        ("theorem a (h : ∀ x : ℕ, x = x) : ∃ y : ℕ, y = 1", "a", "", " (h : ∀ x : ℕ, x = x) ", " ∃ y : ℕ, y = 1"),
    ],
)
def test_a_statement_has_its_parts(
    text: str, name: str, universes: str, binders: str | None, type_: str | None
) -> None:
    found = read_statement(text).targets[-1]

    assert (found.name, found.universes) == (name, universes)
    assert binders is None or found.binders == binders
    assert type_ is None or found.type == type_


@pytest.mark.parametrize(
    "text",
    [
        *("", "1 = 1", "theorem", "theorem : T", "theorem a", "theorem a :", "theorem a := rfl", "-- theorem a : T"),
        *('theorem a.{s!"{x', "def f := 1", "#print theorem"),
    ],
)
def test_what_is_no_statement(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        assert read_statement(text).targets


@pytest.mark.parametrize(
    ("code", "name", "at"),
    [
        ("theorem a : T", "a", 8),
        ("private lemma a : T", "a", 14),
        ("-- theorem a\ntheorem b", "a", None),
        ("theorem ab : T", "a", None),
        ("theorem a.b : T", "a", None),
        ("namespace X\ntheorem a : T", "X.a", 20),
        ("theorem _root_.a : T", "a", 8),
        ("by exact a", "a", None),
        ("theorem a.{u} : T", "a", 8),
    ],
)
def test_where_a_text_declares_a_name(code: str, name: str, at: int | None) -> None:
    assert declaration(code, name) == at


@pytest.mark.parametrize(
    ("code", "is_file"),
    [
        ("theorem b : T", True),
        ("-- note\nimport X", True),
        ("by rfl", False),
        ("fun x => x", False),
        ("open Nat in foo", False),
        ("", False),
    ],
)
def test_what_cannot_follow_an_assignment(code: str, is_file: bool) -> None:
    assert begins_file(code) is is_file
