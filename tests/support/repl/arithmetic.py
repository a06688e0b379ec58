"""Closed arithmetic, really computed: all that the scripted REPL (a script, not Lean) can be right or wrong about.

Literals in `+ - * / % ^` and brackets, one comparison of `= ≠ < ≤ > ≥`, joined by `∧`; also `True` and `False`.
Numbers are natural, as Lean's default is: `2 - 3` is 0, `x / 0` is 0, `x % 0` is x. An ascription such as `(2 : ℤ)`
makes them signed; signed division is not judged, because it differs between ℤ, ℚ and ℝ.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_COMPARISON = re.compile(r"≠|≤|≥|!=|<=|>=|=|<|>")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "=": int.__eq__,
    "≠": int.__ne__,
    "!=": int.__ne__,
    "<": int.__lt__,
    "≤": int.__le__,
    "<=": int.__le__,
    ">": int.__gt__,
    "≥": int.__ge__,
    ">=": int.__ge__,
}
_ASCRIPTION = re.compile(r"\(([^():]+):\s*(ℕ|Nat|ℤ|Int|ℚ|Rat|ℝ|Real)\s*\)")
_NATURAL = ("ℕ", "Nat")
_TOKEN = re.compile(r"\s*(?:(\d+)|([-+*/%^()]))")
_CONSTANTS = {"True": True, "False": False}
_MAX_BITS = 100_000  # `9^9^9` must not hang the script


class _Unjudged(Exception):
    """The text is not closed arithmetic that this module understands."""


class _Expression:
    """A recursive-descent reader of one side of a comparison."""

    __slots__ = ("at", "natural", "tokens")

    def __init__(self, text: str, natural: bool) -> None:
        self.natural = natural
        self.tokens = _tokens(text)
        self.at = 0

    def value(self) -> int:
        result = self._sum()
        if self._peek():
            raise _Unjudged
        return result

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self.at += 1
        return token

    def _sum(self) -> int:
        left = self._product()
        while self._peek() in ("+", "-"):
            negative = self._take() == "-"
            right = self._product()
            left = left - right if negative else left + right
            if self.natural and left < 0:
                left = 0
        return left

    def _product(self) -> int:
        left = self._power()
        while (operator := self._peek()) in ("*", "/", "%"):
            self.at += 1
            right = self._power()
            left = left * right if operator == "*" else self._divide(operator, left, right)
        return left

    def _divide(self, operator: str, left: int, right: int) -> int:
        if not self.natural:
            raise _Unjudged
        if right == 0:
            return 0 if operator == "/" else left
        return left // right if operator == "/" else left % right

    def _power(self) -> int:
        base = self._atom()
        if self._peek() != "^":
            return base
        self.at += 1
        exponent = self._power()
        if exponent < 0 or abs(base).bit_length() * exponent > _MAX_BITS:
            raise _Unjudged
        return int(base**exponent)

    def _atom(self) -> int:
        token = self._take()
        if token == "(":
            inner = self._sum()
            if self._take() != ")":
                raise _Unjudged
            return inner
        if token == "-" and not self.natural:
            return -self._power()
        if not token.isdigit():
            raise _Unjudged
        return int(token)


def judge(statement: str) -> bool | None:
    """Whether a closed arithmetic statement is true; None if it is anything else."""
    statement, natural = _without_ascriptions(statement)
    try:
        # Judge all parts first: if one cannot be read, the whole is not judged, even if another part is false.
        parts = [_judge_one(part.strip(), natural) for part in statement.split("∧")]
    except (_Unjudged, RecursionError):
        return None
    return all(parts)


def evaluate(expression: str) -> int | None:
    """The value of a closed arithmetic expression; None if it is anything else."""
    expression, natural = _without_ascriptions(expression)
    try:
        return _Expression(expression, natural).value()
    except (_Unjudged, RecursionError):
        return None


def _judge_one(statement: str, natural: bool) -> bool:
    if statement in _CONSTANTS:
        return _CONSTANTS[statement]
    operators = _COMPARISON.findall(statement)
    if len(operators) != 1:
        raise _Unjudged
    left, right = (_Expression(side, natural).value() for side in _COMPARISON.split(statement))
    return _COMPARE[operators[0]](left, right)


def _without_ascriptions(text: str) -> tuple[str, bool]:
    kinds = [kind for _, kind in _ASCRIPTION.findall(text)]
    return _ASCRIPTION.sub(r"(\1)", text), all(kind in _NATURAL for kind in kinds)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        if not (found := _TOKEN.match(text, at)):
            raise _Unjudged
        tokens.append(found[1] or found[2])
        at = found.end()
    return tokens
