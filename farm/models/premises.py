"""Premise retrieval, with the requests and answers of lean-premise-server."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from farm.models.limits import MAX_STATES


class NewPremise(BaseModel):
    """A premise that the corpus does not have: its name and the text to embed."""

    model_config = ConfigDict(frozen=True)

    name: str
    decl: str


class RetrieveRequest(BaseModel):
    """The body of `POST /retrieve`.

    Attributes:
        state: the pretty-printed goal.
        k: how many premises to return; 0 or less gives none; more than `MAX_K` gives `MAX_K`.
        imported_modules: accessible modules by name or id; None both here and in `local_premises` means the whole
            corpus.
        local_premises: accessible premises by name or index in `GET /indexed-premises`.
        new_premises: premises to rank together with the corpus; the first `MAX_NEW_PREMISES` are kept.
        caller_in_module_system: whether to leave out what Lean's module system hides from the caller.
        imported_all_modules: modules the caller imports with `import all`.
    """

    state: str
    k: int
    imported_modules: list[int | str] | None = None
    local_premises: list[int | str] | None = None
    new_premises: list[NewPremise] = Field(default_factory=list)
    caller_in_module_system: bool = False
    imported_all_modules: list[int | str] | None = None


class RetrievedPremise(BaseModel):
    """A premise and its inner product with the goal."""

    model_config = ConfigDict(frozen=True)

    score: float
    name: str


class RetrieveBatchRequest(BaseModel):
    """The body of `POST /v1/retrieve`: goals that share what their caller can see.

    Attributes:
        states: the pretty-printed goals.
        k: how many premises to return for each goal, 1 or more; more than `MAX_K` gives `MAX_K`.

    The other fields are those of `RetrieveRequest`.
    """

    model_config = ConfigDict(extra="forbid")

    states: Annotated[list[str], Field(min_length=1, max_length=MAX_STATES)]
    k: Annotated[int, Field(ge=1)]
    imported_modules: list[int | str] | None = None
    local_premises: list[int | str] | None = None
    new_premises: list[NewPremise] = Field(default_factory=list)
    caller_in_module_system: bool = False
    imported_all_modules: list[int | str] | None = None


class DetailedPremise(RetrievedPremise):
    """A premise with what the corpus says about it.

    Attributes:
        kind: theorem, def and so on; None for a new premise.
        module: the module that declares it; None for a new premise.
        statement: `kind name args : type`; for a new premise its `decl`.
    """

    kind: str | None
    module: str | None
    statement: str


class RetrievedGoal(BaseModel):
    """The premises found for one goal, the best first."""

    premises: list[DetailedPremise]


class RetrievedBatch(BaseModel):
    """The answer to `POST /v1/retrieve`.

    Attributes:
        results: one result per goal, in the order of the goals.
        timings_s: seconds spent in `queue`, `embed`, `select`, `search`, `rescore` and `reply`, and in `total`, the
            time in the API. Most of these times cover all queries that were served together.
    """

    results: list[RetrievedGoal]
    timings_s: dict[str, float]
