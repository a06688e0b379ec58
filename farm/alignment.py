"""Compares a submission's file with the front of the statement: what the file repeats, what it changes, what it adds.

The front is the part of the statement that runs before the submission. The parts of the file that repeat the front are
replaced by white space, so all other characters keep their places. Commands are compared by their tokens, so comments
and white space do not count. Theorems are compared by their signatures. This module does not decide what is proved,
because the front runs in any case.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from farm.challenge import Asked, Challenge
from farm.commands import DECLARING, STRUCTURAL, THEOREMS, Command, CommandText, LeanScope, parts
from farm.open_scopes import ends_with_scope, open_scopes, read_key
from farm.signature import Ambiguous, Signature, read_signature
from farm.statement import place

# A command with one of these keywords can undo an earlier command.
_SWITCHES = frozenset(("include", "omit", "set_option"))
_NO_NEWLINE = re.compile(r"[^\n]")


@dataclass(frozen=True, slots=True)
class Change:
    """A place where a file differs from the front.

    Attributes:
        text: the difference, in a sentence.
        at: where in the file the difference is.
    """

    text: str
    at: int


@dataclass(slots=True)
class Alignment:
    """What has to be done with a file before it runs.

    Attributes:
        closing: `end` commands that run before the file; they close scopes of the front that the file does not use.
        blanks: the stretches of the file that repeat the front, as (start, end); white space has to replace them.
        inserts: the texts of the statement that have to be inserted into the file, each as (place in the file, text).
        proved: the lemmas that the front states without a proof and that the file proves.
        values: the values that the file gives for the holes after a `:=`, by the full names of the holes.
        change: the first place where the file changes the statement; None if it changes nothing.
    """

    closing: str = ""
    blanks: list[tuple[int, int]] = field(default_factory=list)
    inserts: list[tuple[int, str]] = field(default_factory=list)
    proved: list[Command] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    change: Change | None = None


def align(challenge: Challenge, code: CommandText) -> Alignment:
    """Compare a file with a statement; return what has to be done with the file.

    This takes time linear in the size of the file and of the statement.
    """
    scopes = open_scopes(challenge, code)
    alignment = Alignment(closing=scopes.closing)
    alignment.blanks += [(each.start, each.end) for each in code.commands if each.start in scopes.opened]
    repeated = _Repeated(challenge, code, scopes.base, scopes.alive, alignment)
    repeated.read()
    return alignment


def blanked(text: str, blanks: Sequence[tuple[int, int]]) -> str:
    """Return a text in which white space replaces the given stretches; line and column numbers do not change."""
    out: list[str] = []
    position = 0
    for start, end in sorted(blanks):
        if start < position:
            continue  # it overlaps the stretch before; blanking it again would move the text after it
        out += text[position:start], _NO_NEWLINE.sub(" ", text[start:end])
        position = end
    return "".join([*out, text[position:]])


@dataclass(slots=True)
class _Repeated:
    """Goes through the commands of a file and finds the commands that the statement has too."""

    challenge: Challenge
    code: CommandText
    base: str
    alive: tuple[LeanScope, ...]
    alignment: Alignment
    later: dict[int, Command] = field(default_factory=dict)
    lacking: dict[int, Command] = field(default_factory=dict)
    asked: dict[str, Command] = field(default_factory=dict)
    universes: set[str] = field(default_factory=set)
    mentions: Counter[str] | None = None
    has_switched: bool = False

    def read(self) -> None:
        challenge, cut = self.challenge, self.challenge.text
        self.later = {command.start: command for command in challenge.later}
        self.lacking = dict(self.later)
        named = {
            each.full_name(): each for each in (*challenge.own, *challenge.later) if each.name and _declaring(each)
        }
        outside = [each for each in challenge.own if each.keyword == "universe" and not each.scopes]
        self.universes = {cut.text[start:end] for each in outside for start, end in _arguments(cut, each)}
        silent: dict[tuple[str, ...], list[Command]] = {}
        for each in (*challenge.later[::-1], *challenge.own[::-1]):
            if self._is_silent(each):
                silent.setdefault(read_key(cut, each), []).append(each)
        keywords = {said[0].keyword for said in silent.values()}
        asked, compared = {item.name for item in challenge.asked}, set[str]()
        for command in self.code.commands:
            name = command.full_name(self.base) if command.name and _declaring(command) else ""
            if name in asked:
                self.asked.setdefault(name, command)
            elif name in named:
                self._compare(named.pop(name), command)
                compared.add(name)
            elif name in compared:
                # Lean refuses a second declaration. If macros hid it from Lean, the lemma would be taken out of the
                # front twice.
                text = f"`{command.name}` is the statement's own and is declared twice"
                self.alignment.change = Change(text, command.start)
            elif command.keyword == "universe" and (known := self._known_universes(command)):
                self.alignment.blanks += known
            elif command.keyword in keywords:
                self._drop_silent(command, silent.get(read_key(self.code, command), []))
            else:
                self.has_switched = self.has_switched or command.keyword in _SWITCHES
            if self.alignment.change:
                return
        self._drop_empty_blocks()
        self._give_values()
        self._insert_later()

    def _is_silent(self, command: Command) -> bool:
        """Whether to look in the file for a repetition of this command of the statement, which declares no name.

        For a command that declares a name, return False: `read` finds its repetition by the name. For any other
        command, return True, with two exceptions, both in the front: a command that opens or closes a scope, and a
        command such as `open`, `variable` or `local notation` whose scope is no longer open where the file begins.
        """
        is_later = command.start in self.later
        if command.keyword in STRUCTURAL or (command.name and _declaring(command)):
            return is_later and command.keyword in STRUCTURAL
        is_alive = command.scopes == self.alive[: len(command.scopes)]
        return is_later or is_alive or not ends_with_scope(self.challenge.text, command)

    def _known_universes(self, command: Command) -> list[tuple[int, int]]:
        """Return what to drop of a `universe` command: Lean refuses to declare one of the front's universes again."""
        names = _arguments(self.code, command)
        known = [(start, end) for start, end in names if self.code.text[start:end] in self.universes]
        return [(command.start, command.end)] if 0 < len(known) == len(names) else known

    def _drop_silent(self, command: Command, said: list[Command]) -> None:
        """Drop a command that repeats one of `said`: the statement's equal commands that the file has not repeated yet.

        After a switch of the file's own, such as `omit h`, a command such as `include h` has an effect, so it stays.
        """
        is_switch = command.keyword in _SWITCHES
        if said and not (is_switch and self.has_switched):
            self._drop(said.pop(), command)
        else:
            self.has_switched = self.has_switched or is_switch

    def _compare(self, said: Command, command: Command) -> None:
        cut = self.challenge.text
        if said.keyword in THEOREMS and command.keyword in THEOREMS:
            meant, has = _signature(cut, said), _signature(self.code, command)
            if meant and has and not self._differs(said, command, len(meant.text), len(has.text)):
                self._keep_or_drop(said, command, meant, has)
                return
        if self._differs(said, command):
            self.alignment.change = self._change(said, command)
        else:
            self._drop(said, command)

    def _keep_or_drop(self, said: Command, command: Command, meant: Signature, has: Signature) -> None:
        if meant.is_missing and not has.is_missing and not self._is_needed(said):
            self.alignment.proved.append(said)
        else:
            self._drop(said, command)

    def _is_needed(self, said: Command) -> bool:
        """Whether another command of the front mentions a lemma, so that the lemma has to stay in the front."""
        if self.mentions is None:
            self.mentions = _mentions(self.challenge)
        return self.mentions[parts(said.name)[-1]] > 1

    def _drop(self, said: Command, command: Command) -> None:
        if said.start in self.later:
            self.lacking.pop(said.start, None)
        else:
            self.alignment.blanks.append((command.start, command.end))

    def _drop_empty_blocks(self) -> None:
        """Drop each `mutual` block whose commands are all dropped: Lean refuses a block without a command."""
        dropped = {start for start, _ in self.alignment.blanks}
        blocks: dict[int, list[Command]] = {}
        for command in self.code.commands:
            if command.scopes and command.scopes[-1].keyword == "mutual":
                blocks.setdefault(command.scopes[-1].at, []).append(command)
        for command in self.code.commands:
            *inner, last = blocks.get(command.start, [command])
            if inner and last.keyword == "end" and all(each.start in dropped for each in inner):
                self.alignment.blanks += [(command.start, command.end), (last.start, last.end)]

    def _differs(self, said: Command, command: Command, *lengths: int) -> bool:
        return next(self._differences(said, command, *lengths), None) is not None

    def _differences(self, said: Command, command: Command, *lengths: int) -> Iterator[tuple[int, int]]:
        """Yield the places where two commands have different tokens, as (place in the statement, place in the file)."""
        meant, has = self.challenge.text.lexemes(said.first, said.last), self.code.lexemes(command.first, command.last)
        if lengths:
            meant = [each for each in meant if each[1] < said.start + lengths[0]]
            has = [each for each in has if each[1] < command.start + lengths[1]]
        for (one, at), (other, there) in zip(meant, has, strict=False):
            if one != other:
                yield at, there
        if len(meant) != len(has):
            shorter = min(len(meant), len(has))
            yield (
                meant[shorter][1] if shorter < len(meant) else said.end,
                has[shorter][1] if shorter < len(has) else command.end,
            )

    def _change(self, said: Command, command: Command) -> Change:
        at, there = next(self._differences(said, command))
        where = place(self.challenge.text.text, at)
        text = f"`{command.name}` is the statement's own and is changed here: compare {where} of the statement"
        return Change(text, there)

    def _give_values(self) -> None:
        for hole in self.challenge.holes:
            command = self.asked.get(hole.name)
            read = _signature(self.code, command) if command else None
            # A value in equations (`| 0 => 1`) or after `where` is left out: the verdict then has what Lean prints.
            if command and read and (value := self.code.text[read.value_at : command.end].strip()):
                self.alignment.values[hole.name] = value

    def _insert_later(self) -> None:
        """Find the later commands that the file lacks, and add them to `inserts`.

        A command is inserted before the target or hole that follows it in the statement.
        """
        has_scopes = any(each.keyword in STRUCTURAL for each in self.code.commands)
        places = _places(self.challenge.asked, self.asked)
        texts: dict[int, list[str]] = {}
        for command in self.lacking.values():
            if command.keyword in STRUCTURAL and has_scopes:
                continue
            index = bisect_right(places, (command.start, len(self.code.text)))
            if index < len(places):
                texts.setdefault(places[index][1], []).append(self.challenge.text.text[command.start : command.end])
        self.alignment.inserts += [(at, "\n".join(said)) for at, said in texts.items()]


def _places(asked: Sequence[Asked], there: dict[str, Command]) -> list[tuple[int, int]]:
    """Return two places for each target and hole that the file declares.

    The first place is where the target or hole begins in the statement. The second place is where the file declares it.
    If a target or hole that follows in the statement is declared even earlier in the file, the second place is that
    earlier one.
    """
    places: list[tuple[int, int]] = []
    for item in reversed(asked):
        if item.name in there:
            at = there[item.name].start
            places.append((item.start, min(at, places[-1][1]) if places else at))
    return places[::-1]


def _mentions(challenge: Challenge) -> Counter[str]:
    """Return how many commands of the front mention each word; a name such as `A.b` counts as the words `A` and `b`."""
    cut = challenge.text
    return Counter(
        part
        for each in challenge.own
        for part in {
            part
            for kind, start, end in cut.tokens[each.first : each.last]
            if kind == "word"
            for part in parts(cut.text[start:end])
        }
    )


def _arguments(text: CommandText, command: Command) -> list[tuple[int, int]]:
    """Return where the words after a command's keyword are."""
    tokens = text.tokens[command.first : command.last]
    return [(start, end) for kind, start, end in tokens if kind == "word" and start > command.at]


def _declaring(command: Command) -> bool:
    return command.keyword in DECLARING or command.keyword == "alias"


def _signature(text: CommandText, command: Command) -> Signature | None:
    try:
        return read_signature(text, command)
    except Ambiguous:
        return None
