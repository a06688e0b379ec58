"""Checks a user's proofs and options, and encodes them in the form that the farm reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict

from pydantic import ValidationError

from farm.client.failures import invalid
from farm.errors import InvalidRequest
from farm.models import Goal, Options, Proof, as_proof
from farm.models.limits import MAX_VERIFY_PROOFS

ProofLike: TypeAlias = str | dict[str, Any] | Proof
Proofs: TypeAlias = ProofLike | Iterable[ProofLike]

# The farm accepts one JSON value of up to 32 MB that has up to 2 000 000 brackets, those in texts included; the options
# have some of them too. Any other submission is sent as lines, which the farm reads one by one.
_MAX_JSON_BYTES = 32_000_000
_MAX_JSON_BRACKETS = 1_999_000
_MAX_KEY_CHARS = 256


class OptionFields(TypedDict, total=False):
    """The options of `verify` and `submit`, as keyword arguments. For an absent option, the farm's default holds.

    Attributes:
        timeout_s: seconds one proof may run, not counting header loading and time in the queue.
        level: the level an accepted verdict must reach.
        environment: the Lean environment to run in.
        priority: 0–9; among the batches of one key, each step up doubles a batch's share of the work.
        gate: the lexical gate that the submitted text has to pass, `strict` or `off`.
        native: whether `native_decide` passes the gate.
        cache: whether an earlier verdict on the same proof may be returned.
        deadline_s: seconds after which unfinished proofs become `undecided/cancelled`.
        canaries: the share of false proofs that the farm mixes in; if a false proof is accepted, the key is paused.
        label: a name for the batch, one line of up to 200 characters.
        tags: up to 16 words by which the batch can be found, made of letters, digits and `_.:/=+-`.
        feedback: whether verdicts say, for each error, the tactic that failed and the goals before it.
    """

    timeout_s: float | None
    level: Literal["compiled", "checked", "attested"]
    environment: str
    priority: int
    gate: Literal["off", "strict"] | None
    native: bool
    cache: bool
    deadline_s: float | None
    canaries: float
    label: str | None
    tags: list[str]
    feedback: bool


@dataclass(frozen=True, slots=True)
class Submission:
    """Proofs to submit, with their options.

    Attributes:
        lines: the proofs in order, each as one line of JSON.
        options: the options that the user gave, and no others.
        ids: the ids that the verdicts on the proofs will have.
    """

    lines: list[bytes]
    options: Options
    ids: list[str]

    @property
    def size(self) -> int:
        """The size of all proofs as JSON, in bytes."""
        return sum(map(len, self.lines)) + len(self.lines)

    @property
    def fits_json(self) -> bool:
        """Whether the farm accepts the submission as one JSON value."""
        return self.size < _MAX_JSON_BYTES and self._brackets < _MAX_JSON_BRACKETS

    @property
    def _brackets(self) -> int:
        return sum(line.count(b"[") + line.count(b"{") for line in self.lines)

    @property
    def fits_one_answer(self) -> bool:
        """Whether the submission is small enough for `POST /v1/verify`, which answers with all verdicts at once."""
        return self.fits_json and len(self.lines) <= MAX_VERIFY_PROOFS

    @property
    def fields(self) -> dict[str, Any]:
        """The options in the form in which they are sent."""
        return self.options.model_dump(exclude_unset=True, exclude_none=True)

    def as_json(self) -> bytes:
        """Return the body of a submission as JSON."""
        options = self.options.model_dump_json(exclude_unset=True, exclude_none=True).encode()
        separator = b"," if self.fields else b""
        return b'{"proofs":[%s]%s%s' % (b",".join(self.lines), separator, options[1:])

    def as_ndjson(self) -> bytes:
        """Return the body of a submission as NDJSON; its options are sent as query parameters."""
        return b"\n".join(self.lines)


def prepare(proofs: Proofs, options: OptionFields) -> Submission:
    """Check one or many proofs and their options, and return them as a submission.

    Raises:
        InvalidRequest: there is no proof, or a proof or an option is wrong; the message says which.
    """
    checked = check_options(options)
    named = [(encode(proof), proof.id or str(index)) for index, proof in enumerate(check_proofs(proofs))]
    if not named:
        raise InvalidRequest("There is nothing to verify: give at least one proof")
    return Submission([line for line, _ in named], checked, [name for _, name in named])


def check_options(options: OptionFields) -> Options:
    """Check the options that a user gave, and return them as a model.

    Raises:
        InvalidRequest: an option is unknown or wrong.
    """
    try:
        return Options(**options)
    except ValidationError as error:
        raise invalid(error, "Options") from error


def check_key(key: str) -> str:
    """Check an idempotency key, and return it unchanged.

    Raises:
        InvalidRequest: an HTTP header cannot carry the key, or the key is too long.
    """
    if not (key.isascii() and key.isprintable() and key == key.strip() and len(key) <= _MAX_KEY_CHARS):
        text = f"An idempotency key has at most {_MAX_KEY_CHARS} printable ASCII characters, and no space at either end"
        raise InvalidRequest(text)
    return key


def encode(proof: Proof) -> bytes:
    """Return a proof as one line of JSON."""
    return proof.model_dump_json(exclude_none=True).encode()


def as_many(proofs: Proofs) -> Iterable[ProofLike]:
    """Return an iterable of proofs, even if the user gave a single proof."""
    return [proofs] if isinstance(proofs, str | dict | Proof) else proofs


def check_proofs(proofs: Proofs) -> Iterator[Proof]:
    """Check proofs that a user gave in any of the accepted forms, and yield each as a `Proof`.

    Raises:
        InvalidRequest: a proof is wrong; the message says which.
    """
    for index, each in enumerate(as_many(proofs)):
        try:
            yield as_proof(each)
        except ValidationError as error:
            raise invalid(error, f"Proof {index}") from error


def check_goal(fields: dict[str, Any]) -> Goal:
    """Check a goal that a user gave for a search of tactics, and return it as a model.

    Raises:
        InvalidRequest: a field is unknown or wrong; the message says which.
    """
    try:
        return Goal(**fields)
    except ValidationError as error:
        raise invalid(error, "The goal") from error
