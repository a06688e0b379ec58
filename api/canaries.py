"""False proofs that the farm mixes into a batch: a farm that accepts one is broken or has been subverted."""

from __future__ import annotations

import secrets

from farm.models import Proof

# None of these proves a false equation, whatever the header imports. If a tactic is not imported, the proof fails too.
_TRIES = ("rfl", "by rfl", "by decide", "by simp", "by omega", "by trivial", "by norm_num")
_TERM_BOUND = 1000


def canary(header: str, *, has_statement: bool) -> Proof:
    """Return a false theorem under a header. Each canary is different, and its text does not show that it is one.

    Args:
        header: the header of the proofs around the canary.
        has_statement: whether the canary has a separate statement, as levels above `compiled` require.
    """
    left, right = secrets.randbelow(_TERM_BOUND), secrets.randbelow(_TERM_BOUND)
    wrong = left + right + 1 + secrets.randbelow(9)
    statement = f"theorem t_{secrets.token_hex(6)} : {left} + {right} = {wrong}"
    gap = "\n" if header and not header.endswith("\n") else ""
    code = f"{header}{gap}{statement} := {secrets.choice(_TRIES)}"
    return Proof(code=code, statement=statement if has_statement else None)
