"""Finds macros whose arguments are read by a definition of the text, not by one of Lean's own parsers.

In `macro "x" a:foo`, `foo` may be a constant whose type is a parser's. It could read any token, and the gate would no
longer know where the text has comments and strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from farm.lexer import NAME, WORD_CHARS
from farm.models import Reason
from workers.lean.gate.code import Code
from workers.lean.gate.refusal import Refusal
from workers.lean.gate.rules import PARSERS

_NAME = re.compile(NAME)
# Parts that do not name a macro's parsers: its name and its priority, and precedences, matched with what precedes them.
_OPTION = re.compile(r"\(\s*(?:name|priority)\s*:=[^()]*\)")
_PRECEDENCE = re.compile(
    rf"(?:\A\s*|(?P<before>:{NAME}|\)))(?P<precedence>:(?:max|min|lead|arg|[0-9]+|\([0-9a-z+ -]*\)))(?![{WORD_CHARS}.])"
)
_FOREIGN = "a macro may use only Lean's own parsers, for example `term` or `num`"
_TWICE = "in a text with this macro, it may be only the name of a parser"


def bad_items(code: Code, heads: list[tuple[int, int]]) -> Iterator[Refusal]:
    """Yield what is wrong with the parsers that macros name.

    Args:
        code: the text's code.
        heads: where each macro's arguments begin and end, in order.
    """
    used: dict[str, Refusal] = {}
    for start, end in heads:
        for word, at in _parsers(code.text[start:end]):
            place = start + at, start + at + len(word)
            if word not in PARSERS:
                yield Refusal(Reason.POLICY, f"`{word}` is refused: {_FOREIGN}", *place)
                return
            used.setdefault(word, Refusal(Reason.POLICY, f"`{word}` is refused: {_TWICE}", *place))
    rest = _without(code.text, heads) if used else ""
    yield from (refusal for word, refusal in used.items() if _may_be_defined(word, f"{code.ahead}\n{rest}"))


def _parsers(head: str) -> Iterator[tuple[str, int]]:
    """Yield the names in a macro's arguments, except those that it binds, and their places."""
    head = _OPTION.sub(lambda option: " " * len(option[0]), head)
    head = _PRECEDENCE.sub(lambda found: (found["before"] or "").ljust(len(found[0])), head)
    for name in _NAME.finditer(head):
        is_bound = head[name.end() : name.end() + 1] == ":" and head[: name.start()][-1:] != ":"
        if not is_bound:
            yield name[0], name.start()


def _without(text: str, heads: list[tuple[int, int]]) -> str:
    ends = [0, *(end for _, end in heads)]
    starts = [*(start for start, _ in heads), len(text)]
    return " ".join(text[end:start] for end, start in zip(ends, starts, strict=True))


def _may_be_defined(word: str, text: str) -> bool:
    """Whether a word occurs anywhere except after a colon or as the kind of a quotation, where nothing defines it."""
    end = rf"(?![{WORD_CHARS}.])"
    uses = len(re.findall(rf":\s*{word}{end}|`\(\s*{word}\s*\|", text))
    return uses != len(re.findall(rf"(?<![{WORD_CHARS}]){word}{end}", text))
