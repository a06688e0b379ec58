"""Checks that an answer belongs to its request: it must carry the request's name and fit the request's content.

Answers get mixed up if two processes read from one socket, or if a proxy mixes up its connections. If an answer that
arrives belongs to another request, the SDK does not return this answer to its caller. The SDK treats the right answer
as lost, and makes the call again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import httpx

from farm.models import RetrieveBatchRequest, RetrievedBatch, TacticsAnswer, TacticsRequest, Verdict

_NAME = "Farm-Request"


class Misdirected(httpx.RemoteProtocolError):
    """An answer that belongs to another request."""


def name_request(request: httpx.Request) -> None:
    """Give a request a random name in a header. The farm repeats this name in its answer."""
    request.headers[_NAME] = uuid4().hex


def check_name(response: httpx.Response) -> None:
    """Check the request's name in a response. A response without a name passes: older farms and some proxies omit it.

    Raises:
        Misdirected: the response carries another request's name.
    """
    if response.headers.get(_NAME) not in (None, response.request.headers[_NAME]):
        raise Misdirected("it has another request's name")


async def name_request_async(request: httpx.Request) -> None:
    """Do what `name_request` does, for a client that awaits its hooks."""
    name_request(request)


async def check_name_async(response: httpx.Response) -> None:
    """Do what `check_name` does, for a client that awaits its hooks."""
    check_name(response)


@dataclass(slots=True)
class Sent:
    """The number and the ids of a batch's proofs, as far as they are known. Each verdict is checked against them.

    Attributes:
        total: the number of proofs; None until a status gives it.
        ids: the proofs' ids in order; None for a batch that was submitted elsewhere.
    """

    total: int | None = None
    ids: Sequence[str] | None = None

    @classmethod
    def of(cls, ids: Sequence[str]) -> Sent:
        """Return the number and the ids of the proofs of a batch that this client submitted."""
        return cls(len(ids), ids)

    def check(self, verdict: Verdict) -> None:
        """Check that a verdict is about one of the batch's proofs.

        Raises:
            Misdirected: the verdict is about a proof of another batch.
        """
        known = self.total is None or verdict.index < self.total
        if verdict.index < 0 or not known or (self.ids and self.ids[verdict.index] != verdict.id):
            raise Misdirected("it holds a verdict about a proof that was not sent")


def are_for(verdicts: Sequence[Verdict], ids: Sequence[str]) -> bool:
    """Whether the verdicts are about the proofs with these ids, in the order of the ids."""
    return [(each.index, each.id) for each in verdicts] == list(enumerate(ids))


def fits_states(answer: RetrievedBatch, query: RetrieveBatchRequest) -> bool:
    """Whether an answer has a list of premises for each goal of a query, and no list is longer than the query's `k`."""
    counts = [len(goal.premises) for goal in answer.results]
    return len(counts) == len(query.states) and max(counts) <= query.k


def fits_goals(answer: TacticsAnswer, request: TacticsRequest) -> bool:
    """Whether an answer has a result for each goal of a request and for each candidate of each goal."""
    asked = ((goal.id or str(index), len(goal.candidates)) for index, goal in enumerate(request.goals))
    return list(asked) == [(each.id, len(each.candidates)) for each in answer.results]
