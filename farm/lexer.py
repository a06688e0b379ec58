r"""Lean text cut into tokens: enough to tell code from comments and strings, fast, and without ever failing.

It follows Lean's own `Lean/Parser/Basic.lean` (tokens, `whitespace`, `finishCommentBlock`) and `StrInterpolation.lean`.
Two things cannot be known outside Lean: which symbols the imported files made tokens, and whether a string stands where
Lean expects an interpolated one. Where that matters for what is code, the text is *doubtful* there, and whoever must be
sure refuses it: a comment glued to an operator (`{x //- … -/` is code), `'"'` glued to one (`f ⁻¹'"' … "`), a string
that would end elsewhere if its braces held code, a documentation comment that begins with a comment.

An identifier here is made of the characters that every Lean 4 takes: a letter that only newer ones take ends it, so
that more words are seen, never fewer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LETTERS = "A-Za-z_α-κμ-ωΑ-ΟΡΤ-Ωϊ-ϻἀ-῾℀-⅏𝒜-𝖟"
_WORD_CHARS = rf"{_LETTERS}0-9!?₀-₉ₐ-ₜᵢ-ᵪ"
_REST = rf"{_WORD_CHARS}'"
_PREFIX = r'(?:r\#*+(?=")|s!(?="))'
_PART = rf"(?:«[^»\n]*+»|[{_LETTERS}][{_REST}]*+)"
_NAME = rf"(?!{_PREFIX}){_PART}(?:\.{_PART})*+"
_NUMBER = (
    r"(?>(?<=\.)[0-9]++|0[bB][01_]*+|0[oO][0-7_]*+|0[xX][0-9a-fA-F_]*+"
    r"|[0-9][0-9_]*+(?:\.[0-9][0-9_]*+)?(?:\.?[eE][+-]?[0-9][0-9_]*+)?)"
)
_COMMENT = r"(?:[^/\-]++|/(?!-)|-(?!/))*+"
_CHAR = r"'(?:[^\\'\r\n]|\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^\r\n]))'"
_OPENED = rf"""(?P<raw>r(?P<hashes>\#*+)"(?:.*?"(?P=hashes)|(?P<raw_open>)))
    |(?P<interpolated>s!(?="))
    |(?P<line>--[^\n]*+)
    |(?P<block>/-(?![-!])(?:{_COMMENT}-/|(?P<block_open>)))
    |(?P<doc>/-[-!](?:{_COMMENT}-/|(?P<doc_open>)))
    |(?P<string>"(?:(?:[^"\\]++|\\.)*+"|(?P<string_open>)))
    |(?P<char>{_CHAR})
    |(?P<name_open>«)"""
_TOKEN = re.compile(
    rf"""(?P<word>{_NAME})|(?P<hash>\#{_NAME})|{_OPENED}|(?P<number>{_NUMBER})|(?P<symbol>:=|=>|[()\[\]{{}}⟨⟩⦃⦄,;:|@.])""",
    re.VERBOSE | re.DOTALL,
)
# Everything that is plain code in one go, then one of the others: many times faster where only those matter. Quotes
# behind an identifier's character are part of it; so is the `r` or `s` that ends one, which begins no string.
_OPENING = re.compile(
    rf"""(?:[^"'«/\-rs]++|(?!{_PREFIX})[rs]|(?<=[{_REST}».])[rs]|/(?!-)|-(?!-)|«[^»\n]*+»
    |(?<=[{_WORD_CHARS}])(?!(?<=[0-9])'[^{_LETTERS}0-9]')'++|(?!{_CHAR})')*+
    (?:{_OPENED}|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_EDGE = re.compile(r"/-|-/")
_PIECE = re.compile(r'(?:[^"\\{]++|\\.)*+(?:"|(?P<code>\{))', re.DOTALL)
# Braces whose content holds no quote, comment or brace: then every reading of the string ends at the same place.
_HOLE = re.compile(r"""\\.|\{(?P<code>[^{}"'«/\\-]*+)(?P<closed>\})?""", re.DOTALL)
# What may stand before a comment or a quoted character without being the start of a longer symbol.
_APART = frozenset(" \t\r\n()[]{}⟨⟩⟦⟧⦃⦄,;")
_WORD_END = re.compile(rf"[{_REST}»\"]")
_PREFIXED = re.compile(rf"[{_REST}»\".#]")
_AFTER_NUMBER = re.compile(rf"[{_LETTERS}«]")
_RISKY_CHARS = frozenset("\"'/-\\«»{}")
_DOC_DOUBT = re.compile(r"/-[-!](?:/|\s*+(?:/-(?![-!])|--[^\n]*?-/))")
_WORD = re.compile(_NAME)
_SIMPLE = frozenset(("word", "hash"))
_COMMENTS = frozenset(("line", "block", "doc"))
_VERBATIM = frozenset(("string", "char", "doc"))
# Looked for one by one, because a search for a plain string is a hundred times faster than one for an expression.
_IDLE = ("--", "/-", " \n", "\n\n", "\r\n")
_LONE_RETURN = re.compile(r"\r(?!\n)")
_SPACES_AT_END = re.compile(r" +\n")
_BLANK_LINES = re.compile(r"\n{2,}")
DOUBTFUL, UNCLOSED = "doubtful", "unclosed"


class Token(NamedTuple):
    """A piece of a text.

    Attributes:
        kind: `word` (an identifier or keyword, dots and «» included), `hash` (`#eval`), `number`, `symbol` (brackets
            and punctuation; other operators are left out), `string`, `char`, `line` and `block` (comments), `doc` (a
            documentation comment), `unclosed` (what never ends: it reaches to the end of the text), `doubtful` (see
            the module; an empty span in front of what is in doubt).
        start: index of its first character.
        end: index behind its last.
    """

    kind: str
    start: int
    end: int


def tokens(text: str, *, code: bool = True) -> Iterator[Token]:
    """Yield the tokens of a text in order; words in the braces of a string come after it, or between its pieces.

    It reads every text in linear time and raises nothing.

    Args:
        text: any text.
        code: whether words and symbols outside strings are wanted; without them it is many times faster.
    """
    position, comment_end = 0, 0
    # One number per interpolated string that is open: how many braces are open in its code.
    braces: list[int] = []
    while match := _TOKEN.search(text, position) if code or braces else _OPENING.match(text, position):
        kind = match.lastgroup
        if kind is None:
            break
        start, position = match.span(kind)
        if kind == "symbol":
            if braces and _ends_code(text[start], braces):
                kind, position = _piece(text, position, braces)
        elif kind not in _SIMPLE:
            if _DOUBTS[kind](text, match, comment_end):
                yield Token(DOUBTFUL, start, start)
            kind, position = _extent(text, match, braces)
            comment_end = position if kind in _COMMENTS else comment_end
        yield Token(kind, start, position)
        if kind == "string" and text.find("{", start, position) >= 0 and match.lastgroup == "string":
            yield from _words_in_braces(text, start, position)
    if braces:
        yield Token(UNCLOSED, position, len(text))


def _ends_code(symbol: str, braces: list[int]) -> bool:
    """Count a brace in an interpolated string's code; whether it is the one that ends the code."""
    braces[-1] += (symbol == "{") - (symbol == "}")
    if braces[-1] >= 0:
        return False
    braces.pop()
    return True


def _extent(text: str, match: re.Match[str], braces: list[int]) -> tuple[str, int]:
    """Return the kind and the end of what a match begins."""
    kind: str = match.lastgroup  # type: ignore[assignment]
    if kind == "interpolated":
        return _piece(text, match.end() + 1, braces)
    if kind in ("block", "doc") and match[f"{kind}_open"] is not None:
        end = _comment_end(text, match.end())
        return (kind, end) if end else (UNCLOSED, len(text))
    if kind == "name_open" or (kind in ("raw", "string") and match[f"{kind}_open"] is not None):
        return UNCLOSED, len(text)
    return ("string" if kind == "raw" else kind), match.end()


def _piece(text: str, position: int, braces: list[int]) -> tuple[str, int]:
    """Return the end of an interpolated string's next piece: its closing quote, or a brace that opens code."""
    match = _PIECE.match(text, position)
    if match is None:
        braces.clear()
        return UNCLOSED, len(text)
    if match["code"]:
        braces.append(0)
    return "string", match.end()


def _comment_end(text: str, position: int) -> int | None:
    depth = 1
    for edge in _EDGE.finditer(text, position):
        depth += 1 if edge[0] == "/-" else -1
        if depth == 0:
            return edge.end()
    return None


def _words_in_braces(text: str, start: int, end: int) -> Iterator[Token]:
    for hole in _HOLE.finditer(text, start, end):
        if hole["code"] is None:
            continue
        if hole["closed"] is None:
            yield Token(DOUBTFUL, hole.start(), hole.start())
        for word in _WORD.finditer(text, *hole.span("code")):
            yield Token("word", *word.span())


def _comment_doubt(text: str, match: re.Match[str], comment_end: int) -> bool:
    start = match.start(match.lastgroup or 0)
    if match.lastgroup == "block" and text.startswith("/-/", start):
        return True
    if match.lastgroup == "doc" and _DOC_DOUBT.match(text, start):
        return True
    if start in (0, comment_end) or text[start - 1] in _APART or _WORD_END.match(text, start - 1):
        return False
    return text[start - 2 : start] not in (":=", "=>")


def _char_doubt(text: str, match: re.Match[str], _: int) -> bool:
    start, end = match.span("char")
    glued = start > 0 and text[start - 1] not in _APART
    return glued and not _RISKY_CHARS.isdisjoint(text[start + 1 : end - 1])


def _prefix_doubt(text: str, match: re.Match[str], _: int) -> bool:
    """A letter unknown here may make `r` or `s!` the end of a longer word."""
    start = match.start(match.lastgroup or 0)
    before = text[start - 1 : start]
    return before in ("#", "'", ".") or (not before.isascii() and before not in _APART)


def _number_doubt(text: str, match: re.Match[str], _: int) -> bool:
    return _AFTER_NUMBER.match(text, match.end()) is not None


def _string_doubt(text: str, match: re.Match[str], _: int) -> bool:
    """A word before it may be a prefix that says how to read it, such as Lean's own `m!`."""
    start = match.start("string")
    return start > 0 and _PREFIXED.match(text, start - 1) is not None


def _no_doubt(text: str, match: re.Match[str], comment_end: int) -> bool:
    return False


_DOUBTS = {
    "line": _comment_doubt,
    "block": _comment_doubt,
    "doc": _comment_doubt,
    "char": _char_doubt,
    "raw": _prefix_doubt,
    "interpolated": _prefix_doubt,
    "number": _number_doubt,
    "string": _string_doubt,
    "name_open": _no_doubt,
}


def normal_form(code: str) -> str:
    """Return a text without what cannot change its meaning, as long as it runs no metaprogram that reads its source.

    Comments go (documentation comments stay), and so do blank lines, spaces at line ends and the carriage returns of
    CRLF, all outside strings. Every token that stays keeps its column, because Lean's layout depends on columns, and
    stays on its line or off its neighbour's. A text that is in doubt anywhere comes back as it is.
    """
    # A line end in quotes is a character, one of CRLF is not; to Lean a carriage return of its own is an error.
    if "\r" in code and ("'\r" in code or _LONE_RETURN.search(code)):
        return code
    if not (code.startswith("\n") or code.endswith((" ", "\n")) or any(map(code.__contains__, _IDLE))):
        return code
    out: list[str] = []
    gap: list[str] = []
    position = 0
    for kind, start, end in tokens(code, code=False):
        if kind in (DOUBTFUL, UNCLOSED):
            return code
        if kind in ("line", "block"):
            gap += code[position:start], _blank(code[start:end])
        elif kind in _VERBATIM:
            gap.append(code[position:start])
            out += _settled("".join(gap), first=not out), code[start:end]
            gap = []
        else:
            continue
        position = end
    gap.append(code[position:])
    return "".join([*out, _settled("".join(gap), first=not out).rstrip(" \n")])


def _blank(comment: str) -> str:
    """Return white space that leaves what follows a comment in its column; a comment with a line end is a line end."""
    if comment.startswith("--"):
        return ""
    _, newline, last = comment.rpartition("\n")
    return newline + " " * len(last)


def _settled(gap: str, *, first: bool) -> str:
    settled = gap.replace("\r\n", "\n")
    if " \n" in settled:
        settled = _SPACES_AT_END.sub("\n", settled)
    if "\n\n" in settled:
        settled = _BLANK_LINES.sub("\n", settled)
    return settled.lstrip("\n") if first else settled
