"""The declarations of a text, read only from its tokens: cheaper than `farm/commands.py`, but without scopes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm.commands import DECLARING, STRUCTURAL
from farm.lexer import Token, tokens

_COMMANDS = DECLARING | STRUCTURAL | {"import", "module", "variable", "universe", "private", "protected"}
_COMMANDS |= {"noncomputable", "local", "attribute"}
_COMMENTS = frozenset(("line", "block", "doc"))
_ROOT = "_root_."
# Up to this many names are first searched for as plain text; if none occurs, the text is not cut into tokens.
_MOST_SOUGHT = 8


def declaration(code: str, name: str) -> int | None:
    """Return where a text declares a name, by any kind of declaration, in any namespace; None if it does not."""
    if name.rpartition(".")[2] not in code:
        return None
    return next((start for declared, start in _declarations(code) if _is_named(declared, name)), None)


def declared(code: str, names: Sequence[str]) -> set[str]:
    """Return the names that a text declares, as `declaration` decides it; takes time linear in the text and names."""
    if len(names) == 1:
        # Reading stops at the declaration, which saves reading the text after it, most of all the proof.
        return set() if declaration(code, names[0]) is None else set(names)
    if len(names) <= _MOST_SOUGHT and not any(name.rpartition(".")[2] in code for name in names):
        return set()
    there = {name for name, _ in _declarations(code)}
    return {name for name in names if not there.isdisjoint(_endings(name))}


def _declarations(code: str) -> Iterator[tuple[str, int]]:
    found = _code(code)
    for token in found:
        if code[token.start : token.end] in DECLARING:
            name = next(found, None)
            if name and name.kind == "word":
                yield plain_name(code[name.start : name.end]), name.start


def _endings(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.partition(".")[2]


def begins_file(code: str) -> bool:
    """Whether a text begins with a command, so that it cannot be what follows `:=`."""
    first = next(_code(code), None)
    return first is not None and code[first.start : first.end] in _COMMANDS


def _is_named(declared: str, name: str) -> bool:
    return declared == name or name.endswith("." + declared)


def plain_name(name: str) -> str:
    """Return a name without the prefix `_root_.`."""
    return name.removeprefix(_ROOT)


def _code(text: str) -> Iterator[Token]:
    return (token for token in tokens(text) if token.kind not in _COMMENTS)
