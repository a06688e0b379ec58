"""Takes a goal or a declaration apart into variables, hypotheses and conclusion: a rough reading, not a parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from workers.embed.tokens import CLOSING, OPENING, is_name, tokenise

Tokens = list[str]

# The most that is read of one text; the rest would cost time and add little.
_MOST_CHARACTERS = 8_000
_MOST_TOKENS = 400

_DECLARATION = re.compile(
    r"\s*(?:/--(?P<doc>.*?)-/\s*)?"
    r"(?P<kind>theorem|lemma|def|abbrev|instance|axiom|inductive|structure|class|opaque)\s+(?P<name>\S+)(?P<rest>.*)",
    re.DOTALL,
)
_SHORT_NAME = re.compile(r"[^\W\d_][₀-₉\d]*['✝]*")
_NEXT_HYPOTHESIS = re.compile(r"\n(?!\s)")

_LOGICAL = frozenset("=≠<≤>≥∣∈∉⊆⊂∧∨¬↔∃≍≡") | {"==", "!="}
_REACH_TO_THE_END = frozenset("∃∀∑∏") | {"fun", "if", "let"}


@dataclass(slots=True)
class ParsedStatement:
    """The parts of a goal or a declaration.

    Attributes:
        kind: the keyword of a declaration, empty for a goal.
        name: the name of a declaration, empty for a goal.
        doc: the documentation of a declaration.
        types: the variables, with the tokens of their types.
        hypotheses: the propositions that are assumed.
        classes: the instances that are assumed.
        conclusion: what is claimed.
    """

    kind: str = ""
    name: str = ""
    doc: str = ""
    types: dict[str, Tokens] = field(default_factory=dict)
    hypotheses: list[Tokens] = field(default_factory=list)
    classes: list[Tokens] = field(default_factory=list)
    conclusion: Tokens = field(default_factory=list)

    def is_variable(self, token: str) -> bool:
        """Whether a token is a variable: bound by the text, or one letter long, because texts may leave binders out."""
        return token in self.types or bool(_SHORT_NAME.fullmatch(token))

    def bind(self, names: Iterable[str], type_: Tokens) -> None:
        """Record a binder: as a hypothesis if its type is a proposition, otherwise as variables."""
        type_ = type_[: type_.index(":=")] if ":=" in type_ else type_
        is_proof = not _LOGICAL.isdisjoint(type_) or self.types.get(type_[0] if type_ else "") == ["Prop"]
        if is_proof:
            self.hypotheses.append(type_)
        else:
            self.types.update(dict.fromkeys(filter(is_name, names), type_))

    def conclude(self, tokens: Tokens) -> None:
        """Record the conclusion; leading `∀ x,` and `p →` become binders and hypotheses."""
        while True:
            if tokens[:1] == ["∀"] and (end := find(tokens, ",")) > 0:
                self._bind_all(tokens[1:end])
                tokens = tokens[end + 1 :]
            elif (arrow := _top_arrow(tokens)) > 0:
                self.hypotheses.append(tokens[:arrow])
                tokens = tokens[arrow + 1 :]
            else:
                break
        self.conclusion = tokens

    def _bind_all(self, binders: Tokens) -> None:
        if binders[:1] and binders[0] not in OPENING:
            colon = find(binders, ":")
            self.bind(binders[:colon] if colon > 0 else binders, binders[colon + 1 :] if colon > 0 else [])
            return
        for group in _groups(binders):
            self.bind_group(group)

    def bind_group(self, group: Tokens) -> None:
        """Record a bracketed binder: `(x y : α)`, `{h : p}` or `[Class α]`."""
        inner, colon = group[1:-1], find(group[1:-1], ":")
        if group[0] == "[":
            self.classes.append(inner[colon + 1 :])
        elif colon > 0:
            self.bind(inner[:colon], inner[colon + 1 :])


def find(tokens: Tokens, mark: str) -> int:
    """Return where a token first stands outside all brackets, or -1 if there is no such place."""
    return next((at for at, token in _outside(tokens) if token == mark), -1)


def _outside(tokens: Tokens) -> Iterator[tuple[int, str]]:
    depth = 0
    for at, token in enumerate(tokens):
        depth -= token in CLOSING
        if depth <= 0:
            yield at, token
        depth += token in OPENING


def _top_arrow(tokens: Tokens) -> int:
    """Return where the arrow of the first implication stands, or -1 if the tokens are no implication.

    The search ends at the first `∃` or similar symbol, because what follows the symbol belongs to it, up to the end of
    the tokens. If the search finds a `↔`, even after an arrow, the tokens are no implication, because `↔` binds more
    weakly than `→`.
    """
    first = -1
    for at, symbol in _outside(tokens):
        if symbol == "↔":
            return -1
        if symbol in _REACH_TO_THE_END:
            break
        if symbol == "→" and first < 0:
            first = at
    return first


def _groups(tokens: Tokens) -> Iterator[Tokens]:
    """Yield the bracketed groups of a row of binders, brackets included."""
    start = 0
    for at, token in _outside(tokens):
        if token in OPENING:
            start = at
        elif token in CLOSING:
            yield tokens[start : at + 1]


def read(text: str) -> ParsedStatement:
    """Take apart a goal (`… ⊢ …`), a declaration (`[/-- doc -/] kind name binders : type`) or a bare term."""
    context, turnstile, conclusion = text.partition("⊢")
    if turnstile:
        return _read_goal(context[-_MOST_CHARACTERS:], conclusion[:_MOST_CHARACTERS])
    declaration = _DECLARATION.match(text[:_MOST_CHARACTERS])
    if declaration:
        return _read_declaration(**declaration.groupdict(""))
    statement = ParsedStatement()
    statement.conclude(tokenise(text[:_MOST_CHARACTERS])[:_MOST_TOKENS])
    return statement


def _read_goal(context: str, conclusion: str) -> ParsedStatement:
    statement = ParsedStatement()
    for line in _NEXT_HYPOTHESIS.split(context.strip()):
        tokens = tokenise(line)[:_MOST_TOKENS]
        colon = find(tokens, ":")
        if colon > 0:
            statement.bind(tokens[:colon], tokens[colon + 1 :])
    # Another goal may follow after an empty line.
    statement.conclude(tokenise(conclusion.split("\n\n")[0])[:_MOST_TOKENS])
    return statement


def _read_declaration(doc: str, kind: str, name: str, rest: str) -> ParsedStatement:
    statement = ParsedStatement(kind=kind, name=name, doc=doc)
    tokens = tokenise(rest)[:_MOST_TOKENS]
    colon = find(tokens, ":")
    for group in _groups(tokens[: max(colon, 0)]):
        statement.bind_group(group)
    statement.conclude(tokens[colon + 1 :])
    return statement
