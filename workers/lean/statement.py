"""Holding a submission to its statement: what the farm says to Lean around it, and how it reads the answers.

The definition of the statement comes before the submission, on the header's environment, under a name that cannot be
guessed; the submission runs in a section that the farm opened and closes by a name that cannot be guessed either. So
when the checks run, `open`, `variable`, local instances, notation and options of the submission are out of scope: with
them in scope, `variable [∀ p : Prop, Coe True p]` makes `example : STATEMENT := @NAME` true for every NAME (seen on a
real Lean). A text that leaves a section open, or closes one too many, cannot close this one.

The proof of the statement is a theorem of its own rather than an `example`, so that its axioms can be asked for: a
coercion that Lean puts between NAME and the statement would bring axioms that NAME does not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from farm.models import Reason
from farm.source import split_header
from farm.statement import Statement
from workers.lean.verdict import SORRY_TEXTS

ALLOWED_AXIOMS = frozenset(("propext", "Quot.sound", "Classical.choice"))
_PRINTED = re.compile(
    r"(?:@\[[^\]]*\]\s*)*(?P<words>(?:(?:private|protected|public|noncomputable|unsafe|partial|nonrec|meta)\s+)*)"
    r"(?P<kind>[a-z]+)\s+(?P<name>(?:«[^»]*»|[^\s«:])+)"
)
_NO_AXIOMS = re.compile(r"'(?P<name>.+)' does not depend on any axioms")
_AXIOMS = re.compile(r"'(?P<name>.+)' depends on axioms: \[(?P<axioms>.*)\]", re.DOTALL)


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
class Binding:
    """The farm's own commands around one submission, in the order in which they run; each is sent alone.

    Attributes:
        statement: the parts of the statement.
        definition: makes the statement a proposition and opens the submission's section.
        closing: closes that section.
        look: prints what the submission declared under the name.
        proposal: proves the proposition by it.
        audit: asks for the axioms of that proof.
        proof_name: the name of that proof.
    """

    statement: Statement
    definition: str
    closing: str
    look: str
    proposal: str
    audit: str
    proof_name: str


def bind(statement: Statement, secret: str) -> Binding:
    """Return the commands for a statement.

    Args:
        statement: what is to be proved.
        secret: random letters and digits, new for every submission.
    """
    namespace = statement.name.rpartition(".")[0]
    proposition = f"{namespace}.stated_{secret}".lstrip(".")
    proof = f"proved_{secret}"
    front = split_header(statement.front).body
    quantifier = f"∀ {statement.binders}\n, " if statement.binders.strip() else ""
    return Binding(
        statement=statement,
        definition=(
            f"section\nset_option autoImplicit false\n{front}"
            f"def {proposition}{statement.universes} : Prop := {quantifier}{statement.type}\n"
            f"end\nsection scope_{secret}"
        ),
        closing=f"end scope_{secret}",
        look=f"#print _root_.{statement.name}",
        proposal=f"theorem {proof} : _root_.{proposition} := @_root_.{statement.name}",
        audit=f"#print axioms {proof}",
        proof_name=proof,
    )


def read_definition(response: Any) -> Failure | None:
    """Return why a statement is none: it does not elaborate, or has a hole."""
    why = _flaw(response)
    text = f"The statement does not elaborate on this header, without autoImplicit: {why}"
    return Failure(Reason.STATEMENT, text) if why else None


def read_closing(response: Any) -> Failure | None:
    """Return why the submission's section could not be closed."""
    said = _texts(response)
    if not said:
        return None
    return Failure(Reason.PARSE, f"A section, namespace or `end` is left over at the end of the text: {said[0]}")


def read_look(response: Any, name: str) -> Failure | None:
    """Return why what was declared under a name is not the theorem asked for.

    Raises:
        OddAnswer: it is no answer to `#print`.
    """
    if _texts(response, "error"):
        return Failure(Reason.MISSING, f"There is no theorem `{name}`")
    said = _texts(response)
    printed = _PRINTED.match(said[0]) if len(said) == 1 else None
    if printed is None:
        raise OddAnswer("`#print` was not answered by a declaration")
    if _unescaped(printed["name"].partition(".{")[0]) != _unescaped(name):
        return Failure(Reason.MISSING, f"There is no theorem `{name}`; there is `{printed['name']}`")
    if "private" in printed["words"]:
        return Failure(Reason.MISSING, f"`{name}` is private")
    if printed["kind"] != "theorem":
        return Failure(Reason.STATEMENT, f"`{name}` is no theorem; Lean calls it `{printed['kind']}`")
    return None


def read_proposal(response: Any, name: str) -> Failure | None:
    """Return why the theorem is not a proof of the statement."""
    why = _flaw(response)
    return Failure(Reason.STATEMENT, f"`{name}` does not prove the statement: {why}") if why else None


def read_axioms(response: Any, proof_name: str) -> list[str]:
    """Return the full names of the axioms a proof depends on, sorted.

    Raises:
        OddAnswer: it is no answer to `#print axioms`.
    """
    said = _texts(response)
    whole = len(said) == 1 and not _texts(response, "error")
    if whole and (found := _NO_AXIOMS.fullmatch(said[0])) and found["name"] == proof_name:
        return []
    if whole and (found := _AXIOMS.fullmatch(said[0])) and found["name"] == proof_name:
        return sorted(axiom.strip() for axiom in found["axioms"].split(","))
    raise OddAnswer("`#print axioms` was not answered by a list of axioms")


def judge_axioms(axioms: list[str]) -> Failure | None:
    """Return why a proof may not depend on its axioms."""
    if "sorryAx" in axioms:
        return Failure(Reason.SORRY, "The proof depends on `sorryAx`")
    if foreign := [axiom for axiom in axioms if axiom not in ALLOWED_AXIOMS]:
        return Failure(Reason.AXIOM, f"The proof depends on axioms that are not allowed: {', '.join(foreign)}")
    return None


def _flaw(response: Any) -> str:
    """The first error of a response, or that it has a hole; empty if it is clean."""
    if errors := _texts(response, "error"):
        return errors[0]
    holes = response.sorries or any(text.startswith(SORRY_TEXTS) for text in _texts(response, "warning"))
    return "it has a `sorry`" if holes else ""


def _texts(response: Any, severity: str = "") -> list[str]:
    """What Lean said; a request refused as a whole counts as an error."""
    if not hasattr(response, "messages"):
        return [response.message] if severity in ("", "error") else []
    return [each.data for each in response.messages if severity in ("", each.severity)]


def _unescaped(name: str) -> str:
    return name.replace("«", "").replace("»", "")
