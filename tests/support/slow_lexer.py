"""A second, slow tokenizer to compare the fast one with: one character at a time, as close as possible to `tokenFn`.

It has no notion of doubt, so the two are compared only where the fast one is in no doubt.
"""

from __future__ import annotations

_RANGES = ((0x3B1, 0x3C9), (0x391, 0x3A9), (0x3CA, 0x3FB), (0x1F00, 0x1FFE), (0x2100, 0x214F), (0x1D49C, 0x1D59F))
_NOT_LETTERS = "λΠΣ"
_SUBSCRIPTS = ((0x2080, 0x2089), (0x2090, 0x209C), (0x1D62, 0x1D6A))
_SYMBOLS = "()[]{}⟨⟩⦃⦄,;:|@."

Piece = tuple[str, int, int]


class Unclosed(Exception):
    """Something never ends."""


def slow_tokens(text: str) -> list[Piece]:
    """Return the tokens of a text; `unclosed` comes last if something never ends."""
    return _Slow(text).run()


def _within(character: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= ord(character) <= high for low, high in ranges)


def _is_first(character: str) -> bool:
    if character in _NOT_LETTERS or character == "":
        return False
    return (character.isascii() and character.isalpha()) or character == "_" or _within(character, _RANGES)


def _is_rest(character: str) -> bool:
    if character == "":
        return False
    return _is_first(character) or character in "0123456789'!?" or _within(character, _SUBSCRIPTS)


class _Slow:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[Piece] = []

    def run(self) -> list[Piece]:
        try:
            while self.at < len(self.text):
                self.token()
        except Unclosed as place:
            self.found.append(("unclosed", place.args[0], len(self.text)))
        return self.found

    def peek(self, ahead: int = 0) -> str:
        return self.text[self.at + ahead : self.at + ahead + 1]

    def starts(self, what: str) -> bool:
        return self.text.startswith(what, self.at)

    def add(self, kind: str, start: int) -> None:
        self.found.append((kind, start, self.at))

    def token(self) -> None:
        start, here = self.at, self.peek()
        if self.starts("--"):
            while self.peek() not in ("", "\n"):
                self.at += 1
            self.add("line", start)
        elif self.starts("/-"):
            self.comment()
        elif here == '"':
            self.at += 1
            self.string_end(start)
            self.add("string", start)
        elif self.begins_string(0):
            self.raw()
        elif here == "'" and self.char_end():
            self.at = self.char_end()
            self.add("char", start)
        elif here.isdecimal() and here.isascii():
            self.number(start)
            self.add("number", start)
        elif _is_first(here) or here == "«":
            self.name()
            self.add("word", start)
        elif here == "#" and not self.begins_string(1) and (_is_first(self.peek(1)) or self.has_escaped(1)):
            self.at += 1
            self.name()
            self.add("hash", start)
        elif here in _SYMBOLS:
            self.at += 2 if self.starts(":=") else 1
            self.add("symbol", start)
        elif self.starts("=>"):
            self.at += 2
            self.add("symbol", start)
        else:
            self.at += 1

    def begins_string(self, ahead: int) -> bool:
        rest = self.text[self.at + ahead :]
        return rest[:1] == "r" and rest[1:].lstrip("#").startswith('"')

    def comment(self) -> None:
        start = self.at
        kind = "doc" if self.peek(2) in ("-", "!") and self.peek(2) else "block"
        self.at += 3 if kind == "doc" else 2
        depth = 1
        while depth:
            if self.at >= len(self.text):
                raise Unclosed(start)
            if self.starts("/-"):
                depth, self.at = depth + 1, self.at + 2
            elif self.starts("-/"):
                depth, self.at = depth - 1, self.at + 2
            else:
                self.at += 1
        self.add(kind, start)

    def string_end(self, start: int) -> None:
        while self.peek() != '"':
            if self.peek() == "":
                raise Unclosed(start)
            self.at += 2 if self.peek() == "\\" else 1
            if self.at > len(self.text):
                raise Unclosed(start)
        self.at += 1

    def raw(self) -> None:
        start = self.at
        self.at += 1
        hashes = 0
        while self.peek() == "#":
            hashes, self.at = hashes + 1, self.at + 1
        end = self.text.find('"' + "#" * hashes, self.at + 1)
        if end < 0:
            raise Unclosed(start)
        self.at = end + 1 + hashes
        self.add("string", start)

    def char_end(self) -> int:
        if self.peek(1) in ("", "'"):
            return 0
        end = self.at + 2
        if self.peek(1) == "\\":
            end += {"x": 3, "u": 5}.get(self.peek(2), 1)
            digits = self.text[self.at + 3 : end]
            if any(digit not in "0123456789abcdefABCDEF" for digit in digits):
                return self.short_escape()
        return end + 1 if self.text[end : end + 1] == "'" else self.short_escape()

    def short_escape(self) -> int:
        return (
            self.at + 4 if self.peek(1) == "\\" and self.peek(2) not in ("", "\r", "\n") and self.peek(3) == "'" else 0
        )

    def number(self, start: int) -> None:
        if self.text[start - 1 : start] == "." and start:
            return self.take("0123456789")
        base = {"b": "01", "o": "01234567", "x": "0123456789abcdefABCDEF"}.get(self.peek(1).lower(), "")
        if self.peek() == "0" and base:
            self.at += 2
            return self.take(base + "_")
        self.take("0123456789_")
        if self.peek() == "." and self.peek(1).isdecimal() and self.peek(1).isascii():
            self.at += 1
            self.take("0123456789_")
        ahead = 1 if self.peek() == "." else 0
        if self.peek(ahead) in ("e", "E") and self.peek(ahead):
            sign = 1 if self.peek(ahead + 1) in ("+", "-") and self.peek(ahead + 1) else 0
            digit = self.peek(ahead + 1 + sign)
            if digit.isdecimal() and digit.isascii():
                self.at += ahead + 1 + sign
                self.take("0123456789_")
        return None

    def take(self, characters: str) -> None:
        while self.peek() and self.peek() in characters:
            self.at += 1

    def has_escaped(self, ahead: int) -> bool:
        """Whether a «name» that ends on its line stands here."""
        if self.peek(ahead) != "«":
            return False
        line = self.text[self.at + ahead :].split("\n", 1)[0]
        return "»" in line

    def name(self) -> None:
        while True:
            if self.peek() == "«":
                if not self.has_escaped(0):
                    raise Unclosed(self.at)
                self.at = self.text.index("»", self.at) + 1
            else:
                while _is_rest(self.peek()):
                    self.at += 1
            if self.peek() != "." or not (_is_first(self.peek(1)) or self.has_escaped(1)):
                return
            self.at += 1
