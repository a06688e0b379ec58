"""The gate `strict`: what it refuses and where, and that words in comments and strings do not count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.models import Position, Reason
from farm.settings import Settings
from tests.support.slow_lexer import slow_tokens
from workers.lean.gate import strict as gate
from workers.lean.gate.rules import RULES
from workers.lean.gate.strict import place, refuse
from workers.lean.gate.trial import prove_gate
from workers.lean.gate.words import Lists
from workers.lean.installation import prepare

KEYWORDS = sorted({word for rule in RULES for word in rule.words if "%" not in word})
NAMES = sorted(
    {word for rule in RULES if rule.names for word in rule.words} | {r for rule in RULES for r in rule.roots}
)
HIDING = ["-- {} \n", "/- {} -/", "/- /- {} -/ -/", "/-- {} -/", '"{}"', '"\\" {}"', 'r"{}"', 'r#"{}"#', "«a {} b»"]


@pytest.mark.parametrize(
    "text",
    [
        "import Mathlib\nopen BigOperators Real\n\ntheorem a (x : ℝ) (h : 0 < x) : x ≠ 0 := by\n  exact h.ne'",
        "import Lean\ntheorem a : True := trivial",
        "theorem a (s : Finset ℕ) : #s = s.card := rfl",
        "set_option maxHeartbeats 400000 in\ntheorem a : True := trivial",
        "set_option linter.unusedVariables false",
        "@[simp, norm_cast] theorem a : True := trivial",
        "@[to_additive (attr := simp) foo] lemma a : True := trivial",
        "attribute [local instance] Classical.propDecidable",
        "attribute [-simp] foo",
        "structure P where\n  x : ℕ\ninstance : Add P := ⟨fun a b => ⟨a.x + b.x⟩⟩",
        "instance {α : Type} [Fintype α] : Inhabited (List α) := ⟨[]⟩",
        "theorem axioms (axiom' : ℕ) (h.axiom) : unsafe_thing = partial_sum := by stop_here",
        "theorem a : '\"' = '\"' := rfl -- axiom",
        "/-- native_decide is not used -/ theorem a : True := by norm_num [h.1.le, h.2'] at *",
        "open Nat in\nnoncomputable section\nuniverse u\nvariable {α : Type u}\nend",
        "export Foo (bar)",
        "import Lean.Elab\nimport Mathlib.Tactic.NormNum\ntheorem a : 0xab = 171 := rfl",
        "def N := ℕ\ninstance : Add N := inferInstanceAs (Add ℕ)",
        "@[spec] theorem a : True := trivial",
        "@[category research solved, AMS 11, conditional formal_proof using lean4 at foo] theorem a : True := trivial",
        "set_option tactic.skipAssignedInstances false in\ntheorem a : True := trivial",
        "set_option trace.profiler true",
        "set_option aesop.warn.nonterminal false",
        "open Foo\nprivate theorem a : True := trivial",
        "#check Nat.add_comm",
        "@[to_additive (attr := simp, norm_cast) foo, ext] lemma a : True := trivial",
        "",
    ],
)
def test_honest_texts_pass(text: str) -> None:
    assert refuse(text) is None


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("x axiom c", 2),
        ("«x» unsafe def", 4),
        ("@[simp, csimp] def", 8),
        ("@[«extern» c] def", 2),
        ("attribute [local simp, implemented_by f] g", 23),
        ("attribute [simp] f attribute [«csimp»] f", 30),
        ("set_option debug.skipKernelTC true", 11),
        ("set_option «debug».skipKernelTC true", 11),
        ("set_option warn.sorry false", 11),
        ('set_option aesop.stats.file "x"', 11),
        ("set_option aesop.stats.file x", 11),
        ('set_option trace.profiler.output "x"', 11),
        ("set_option trace.profiler.serve true", 11),
        ('set_option linter.foo\n  "x"', 11),
        ("open private foo from M", 5),
        ("export private foo from M", 7),
        ("x = #aesop_stats f", 4),
        ("x = #parse f", 4),
        ("x Foo.TypeName.mk", 2),
        ("x Dynamic.mk", 2),
        ("x Plausible.Gen.printSamples", 2),
        ("x _root_.timeit", 2),
        ("set_option pp.all true set_option Elab.async true", 34),
        ("by decide +native", 11),
        ("by decide +«native»", 11),
        ("simp (config := { native := true })", 18),
        ("x IO.println", 2),
        ("x «IO».println", 2),
        ("x _root_.Lean.Elab", 2),
        ("x Foo.IO.bar", 2),
        ("open Lean in x", 5),
        ("x Foo.addDeclWithoutChecking", 2),
        ("local instance : Add Nat := x", 6),
        ("instance (priority := high) foo (p : Prop) : Coe True p := x", 0),
        ("open Nat hiding foo", 9),
        ("eval% x", 0),
        ("x import B", 2),
        ('s!"{by native_decide}"', 7),
        ('f "{axiom}"', 4),
        ("f 0b1axiom", 5),
        ("λaxiom", 1),
        ("x\u200b", 1),
        ("{x //- axiom -/ 1}", 4),
        ("f #evalx", 2),
        ("f 0xamacro", 5),
        ("f 0xarun_cmd x", 5),
        ("(println! s) ()", 1),
        ("open Std.Internal.UV", 5),
        ("@[to_additive (attr := simp, init) foo] def", 29),
        ("@[to_additive (attr := simp) foo, tactic] def", 34),
        ("instance : Add Nat where", 0),
        ("import macro", 7),
        ("import A\nprelude", 0),
    ],
)
def test_what_is_refused_and_where(text: str, column: int) -> None:
    refusal = refuse(text)

    assert refusal is not None
    assert refusal.reason is Reason.POLICY
    assert place(text, refusal.start).column == column


@pytest.mark.parametrize("text", ["x /- a", 'x "a', "x #exit", "x /- /- -/", "x «a", 'x r#"a"'])
def test_a_text_that_does_not_reach_its_end_is_parse(text: str) -> None:
    refusal = refuse(text)

    assert refusal is not None
    assert (refusal.reason, refusal.start) == (Reason.PARSE, 2)


@pytest.mark.parametrize("word", KEYWORDS)
def test_every_word_of_the_table_is_refused_and_names_itself(word: str) -> None:
    refusal = refuse(f"theorem a : True := trivial\n  {word} x")

    assert refusal is not None
    assert word in refusal.text
    assert place(f"theorem a : True := trivial\n  {word} x", refusal.start) == Position(line=2, column=2)


@pytest.mark.parametrize("word", NAMES)
def test_every_name_of_the_table_is_refused_in_any_dress(word: str) -> None:
    for dressed in (word, f"«{word}»", f"_root_.{word}", f"x ({word}) y"):
        assert refuse(dressed) is not None, dressed


@given(st.sampled_from(KEYWORDS), st.sampled_from(HIDING), st.text("ab \n(){}:", max_size=8))
@settings(max_examples=300)
def test_a_word_in_a_comment_or_string_is_not_refused(word: str, hiding: str, front: str) -> None:
    text = front + " " + hiding.replace("{}", word)

    assert refuse(text) is None


MARKS = """-- /- -/ /-- /-! " \\" ' '"' '\\'' « » r" r#" "# s!" { } {x} // - / | : 0b1 1e5 é λ h.2' f'' ( ) '-' '/'"""
TRICKS = st.sampled_from([*MARKS.split(), " ", "\n", "  "])


@given(st.lists(TRICKS, max_size=6), st.sampled_from(["axiom", "#eval", "native_decide"]), st.lists(TRICKS, max_size=6))
@settings(max_examples=3000)
def test_no_trick_hides_a_word_that_lean_would_see(before: list[str], word: str, after: list[str]) -> None:
    text = "".join(before) + f" {word} " + "".join(after)
    seen = {text[start:end] for kind, start, end in slow_tokens(text) if kind in ("word", "hash")}

    if word in seen:
        assert refuse(text) is not None


@given(st.text(max_size=80) | st.lists(TRICKS, max_size=12).map("".join))
@settings(max_examples=1000)
def test_every_text_gets_an_answer_with_a_place(text: str) -> None:
    refusal = refuse(text)

    if refusal:
        assert 0 <= refusal.start <= refusal.end <= len(text)


def test_a_position_is_the_one_lean_would_print() -> None:
    assert place("ab\ncé axiom", 6) == Position(line=2, column=3)


@pytest.mark.parametrize(
    "before", [*"1.)]}⟩»√→∑|=+;'\"`\\é✝λ⁻", "0x", "0b1", "1.5e3", "x.1", "#check1", "«a»", "'a'", '"a"', "..."]
)
@pytest.mark.parametrize("word", ["axiom", "macro_rules", "run_cmd", "unsafe"])
def test_a_word_counts_behind_whatever_may_end_a_token(before: str, word: str) -> None:
    assert refuse(f"x {before}{word} c") is not None


@pytest.mark.parametrize("symbol", ["→", "∑", "1", "0x", "=>", ")", "√", "x⁻¹", "a.1"])
def test_letters_that_a_symbol_may_take_along_hide_no_word(symbol: str) -> None:
    assert refuse(f"x {symbol}oaxiom c") is not None
    assert refuse(f"x {symbol}rIO.println") is not None


@pytest.mark.parametrize("before", [" ", "\n", "(", "[", "{", "⟨", ",", "←", "¬", "↑", "@", "-"])
def test_a_name_that_ends_like_a_word_is_a_name(before: str) -> None:
    assert refuse(f"rw [x{before}h_axiom, x{before}myprefix, x{before}a.partial]") is None


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("x #check1macro_rules y", 2),
        ("x #whereaxiom", 2),
        ("a...0x1macro_rules", 7),
        ("x /- a --/ b -/", 2),
        ("x //-- b -/", 3),
        ("by decide +native", 11),
        ("{ native := true }", 2),
        ("cbv_simproc_decl f", 0),
        ("x\taxiom", 1),
        ("x := /-- axiom c -/ \\", 5),
        ("@[simp, simproc] def", 8),
        ("x Lean.Elab.y", 2),
        ("theorem Lean.Grind.x : y", 8),
        ("open Std Internal.UV", 9),
        ("aesop (add safe tactic f)", 16),
        ("instance : Add (List ℕ) := x", 0),
        (f"instance (x : {'Nat → ' * 700}Nat) : Add Nat := x", 0),
        (f"open Lean{' ' * 100}in x", 5),
        ("instance : (LE Nat) := x", 0),
        ("instance : Add «Nat» := x", 0),
        ("instance : «Add» ℕ := x", 0),
        ("@[ext @ [simp] def", 8),
        ("@[ext @[simp] def", 7),
    ],
)
def test_where_todays_tricks_are_refused(text: str, column: int) -> None:
    refusal = refuse(text)

    assert refusal is not None
    assert place(text, refusal.start).column == column


def test_native_decide_passes_where_the_batch_asks_for_it() -> None:
    for text in ("by native_decide", "by decide +native", "by decide +«native»", "simp (config := { native := true })"):
        assert refuse(text) is not None
        assert refuse(text, native=True) is None
    assert refuse("by native_decide\naxiom c : False", native=True) is not None
    assert refuse("x ofReduceBool", native=True) is not None


@pytest.mark.parametrize(
    "text",
    [
        'notation "ℕ₂" => Nat × Nat'.replace("ℕ₂", "≋"),
        'local notation "‖" x "‖" => norm x',
        'local infixl:65 " ⊕ " => add',
        'prefix:max "√" => sqrt',
        'postfix:max "!" => fact'.replace("!", "‼"),
        'macro "triv" : tactic => `(tactic| rfl)',
        'notation "if_then" => f',
    ],
)
def test_honest_syntax_passes(text: str) -> None:
    assert refuse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        'notation "--" x => f x',
        'notation "+-" => f',
        'notation "//" => f',
        'notation "a/-" => f',
        'infix:65 " -/ " => f',
        'notation "\\"" => f',
        'notation "\'" => f',
        'notation "«" => f',
        'notation "#x" => f',
        'notation "(h" => f',
        'notation "→o" => f',
        'notation "0x" => f',
        'notation "axiom" => f',
        'notation "myaxiom" => f',
        'notation "a b" => f',
        'notation r"--" => f',
        'macro "x" : command => `(command| def y := 1)',
        'syntax "x" : command',
        'macro "x" : tactic => do return y',
        "macro_rules | `(tactic| x) => do throw y",
        'notation "x"',
        'elab "x" : tactic => y',
        "declare_syntax_cat x",
        'notation "≋" => axiom c',
    ],
)
def test_syntax_that_would_mislead_the_gate_is_refused(text: str) -> None:
    assert refuse(text) is not None


def test_a_gate_that_answers_wrongly_lets_no_worker_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prove_gate() is None

    monkeypatch.setattr(gate, "_ALL", Lists(()))

    wrong = prove_gate()
    assert wrong is not None
    assert "Python" in wrong
    assert prepare(Settings()).notice == wrong
    assert prepare(Settings()).config is None


HOSTILE = [
    "axiom.",
    "xaxiom",
    "@[simp ",
    "instance : ",
    "open x hiding",
    "#eval 1 ",
    "1'",
    "/-- -/",
    "/----/",
    '"{',
    "«»",
    "native ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_hostile_text_gets_an_answer(piece: str) -> None:
    text = "x " + piece * (200_000 // len(piece))

    refuse(text)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        ("", 'notation "x" => 1\n'),
        ("", 'macro "x" : term => `('),
        ("", 'macro "x" a:term : term => `($a)\n'),
        ("", "macro " * 100 + "a" * 1300 + " :term=>`(a)\n"),
        ("", "\nmacro:term=>`(" + "(" * 14),
        ("", "instance : €-a"),
        ("", "unsafe def a:\n"),
        ("", "@[ext"),
        ("open", " "),
        ("open Lean", "\n"),
        ("(1IO", ".Meta"),
        ("0x", "a'"),
        ("open Lean\ntheorem a : True := trivial «", "(«"),
        ("def «", "ainstance " * 195 + "«" * 1900 + ":="),
        ("import Std\n", "Http "),
        ("", "structure Meta where\nMeta Meta "),
        ("", "unsafe "),
        ("(a := 1) ", "simp +"),
        ("", "@[aesop safe] "),
        ("def f := 1\n", "(add%apply " * 80 + ")" * 80),
        ("def f := 1\n", "@[aesop apply " * 65 + "]" * 65),
        ("", "simp (disch := " * 60 + ")" * 60),
        ("linarith ", "(maxSteps := 5)"),
        ("", "(config := {oracle := .fourierMotzkin})"),
        ("", 'macro "x" a:term b:num c:str : term => `($a)\n'),
    ],
)
def test_a_megabyte_of_commands_is_read_in_seconds(begin: str, piece: str) -> None:
    """Some of these took minutes or hours when each command or word looked through all that follows."""
    refuse(begin + piece * (1_000_000 // len(piece)) + "1 hiding")


@pytest.mark.parametrize("digits", [1, 10, 38, 39, 40, 41, 100])
@pytest.mark.parametrize("comment", ["-- #eval x\n", "/- #eval x\n-/"])
def test_a_prime_behind_a_long_number_hides_nothing(digits: int, comment: str) -> None:
    """Lean reads a number, and then a quoted character whose end is missing: what follows is code."""
    assert refuse(f"theorem a : True := trivial\n#check 0x{'a' * digits}'{comment}") is not None


def test_a_prime_of_a_long_name_is_part_of_it() -> None:
    name = "one_of_mathlibs_names_that_say_everything_" * 2

    assert refuse(f"theorem {name}' : True := trivial -- see {name}'\n") is None


@pytest.mark.parametrize("word", ["run_cmd x", "axiom foo : False", "macro_rules | x => y", "by_elab do x"])
@pytest.mark.parametrize("symbol", ["[MOD", "[ZMOD", "[SMOD"])
def test_a_word_behind_a_symbol_of_letters_is_refused(symbol: str, word: str) -> None:
    assert refuse(f"example : 1 ≡ 1 {symbol}{word}") is not None
    assert refuse(f"example : 1 ≡ 1 {symbol} n] := rfl") is None


@pytest.mark.parametrize(
    "text",
    [
        "instance : Repr Nat := ⟨x⟩\n#eval 1",
        'infixl:65 " + " => evil\n#eval 1 + 1',
        "@[default_instance] instance : OfNat Foo n := ⟨x⟩\n#eval 1",
        "open Lean\n\ndef s : Syntax := x\ntheorem t (h : T) : T := h",
        "theorem t (h : autoParam True s) : True := h",
        "example := from_lrat x y",
        "example : T := by plausible",
        "example : 1 = #sample Nat",
    ],
)
def test_what_runs_a_term_of_the_text_is_refused(text: str) -> None:
    assert refuse(text) is not None
