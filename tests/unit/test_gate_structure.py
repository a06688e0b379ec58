"""The gate and what only looks like structure: brackets and marks in names, strings and new tokens."""

from __future__ import annotations

import pytest

from workers.lean.gate.strict import refuse

END = "\ntheorem t : True := trivial\n"
EXTENSION = "def evil : Mathlib.Meta.NormNum.NormNumExt where\n  eval := f"


@pytest.mark.parametrize(
    "text",
    [
        'notation "x" «=>» "a--" => 1',
        'notation (name := «=>») "a--" => 1',
        'macro (name := «=> :») "a--" : term => `(1)',
        'notation "{=>}" "a--" => 1',
    ],
)
def test_an_arrow_in_a_name_or_token_hides_no_token(text: str) -> None:
    """Lean would read the token `a--`, and code where the gate sees a comment."""
    assert refuse(text + END) is not None


@pytest.mark.parametrize(
    ("tokens", "meaning"),
    [
        ("", "(«(») >>= (f «)»)"),
        ("", '("{(}") >>= (f "{)}")'),
        ('notation "⟪(" => 1\nnotation "⟫)" => 1\n', "(⟪( ) >>= f ⟫)"),
        ('macro "⟪(" ! ")" a:term : term => `($a)\nmacro "q" ! "(" "⟫)" : term => `(1)\n', "(⟪( 1) >>= f q ⟫)"),
        ('infixl:55 "open" => bind\n', "(1)\nopen f"),
        ('notation:55 a "@[" b "]" => bind a b\n', "(1)\n@[f]"),
    ],
)
def test_a_macro_whose_quotation_ends_earlier_for_lean_is_refused(tokens: str, meaning: str) -> None:
    assert refuse(f'{tokens}macro "m" : term => `{meaning}{END}') is not None


@pytest.mark.parametrize(
    "text",
    [
        f'@[deprecated "{{x}}", norm_num 5] {EXTENSION} "{{))}}"',
        f'@[deprecated "{{]}}", norm_num 5] {EXTENSION}',
        f'@[deprecated "{{(}}", norm_num 5] {EXTENSION} "{{)}}"',
        f'notation "]" => 1\n@[aesop safe apply (pattern := ]), norm_num 5] {EXTENSION}',
        f'notation "⟫⟩" => 1\n@[aesop safe apply (pattern := ⟫⟩), norm_num 5] {EXTENSION}',
        f'macro "⟪[" a:term ("]")? : term => `($a)\n{EXTENSION}',
        f'macro "⟪[" "]"? : term => `(1)\n{EXTENSION}',
        f'macro "⟪" sepBy(term, "]") : term => `(1)\n{EXTENSION}',
    ],
)
def test_no_bracket_of_a_string_or_token_hides_an_attribute(text: str) -> None:
    assert refuse(text) is not None


@pytest.mark.parametrize("name", ["name", "priority"])
def test_an_option_of_a_macro_binds_no_name(name: str) -> None:
    """Lean would run a definition of the text with this name."""
    assert refuse(f'macro ({name} := foo) "x" : term => `(${name}){END}') is not None


@pytest.mark.parametrize("word", ["open", "end", "theorem", "@["])
def test_a_word_that_begins_a_command_is_no_new_token(word: str) -> None:
    refusal = refuse(f'infixl:55 "{word}" => f{END}')

    assert refusal is not None


@pytest.mark.parametrize(
    "text",
    [
        '@[deprecated "use {x} (or [y])" (since := "2026-01-01"), simp] theorem t : True := trivial',
        'example : s!"{f (g [x, y]) ⟨1⟩}" = "" := x',
        "instance : Foo «term_(_)» := x",
        "simp [«term_:=_», «a (b)»] -- axiom",
        'notation "[" x "]" => f x',
        'notation "⟨" x "|" y "⟩" => f x y',
        'macro "foo" "[" h:term,* "]" : tactic => `(tactic| simp [$h,*])',
        'macro (name := foo) "foo" h:term : tactic => `(tactic| simp [$h:term])',
        'macro "foo" ("bar")? h:term : tactic => `(tactic| simp [$h:term])',
        'notation "openx" => f',
    ],
)
def test_paired_brackets_and_names_with_marks_pass(text: str) -> None:
    assert refuse(text + END) is None
