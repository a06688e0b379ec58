"""Reads the judgments of comparator, leanchecker and nanoda from their exit status and output.

comparator ends with status 1 if it rejects a proof, but also if a kernel is killed or a file cannot be read. So its
output decides (Lean 4.35, src/lake/Lake/CLI/Check.lean and src/lake/Lake/Check/). nanoda panics if a declaration does
not type-check. If this module does not know an exit status or an output, the checker has failed.
"""

from __future__ import annotations

import re

from farm.checker_names import COMPARATOR, LEANCHECKER, NANODA
from workers.lean.checkers.evidence import Answer, Attestation

_DETAIL_LIMIT_CHARS = 2000
_ACCEPTED = {
    COMPARATOR: "Your solution is okay!",
    LEANCHECKER: "",  # only its exit status is documented
    NANODA: "declarations with no errors",
}
_REJECTED = re.compile(
    r"statement do not match|kind don't match|does not match between|not found in solution|Illegal axiom"
    r"|is not a (theorem|definition)|kernel rejects the solution|post-check rejects|exited with (1|101)\b"
)
_PANIC = 101


def read(name: str, status: int, words: str) -> tuple[Answer, str]:
    """Return a checker's judgment, read from its exit status and output, and the reason.

    The reason is empty if the checker accepts the proof.
    """
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    if status == 0 and _ACCEPTED[name] in words:
        return "accepted", ""
    why = next((line for line in reversed(lines) if _REJECTED.search(line)), "")
    if name == NANODA and status == _PANIC:
        return "rejected", " ".join(lines)[:_DETAIL_LIMIT_CHARS]
    if name != NANODA and status == 1 and why:
        return "rejected", why[:_DETAIL_LIMIT_CHARS]
    last = lines[-1] if lines else "it printed nothing"
    return "failed", f"The checker ended with status {status} and gave no judgment: {last}"[:_DETAIL_LIMIT_CHARS]


def together(answers: tuple[Attestation, ...]) -> tuple[Answer, str]:
    """Return the joint answer of several checkers, and its reason.

    It is `rejected` if one checker rejects, otherwise `failed` if one failed, otherwise `accepted`.
    """
    for kind in ("rejected", "failed"):
        for each in answers:
            if each.answer == kind:
                return each.answer, f"{each.version}: {each.detail}"
    return "accepted", ""
