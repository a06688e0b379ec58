"""Parses premise queries, and asks the rooms to answer them.

The parser is written by hand, because pydantic takes too long for lists of 130 000 names. If the client of a query no
longer waits, the query is withdrawn.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from fastapi import Request

from api.errors import MOST_NAME_CHARS
from api.loading import refuse_while_loading
from api.replies import wait_reply
from api.service import Service
from farm.errors import InvalidRequest, StoreUnavailable, Unavailable
from farm.models import NewPremise, RetrieveBatchRequest
from farm.models.limits import MAX_STATES
from farm.store.codec import unpack
from farm.store.retrievals import Names, Retrieval

DEADLINE_S = 30.0
_LEAST_S = 0.1
_STORE_PATIENCE_S = 2.0
_RETRY_S = 0.2
_BATCH_FIELDS = frozenset(RetrieveBatchRequest.model_fields)


def _refuse(name: str, text: str) -> InvalidRequest:
    return InvalidRequest(f"{name}: {text}", details=[{"loc": ["body", name], "msg": text, "type": "invalid"}])


def _field(body: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    """Return the value of a field, which must have the type `kind`; a bool does not count as an int.

    If there is no default, the field is required.
    """
    if name not in body:
        if default is None:
            raise _refuse(name, "Field required")
        return default
    if type(body[name]) is not kind:
        raise _refuse(name, f"Input should be a valid {kind.__name__}")
    return body[name]


def _names(body: dict[str, Any], name: str) -> Names:
    """Return a list of ids and names. Only the types of the entries are checked: a list may have 130 000 entries."""
    value = body.get(name)
    if value is not None and not (isinstance(value, list) and set(map(type, value)) <= {int, str}):
        raise _refuse(name, "Input should be a list of integers and strings")
    return value


def _new_premises(body: dict[str, Any], most: int) -> list[NewPremise]:
    if body.get("new_premises") is None:  # lean-premise-server accepts null for an empty list
        return []
    value = _field(body, "new_premises", list)
    for each in value:
        if not (isinstance(each, dict) and isinstance(each.get("name"), str) and isinstance(each.get("decl"), str)):
            raise _refuse("new_premises", "Input should be objects with the strings `name` and `decl`")
    return [NewPremise.model_construct(name=each["name"], decl=each["decl"]) for each in value[:most]]


def _retrieval(body: dict[str, Any], service: Service, states: list[str], *, is_detailed: bool) -> Retrieval:
    settings = service.settings
    return Retrieval(
        states=states,
        k=min(_field(body, "k", int), settings.max_k),
        imported_modules=_names(body, "imported_modules"),
        local_premises=_names(body, "local_premises"),
        imported_all_modules=_names(body, "imported_all_modules"),
        new_premises=_new_premises(body, settings.max_new_premises),
        caller_in_module_system=_field(body, "caller_in_module_system", bool, False),
        reply=service.replies.key,
        deadline_ms=int((time.time() + DEADLINE_S) * 1000),
        is_detailed=is_detailed,
        takes_positions=is_detailed,
    )


def parse_query(body: Any, service: Service) -> Retrieval:
    """Return a premise query from the body of `POST /retrieve`.

    Raises:
        InvalidRequest: a field is missing or of the wrong type.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("The body is not a JSON object")
    return _retrieval(body, service, [_field(body, "state", str)], is_detailed=False)


def parse_queries(body: Any, service: Service) -> Retrieval:
    """Return a premise query from the body of `POST /v1/retrieve`. The check is stricter than that of `parse_query`.

    Raises:
        InvalidRequest: a field is missing, unknown, or of the wrong type.
    """
    if not isinstance(body, dict):
        raise InvalidRequest("The body is not a JSON object")
    if (unknown := next((name for name in body if name not in _BATCH_FIELDS), None)) is not None:
        raise _refuse(unknown[:MOST_NAME_CHARS], "Extra inputs are not permitted")
    states = _field(body, "states", list)
    if not 1 <= len(states) <= MAX_STATES or set(map(type, states)) != {str}:
        raise _refuse("states", f"Input should be a list of 1 to {MAX_STATES} strings")
    new = _field(body, "new_premises", list, [])
    retrieval = _retrieval(body, service, states, is_detailed=True)
    if any(each.keys() != {"name", "decl"} for each in new):
        raise _refuse("new_premises", "Input should be objects with the strings `name` and `decl`, and no more")
    if retrieval.k < 1:
        raise _refuse("k", "Input should be 1 or more")
    return retrieval


async def ask(request: Request, service: Service, retrieval: Retrieval) -> dict[str, Any]:
    """Return the rooms' answer to a query. If no answer comes, withdraw the query.

    Raises:
        RateLimited: too many queries are waiting already.
        Unavailable: no answer came in time, or something that a query needs is not available.
        Disconnected: the client disconnected.
    """
    try:
        answer: dict[str, Any] = unpack(await _answer(request, service, retrieval))
    except BaseException:
        with contextlib.suppress(StoreUnavailable):  # the query will expire
            await asyncio.shield(service.retrievals.give_up(retrieval))
        raise
    if "error" in answer:
        raise Unavailable(answer["error"])
    service.embedded.add(retrieval)
    return answer


async def _answer(request: Request, service: Service, retrieval: Retrieval) -> bytes:
    """Return the answer to a query; if the store loses the query, as in a failover, submit it again."""
    ends = time.monotonic() + DEADLINE_S
    with service.replies.expect(f"retrieval:{retrieval.id}") as future:
        while True:
            left_s = max(ends - time.monotonic(), _LEAST_S)
            if await _submit(service, retrieval, int(left_s * 1000)):
                service.call_embed()
            if blob := await wait_reply(request, future, left_s, _Lookout(service, retrieval).is_lost):
                return blob


async def _submit(service: Service, retrieval: Retrieval, ttl_ms: int) -> bool:
    """Submit a query; return whether the embed room has to be called.

    If the store does not answer for a moment, try again: submitting a query twice does no harm.
    """
    patient_until, inputs = time.monotonic() + _STORE_PATIENCE_S, service.embedded.count(retrieval)
    while True:
        try:
            return await service.retrievals.submit(retrieval, ttl_ms, inputs)
        except StoreUnavailable:
            if time.monotonic() > patient_until:
                raise
        await asyncio.sleep(_RETRY_S)


class _Lookout:
    """Checks now and then whether a query can still be answered."""

    def __init__(self, service: Service, retrieval: Retrieval) -> None:
        self._service = service
        self._retrieval = retrieval
        self._was_missing = False

    async def is_lost(self) -> bool:
        """Whether the query is lost: at this check and the check before, the store did not know the query any more.

        Raises:
            Unavailable: the workers that should answer are still loading.
        """
        with contextlib.suppress(StoreUnavailable):
            was_missing, self._was_missing = self._was_missing, False
            if await self._service.retrievals.is_in_flight(self._retrieval):
                await refuse_while_loading(self._service.client)
            else:
                self._was_missing = True
                return was_missing
        return False
