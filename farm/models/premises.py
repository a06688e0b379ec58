"""The models of premise retrieval. The models of `POST /retrieve` are the same as in lean-premise-server."""

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
        k: how many premises to return: none if 0 or less, and at most `MAX_K`.
        imported_modules: the modules that are accessible, by name or id. If this and `local_premises` are both None,
            the whole corpus is accessible.
        local_premises: single premises that are accessible, by name or by index in `GET /indexed-premises`.
        new_premises: premises to rank together with the corpus; only the first `MAX_NEW_PREMISES` count.
        caller_in_module_system: whether to leave out the premises that Lean's module system hides from the caller.
        imported_all_modules: modules that the caller imports with `import all`.
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
    """The body of `POST /v1/retrieve`: several goals, for which the same premises are accessible.

    Attributes:
        states: the pretty-printed goals.
        k: how many premises to return for each goal: 1 or more, and at most `MAX_K`.

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
        kind: the kind of declaration, such as theorem or def; None for a new premise.
        module: the module that declares the premise; None for a new premise.
        statement: `kind name args : type`; for a new premise, its `decl`.
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
        timings_s: seconds for each step (`queue`, `embed`, `select`, `search`, `rescore`, `reply`), and for the whole
            time in the API (`total`). Most steps handle several queries together; a step's time is for all of them.
    """

    results: list[RetrievedGoal]
    timings_s: dict[str, float]
