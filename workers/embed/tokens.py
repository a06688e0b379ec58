"""Lean text as tokens, and the English words that a token stands for."""

from __future__ import annotations

import re
from functools import lru_cache

OPENING = {"(": ")", "[": "]", "{": "}", "⦃": "⦄", "⟨": "⟩", "#[": "]"}
CLOSING = frozenset(OPENING.values()) | {"]?", "]!"}

# An identifier may hold dots, but a field of a variable (`xs.length`) is a token of its own: see `tokenise`.
_TOKEN = re.compile(
    r"«[^»\n]{0,100}»"
    r"|\.?[^\W\d⁻¹²³ᶜ][\w'✝]*(?:[?!](?!=))?"
    r"|\d+"
    r"|\+\+|::|:=|&&|\|\||\^\^|==|!=|<->|->|<-|<=|>=|=>|<\$>|<\*>|<\|>|>>=|\|>\.?|#\[|\]\?|\]!|⁻¹"
    r"|\S"
)

_SPELLINGS = {
    "->": "→",
    "<->": "↔",
    "<=": "≤",
    ">=": "≥",
    "=>": "↦",
    "ℕ": "Nat",
    "ℤ": "Int",
    "ℚ": "Rat",
    "ℝ": "Real",
    "ℂ": "Complex",
    "λ": "fun",
}

# The words that Mathlib's naming convention uses for notation.
_NOTATION = {
    "+": "add",
    "*": "mul",
    "-": "sub",
    "/": "div",
    "%": "mod",
    "^": "pow",
    "⁻¹": "inv",
    "•": "smul",
    "++": "append",
    "::": "cons",
    "=": "eq",
    "≠": "ne",
    "<": "lt",
    "≤": "le",
    ">": "lt",
    "≥": "le",
    "∣": "dvd",
    "≍": "heq",
    "≡": "modeq",
    "≃": "equiv",
    "∧": "and",
    "∨": "or",
    "¬": "not",
    "↔": "iff",
    "∀": "forall",
    "∃": "exists",
    "&&": "and",
    "||": "or",
    "!": "not",
    "^^": "xor",
    "==": "beq",
    "!=": "bne",
    "∈": "mem",
    "∉": "mem",
    "⊆": "subset",
    "⊂": "ssubset",
    "∪": "union",
    "∩": "inter",
    "⊔": "sup",
    "⊓": "inf",
    "⊤": "top",
    "⊥": "bot",
    "∅": "empty",
    "∘": "comp",
    "∑": "sum",
    "∏": "prod",
    "∫": "integral",
    "↑": "coe",
    "0": "zero",
    "1": "one",
    "2": "two",
    "]?": "get",
    "]!": "get",
    "#[": "array",
    ">>=": "bind",
    "if": "ite",
}

# Nearly all components of Lean's names are shorter.
_SHORT = 40
_MOST_CACHED = 16_384

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|[^\W\d_]+")


def tokenise(text: str) -> list[str]:
    """Return the tokens of Lean text; a dotted name gives a token per component, later components with their dot."""
    return [_SPELLINGS.get(token, token) for token in _TOKEN.findall(text)]


def is_name(token: str) -> bool:
    """Whether a token is an identifier, or a component of one."""
    return token[0].isalpha() or token[0] in "_«" or (token[0] == "." and len(token) > 1)


def words(token: str) -> tuple[str, ...]:
    """Return the lower-case words of an identifier, or the name of an operator; none for a bracket."""
    return _words_of_short(token) if len(token) <= _SHORT else _words(token)


def _words(token: str) -> tuple[str, ...]:
    if token in _NOTATION:
        return (_NOTATION[token],)
    return tuple(word.lower() for word in _WORD.findall(token)) if is_name(token) or token.isdigit() else ()


# The cache bounds the number of its entries, not their size. So it holds only short tokens: at worst, it takes 60 MB.
_words_of_short = lru_cache(maxsize=_MOST_CACHED)(_words)
