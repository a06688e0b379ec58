"""A statement taken apart: `theorem NAME BINDERS : TYPE`, optionally after `open` and `universe` lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from farm.lexer import Token, tokens

_KEYWORDS = frozenset(("theorem", "lemma"))
_DECLARING = _KEYWORDS | {"def", "abbrev", "instance", "axiom", "opaque", "example"}
_COMMANDS = _DECLARING | {"import", "module", "namespace", "section", "variable", "universe", "structure", "inductive"}
_COMMANDS |= {"class", "private", "protected", "noncomputable", "mutual", "local", "attribute"}
# What a statement may not begin with: only imports, `open`, `universe` and options can be said again for the text.
_NOT_IN_FRONT = (_COMMANDS - {"import", "module", "universe"}) | {"@", "end"}
_LEFT_OVER = re.compile(r":=\s*(?:by\b\s*)?(?:sorry\s*)?\Z")
_COMMENTS = frozenset(("line", "block", "doc"))
_OPENING, _CLOSING = frozenset("([{⟨⦃"), frozenset(")]}⟩⦄")
_ROOT = "_root_."


@dataclass(frozen=True, slots=True)
class Statement:
    """The parts of a statement.

    Attributes:
        front: what stands before `theorem`.
        name: the full name, without `_root_` and universes.
        universes: `.{u, v}`, or nothing.
        binders: everything between the name and the colon.
        type: everything behind the colon.
    """

    front: str
    name: str
    universes: str
    binders: str
    type: str


def parse_statement(text: str) -> Statement | None:
    """Return the parts of a statement.

    None if it does not read `theorem NAME BINDERS : TYPE`, after nothing but imports, `open`, `universe` and
    `set_option`, or if `:=` is left at its end.
    """
    found = _code(text)
    keyword = next((token for token in found if text[token.start : token.end] in _NOT_IN_FRONT), None)
    if keyword is None or text[keyword.start : keyword.end] not in _KEYWORDS or _LEFT_OVER.search(text):
        return None
    name = next(found, None)
    if name is None or name.kind != "word":
        return None
    after = _universes_end(text, name.end, found)
    colon = _colon(text, found)
    if colon is None or not text[colon + 1 :].strip():
        return None
    return Statement(
        front=text[: keyword.start],
        name=_plain(text[name.start : name.end]),
        universes=text[name.end : after],
        binders=text[after:colon],
        type=text[colon + 1 :],
    )


def declaration(code: str, name: str) -> int | None:
    """Return where a text declares a name, by any kind of declaration, in any namespace; None if it does not."""
    if name.rpartition(".")[2] not in code:
        return None
    found = _code(code)
    for token in found:
        if code[token.start : token.end] not in _DECLARING:
            continue
        declared = next(found, None)
        if declared and declared.kind == "word" and _is_named(_plain(code[declared.start : declared.end]), name):
            return declared.start
    return None


def begins_file(code: str) -> bool:
    """Whether a text begins with a command, so that it cannot be what follows `:=`."""
    first = next(_code(code), None)
    return first is not None and code[first.start : first.end] in _COMMANDS


def _is_named(declared: str, name: str) -> bool:
    return declared == name or name.endswith("." + declared)


def _plain(name: str) -> str:
    return name.removeprefix(_ROOT)


def _code(text: str) -> Iterator[Token]:
    return (token for token in tokens(text) if token.kind not in _COMMENTS)


def _universes_end(text: str, position: int, found: Iterable[Token]) -> int:
    if not text.startswith(".{", position):
        return position
    return next((token.end for token in found if text.startswith("}", token.start)), position)


def _colon(text: str, found: Iterable[Token]) -> int | None:
    depth = 0
    for token in found:
        if token.kind != "symbol":
            continue
        symbol = text[token.start : token.end]
        depth += (symbol in _OPENING) - (symbol in _CLOSING)
        if depth == 0 and symbol in (":", ":="):
            return token.start if symbol == ":" else None
    return None
