"""What new syntax may not be, even where it is let pass: tokens that would make the gate itself misread the text.

The gate knows where names, comments and strings begin because no symbol of Lean or its libraries goes on with a letter
behind a bracket, with `-` or `/` behind an operator, or holds a quote. A text that adds tokens could change that. So a
new token is one word, or is made of symbols alone, without dashes and slashes behind its first character, without
quotes, `#` and «»; and the meaning of new syntax is a quotation, not a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from farm.lexer import LETTERS, WORD_CHARS, tokens
from farm.models import Reason
from workers.lean.refusal import Refusal
from workers.lean.words import Lists

_COMMAND = re.compile(
    rf"(?<![{WORD_CHARS}».])(?:notation3?|infix[lr]?|prefix|postfix|macro|syntax|macro_rules|binder_predicate)(?![{WORD_CHARS}.])"
)
# Where the tokens of a command end and its meaning begins.
_MEANING = re.compile(rf"=>|:=|:\s*(?P<category>[{LETTERS}]+)(?=\s*(?:=>|\n|\Z))")
_WORD = re.compile(rf"[{LETTERS}][{WORD_CHARS}]*%?")
_SYMBOLS = re.compile(rf"[^\s{WORD_CHARS}\"'#«»\\`/-]+|[-/]")
_QUOTATION = re.compile(r"\s*`\(")
_CATEGORIES = frozenset(("term", "tactic", "conv"))
_REACH = 2000


def bad_syntax(text: str, code: str, lists: Lists) -> Iterator[Refusal]:
    """Yield what is wrong with the new syntax of a text, where the rules let it pass."""
    commands = [match for match in _COMMAND.finditer(code) if match[0] not in lists.by_word]
    if not commands:
        return
    strings = [token for token in tokens(text, code=False) if token.kind == "string"]
    for command in commands:
        meaning = _MEANING.search(code, command.end(), command.end() + _REACH)
        if meaning is None:
            yield _refusal(command, "where its tokens end cannot be told")
            continue
        for token in strings:
            if command.end() <= token.start < meaning.start() and not _is_harmless(
                text[token.start + 1 : token.end - 1], lists
            ):
                yield Refusal(
                    Reason.POLICY, f"{text[token.start : token.end]} is refused: {_WHY}", token.start, token.end
                )
        yield from _bad_meaning(code, command, meaning)


_WHY = "a new token has to be one word, or symbols without dashes, slashes, quotes and `#`"


def _refusal(command: re.Match[str], why: str) -> Refusal:
    return Refusal(Reason.POLICY, f"`{command[0]}` is refused: {why}", *command.span())


def _is_harmless(token: str, lists: Lists) -> bool:
    token = token.strip()
    if _WORD.fullmatch(token):
        return token not in lists.by_word and lists.inside.search(token) is None
    return _SYMBOLS.fullmatch(token) is not None


def _bad_meaning(code: str, command: re.Match[str], meaning: re.Match[str]) -> Iterator[Refusal]:
    """Yield what is wrong behind a command's tokens: another category than terms and tactics, or a program."""
    if command[0] not in ("macro", "syntax", "macro_rules"):
        return
    category = meaning["category"]
    if command[0] != "macro_rules" and category not in _CATEGORIES:
        yield _refusal(command, "it adds to no category of terms or tactics")
    if command[0] == "syntax":
        return
    arrow = code.find("=>", meaning.start(), meaning.start() + _REACH)
    if arrow < 0 or not _QUOTATION.match(code, arrow + 2):
        yield _refusal(command, "its meaning is no quotation but a program")
