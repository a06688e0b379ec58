"""Holding a submission to its statement: what the farm says to Lean around it, and how it reads the answers.

What a submission declares can change how every later text is read: by macros, notation, coercions, options. So nothing
that the farm asks afterwards is read by Lean's own commands. Commands of the farm's (`statement_binding.lean`) are
elaborated on the header's environment before any submission runs; they look at the environment itself. One keeps the
proposition of a theorem that has no proof. Another, under a name new for every submission, looks for the theorem,
has the kernel compare the two, and collects the axioms. Its name begins with a character that begins no identifier, so
that no parser which takes any word takes it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from farm.models import Reason
from farm.source import split_header
from farm.statement import Statement

ALLOWED_AXIOMS = frozenset(("propext", "Quot.sound", "Classical.choice"))
_COMMANDS = Path(__file__).with_name("statement_binding.lean").read_text(encoding="utf-8")
# An interpreted JSON parser of an old Lean overflows its stack on commands of 3 kB.
_PIECE_CHARS = 2000
_NO_IDENTIFIER = "⟪"


class OddAnswer(Exception):
    """Lean answered one of the farm's own commands with what Lean never answers."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a check found against a proof.

    Attributes:
        reason: what it makes of the verdict.
        text: the same for people.
    """

    reason: Reason
    text: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement that Lean has read.

    Attributes:
        env: the environment in which its proposition is kept and nothing of the submission is.
        kept: the name under which it is kept.
        failure: why there is none.
    """

    env: int
    kept: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Binder:
    """The farm's commands on one header of one REPL process.

    Attributes:
        env: the header's environment, with the commands in it.
        prefix: what their names begin with; new for each header of each process.
        statements: those that Lean has read there, by their text.
    """

    env: int
    prefix: str
    statements: dict[str, Stated] = field(default_factory=dict)

    def keeping(self, statement: Statement, kept: str) -> str:
        """Return the text that has a statement's proposition kept, answered under `kept` as its secret."""
        return (
            f"section\n{split_header(statement.front).body}\nset_option autoImplicit false in\n"
            f'{self.prefix.lower()}_keep "{kept}" {kept} {statement.name}\n'
            f"theorem {statement.name}{statement.universes}{statement.binders}\n:{statement.type}\n:= sorry\nend"
        )

    def arming(self, secret: str, stated: Stated, name: str) -> str:
        """Return the text that defines the command which looks for the theorem `name`."""
        target = f"(`{stated.kept}, `{name})"
        return f'elab "{looking(secret)}" : command => {self.prefix}.lookFor "{secret}" [{target}]'


def looking(secret: str) -> str:
    """Return the command that looks at what a submission left."""
    return f"{_NO_IDENTIFIER}look_{secret}"


def new_prefix() -> str:
    """Return a namespace for the farm's commands that no text can guess."""
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


def read_stated(response: Any, kept: str) -> Stated:
    """Return what came of a statement."""
    why = _flaw(response, _own_answer(response, kept) or {})
    text = f"The statement does not elaborate on this header, without autoImplicit: {why}"
    return Stated(getattr(response, "env", -1), kept, Failure(Reason.INVALID_STATEMENT, text) if why else None)


def read_look(response: Any, secret: str, name: str) -> tuple[Failure | None, list[str]]:
    """Return what speaks against a submission, and the full names of the axioms of its proof, sorted.

    Raises:
        OddAnswer: it is no answer of the farm's command.
    """
    answer = _own_answer(response, secret)
    [found] = answer.get("targets", []) if answer else [None]
    if found is None or _texts(response, "error"):
        raise OddAnswer("The farm's own command was not answered")
    if "kind" not in found:
        return _missing(name, found["twins"]), []
    if found["kind"] != "theorem":
        return Failure(Reason.STATEMENT, f"`{name}` is no theorem; Lean calls it `{found['kind']}`"), []
    if found["fault"]:
        return Failure(Reason.STATEMENT, f"`{name}` does not prove the statement: {found['fault']}"), []
    axioms = sorted(found["axioms"])
    return judge_axioms(axioms), axioms


def _missing(name: str, twins: list[str]) -> Failure:
    if any(twin.startswith("_private.") for twin in twins):
        return Failure(Reason.MISSING, f"`{name}` is private")
    there = f"; there is `{twins[0]}`" if twins else ""
    return Failure(Reason.MISSING, f"There is no theorem `{name}`{there}")


def judge_axioms(axioms: list[str]) -> Failure | None:
    """Return why a proof may not depend on its axioms."""
    if "sorryAx" in axioms:
        return Failure(Reason.SORRY, "The proof depends on `sorryAx`")
    if foreign := [axiom for axiom in axioms if axiom not in ALLOWED_AXIOMS]:
        return Failure(Reason.AXIOM, f"The proof depends on axioms that are not allowed: {', '.join(foreign)}")
    return None


def _flaw(response: Any, answer: dict[str, Any]) -> str:
    """Return what is wrong with a statement; empty if nothing is."""
    if error := first_error(response):
        return error
    if not answer.get("kept"):
        return "it declares no theorem of its name"
    return "it has a `sorry`" if "sorryAx" in answer["axioms"] else ""


def first_error(response: Any) -> str:
    """Return the first error of a response; empty if it has none."""
    return next(iter(_texts(response, "error")), "")


def _own_answer(response: Any, secret: str) -> dict[str, Any] | None:
    """Return the one answer of a command of the farm's; traces and linters may say more beside it."""
    found = [answer for text in _texts(response, "info") if (answer := _parsed(text)).get("leanfarm") == secret]
    return found[0] if len(found) == 1 else None


def _parsed(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _texts(response: Any, severity: str) -> list[str]:
    """What Lean said; a request refused as a whole counts as an error."""
    if not hasattr(response, "messages"):
        return [response.message] if severity == "error" else []
    return [each.data for each in response.messages if each.severity == severity]
