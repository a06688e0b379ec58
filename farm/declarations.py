"""Finds the declarations of a text by its tokens alone: cheaper than `farm/commands.py`, but without scopes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm.commands import DECLARING, STRUCTURAL
from farm.lexer import Token, tokens

_COMMANDS = DECLARING | STRUCTURAL | {"import", "module", "variable", "universe", "private", "protected"}
_COMMANDS |= {"noncomputable", "local", "attribute"}
_COMMENTS = frozenset(("line", "block", "doc"))
_ROOT = "_root_."
# If at most this many names are sought, they are first searched for as plain text. If none occurs, the text is not cut
# into tokens.
_MOST_SOUGHT = 8


def declaration(code: str, name: str) -> int | None:
    """Return where a text declares a name; None if it does not. Any kind of declaration in any namespace counts."""
    if name.rpartition(".")[2] not in code:
        return None
    return next((start for declared, start in _declarations(code) if _is_named(declared, name)), None)


def declared(code: str, names: Sequence[str]) -> set[str]:
    """Return those of the given names that a text declares; see `declaration`.

    This takes time linear in the size of the text and of the names.
    """
    if len(names) == 1:
        # `declaration` stops reading at the declaration. This saves reading the text after it, which is mostly the
        # proof.
        return set() if declaration(code, names[0]) is None else set(names)
    if len(names) <= _MOST_SOUGHT and not any(name.rpartition(".")[2] in code for name in names):
        return set()
    there = {name for name, _ in _declarations(code)}
    lengths = {len(name) for name in there}
    return {name for name in names if not there.isdisjoint(_endings(name, lengths))}


def _declarations(code: str) -> Iterator[tuple[str, int]]:
    found = _code(code)
    for token in found:
        if code[token.start : token.end] in DECLARING:
            name = next(found, None)
            if name and name.kind == "word":
                yield plain_name(code[name.start : name.end]), name.start


def _endings(name: str, lengths: set[int]) -> Iterator[str]:
    """Yield a name, and what follows each of its dots; leave out the texts whose length is not in `lengths`."""
    at = 0
    while at < len(name):
        if len(name) - at in lengths:
            yield name[at:]
        at = name.find(".", at) + 1 or len(name)


def begins_file(code: str) -> bool:
    """Whether a text begins with a command. Such a text cannot be what follows `:=`."""
    first = next(_code(code), None)
    return first is not None and code[first.start : first.end] in _COMMANDS


def _is_named(declared: str, name: str) -> bool:
    return declared == name or name.endswith("." + declared)


def plain_name(name: str) -> str:
    """Return a name without the prefix `_root_.`."""
    return name.removeprefix(_ROOT)


def _code(text: str) -> Iterator[Token]:
    return (token for token in tokens(text) if token.kind not in _COMMENTS)
