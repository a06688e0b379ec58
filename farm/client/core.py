"""Every method of the SDK, written once: flows of calls and pauses, without I/O.

The shells in `sync.py` and `asynchronous.py` drive them, as httpx's clients drive its authentication flows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from farm.client.calls import Call, Flow
from farm.client.failures import failure, invalid, parse
from farm.client.lean import as_request, as_response
from farm.client.retries import Retries
from farm.client.stream import Following
from farm.client.submission import Submission
from farm.errors import ConfigurationError, InvalidRequest
from farm.models import (
    BatchAccepted,
    BatchStatus,
    CommandsAnswer,
    CommandsRequest,
    DetailedPremise,
    FarmStatus,
    Item,
    RetrieveBatchRequest,
    RetrievedBatch,
    RetrievedPremise,
    RetrieveRequest,
    TacticsAnswer,
    TacticsRequest,
    Verdict,
    Verified,
)

T = TypeVar("T")

_JSON = {"Content-Type": "application/json"}
_NDJSON = {"Content-Type": "application/x-ndjson"}
# How long the farm itself waits for its workers before it answers: its answer says more than a lost connection.
_VERIFY_DEADLINE_S = 3600.0
_VERIFY_GRACE_S = 30.0
_RETRIEVAL_DEADLINE_S = 30.0
# A submit may take this long on the way in, slow links and the farm's own checks together.
_SUBMIT_BYTES_PER_S = 1_000_000


class _Batches(BaseModel):
    """The answer of `GET /v1/batches`."""

    batches: list[BatchStatus]


_VERIFIED = TypeAdapter(Verified)
_BATCHES = TypeAdapter(_Batches)
_ACCEPTED = TypeAdapter(BatchAccepted)
_STATUS = TypeAdapter(BatchStatus)
_ITEM = TypeAdapter(Item)
_FARM = TypeAdapter(FarmStatus)
_PREMISES = TypeAdapter(list[RetrievedPremise])
_RETRIEVED = TypeAdapter(RetrievedBatch)
_COMMANDS = TypeAdapter(CommandsAnswer)
_TACTICS = TypeAdapter(TacticsAnswer)
_CHECKS = TypeAdapter(dict[str, Any])


class Core:
    """The flows of one client.

    Args:
        farm: the farm's address as errors show it.
        timeout_s: seconds without a byte, beyond what the work may take, after which a connection counts as lost.
        retries: how many times in a row one call is made again.
    """

    def __init__(self, farm: str, *, timeout_s: float, retries: int) -> None:
        if not timeout_s > 0 or retries < 0:
            raise ConfigurationError("`timeout` must be over 0 seconds and `retries` 0 or more")
        self._farm = farm
        self._timeout_s = timeout_s
        self._retries = retries

    def verify(self, submission: Submission) -> Flow[list[Verdict]]:
        """Have proofs verified while the farm keeps us waiting."""
        work_s = (submission.options.deadline_s or _VERIFY_DEADLINE_S) + _VERIFY_GRACE_S
        timeout_s = self._timeout_s + work_s
        call = Call("POST", "/v1/verify", timeout_s, headers=_JSON, body=submission.as_json())
        return (yield from self._answer(call, _VERIFIED)).results

    def submit(self, submission: Submission) -> Flow[str]:
        """Submit proofs as a batch, once, however often the call has to be repeated; return its id."""
        timeout_s = self._timeout_s + submission.size / _SUBMIT_BYTES_PER_S
        key = {"Idempotency-Key": uuid4().hex}
        if submission.fits_json:
            call = Call("POST", "/v1/batches", timeout_s, headers=_JSON | key, body=submission.as_json())
        else:
            headers, body = _NDJSON | key, submission.as_ndjson()
            call = Call("POST", "/v1/batches", timeout_s, params=submission.fields, headers=headers, body=body)
        return (yield from self._answer(call, _ACCEPTED)).batch_id

    def follow(self, batch_id: str, after: str | None) -> Following:
        """Return the state of a stream of results, which the shells read themselves."""
        return Following(batch_id, after, farm=self._farm, retries=self._retries)

    def batches(self, limit: int) -> Flow[list[BatchStatus]]:
        """List the key's batches."""
        return (yield from self._answer(self._get("/v1/batches", limit=limit), _BATCHES)).batches

    def status(self, batch_id: str) -> Flow[BatchStatus]:
        """See how far a batch is."""
        return (yield from self._answer(self._get(_batch_path(batch_id)), _STATUS))

    def item(self, batch_id: str, index: int) -> Flow[Item]:
        """See one proof of a batch."""
        return (yield from self._answer(self._get(f"{_batch_path(batch_id)}/items/{index}"), _ITEM))

    def cancel(self, batch_id: str) -> Flow[BatchStatus]:
        """Cancel a batch."""
        return (yield from self._answer(Call("DELETE", _batch_path(batch_id), self._timeout_s), _STATUS))

    def retrieve(self, **fields: Any) -> Flow[list[RetrievedPremise]]:
        """Retrieve premises for one goal; the fields are those of `RetrieveRequest`."""
        return (yield from self._answer(self._query("/retrieve", RetrieveRequest, fields), _PREMISES))

    def retrieve_many(self, **fields: Any) -> Flow[list[list[DetailedPremise]]]:
        """Retrieve premises for several goals; the fields are those of `RetrieveBatchRequest`."""
        call = self._query("/v1/retrieve", RetrieveBatchRequest, fields)
        return [goal.premises for goal in (yield from self._answer(call, _RETRIEVED)).results]

    def _query(self, path: str, kind: type[BaseModel], fields: dict[str, Any]) -> Call:
        timeout_s = self._timeout_s + _RETRIEVAL_DEADLINE_S
        return Call("POST", path, timeout_s, headers=_JSON, body=_encode(kind, fields, "The premise query"))

    def commands(self, requests: Iterable[Any], **fields: Any) -> Flow[CommandsAnswer]:
        """Run LeanInteract requests in one fresh process; the other fields are those of `CommandsRequest`."""
        asked = [as_request(request) for request in requests]
        body = _encode(CommandsRequest, {"requests": asked, **fields}, "The session")
        found = yield from self._answer(self._work("/v1/commands", body), _COMMANDS)
        typed = [as_response(request, reply) for request, reply in zip(asked, found.responses, strict=False)]
        return found.model_copy(update={"responses": typed})

    def tactics(self, **fields: Any) -> Flow[TacticsAnswer]:
        """Try tactics on goals; the fields are those of `TacticsRequest`."""
        body = _encode(TacticsRequest, fields, "The search")
        return (yield from self._answer(self._work("/v1/tactics", body), _TACTICS))

    def _work(self, path: str, body: bytes) -> Call:
        timeout_s = self._timeout_s + _VERIFY_DEADLINE_S + _VERIFY_GRACE_S
        return Call("POST", path, timeout_s, headers=_JSON, body=body)

    def workers(self) -> Flow[FarmStatus]:
        """See who works, and how much waits."""
        return (yield from self._answer(self._get("/v1/workers"), _FARM))

    def ready(self) -> Flow[dict[str, Any]]:
        """Ask whether every part of the farm answers; "not ready" comes as a 503 and is an answer too."""
        return (yield from self._answer(self._get("/readyz"), _CHECKS, or_status=503))

    def _get(self, path: str, **params: Any) -> Call:
        return Call("GET", path, self._timeout_s, params=params)

    def _answer(self, call: Call, kind: TypeAdapter[T], *, or_status: int = 200) -> Flow[T]:
        """Make a call until it succeeds or its failure is final."""
        retries = Retries(self._retries)
        while True:
            reply = yield call
            if isinstance(reply, httpx.Response) and (reply.is_success or reply.status_code == or_status):
                return parse(kind, reply, self._farm)
            yield retries.pause(failure(reply, call, self._farm))


def _batch_path(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"


def _encode(kind: type[BaseModel], fields: dict[str, Any], what: str) -> bytes:
    try:
        request = kind.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, what) from error
    try:
        return request.model_dump_json(exclude_none=True).encode()
    except ValueError as error:
        raise InvalidRequest(f"{what} holds lone surrogates, which have no UTF-8 form") from error
