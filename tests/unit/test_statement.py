"""Statements taken apart, the commands made of them, and the answers that Lean gives to those."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from farm.models import Reason
from farm.statement import Statement, begins_file, declaration, parse_statement
from workers.lean.statement import (
    OddAnswer,
    bind,
    judge_axioms,
    read_axioms,
    read_closing,
    read_definition,
    read_look,
    read_proposal,
)


def parse(text: str) -> Statement:
    found = parse_statement(text)
    assert found is not None
    return found


def reply(*messages: tuple[str, str], sorries: int = 0) -> Any:
    said = [SimpleNamespace(severity=severity, data=data) for severity, data in messages]
    return SimpleNamespace(messages=said, sorries=[None] * sorries)


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
    found = parse(text)

    assert (found.name, found.universes) == (name, universes)
    assert binders is None or found.binders == binders
    assert type_ is None or found.type == type_


@pytest.mark.parametrize(
    "text",
    [
        *("", "1 = 1", "theorem", "theorem : T", "theorem a", "theorem a :", "theorem a := rfl", "-- theorem a : T"),
        *("theorem a : T :=", "theorem a : T := by", "theorem a : T := by sorry", "theorem a : T :=\n  sorry\n"),
        *("variable (n : ℕ)\ntheorem a : T", "def f := 1\ntheorem a : T", "@[simp] theorem a : T"),
        *("namespace X\ntheorem a : T", "private theorem a : T", "end\ntheorem a : T", 'theorem a.{s!"{x'),
    ],
)
def test_what_is_no_statement(text: str) -> None:
    assert parse_statement(text) is None


def test_the_commands_keep_the_statement_apart_from_the_text() -> None:
    commands = bind(parse("import Mathlib\nopen Nat\ntheorem X.a.{u} (α : Type u) -- why\n : α = α"), "s3cret")

    assert commands.definition == (
        "section\nset_option autoImplicit false\nopen Nat\n"
        "def X.stated_s3cret.{u} : Prop := ∀  (α : Type u) -- why\n \n,  α = α\n"
        "end\nsection scope_s3cret"
    )
    assert commands.closing == "end scope_s3cret"
    assert commands.look == "#print _root_.X.a"
    assert commands.proposal == "theorem proved_s3cret : _root_.X.stated_s3cret := @_root_.X.a"
    assert commands.audit == "#print axioms proved_s3cret"


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


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("theorem a : 1 = 1 :=\nrfl", None),
        ("theorem a.{u} : ∀ (α : Type u), α = α :=\nfun α => rfl", None),
        ("@[simp]\ntheorem a : T :=\nx", None),
        ("protected theorem a : T :=\nx", None),
        ("private theorem a : T :=\nx", Reason.MISSING),
        ("theorem X.a : T :=\nx", Reason.MISSING),
        ("def a : T :=\nx", Reason.STATEMENT),
        ("@[reducible] def a : T :=\nx", Reason.STATEMENT),
        ("axiom a : T", Reason.STATEMENT),
        ("noncomputable def a : T :=\nx", Reason.STATEMENT),
    ],
)
def test_what_print_says_about_the_theorem(printed: str, reason: Reason | None) -> None:
    failure = read_look(reply(("info", printed)), "a")

    assert (failure.reason if failure else None) is reason


def test_an_unknown_name_is_missing_and_silence_is_odd() -> None:
    missing = read_look(reply(("error", "unknown constant '_root_.a'")), "a")

    assert missing is not None
    assert missing.reason is Reason.MISSING
    for odd in (reply(), reply(("info", "theorem a : T"), ("info", "theorem a : T")), reply(("info", "{}"))):
        with pytest.raises(OddAnswer):
            read_look(odd, "a")


LONG = "'p' depends on axioms: [propext,\n Classical.choice,\n Quot.sound,\n Lean.ofReduceBool]"


@pytest.mark.parametrize(
    ("said", "axioms", "reason"),
    [
        ("'p' does not depend on any axioms", [], None),
        ("'p' depends on axioms: [propext]", ["propext"], None),
        ("'p' depends on axioms: [propext, Classical.choice, Quot.sound]", None, None),
        (LONG, None, Reason.AXIOM),
        ("'p' depends on axioms: [sorryAx]", ["sorryAx"], Reason.SORRY),
        ("'p' depends on axioms: [N.propext]", ["N.propext"], Reason.AXIOM),
        ("'p' depends on axioms: [prоpext]", None, Reason.AXIOM),
        ("'p' depends on axioms: [a._native.native_decide.ax_1]", None, Reason.AXIOM),
    ],
)
def test_axioms_are_judged_by_their_full_names(said: str, axioms: list[str] | None, reason: Reason | None) -> None:
    found = read_axioms(reply(("info", said)), "p")
    failure = judge_axioms(found)

    assert axioms is None or found == axioms
    assert (failure.reason if failure else None) is reason


@pytest.mark.parametrize(
    "odd",
    [
        reply(),
        reply(("info", "'q' does not depend on any axioms")),
        reply(("error", "'p' does not depend on any axioms")),
        reply(("info", "'p' does not depend on any axioms"), ("info", "x")),
        reply(("info", "'p' depends on axioms: [propext")),
        SimpleNamespace(message="no"),
    ],
)
def test_any_other_answer_about_axioms_is_odd(odd: Any) -> None:
    with pytest.raises(OddAnswer):
        read_axioms(odd, "p")


def test_a_definition_may_warn_but_not_fail_nor_have_a_hole() -> None:
    assert read_definition(reply(("warning", "unused variable `h`"))) is None
    for bad in (reply(("error", "x")), reply(sorries=1), reply(("warning", "declaration uses 'sorry'"))):
        failure = read_definition(bad)
        assert failure is not None
        assert failure.reason is Reason.STATEMENT
        assert read_proposal(bad, "a") is not None


def test_closing_the_section_has_to_be_silent() -> None:
    assert read_closing(reply()) is None
    failure = read_closing(reply(("error", "invalid 'end', name mismatch")))

    assert failure is not None
    assert failure.reason is Reason.PARSE
