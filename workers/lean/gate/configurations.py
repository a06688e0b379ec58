"""Finds configurations of tactics that are more than literals.

Lean compiles a configuration and runs it while it elaborates: `simp (config := e)` runs `e`, and so does
`simp (maxSteps := e)`. Some fields hold functions, which the tactic calls with the state of the elaboration. So a
configuration may consist only of literals. Named arguments of terms, as in `exact f (n := e)`, may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from farm.lexer import LETTERS, NAME, WORD_CHARS
from farm.models import Reason
from workers.lean.gate.code import Code
from workers.lean.gate.refusal import Refusal
from workers.lean.gate.rules import (
    CONFIGURATIONS,
    CONFIGURED,
    CONFIGURED_BY_FUNCTIONS,
    CONSTANTS,
    FUNCTION_FIELDS,
    ORACLES,
    TACTIC_FIELDS,
)

_NAME_MARKS = str.maketrans("", "", "«»")
_ITEM = re.compile(rf"\(\s*(?P<field>{NAME})\s*:=")
_FLAG = re.compile(rf"\s*[+-]\s*{NAME}")
# Nobody writes more flags than this; a text full of them would be read again and again.
_FLAGS = re.compile(rf"(?:{_FLAG.pattern}){{0,20}}")
_NEXT_ITEM = re.compile(rf"\s*{_ITEM.pattern}")
# A tactic that takes a configuration. After a number or a symbol, a tactic of the first kind may begin anywhere.
_HEAD = re.compile(
    rf"(?:(?P<functions>{'|'.join(sorted(CONFIGURED_BY_FUNCTIONS))})"
    rf"|(?<![{LETTERS}'»])(?<![{WORD_CHARS}»)\]⟩}}]\.)(?:{'|'.join(sorted(CONFIGURED))}))(?:\s*[!?*])*(?![{WORD_CHARS}])"
)
# A piece of a literal; a name is a field if `:=` follows. No piece is `(`, so no text is read twice.
_PIECE = re.compile(
    rf"\s*(?:(?P<field>{NAME})\s*:=|(?P<word>\.?{NAME})|(?P<mark>[\[\]{{}}),\"])"
    r"|[0-9][0-9_]*(?:\s*[*^]\s*[0-9][0-9_]*)*)"
)
# How a record begins. If fields hold functions, `.name` could be a definition of the text.
_RECORD, _BRACE = re.compile(r"\s*[{.]"), re.compile(r"\s*\{")
_INHERITED = re.compile(r"to[A-Z]")
_ORACLE = re.compile(rf"\s*\.(?P<word>{'|'.join(sorted(ORACLES))})(?![{WORD_CHARS}.])")
_BRACKET = re.compile(r"[()]")
# How many characters are searched for the end of an item that holds a tactic.
_REACH = 1000
_WHY = "Lean runs a configuration while it elaborates, so it may hold only numbers, `true`, `false` and the like"


def bad_configurations(code: Code, body: int) -> Iterator[Refusal]:
    """Yield an item of a tactic's configuration that is not a literal, if there is one.

    Args:
        code: the text's code.
        body: where the text's header ends.
    """
    if _ITEM.search(code.text, body) is None:
        return
    for item in _ITEM.finditer(code.text, body):
        if item["field"].translate(_NAME_MARKS) in CONFIGURATIONS and _end(code, item, records=_RECORD) is None:
            yield _refusal(item)
            return
    for head in _HEAD.finditer(code.text, body):
        if bad := _bad_item(code, head):
            yield bad
            return


def _refusal(item: re.Match[str]) -> Refusal:
    return Refusal(Reason.POLICY, f"`{item['field']} :=` is refused: {_WHY}", *item.span("field"))


def _bad_item(code: Code, head: re.Match[str]) -> Refusal | None:
    """Return a refusal of the first item after a tactic whose value is neither a literal nor a tactic."""
    takes_functions, end = head["functions"] is not None, head.end()
    while True:
        flags = _FLAGS.match(code.text, end)
        assert flags is not None, "the pattern also matches if there is no flag"  # noqa: S101
        if _FLAG.match(code.text, flags.end()):
            return Refusal(Reason.POLICY, "more than twenty flags in a row are refused", *flags.span())
        item = _NEXT_ITEM.match(code.text, flags.end())
        if item is None:
            return None
        if item["field"].translate(_NAME_MARKS) in TACTIC_FIELDS and not takes_functions:
            after = _end_of_tactic(code.text, item.end())
        else:
            after = _end(code, item, records=_BRACE if takes_functions else _RECORD)
        if after is None:
            return _refusal(item)
        end = after


def _end(code: Code, item: re.Match[str], *, records: re.Pattern[str]) -> int | None:
    """Return the end of an item if its value is a literal; None if its value is anything else.

    An instance in the text may define what a number, a list or `{1}` means as a record or a function. So `{` is
    accepted only as the start of a record, and a field that holds a record accepts only what `records` matches.
    """
    at, depth, begins = _value(code, item["field"], item.end(), records), 0, False
    while at is not None and (piece := _PIECE.match(code.text, at)):
        mark = piece["mark"] or ""
        if (begins and not (piece["field"] or mark == "}")) or (
            piece["word"] and not _is_constant(code, piece["word"])
        ):
            return None
        begins = mark == "{"
        depth += (mark in ("{", "[")) - (mark in ("}", "]"))
        if mark == ")":
            return piece.end() if depth == 0 else None
        at = _value(code, piece["field"], piece.end(), records) if piece["field"] else piece.end()
    return None


def _is_constant(code: Code, word: str) -> bool:
    return word in CONSTANTS and not code.may_mean_own(word)


def _value(code: Code, field: str, at: int, records: re.Pattern[str]) -> int | None:
    """Return where to read on after `field :=`; None if no literal of the field's type can begin there."""
    parts = field.translate(_NAME_MARKS).split(".")
    if parts[-1] == "oracle":
        oracle = _ORACLE.match(code.text, at)
        return oracle.end() if oracle and not code.may_define_oracles else None
    if not FUNCTION_FIELDS.isdisjoint(parts):
        return None
    if parts[-1] in CONFIGURATIONS or _INHERITED.match(parts[-1]):
        return at if records.match(code.text, at) else None
    return at


def _end_of_tactic(text: str, start: int) -> int | None:
    """Return the end of an item whose value begins at `start`; None if it is more than `_REACH` characters away."""
    depth = 1
    for bracket in _BRACKET.finditer(text, start, start + _REACH):
        depth += 1 if bracket[0] == "(" else -1
        if depth == 0:
            return bracket.end()
    return None
