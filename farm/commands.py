"""Cuts a Lean text into commands, without Lean; finds the place, the declared name and the scopes of each command.

Keywords that begin a declaration are reserved in Lean. Outside brackets, no term contains such a keyword; a quotation
may, but is always in brackets. `open`, `set_option` and a few more keywords may also occur in terms and tactics. Such a
keyword begins a command only if it comes first on a line that is not indented deeper than the command before it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from farm.lexer import Token, tokens

THEOREMS = frozenset(("theorem", "lemma"))
DECLARING = THEOREMS | frozenset(
    ("def", "abbrev", "instance", "axiom", "opaque", "example", "structure", "inductive", "class", "irreducible_def")
)
STRUCTURAL = frozenset(("namespace", "section", "end", "mutual"))
# Commands that declare nothing and stay in force for the rest of their scope.
SCOPED = frozenset(("open", "universe", "variable", "set_option", "include", "omit"))
_SYNTAX = frozenset(
    ("notation", "notation3", "infix", "infixl", "infixr", "prefix", "postfix", "macro", "macro_rules", "syntax")
) | {"declare_syntax_cat", "elab", "elab_rules", "simproc", "dsimproc"}
_ALWAYS = DECLARING | STRUCTURAL | _SYNTAX | {"universe", "variable", "attribute", "export", "initialize", "import"}
_FIRST_ON_LINE = frozenset(
    ("open", "set_option", "include", "omit", "alias", "deriving", "run_cmd", "suppress_compilation", "library_note")
) | {"add_decl_doc", "unif_hint", "initialize_simps_projections", "proof_wanted", "compile_inductive"}
_MODIFIERS = frozenset(
    ("private", "protected", "public", "noncomputable", "partial", "unsafe", "nonrec", "meta", "local", "scoped")
)
_RESERVED = _ALWAYS | _FIRST_ON_LINE | _MODIFIERS | {"in"}
# After each of these an expression is expected, so what follows does not begin a command.
_OPEN_ENDED = frozenset(("by", ":=", "=>", "then", "else", "from", "at", ",", "·"))
_OPENING, _CLOSING = frozenset("([{⟨⦃"), frozenset(")]}⟩⦄")
_COMMENTS = frozenset(("line", "block", "doc"))
_ASIDE = _COMMENTS | {"symbol"}
MOST_SCOPES = 64
_LINE_END = re.compile("\n")
_PART = re.compile(r"«[^»]*»|[^.«»]+")
_INK = re.compile(r"\S+")
_ROOT = "_root_."


@dataclass(frozen=True, slots=True)
class LeanScope:
    """An open section, namespace or `mutual` block; `namespace A.B` opens two scopes.

    Attributes:
        keyword: `namespace`, `section` or `mutual`.
        name: the name of the scope; empty if it has none.
        at: where the command that opened the scope begins.
    """

    keyword: str
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a text.

    Attributes:
        keyword: the keyword of the command (`theorem`, `open`, `#eval`). If prefixes such as `open … in` come first,
            this is the keyword after them.
        start: where the command begins, with any doc comment, attributes, modifiers and prefixes such as `open … in`.
        at: where the keyword begins.
        end: the index after the command's last character, not counting comments and white space at its end.
        first: the index of the command's first token.
        last: the index after the command's last token.
        name: the name that the command declares or opens, as written; empty if there is none.
        name_at: where the name begins.
        scopes: the scopes that are open where the command begins, outermost first.
        is_private: whether the command is marked `private`.
    """

    keyword: str
    start: int
    at: int
    end: int
    first: int
    last: int
    name: str
    name_at: int
    scopes: tuple[LeanScope, ...]
    is_private: bool

    @property
    def namespace(self) -> str:
        """The namespaces that are open where the command begins."""
        return namespace(self.scopes)

    def full_name(self, base: str = "") -> str:
        """Return the fully qualified name that Lean would give if the text stood inside the namespace `base`."""
        if self.name.startswith(_ROOT):
            return self.name.removeprefix(_ROOT)
        return ".".join(part for part in (base, self.namespace, self.name) if part)


def namespace(scopes: tuple[LeanScope, ...]) -> str:
    """Return the name of the namespace that these scopes open together; empty if they open none."""
    return ".".join(scope.name for scope in scopes if scope.keyword == "namespace")


@dataclass(frozen=True, slots=True)
class CommandText:
    """A text with its tokens and commands.

    Attributes:
        text: the text.
        tokens: the tokens of the text in order, with comments.
        commands: the commands of the text in order.
        scopes: the scopes that are open at the end of the text.
        deepest: the largest number of scopes that are open at the same time. If this number is above `MOST_SCOPES`,
            names are not certain.
    """

    text: str
    tokens: tuple[Token, ...]
    commands: tuple[Command, ...]
    scopes: tuple[LeanScope, ...]
    deepest: int

    def lexemes(self, first: int, last: int) -> list[tuple[str, int]]:
        """Return a range of tokens and the operators between them, each as (text, place). Comments are left out.

        `lemma` is returned as `theorem`, because it means the same.
        """
        found: list[tuple[str, int]] = []
        position = self.tokens[first].start if first < last else 0
        for kind, start, end in self.tokens[first:last]:
            if start > position:
                found += [(operator[0], operator.start()) for operator in _INK.finditer(self.text, position, start)]
            if kind not in _COMMENTS:
                word = self.text[start:end]
                found.append(("theorem" if word == "lemma" else word, start))
            position = end
        return found


def cut_commands(text: str, start: int = 0) -> CommandText:
    """Cut a text into commands, beginning at an index. This takes linear time and never raises."""
    return _Cutter(text, tuple(token for token in tokens(text) if token.start >= start)).cut()


@dataclass(slots=True)
class _Cutter:
    """Reads tokens from left to right and cuts them into commands.

    `current` is the first token of the command being read, or None; `keyword` is the token of its keyword, and `word`
    the text of this token, which is looked at often and may be long. A prefix is the doc comment, attributes and
    modifiers before a command; `prefix` is the first token of the prefix being read, or None. `before` is the last word
    or symbol that has been read, and `led` the last word or symbol before the prefix.
    """

    text: str
    tokens: tuple[Token, ...]
    commands: list[Command] = field(default_factory=list)
    scopes: tuple[LeanScope, ...] = ()
    lines: list[int] = field(default_factory=list)
    current: int | None = None
    keyword: int = 0
    word: str = ""
    prefix: int | None = None
    led: str = ""
    before: str = ""
    depth: int = 0
    deepest: int = 0

    def cut(self) -> CommandText:
        text, self.lines = self.text, line_starts(self.text)
        for index, (kind, start, end) in enumerate(self.tokens):
            if kind == "symbol":
                self._read_symbol(index, text[start:end])
            elif self.depth == 0 and kind not in _ASIDE:
                self._read(index, kind, text[start:end])
            elif self.depth == 0 and kind == "doc":
                self._read_doc(index)
        self._finish(len(self.tokens))
        return CommandText(self.text, self.tokens, tuple(self.commands), self.scopes, self.deepest)

    def _read_doc(self, index: int) -> None:
        if self.text.startswith("/-!", self.tokens[index].start):
            self.prefix, self.before = None, "/-!"
        else:
            self._lead(index)

    def _read_symbol(self, index: int, symbol: str) -> None:
        start = self.tokens[index].start
        if self.depth == 0 and symbol == "@" and self.text.startswith("@[", start):
            self._lead(index)
        elif self.depth == 0 and not (self.prefix is not None and self.text.startswith("@[", start - 1)):
            self.prefix = None
        self.depth = max(0, self.depth + (symbol in _OPENING) - (symbol in _CLOSING))
        self.before = symbol

    def _read(self, index: int, kind: str, word: str) -> None:
        if (word in _RESERVED or kind == "hash") and self._begins(index, kind, word):
            self._begin(index, word)
        elif word in _MODIFIERS:
            self._lead(index)
        else:
            self.prefix = None
        self.before = word

    def _lead(self, index: int) -> None:
        if self.prefix is None:
            self.prefix, self.led = index, self.before

    def _begins(self, index: int, kind: str, word: str) -> bool:
        if word in _ALWAYS:
            return not self._continues(index, word)
        return (kind == "hash" or word in _FIRST_ON_LINE) and self._is_apart(index)

    def _continues(self, index: int, word: str) -> bool:
        """Whether a keyword belongs to what is before it, as in `class inductive`, `deriving instance` or `a.end`."""
        if self.before == "." and self.text[self.tokens[index].start - 1] == ".":
            return True
        return (self.before, word) in (("class", "inductive"), ("class", "abbrev"), ("deriving", "instance"))

    def _is_apart(self, index: int) -> bool:
        """Whether a keyword begins a new command here. Call this for keywords that may also occur inside a command."""
        before = self.before if self.prefix is None else self.led
        if self.current is None or before in ("/-!", "in"):
            return True
        if before in _OPEN_ENDED:
            return False
        first = index if self.prefix is None else self.prefix
        if self._is_first_on_line(first):
            return self._column(first) <= self._column(self.current)
        return self.word in STRUCTURAL | SCOPED

    def _is_first_on_line(self, index: int) -> bool:
        start = self.tokens[index].start
        line = start - self._column(index)
        end = self.tokens[index - 1].end if index else line
        return end <= line and not self.text[line:start].strip()

    def _column(self, index: int) -> int:
        start = self.tokens[index].start
        return start - self.lines[bisect_right(self.lines, start) - 1]

    def _begin(self, index: int, word: str) -> None:
        before = self.before if self.prefix is None else self.led
        if self.current is None or before != "in" or not self._takes_in():
            start = index if self.prefix is None else self.prefix
            self._finish(start)
            self.current = start
        self.keyword, self.word, self.prefix = index, word, None

    def _takes_in(self) -> bool:
        is_hash = self.tokens[self.keyword].kind == "hash"
        return self.word in SCOPED or self.word in _SYNTAX or self.word == "attribute" or is_hash

    def _finish(self, last: int) -> None:
        if self.current is None:
            return
        first, keyword = self.current, self.tokens[self.keyword]
        last, limit = self._without_trailing_comments(last)
        word, start = self.word, self.tokens[first].start
        name, name_at = self._name(word, last)
        end = start + len(self.text[start:limit].rstrip())
        is_private = any(self.text[a:b] == "private" for _, a, b in self.tokens[first : self.keyword])
        command = Command(word, start, keyword.start, end, first, last, name, name_at, self.scopes, is_private)
        self.commands.append(command)
        self._enter(command)

    def _without_trailing_comments(self, last: int) -> tuple[int, int]:
        limit = self.tokens[last].start if last < len(self.tokens) else len(self.text)
        while self.tokens[last - 1].kind in _COMMENTS and not self.text[self.tokens[last - 1].end : limit].strip():
            last -= 1
            limit = self.tokens[last].start
        return last, limit

    def _name(self, word: str, last: int) -> tuple[str, int]:
        index = self.keyword + 1
        if word == "class" and self._is(index, "inductive", last):
            index += 1
        if word == "instance" and self._is(index, "(", last):
            while index < last and not self._is(index, ")", last):
                index += 1
            index += 1
        while index < last and self.tokens[index].kind in _COMMENTS:
            index += 1
        if word not in DECLARING | STRUCTURAL | {"alias"} or word == "example" or index >= last:
            return "", 0
        kind, start, end = self.tokens[index]
        name = self.text[start:end]
        return (name, start) if kind == "word" and name not in _RESERVED else ("", 0)

    def _is(self, index: int, word: str, last: int) -> bool:
        return index < last and self.text[slice(*self.tokens[index][1:])] == word

    def _enter(self, command: Command) -> None:
        if command.keyword == "end":
            self.scopes = self.scopes[: max(0, len(self.scopes) - max(1, len(parts(command.name))))]
        elif command.keyword in STRUCTURAL:
            opened = parts(command.name) or ("",)
            self.deepest = max(self.deepest, len(self.scopes) + len(opened))
            # Each command holds its scopes, so their number has to be bounded. Deeper scopes are not followed.
            room = MOST_SCOPES - len(self.scopes)
            self.scopes += tuple(LeanScope(command.keyword, name, command.start) for name in opened[:room])


def parts(name: str) -> tuple[str, ...]:
    """Return the parts of a name; a dot inside «» does not separate parts."""
    return tuple(_PART.findall(name))


def line_starts(text: str) -> list[int]:
    """Return where the lines of a text begin. In Lean a line ends only at a line feed."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]
