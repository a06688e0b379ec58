"""The record that makes a benchmark repeatable: its proofs and options, the farm that judged them, and the results."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from farm.client.failures import invalid
from farm.client.rows import BadRow
from farm.models import Counts, Environment, Level, Outcome, Proof, Reason, Verdict

# Fields that differ between any two runs and say nothing about their results.
_INCIDENTAL = {"started_at", "ended_at", "batches", "known", "label", "tags"}


class Identity(NamedTuple):
    """What identifies a proof.

    Attributes:
        sha256: the proof's `content_hash`.
    """

    id: str
    problem: str | None
    sha256: str


class ManifestProof(BaseModel):
    """One proof of a run, and its result.

    Attributes:
        sha256: `content_hash` of the proof.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    problem: str | None = None
    sha256: str
    outcome: Outcome
    level: Level
    reason: Reason | None = None


class Manifest(BaseModel):
    """The record of a run of `verify_many`.

    Attributes:
        version: the version of this format.
        leanfarm: the version of the SDK that asked.
        farm: the farm's address, without user and password.
        started_at: when the run began; `ended_at` says when it ended. Both are by the clock of the machine that asked.
        label: the run's label.
        tags: the words by which the run's batches are found.
        options: the options with the farm's defaults filled in; only the given ones if no proof had to be sent.
        environments: all environments that judged; two or more mean that the farm changed during the run.
        policies: the versions of the rules that were applied (`evidence.policy`); two or more mean that the farm
            changed.
        checkers: the versions of the external checkers that were asked.
        sha256: the hash of the JSON lines `[id, problem, sha256]` of all proofs in order.
        counts: the number of verdicts by outcome.
        reasons: the number of verdicts by reason; accepted proofs have none.
        retried: how many proofs were sent again because their first verdict was undecided.
        known: how many proofs had a verdict from an earlier run.
        batches: the ids of the run's batches, in the order in which they were submitted.
        proofs: all proofs of the run, in order.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    leanfarm: str
    farm: str
    started_at: datetime
    ended_at: datetime
    label: str | None = None
    tags: list[str] = Field(default_factory=list)
    options: dict[str, Any]
    environments: list[Environment]
    policies: list[str]
    checkers: list[str] = Field(default_factory=list)
    sha256: str
    counts: Counts
    reasons: dict[str, int]
    retried: int = 0
    known: int = 0
    batches: list[str]
    proofs: list[ManifestProof]

    def write(self, path: str | Path) -> None:
        """Write the manifest to a file, as JSON."""
        Path(path).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Manifest:
        """Return what `write` wrote.

        Raises:
            InvalidRequest: the file is not a manifest of this version.
            OSError: the file cannot be read.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except ValidationError as error:
            raise invalid(error, f"{path} is not a manifest") from error

    def differences(self, other: Manifest) -> dict[str, tuple[Any, Any]]:
        """Return what differs between two runs, except their times and the ids of their batches.

        Args:
            other: the run to compare with.

        Returns:
            The values that differ, by dotted name (`options.timeout_s`, `proofs.ID.outcome`): first the value here,
            then the value in the other run. None stands for a missing value.
        """
        here, there = _flat(self), _flat(other)
        names = [*here, *(name for name in there if name not in here)]
        return {name: (here.get(name), there.get(name)) for name in names if here.get(name) != there.get(name)}


def content_hash(proof: Proof | BadRow) -> str:
    """Return the SHA-256 of what a verdict is about: of `[statement, code]` as compact JSON in UTF-8.

    If a proof has `targets` or `answers`, both follow, with null for a missing one.
    """
    aims = [proof.targets, proof.answers] if isinstance(proof, Proof) else []
    return hashlib.sha256(_line([proof.statement, proof.code, *(aims if any(aims) else [])])).hexdigest()


def identify(proof: Proof | BadRow, index: int) -> Identity:
    """Return what identifies a proof; if it has no id of its own, its index does."""
    return Identity(proof.id or str(index), proof.problem, content_hash(proof))


def findings(identities: Sequence[Identity], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the fields of a manifest that follow only from the proofs and their verdicts, both in order."""
    # A proof that never ran (cancelled) was not judged; a verdict from the cache was made in an earlier run.
    judged = (each.environment for each in verdicts if each.attempts or each.cached)
    environments = {each.model_dump_json(): each for each in judged}
    return {
        "sha256": hash_all(identities),
        "proofs": [_record(*pair) for pair in zip(identities, verdicts, strict=True)],
        "environments": [environments[key] for key in sorted(environments)],
        "policies": sorted({each.evidence.policy for each in verdicts}),
        "checkers": sorted({str(each.evidence.checker["version"]) for each in verdicts if each.evidence.checker}),
        "counts": count(verdicts),
        "reasons": dict(sorted(Counter(each.reason.value for each in verdicts if each.reason).items())),
    }


def count(verdicts: Iterable[Verdict]) -> Counts:
    """Return the number of verdicts for each outcome."""
    return Counts(**Counter(each.outcome.value for each in verdicts))


def _record(identity: Identity, verdict: Verdict) -> ManifestProof:
    return ManifestProof(**identity._asdict(), outcome=verdict.outcome, level=verdict.level, reason=verdict.reason)


def hash_all(identities: Iterable[Identity]) -> str:
    """Return the SHA-256 over all proofs in order: a manifest's `sha256`."""
    whole = hashlib.sha256()
    for identity in identities:
        whole.update(_line(identity) + b"\n")
    return whole.hexdigest()


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _flat(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest's values by dotted name; proofs are named by id, because `sha256` covers their order."""
    fields = manifest.model_dump(mode="json", exclude=_INCIDENTAL)
    fields["proofs"] = {each.pop("id"): each for each in fields["proofs"]}
    fields["environments"] = {str(number): each for number, each in enumerate(fields["environments"])}
    return dict(_leaves(fields))


def _leaves(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
