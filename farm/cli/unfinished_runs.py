"""The record of an unfinished run of `farm verify`, which is written before the first proof is sent.

If the run is killed, a repeated call of the same command finds the record and resumes the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from farm.client.manifest import Identity, hash_all
from farm.errors import InvalidRequest
from farm.whole_files import replacing


class UnfinishedRun(BaseModel):
    """The record of a run that has not ended. When the run has ended, the `Manifest` replaces the record in its file.

    Attributes:
        state: a fixed word that distinguishes this record from a manifest.
        run: a random name for this run, from which the idempotency key of its batches is made.
        sha256: the hash of all proofs, as in a manifest.
        known: the ids of the proofs that had a verdict when the run began. These proofs are not sent.
        batches: the ids of the batches submitted so far.
    """

    model_config = ConfigDict(extra="forbid")

    state: Literal["begun"] = "begun"
    run: str
    leanfarm: str
    farm: str
    started_at: datetime
    options: dict[str, Any]
    sha256: str
    known: list[str]
    batches: list[str] = Field(default_factory=list)

    @classmethod
    def make(cls, identities: Sequence[Identity], options: dict[str, Any], farm: str, known: set[str]) -> UnfinishedRun:
        """Return the record of a run that begins now."""
        return cls(
            run=uuid4().hex,
            leanfarm=version("leanfarm"),
            farm=farm,
            started_at=datetime.now(UTC),
            options=options,
            sha256=hash_all(identities),
            known=sorted(known),
        )

    @property
    def key(self) -> str:
        """The idempotency key of the run's batches."""
        asked = self.model_dump_json(include={"run", "sha256", "options"})
        return "run-" + hashlib.sha256(asked.encode()).hexdigest()

    def write(self, path: Path) -> None:
        """Write the record to a file, which is replaced in one step, so that nobody can read half a record.

        Raises:
            ConfigurationError: the file cannot be written. It then has its old content.
        """
        with replacing(path) as draft:
            draft.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_unfinished_run(path: Path) -> UnfinishedRun | None:
    """Return the record of an unfinished run that a file holds; None if it holds none."""
    try:
        return UnfinishedRun.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def resume(path: Path, fresh: UnfinishedRun) -> tuple[UnfinishedRun, bool]:
    """Return the record that a file holds and True; if the file holds none, return the fresh record and False.

    Raises:
        InvalidRequest: the record in the file is of a run of other proofs, with other options, or on another farm.
    """
    begun = read_unfinished_run(path)
    if begun is None:
        return fresh, False
    for what in ("sha256", "options", "farm"):
        if getattr(begun, what) != getattr(fresh, what):
            other = {"sha256": "other proofs", "options": "other options", "farm": f"the farm {begun.farm}"}[what]
            raise InvalidRequest(
                f"{path} is the record of an unfinished run with {other}: repeat that call, or remove the file"
            )
    return begun, True
