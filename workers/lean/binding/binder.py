"""The commands that the farm runs before and after a submission, to check that it proves its statement.

The declarations of a submission (macros, notation, coercions, options) can change how Lean reads every later text. So
the farm does not use Lean's own commands afterwards. The farm has two commands of its own (`commands.lean`), which are
elaborated in the header's environment before any submission runs, and which inspect environments directly. The first
command keeps the propositions that are to be proved. The second command finds the submission's theorems for these
propositions, makes the kernel compare each theorem with its proposition, and collects the axioms. The second command
has a new name for every submission. This name begins with a character that cannot begin an identifier. So even a parser
that a submission declares, and that accepts any word, does not accept this name.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from farm.challenge import Challenge
from farm.commands import namespace, parts
from farm.prepared_proof import Prepared
from workers.lean.binding.answers import BindingFailure

_COMMANDS = Path(__file__).with_name("commands.lean").read_text(encoding="utf-8")
# The interpreted JSON parser of an old Lean overflows its stack on commands of 3 kB.
_PIECE_CHARS = 2000
_NO_IDENTIFIER = "⟪"
# With autoImplicit, a misspelt name in a statement would become a variable.
_AS_WRITTEN = "set_option autoImplicit false in\n"


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement that Lean has read.

    Attributes:
        env: the environment that holds the statement's front and propositions, and nothing of a submission.
        key: part of the names under which the farm's commands keep the statement's targets and holes.
        failure: why Lean does not accept the statement; None if Lean accepts it.
    """

    env: int
    key: str
    failure: BindingFailure | None = None


@dataclass(frozen=True, slots=True)
class Binder:
    """The farm's commands, ready to run in the environment of one header, in one REPL process.

    Attributes:
        env: the header's environment, with the commands in it.
        prefix: the beginning of the commands' names; new for each header of each process.
        statements: the statements that Lean has read in this header's environment. The keys are the statements' texts.
    """

    env: int
    prefix: str
    statements: dict[str, Stated] = field(default_factory=dict)

    def stating(self, prepared: Prepared, answers: Mapping[str, str], key: str) -> str:
        """Return the Lean text of a statement's front, with commands that keep the targets and holes under a key.

        A target is a theorem that the submission has to prove; a hole is a definition whose value it has to give.
        """
        challenge = prepared.challenge
        if challenge is None:
            return ""
        if not challenge.holes:
            return "".join(self._front_and_targets(prepared, challenge, key))
        told = "".join(
            f"noncomputable def {_answer_name(key, at)} {hole.binders} : {hole.type}\n:= {answers[hole.name]}\n"
            for at, hole in enumerate(challenge.holes)
            if hole.name in answers
        )
        return f"{prepared.front}\n{told}{self._keep(key, plan(prepared, answers, key), _missing_parts(challenge))}"

    def _front_and_targets(self, prepared: Prepared, challenge: Challenge, key: str) -> Iterator[str]:
        """Yield the front, with each target where the user wrote it: the namespaces open there affect its meaning."""
        offset, kept = 0, [target.name for target in challenge.targets]
        for piece in challenge.pieces:
            if piece.kind == "text" and kept:
                yield prepared.front[offset : offset + len(piece.text)]
                offset += len(piece.text)
            elif piece.kind == "target" and piece.name in kept:
                at = len(challenge.targets) - len(kept)
                kept.remove(piece.name)
                targets = _pairs([challenge.targets[at].name], f"stated_{key}", at)
                yield "\n" + self._keep(key, _literal([targets, []]), [f"{challenge.targets[at].signature}\n:= sorry"])

    def _keep(self, key: str, plan: str, declarations: Sequence[str]) -> str:
        own = self.prefix.lower()
        *others, last = declarations
        chained = "".join(f"{own}_then\n{each}\n" for each in others) + last
        return f'{_AS_WRITTEN}{own}_keep "{key}" {plan}\n{chained}\n'

    def arming(self, secret: str, plan: str) -> str:
        """Return the text that defines the command that inspects a submission.

        `plan` names the theorems and definitions that the command looks for.
        """
        return f'elab "{looking(secret)}" : command => {self.prefix}.look "{secret}" {plan}'


def plan(prepared: Prepared, answers: Mapping[str, str], key: str) -> str:
    """Return, as a Lean literal, the name of each target and hole, and the name under which the farm keeps it.

    For a hole, the full name of the definition that holds the prescribed answer follows; this name has no parts if no
    answer is prescribed. The definition is in the namespace that is open at the end of the front.
    """
    targets = _pairs([target.name for target in prepared.targets], f"stated_{key}")
    holes = _pairs([hole.name for hole in prepared.holes], f"hole_{key}")
    space = _name_parts(namespace(prepared.challenge.scopes)) if prepared.challenge else []
    for at, (hole, entry) in enumerate(zip(prepared.holes, holes, strict=True)):
        entry.append([*space, _answer_name(key, at)] if hole.name in answers else [])
    return _literal([targets, holes])


def _answer_name(key: str, at: int) -> str:
    return f"answer_hole_{key}_{at}"


def looking(secret: str) -> str:
    """Return the command that inspects the environment that a submission left."""
    return f"{_NO_IDENTIFIER}look_{secret}"


def new_prefix() -> str:
    """Return the name of a namespace for the farm's commands. No submission can guess this name."""
    return f"LeanFarm_{secrets.token_hex(8)}"


def commands(prefix: str) -> Iterator[str]:
    """Yield the farm's commands in pieces, to be elaborated one after the other."""
    text = _COMMANDS.replace("LeanFarm", prefix).replace("leanfarm_", f"{prefix.lower()}_")
    piece = ""
    for part in text.split("\n\n"):
        if piece and len(piece) + len(part) > _PIECE_CHARS:
            yield piece
            piece = ""
        piece += f"{part}\n\n"
    yield piece


def _missing_parts(challenge: Challenge) -> list[str]:
    """Return the targets and holes, with `sorry` for what is missing, and the commands between them, in text order."""
    asked = {item.start: f"{item.signature}\n:= sorry" for item in challenge.asked}
    text = challenge.text.text
    later = {command.start: text[command.start : command.end] for command in challenge.later}
    return [declaration for _, declaration in sorted((later | asked).items())]


def _pairs(names: Sequence[str], kept: str, first: int = 0) -> list[list[list[str]]]:
    return [[_name_parts(name), [f"{kept}_{at}"]] for at, name in enumerate(names, first)]


def _name_parts(name: str) -> list[str]:
    return [part.removeprefix("«").removesuffix("»") for part in parts(name)]


def _literal(plan: list[list[list[list[str]]]]) -> str:
    return json.dumps(json.dumps(plan, ensure_ascii=False), ensure_ascii=False)
