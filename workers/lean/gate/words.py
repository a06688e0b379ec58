"""Finds the words and names that the gate refuses, wherever Lean could begin a token with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from farm.lexer import LETTERS, NAME, WORD_CHARS, is_prime
from farm.models import Reason
from workers.lean.gate.code import BEFORE_NAME, RUNS_TERMS, Code
from workers.lean.gate.refusal import Refusal
from workers.lean.gate.rules import ALLOWED_HASH, LEMMA_SPACES, STD_ROOTS, TASK_FUNCTIONS, USES, Rule

_NAME_MARKS = str.maketrans("", "", "«»")
_LETTERED = re.compile("[A-Za-z_]+[!%]?")
_RUN = re.compile(rf"(?:«[^»\n]*»|[{WORD_CHARS}.])+")
_NAME = re.compile(NAME)
_NAME_BEGINS = re.compile(rf"«[^»\n]*»|[{LETTERS}]")
# Mathlib's symbols `[MOD`, `[ZMOD` and the like: a token begins directly after them.
_MODULO = re.compile(r"\[[A-Z]?MOD")
_HASH = re.compile(rf"«[^»\n]*»|#({NAME})")
# `#s` is the number of elements of the set `s`. It passes if `s` is one letter, perhaps with digits, primes or
# subscripts, and also if `#s` is in a place where a term is expected.
_COUNTED = re.compile(rf"[{LETTERS}][0-9'₀-₉ₐ-ₜᵢ-ᵪ]*(?:\.|\Z)")
_BEFORE_TERM = frozenset("([{⟨=≠<>≤≥+*/^∣,:→↔∧∨¬←∈↦")
# An `#eval` that only calculates with numbers. It passes if nothing in the text can change what numerals and operators
# mean: then it runs none of the text's code, and people forget to remove such commands. The pattern also requires that
# the command ends after the calculation.
_CALCULATION = re.compile(
    r"#eval[ \t]+\({0,8}[0-9](?:[0-9+*/%^() \t-]{0,80}[0-9)])?"
    rf"(?=\s{{0,80}}(?:\Z|(?:theorem|lemma|end)[^{WORD_CHARS}]))"
)
_OPEN = re.compile(r"(?:\A|\n)[ \t]*open(?:[ \t]+[\w.]+)*[ \t]+\Z")
_OPENED = re.compile(r"Lean(?=\s|\Z)(?!(?:[ \t]+[\w.]{1,80}){0,20}\s+in\b)")
# The text that follows `unsafe` in an aesop rule that may fail; no declaration continues like this.
_PROBABILITY = re.compile(r"\s{1,80}\d{1,3}\s{0,80}%")
_USED_BEHIND = frozenset("([{⟨,@←|=>∘<$;·+*:¬-]")
_LAST_WORD = re.compile(r"\w+\Z")


class Lists:
    """The words of some rules, in the forms that a search through a text needs."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        rules = tuple(rules)
        self.by_word = {word: rule for rule in rules for word in rule.words if word[0] != "#"}
        self.by_hash = {word: rule for rule in rules for word in rule.words if word[0] == "#"}
        self.by_root = {root: rule for rule in rules for root in rule.roots}
        self.deep = frozenset(root for rule in rules if rule.deep for root in rule.roots)
        words = sorted((*self.by_word, *self.by_root, *STD_ROOTS), key=len, reverse=True)
        self.inside = re.compile(rf"({'|'.join(map(re.escape, words))})[!?]*(?![{WORD_CHARS}])")
        self._ends = tuple({_LETTERED.findall(word)[-1] for word in words})
        self._last_letters = {end[-3:] for end in self._ends} | {end[-2:] for end in self._ends if len(end) == 2}

    def may_stand_in(self, code: str, body: int) -> bool:
        """Whether a text may contain a refused word, judged by the words' endings alone.

        For most texts the answer is no, and the text needs no closer look.
        """
        words = (set(_LETTERED.findall(code, 0, body)) - {"import"}).union(_LETTERED.findall(code, body))
        words |= {word[:-1] for word in words if word[-1] in "!%"}
        likely = [word for word in words if word[-3:] in self._last_letters or word[-2:] in self._last_letters]
        return any(word.endswith(self._ends) for word in likely)


def forbidden_words(code: Code, body: int, lists: Lists) -> Iterator[Refusal]:
    """Yield the refused words and names of a text. In the header, which ends at `body`, only keywords are refused."""
    text = code.text
    if not lists.may_stand_in(text, body):
        return
    for run in _RUN.finditer(text):
        start, end = run.span()
        if start == 0 or (text[start - 1] in BEFORE_NAME and not _may_jump_into(text, start)):
            name = _NAME.match(text, start, end)
            if name:
                yield from _in_name(code, *name.span(), body, lists)
                start = name.end()
        if start < end:
            yield from _anywhere(code, start, end, body, lists)


def _may_jump_into(text: str, start: int) -> bool:
    """Whether a token may begin within the letters at `start`, although the character before them begins a name."""
    # Lean takes a quote that is not in a name for the beginning of a character. If the closing quote is missing, Lean
    # goes on after the two characters that follow the quote.
    quote = start - 2
    is_behind_quote = quote >= 0 and text[quote] == "'" and not is_prime(text, quote)
    return is_behind_quote or _MODULO.match(text, start - 1) is not None


def _in_name(code: Code, start: int, end: int, body: int, lists: Lists) -> Iterator[Refusal]:
    text = code.text
    if text[end : end + 1] == "%" and text[start : end + 1] in lists.by_word:
        end += 1
    name, is_escaped = text[start:end].translate(_NAME_MARKS), text[start] == "«"
    rule = lists.by_word.get(name) or lists.by_word.get(name.rstrip("!?"))
    if name == "unsafe" and (_PROBABILITY.match(text, end) or code.defines_unused(start, end)):
        return
    if start < body:
        rule = None if is_escaped or name == "import" else rule
    elif rule is None or (is_escaped and not rule.names):
        rule = _rule_for_name(code, name, start, lists)
    if rule:
        yield Refusal(rule.reason, f"`{name}` is refused: {rule.why}", start, end)


def _rule_for_name(code: Code, name: str, start: int, lists: Lists) -> Rule | None:
    parts = name.removeprefix("_root_.").split(".")
    rule = lists.by_word.get(parts[-1])
    if rule and rule.names:
        return rule
    rule = lists.by_root.get(parts[0])
    if rule and not _is_excused(code, rule, parts, start):
        return rule
    if not STD_ROOTS.isdisjoint(parts) and code.has_std:
        return lists.by_root.get("IO")
    return next((lists.by_root[part] for part in parts if part in lists.deep), None)


def _is_excused(code: Code, rule: Rule, parts: list[str], start: int) -> bool:
    """Whether a name may pass although `rule` refuses its first component.

    It may pass in three cases:

    - The rule has `own`, and the text itself declares a type that has this component as its name. But `Meta` does not
      pass in a text that contains `Lean`, and `Task` does not pass before Lean's own names (`TASK_FUNCTIONS`).
    - The name is the `Lean` in `open Lean`, and nothing in the text makes Lean run a term.
    - The name is that of a lemma (`LEMMA_SPACES`), and is used here, not declared.
    """
    if rule.own and parts[0] in code.own_types:
        return not code.has_lean if parts[0] == "Meta" else TASK_FUNCTIONS.isdisjoint(parts[1:])
    if parts[0] != "Lean":
        return False
    if len(parts) == 1:
        return (
            not code.runs_terms
            and _OPENED.match(code.text, start) is not None
            and _OPEN.search(code.text[max(0, start - 200) : start]) is not None
        )
    return parts[1] in LEMMA_SPACES and _is_used(code.text, start)


def _is_used(text: str, start: int) -> bool:
    """Whether a name is certainly used here, and not declared.

    A declaration must not pass: in the proof of `theorem Lean.Grind.a`, everything in the namespaces `Lean` and
    `Lean.Grind` can be used without its prefix.
    """
    before = text[max(0, start - 80) : start].rstrip()
    word = _LAST_WORD.search(before)
    return before[-1:] in _USED_BEHIND or (word is not None and word[0] in USES)


def _anywhere(code: Code, start: int, end: int, body: int, lists: Lists) -> Iterator[Refusal]:
    """Yield the refused words in a piece of text in which a token may begin at any character."""
    text = code.text
    for name in _NAME.finditer(text, start, end):
        yield from _in_name(code, *name.span(), body, lists)
    for match in lists.inside.finditer(text, start, end):
        word, position = match[1], match.start()
        rule = lists.by_word.get(word)
        goes_on = text[match.end() : match.end() + 1] == "." and _NAME_BEGINS.match(text, match.end() + 1)
        if rule is None and position >= body and text[position - 1 : position] != ".":
            rule = _rule_for_name(code, word, position, lists)
        elif rule and goes_on and not rule.names:
            rule = None
        if rule and not (position < body and word == "import"):
            yield Refusal(rule.reason, f"`{word}` is refused: {rule.why}", *match.span(1))


def forbidden_commands(code: Code, body: int, lists: Lists) -> Iterator[Refusal]:
    """Yield the refused words that begin with `#`.

    An allowed word passes only if white space or the end of the text follows it. Otherwise Lean may read a shorter
    word, which is another command: it reads `#wherex` as `#where`.
    """
    text = code.text
    for match in _HASH.finditer(text, body):
        start, end = match.span()
        if match[1] is None:
            continue
        if match[0] in ALLOWED_HASH and text[end : end + 1] in ("", " ", "\n", "\r", "\t"):
            continue
        rule = next((rule for word, rule in lists.by_hash.items() if match[0].startswith(word)), None)
        if rule and (code.changes_numerals or not _CALCULATION.match(text, start)):
            yield Refusal(rule.reason, f"`{match[0]}` is refused: {rule.why}", start, end)
        elif rule is None and not _COUNTED.match(match[1]) and not _is_term(text, start):
            yield Refusal(
                Reason.POLICY, f"`{match[0]}` is refused: it is not on the list of harmless commands", start, end
            )


def _is_term(text: str, start: int) -> bool:
    return text[max(0, start - 80) : start].rstrip()[-1:] in _BEFORE_TERM


def terms_that_run(code: Code, body: int) -> Iterator[Refusal]:
    """Yield the words that may make Lean run a term, in a text whose statement has opened Lean's own machinery."""
    for match in RUNS_TERMS.finditer(code.text, body) if code.is_behind_machinery else ():
        why = "Lean may run a term here, and the statement names Lean's own machinery"
        yield Refusal(Reason.POLICY, f"`{match[0]}` is refused: {why}", *match.span())
