"""Every method of the SDK, written once for both shells, as a flow: a generator of steps that does no I/O itself.

The shells in `sync.py` and `asynchronous.py` drive these flows, as httpx's clients drive httpx's authentication flows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from farm.client.answer_matching import Misdirected, Sent, are_for, fits_goals, fits_states
from farm.client.calls import Call, Flow, Follow
from farm.client.failures import failure, invalid, parse
from farm.client.lean import as_request, as_response
from farm.client.retries import Retries
from farm.client.run import Run
from farm.client.series import Series, SeriesPart
from farm.client.stream import Following
from farm.client.submission import Submission, check_key
from farm.errors import (
    ConfigurationError,
    ConnectionFailed,
    FarmError,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unavailable,
)
from farm.models import (
    BatchAccepted,
    BatchStatus,
    CommandsAnswer,
    CommandsRequest,
    DetailedPremise,
    EnvironmentList,
    EnvironmentStatus,
    FarmStatus,
    History,
    HostSettings,
    Item,
    ItemsPage,
    RerunRequest,
    RetrieveBatchRequest,
    RetrievedBatch,
    RetrievedPremise,
    RetrieveRequest,
    TacticsAnswer,
    TacticsRequest,
    Verdict,
    Verified,
)
from farm.models.kimina import Checked, CheckRequest, CheckResponse

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_QUERY = "The premise query"
_JSON = {"Content-Type": "application/json"}
_NDJSON = {"Content-Type": "application/x-ndjson"}
# How long the farm waits for its workers before it answers. The SDK waits longer: an answer tells more than a timeout.
_VERIFY_DEADLINE_S = 3600.0
_VERIFY_GRACE_S = 30.0
_RETRIEVAL_DEADLINE_S = 30.0
# The lowest rate at which a submission may proceed, over a slow link and through the farm's own checks.
_SUBMIT_BYTES_PER_S = 1_000_000
# For a rerun the farm may have to read 100 000 stored proofs and to queue them again.
_RERUN_S = 120.0


class _Batches(BaseModel):
    """The answer to `GET /v1/batches`."""

    batches: list[BatchStatus]


_VERIFIED = TypeAdapter(Verified)
_BATCHES = TypeAdapter(_Batches)
_ACCEPTED = TypeAdapter(BatchAccepted)
_CHECKED = TypeAdapter(CheckResponse)
_STATUS = TypeAdapter(BatchStatus)
_HOST = TypeAdapter(HostSettings)
_ITEM = TypeAdapter(Item)
_ITEMS = TypeAdapter(ItemsPage)
_FARM = TypeAdapter(FarmStatus)
_HISTORY = TypeAdapter(History)
_ENVIRONMENTS = TypeAdapter(EnvironmentList)
_PREMISES = TypeAdapter(list[RetrievedPremise])
_RETRIEVED = TypeAdapter(RetrievedBatch)
_COMMANDS = TypeAdapter(CommandsAnswer)
_TACTICS = TypeAdapter(TacticsAnswer)
_CHECKS = TypeAdapter(dict[str, Any])


def _always(found: object) -> bool:
    return True


class Core:
    """The flows of one client.

    Args:
        farm: the farm's address as errors show it.
        timeout_s: a connection counts as lost if no byte arrives for this many seconds plus the time that the work may
            take.
        retries: how many times in a row a failed call is repeated.
    """

    def __init__(self, farm: str, *, timeout_s: float, retries: int) -> None:
        if not timeout_s > 0 or retries < 0:
            raise ConfigurationError("`timeout` must be over 0 seconds and `retries` 0 or more")
        self._farm = farm
        self._timeout_s = timeout_s
        self._retries = retries

    def verify(self, submission: Submission) -> Flow[list[Verdict]]:
        """Verify proofs in one request, and return their verdicts."""
        work_s = (submission.options.deadline_s or _VERIFY_DEADLINE_S) + _VERIFY_GRACE_S
        timeout_s = self._timeout_s + work_s
        call = Call("POST", "/v1/verify", timeout_s, headers=_JSON, body=submission.as_json())
        found = yield from self._answer(call, _VERIFIED, lambda found: are_for(found.results, submission.ids))
        return found.results

    def verify_many(self, series: Series) -> Flow[Run]:
        """Verify any number of proofs as a series of batches, and return their results."""
        running: deque[tuple[str, Sent, SeriesPart]] = deque()
        try:
            for parts in series.rounds():
                yield from self._work_off(series, parts, running)
        except GeneratorExit:
            raise
        except BaseException as error:
            # Cancel the running batches, unless the farm is out of reach, or a repeated call can find them by the key.
            is_lost = isinstance(error, ConnectionFailed | Unavailable)
            if series.plan.idempotency_key is None and not is_lost:
                yield from self._cancel_all(batch_id for batch_id, *_ in running)
            raise
        return series.run()

    def _work_off(
        self, series: Series, parts: Iterator[SeriesPart], running: deque[tuple[str, Sent, SeriesPart]]
    ) -> Flow[None]:
        for part in parts:
            running.append((*(yield from self._submit_part(series, part, running)), part))
            if series.plan.on_batch:
                series.plan.on_batch(running[-1][0])
            if len(running) == series.plan.in_flight:
                yield from self._finish(series, running)
        while running:
            yield from self._finish(series, running)

    def _submit_part(
        self, series: Series, part: SeriesPart, running: deque[tuple[str, Sent, SeriesPart]]
    ) -> Flow[tuple[str, Sent]]:
        while True:
            try:
                return (yield from self.submit(part.submission, part.key))
            except RateLimited:
                # The earlier batches of this series may have used up the quota; when they are done, it has room again.
                if not running:
                    raise
                yield from self._finish(series, running)

    def _finish(self, series: Series, running: deque[tuple[str, Sent, SeriesPart]]) -> Flow[None]:
        """Read the verdicts of the oldest batch until the batch ends. Meanwhile the farm works on the other batches."""
        batch_id, sent, part = running[0]
        yield Follow(batch_id, sent, partial(series.take, part))
        series.finish(part, (yield from self.status(batch_id, sent)))
        running.popleft()

    def _cancel_all(self, batch_ids: Iterator[str]) -> Flow[None]:
        with suppress(FarmError):
            for batch_id in batch_ids:
                # One batch may be gone already; the others still have to be cancelled.
                with suppress(NotFound):
                    yield from self.cancel(batch_id)

    def submit(self, submission: Submission, idempotency_key: str | None = None) -> Flow[tuple[str, Sent]]:
        """Submit proofs; return the batch's id and what was sent. Sending the call twice still makes only one batch."""
        timeout_s = self._timeout_s + submission.size / _SUBMIT_BYTES_PER_S
        key = {"Idempotency-Key": check_key(idempotency_key or uuid4().hex)}
        if submission.fits_json:
            call = Call("POST", "/v1/batches", timeout_s, headers=_JSON | key, body=submission.as_json())
        else:
            headers, body = _NDJSON | key, submission.as_ndjson()
            call = Call("POST", "/v1/batches", timeout_s, params=submission.fields, headers=headers, body=body)
        sent = Sent.of(submission.ids)
        found = yield from self._answer(call, _ACCEPTED, lambda found: found.total == sent.total)
        return found.batch_id, sent

    def check(self, request: CheckRequest) -> Flow[list[Checked]]:
        """Check snippets with a request in Kimina Lean Server's form, and wait for the answer."""
        call = self._work("/api/check", _encode(request, "A snippet"))
        ids = [snippet.id for snippet in request.snippets]
        found = yield from self._answer(call, _CHECKED, lambda found: [each.id for each in found.results] == ids)
        return found.results

    def follow(self, batch_id: str, after: str | None, sent: Sent) -> Following:
        """Return a reading position in a batch's results, with which a shell reads the stream."""
        return Following(batch_id, after, farm=self._farm, retries=self._retries, sent=sent)

    def batches(self, limit: int, **wanted: Any) -> Flow[list[BatchStatus]]:
        """List the API key's batches. `wanted` holds parameters of `GET /v1/batches`; empty parameters are not sent."""
        call = self._get("/v1/batches", limit=limit, **{name: value for name, value in wanted.items() if value})
        return (yield from self._answer(call, _BATCHES, lambda found: len(found.batches) <= limit)).batches

    def status(self, batch_id: str, sent: Sent) -> Flow[BatchStatus]:
        """Get the status of a batch, and store the number of the batch's proofs in `sent`."""
        found = yield from self._answer(
            self._get(_batch_path(batch_id)),
            _STATUS,
            lambda found: found.batch_id == batch_id and sent.total in (None, found.total),
        )
        sent.total = found.total
        return found

    def item(self, batch_id: str, index: int) -> Flow[Item]:
        """Get one proof of a batch."""
        call = self._get(f"{_batch_path(batch_id)}/items/{index}")
        return (yield from self._answer(call, _ITEM, lambda found: found.index == index))

    def items(self, batch_id: str, after: int) -> Flow[ItemsPage]:
        """Get as many proofs of a batch as one answer holds, from the first proof after the index `after`."""
        call = self._get(f"{_batch_path(batch_id)}/items", after=after)
        return (yield from self._answer(call, _ITEMS, lambda found: _follow_each_other(found, after)))

    def rerun(self, batch_id: str, **fields: Any) -> Flow[tuple[str, Sent]]:
        """Run a batch's undecided proofs again, as a new batch. Sending the call twice still makes only one batch."""
        headers = {**_JSON, "Idempotency-Key": uuid4().hex}
        body = _encode(_checked(RerunRequest, fields, "The rerun"), "The rerun")
        call = Call("POST", f"{_batch_path(batch_id)}/rerun", self._timeout_s + _RERUN_S, headers=headers, body=body)
        found = yield from self._answer(call, _ACCEPTED)
        return found.batch_id, Sent(total=found.total)

    def cancel(self, batch_id: str) -> Flow[BatchStatus]:
        """Cancel a batch."""
        call = Call("DELETE", _batch_path(batch_id), self._timeout_s)
        return (yield from self._answer(call, _STATUS, lambda found: found.batch_id == batch_id))

    def retrieve(self, **fields: Any) -> Flow[list[RetrievedPremise]]:
        """Retrieve premises for one goal; the fields are those of `RetrieveRequest`."""
        query = _checked(RetrieveRequest, fields, _QUERY)
        call = self._query("/retrieve", query)
        return (yield from self._answer(call, _PREMISES, lambda found: len(found) <= max(query.k, 0)))

    def retrieve_many(self, **fields: Any) -> Flow[list[list[DetailedPremise]]]:
        """Retrieve premises for several goals; the fields are those of `RetrieveBatchRequest`."""
        query = _checked(RetrieveBatchRequest, fields, _QUERY)
        call = self._query("/v1/retrieve", query)
        found = yield from self._answer(call, _RETRIEVED, lambda found: fits_states(found, query))
        return [goal.premises for goal in found.results]

    def _query(self, path: str, query: BaseModel) -> Call:
        timeout_s = self._timeout_s + _RETRIEVAL_DEADLINE_S
        return Call("POST", path, timeout_s, headers=_JSON, body=_encode(query, _QUERY))

    def commands(self, requests: Iterable[Any], **fields: Any) -> Flow[CommandsAnswer]:
        """Run LeanInteract requests in one fresh process; the other fields are those of `CommandsRequest`."""
        asked = [as_request(request) for request in requests]
        session = _checked(CommandsRequest, {"requests": asked, **fields}, "The session")
        call = self._work("/v1/commands", _encode(session, "The session"))
        found = yield from self._answer(call, _COMMANDS, lambda found: _is_session_of(found, len(asked)))
        typed = [as_response(request, reply) for request, reply in zip(asked, found.responses, strict=False)]
        return found.model_copy(update={"responses": typed})

    def tactics(self, **fields: Any) -> Flow[TacticsAnswer]:
        """Try tactics on goals; the fields are those of `TacticsRequest`."""
        search = _checked(TacticsRequest, fields, "The search")
        call = self._work("/v1/tactics", _encode(search, "The search"))
        return (yield from self._answer(call, _TACTICS, lambda found: fits_goals(found, search)))

    def _work(self, path: str, body: bytes) -> Call:
        timeout_s = self._timeout_s + _VERIFY_DEADLINE_S + _VERIFY_GRACE_S
        return Call("POST", path, timeout_s, headers=_JSON, body=body)

    def workers(self) -> Flow[FarmStatus]:
        """Get the workers, and how much work is waiting."""
        return (yield from self._answer(self._get("/v1/workers"), _FARM))

    def history(self, minutes: int, *, hosts: bool) -> Flow[History]:
        """Get the history of the last minutes."""
        call = self._get("/v1/history", minutes=minutes, hosts=hosts)
        return (yield from self._answer(call, _HISTORY, lambda found: len(found.minutes) == minutes))

    def environments(self) -> Flow[list[EnvironmentStatus]]:
        """Get the Lean environments."""
        return (yield from self._answer(self._get("/v1/environments"), _ENVIRONMENTS)).environments

    def host_settings(self) -> Flow[HostSettings]:
        """Get the settings that a host needs to join."""
        return (yield from self._answer(self._get("/v1/join"), _HOST))

    def ready(self) -> Flow[dict[str, Any]]:
        """Ask whether every part of the farm answers. The answer "not ready" has status 503, which is no error here."""
        return (yield from self._answer(self._get("/readyz"), _CHECKS, or_status=503))

    def _get(self, path: str, **params: Any) -> Call:
        return Call("GET", path, self._timeout_s, params=params)

    def _answer(
        self, call: Call, kind: TypeAdapter[T], is_for_us: Callable[[T], bool] = _always, *, or_status: int = 200
    ) -> Flow[T]:
        """Make a call until it succeeds, and return the answer; raise the failure if no further try can help.

        An answer for which `is_for_us` is false counts as lost. `or_status` is a further status that means success.
        """
        retries = Retries(self._retries)
        while True:
            reply = yield call
            if isinstance(reply, httpx.Response) and (reply.is_success or reply.status_code == or_status):
                if is_for_us(found := parse(kind, reply, self._farm)):
                    return found
                reply = Misdirected("it is about something else")
                # Close this connection: each further answer on it may belong to an earlier request.
                call = replace(call, headers={**call.headers, "Connection": "close"})
            yield retries.pause(failure(reply, call, self._farm))


def _batch_path(batch_id: str) -> str:
    return f"/v1/batches/{quote(batch_id, safe='')}"


def _follow_each_other(found: ItemsPage, after: int) -> bool:
    return [each.index for each in found.items] == list(range(after + 1, after + 1 + len(found.items)))


def _is_session_of(found: CommandsAnswer, asked: int) -> bool:
    return len(found.responses) == asked or (found.reason is not None and len(found.responses) < asked)


def _checked(kind: type[M], fields: dict[str, Any], what: str) -> M:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise invalid(error, what) from error


def _encode(request: BaseModel, what: str) -> bytes:
    try:
        return request.model_dump_json(exclude_none=True).encode()
    except ValueError as error:
        raise InvalidRequest(f"{what} holds lone surrogates, which have no UTF-8 form") from error
