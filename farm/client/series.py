"""A series: many proofs that are sent as several batches. The verdicts are put into the order of the proofs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import version
from operator import length_hint
from typing import Any, TypeAlias

from farm.client.manifest import Identity, Manifest, findings, identify
from farm.client.rows import BadRow, check_rows, is_of_bad_row
from farm.client.run import Run
from farm.client.submission import OptionFields, Proofs, Submission, as_many, check_options, encode
from farm.errors import FarmError, InvalidRequest
from farm.models import BatchStatus, Outcome, Reason, Verdict
from farm.models.limits import MAX_BATCH_PROOFS

# A batch that reaches this size is full. The farm accepts 1 GiB, but the SDK holds the whole batch in memory.
_MAX_BATCH_BYTES = 256_000_000

Known: TypeAlias = Mapping[tuple[str, str], Verdict]


class SeriesFields(OptionFields, total=False):
    """The keyword arguments of `verify_many`: the options of `verify`, and how the proofs are sent.

    Attributes:
        batch_size: the most proofs in one batch. The default is the farm's own limit, 100 000.
        in_flight: how many batches the farm has at once. The default is 2: while one batch ends with a few slow proofs,
            the next one is already running.
        retry_undecided: how often an undecided proof is sent again, in a batch with the other undecided proofs; 0 by
            default. Cancelled proofs are not sent again.
        idempotency_key: a name for the run. If another process repeats the call with this key and the same proofs, it
            gets the same batches and submits nothing twice. If a run with a key fails, its batches keep running.
        known: verdicts of an earlier run, by pairs of id and `content_hash`. A proof with such a verdict is not sent,
            unless the verdict is on a row that held no proof in that run.
        progress: called after each verdict with two numbers: how many proofs have a verdict, and how many proofs there
            are. If the iterable has no length, the second number counts the proofs read so far.
        on_verdict: called once with each proof's final verdict when it arrives, but not with `known` verdicts.
        on_batch: called with the id of each batch when the batch has been submitted, or found again by the key.
    """

    batch_size: int
    in_flight: int
    retry_undecided: int
    idempotency_key: str | None
    known: Known
    progress: Callable[[int, int], object] | None
    on_verdict: Callable[[Verdict], object] | None
    on_batch: Callable[[str], object] | None


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """How the proofs of a series are sent; see `SeriesFields`."""

    batch_size: int = MAX_BATCH_PROOFS
    in_flight: int = 2
    retry_undecided: int = 0
    idempotency_key: str | None = None
    known: Known = field(default_factory=dict)
    progress: Callable[[int, int], object] | None = None
    on_verdict: Callable[[Verdict], object] | None = None
    on_batch: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= MAX_BATCH_PROOFS or self.in_flight < 1 or self.retry_undecided < 0:
            raise InvalidRequest(
                f"`batch_size` must be from 1 to {MAX_BATCH_PROOFS}, `in_flight` 1 or more, `retry_undecided` 0 or more"
            )


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A proof to send.

    Attributes:
        index: the proof's position in the whole series.
        id: the proof's name, unique in the whole series.
        line: the proof as JSON.
    """

    index: int
    id: str
    line: bytes


@dataclass(slots=True)
class SeriesPart:
    """A part of a series: the proofs that are sent as one batch.

    Attributes:
        key: the idempotency key of the submission; with None, the submission gets a new key.
        taken: how many of the part's verdicts have arrived.
    """

    entries: list[SeriesEntry]
    submission: Submission
    key: str | None
    taken: int = 0


class Series:
    """A series of proofs that is sent in parts, and the verdicts on these proofs.

    `rounds()` yields the parts to submit, and reads the proofs only as far as the next part needs. Call `take()` with
    every verdict of a part, and `finish()` when the batch of the part has ended. At the end, `run()` gives the results.

    Args:
        proofs: one or many proofs, as for `verify`.
        wishes: the keyword arguments of `verify_many`.
        farm: the farm's address as the manifest shows it.

    Raises:
        InvalidRequest: an option is wrong.
    """

    def __init__(self, proofs: Proofs, wishes: SeriesFields, farm: str) -> None:
        given: dict[str, Any] = dict(wishes)
        self.plan = SeriesPlan(**{each.name: given.pop(each.name) for each in fields(SeriesPlan) if each.name in given})
        self._options = check_options(given)  # type: ignore[arg-type]  # only options are left in it
        self._proofs = as_many(proofs)
        self._farm = farm
        self._started_at = datetime.now(UTC)
        self._identities: list[Identity] = []
        self._verdicts: dict[int, Verdict] = {}
        self._known = 0
        self._batches: list[BatchStatus] = []
        self._round = 0
        self._undecided: list[SeriesEntry] = []
        self._retried: set[int] = set()

    def rounds(self) -> Iterator[Iterator[SeriesPart]]:
        """Yield the rounds, each as an iterator of parts.

        The first round has all proofs. Each further round has the proofs that are undecided after the previous round,
        except cancelled ones. There are up to `retry_undecided` further rounds. The caller must finish all parts of a
        round before it takes the next round.
        """
        yield self._parts(self._entries())
        while self._undecided and self._round < self.plan.retry_undecided:
            self._round += 1
            again, self._undecided = sorted(self._undecided, key=lambda entry: entry.index), []
            self._retried.update(entry.index for entry in again)
            yield self._parts(again)

    def take(self, part: SeriesPart, verdict: Verdict) -> None:
        """Take one verdict of a part. If the proof is to be tried again, keep the proof; otherwise keep the verdict."""
        part.taken += 1
        entry = part.entries[verdict.index]
        placed = verdict.model_copy(update={"index": entry.index})
        if self._is_worth_another_try(placed):
            self._undecided.append(entry)
            return
        self._settle(placed)

    def finish(self, part: SeriesPart, status: BatchStatus) -> None:
        """Record that the batch of a part has ended, and keep the batch's status.

        Raises:
            FarmError: the batch ended, but verdicts are missing.
        """
        if part.taken != len(part.entries):
            raise FarmError(f"The farm ended a batch of {len(part.entries)} after {part.taken} verdicts")
        self._batches.append(status)

    def run(self) -> Run:
        """Return the results of the series; call this after all rounds are finished."""
        verdicts = [self._verdicts[index] for index in range(len(self._identities))]
        given = self._options.model_dump(mode="json", exclude_unset=True, exclude={"label", "tags"})
        manifest = Manifest(
            leanfarm=version("leanfarm"),
            farm=self._farm,
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
            label=self._options.label,
            tags=self._options.tags,
            options=self._batches[0].options if self._batches else given,
            retried=len(self._retried),
            known=self._known,
            batches=[batch.batch_id for batch in self._batches],
            **findings(self._identities, verdicts),
        )
        return Run(verdicts, manifest)

    def _entries(self) -> Iterator[SeriesEntry]:
        """Yield the proofs to send, each under a unique name. Known proofs and bad rows get their verdicts at once."""
        ids: set[str] = set()
        for index, proof in enumerate(check_rows(self._proofs)):
            identity = identify(proof, index)
            if identity.id in ids:
                raise InvalidRequest(f"Proof {index}: id: two proofs have the id {identity.id!r}")
            ids.add(identity.id)
            self._identities.append(identity)
            known = self.plan.known.get((identity.id, identity.sha256))
            if known is not None and (isinstance(proof, BadRow) or not is_of_bad_row(known)):
                self._known += 1
                self._keep(known.model_copy(update={"index": index}))
            elif isinstance(proof, BadRow):
                self._settle(proof.verdict(identity.id, index))
            else:
                yield SeriesEntry(index, identity.id, encode(proof.model_copy(update={"id": identity.id})))

    def _parts(self, entries: Iterable[SeriesEntry]) -> Iterator[SeriesPart]:
        held: list[SeriesEntry] = []
        size = number = 0
        for entry in entries:
            held.append(entry)
            size += len(entry.line)
            if len(held) == self.plan.batch_size or size >= _MAX_BATCH_BYTES:
                yield self._part(held, number)
                held, size, number = [], 0, number + 1
        if held:
            yield self._part(held, number)

    def _part(self, entries: list[SeriesEntry], number: int) -> SeriesPart:
        key = self.plan.idempotency_key
        lines, ids = [entry.line for entry in entries], [entry.id for entry in entries]
        submission = Submission(lines, self._options, ids)
        return SeriesPart(entries, submission, None if key is None else f"{key}.{self._round}.{number}")

    def _is_worth_another_try(self, verdict: Verdict) -> bool:
        is_open = verdict.outcome is Outcome.UNDECIDED and verdict.reason is not Reason.CANCELLED
        return is_open and self._round < self.plan.retry_undecided

    def _settle(self, verdict: Verdict) -> None:
        if self.plan.on_verdict:
            self.plan.on_verdict(verdict)
        self._keep(verdict)

    def _keep(self, verdict: Verdict) -> None:
        self._verdicts[verdict.index] = verdict
        if self.plan.progress:
            total = max(length_hint(self._proofs), len(self._identities))
            self.plan.progress(len(self._verdicts), total)
