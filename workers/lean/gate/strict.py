"""The `strict` gate: finds what an untrusted text may not contain.

The rules are data, in `rules`. They apply to a text's code, without comments and strings (`masking`). The gate does not
know which tokens the imports define. So it refuses a forbidden word everywhere except inside a name, because Lean
could begin a token anywhere else (`words`). Letters count as a name only if they stand at the start of the text, or
after white space, an opening bracket, a comma or one of a few prefix operators. After a digit, a quote, a closing
bracket or any other symbol, a forbidden word is refused even in the middle of letters. The gate only restricts: if a
text passes the gate, this proves nothing about the text.
"""

from __future__ import annotations

import re

from farm.models import Reason
from farm.source import split_header
from workers.lean.gate.aesop_rules import bad_aesop_rules
from workers.lean.gate.clauses import bad_clauses
from workers.lean.gate.code import Code
from workers.lean.gate.configurations import bad_configurations
from workers.lean.gate.masking import mask
from workers.lean.gate.notation import bad_syntax
from workers.lean.gate.refusal import Refusal, place
from workers.lean.gate.rules import NATIVE, RULES
from workers.lean.gate.words import Lists, forbidden_commands, forbidden_words, terms_that_run

__all__ = ["Refusal", "place", "refuse"]

_NESTED = re.compile(r"«[^«»\n]*«")
_ALL = Lists(RULES)
_BUT_NATIVE = Lists(rule for rule in RULES if rule is not NATIVE)


def refuse(text: str, *, ahead: str = "", is_front: bool = False, native: bool = False) -> Refusal | None:
    """Return the first thing in a text that the `strict` gate refuses; None if the text passes. This never raises.

    Args:
        text: any text.
        ahead: the text that runs before it. The gate does not look for anything to refuse in it.
        is_front: whether another text runs after this one.
        native: whether `native_decide` may pass.
    """
    body = len(split_header(text).header)
    plain, found = mask(text)
    if nested := _NESTED.search(plain):
        # Every pattern with a name would look for the end of the outer name from each `«`.
        return Refusal(Reason.POLICY, "`«` is refused inside «»: no name has it", *nested.span())
    code, lists = Code(plain, ahead, is_front=is_front), _BUT_NATIVE if native else _ALL
    found += forbidden_words(code, body, lists)
    found += forbidden_commands(code, body, lists) if "#" in plain else ()
    found += terms_that_run(code, body)
    found += bad_clauses(code, body, native=native)
    found += bad_configurations(code, body)
    found += bad_aesop_rules(code) if "aesop" in plain or "add" in plain else ()
    found += bad_syntax(text, code, body, lists)
    return min(found, key=lambda refusal: (refusal.start, refusal.reason is not Reason.PARSE), default=None)
