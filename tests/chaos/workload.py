"""The proofs of a batch under chaos: every kind of verdict that must be the same however often a proof runs."""

from __future__ import annotations

import random

# Longer than a process is stopped past its lease: its proof is decided late and does not time out.
TIMEOUT_S = 60.0

_HEADERS = ("", "import Mathlib\n", "import Mathlib\nimport Aesop\n", "import Batteries\n")
_BODIES = (
    "theorem t : 1 + 1 = 2 := by rfl",
    "theorem t : 1 + 1 = 3 := by decide",
    "theorem t : 2 + 2 = 4 := by sorry",
    "theorem t : 2 + 2 = 4 := by\n  rfl -- env with ∀ and U+2028:\u2028",
    "example : 1 = 2 := by norm_num -- error!",
)


def proofs(count: int, rng: random.Random, sleep_ms: int) -> list[str]:
    """Return `count` proofs of several headers; each sleeps about `sleep_ms`, and one in fifty ten times that."""
    return [_proof(index, rng, sleep_ms * (10 if rng.random() < 0.02 else 1)) for index in range(count)]


def _proof(index: int, rng: random.Random, sleep_ms: int) -> str:
    header, body = rng.choice(_HEADERS), rng.choice(_BODIES)
    return f"{header}-- {index}, sleep:{int(sleep_ms * rng.uniform(0.5, 1.5))}\n{body}"
