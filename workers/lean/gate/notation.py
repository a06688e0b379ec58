"""Decides which new syntax may pass: notation, and macros for terms and tactics that are quotations, not programs.

New syntax changes the meaning of the rest of a text. It does not affect the checks that the farm runs afterwards
(`workers/lean/binding`). But the gate must still read the rest of the text correctly, and no code may run. So there are
these rules:

- A new token is one word, which may end in `+`, `⁺`, `≥0`, an opening bracket or the like, or consists only of symbols,
  which may have a subscript; `!` and `!!` are symbols, too, although names may contain them. A dash or a slash may be a
  token by itself, but not a part of a longer token. A token of symbols has no quotes, backslashes, `#`, « or ». The
  symbols that Lean and its libraries define are harmless, too: in them, no letter follows a bracket, no `-` or `/`
  follows an operator, and there are no quotes. So the gate knows where names, comments and strings begin.
- No token is a word that begins a command: it could be an operator that continues the meaning of a macro.
- The brackets in the new tokens of a command come in pairs, none of them optional, so that brackets in the text are
  pairs to Lean if they are pairs to the gate. Otherwise Lean could end a quotation or a list earlier than the gate.
- A macro's arguments are read by Lean's own parsers (`macro_items`): a parser of the text could read any token.
- The meaning of a macro is one quotation, directly followed by the next command or the end of the text. So
  `` `(a) >>= f ``, which would be a program, is refused.
- A `$` stands before a name that the macro binds, or is the operator `$` with white space after it. So `$(f)`, which
  would be code, is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from farm.lexer import LETTERS, NAME, WORD_CHARS, Token, tokens
from farm.models import Reason
from workers.lean.gate.code import Code
from workers.lean.gate.macro_items import bad_items
from workers.lean.gate.masking import BRACKETS, are_paired
from workers.lean.gate.refusal import Refusal
from workers.lean.gate.rules import CONSTANTS, Rule
from workers.lean.gate.words import Lists, forbidden_words

_SYNTAX = Lists(
    (
        Rule(
            "it changes what text means",
            frozenset(["notation", "infix", "infixl", "infixr", "prefix", "postfix", "macro"]),
        ),
    )
)
_WORD = re.compile(rf"[{LETTERS}][{WORD_CHARS}]*(?:%|[≥>]0|[+*⁺⁻₊₋ˣ(\[])?")
_SYMBOLS = re.compile(rf"[^\s{WORD_CHARS}\"'#«»\\`/-]+[₀-₉ₐ-ₜᵢ-ᵪ]*|[-/]|!!?")
_MACRO = re.compile(rf":\s*(?P<category>[{LETTERS}]+)\s*=>\s*`\((?:(?P<quoted>[{LETTERS}]+)\|)?")
_BOUND = re.compile(rf"(?<![{WORD_CHARS}».])({NAME})\s*:(?!=)")
_CATEGORIES = frozenset(("term", "tactic", "conv"))
_BRACKET = re.compile(r"[()]")
# What may make a token of a macro optional, repeat it, or require that it does not follow.
_OPTIONAL = re.compile(r"(?<!:)\((?!\s*(?:name|priority)\s*:=)|\"\s*[?*+,<]|!\s*\"")
# The end of a line, and then the end of the text or a word that begins a command and cannot begin a term.
_NEXT = re.compile(
    r"[^\S\n]*(?:\Z|\n\s*(?:\Z|(?<=\n)(?:@\[|(?:theorem|lemma|def|abbrev|example|instance|structure|inductive|class"
    r"|namespace|section|end|open|variable|universe|set_option|noncomputable|private|protected|local|scoped|notation"
    rf"|infix[lr]?|prefix|postfix|macro|attribute|mutual)(?![{WORD_CHARS}.]))))"
)
_LITERALS = frozenset(name for name in CONSTANTS if name.isidentifier())
_DOLLAR = re.compile(rf"\$({NAME})?")
# How far a macro's `=>` may be from the macro, and how long its meaning may be. Without these limits, a text full of
# unfinished macros would take a long time.
_REACH, _LONGEST = 2000, 10_000
_TOKEN = "a new token has to be one word, or symbols without dashes, slashes, quotes and `#`"  # noqa: S105
_COMMAND = "a new token may not be a word that begins a command"
_UNPAIRED = "the brackets of its tokens are not in pairs, or one of them is optional"
_PROGRAM = "its meaning is a program, not a quotation of a term or tactic"
_SPLICE = "in a text with new syntax, `$` stands before a name that a macro binds, or has white space after it"


def bad_syntax(text: str, code: Code, body: int, lists: Lists) -> Iterator[Refusal]:
    """Yield what is wrong with the new syntax of a text.

    Args:
        text: the text.
        code: the text's code.
        body: where the text's header ends.
        lists: the words that the rules refuse; no new token may be one of them.
    """
    commands = list(forbidden_words(code, body, _SYNTAX))
    if not commands:
        return
    plain = code.text
    strings = [token for token in tokens(text, code=False) if token.kind == "string"]
    starts = [token.start for token in strings]
    quotations: list[tuple[int, int, frozenset[str]]] = []
    heads: list[tuple[int, int]] = []
    for command, following in zip(commands, [*commands[1:], None], strict=True):
        reach = command.end + _REACH if following is None else min(command.end + _REACH, following.start)
        meaning = plain.find("=>", command.end, reach)
        first, last = (bisect_left(starts, place) for place in (command.end, meaning))
        if bad := next(_bad_command(text, plain, command, meaning, strings[first:last], lists, quotations), None):
            yield bad
            return  # a text full of bad macros would take a long time
        if plain[command.start : command.end] == "macro":
            heads.append((command.end, plain.rfind(":", command.end, meaning)))
    yield from bad_items(code, heads)
    yield from _bad_splices(plain, quotations)


def _bad_command(
    text: str,
    code: str,
    command: Refusal,
    meaning: int,
    strings: list[Token],
    lists: Lists,
    quotations: list[tuple[int, int, frozenset[str]]],
) -> Iterator[Refusal]:
    """Yield what is wrong with one command for new syntax.

    Args:
        text: the text.
        code: the text's code.
        command: the command.
        meaning: where its `=>` is; negative if none is near.
        strings: the strings before its `=>`, which are its tokens.
        lists: the words that no new token may be.
        quotations: gets the place of the command's quotation, if the command is a macro.
    """
    if command.start and not code[command.start - 1].isspace():
        # The command directly follows a number or a symbol, which no honest text has.
        yield command
    elif meaning < 0:
        yield _refusal(command, "it is not clear where its tokens end")
    else:
        yield from _bad_tokens(text, strings, lists)
        if not _has_pairs(text, code[command.end : meaning], strings):
            yield _refusal(command, _UNPAIRED)
        yield from _bad_meaning(code, command, meaning, quotations)


def _bad_tokens(text: str, strings: list[Token], lists: Lists) -> Iterator[Refusal]:
    for token in strings:
        word = text[token.start + 1 : token.end - 1].strip()
        begins_command = _NEXT.match(f"\n{word}") is not None and word != ""
        if begins_command or not _is_harmless(word, lists):
            why = f"{text[token.start : token.end]} is refused: {_COMMAND if begins_command else _TOKEN}"
            yield Refusal(Reason.POLICY, why, token.start, token.end)


def _has_pairs(text: str, head: str, strings: list[Token]) -> bool:
    """Whether the brackets in a command's new tokens come in pairs whenever the new syntax is used."""
    joined = "".join(text[token.start : token.end] for token in strings)
    return are_paired(joined) and (_OPTIONAL.search(head) is None or BRACKETS.isdisjoint(joined))


def _bad_meaning(
    code: str, command: Refusal, meaning: int, quotations: list[tuple[int, int, frozenset[str]]]
) -> Iterator[Refusal]:
    """Yield a refusal if a macro's meaning is a program; otherwise add the place of its quotation to `quotations`."""
    if code[command.start : command.end] != "macro":
        return
    if quotation := _quotation(code, command.end, meaning):
        quotations.append(quotation)
    else:
        yield _refusal(command, _PROGRAM)


def _refusal(command: Refusal, why: str) -> Refusal:
    return replace(command, text=f"{command.text.partition(' ')[0]} is refused: {why}")


def _is_harmless(token: str, lists: Lists) -> bool:
    if token.rstrip("+*⁺⁻₊₋ˣ([") in _LITERALS or any(literal in token for literal in ("()", "[]", "{")):
        return False  # such a token would turn a literal in a configuration into a term of the text
    if _WORD.fullmatch(token):
        return token not in lists.by_word and lists.inside.search(token) is None
    return _SYMBOLS.fullmatch(token) is not None


def _quotation(code: str, start: int, arrow: int) -> tuple[int, int, frozenset[str]] | None:
    """Return the start and end of a macro's quotation, and the names that may follow a `$` in it.

    Return None if the meaning of the macro is not one quotation, or is longer than `_LONGEST` characters.

    Args:
        code: the text's code.
        start: where the macro's tokens begin.
        arrow: where the macro's `=>` is.
    """
    colon = code.rfind(":", start, arrow)
    found = _MACRO.match(code, colon) if colon >= 0 else None
    if found is None or found["category"] not in _CATEGORIES or found["quoted"] not in (None, found["category"]):
        return None
    depth = 1
    for bracket in _BRACKET.finditer(code, found.end(), found.end() + _LONGEST):
        depth += 1 if bracket[0] == "(" else -1
        if depth == 0:
            bound = frozenset(_BOUND.findall(code, start, colon))
            return (found.end(), bracket.start(), bound) if _NEXT.match(code, bracket.end()) else None
    return None


def _bad_splices(code: str, quotations: list[tuple[int, int, frozenset[str]]]) -> Iterator[Refusal]:
    """Yield a refusal for each bad `$`; `quotations` are in the order of their starts."""
    ahead = 0
    for dollar in _DOLLAR.finditer(code):
        at = dollar.start()
        while ahead < len(quotations) and quotations[ahead][1] <= at:
            ahead += 1
        bound = quotations[ahead][2] if ahead < len(quotations) and quotations[ahead][0] <= at else None
        is_operator = code[at + 1 : at + 2] in (" ", "\n")
        if not (is_operator if bound is None else dollar[1] in bound):
            yield Refusal(Reason.POLICY, f"`$` is refused: {_SPLICE}", at, at + 1)
