"""Reads Lean's answers to the farm's own commands, which `commands.lean` defines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from farm.models import Reason
from farm.prepared_proof import Prepared
from workers.lean.repl_reply import Reply, Response

ALLOWED_AXIOMS = frozenset(("propext", "Quot.sound", "Classical.choice"))
# The axioms that `native_decide` makes. Up to Lean 4.28, all its uses share one axiom; since then, each has its own.
_NATIVE = re.compile(r"Lean\.(?:ofReduceBool|trustCompiler)|(?:.+\.)?_native\.native_decide\.ax_[0-9_]+")


class OddAnswer(Exception):
    """Lean's answer to one of the farm's own commands has a form that this command never produces."""


@dataclass(frozen=True, slots=True)
class BindingFailure:
    """The fault that a check found in a statement or in a submission.

    Attributes:
        reason: the verdict's reason.
        text: the reason in words.
        name: the full name of the theorem or value that has the fault; empty if the fault is in neither.
    """

    reason: Reason
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The result of the farm's `look` command, which inspects the environment that a submission left.

    Attributes:
        failure: the first fault that was found; None if there is none.
        axioms: the full names of the axioms that the submission's proofs and values depend on, sorted.
        values: the values that the submission gives to the holes of the statement (definitions without a value), as
            Lean prints the values. The keys are the names of the holes.
    """

    failure: BindingFailure | None
    axioms: tuple[str, ...] = ()
    values: dict[str, str] | None = None


def read_stated(response: Response, key: str, kept: int) -> BindingFailure | None:
    """Return why a statement cannot be used; None if it can.

    Args:
        response: Lean's response to the text that holds the statement and the farm's commands.
        key: the secret by which the answers to these commands are recognised.
        kept: how many of these commands are in the text.
    """
    why = _flaw(response, _own_answers(response, key), kept)
    text = f"The statement does not elaborate on this header, without autoImplicit: {why}"
    return BindingFailure(Reason.INVALID_STATEMENT, text) if why else None


def read_look(response: Response, secret: str, prepared: Prepared, *, is_native: bool = False) -> Look:
    """Return the result of a look at a submission; `is_native` allows the axioms that `native_decide` makes.

    Raises:
        OddAnswer: the response is not one complete answer to the farm's command.
    """
    answers = _own_answers(response, secret)
    found = answers[0] if len(answers) == 1 and response.is_clean else {}
    targets, holes = found.get("targets", []), found.get("holes", [])
    is_whole = (len(targets), len(holes)) == (len(prepared.targets), len(prepared.holes))
    if not found or not is_whole or None in targets or None in holes:
        raise OddAnswer("The farm's own command was not answered")
    failures = [_hole_failure(hole.name, seen) for hole, seen in zip(prepared.holes, holes, strict=True)]
    failures += [_target_failure(target.name, seen) for target, seen in zip(prepared.targets, targets, strict=True)]
    axioms = sorted({axiom for seen in (*targets, *holes) for axiom in seen.get("axioms", [])})
    failures.append(judge_axioms([axiom for axiom in axioms if not (is_native and _NATIVE.fullmatch(axiom))]))
    values = {hole.name: seen["value"] for hole, seen in zip(prepared.holes, holes, strict=True) if "value" in seen}
    return Look(next((failure for failure in failures if failure), None), tuple(axioms), values)


def judge_axioms(axioms: Sequence[str]) -> BindingFailure | None:
    """Return the fault in the axioms of a proof; None if all are allowed."""
    if "sorryAx" in axioms:
        return BindingFailure(Reason.SORRY, "The proof depends on `sorryAx`")
    if foreign := [axiom for axiom in axioms if axiom not in ALLOWED_AXIOMS]:
        return BindingFailure(Reason.AXIOM, f"The proof depends on axioms that are not allowed: {', '.join(foreign)}")
    return None


def _target_failure(name: str, seen: dict[str, Any]) -> BindingFailure | None:
    if "kind" not in seen:
        return _missing("theorem", name, seen["twins"])
    if seen["kind"] != "theorem":
        return BindingFailure(Reason.STATEMENT, f"`{name}` is not a theorem; Lean calls it `{seen['kind']}`", name)
    if seen["fault"]:
        return BindingFailure(Reason.STATEMENT, f"`{name}` does not prove the statement: {seen['fault']}", name)
    return None


def _hole_failure(name: str, seen: dict[str, Any]) -> BindingFailure | None:
    if "kind" not in seen:
        return _missing("value for", name, seen["twins"])
    if seen["kind"] != "def":
        return BindingFailure(Reason.STATEMENT, f"`{name}` is not a definition; Lean calls it `{seen['kind']}`", name)
    if not seen["fits"]:
        return BindingFailure(Reason.STATEMENT, f"`{name}` does not have the type that the statement gives it", name)
    if not seen["answer"]:
        return BindingFailure(Reason.STATEMENT, f"`{name}` is not, by `rfl`, the answer that came with the proof", name)
    return None


def _missing(what: str, name: str, twins: list[str]) -> BindingFailure:
    if any(twin.startswith("_private.") for twin in twins):
        return BindingFailure(Reason.MISSING, f"`{name}` is private", name)
    there = f"; there is `{twins[0]}`" if twins else ""
    return BindingFailure(Reason.MISSING, f"There is no {what} `{name}`{there}", name)


def _flaw(response: Response, answers: list[dict[str, Any]], kept: int) -> str:
    """Return what is wrong with a statement; empty if nothing is."""
    if not response.is_clean:
        return response.first_error or "Lean reports an error without a text"
    if len(answers) != kept or not all(answer["kept"] for answer in answers):
        return "a name that it asks for is not declared, or depends on something that only a submission gives"
    return "it has a `sorry`" if any("sorryAx" in answer["axioms"] for answer in answers) else ""


def _own_answers(response: Response, secret: str) -> list[dict[str, Any]]:
    """Return the answers to the farm's commands, without other messages, such as those of traces and linters."""
    said = response.messages if isinstance(response, Reply) else ()
    texts = [each.data for each in said if each.severity == "info"]
    return [answer for text in texts if (answer := _parsed(text)).get("leanfarm") == secret]


def _parsed(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
