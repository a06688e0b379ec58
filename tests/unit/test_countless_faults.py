"""Bodies made of faults: what a request may hold is bounded before each part of it is looked at."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from api.bodies import parse_json
from api.intake import parse_batch
from farm.errors import InvalidRequest, TooLarge
from farm.models import BatchRequest, CommandsRequest, RerunRequest, RowsRequest, TacticsRequest
from farm.models.openrlhf import OpenRLHFRequest

MANY = 50_000
FAULTS = [0] * MANY
NAMES = {str(number): 0 for number in range(MANY)}
STATEMENT = "theorem a : True"

BODIES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (BatchRequest, {"proofs": [{"code": "x"}], **NAMES}),
    (BatchRequest, {"proofs": [{"code": "x"}], "tags": FAULTS}),
    (BatchRequest, {"proofs": [{"code": "x", **NAMES}]}),
    (BatchRequest, {"proofs": [{"code": "x", "statement": STATEMENT, "answers": NAMES}]}),
    (BatchRequest, {"proofs": [{"code": "x", "statement": STATEMENT, "targets": FAULTS}]}),
    (RowsRequest, {"rows": FAULTS}),
    (RowsRequest, {"rows": [{}], **NAMES}),
    (RerunRequest, NAMES),
    (RerunRequest, {"tags": FAULTS}),
    (TacticsRequest, {"goals": FAULTS}),
    (TacticsRequest, {"goals": [{"code": "x", "candidates": ["a"], **NAMES}]}),
    (TacticsRequest, {"goals": [{"code": "x", "candidates": FAULTS}]}),
    (TacticsRequest, {"goals": [{"code": "x", "candidates": [FAULTS[:200]] * 250}]}),
    (TacticsRequest, {"goals": [{"code": "x", "candidates": [0] * 200}] * 200}),
    (CommandsRequest, {"requests": FAULTS}),
    (CommandsRequest, {"requests": [{"cmd": "x", **NAMES}]}),
    (CommandsRequest, {"requests": [{"cmd": "x", "setOptions": FAULTS}]}),
    (CommandsRequest, {"requests": [{"cmd": "x", "setOptions": [[FAULTS, FAULTS]]}]}),
    (CommandsRequest, {"requests": [{"cmd": "x", "setOptions": [[["a"], FAULTS[:900]]] * 60}]}),
    (OpenRLHFRequest, {"query": ["x"], "prompts": FAULTS, "labels": []}),
    (OpenRLHFRequest, {"query": ["x"], "prompts": [], "labels": FAULTS}),
]


@pytest.mark.parametrize(
    ("model", "body"), BODIES, ids=[f"{number} {model.__name__}" for number, (model, _) in enumerate(BODIES)]
)
def test_countless_faults_are_not_all_found(model: type[BaseModel], body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(body, strict=True)

    assert refused.value.error_count() <= 1_000


def test_a_finding_tells_only_the_beginning_of_a_long_name() -> None:
    with pytest.raises(InvalidRequest) as refused:
        asyncio.run(parse_batch({"proofs": [{"code": "x", "n" * 1_000_000: 0}]}))

    assert refused.value.message.startswith("proofs.0.nnn")
    assert len(refused.value.message) < 300
    assert len(str(refused.value.details)) < 1_000


@pytest.mark.parametrize("part", [b"[],", b"{},", b"[[]],", b'"[",'])
def test_a_body_of_lists_is_not_parsed(part: bytes) -> None:
    with pytest.raises(TooLarge, match="brackets"):
        parse_json(b"[" + part * 2_000_000 + b"0]")
