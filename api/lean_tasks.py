"""Work for Lean other than proofs: turns requests into items of a lane, and the workers' answers into responses.

A lane is the queue of the items with the same environment, header and trust domain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError

from api.bodies import read_json_alone
from api.errors import invalid
from api.intake import complete_options
from api.interactive import INTERACTIVE_PROOFS, UNSEEN_RETENTION_S, work_off
from api.large_texts import read_aside
from api.service import Service
from farm.models import Options, Task
from farm.store.lanes import lane_name
from farm.store.staging import NewBatch, StagedItem, Staging

Model = TypeVar("Model", bound=BaseModel)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """The tasks of one request. They run with the gate off, so each owner's tasks have a trust domain of their own.

    Attributes:
        tasks: pairs of a header and the task that needs it.
    """

    timeout_s: float | None
    environment: str
    tasks: list[tuple[str, Task]]


async def read_model(request: Request, model: type[Model]) -> Model:
    """Return the body of a request as a model.

    Raises:
        InvalidRequest: the body does not fit the model.
        FarmError: as `read_json_alone` does.
    """
    value, body = await read_json_alone(request, model)
    return await read_aside(len(body), _fit, model, value)


def _fit(model: type[Model], value: Any) -> Model:
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        raise invalid(error) from error


async def run_tasks(request: Request, service: Service, owner: str, work: Work) -> list[Json]:
    """Run tasks, and return the stored result of each: a worker's `Answer`, or the farm's own `undecided` verdict.

    Raises:
        InvalidRequest: the farm cannot do what the request asks for.
        Disconnected, FarmError: as `work_off` does.
    """
    asked = Options(timeout_s=work.timeout_s, environment=work.environment, gate="off", cache=False)
    options = await complete_options(asked, service, owner)
    submission = NewBatch(
        environment=work.environment,
        options=options,
        retention_s=min(UNSEEN_RETENTION_S, service.settings.retention_s),
        interactive=len(work.tasks) <= INTERACTIVE_PROOFS,
        listed=False,
    )
    entries = _entries(work, owner)
    found = await work_off(request, service, Staging(owner), entries, submission)
    return [await read_aside(len(each), orjson.loads, each) for each in found]


def _entries(work: Work, owner: str) -> Iterable[StagedItem]:
    return (StagedItem(lane_name(work.environment, header, owner), task) for header, task in work.tasks)


def finding(found: Json) -> Json:
    """Return the fields of the model `Unfinished`, read from the stored result of a task."""
    message = found.get("message") or next((each["data"] for each in found.get("messages", [])), "")
    kept = {name: found[name] for name in ("reason", "time_s", "queue_s", "attempts", "environment")}
    return {**kept, "message": message}
