"""What statements ask for: which theorems and values, with which text in front; and the messages of refusals."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.challenge import Challenge
from farm.models import Proof
from farm.statement import read_statement

SORRY = ":= by sorry"


def asked(text: str, *chosen: str) -> list[str]:
    return [item.name for item in read_statement(text, chosen).asked]


def rebuilt(challenge: Challenge) -> str:
    return challenge.header + challenge.gap + "".join(piece.text for piece in challenge.pieces)


@pytest.mark.parametrize(
    "front",
    [
        "",
        "import Mathlib\nimport Aesop\n\nset_option maxHeartbeats 0\nopen Real Nat\n",
        "import Mathlib\nnoncomputable section\n",
        "namespace A.B\nsection\n",
        "public section\n",
        "universe u v\nvariable {n : ℕ} (h : n = n)\n",
        "def f (x : ℕ) : ℕ := x + 1\n",
        "def f : ℕ → ℕ\n  | 0 => 1\n  | n + 1 => f n\n",
        "structure P where\n  /-- a field -/\n  x : ℕ\n  y : x = x := by simp\n",
        "inductive T | a | b\n  deriving Repr, DecidableEq\n",
        "class inductive C : Prop\n  | mk : C\n",
        "instance : Add (Fin 3 → ℕ) where\n  add f g := f\n",
        "instance (priority := low) i : Inhabited ℕ := ⟨0⟩\n",
        "deriving instance Repr for T\n",
        "attribute [local instance] Classical.propDecidable\n",
        "attribute [-simp] foo in\n",
        'local notation "𝔽" => ZMod 2\n',
        'macro "triv" : tactic => `(tactic| trivial)\n',
        "macro_rules | `(tactic| foo) => `(tactic| bar)\n",
        'elab "x" : command => `(theorem q : True := trivial)\n',
        "lemma helper (a : ℕ) : a = a := by\n  open Nat in\n  set_option maxRecDepth 9 in\n  rfl\n",
        "lemma helper : 1 = 1 := by\nconstructor\nsimp\n",
        "theorem eqns : ∀ n : ℕ, n = n\n  | 0 => rfl\n  | _ => rfl\n",
        "theorem made : 1 = 1 ∧ True where\n  left := rfl\n  right := trivial\n",
        "example : 1 = 1 := rfl\n",
        "#check 1\n#eval 2\n",
        "/-! theorem x : T := by sorry -/ open Finset\n",
        '/- theorem x : T := by sorry -/\ndef s := "theorem y : T := by sorry"\n',
        "-- theorem x : T := by sorry\n",
        "mutual\ndef a : ℕ := 1\ndef b : ℕ := 2\nend\n",
        "namespace X\ndef y := 1\nend X\n",
        "open Nat in\n/-- why -/\n@[simp, norm_cast]\nprotected ",
        "set_option autoImplicit true in\n",
        "variable (n : ℕ) in\n",
        "#count_heartbeats in\n",
        "axiom funny : True\n",
        "noncomputable def g : ℝ := Classical.choice ⟨1⟩\n",
        "theorem typed : (let x := 1; x = 1) := rfl\n",
        "def half (x : ℕ) (h : x = x := by simp) : ℕ := x\n",
    ],
)
@pytest.mark.parametrize("end", ["", " :=", " := by", " := sorry", " := by sorry", " :=\n  by\n    sorry -- later\n"])
def test_whatever_stands_in_front_the_last_theorem_is_asked_for(front: str, end: str) -> None:
    text = f"{front}theorem t (n : ℕ) : n = n{end}"

    challenge = read_statement(text)

    assert [target.written for target in challenge.targets] == ["t"]
    assert challenge.targets[0].signature.endswith("theorem t (n : ℕ) : n = n")
    assert challenge.holes == ()
    assert rebuilt(challenge) == text
    assert text.startswith(challenge.header + challenge.gap + challenge.front + challenge.targets[0].signature)


@pytest.mark.parametrize(
    ("type_", "whole"),
    [
        ("2 + 3 = 5 -- easy", "2 + 3 = 5"),
        ("2 + 3 = 5 /- easy -/ -- really", "2 + 3 = 5"),
        ("2 + 3 -- sum\n = 5", None),
        ("let x := 1; x = 1", None),
        ("let x := 1\n  let y := x\n  x = y", None),
        ("have h : 1 = 1 := rfl; letI := h; True", None),
        ("∀ i, have : NeZero 3 := ⟨by simp⟩\n  i = i", None),
        ("(fun x : ℕ => x) = id", None),
        ("f = λ x => x + 1", None),
        ("f = fun | 0 => 1 | n => n", None),
        ("match x with | 0 => True | _ => False", None),
        ("if h : a = b then True else False", None),
        ("({ x := 1, y := 2 } : P).x = 1", None),
        ("|x| = 1 ∧ |y| ≤ |x - y| ^ 2", None),
        ("{ n | n > 0 } = {x : ℕ | 0 < x}", None),
        ("∃ y : ℕ, y = 1", None),
        ("∫ x in (0)..1, f x = α", None),
        ("answer(sorry) ↔ True", None),
        ('s = ":= by sorry"', None),
        ("c = ':' ∧ d = '\"'", None),
        ("x = y⁻¹", None),
        ("G ≃* Fin 3 → ℝ", None),
        ("#s = 3", None),
        ("n ∈ open_set", None),
    ],
)
@pytest.mark.parametrize("end", ["", " :=", "\n  := by sorry"])
def test_the_type_ends_where_the_proof_would_begin(type_: str, whole: str | None, end: str) -> None:
    comment = "\n" if "--" in type_.rpartition("\n")[2] else ""
    [target] = read_statement(f"theorem t (h : 1 = 1 := by simp) : {type_}{comment}{end}").targets

    assert target.signature == f"theorem t (h : 1 = 1 := by simp) : {whole or type_}"


@pytest.mark.parametrize(
    ("text", "chosen", "names"),
    [
        ("namespace A\ntheorem t : T", (), ["A.t"]),
        ("namespace A.B\nsection C\nnamespace «D e»\ntheorem t.s : T", (), ["A.B.«D e».t.s"]),
        ("namespace A\nend A\ntheorem t : T", (), ["t"]),
        ("namespace A.B\nend B\ntheorem t : T", (), ["A.t"]),
        ("namespace A\nnamespace B\nend A.B\ntheorem t : T", (), ["t"]),
        ("section A\nnamespace B\nsection\nend\nend B\nend A\ntheorem t : T", (), ["t"]),
        ("namespace A\ntheorem _root_.t : T", (), ["t"]),
        ("namespace A\nprotected lemma t.{u} : T", (), ["A.t"]),
        (f"theorem a : T {SORRY}\ntheorem b : T {SORRY}\nlemma c : T := x\n", (), ["a", "b"]),
        (f"theorem a : T {SORRY}\ntheorem b : T {SORRY}\n", ("a",), ["a"]),
        (f"namespace N\ntheorem a : T {SORRY}\ntheorem b : T {SORRY}\nend N", ("b",), ["N.b"]),
        (f"namespace N\ntheorem a : T {SORRY}\ntheorem b : T {SORRY}\nend N", ("N.b", "a"), ["N.a", "N.b"]),
        ("abbrev s : ℕ := sorry\n-- 3\ntheorem t : s = 3", (), ["s", "t"]),
        ("def s (n : ℕ) : ℕ := by sorry\ninstance i : Inhabited ℕ := sorry\ntheorem t : T", (), ["s", "i", "t"]),
        ("noncomputable abbrev s : ℝ :=\n  sorry\ntheorem t : T", (), ["s", "t"]),
        ("def s : CommGroup G", (), ["s"]),
        (f"theorem a : T {SORRY}\nabbrev s : ℕ := sorry\ntheorem b : T {SORRY}", ("a",), ["a"]),
        ("def s : ℕ := f sorry\ntheorem t : T", (), ["t"]),
    ],
)
def test_what_is_asked_for(text: str, chosen: tuple[str, ...], names: list[str]) -> None:
    assert asked(text, *chosen) == names


@pytest.mark.parametrize(
    ("text", "chosen", "said"),
    [
        ("theorem a : T := rfl", (), "no theorem in it lacks its proof"),
        ("example : T := by sorry", (), "no theorem in it lacks its proof"),
        ('def s := "theorem a : T"', (), "no theorem in it lacks its proof"),
        ("theorem : T", (), "line 1, column 0 has no name"),
        ("open Nat\ntheorem a", (), "`a` at line 2, column 0 has no type"),
        ("/- theorem a : T", (), "line 1, column 0: this never ends: '/- theorem a : T'"),
        ('theorem a : s = "x', (), "line 1, column 16: this never ends"),
        ("theorem a : f //- note -/ x = 1", (), "what is code here depends"),
        ("theorem a : T\ntheorem b : U", (), "`a` has neither `:=` nor a proof"),
        ("theorem a : T\nend", (), "this `end` closes nothing"),
        ("end\ntheorem a : T", (), "line 1, column 0: this `end` closes nothing"),
        ("namespace A\nend A.B\ntheorem a : T", (), "line 2, column 0: this `end` closes nothing"),
        ("theorem a : T := by sorry\nimport Mathlib", (), "line 2, column 0: `import` comes after the header"),
        ("private theorem a : T", (), "`a` is private"),
        ("mutual\ntheorem a : T := sorry\nend", (), "`a` is inside `mutual`"),
        (f"theorem a : T {SORRY}\ntheorem a : T {SORRY}", (), "two declarations without proof or value are named `a`"),
        (f"theorem a : T {SORRY}", ("b",), "no theorems without proof are named `b`; there are `a`"),
        (f"namespace X\ntheorem a : T {SORRY}\nend X\nnamespace Y\ntheorem a : T", ("a",), "2 theorems without proof"),
        ("theorem a : T := by\n\ntheorem b : T", ("b",), "`a` is not among the targets, and has no `sorry`"),
        ("theorem naïve : T", (), "goes on with `ï`"),
        ("section\n" * 65 + "theorem a : T", (), "more than 64 sections"),
        ("instance : Inhabited ℕ := sorry\ntheorem a : T", (), "needs a name"),
        ("abbrev s := sorry\ntheorem a : T", (), "`s` has no type"),
        ("theorem a : let f : ℕ → ℕ | 0 => 1 | n => n; f 0 = 1", (), "where the type ends is not certain"),
    ],
)
def test_what_is_refused_and_why(text: str, chosen: tuple[str, ...], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_statement(text, chosen)


@pytest.mark.parametrize(
    "prefix",
    [
        "open Nat in\n",
        "set_option maxHeartbeats 400000 in\n/-- why -/\n",
        "/-- why -/\n@[simp]\n",
        "open Nat in\n@[simp, to_additive (attr := foo)]\nprotected ",
        "variable (n : ℕ) in\ninclude n in\n@[simp] nonrec ",
        "omit [Foo n] in\n",
        "attribute [local simp] foo in\n",
        "#count_heartbeats in\nset_option x true in\n-- note\n@[a] @[b]\n",
        'local notation "x" => 1 in\n',
    ],
)
def test_what_belongs_to_a_theorem_is_in_its_signature(prefix: str) -> None:
    text = f"open Real\n{prefix}theorem t : T"

    challenge = read_statement(text)

    assert challenge.targets[0].signature == f"{prefix}theorem t : T"
    assert challenge.front == "open Real\n"


def test_the_front_is_what_the_asker_says_before_anything_that_is_asked_for() -> None:
    text = (
        f"import A\nopen B\ntheorem a : T {SORRY}\ndef d := 1\n"
        f"lemma of_a : T := a\nlemma of_of_a : T := of_a\nlemma free : T := x\ntheorem b : d = 1 {SORRY}\ndef late := 2"
    )

    challenge = read_statement(text)

    assert challenge.front.split("\n") == ["open B", "", "def d := 1", "", "", "lemma free : T := x", ""]
    kinds = [(piece.kind, piece.name) for piece in challenge.pieces if piece.text.strip()]
    assert kinds == [
        *(("text", ""), ("target", "a"), ("text", ""), ("corollary", ""), ("corollary", ""), ("text", "")),
        *(("target", "b"), ("text", "")),
    ]
    assert rebuilt(challenge) == text


def test_with_a_hole_the_front_ends_before_it() -> None:
    challenge = read_statement("open B\nabbrev s : ℕ := sorry\ndef twice := 2 * s\ntheorem t : twice = 4")

    assert challenge.front == "open B\n"
    assert [hole.type.strip() for hole in challenge.holes] == ["ℕ"]
    assert [command.name for command in challenge.later] == ["twice"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"targets": ["t"]}, "there is none"),
        ({"answers": {"s": "1"}}, "there is none"),
        ({"statement": "theorem t : T", "answers": {"s": "1"}}, "no hole `s`; it has none"),
        ({"statement": "abbrev s : ℕ := sorry\ntheorem t : T", "answers": {"r": "1"}}, "no hole `r`; it has `s`"),
        ({"statement": "theorem t : T", "targets": []}, "at least 1"),
        ({"statement": "theorem t : T", "targets": ["u"]}, "named `u`"),
        ({"statement": "1 = 1"}, "theorem NAME"),
    ],
)
def test_a_proof_is_refused_with_a_sentence(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Proof.model_validate({"code": "x", **fields})


def test_a_byte_order_mark_is_no_text() -> None:
    proof = Proof(statement="\ufeffimport Mathlib\ntheorem t : T", code="\ufeffby rfl")

    assert proof.statement == "import Mathlib\ntheorem t : T"
    assert proof.code == "by rfl"
    with pytest.raises(ValueError, match="only a byte order mark"):
        Proof(code="\ufeff")


PARTS = st.lists(
    st.sampled_from(
        [
            *("open Nat", "namespace A", "section", "end", "end A", "noncomputable section", "variable (n : ℕ)"),
            *("/-- doc -/", "/-! mod -/", "-- note", "/- a /- b -/ -/", "@[simp]", "private", "protected", "open X in"),
            *("def f : ℕ := 1", "def f : ℕ := sorry", "abbrev g : ℕ := by sorry", "instance i : T := sorry"),
            *("theorem t : T := by sorry", "lemma u (h : a = b := by simp) : T := sorry", "theorem v : T := rfl"),
            *("theorem w : let x := 1; x = 1 := by\n  sorry", "theorem y : T", ":=", "by", "sorry", "|", "=>", "where"),
            *('notation "x" => y', "#eval 1", "mutual", "in", "(", ")", "{", "}", '"', "/-", "-/", "«", "⟩", "λ"),
        ]
    ),
    max_size=14,
)


@given(
    PARTS, st.sampled_from([" ", "\n", "\n  ", "\r\n"]), st.sampled_from(["", "import Mathlib\n", "import A -- b\n"])
)
def test_pieces_are_the_statement_and_nothing_but_a_refusal_is_raised(parts: list[str], gap: str, header: str) -> None:
    text = header + gap.join(parts)
    try:
        challenge = read_statement(text)
    except ValueError:
        return

    assert rebuilt(challenge) == text
    assert challenge.asked
    for item in challenge.asked:
        assert text.startswith(item.signature, item.start)
        assert item.name.endswith(item.written.removeprefix("_root_."))
