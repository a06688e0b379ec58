"""Requests to both servers through kimina-client, and the answers that the farm has to give.

`status` is the client's own reading of an answer. THE REPL IS A SCRIPT: its comments are directives, see
tests/support/repl/directives.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HEADER = "import Init\n\n"
TRUE = "theorem two : 1 + 1 = 2 := by rfl"
FALSE = "theorem three : 1 + 1 = 3 := by decide"
HOLE = "theorem hole : 1 + 1 = 2 := by sorry"
TIMED_OUT = "Lean REPL command timed out in 1.0 seconds"


@dataclass(frozen=True)
class Case:
    """One `client.check`.

    Attributes:
        codes: the snippets.
        statuses: what the client makes of the farm's answers, in order.
        options: the other arguments of `check`.
        theirs: what it makes of Kimina's, where that is another.
    """

    codes: tuple[str, ...]
    statuses: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    theirs: tuple[str, ...] = ()


def _one(code: str, status: str, **options: Any) -> Case:
    return Case((code,), (status,), options)


def _other(codes: tuple[str, ...], statuses: tuple[str, ...], theirs: tuple[str, ...], **options: Any) -> Case:
    return Case(codes, statuses, options, theirs)


SAME = {
    "valid": _one(HEADER + TRUE, "valid"),
    "nothing": _one("", "valid"),
    "only a header": _one("import Init\n", "valid"),
    "an error behind a header": _one("import Init\n\n\nimport Lean\n\n" + FALSE, "lean_error"),
    "an error of the parser": _one(HEADER + TRUE + "\n/- unclosed", "lean_error"),
    "a sorry": _one(HEADER + HOLE, "sorry"),
    "a sorry and an error": _one(f"{HEADER}{HOLE}\n{FALSE}", "lean_error"),
    "module headers": _one("module\n\npublic import Init\n\n" + TRUE, "valid"),
    "a message": _one(HEADER + "#check Nat\n#eval 1 + 1", "valid"),
    "a message of 30 kB": _one(f"{HEADER}{TRUE} -- big:30000", "valid"),
    "a refusal of the REPL": _one(f"{HEADER}{TRUE} -- leanerror!", "repl_error"),
    "a timeout": _one(f"{HEADER}{TRUE} -- hang!", "timeout_error", timeout=1),
    "a process of its own": _one(HEADER + TRUE, "valid", reuse=False),
    "diagnostics": _one(HEADER + TRUE, "valid", debug=True),
    "characters beyond ASCII": _one(f"{HEADER}theorem α : 1 + 1 = 3 := by decide -- ∀ 𝔸", "lean_error"),
    "a batch in order": Case(
        tuple(HEADER + each for each in (TRUE, FALSE, HOLE, "#check Nat") * 3),
        ("valid", "lean_error", "sorry", "valid") * 3,
    ),
    "a batch with a timeout": Case(
        (HEADER + TRUE, f"{HEADER}{TRUE} -- hang!", HEADER + FALSE),
        ("valid", "timeout_error", "lean_error"),
        {"timeout": 1},
    ),
    **{
        f"infotree {kind}": _one("example : 1 + 1 = 3 := by decide", "lean_error", infotree=kind)
        for kind in ("full", "tactics", "original", "substantive")
    },
}
"""Both answer the same, but for `env`, `proofState`, `time` and the values of diagnostics."""

CORRECTED = {
    "one crash fails one snippet": _other(
        (HEADER + TRUE, f"{HEADER}{TRUE} -- crash!", HEADER + FALSE),
        ("valid", "server_error", "lean_error"),
        ("server_error", "server_error", "server_error"),
    ),
    "header-less snippets share nothing": _other(
        (TRUE, TRUE, TRUE), ("valid", "valid", "valid"), ("valid", "lean_error", "lean_error"), batch_size=3
    ),
    "a refused snippet spoils no other": _other(
        (f"{TRUE} -- leanerror!", TRUE), ("repl_error", "valid"), ("repl_error", "repl_error")
    ),
    "errors of a header are told": _other(("import Nowhere",), ("lean_error",), ("valid",)),
    "a comment before imports": _other(("-- why\n" + HEADER + TRUE,) * 2, ("valid", "valid"), ("valid", "lean_error")),
    "info trees behind a header": _other((HEADER + FALSE,), ("lean_error",), ("lean_error",), infotree="original"),
    "lines are those of the text": _other((f"{HEADER}-- a\u2028b\r\n{FALSE}",), ("lean_error",), ("lean_error",)),
    "a message of 100 kB": _other((f"{HEADER}{TRUE} -- big:100000",), ("valid",), ("server_error",)),
    "no time at all": _other((HEADER + TRUE,), ("timeout_error",), ("timeout_error",), timeout=0),
}
"""Kimina answers otherwise; docs/compatibility.md says how, and why the farm does not follow."""
