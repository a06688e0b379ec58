"""The gate `strict`: what an untrusted text may not contain, and where it stands.

The rules are data, in `rules`. They see words as Lean does: not in comments or strings, with «» taken off, component by
component. They only restrict: a text that passes has proved nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from farm.lexer import DOUBTFUL, UNCLOSED, tokens
from farm.models import Position, Reason
from farm.source import split_header
from workers.lean.rules import ALLOWED_ATTRIBUTES, ALLOWED_OPTIONS, CORE_CLASSES, CORE_TYPES, RULES, Rule

_NAME_MARKS = str.maketrans("", "", "«»")
_BY_WORD = {word: rule for rule in RULES for word in rule.words}
_BY_HASH = {word: _BY_WORD[word] for word in sorted(_BY_WORD, key=len, reverse=True) if word.startswith("#")}
_BY_ROOT = {root: rule for rule in RULES for root in rule.roots}
_DEEP = frozenset(root for rule in RULES if rule.deep for root in rule.roots)
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_LETTERS = re.compile("[A-Za-z]+")
# Where a keyword can begin in the middle of letters: `0xamacro` is a number and `macro`, `#evalx` a command and a name.
_GLUE = re.compile("#|0[xX]")


def _mark(word: str) -> str:
    runs: list[str] = _LETTERS.findall(word)
    return max(runs, key=len)


# A text without any of these breaks no rule, however it is read: most proofs are read no further.
_MARKS = frozenset(map(_mark, (*_BY_WORD, *_BY_ROOT, "set_option", "attribute", "instance", "hiding", "import")))
_HEADER_MARKS = frozenset(map(_mark, _BY_WORD))
_OPEN, _CLOSE = frozenset("([{⟨⦃"), frozenset(")]}⟩⦄")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text does not pass.

    Attributes:
        reason: `policy`, or `parse` where the text does not reach its end.
        text: why, for people, with the refused token.
        start: index of its first character.
        end: index behind its last.
    """

    reason: Reason
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Word:
    """A token of the code; «» are taken off its text."""

    text: str
    start: int
    end: int
    escaped: bool


def refuse(text: str) -> Refusal | None:
    """Return the first thing in a text that the gate `strict` refuses; None lets it pass. It raises nothing."""
    body = len(split_header(text).header)
    found = [*_unreadable(text), *(_forbidden(text, body) if _may_break_a_rule(text, body) else ())]
    return min(found, key=lambda refusal: refusal.start, default=None)


def _may_break_a_rule(text: str, body: int) -> bool:
    """Whether the slow look is needed; `body` is where the header ends."""
    if "@[" in text or _GLUE.search(text, body) or not _MARKS.isdisjoint(_LETTERS.findall(text, body)):
        return True
    if not _HEADER_MARKS.isdisjoint(_LETTERS.findall(text, 0, body)):
        return True
    return not text.isascii() and _INVISIBLE.search(text) is not None


def place(text: str, index: int) -> Position:
    """Return the position of a character as Lean counts: lines from 1, columns from 0."""
    return Position(line=text.count("\n", 0, index) + 1, column=index - text.rfind("\n", 0, index) - 1)


def _unreadable(text: str) -> Iterator[Refusal]:
    for kind, start, end in tokens(text, code=False):
        if kind == UNCLOSED:
            yield Refusal(Reason.PARSE, f"`{text[start : start + 2]}` is never closed", start, end)
        elif kind == DOUBTFUL:
            yield Refusal(Reason.POLICY, _DOUBT, start, start)


_DOUBT = "What is code here depends on what the imports define: put white space around it"


def _forbidden(text: str, body: int) -> Iterator[Refusal]:
    # Modules may have any name, such as `Lean.Elab`, but no keyword is one.
    words = [word for word in _words(text) if word.start >= body or (word.text in _BY_WORD and not word.escaped)]
    own_types = {after.text for word, after in pairwise(words) if word.text in _TYPES}
    for index, word in enumerate(words):
        rule = _broken_rule(word)
        if rule:
            yield Refusal(rule.reason, f"`{word.text}` is refused: {rule.why}", word.start, word.end)
        elif not word.escaped and word.text in _CONTEXT:
            bad = _in_context(words, index, own_types)
            if bad:
                yield Refusal(Reason.POLICY, f"`{bad.text}` is refused: {_CONTEXT[word.text]}", bad.start, bad.end)
    yield from _invisible(text)


_TYPES = frozenset(("structure", "inductive", "class", "def", "abbrev"))


def _words(text: str) -> list[_Word]:
    found = []
    for kind, start, end in tokens(text):
        if kind in ("word", "hash", "symbol"):
            # Lean has keywords that end in `%`.
            end += kind == "word" and text[end : end + 1] == "%" and text[start : end + 1] in _BY_WORD
            found.append(_Word(text[start:end].translate(_NAME_MARKS), start, end, text[start] == "«"))
        elif kind == DOUBTFUL:
            found.append(_Word("", start, start, escaped=True))
    return found


def _broken_rule(word: _Word) -> Rule | None:
    """Return the rule that a word breaks; an escaped «keyword» is a name, and breaks the rules for names alone."""
    parts = word.text.removeprefix("_root_.").split(".")
    if word.text.startswith("#"):
        return next((rule for hash_, rule in _BY_HASH.items() if word.text.startswith(hash_)), None)
    rule = _BY_WORD.get(word.text) or _BY_WORD.get(parts[-1])
    if rule and (rule.names or (len(parts) == 1 and not word.escaped)):
        return rule
    return _BY_ROOT.get(parts[0]) or next((_BY_ROOT[part] for part in parts if part in _DEEP), None)


_CONTEXT = {
    "import": "imports belong into the header",
    "set_option": "it is not on the list of harmless options",
    "attribute": "it is not on the list of harmless attributes",
    "@": "it is not on the list of harmless attributes",
    "instance": "it gives a core class a new meaning on a type that is not the text's own",
    "hiding": "it changes what later names mean",
}


def _in_context(words: list[_Word], index: int, own_types: set[str]) -> _Word | None:
    """Return the token that is refused because of where it stands."""
    word = words[index]
    match word.text:
        case "set_option":
            after = words[index + 1] if index + 1 < len(words) else word
            return None if _is_allowed_option(after.text) else after
        case "attribute" | "@":
            return _bad_attribute(words, index)
        case "instance":
            return word if _gives_core_instance(words, index, own_types) else None
        case _:
            return word


def _is_allowed_option(name: str) -> bool:
    return any(name == option or (option.endswith(".") and name.startswith(option)) for option in ALLOWED_OPTIONS)


def _bad_attribute(words: list[_Word], index: int) -> _Word | None:
    """Return the first attribute of `@[…]` or `attribute […]` that is not harmless."""
    if index + 1 >= len(words) or words[index + 1].text != "[":
        return None
    # Where a list of attributes lies: between the brackets, or behind `attr :=` in `@[to_additive (attr := …)]`.
    depth, listed, expected = 0, 1, True
    for before, word in pairwise(words[index:]):
        depth += (word.text in _OPEN) - (word.text in _CLOSE)
        if depth == 0:
            return None
        if (before.text == "attr" and word.text == ":=") or (depth <= listed and word.text == ","):
            listed, expected = depth, True
        elif expected and depth == listed and word.text not in ("[", "local", "scoped"):
            if word.text not in ALLOWED_ATTRIBUTES:
                return word
            expected = False
    return None


def _gives_core_instance(words: list[_Word], index: int, own_types: set[str]) -> bool:
    """Whether an `instance` is of a core class on a core type: `: CLASS … TYPE` in front of `:=`, `where` or `|`."""
    type_: list[str] | None = None
    depth = 0
    for word in words[index + 1 : index + 200]:
        depth += (word.text in _OPEN) - (word.text in _CLOSE)
        if depth < 0 or (depth == 0 and word.text in (":=", "|", "where")):
            break
        if type_ is not None:
            type_.append(word.text.removeprefix("_root_."))
        elif depth == 0 and word.text == ":":
            type_ = []
    if not type_ or type_[0] not in CORE_CLASSES:
        return False
    return not CORE_TYPES.isdisjoint(type_[1:]) and own_types.isdisjoint(type_[1:])


def _invisible(text: str) -> Iterator[Refusal]:
    found = list(_INVISIBLE.finditer(text))
    spans = [(start, end) for kind, start, end in tokens(text, code=False) if kind in _COMMENTS] if found else []
    for match in found:
        if not any(start <= match.start() < end for start, end in spans):
            why = f"U+{ord(match[0]):04X} is refused: it cannot be seen"
            yield Refusal(Reason.POLICY, why, *match.span())
            return


_COMMENTS = frozenset(("line", "block", "doc"))
