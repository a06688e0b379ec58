"""Propositions made comparable: names lose their namespaces, and variables are marked, so that they can be renamed."""

from __future__ import annotations

from itertools import zip_longest

from workers.embed.statements import ParsedStatement, Tokens, find
from workers.embed.tokens import CLOSING, OPENING, is_name

Terms = list[str]

# Marks a variable, or a group that stands for one. No token begins with this mark.
_VARIABLE = "\0"
# From the weakest to the strongest.
_RELATIONS = ("↔", "=", "≠", "≤", "<", "≥", ">", "∣", "∈", "∉", "⊆", "≍")
_TURNED = {"≥": "≤", ">": "<"}


def is_field(token: str) -> bool:
    """Whether a token is a later component of a dotted name."""
    return len(token) > 1 and token[0] == "." and is_name(token)


def terms(statement: ParsedStatement, tokens: Tokens) -> Terms:
    """Return a proposition with its variables marked; `List.map` becomes `map`, and `n.succ` becomes `n + 1`."""
    found: Terms = []
    for symbol, following in zip_longest(tokens, tokens[1:], fillvalue=""):
        if statement.is_variable(symbol):
            found.append(_VARIABLE + symbol)
        elif symbol == ".succ":
            found += ["+", "1"]
        elif is_field(symbol):
            found.append(symbol[1:])
        elif not (is_field(following) and is_name(symbol)):
            found.append(symbol)
    return found


def is_variable(term: str) -> bool:
    """Whether a term is a variable, or a group that stands for one."""
    return term[0] == _VARIABLE


def rename(row: Terms, names: dict[str, str]) -> Terms:
    """Return the terms with their variables renamed to `x0`, `x1`, …, in the order in which they first occur.

    `names` gives the new name of each variable that was renamed before; variables that it lacks are added to it.
    """
    return [names.setdefault(term, f"x{len(names)}") if is_variable(term) else term for term in row]


def written(row: Terms) -> str:
    """Return a proposition's text with its variables renamed.

    Propositions that differ only in the names of variables get the same text.
    """
    return " ".join(rename(row, {}))


def collapse(row: Terms) -> Terms:
    """Return the terms with each bracketed group as one variable, so that `0 + (n + 1)` looks like `0 + m`."""
    found: Terms = []
    depth, start = 0, 0
    for at, term in enumerate(row):
        if term in OPENING:
            start = start if depth else at
            depth += 1
        elif term in CLOSING and depth:
            depth -= 1
            if not depth:
                found.append(_VARIABLE + " ".join(row[start : at + 1]))
        elif not depth:
            found.append(term)
    return found


def peel(row: Terms) -> Terms:
    """Return the terms after a leading `∀ …,`."""
    return row[row.index(",") + 1 :] if row[:1] == ["∀"] and "," in row else row


def unwrap(row: Terms) -> Terms:
    """Return the terms without the brackets around all of them, if there are any."""
    return row[1:-1] if row[:1] == ["("] and find(row[1:], ")") == len(row) - 2 else row


def relation(row: Terms) -> tuple[Terms, str, Terms]:
    """Return the left side, the relation and the right side, with `a > b` as `b < a`.

    Without a relation, the left side is the whole row.
    """
    for sign in _RELATIONS:
        at = find(row, sign)
        if at > 0:
            left, right = unwrap(row[:at]), unwrap(row[at + 1 :])
            return (right, _TURNED[sign], left) if sign in _TURNED else (left, sign, right)
    return row, "", []


def groups(row: Terms) -> list[Terms]:
    """Return the contents of all brackets, including inner brackets, that hold more than one term."""
    opened: list[int] = []
    found: list[Terms] = []
    for at, term in enumerate(row):
        if term in OPENING:
            opened.append(at)
        elif term in CLOSING and opened:
            inner = row[opened.pop() + 1 : at]
            if len(inner) > 1:
                found.append(inner)
    return found
