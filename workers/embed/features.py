"""Describes a statement's subject by weighted features: statements that share many features are likely to be related.

The weights were tuned on the goals of tests/unit/embed/test_lexical_recall.py. Some of these goals are written by hand.
Others are made from the shipped corpus: an equivalence with one side turned into a hypothesis, or an equation put
inside a larger term.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from math import log, sqrt

from workers.embed.statements import ParsedStatement, Tokens
from workers.embed.terms import Terms, collapse, groups, is_field, is_variable, peel, relation, rename, terms, written
from workers.embed.tokens import CLOSING, OPENING, words

_WHOLE, _TYPED = 2.0, 1.5
_SIDE, _GROUP = 1.0, 3.0
_RULE, _HYPOTHESIS = 3.0, 0.7
_RUN, _LONGEST_RUN = 0.4, 5
_WORD, _NAME_WORD, _HYPOTHESIS_WORD, _DOC_WORD = 1.0, 0.4, 0.3, 0.15
# An equivalence is a rule in either direction.
_DIRECTION = 0.8
# A feature that nearly every statement has, such as `x0 =`, says little.
_COMMON = 0.25

# A longer conclusion is not repeated with each hypothesis: that would take a thousand times as much memory as the text.
_LONGEST_REPEATED = 1_000

_SAYS_LITTLE = frozenset(OPENING) | CLOSING | {",", ":", "=", "↔"}
_SORTS = frozenset({"Type", "Sort"})
_SEPARATORS = re.compile(r"[\s._]+")

Bag = defaultdict[str, float]


def features(statement: ParsedStatement) -> dict[str, float]:
    """Return the features of a statement with their weights, all positive."""
    bag: Bag = defaultdict(float)
    hypotheses = [terms(statement, tokens) for tokens in statement.hypotheses]
    left, sign, right = relation(terms(statement, statement.conclusion))
    conclusion = [*left, sign, *right] if sign else left
    _add_claim(bag, statement, hypotheses, conclusion, 1.0)
    if sign == "↔":
        _add_claim(bag, statement, [*hypotheses, left], right, _DIRECTION)
        _add_claim(bag, statement, [*hypotheses, right], left, _DIRECTION)
    for group in groups(conclusion):
        _add_term(bag, group, _GROUP)
    _add_runs(bag, conclusion)
    _add_words(bag, statement)
    return bag


def _add_claim(bag: Bag, statement: ParsedStatement, hypotheses: list[Terms], conclusion: Terms, weight: float) -> None:
    """Add the claim as a whole, its two sides, and the hypotheses from which it follows."""
    left, sign, right = relation(peel(conclusion))
    names: dict[str, str] = {}
    whole = " ".join(rename([*left, sign, *right] if sign else left, names))
    repeated = _repeated(whole)
    types = sorted({_type_name(statement, name[1:]) for name in names} - _SORTS)
    bag["whole " + whole] += _WHOLE * weight
    bag[f"typed {whole} : {' '.join(types)}"] += _TYPED * weight
    for side in (left, right) if sign else ():
        is_bare = len(side) == 1 and is_variable(side[0])
        _add_term(bag, side, _SIDE * weight * (_COMMON if is_bare else 1.0))
    for row in hypotheses:
        # Variables that do not occur in the conclusion are all written alike, such as the b in a ≤ b and b ≤ c.
        hypothesis = " ".join(names.get(term, "?") if is_variable(term) else term for term in row)
        bag["hypothesis " + hypothesis] += _HYPOTHESIS * weight / sqrt(len(hypotheses))
        bag[f"rule {hypothesis} ⊢ {repeated}"] += _RULE * weight / sqrt(len(hypotheses))


def _repeated(conclusion: str) -> str:
    """Return what stands for a conclusion in the rule of each hypothesis: the conclusion, or a long one's digest."""
    if len(conclusion) <= _LONGEST_REPEATED:
        return conclusion
    return blake2b(conclusion.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _add_term(bag: Bag, row: Terms, weight: float) -> None:
    """Add a term that an equation may rewrite, and the term's outline.

    Terms with the same outline match: the outline of `0 + (n + 1)` is that of `0 + m`.
    """
    for text in {written(row), written(collapse(row))}:
        bag["term " + text] += weight


def _add_runs(bag: Bag, row: Terms) -> None:
    """Add runs of 2 to 5 terms.

    Variables are renamed in each run separately, so `b + c` inside a longer term matches `n + m` in a premise.
    """
    counts: Counter[str] = Counter()
    common: set[str] = set()
    for run in _runs(row):
        text = written(run)
        counts[text] += 1
        if all(is_variable(term) or term in _SAYS_LITTLE for term in run):
            common.add(text)
    for text, count in counts.items():
        bag["run " + text] += _RUN * (1 + log(count)) * (_COMMON if text in common else 1.0)


def _runs(row: Terms) -> Iterator[Terms]:
    for start in range(len(row) - 1):
        for end in range(start + 2, min(start + _LONGEST_RUN, len(row)) + 1):
            yield row[start:end]


def _add_words(bag: Bag, statement: ParsedStatement) -> None:
    """Add the words of names and notation, and the words of the variables' types."""
    types = {_type_name(statement, token) for token in statement.conclusion if token in statement.types}
    # The name of a definition is its subject; the name of a theorem repeats what the theorem says.
    name_weight = _NAME_WORD if statement.kind in ("theorem", "lemma") else _WORD
    for word, count in Counter(_words_in(statement, [statement.conclusion])).items():
        bag["word " + word] += _WORD * (1 + log(count))
    _add_all(bag, (word for name in types - _SORTS for word in words(name)), _WORD)
    _add_all(bag, _words_of_text(statement.name), name_weight)
    _add_all(bag, _words_in(statement, [*statement.hypotheses, *statement.classes]), _HYPOTHESIS_WORD)
    _add_all(bag, _words_of_text(statement.doc), _DOC_WORD)


def _add_all(bag: Bag, found: Iterable[str], weight: float) -> None:
    for word in set(found):
        bag["word " + word] += weight


def _words_in(statement: ParsedStatement, rows: Iterable[Tokens]) -> Iterator[str]:
    return (word for row in rows for token in row if not statement.is_variable(token) for word in words(token))


def _words_of_text(text: str) -> Iterator[str]:
    return (word for part in _SEPARATORS.split(text) if part for word in words(part))


def _type_name(statement: ParsedStatement, variable: str) -> str:
    """Return the last name in the head of a variable's type: `Fin` for `Fin n`, `→` for functions, `*` for `α`."""
    type_ = statement.types.get(variable, [])
    if not type_:
        return "?"
    if "→" in type_:
        return "→"
    if statement.is_variable(type_[0]):
        return "*"
    end = next((at for at, token in enumerate(type_) if at and not is_field(token)), len(type_))
    return type_[end - 1].lstrip(".")
