"""Premise retrieval, in the shapes of lean-premise-server."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class NewPremise(BaseModel):
    """A premise the corpus does not know: its name and the text to embed."""

    model_config = ConfigDict(frozen=True)

    name: str
    decl: str


class RetrieveRequest(BaseModel):
    """The body of `POST /retrieve`.

    Attributes:
        state: the pretty-printed goal.
        k: how many premises to return; 0 or less gives none, more than `MAX_K` is clamped.
        imported_modules: accessible modules by name or id; None with `local_premises` None means the whole corpus.
        local_premises: accessible premises by name or index in `GET /indexed-premises`.
        new_premises: premises to rank beside the corpus; the first `MAX_NEW_PREMISES` are kept.
        caller_in_module_system: hides what the module system hides from the caller.
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
