"""An example of what each operation answers when all goes well.

The farm's own models write the examples, so that each has every field that a real answer has.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import orjson
from pydantic import BaseModel

from api.examples import EXAMPLES
from api.openapi import PartReadiness, ReadinessAnswer
from farm import models
from farm.metric_series import BUCKETS_S
from farm.models import Position, Reason, verdict
from farm.models.openrlhf import OpenRLHFAnswer
from farm.models.premises import RetrievedGoal

_BATCH = "6f1c0d52a8e94b7e9f3d1b2c4a5e6f70"
_RERUN = "b20e7a4c915d4f6c8a1b3d5e7f908a6c"
_AT = 1790000040
_SANDBOX = ["landlock:7", "seccomp", "rlimits", "no_new_privs", "pdeathsig", "scratch", "uid"]
_REPL = "https://github.com/augustepoiroux/repl@v1.3.19"
_LEAN = models.Environment(lean_version="v4.35.0", project="mathlib", repl=_REPL, sandbox=_SANDBOX)
_MODEL = "l3lab/all-distilroberta-v1-lr2e-4-bs256-nneg3-ml-ne2"


def _json(model: BaseModel) -> Any:
    return model.model_dump(mode="json", by_alias=True)


_TRUE = verdict("two", 0, reason=None, time_s=0.21, queue_s=0.04, environment=_LEAN)
_FALSE = verdict(
    "three",
    1,
    reason=Reason.ERROR,
    messages=[
        models.Message(
            severity="error",
            pos=Position(line=1, column=31),
            endPos=Position(line=1, column=37),
            data="Tactic `decide` proved that the proposition\n  1 + 1 = 3\nis false",
        )
    ],
    time_s=0.19,
    queue_s=0.04,
    environment=_LEAN,
)
_ITEM = models.Item(index=0, proof=models.Proof.model_validate(EXAMPLES["BatchRequest"]["proofs"][0]), verdict=_TRUE)
_PAGE = models.ResultsPage(results=[_TRUE, _FALSE], next="1790000041250-1", done=True)


def _status(
    state: models.BatchState, done: int, counts: models.Counts, finished_at: float | None
) -> models.BatchStatus:
    return models.BatchStatus(
        batch_id=_BATCH,
        state=state,
        total=2000,
        done=done,
        counts=counts,
        created_at=_AT,
        finished_at=finished_at,
        label="a first batch",
        first="two",
        options={
            "timeout_s": 30.0,
            "level": "compiled",
            "environment": "default",
            "priority": 5,
            "gate": "off",
            "cache": True,
        },
    )


_RUNNING = _status(models.BatchState.RUNNING, 1500, models.Counts(accepted=1310, rejected=170, undecided=20), None)
_CANCELLED = _status(
    models.BatchState.CANCELLED, 2000, models.Counts(accepted=1310, rejected=170, undecided=520), _AT + 75.5
)


def _accepted(batch_id: str, total: int) -> models.BatchAccepted:
    own = f"/v1/batches/{batch_id}"
    links = {"self": own, "results": f"{own}/results", "cancel": own}
    return models.BatchAccepted(batch_id=batch_id, total=total, links=links)


_PREMISE = models.DetailedPremise(
    score=0.912,
    name="Nat.add_comm",
    kind="theorem",
    module="Init.Data.Nat.Basic",
    statement="theorem Nat.add_comm : ∀ (n m : ℕ), n + m = m + n",
)
_REPLY = {
    "messages": [
        {"severity": "info", "pos": {"line": 1, "column": 0}, "endPos": {"line": 1, "column": 5}, "data": "2"}
    ],
    "env": 0,
}
_WORKERS = models.FarmStatus(
    workers=[
        models.WorkerStatus(
            id="node07-4711-f3a9",
            kind=models.WorkerKind.LEAN,
            serves=_LEAN,
            host="node07",
            pid=4711,
            state="busy",
            engine="Lean v4.35.0",
            sandbox=", ".join(_SANDBOX),
            header="import Mathlib",
            proofs=1234,
            restarts=3,
            memory_mb=5120.4,
            seen_s=0.8,
        )
    ],
    queues=[models.QueueStatus(environment="default", pending=500, leased=64)],
    flower="http://127.0.0.1:5555",
)
_HISTORY = models.History(
    start=_AT,
    minutes=[
        None,
        models.Minute(
            at=_AT + 60,
            verdicts={"accepted": 1310, "error": 170, "timeout": 20},
            pending=500,
            leased=64,
            queue_p50_s=1.25,
            queue_p95_s=12.5,
            run_p50_s=0.25,
            run_p95_s=5.0,
            queue_counts={"1": 600, "2": 700, "10": 100, "30": 100},
            run_counts={"0.5": 1400, "5": 80, "60": 20},
            retrievals=7,
            processes={"lean": 64, "embed": 1, "premises": 1},
            restarts={"died": 1, "deadline": 2},
            memory_mb=327680.4,
        ),
    ],
    events=[models.HistoryEvent(at=_AT + 61.5, kind="workers", text="64 lean processes started on node07")],
    bounds_s=list(BUCKETS_S),
)
_READY = ReadinessAnswer(
    status="ready",
    checks={
        "redis": PartReadiness(ready=True, notice="", engine="state version 3, this release 3"),
        "lean": PartReadiness(ready=True, notice="", workers=64, engine="Lean v4.35.0", progress=1.0),
        "embed": PartReadiness(
            ready=True,
            notice="",
            workers=1,
            engine=_MODEL,
            progress=1.0,
        ),
        "premises": PartReadiness(
            ready=True,
            notice="",
            workers=1,
            engine=f"231408 premises by {_MODEL}",
            progress=1.0,
        ),
    },
)
# These are not written by models, because a field without a value is absent from the answers of Kimina's routes.
_CHECKED = {"results": [{"id": "two", "time": 0.21, "response": {"env": 0}}]}
_OLDER = {"results": [{"custom_id": "two", "response": {"env": 0, "time": 0.21}}]}

ANSWERS: dict[str, Any] = {
    "POST /v1/batches": _json(_accepted(_BATCH, 1)),
    "GET /v1/batches": {"batches": [_json(_RUNNING)]},
    "GET /v1/batches/{batch_id}": _json(_RUNNING),
    "DELETE /v1/batches/{batch_id}": _json(_CANCELLED),
    "GET /v1/batches/{batch_id}/items/{index}": _json(_ITEM),
    "GET /v1/batches/{batch_id}/items": _json(models.ItemsPage(items=[_ITEM], next=None)),
    "POST /v1/batches/{batch_id}/rerun": _json(_accepted(_RERUN, 20)),
    "GET /v1/batches/{batch_id}/results": _json(_PAGE),
    "GET /v1/batches/{batch_id}/names": _json(
        models.NamesPage(names=[models.ItemName(index=0, id="two#1", problem="two")], next=None)
    ),
    "GET /v1/batches/{batch_id}/matches": _json(models.MatchesPage(indices=[1], next="1790000041250-1", done=True)),
    "POST /v1/rows": _json(
        models.RowsAnswer(
            results=[models.RowFields(id="two", statement="import Init\n\ntheorem two : 1 + 1 = 2 := by sorry")]
        )
    ),
    "POST /v1/verify": _json(models.Verified(results=[_TRUE])),
    "POST /v1/commands": _json(models.CommandsAnswer(time_s=0.12, queue_s=0.02, environment=_LEAN, responses=[_REPLY])),
    "POST /v1/tactics": _json(
        models.TacticsAnswer(
            time_s=0.4,
            queue_s=0.02,
            environment=_LEAN,
            results=[
                models.GoalAnswer(
                    id="0",
                    goal="⊢ 1 + 1 = 2",
                    candidates=[
                        models.Tried(status=models.Status.PROVED, time_s=0.01),
                        models.Tried(status=models.Status.PROVED, time_s=0.03),
                    ],
                )
            ],
        )
    ),
    "POST /retrieve": [_json(models.RetrievedPremise(score=_PREMISE.score, name=_PREMISE.name))],
    "GET /indexed-modules": ["Init.Prelude", "Init.Data.Nat.Basic"],
    "GET /indexed-premises": ["Nat.add_comm", "Nat.add_assoc"],
    "GET /max-new-premises": 2048,
    "POST /v1/retrieve": _json(
        models.RetrievedBatch(
            results=[RetrievedGoal(premises=[_PREMISE])],
            timings_s={"queue": 0.002, "embed": 0.011, "search": 0.004, "total": 0.019},
        )
    ),
    "POST /v1/rewards/openrlhf": _json(
        OpenRLHFAnswer(rewards=[1.0], scores=[1.0], extra_logs={"accepted": [1.0], "undecided": [0.0]})
    ),
    "POST /api/check": _CHECKED,
    "POST /verify": _OLDER,
    "POST /one_pass_verify_batch": _OLDER,
    "GET /health": {"status": "ok"},
    "GET /livez": {"status": "ok"},
    "GET /readyz": _json(_READY),
    "GET /v1/workers": _json(_WORKERS),
    "GET /v1/environments": _json(
        models.EnvironmentList(
            environments=[
                models.EnvironmentStatus(
                    name="default", **_LEAN.model_dump(), workers=64, pending=500, leased=64, seen_s=0.8
                )
            ]
        )
    ),
    "GET /v1/history": _json(_HISTORY),
    "GET /v1/join": _json(
        models.HostSettings(
            version=version("leanfarm"),
            redis_url="redis://:PASSWORD@10.0.0.7:6379/0",
            broker_url="redis://:PASSWORD@10.0.0.7:6379/0",
            settings={
                "LEAN_MAX_DEATHS": "3",
                "LEAN_SLICES": "True",
                "VERDICT_CACHE_MB": "256",
                "RETENTION_S": "604800",
            },
        )
    ),
}
"""The examples by method and path; their media type is `application/json`."""

NOT_READY: Any = _json(
    ReadinessAnswer(
        status="not ready",
        checks={
            "redis": PartReadiness(ready=False, notice="Redis does not answer"),
        },
    )
)
"""What `/readyz` answers with status 503."""

_LINES = [
    *({"cursor": f"179000004125{place}-0", "result": _json(each)} for place, each in enumerate(_PAGE.results)),
    {"cursor": "1790000041251-0", "done": True},
]
STREAMS: dict[str, str] = {
    "application/vnd.apache.parquet": "PAR1…PAR1",
    "application/x-ndjson": "".join(orjson.dumps(line).decode() + "\n" for line in _LINES),
    "text/event-stream": "".join(
        f"id: {line['cursor']}\nevent: {'result' if 'result' in line else 'done'}\n"
        f"data: {orjson.dumps(line.get('result', {})).decode()}\n\n"
        for line in _LINES
    ),
}
"""A batch's results as streams and as a file, by media type."""
