"""Finds what the gate refuses only in certain places: options, attributes, instances, `hiding` and the like.

It also finds invisible characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import dropwhile

from farm.lexer import NAME, WORD_CHARS
from farm.models import Reason
from workers.lean.gate.code import Code
from workers.lean.gate.refusal import Refusal
from workers.lean.gate.rules import (
    ALLOWED_ATTRIBUTES,
    ALLOWED_OPTIONS,
    CORE_CLASSES,
    CORE_TYPES,
    NATIVE,
    REFUSED_OPTIONS,
)

_NAME_MARKS = str.maketrans("", "", "«»")
_END = rf"(?![{WORD_CHARS}»])"
_OPTION = re.compile(rf"set_option{_END}\s*(?:(?P<name>{NAME})(?P<string>\s*\")?)?")
_ATTRIBUTES = re.compile(r"(?:@|attribute)\s*\[")
_INSTANCE = re.compile(rf"instance{_END}")
_HIDING = re.compile(rf"open{_END}\s*(?:scoped\s+)?{NAME}\s*(?P<hiding>hiding){_END}")
_PRIVATE = re.compile(rf"(?:open|export)\s+(?P<private>private){_END}")
_NATIVE = re.compile(rf"\+\s*(?P<plus>«?native»?){_END}|(?P<field>«?native»?)\s*:=")
_TOKEN = re.compile(rf"{NAME}|:=|->|[()\[\]{{}}⟨⟩⦃⦄,:|→×]")
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_OPENING, _CLOSING = frozenset("([{⟨⦃"), frozenset(")]}⟩⦄")
# How many characters of a list of attributes, or of an instance's type, are read.
_REACH = 4000
_FAMILIES = tuple(option for option in ALLOWED_OPTIONS if option.endswith("."))
_ARROWS = frozenset(("→", "->", "×"))


def bad_clauses(code: Code, body: int, *, native: bool) -> Iterator[Refusal]:
    """Yield the words in a text's code that are refused because of their places; `native` lets `native := true` pass.

    Args:
        code: the text's code.
        body: where the text's header ends.
        native: whether the batch may use `native_decide`.
    """
    text = code.text
    yield from _options(text, body)
    yield from _attributes(text, body)
    yield from _instances(code, body)
    for hiding in _HIDING.finditer(text, body) if "hiding" in text else ():
        yield _refusal("hiding", "it changes what later names mean", *hiding.span("hiding"))
    for private in _PRIVATE.finditer(text, body) if "private" in text else ():
        yield _refusal("private", "it names private declarations of another module", *private.span("private"))
    for field in _NATIVE.finditer(text, body) if "native" in text and not native else ():
        yield _refusal("native", NATIVE.why, *field.span(field.lastgroup or 0))
    if not text.isascii() and (hidden := _INVISIBLE.search(text, text.startswith("\ufeff"))):
        yield Refusal(Reason.POLICY, f"U+{ord(hidden[0]):04X} is refused: it is invisible", *hidden.span())


def _refusal(word: str, why: str, start: int, end: int) -> Refusal:
    return Refusal(Reason.POLICY, f"`{word}` is refused: {why}", start, end)


def _options(text: str, body: int) -> Iterator[Refusal]:
    for match in _OPTION.finditer(text, body) if "set_option" in text else ():
        name = (match["name"] or "set_option").translate(_NAME_MARKS)
        if match["string"]:
            yield _refusal(name, "an option whose value is a string may name a file", *match.span("name"))
        elif not _is_allowed_option(name):
            span = match.span("name") if match["name"] else match.span()
            yield _refusal(name, "it is not on the list of harmless options", *span)


def _is_allowed_option(name: str) -> bool:
    if name in ALLOWED_OPTIONS:
        return True
    return name.startswith(_FAMILIES) and not name.startswith(REFUSED_OPTIONS)


def _attributes(text: str, body: int) -> Iterator[Refusal]:
    for match in _ATTRIBUTES.finditer(text, body) if "[" in text else ():
        bad = _bad_attribute(text, match.end() - 1)
        if bad:
            yield _refusal(
                text[slice(*bad)].translate(_NAME_MARKS), "it is not on the list of harmless attributes", *bad
            )
            return


def _bad_attribute(text: str, opening: int) -> tuple[int, int] | None:
    """Return the place of the first refused attribute in a list; None if there is none.

    If the list does not end within `_REACH` characters, return the place of its opening bracket.
    """
    # `listed` is the bracket depth of the present list of attributes: of the list itself, or of the inner list after
    # `attr :=` in `@[to_additive (attr := …)]`.
    depth, listed, expected, before = 0, 1, False, ""
    for token in _TOKEN.finditer(text, opening, opening + _REACH):
        word = token[0]
        depth += (word in _OPENING) - (word in _CLOSING)
        if depth == 0:
            return None
        if word == "[" and text[max(opening, token.start() - 80) : token.start()].rstrip().endswith("@"):
            return token.span()  # a list of attributes inside another one
        if token.start() == opening or (before == "attr" and word == ":=") or (depth <= listed and word == ","):
            listed, expected = depth, True
        elif expected and depth == listed and word not in ("local", "scoped"):
            if word.translate(_NAME_MARKS) not in ALLOWED_ATTRIBUTES:
                return token.span()
            expected = False
        before = word
    return opening, opening + 1


def _instances(code: Code, body: int) -> Iterator[Refusal]:
    text = code.text
    if "instance" not in text:
        return
    for match in _INSTANCE.finditer(text, body):
        type_ = _instance_type(text, match.end())
        if type_ is None:
            yield _refusal("instance", f"its type does not end within {_REACH} characters", *match.span())
            return
        words = [word.translate(_NAME_MARKS) for word in type_]
        class_, *arguments = list(dropwhile(_OPENING.__contains__, words)) or [""]
        if class_.removeprefix("_root_.") in CORE_CLASSES and _is_core(arguments, code.own_types):
            yield _refusal("instance", "it gives a core class a new meaning on a core type", *match.span())


def _instance_type(text: str, position: int) -> list[str] | None:
    """Return the last part of an instance's type: the tokens after its last arrow or comma.

    If the type has no arrow or comma outside brackets, return all tokens after the colon. If the type does not end
    within `_REACH` characters, return None: the gate has not seen what it is an instance of.
    """
    type_: list[str] | None = None
    depth = 0
    for token in _TOKEN.finditer(text, position, position + _REACH):
        word = token[0]
        depth += (word in _OPENING) - (word in _CLOSING)
        if depth < 0 or word == "instance" or (depth == 0 and word in (":=", "|", "where")):
            return type_ or []
        if depth == 0 and (word == ":" or (type_ is not None and word in ("→", "->", ","))):
            type_ = []
        elif type_ is not None:
            type_.append(word)
    return None if position + _REACH < len(text) else type_ or []


def _is_core(arguments: list[str], own_types: frozenset[str]) -> bool:
    """Whether one of a class's arguments is a core type (`CORE_TYPES`), and none is a type that the text declares.

    The type of a function or a pair is not a core type, even if it consists of core types.
    """
    if not own_types.isdisjoint(arguments):
        return False
    depth, group = 0, list[str]()
    for word in arguments:
        depth += (word in _OPENING) - (word in _CLOSING)
        group.append(word)
        if depth == 0:
            if _ARROWS.isdisjoint(group) and not CORE_TYPES.isdisjoint(part.removeprefix("_root_.") for part in group):
                return True
            group = []
    return False
