"""Fingerprints of proofs. Two proofs with the same fingerprint ask the same question, so one run answers both.

A verdict is kept under the toolchain, the policy, the revision (`workers/lean/revision.py`) and this fingerprint. The
fingerprint covers the header, the code, the statement with its targets and answers, and the trust domain. It also
covers the level, the gate, `native`, the timeout, the environment, and whether the REPL's own reply and feedback are
wanted.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from farm.models import Proof
from farm.normal_form import normal_form

_EXACT_CHARS = 16
# A text that contains any of these may depend on its own layout or positions, so it is compared exactly as written.
_META = (
    "#",
    "elab",
    "macro",
    "syntax",
    "notation",
    "infix",
    "prefix",
    "postfix",
    "run_",
    "initialize",
    "unsafe",
    "extern",
    "eval",
    "IO",
    "Lean",
    "Elab",
    "Meta",
    "Syntax",
    "Qq",
)


def fingerprint(proof: Proof, options: dict[str, Any], domain: str) -> str:
    """Return 64 hex characters for the question and 16 for its exact text.

    If two proofs differ only in comments and in white space that Lean does not see, they have the same 64 characters
    for the question. The exception is a proof that may depend on its own layout, such as one that defines a macro.

    Args:
        proof: the proof; its id and problem do not matter.
        options: the batch's options, with the defaults filled in.
        domain: the proof's trust domain (see `farm/store/lanes.py`); verdicts from another domain are never used.
    """
    texts = [proof.code, proof.statement or ""]
    # The targets and answers that belong to the statement. Answers are terms, which are compared as written.
    aims = [proof.targets, sorted((proof.answers or {}).items())]
    exact = sha256("\0".join(texts).encode()).hexdigest()
    plain = [normal_form(text) for text in texts]
    if plain != texts and any(word in text for text in texts for word in _META):
        plain = texts
    asked = [options[name] for name in ("level", "gate", "timeout_s", "environment")]
    asked += [options.get("report"), options.get("native", False)]
    # An option that is off adds nothing to the fingerprint, so verdicts kept by earlier releases are still found.
    asked += ["feedback"] if options.get("feedback") else []
    question = sha256(orjson.dumps([*plain, *aims, *asked, domain])).hexdigest()
    return question + exact[:_EXACT_CHARS]
