r"""Cuts Lean text into tokens: fast, for any text, and exact enough to tell code from comments and strings.

The rules are those of Lean's own `Lean/Parser/Basic.lean` (`whitespace`, `finishCommentBlock`, `tokenFn`) from 2021 to
4.35. Three things cannot be known from the text: which Lean reads it, which symbols the imports declare as tokens, and
whether Lean takes a string for an interpolated string. A place is *doubtful* if one of these three things decides what
is code there. A caller that must be sure refuses a text with a doubtful place. The doubtful places are:

- a comment directly after a symbol, if a longer symbol may include the comment's mark (`{x //- … -/` is code);
- a comment that contains `--/`, which does not end a comment in the Lean of 2021;
- a comment that begins with `/-/`, whose second slash Lean skips;
- a documentation comment whose text begins with a comment, because after `/--` Lean skips white space and comments;
- a quoted character, «name» or string directly after a symbol or word that may include the opening quote
  (`f ⁻¹'"' … "`);
- a raw string, if a Lean without raw strings would end it elsewhere;
- a string whose braces, read as code, hold a quote, a comment or a brace.

Identifiers consist of the characters that every Lean 4 accepts in them. A letter that only newer Leans accept ends an
identifier here, so this module may see more words than Lean, but never fewer.

The time is linear: every loop moves on, and no regular expression backtracks far. After a repetition without a limit,
nothing has to match except the `»` that ends a name, and every `«` in code has its `»`. Possessive quantifiers and
atomic groups are not used, because Python 3.11.0 to 3.11.4 misread them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

LETTERS = "A-Za-z_α-κμ-ωΑ-ΟΡ\u03a2Τ-Ωϊ-ϻἀ-῾℀-⅏𝒜-𝖟"
"""Characters that may begin an identifier in every Lean 4, for use inside `[…]` in a regular expression."""
WORD_CHARS = rf"{LETTERS}0-9!?₀-₉ₐ-ₜᵢ-ᵪ'"
"""Characters that every Lean 4 accepts inside an identifier, for the same use."""
_PART = rf"(?:«[^»\n]*»|[{LETTERS}][{WORD_CHARS}]*)"
NAME = rf"{_PART}(?:\.{_PART})*"
"""An identifier with its dots, as a regular expression."""
_NUMBER = (
    r"(?<=\.)[0-9]+|0[bB][01_]*|0[oO][0-7_]*|0[xX][0-9a-fA-F_]*"
    r"|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:\.?[eE][+-]?[0-9][0-9_]*)?"
)
_CODE = re.compile(
    rf"(?P<word>{NAME})|(?P<hash>\#{NAME})|(?P<number>{_NUMBER})|(?P<symbol>:=|=>|[()\[\]{{}}⟨⟩⦃⦄,;:|@.])"
)
# `_OPENING` matches the marks at which something may begin that is not plain code. A prime inside a word is plain code,
# unless a quoted character may begin at the prime. If the closing quote of this character is missing, Lean jumps over
# the two characters after the prime. `_REACHED` matches a text in which such jumps may reach another mark.
_REACHED = r"(?:[\s\S]{0,2}'){0,3}[\s\S]{0,2}(?:--|/-|[\"«\\])"
_OPENING = re.compile(rf"""["«]|--|/-|'(?:(?<![{WORD_CHARS}]')|(?=["'/\-\\«»{{}}\r\n])|(?=[^'\\]')|(?={_REACHED}))""")
_CHAR = re.compile(r"""'(?:[^\\']|\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["'\\nrt]))'""")
_IN_STRING = re.compile(r'["\\]')
_BLANK = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(NAME)
_IN_WORD = frozenset(re.findall(f"[{WORD_CHARS}]", "".join(map(chr, (*range(0x2150), *range(0x1D49C, 0x1D5A0))))))
_LONE_QUOTE = re.compile(rf"'{_REACHED}")
_BAD_BLANK = re.compile(r"\t|\r(?!\n)")
_LETTER = re.compile(rf"[{LETTERS}]")
_LONG_NAME = 40
# A letter that no number contains, not even a hexadecimal one.
_NAME_LETTER = re.compile(rf"(?![a-fA-FxXoObB_])[{LETTERS}]")
_EDGE = re.compile(r"/-|-/")
_THREE_EDGES = re.compile(r"[-/]{3}")
_OLD_EDGE = re.compile(r"/-|-[\s\S]")
_PREFIX = re.compile(rf"(?<![{WORD_CHARS}».])[smf]!")
# A backslash in a string, and what may follow it in every Lean. If anything else follows, Lean reports an error, and
# reads the rest of the string as code.
_ESCAPE = re.compile(r"\\(?:(?P<known>[\"'\\nrt]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})|(?P<brace>\{)|[\s\S])")
_BRACE = re.compile(r"\\.|\{", re.DOTALL)
_HOLE_END = re.compile(r"""["'«{}\\]|--|/-|\Z""")
_RISKY_CHARS = frozenset("\"'/-\\«»{}\r\n")
_WORD_END = _IN_WORD | {"»", '"'}
_APART = frozenset(" \t\r\n()[]{}⟨⟩⟦⟧⦃⦄,;")
# After a symbol that ends in one of these characters, a comment surely begins: no symbol of Lean, Std, Batteries, Aesop
# or Mathlib continues with `-` or `/` there (the tokens of 2021 and of 4.35 were searched). The set leaves out `<`
# (`<-`), `|` (`|-`), `/` (`//`), `-`, `.`, `#`, `!`, and letters unknown to older Leans.
_OPERATOR_ENDS = frozenset("+*=>^~&%$:·→←↔↦⟶∧∨¬∣≤≥≠≡∈∉⊆⊂∪∩∘×•∀∃∑∏`")
# Characters after which a double quote surely begins a string; no symbol contains a double quote.
_BEFORE_QUOTE = _APART | _OPERATOR_ENDS | frozenset("<|/-\\@")
# Characters after which a prime surely begins a quoted character. Many symbols contain a prime (`×'`, `⁻¹'`, `∑'`), but
# none contains it after one of these characters.
_BEFORE_CHAR = _APART | frozenset("=>:|")
DOUBTFUL, UNCLOSED = "doubtful", "unclosed"


class Token(NamedTuple):
    """A token of a text.

    Attributes:
        kind: `word` (an identifier or keyword, dots and «» included), `hash` (`#eval`), `number`, `symbol` (brackets
            and punctuation; other operators are left out), `string`, `char`, `line` and `block` (comments), `doc` (a
            documentation comment), `unclosed` (a token that never ends, and so reaches to the end of the text),
            `doubtful` (an empty span before a doubtful place; see the docstring of the module).
        start: the index of its first character.
        end: the index after its last character.
    """

    kind: str
    start: int
    end: int


def tokens(text: str, *, code: bool = True) -> Iterator[Token]:
    """Yield the tokens of a text in order. The words in the braces of a string come after the string.

    Reading takes linear time and never raises.

    Args:
        text: any text.
        code: whether to yield words, numbers and symbols too; without them, reading is many times faster.
    """
    position = 0
    for token in _not_code(text):
        if code and token.start > position:
            yield from _code(text, position, token.start)
        yield token
        position = max(position, token.end)
        for start, end in holes(text, token) if code else ():
            yield from (Token("word", *word.span()) for word in _WORD.finditer(text, start, end))
    if code:
        yield from _code(text, position, len(text))


def holes(text: str, token: Token) -> list[tuple[int, int]]:
    """Return the spans between a string's braces. They hold code if Lean takes the string for an interpolated one."""
    if token.kind != "string" or text.find("{", token.start, token.end) < 0:
        return []
    return [(start, end) for start, end, _ in _holes(text, token.start, token.end)]


def _code(text: str, start: int, end: int) -> Iterator[Token]:
    for match in _CODE.finditer(text, start, end):
        yield Token(match.lastgroup or "", *match.span())


class _Found(NamedTuple):
    """The stretch of text that begins at a mark: kind (None for plain code), span, and whether it is doubtful."""

    kind: str | None
    start: int
    end: int
    is_doubtful: bool


def _not_code(text: str) -> Iterator[Token]:
    """Yield the tokens that are not code, in order, with a `doubtful` token before each doubtful place."""
    # `begun` is where the last token ended. Whatever begins there is not part of a symbol or word before it.
    position = begun = 0
    while (start := _opening(text, position, begun)) is not None:
        found = _READERS[text[start]](text, start, begun)
        if found.is_doubtful:
            yield Token(DOUBTFUL, found.start, found.start)
        if found.kind:
            yield Token(found.kind, found.start, found.end)
            begun = found.end
        position = found.end


def _opening(text: str, position: int, begun: int) -> int | None:
    if position == begun and text.startswith("'", position):
        return position
    match = _OPENING.search(text, position)
    return match.start() if match else None


def _line(text: str, start: int, begun: int) -> _Found:
    end = text.find("\n", start)
    return _Found("line", start, len(text) if end < 0 else end, _may_go_on(text, start, begun))


def _block(text: str, start: int, begun: int) -> _Found:
    is_doc = text.startswith(("/--", "/-!"), start)
    body = start + 2 + is_doc
    is_doubtful = text.startswith("/", body) or (is_doc and _begins_with_comment(text, body))
    is_doubtful |= _may_go_on(text, start, begun)
    end = comment_end(text, body)
    if end is None:
        return _Found(UNCLOSED, start, len(text), is_doubtful)
    return _Found("doc" if is_doc else "block", start, end, is_doubtful or _ends_elsewhere(text, body, end))


def _may_go_on(text: str, start: int, begun: int) -> bool:
    """Whether the symbol before a comment may be a longer symbol that includes the comment's mark."""
    if start == begun:
        return False
    before = text[start - 1]
    if before in "eE":
        # `1e-` is a number to the Lean of 2021.
        return not _is_in_name(text, start, begun)
    return before not in _APART and before not in _OPERATOR_ENDS and before not in _WORD_END


def comment_end(text: str, body: int) -> int | None:
    """Return the end of a comment, or None if it never ends; `body` is where its text begins, after the `/-`."""
    depth = 1
    for edge in _EDGE.finditer(text, body):
        depth += 1 if edge[0] == "/-" else -1
        if depth == 0:
            return edge.end()
    return None


def _ends_elsewhere(text: str, body: int, end: int) -> bool:
    """Whether the Lean of 2021 ends a comment elsewhere, because it skips the character after a lone dash."""
    if not _THREE_EDGES.search(text, body, end):
        return False
    depth = 1
    for edge in _OLD_EDGE.finditer(text, body, end):
        depth += (edge[0] == "/-") - (edge[0] == "-/")
        if depth == 0:
            return edge.end() != end
    return True


def _begins_with_comment(text: str, position: int) -> bool:
    """Whether the beginning of a documentation comment's text makes it doubtful where Lean ends the comment.

    The end is doubtful if the text begins with a tab, a lone carriage return or a `/-` comment. It is also doubtful if
    the text begins with a `--` comment, and the documentation comment ends, or another comment opens, in the same line.
    A tab is an error in Lean. Lean then continues after the tab as if there were no documentation comment.
    """
    while True:
        blank = _BLANK.match(text, position)
        assert blank is not None, "the pattern matches the empty text too"  # noqa: S101
        if _BAD_BLANK.search(blank[0]):
            return True
        position = blank.end()
        if not text.startswith("--", position):
            return text.startswith("/-", position)
        # Each search ends at this line's end, so that many such comments take linear time.
        line_end = text.find("\n", position)
        if line_end < 0 or any(text.find(mark, position, line_end) >= 0 for mark in ("-/", "/-")):
            return True
        position = line_end


def _string(text: str, start: int, begun: int) -> _Found:
    first = start
    while first and text[first - 1] == "#":
        first -= 1
    if (
        first
        and text[first - 1] == "r"
        and not (first > 1 and (text[first - 2] in _IN_WORD or text[first - 2] in "»."))
    ):
        return _raw_string(text, first - 1, start)
    is_certain = _begins_token(text, start, begun) or (start > 1 and _PREFIX.match(text, start - 2, start))
    end = _string_end(text, start + 1)
    if end is None:
        return _Found(UNCLOSED, start, len(text), not is_certain)
    is_doubtful = not is_certain or _has_bad_escape(text, start, end) or _may_hide_code(text, start, end)
    return _Found("string", start, end, is_doubtful)


def _raw_string(text: str, start: int, quote: int) -> _Found:
    """Read `r"…"` or `r#"…"#`; a Lean without raw strings reads `"…"`, with escapes, and then `#`."""
    close = '"' + "#" * (quote - start - 1)
    end = text.find(close, quote + 1)
    is_doubtful = start > 0 and text[start - 1] not in _BEFORE_QUOTE
    if end < 0:
        return _Found(UNCLOSED, start, len(text), is_doubtful)
    differs = text.find('"', quote + 1, end) >= 0 or text.find("\\", quote, end) >= 0
    end += len(close)
    return _Found("string", start, end, is_doubtful or differs or _may_hide_code(text, quote, end))


def _string_end(text: str, position: int) -> int | None:
    while match := _IN_STRING.search(text, position):
        if match[0] == '"':
            return match.end()
        position = match.end() + 1
    return None


def _has_bad_escape(text: str, start: int, end: int) -> bool:
    """Whether some Lean reports an error at a backslash. Only an interpolated string may have an escaped brace."""
    may_escape_braces = start > 1 and _PREFIX.match(text, start - 2, start) is not None
    escapes = _ESCAPE.finditer(text, start, end)
    return not all(each["known"] or (each["brace"] and may_escape_braces) for each in escapes)


def _may_hide_code(text: str, start: int, end: int) -> bool:
    return text.find("{", start, end) >= 0 and not all(is_plain for _, _, is_plain in _holes(text, start, end))


def _holes(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Yield the span after each opening brace of a string, and whether it is plain code up to a closing brace."""
    for brace in _BRACE.finditer(text, start, end):
        if brace[0] == "{":
            stop = _HOLE_END.search(text, brace.end(), end)
            assert stop is not None, "the pattern matches the end of the text too"  # noqa: S101
            yield brace.end(), stop.start(), stop[0] == "}"


def _quote(text: str, start: int, begun: int) -> _Found:
    in_word = start != begun and text[start - 1] in _IN_WORD
    if in_word and _is_in_name(text, start, begun):
        char = _CHAR.match(text, start)
        return _Found(None, start, start + 1, char is not None and _is_risky(char))
    char = _CHAR.match(text, start)
    if char and in_word:
        return _Found(None, start, start + 1, True)
    if char:
        is_certain = start == begun or text[start - 1] in _BEFORE_CHAR
        # If the first quote belongs to a symbol, the second one is alone.
        is_doubtful = not is_certain and (_is_risky(char) or _LONE_QUOTE.match(text, char.end() - 1) is not None)
        return _Found("char", start, char.end(), is_doubtful or text[start + 1] in "\r\n")
    # Newer Leans take two quotes for a symbol. Older Leans take the first for the beginning of a character.
    size = 1 + text.startswith("''", start)
    third = text.startswith("'", start + 2) or _CHAR.match(text, start + 1) is not None
    return _Found(None, start, start + size, (size == 2 and third) or _LONE_QUOTE.match(text, start) is not None)


def _is_risky(char: re.Match[str]) -> bool:
    return not _RISKY_CHARS.isdisjoint(char[0][1:-1])


def _begins_token(text: str, start: int, begun: int) -> bool:
    """Whether a quote surely begins a token of its own and is not part of a symbol before it."""
    return start == begun or text[start - 1] in _BEFORE_QUOTE


def is_prime(text: str, position: int) -> bool:
    """Whether a quote certainly belongs to the name before it, so that no quoted character begins there."""
    return position > 0 and text[position - 1] in _IN_WORD and _is_in_name(text, position, 0)


def _is_in_name(text: str, position: int, begun: int) -> bool:
    """Whether the word before a position is certainly a name and not a number.

    Only the end of a long word is read. It is part of a name if it has a letter that no number contains.
    """
    first = position - 1
    while first > begun and text[first - 1] in _IN_WORD:
        if position - first == _LONG_NAME:
            return _NAME_LETTER.search(text, first, position) is not None
        first -= 1
    return _LETTER.match(text, first) is not None


def _escaped_name(text: str, start: int, begun: int) -> _Found:
    end = text.find("»", start)
    if end < 0 or text.find("\n", start, end) >= 0:
        return _Found(UNCLOSED, start, len(text), False)
    is_certain = _begins_token(text, start, begun) or text[start - 1] == "." or text[start - 1] in _WORD_END
    return _Found(None, start, end + 1, not is_certain and not _RISKY_CHARS.isdisjoint(text[start + 1 : end]))


_READERS = {'"': _string, "«": _escaped_name, "-": _line, "/": _block, "'": _quote}
