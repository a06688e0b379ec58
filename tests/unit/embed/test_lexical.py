"""The embedder without a model: which texts are similar, that it never fails, and that it is the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from workers.embed.features import features
from workers.embed.lexical import LexicalEmbedder
from workers.embed.statements import read
from workers.embed.tokens import words

COMMUTES = "a b : Nat\n⊢ a + b = b + a"


def likeness(one: str, other: str) -> float:
    first, second = LexicalEmbedder().embed([one, other])
    return float(first @ second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COMMUTES, "x y : Nat\n⊢ x + y = y + x"),
        (COMMUTES, "x y : ℕ\n⊢ x + y = y + x"),
        (COMMUTES, "⊢ ∀ (x y : Nat), x + y = y + x"),
        (COMMUTES, "⊢ ∀ x y : Nat, x + y = y + x"),
        (COMMUTES, "case inl.h\na✝ b✝ : Nat\n⊢ a✝ + b✝ = b✝ + a✝"),
        (COMMUTES, COMMUTES + "\n\ncase b\n⊢ False"),
        ("a b : Nat\nh : a ≤ b\n⊢ b = a", "a b : Nat\n⊢ a ≤ b → b = a"),
        ("a b : Nat\n⊢ a > b", "a b : Nat\n⊢ b < a"),
        ("a : Nat\nh : a ≤\n    2\n⊢ a <\n    3", "a : Nat\nh : a ≤ 2\n⊢ a < 3"),
    ],
)
def test_what_differs_in_writing_only_is_the_same(one: str, other: str) -> None:
    assert likeness(one, other) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("goal", "nearer", "farther"),
    [
        (
            COMMUTES,
            "theorem Nat.add_comm (n m : Nat) : n + m = m + n",
            "theorem Int.add_comm (a b : Int) : a + b = b + a",
        ),
        (
            COMMUTES,
            "theorem Int.add_comm (a b : Int) : a + b = b + a",
            "theorem Nat.mul_comm (n m : Nat) : n * m = m * n",
        ),
        (
            "a b c : Nat\nh : a < b\nh' : b ≤ c\n⊢ a < c",
            "theorem Nat.lt_of_lt_of_le {n m k : Nat} : n < m → m ≤ k → n < k",
            "theorem Nat.lt_of_le_of_lt {n m k : Nat} (h₁ : n ≤ m) (h₂ : m < k) : n < k",
        ),
        (
            "x y : Nat\nh : ¬x ≤ y\n⊢ y < x",
            "theorem Nat.not_le {a b : Nat} : ¬a ≤ b ↔ b < a",
            "theorem Nat.lt_asymm {a b : Nat} (h : a < b) : ¬b < a",
        ),
        (
            "n m : Nat\n⊢ m * (0 + n) ≤ m * n",
            "theorem Nat.zero_add (n : Nat) : 0 + n = n",
            "theorem Nat.zero_mul (n : Nat) : 0 * n = 0",
        ),
        (
            "α : Type u\nl : List α\n⊢ l.reverse = l",
            "def List.reverse {α : Type u} (as : List α) : List α",
            "def List.tail {α : Type u} : List α → List α",
        ),
        ("n : Nat\n⊢ n + 1 ≠ 0", "theorem t (m : Nat) : m.succ ≠ 0", "theorem t (m : Nat) : m.pred ≠ 0"),
        (
            "Modus tollens",
            "/-- Modus tollens. -/\ntheorem mt {a b : Prop} (h : a → b) : ¬b → ¬a",
            "theorem trivial : True",
        ),
    ],
)
def test_the_better_premise_is_nearer(goal: str, nearer: str, farther: str) -> None:
    assert likeness(goal, nearer) > likeness(goal, farther)


HOSTILE = [
    "",
    " " * 100_000,
    "⊢",
    "\0",
    "⊢ a \ud800 b",
    ":",
    "theorem",
    "theorem x",
    "theorem x :",
    "/-- never closed " * 10_000,
    "(" * 50_000,
    ")" * 50_000,
    "⊢ " + "(a + " * 20_000,
    "⊢ " + "∀ x, " * 20_000,
    "⊢ " + "a = b → " * 20_000,
    "«" * 50_000,
    "\n" * 100_000 + "⊢ a",
    "\n".join(f"h{i} : a{i} ≤ b{i}" for i in range(20_000)) + "\n⊢ a ↔ b",
    "theorem x " + "(a : Nat) " * 20_000 + ": a = a",
    "⊢ " + " + ".join(f"{index} * x{index}" for index in range(20_000)),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_gets_a_unit_vector_at_a_bounded_price(text: str) -> None:
    rows = LexicalEmbedder().embed([text])

    assert rows.dtype == np.float32
    assert rows.shape == (1, 768)
    assert np.linalg.norm(rows) == pytest.approx(1, abs=1e-5)
    assert len(features(read(text))) < 2_000


def wide(at: int) -> str:
    """Return a goal with 700 hypotheses and a conclusion of two long names, which as UTF-8 takes 38 kB."""
    context = "\n".join(f"h:a{name:x}=b" for name in range(700))
    return f"{context}⊢{'𝔸' * 3980}{at}↔{'𝔸' * 3990}"


def test_hypotheses_do_not_each_hold_a_long_conclusion() -> None:
    embedder, texts = LexicalEmbedder(), [wide(at) for at in range(8)]
    tracemalloc.start()
    try:
        rows = embedder.embed(texts)
        most_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most_bytes < 20e6
    assert len(np.unique(rows, axis=0)) == 8, "conclusions that differ only at their end have different vectors"


def test_words_of_long_names_are_not_kept() -> None:
    tracemalloc.start()
    try:
        for at in range(50):
            assert len(words(f"n{at}x" + "aB" * 4000)) > 4000
        kept_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept_bytes < 1e6


def test_a_text_has_the_same_vector_in_any_company() -> None:
    embedder = LexicalEmbedder()
    texts = [f"theorem t{i} (n : Nat) : n + {i} = {i} + n" for i in range(2500)]

    together = embedder.embed(texts)

    assert together.flags.c_contiguous
    for at in (0, 127, 128, 2499):
        np.testing.assert_array_equal(together[at], embedder.embed([texts[at]])[0])


def test_no_texts_give_an_empty_matrix() -> None:
    assert LexicalEmbedder().embed([]).shape == (0, 768)


def test_every_process_computes_the_same() -> None:
    code = (
        "import sys; from workers.embed.lexical import LexicalEmbedder;"
        "sys.stdout.buffer.write(LexicalEmbedder().embed([sys.argv[1]]).tobytes())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, COMMUTES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {LexicalEmbedder().embed([COMMUTES]).tobytes()}


def test_the_name_changes_with_the_vectors() -> None:
    """Whoever changes features or weights sees this fail, and gives the embedder a new name: it keys stored vectors."""
    row = LexicalEmbedder().embed(["/-- Doc. -/\ntheorem Nat.le_trans {n m k : Nat} : n ≤ m → m ≤ k → n ≤ k"])[0]
    cells = (133, 101, 227, 486)

    assert LexicalEmbedder().name == "lexical-768-v1"
    assert [round(float(row[cell]), 3) for cell in cells] == [0.345, -0.323, -0.323, 0.323]


def test_it_says_what_it_is_not() -> None:
    embedder = LexicalEmbedder()
    assert embedder.kind == "lexical"
    assert "EMBED_SERVICE_URL" in embedder.notice
    assert "MODEL_ID" in embedder.notice
