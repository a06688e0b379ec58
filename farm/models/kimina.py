"""The models of the requests and answers of Kimina Lean Server 2.0.

As in that server, values are converted to the fields' types, and unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from farm.models.reports import Infotree


class Snippet(BaseModel):
    """One Lean text to check."""

    id: str
    code: str


class CheckRequest(BaseModel):
    """The body of `POST /api/check`.

    Attributes:
        timeout: seconds each snippet may run.
        debug: whether answers carry `diagnostics`.
        reuse: whether a REPL process that has run other snippets may run these snippets.
        infotree: how much of Lean's info trees the answers hold.
    """

    snippets: Annotated[list[Snippet], Field(min_length=1)]
    timeout: Annotated[int, Field(ge=0)] = 30
    debug: bool = False
    reuse: bool = True
    infotree: Infotree | None = None

    @model_validator(mode="after")
    def _require_unique_ids(self) -> CheckRequest:
        if len({snippet.id for snippet in self.snippets}) != len(self.snippets):
            raise ValueError("`snippets` must have unique ids")
        return self


class Code(BaseModel):
    """One Lean text in `POST /verify`, as `proof` or as `code`. If both are given, `proof` counts."""

    custom_id: str | int
    proof: str | None = None
    code: str | None = None

    @model_validator(mode="after")
    def _require_text(self) -> Code:
        if self.proof is None and self.code is None:
            raise ValueError("either `proof` or `code` must be set")
        return self

    @property
    def text(self) -> str:
        """The Lean text: `proof` if it is given, else `code`."""
        return self.proof if self.proof is not None else self.code or ""


class VerifyRequest(BaseModel):
    """The body of `POST /verify` and `POST /one_pass_verify_batch`: a `CheckRequest` with older field names."""

    codes: list[Code]
    timeout: int = 300
    infotree_type: Infotree | None = None
    disable_cache: bool = False


class Checked(BaseModel):
    """The answer for one snippet: `response`, or `error` when the farm could not decide.

    Attributes:
        time: seconds the snippet ran.
        response: `{"env", "messages", "sorries", "tactics", "infotree"}`, or `{"message"}` if the REPL refused the
            snippet.
        error: why there is no response. After a timeout, the text contains `timed out`.
        diagnostics: `{"repl_uuid", "cpu_max", "memory_max"}`; `cpu_max` is in percent of one core, and `memory_max` is
            in bytes.
    """

    id: str
    time: float
    response: dict[str, Any] | None = None
    error: str | None = None
    diagnostics: dict[str, Any] | None = None


class CheckResponse(BaseModel):
    """The answer to `POST /api/check`, in request order."""

    results: list[Checked]


class KiminaVerified(BaseModel):
    """The answer for one Lean text: `response` with its `time`, or `error`."""

    custom_id: str
    response: dict[str, Any] | None = None
    error: str | None = None


class VerifyResponse(BaseModel):
    """The answer to `POST /verify`, in request order."""

    results: list[KiminaVerified]
