"""Rewards for trainers that fetch them from a URL."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from api.bodies import read_json
from api.errors import invalid
from api.intake import Intake, complete_options, parse_options
from api.interactive import verify
from api.large_texts import read_aside
from api.openapi import FAILURES, body_of
from api.replies import Disconnected
from api.service import ServiceDep, get_url_owner
from farm.client.completions import extract_lean, proof_of
from farm.models import Proof
from farm.models.openrlhf import OpenRLHFAnswer, OpenRLHFRequest
from farm.store.staging import NewBatch

router = APIRouter(prefix="/v1/rewards", tags=["rewards"], responses=FAILURES)

OwnerDep = Annotated[str, Depends(get_url_owner)]
# OpenRLHF gives up after 180 seconds and asks again. The batch ends before that, because an undecided proof costs less
# than doing the same work twice.
_DEADLINE_S = "170"


@router.post("/openrlhf", response_model=OpenRLHFAnswer, openapi_extra=body_of(OpenRLHFRequest))
async def openrlhf(
    request: Request,
    service: ServiceDep,
    owner: OwnerDep,
    undecided: Annotated[float, Query(allow_inf_nan=False, description="The reward for an undecided proof.")],
) -> Response:
    """Reward samples as OpenRLHF's `--reward.remote_url` expects. The query may also set options of the batch."""
    value, _ = await read_json(request)
    asked = _parse(value)
    given = [(name, text) for name, text in request.query_params.multi_items() if name != "undecided"]
    query = QueryParams([("level", "checked"), ("deadline_s", _DEADLINE_S), *given])
    options = await complete_options(parse_options(query), service, owner)
    proofs = await _proofs(asked)
    submission = NewBatch(
        environment=options["environment"],
        options=options,
        retention_s=service.settings.retention_s,
        deadline_s=options["deadline_s"],
    )
    sent = [proof for proof in proofs if proof]
    try:
        found = await verify(request, Intake(service, owner, options), sent, submission) if sent else []
    except Disconnected:
        return Response(status_code=499)
    rewards = [await read_aside(len(each), _reward, each) for each in found]
    return Response(orjson.dumps(_answer(proofs, rewards, undecided)), media_type="application/json")


def _parse(value: Any) -> OpenRLHFRequest:
    try:
        return OpenRLHFRequest.model_validate(value)
    except ValidationError as error:
        raise invalid(error) from error


async def _proofs(asked: OpenRLHFRequest) -> list[Proof | None]:
    # Sample by sample, so that requests with large texts take turns.
    samples = enumerate(zip(asked.responses, asked.labels, strict=True))
    return [
        await read_aside(len(response) + len(label or ""), _proof, response, label, index)
        for index, (response, label) in samples
    ]


def _proof(response: str, label: str | None, index: int) -> Proof | None:
    return proof_of(extract_lean(response), label or None, index)


def _reward(verdict: bytes) -> float | None:
    reward: float | None = orjson.loads(verdict)["reward"]
    return reward


def _answer(proofs: list[Proof | None], rewards: list[float | None], undecided: float) -> dict[str, Any]:
    """Return the fields of `OpenRLHFAnswer`. A sample without a proof to send is the model's fault, and gets 0."""
    given = iter(rewards)
    found = [next(given) if proof else 0.0 for proof in proofs]
    worth = [undecided if each is None else each for each in found]
    logs = {
        "accepted": [float(each == 1.0) for each in found],
        "undecided": [float(each is None) for each in found],
    }
    return {"rewards": worth, "scores": worth, "extra_logs": logs}
