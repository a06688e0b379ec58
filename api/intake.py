"""Turns a request into a batch: checks its options and ids, stages its items in slices, and commits the batch.

A slice here is the part of a submission that is read, or staged, in one step.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import structlog
from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from api.bodies import arriving, count_entries, gunzipped, lines, parse_json
from api.body_memory import Holding
from api.canaries import canary
from api.environments import lean_workers
from api.errors import invalid
from api.large_texts import cut_slices, read_aside
from api.service import Service
from farm import toolchains
from farm.errors import FarmError, Forbidden, InvalidRequest, TooLarge
from farm.fingerprint import fingerprint
from farm.header import is_module
from farm.keys import Gate
from farm.logs import names_of
from farm.models import BatchRequest, Options, Proof
from farm.models.limits import MAX_BATCH_PROOFS
from farm.prepared_proof import header_of
from farm.settings import Settings
from farm.store.batches import Committed
from farm.store.lanes import STRICT_DOMAIN, lane_name
from farm.store.registry import read_status
from farm.store.staging import Entries, NewBatch, StagedItem, Staging
from farm.traces import traceparent

# A slice of a stream is staged when it has this many proofs, or when its lines have more than this many bytes.
_STREAM_SLICE = 250
_STREAM_SLICE_BYTES = 1 << 20
# The most unpacked bytes of one NDJSON submission: 100 000 proofs of 4 kB are 400 MB.
_STREAM_LIMIT_BYTES = 1 << 30
_LINE_LIMIT_BYTES = 8 << 20
_CANARY_STEPS = 1_000_000


async def parse_batch(value: Any) -> BatchRequest:
    """Return the batch request that a JSON value holds; while its proofs are read, other requests get their turn.

    Raises:
        InvalidRequest: a field is missing, unknown, or of the wrong type.
        TooLarge: there are more proofs than a batch may have.
    """
    total = count_entries(value, "proofs")
    if total > MAX_BATCH_PROOFS:
        raise too_many()
    if not total:
        return _parse(value, 0)
    proofs: list[Proof] = []
    for start, end, size in cut_slices(value["proofs"]):
        batch = await read_aside(size, _parse, {**value, "proofs": value["proofs"][start:end]}, start)
        proofs += batch.proofs
        await asyncio.sleep(0)
    return batch.model_copy(update={"proofs": proofs})


def _parse(value: Any, first_proof: int) -> BatchRequest:
    try:
        return BatchRequest.model_validate(value, strict=True)
    except ValidationError as error:
        raise invalid(error, first_proof) from error


def too_many() -> TooLarge:
    """Return the error for more proofs than a batch may have."""
    return TooLarge(f"A batch has at most {MAX_BATCH_PROOFS} proofs: send several batches")


def parse_options(query: QueryParams) -> Options:
    """Return the options that came as query parameters; `tags` may come several times.

    Raises:
        InvalidRequest: an option is unknown or wrong.
    """
    try:
        tags = query.getlist("tags")
        return Options.model_validate({**query, **({"tags": tags} if tags else {})})
    except ValidationError as error:
        raise invalid(error) from error


async def complete_options(options: Options, service: Service, owner: str) -> dict[str, Any]:
    """Return an owner's options for a batch, with the farm's defaults filled in.

    Raises:
        InvalidRequest: the farm, or the Lean of the environment, cannot do what the options ask for.
        Forbidden: the owner's proofs have to pass the strict gate, and the options turn the gate off or weaken it.
        Unauthorized: the owner's key has just been revoked.
    """
    settings = service.settings
    timeout_s = options.timeout_s or settings.lean_timeout_s
    if timeout_s > settings.max_timeout_s:
        raise InvalidRequest(f"timeout_s: at most {settings.max_timeout_s:g} (MAX_TIMEOUT_S)")
    if not await service.environments.has(options.environment):
        raise _unknown(options.environment, service.environments.names)
    if options.level == "attested" and (unsound := await _unsound(options.environment, service)):
        raise InvalidRequest(f"level: {unsound}")
    least = service.keyring.gate(owner)
    if options.native and least is Gate.STRICT:
        raise Forbidden("This key is for gated proofs: leave `native` out")
    names = {name: value for name, value in (("label", options.label), ("tags", options.tags)) if value}
    return {
        **options.model_dump(exclude={"label", "tags"}),
        **names,
        "timeout_s": timeout_s,
        "gate": _gate(options, settings, least),
        # If a key's proofs have to pass the gate, so do their statements' fronts (the texts before the theorems).
        "front": "gated" if least is Gate.STRICT else "own",
    }


async def _unsound(environment: str, service: Service) -> str:
    """Return a warning if all workers of an environment run an unsound Lean, so that no proof can be attested there.

    Return the empty text if one of the workers runs another Lean, or if there are no workers.
    """
    workers = lean_workers(await read_status(service.client), environment)
    warnings = [toolchains.warning(each.serves.lean_version) if each.serves else "" for each in workers]
    return warnings[0] if warnings and all(warnings) else ""


def _unknown(environment: str, known: list[str]) -> InvalidRequest:
    there = " and ".join(", ".join(map(repr, known)).rsplit(", ", 1))
    verb = "is" if len(known) == 1 else "are"
    return InvalidRequest(
        f"environment: {environment!r} is unknown; there {verb} {there}", details={"environments": known}
    )


def _gate(options: Options, settings: Settings, least: Gate) -> str:
    """Return which gate the proofs of a batch have to pass.

    Raises:
        InvalidRequest: the options name a gate with which their level cannot be reached, or this farm cannot reach the
            level.
        Forbidden: the options name a gate that is weaker than the key's.
    """
    if least is Gate.STRICT and options.gate == "off":
        raise Forbidden("This key is for gated proofs: leave `gate` out; routes without a gate are not for it")
    if options.level == "attested" and not settings.checker_command:
        raise InvalidRequest("level: this farm has no external checker (CHECKER_COMMAND), so nothing is `attested`")
    if options.level == "compiled":
        return "strict" if least is Gate.STRICT else options.gate or settings.gate
    if options.gate == "off":
        raise InvalidRequest(f"gate: level `{options.level}` needs the `strict` gate; leave `gate` out or set `strict`")
    return "strict"


@dataclass(slots=True)
class Intake:
    """Takes in one submission: counts its proofs, checks their ids, and stages them."""

    service: Service
    owner: str
    options: dict[str, Any]
    staging: Staging = field(init=False)
    _ids: set[str] = field(default_factory=set)
    _canaries: int = 0

    def __post_init__(self) -> None:
        self.staging = Staging(self.owner)

    @property
    def environment(self) -> str:
        """The Lean environment that the batch asks for."""
        return str(self.options["environment"])

    async def add(self, proofs: Iterable[Proof]) -> None:
        """Stage proofs.

        Raises:
            InvalidRequest: two proofs have the same id, or one of them cannot be judged at the batch's level.
            TooLarge: there are more proofs than a batch may have.
            RateLimited: the owner's quota is used up, or the farm is full.
        """
        await self.service.batches.stage(self.staging, self.entries(proofs))

    async def entries(self, proofs: Iterable[Proof]) -> AsyncIterator[StagedItem]:
        """Yield proofs and canaries as items to stage; raises InvalidRequest and TooLarge as `add` does."""
        header = ""
        for proof in proofs:
            index = self._count(proof)
            chars = len(proof.code) + len(proof.statement or "")
            header, mark = await read_aside(chars, self._read, proof, index)
            yield StagedItem(lane_name(self.environment, header, self.domain), proof, mark)
            if self._wants_canary():
                yield self._canary(header)
        if self.options["canaries"] and not self._canaries and self._ids:
            yield self._canary(header)

    def _count(self, proof: Proof) -> int:
        """Return the index of the next proof."""
        index = len(self._ids)
        if index == MAX_BATCH_PROOFS:
            raise too_many()
        name = proof.id or str(index)
        if name in self._ids:
            raise InvalidRequest(f"proofs.{index}.id: two proofs have the id {name!r}", details={"id": name})
        self._ids.add(name)
        return index

    def _read(self, proof: Proof, index: int) -> tuple[str, str]:
        """Return the header of a proof, and its fingerprint; this takes a second for a million characters."""
        if self.options["level"] != "compiled":
            _require_checkable(proof, index, self.options["level"])
        may_share = self.options["cache"] and self.service.settings.verdict_cache_mb
        return header_of(proof), fingerprint(proof, self.options, self.domain) if may_share else ""

    @property
    def domain(self) -> str:
        """The batch's trust domain. All batches that have to pass the strict gate share one domain.

        With the gate off, proofs may run any metacode, so each owner has a domain for itself.
        """
        return STRICT_DOMAIN if self.options["gate"] == "strict" else self.owner

    def _wants_canary(self) -> bool:
        return bool(secrets.randbelow(_CANARY_STEPS) < self.options["canaries"] * _CANARY_STEPS)

    def _canary(self, header: str) -> StagedItem:
        """Return a canary for the lane of the proof before it, so that the same process judges both."""
        self._canaries += 1
        proof = canary(header, has_statement=self.options["level"] != "compiled")
        header = header_of(proof)
        return StagedItem(lane_name(self.environment, header, self.domain), proof, is_canary=True)


def _require_checkable(proof: Proof, index: int, level: str) -> None:
    """Refuse a proof that cannot be judged at a level above `compiled`.

    A text whose header says `module` cannot be judged: the declarations of a module are private by default, and older
    Leans do not report the axioms of such declarations.

    Raises:
        InvalidRequest: the proof has no statement, or the header of its statement or code says `module`.
    """
    if proof.statement is None:
        raise InvalidRequest(f"proofs.{index}.statement: the level {level!r} needs one")
    for name, text in (("statement", proof.statement), ("code", proof.code)):
        if is_module(text):
            raise InvalidRequest(
                f"proofs.{index}.{name}: its header says `module`, which the level {level!r} cannot judge: leave the"
                " line out, and `public` before imports"
            )


async def commit(service: Service, staging: Staging, submission: NewBatch) -> Committed:
    """Turn a staging into a batch, and publish tokens for it (Celery messages that say that there is work).

    Raises what `Batches.commit` raises.
    """
    committed = await service.batches.commit(staging, replace(submission, trace=traceparent()))
    structlog.contextvars.bind_contextvars(batch=committed.batch, **names_of(submission.options))
    await service.call_lean(submission.environment, committed.tokens)
    return committed


async def stage_and_commit(service: Service, staging: Staging, entries: Entries, submission: NewBatch) -> Committed:
    """Stage items and commit them as a batch; a failure leaves nothing behind.

    Raises:
        FarmError: as `Batches.stage`, `Batches.commit` and iterating over `entries` do.
    """
    try:
        await service.batches.stage(staging, entries)
        return await commit(service, staging, submission)
    except FarmError:
        await service.batches.discard(staging)
        raise


async def read_proof_lines(request: Request, digest: Any) -> AsyncIterator[list[Proof]]:
    """Yield the proofs of an NDJSON body in slices. A gzip body is unpacked; `digest` gets every unpacked byte.

    The bytes of a slice are held in memory until the slice has been used.

    Raises:
        RateLimited: this process holds too many bytes of request bodies at the moment.
        InvalidRequest: a line is not a proof; the message names the line.
        TooLarge: a line or the whole body is too long.
    """
    slice_: list[Proof] = []
    number = size_bytes = 0
    holding: Holding = request.state.holding
    async for line in lines(_unpacked(request, digest), _LINE_LIMIT_BYTES, holding):
        number += 1
        try:
            slice_.append(await read_aside(len(line), _read_proof, line))
        except ValidationError as error:
            raise InvalidRequest(f"Line {number}: {invalid(error).message}", details={"line": number}) from error
        except InvalidRequest as error:
            raise InvalidRequest(f"Line {number}: {error.message}", details={"line": number}) from error
        size_bytes += len(line)
        if len(slice_) == _STREAM_SLICE or size_bytes > _STREAM_SLICE_BYTES:
            yield slice_
            holding.release(size_bytes)
            slice_, size_bytes = [], 0
    if slice_:
        yield slice_


def _read_proof(line: bytes) -> Proof:
    return Proof.model_validate(parse_json(line), strict=True)


async def _unpacked(request: Request, digest: Any) -> AsyncIterator[bytes]:
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise InvalidRequest(f"Content-Encoding {encoding!r} is unknown: send gzip or none")
    chunks = arriving(request)
    total = 0
    async for piece in gunzipped(chunks, _STREAM_LIMIT_BYTES) if encoding == "gzip" else chunks:
        digest.update(piece)
        total += len(piece)
        if total > _STREAM_LIMIT_BYTES:
            raise TooLarge(f"The body unpacks to more than {_STREAM_LIMIT_BYTES >> 20} MB: send several batches")
        yield piece
        # A little gzip can unpack to a lot of text, so other requests get their turn in between.
        await asyncio.sleep(0)


def new_digest() -> Any:
    """Return an empty digest. A body's digest shows whether a repeated idempotency key comes with the same body."""
    return sha256()
