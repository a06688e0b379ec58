"""The manifest of a run: its proofs, options, farm and results. With a manifest, a benchmark can be repeated."""

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
from farm.whole_files import replacing

# Fields that differ between any two runs and do not bear on the results. A comparison leaves them out.
_INCIDENTAL = {"started_at", "ended_at", "batches", "known", "label", "tags"}


class Identity(NamedTuple):
    """The id, the problem and the hash by which a proof is identified.

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
        leanfarm: the version of the SDK that sent the proofs.
        farm: the farm's address, without user and password.
        started_at: when the run began, by the clock of the SDK's machine; `ended_at` says when it ended.
        label: the run's label.
        tags: the words by which the run's batches can be found.
        options: the options with the farm's defaults filled in. If no proof had to be sent, only the options that the
            user gave.
        environments: all environments that judged the proofs. If there are several, the farm changed during the run.
        policies: the versions of the rules by which the proofs were judged (`evidence.policy`). If there are several,
            the farm changed during the run.
        checkers: the versions of the external checkers that were asked.
        sha256: the hash of the JSON lines `[id, problem, sha256]` of all proofs in order.
        counts: the number of verdicts by outcome.
        reasons: the number of verdicts by reason; accepted proofs have none.
        retried: how many proofs were sent again because their first verdict was undecided.
        known: how many proofs were not sent, because they had a verdict from an earlier run.
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
        """Write the manifest to a file, as JSON.

        Raises:
            ConfigurationError: the file, or a file beside it, cannot be written. The file then has its old content.
        """
        with replacing(Path(path)) as draft:
            draft.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Manifest:
        """Return the manifest that `write` wrote to a file.

        Raises:
            InvalidRequest: the file holds no manifest, or a manifest of another version of the format.
            OSError: the file cannot be read.
        """
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except ValidationError as error:
            raise invalid(error, f"{path} is not a manifest") from error

    def differences(self, other: Manifest) -> dict[str, tuple[Any, Any]]:
        """Return the differences between two runs.

        What does not bear on the results is left out: the times, the batches' ids, the label, the tags, and `known`.

        Args:
            other: the manifest of the run to compare with.

        Returns:
            Pairs of values, by dotted name (`options.timeout_s`, `proofs.ID.outcome`): the value in this manifest, then
            the value in the other one. None stands for a missing value.
        """
        here, there = _flat(self), _flat(other)
        names = [*here, *(name for name in there if name not in here)]
        return {name: (here.get(name), there.get(name)) for name in names if here.get(name) != there.get(name)}


def content_hash(proof: Proof | BadRow) -> str:
    """Return the SHA-256 of the parts of a proof that are judged: `[statement, code]`, as compact JSON in UTF-8.

    If the proof has `targets` or `answers`, the list is `[statement, code, targets, answers]`, with null for a missing
    one.
    """
    aims = [proof.targets, proof.answers] if isinstance(proof, Proof) else []
    return hashlib.sha256(_line([proof.statement, proof.code, *(aims if any(aims) else [])])).hexdigest()


def identify(proof: Proof | BadRow, index: int) -> Identity:
    """Return the identity of a proof; if the proof has no id, its index is the id."""
    return Identity(proof.id or str(index), proof.problem, content_hash(proof))


def findings(identities: Sequence[Identity], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the fields of a manifest that follow from the proofs and their verdicts, which are in the same order."""
    # A proof without attempts was judged only if its verdict is from the cache. Otherwise it never ran (cancelled).
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
    """Return how many verdicts have each outcome."""
    return Counts(**Counter(each.outcome.value for each in verdicts))


def _record(identity: Identity, verdict: Verdict) -> ManifestProof:
    return ManifestProof(**identity._asdict(), outcome=verdict.outcome, level=verdict.level, reason=verdict.reason)


def hash_all(identities: Iterable[Identity]) -> str:
    """Return the value of a manifest's `sha256`: the hash over the identities of all proofs, in order."""
    whole = hashlib.sha256()
    for identity in identities:
        whole.update(_line(identity) + b"\n")
    return whole.hexdigest()


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _flat(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest's values by dotted name. Proofs are named by id; a change of their order shows in `sha256`."""
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
