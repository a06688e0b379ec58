"""Decides which scopes of a statement's front stay open for a file, and so which namespace the file's names are in.

A scope is a section, a namespace or a `mutual` block. The front is the part of the statement that runs before the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from farm.challenge import Asked, Challenge
from farm.commands import DECLARING, SCOPED, Command, CommandText, LeanScope, namespace

_LOCAL_ATTRIBUTE = re.compile(r"attribute\s*\[[^\]]{0,1000}?(?:\blocal\b|-)")


@dataclass(frozen=True, slots=True)
class OpenScopes:
    """The scopes of the front that are open where a file begins.

    Attributes:
        base: the namespace that comes before the names in the file.
        alive: the scopes, outermost first.
        closing: `end` commands that run before the file; they close scopes of the front that the file does not use.
        opened: where the commands of the file begin that open these scopes again, and so must not run.
    """

    base: str = ""
    alive: tuple[LeanScope, ...] = ()
    closing: str = ""
    opened: frozenset[int] = frozenset()


def open_scopes(challenge: Challenge, code: CommandText) -> OpenScopes:
    """Return which scopes of the front stay open for a file. This takes time linear in the size of both."""
    asked, scopes = challenge.asked, challenge.scopes
    around = namespace(scopes)
    closed = OpenScopes(closing="".join(f"end {scope.name}".rstrip() + "\n" for scope in reversed(scopes)))
    if scopes and (same := _same_scopes(challenge, code)):
        if around and _has_own_scopes(challenge, code, same[0].at):
            return closed
        return OpenScopes(alive=scopes, opened=frozenset(scope.at for scope in same))
    if around and not _declares(code, asked, around) and _declares(code, asked, ""):
        return closed
    return OpenScopes(around, scopes)


def ends_with_scope(text: CommandText, command: Command) -> bool:
    """Whether a command, such as `open` or `local notation`, is in force only until the end of its scope."""
    return command.keyword in SCOPED or _is_local(text, command)


def read_key(text: CommandText, command: Command) -> tuple[str, ...]:
    """Return a command's tokens and operators, without comments: two commands with the same key say the same."""
    return tuple(lexeme for lexeme, _ in text.lexemes(command.first, command.last))


def _same_scopes(challenge: Challenge, code: CommandText) -> tuple[LeanScope, ...]:
    """Return the scopes of the file that repeat the open scopes of the front, and so need not be opened again.

    They are open where the file declares what follows the front in the statement.
    """
    scopes = challenge.scopes
    name = challenge.asked[0 if challenge.holes else -1].name
    found = next((each for each in code.commands if each.name and each.full_name() == name), None)
    if found is None or len(found.scopes) < len(scopes):
        return ()
    same = found.scopes[: len(scopes)]
    if len(found.scopes) > len(scopes) and found.scopes[len(scopes)].at == same[-1].at:
        return ()
    wanted = [(scope.keyword, scope.name) for scope in scopes]
    return same if [(scope.keyword, scope.name) for scope in same] == wanted else ()


def _has_own_scopes(challenge: Challenge, code: CommandText, at: int) -> bool:
    """Whether a file should run outside the front's namespaces, which it opens again at `at`.

    Inside them, what the file declares earlier would get a longer name: `helper` of a first `namespace A … end A` would
    be `A.A.helper`, and a second `namespace A` would not find it. Outside them, the file lacks the front's commands of
    these scopes, such as `variable`. So unless the longer name is that of a theorem that is asked for, the file has to
    repeat these commands.
    """
    own = {each.full_name() for each in challenge.own if each.keyword in DECLARING and each.name}
    asked = {item.name for item in challenge.asked}
    early = (each for each in code.commands if each.start < at and each.keyword in DECLARING and each.name)
    new = [name for name in (each.full_name() for each in early) if name not in own]
    return any(name in asked for name in new) or (bool(new) and _repeats_scoped(challenge, code))


def _repeats_scoped(challenge: Challenge, code: CommandText) -> bool:
    """Whether a file repeats all commands that are in force only in the scopes that the front leaves open."""
    cut, scopes = challenge.text, challenge.scopes
    sections = {scope.at for scope in scopes if scope.keyword == "section"}
    scoped = [
        each
        for each in challenge.own
        if each.start in sections
        or (each.scopes and each.scopes == scopes[: len(each.scopes)] and ends_with_scope(cut, each))
    ]
    if any(each.name for each in scoped):
        return False  # a local instance or lemma of the front is not declared again, and so has to stay in force
    repeated = {read_key(code, each) for each in code.commands}
    return all(read_key(cut, each) in repeated for each in scoped)


def _declares(code: CommandText, asked: Sequence[Asked], base: str) -> bool:
    lacking = {item.name for item in asked}
    for each in code.commands:
        if each.keyword in DECLARING and each.name:
            lacking.discard(each.full_name(base))
    return not lacking


def _is_local(text: CommandText, command: Command) -> bool:
    before = takewhile(lambda token: token.start < command.at, text.tokens[command.first : command.last])
    is_marked = any(text.text[start:end] == "local" for _, start, end in before)
    return is_marked or _LOCAL_ATTRIBUTE.match(text.text, command.at) is not None
