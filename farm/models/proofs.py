"""The models of what a user submits: proofs, and the options of a batch."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from farm.models.closed_models import ClosedModel
from farm.models.limits import (
    MAX_CODE_CHARS,
    MAX_DEADLINE_S,
    MAX_LABEL_CHARS,
    MAX_NAME_CHARS,
    MAX_TAG_CHARS,
    MAX_TAGS,
    MAX_TARGETS,
)
from farm.statement import read_statement, require_statement

DEFAULT_ENVIRONMENT = "default"
_WORD = r"^[A-Za-z0-9_.:/=+-]+$"

EnvironmentName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
"""The name of a Lean environment. It becomes a part of the names of keys and queues."""


def _printable(text: str) -> str:
    """Refuse text that Lean cannot read: NUL would end a C string in Lean, and a lone surrogate has no UTF-8 form."""
    if "\x00" in text:
        raise ValueError("NUL characters are not allowed")
    return encodable(text)


def encodable(text: str) -> str:
    """Return a text unchanged.

    Raises:
        ValueError: the text has lone surrogates, so it has no UTF-8 form.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("lone surrogates are not allowed") from error
    return text


def _without_mark(text: str) -> str:
    """Return a text without the byte order mark that some editors put first; the mark does not count as a column."""
    if not (plain := text.removeprefix("\ufeff")):
        raise ValueError("the text is only a byte order mark")
    return plain


LeanName = Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS), AfterValidator(_printable)]
LeanText = Annotated[
    str,
    Field(min_length=1, max_length=MAX_CODE_CHARS),
    AfterValidator(_printable),
    AfterValidator(_without_mark),
]


def _few(answers: Any) -> Any:
    """Refuse too many answers before any is looked at: pydantic counts them at the end, with an error for each."""
    if isinstance(answers, dict) and len(answers) > MAX_TARGETS:
        raise ValueError(f"at most {MAX_TARGETS} answers")
    return answers


def _one_line(text: str) -> str:
    """Refuse text that would break a line of a list or of a log."""
    if not text.isprintable() or text != text.strip():
        raise ValueError("a label is one line of printable text, without white space around it")
    return text


def _one_word(tag: Any) -> Any:
    """Refuse a tag that is not a word, with a message in words; pydantic's own message would quote the pattern."""
    if isinstance(tag, str) and not re.search(_WORD, tag):
        raise ValueError("a tag is made of letters, digits and _.:/=+-")
    return tag


def _without_copies(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


Label = Annotated[str, Field(min_length=1, max_length=MAX_LABEL_CHARS), AfterValidator(_one_line)]
"""A name for a batch, for people to read. Several batches may have the same label."""

Tag = Annotated[str, BeforeValidator(_one_word), Field(min_length=1, max_length=MAX_TAG_CHARS, pattern=_WORD)]
"""A word by which to find batches."""

Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS, fail_fast=True), AfterValidator(_without_copies)]


class Level(StrEnum):
    """How sure a verdict is; see docs/verdicts.md for what each level promises."""

    NONE = "none"
    COMPILED = "compiled"
    CHECKED = "checked"
    ATTESTED = "attested"


class Proof(ClosedModel):
    """One proof to verify.

    Attributes:
        id: the name of the proof, which its verdict repeats; unique in the batch. When absent, the proof's position, as
            a decimal string.
        code: a whole Lean file. If there is a `statement`, the code may also be declarations that include what the
            statement asks for, or only the text after the statement's `:=`.
        statement: a Lean source with theorems that have no proof, preceded by whatever they need. Such a theorem reads
            `theorem NAME BINDERS : TYPE` and ends in `:=`, `:= by`, `:= sorry` or `:= by sorry`; the last theorem may
            also end after its type.
        targets: the names of the theorems to be proved, in full or as written in the statement. When absent, all
            theorems that have no proof.
        answers: the expected values of holes in the statement (`abbrev NAME : TYPE := sorry`), by the hole's name. Each
            is a term, with which the value in the proof is compared.
        problem: a label that groups attempts at one problem (for pass@k).
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)] | None = None
    code: LeanText
    statement: LeanText | None = None
    targets: Annotated[list[LeanName], Field(min_length=1, max_length=MAX_TARGETS, fail_fast=True)] | None = None
    answers: Annotated[dict[LeanName, LeanText], BeforeValidator(_few), Field(max_length=MAX_TARGETS)] | None = None
    problem: Annotated[str, Field(max_length=256), AfterValidator(_printable)] | None = None

    @field_validator("statement")
    @classmethod
    def _require_parts(cls, statement: str | None) -> str | None:
        if statement is not None:
            require_statement(statement)
        return statement

    @model_validator(mode="after")
    def _require_asked(self) -> Proof:
        if self.statement is None:
            if self.targets is not None or self.answers is not None:
                raise ValueError("targets and answers need a statement, and there is none")
            return self
        holes = {hole.name for hole in read_statement(self.statement, tuple(self.targets or ())).holes}
        if unknown := sorted(set(self.answers or ()) - holes):
            there = ", ".join(f"`{name}`" for name in sorted(holes)) or "none"
            raise ValueError(f"answers: the statement has no hole `{unknown[0]}`; it has {there}")
        return self


class Options(ClosedModel):
    """The options of a batch. For an absent option, the farm's default holds.

    Attributes:
        timeout_s: seconds one proof may run, not counting header loading and time in the queue; when absent,
            `LEAN_TIMEOUT_S`.
        level: the level an accepted verdict must reach.
        environment: the Lean environment to run in, one of `GET /v1/environments`.
        priority: 0–9; among the batches of one key, each step up doubles a batch's share of the work.
        gate: the lexical gate that the submitted text has to pass.
        native: whether `native_decide` passes the gate, and whether the axioms that it adds are allowed.
        cache: whether an earlier verdict on the same proof may be returned.
        deadline_s: seconds after which unfinished proofs become `undecided/cancelled`.
        canaries: the share of false proofs that the farm mixes in, at least one proof if the share is above 0. If a
            false proof is accepted, the farm judges nothing more for the batch's key until an operator has looked.
        label: a name for the batch.
        tags: words by which the batch can be found.
        feedback: whether verdicts say what a prover needs to repair a proof: for each error, the tactic that failed
            and the goals before it.
    """

    model_config = ConfigDict(frozen=True)

    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    level: Literal["compiled", "checked", "attested"] = "compiled"
    environment: EnvironmentName = DEFAULT_ENVIRONMENT
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    gate: Literal["off", "strict"] | None = None
    native: bool = False
    cache: bool = True
    deadline_s: Annotated[float, Field(gt=0, le=MAX_DEADLINE_S, allow_inf_nan=False)] | None = None
    canaries: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    label: Label | None = None
    tags: Tags = Field(default_factory=list)
    feedback: bool = False


def as_proof(value: Proof | str | dict[str, Any]) -> Proof:
    """Return a `Proof` from a Lean source text or from a dictionary of fields; return a `Proof` unchanged."""
    if isinstance(value, Proof):
        return value
    return Proof(code=value) if isinstance(value, str) else Proof.model_validate(value)
