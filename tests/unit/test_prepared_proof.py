"""Prepared proofs: which part of a submission runs after the statement's front, and how its positions are mapped."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.models import Position, Proof, Reason
from farm.prepared_proof import Prepared, header_of, prepare

FRONT = """\
import Mathlib

open Nat
universe u
/-- doubled -/
def twice (n : ℕ) : ℕ :=
  2 * n -- really

lemma small : twice 1 = 2 := by rfl
"""
STATEMENT = FRONT + "/-- the claim -/\ntheorem t : twice 2 = 4 := by sorry\n"
REPEATED = FRONT.partition("\n")[2]


def cut(statement: str | None, code: str, *targets: str) -> Prepared:
    return prepare(Proof(statement=statement, code=code, targets=list(targets) or None))


def runs(prepared: Prepared) -> str:
    """What runs, without lines that hold nothing but a comment."""
    return without_comment_lines(prepared.body)


def without_comment_lines(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if line.strip() and not re.fullmatch(r" *(--.*|/-.*-/ *)", line))


PROOF = "theorem t : twice 2 = 4 := by\n  rfl"


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("by\n  rfl", "theorem t : twice 2 = 4 :=\nby\n  rfl"),
        (PROOF, PROOF),
        ("lemma own : True := trivial\n" + PROOF, "lemma own : True := trivial\n" + PROOF),
        ("import Mathlib\n" + PROOF, PROOF),
        (FRONT + PROOF, PROOF),
        (REPEATED + PROOF, PROOF),
        (FRONT.replace(" -- really", "").replace("/-- doubled -/", "/- 2 -/").replace("\n", "\n\n") + PROOF, PROOF),
        (FRONT.replace("lemma small", "theorem  small") + PROOF, PROOF),
        (FRONT.replace("by rfl", "by decide") + PROOF, PROOF),
        (FRONT.replace("open Nat\nuniverse u\n", "") + PROOF, PROOF),
        (FRONT.replace("open Nat", "open Nat Real") + PROOF, "open Nat Real\n" + PROOF),
        (FRONT.replace("lemma small", "lemma own : True := trivial\nlemma small") + PROOF, None),
        (FRONT + "lemma own : True := trivial\n" + PROOF, "lemma own : True := trivial\n" + PROOF),
        (FRONT.replace("import Mathlib", "import Mathlib\nimport Aesop") + PROOF, PROOF),
        (FRONT + PROOF.replace("twice 2", "twice (2)"), PROOF.replace("twice 2", "twice (2)")),
        (FRONT + PROOF + "\n\n#print axioms t", PROOF + "\n#print axioms t"),
    ],
)
def test_what_runs_behind_the_front(code: str, body: str | None) -> None:
    prepared = cut(STATEMENT, code)

    assert prepared.objection is None
    assert prepared.header == "import Mathlib"
    assert prepared.front == REPEATED
    assert runs(prepared) == (body or "lemma own : True := trivial\n" + PROOF)
    assert [target.name for target in prepared.targets] == ["t"]


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("2 * n", "3 * n", (7, 2)),
        ("(n : ℕ)", "(n : ℤ)", (6, 15)),
        ("(n : ℕ)", "(m : ℕ)", (6, 11)),
        ("def twice", "abbrev twice", (6, 0)),
        ("def twice", "@[simp] def twice", (6, 0)),
        ("2 * n -- really", "2 * n + 0 -- really", (7, 8)),
        ("twice 1 = 2", "twice 1 = 3", (9, 24)),
        ("def twice", "noncomputable def twice", (6, 0)),
    ],
)
def test_a_changed_front_is_refused_where_it_differs(old: str, new: str, at: tuple[int, int]) -> None:
    objection = cut(STATEMENT, FRONT.replace(old, new) + PROOF).objection

    assert objection is not None
    assert objection.reason is Reason.STATEMENT
    assert objection.message.pos == Position(line=at[0], column=at[1])
    assert "is the statement's own and is changed here" in objection.message.data


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("theorem u : T := by rfl", "There is no theorem `t`"),
        ("import Mathlib\nby rfl", "There is no theorem `t`"),
    ],
)
def test_a_file_that_does_not_declare_the_target_is_missing(code: str, said: str) -> None:
    objection = cut(STATEMENT, code).objection

    assert objection is not None
    assert (objection.reason, objection.message.data) == (Reason.MISSING, said)


@pytest.mark.parametrize(
    ("statement", "code", "closing", "body"),
    [
        ("namespace X\ntheorem t : T", "theorem t : T := x", "", "theorem t : T := x"),
        ("namespace X\ntheorem t : T", "namespace X\ntheorem t : T := x\nend X", "", "theorem t : T := x\nend X"),
        ("namespace X\ntheorem t : T", "theorem X.t : T := x", "end X\n", "theorem X.t : T := x"),
        ("namespace X\ntheorem t : T", "theorem _root_.X.t : T := x", "", "theorem _root_.X.t : T := x"),
        ("namespace X\nsection S\ntheorem t : T", "theorem X.t : T := x", "end S\nend X\n", "theorem X.t : T := x"),
        ("section\nnamespace X\ntheorem t : T", "theorem X.t : T := x", "end X\nend\n", "theorem X.t : T := x"),
        ("noncomputable section\ntheorem t : T", "noncomputable section\ntheorem t : T := x", "", "theorem t : T := x"),
        ("noncomputable section\ntheorem t : T", "section Q\ntheorem t : T := x\nend Q", "", None),
        ("namespace X.Y\ntheorem t : T", "namespace X.Y\ntheorem t : T := x", "", "theorem t : T := x"),
        ("namespace X\ntheorem Y.t : T", "namespace X.Y\ntheorem t : T := x", "end X\n", None),
        ("namespace X\nnamespace Y\ntheorem t : T", "namespace X.Y\ntheorem t : T := x", "", "theorem t : T := x"),
        ("universe u\ntheorem t : T", "universe u\ntheorem t : T := x", "", "theorem t : T := x"),
        ("variable (n : ℕ)\ntheorem t : T", "variable (n : ℕ)\ntheorem t : T := x", "", "theorem t : T := x"),
        ("variable (n : ℕ)\ntheorem t : T", "variable (m : ℕ)\ntheorem t : T := x", "", None),
        ("namespace X\nvariable (n : ℕ)\ntheorem t : T", "variable (n : ℕ)\ntheorem X.t : T := x", "end X\n", None),
        ('notation "k" => 1\ntheorem t : T', 'notation "k" => 1\ntheorem t : T := x', "", "theorem t : T := x"),
        ("attribute [simp] f\ntheorem t : T", "attribute [simp] f\ntheorem t : T := x", "", "theorem t : T := x"),
        ("instance : Inhabited A := ⟨a⟩\ntheorem t : T", "instance : Inhabited A := ⟨a⟩\ntheorem t : T := x", "", None),
        ("namespace X\ndef d := 1\nend X\ntheorem t : T", "def d := 2\ntheorem t : T := x", "", None),
    ],
)
def test_scopes_of_the_front_hold_and_a_file_brings_its_own(
    statement: str, code: str, closing: str, body: str | None
) -> None:
    prepared = cut(statement, code)

    assert prepared.objection is None
    if body is None:
        body = "theorem t : T := x" if code.startswith("instance") else code
    assert runs(prepared) == closing + body


def test_definitions_between_targets_are_the_farms() -> None:
    statement = "theorem a : T := by sorry\ndef d := 1\nlemma of_a : T := a\ntheorem b : d = 1 := by sorry"
    code = "theorem a : T := by x\ndef d := 1\nlemma of_a : T := a\ntheorem b : d = 1 := by y"

    prepared = cut(statement, code)

    assert [line for line in prepared.front.split("\n") if line] == ["def d := 1"]
    assert runs(prepared) == code.replace("def d := 1\n", "")
    assert prepared.challenge
    assert [piece.kind for piece in prepared.challenge.pieces if piece.text.strip()] == [
        *("target", "text", "corollary", "target"),
    ]


def test_all_that_is_asked_for_has_to_be_declared() -> None:
    statement = "theorem a : T := by sorry\ntheorem b : T := by sorry"

    for code, missing in (("theorem a : T := x", "b"), ("theorem b : T := x", "a"), ("by x", "a")):
        objection = cut(statement, code).objection
        assert objection is not None
        assert objection.reason is Reason.MISSING
        assert f"`{missing}`" in objection.message.data
    assert cut(statement, "theorem b : T := x\ntheorem a : T := x").objection is None
    assert cut(statement, "by x", "b").objection is None


def test_a_lemma_that_the_front_assumes_may_be_proved() -> None:
    statement = "lemma l : T := by sorry\ntheorem t : T := by sorry"

    proved = cut(statement, "lemma l : T := by x\ntheorem t : T := l", "t")
    assumed = cut(statement, "lemma l : T := by sorry\ntheorem t : T := l", "t")
    other = cut(statement, "lemma l : U := by x\ntheorem t : T := l", "t")

    assert (proved.front.strip(), runs(proved)) == ("", "lemma l : T := by x\ntheorem t : T := l")
    assert (assumed.front.strip(), runs(assumed)) == ("lemma l : T := by sorry", "theorem t : T := l")
    assert other.objection is not None
    assert other.objection.reason is Reason.STATEMENT


HOLES = "import Mathlib\nopen Nat\nabbrev s : ℕ := sorry\n-- 3\ndef twice := 2 * s\ntheorem t : twice = 6 := sorry"


@pytest.mark.parametrize(
    ("code", "body", "values"),
    [
        (
            HOLES.replace("sorry", "3", 1).replace("sorry", "by rfl"),
            "abbrev s : ℕ := 3\n-- 3\ndef twice := 2 * s\ntheorem t : twice = 6 := by rfl",
            {"s": "3"},
        ),
        (
            "abbrev s : ℕ := 1 +\n  2 -- three\n\ntheorem t : twice = 6 := by rfl",
            "abbrev s : ℕ := 1 +\n  2 -- three\ndef twice := 2 * s\ntheorem t : twice = 6 := by rfl",
            {"s": "1 +\n  2"},
        ),
        (
            "def one := 1\nabbrev s : ℕ := one\nlemma own : True := trivial\ntheorem t : twice = 6 := by rfl",
            None,
            {"s": "one"},
        ),
    ],
)
def test_what_follows_a_hole_runs_behind_its_value(code: str, body: str | None, values: dict[str, str]) -> None:
    prepared = cut(HOLES, code)

    assert prepared.objection is None
    assert (prepared.front, prepared.values) == ("open Nat\n", values)
    if body is None:
        body = code.replace("theorem t", "def twice := 2 * s\ntheorem t")
    assert runs(prepared) == without_comment_lines(body)


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        ("by rfl", Reason.MISSING, "leaves `s` open"),
        ("theorem t : twice = 6 := by rfl", Reason.MISSING, "no value for `s`"),
        ("abbrev s : ℕ := 3", Reason.MISSING, "theorem `t`"),
        (
            "abbrev s : ℕ := 3\ndef twice := 3 * s\ntheorem t : twice = 6 := rfl",
            Reason.STATEMENT,
            "`twice` is the state",
        ),
    ],
)
def test_a_hole_is_never_silently_taken(code: str, reason: Reason, said: str) -> None:
    objection = cut(HOLES, code).objection

    assert objection is not None
    assert objection.reason is reason
    assert said in objection.message.data


def test_a_definition_alone_can_be_asked_for() -> None:
    statement = "import Mathlib\ndef G (n : ℕ) : ℕ"

    for code in ("n + 1", "def G (n : ℕ) : ℕ := n + 1", "import Mathlib\ndef G (n : ℕ) : ℕ := n + 1"):
        prepared = cut(statement, code)
        assert prepared.objection is None
        assert prepared.values == {"G": "n + 1"}
        assert runs(prepared).replace("\n", " ") == "def G (n : ℕ) : ℕ := n + 1"


@pytest.mark.parametrize(
    ("stated", "has", "severity", "said"),
    [
        ("import Mathlib", "import Mathlib", None, ""),
        ("import Mathlib -- all", "import  Mathlib", None, ""),
        ("import Mathlib", "", None, ""),
        ("", "import Mathlib", None, ""),
        ("import Mathlib", "import Mathlib\nimport Aesop", "warning", "left out: `import Aesop`"),
        ("import Mathlib\nimport Aesop", "import Mathlib", "info", "added: `import Aesop`"),
        ("import A", "import B\nimport C", "warning", "left out: `import B`, `import C`; added: `import A`"),
    ],
)
def test_the_statements_imports_hold_and_a_note_says_what_differed(
    stated: str, has: str, severity: str | None, said: str
) -> None:
    proof = Proof(statement=f"{stated}\ntheorem t : T", code=f"{has}\ntheorem t : T := x")

    prepared = prepare(proof)

    assert prepared.header.split("--")[0].strip() == stated.split("--")[0].strip() or has
    assert header_of(proof) == prepared.header
    assert [note.severity for note in prepared.notes] == ([severity] if severity else [])
    assert all(note.data.endswith(said) for note in prepared.notes)


def test_without_statement_the_code_is_header_and_body() -> None:
    prepared = cut(None, "import Mathlib\n\ntheorem t : T := x")

    assert (prepared.header, prepared.front, prepared.body) == ("import Mathlib", "", "\ntheorem t : T := x")
    assert prepared.to_user(Position(line=2, column=3)) == Position(line=3, column=3)


NAMES = st.sampled_from(["f", "g", "X.h", "twice'"])
COMMANDS = st.sampled_from(
    [
        *("open Nat", "set_option maxHeartbeats 0", "universe u", "variable (n : ℕ)", "/-! # note -/"),
        *("def f : ℕ := 1", "def g : ℕ → ℕ\n  | 0 => 1\n  | n => n", "structure S where\n  x : ℕ", "#check 1"),
        *('notation "𝔽" => 1', "lemma h : f = 1 := by\n  rfl", "instance : Inhabited S := ⟨⟨1⟩⟩", "attribute [simp] h"),
        *("section", "namespace X", "noncomputable section", "namespace Y.Z", "/-- d -/\n@[simp] abbrev k : ℕ := 2"),
    ]
)
GAPS = st.sampled_from(["\n", "\n\n", "\n-- c\n", "  /- c\n -/\n", "\r\n"])
FRONTS = st.lists(st.tuples(COMMANDS, GAPS), max_size=7, unique_by=lambda pair: pair[0])
ASKED = st.sampled_from(["theorem t : T", "@[simp] lemma t.s (n : ℕ) : n = n", "abbrev a : ℕ := sorry\ntheorem t : T"])


def own_words(prepared: Prepared) -> list[str]:
    return re.sub(r"--.*|/-[^-]*-/", "", prepared.body).split()


@given(FRONTS, FRONTS.map(lambda pairs: [gap for _, gap in pairs]), ASKED, st.sampled_from(["import M\n", ""]))
def test_any_way_to_send_a_proof_comes_to_the_same(
    front: list[tuple[str, str]], gaps: list[str], asked: str, header: str
) -> None:
    """Whole files in other white space, without header, without front: each runs the submission's own part alone."""
    statement = header + "".join(command + gap for command, gap in front) + asked + " := by sorry"
    proof = asked.replace("sorry", "5") + " := by\n  simp"
    spaced = "".join(command + gap for (command, _), gap in zip(front, [*gaps, *["\n"] * len(front)], strict=False))
    sent = [header + spaced + proof, spaced + proof, header + proof, proof]

    prepared = [cut(statement, code) for code in sent]

    assert [each.objection for each in prepared] == [None] * len(sent)
    assert all(each.front == prepared[0].front for each in prepared)
    plain = [command for command, _ in front if not command.startswith(("open", "set_option", "#", "/-!"))]
    for each in prepared if plain else prepared[2:]:
        assert [word for word in own_words(each) if word not in ("open", "Nat")] == own_words(prepared[-1])


@given(FRONTS, ASKED, st.data())
def test_positions_come_back_into_the_code(front: list[tuple[str, str]], asked: str, data: st.DataObject) -> None:
    lines = "".join(command + gap for command, gap in front)
    code = data.draw(st.sampled_from(["", "import M\n", "import N "])) + lines + asked.replace("sorry", "5") + " := 𝔸x"
    prepared = cut("import M\n" + lines + asked + " := sorry", code)
    at = prepared.body.index("𝔸x")
    line, column = prepared.body.count("\n", 0, at) + 1, at - prepared.body.rfind("\n", 0, at) - 1
    there = code.index("𝔸x")

    found = prepared.to_user(Position(line=line, column=column))

    assert found == Position(line=code.count("\n", 0, there) + 1, column=there - code.rfind("\n", 0, there) - 1)


def test_a_position_in_the_statement_is_nobodys() -> None:
    prepared = cut("theorem t : 1 = 2", "by rfl")

    assert prepared.to_user(Position(line=1, column=3)) is None
    assert prepared.to_user(Position(line=2, column=3)) == Position(line=1, column=3)
    assert prepared.to_user(Position(line=9, column=0)) is None


def test_the_gate_reads_the_users_own_text_in_its_place() -> None:
    prepared = cut('notation "k" => 1\ntheorem t : T', 'notation "k" => 1\ntheorem t : T := x')

    assert prepared.own == " " * len('notation "k" => 1') + "\ntheorem t : T := x"


@pytest.mark.timeout(30)
@pytest.mark.parametrize("blank", [" ", "\n", "-- a\n"])
def test_much_white_space_before_a_value_takes_no_time(blank: str) -> None:
    """It took hours when three patterns tried all ways to share it, in the API as in workers."""
    space = blank * (200_000 // len(blank))
    statement = f"def f : Nat := sorry\ntheorem g : True :={space}trivial\ntheorem h : True := sorry"

    found = prepare(Proof(code=f"def f : Nat :={space}1\ntheorem h : True := trivial", statement=statement))

    assert found.objection is None


def test_a_lemma_that_the_file_repeats_is_refused() -> None:
    """A macro can eat the repetitions. The front lost as many characters at its end as they had, and meant less."""
    lemma, pad = "theorem l : 1 = 1 := sorry", " ∧ n < 1"
    statement = f"{lemma}\ndef good (n : Nat) : Prop := n > 2{pad}\n\ntheorem t : ∃ n, good n := sorry"
    repeated = "example : True := skipit theorem l : 1 = 1 := rfl\n" * 3
    eats = 'macro "skipit" "theorem" n:ident ":" a:term ":=" v:term : term => `(trivial)\n'

    code = f"{eats}{repeated}theorem t : ∃ n, good n := ⟨3, by decide⟩"
    found = prepare(Proof(code=code, statement=statement, targets=["t"]))

    assert found.objection is not None
    assert found.objection.reason is Reason.STATEMENT
    assert "declared twice" in found.objection.message.data


@pytest.mark.timeout(30)
def test_a_lemma_that_the_file_repeats_a_thousand_times_is_compared_once() -> None:
    statement = f"theorem l : P := {'x ' * 50_000}\ntheorem l2 : Q := x\ntheorem t : Q := sorry"

    prepare(Proof(code="theorem l:P:=y\n" * 5_000 + "theorem t : Q := z", statement=statement))


def test_a_statement_with_an_endless_namespace_is_refused() -> None:
    """The full names of its declarations took gigabytes, in the API."""
    statement = f"namespace {'a' * 400_000}\n" + "def a : N := sorry\n" * 20_000

    with pytest.raises(ValueError, match="namespaces are too long"):
        prepare(Proof(code="def a : N := x", statement=statement))


@pytest.mark.parametrize(
    ("code", "value"),
    [("5", "5"), (":= 5", "5"), ("def a : N := 5", "5"), ("def a : N where\n  b := 5", None)],
)
def test_the_value_of_a_hole_is_what_follows_its_sign(code: str, value: str | None) -> None:
    assert cut("def a : N := sorry", code).values.get("a") == value
