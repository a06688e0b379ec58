"""The models of a session: LeanInteract's requests over HTTP, which run in order in one fresh REPL process."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from farm.models.answers import Unfinished
from farm.models.closed_models import ClosedModel
from farm.models.limits import MAX_LEAN_OPTIONS, MAX_REQUESTS
from farm.models.proofs import EnvironmentName, LeanText
from farm.models.reports import Infotree

_FILES = frozenset({"path", "pickleTo", "unpickleEnvFrom", "unpickleProofStateFrom"})
_SUPPORTED = "one request is a command (`cmd`) or a proof step (`proofState` and `tactic`)"


def _as_tuple(value: Any) -> Any:
    """Return a list as a tuple: JSON has no tuples, and strict validation would refuse a list."""
    return tuple(value) if isinstance(value, list) else value


_Parts = Annotated[list[str], Field(max_length=MAX_LEAN_OPTIONS, fail_fast=True)]

Option = Annotated[
    tuple[_Parts, bool | int | str | _Parts],
    BeforeValidator(_as_tuple),
    Field(json_schema_extra={"items": {}}),  # Linters of OpenAPI want `items` for every array, even for a tuple.
]


class LeanRequest(ClosedModel):
    """One request to Lean's REPL: a command, or a tactic on a proof state. The fields have the REPL's own names.

    Attributes:
        cmd: the command's text. If `env` is absent, the text may begin with imports.
        env: the environment to run the command in, by its number in an earlier answer of this session.
        allTactics: whether the answer lists the tactics used.
        declarations: whether the answer describes the declarations made.
        rootGoals: whether the answer lists the goal of every declaration as a sorry, even if the goal is proved.
        infotree: how much of Lean's info trees the answer holds.
        incrementality: whether Lean may reuse the work on an earlier command with the same beginning; LeanInteract's
            setting when absent.
        setOptions: options to set first, such as `[[["pp", "all"], true]]`.
        timeout: milliseconds after which the REPL gives up this request; the process keeps running. Not every REPL
            knows this field.
        proofState: the proof state to work on, by its number in an earlier answer of this session.
        tactic: the tactic to run on that proof state.
    """

    model_config = ConfigDict(frozen=True)

    cmd: LeanText | None = None
    env: Annotated[int, Field(ge=0)] | None = None
    allTactics: bool | None = None  # noqa: N815 - the REPL's names
    declarations: bool | None = None
    rootGoals: bool | None = None  # noqa: N815
    infotree: Infotree | None = None
    incrementality: bool | None = None
    setOptions: Annotated[list[Option], Field(max_length=MAX_LEAN_OPTIONS, fail_fast=True)] | None = None  # noqa: N815
    timeout: Annotated[int, Field(ge=0)] | None = None
    proofState: Annotated[int, Field(ge=0)] | None = None  # noqa: N815
    tactic: LeanText | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_files(cls, value: Any) -> Any:
        """Refuse a request that names a file of the host, with an error that says why."""
        if isinstance(value, dict) and (named := _FILES & value.keys()):
            raise ValueError(f"`{min(named)}` names a file of the farm's host: only `cmd` and `tactic` are for clients")
        return value

    @model_validator(mode="after")
    def _require_one_kind(self) -> LeanRequest:
        is_step = {"proofState", "tactic"} == self.given
        if not is_step and (self.cmd is None or self.given & {"proofState", "tactic"}):
            raise ValueError(_SUPPORTED)
        return self

    @property
    def given(self) -> set[str]:
        """The fields that are set."""
        return {name for name in self.model_fields_set if getattr(self, name) is not None}


class Commands(BaseModel):
    """Requests that are run in order in one fresh process."""

    model_config = ConfigDict(frozen=True)

    requests: Annotated[list[LeanRequest], Field(min_length=1, max_length=MAX_REQUESTS, fail_fast=True)]


class CommandsRequest(Commands, ClosedModel):
    """The body of `POST /v1/commands`.

    Attributes:
        timeout_s: seconds each request may take, imports included; `LEAN_TIMEOUT_S` when absent.
        environment: the Lean environment to run in.
    """

    model_config = ConfigDict(frozen=True)

    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    environment: EnvironmentName = "default"

    @model_validator(mode="after")
    def _require_known_numbers(self) -> CommandsRequest:
        """Refuse an `env` or `proofState` that no earlier request can have made; a fresh REPL counts from 0."""
        made = 0
        for index, request in enumerate(self.requests):
            if request.env is not None and request.env >= made:
                raise ValueError(f"requests.{index}.env: {request.env} is not an environment of an earlier request")
            if request.proofState is not None and index == 0:
                raise ValueError("requests.0.proofState: no earlier request could have made a proof state")
            made += request.cmd is not None
        return self


class CommandsAnswer(Unfinished):
    """The answer to `POST /v1/commands`.

    Attributes:
        responses: the REPL's reply to each request, unchanged; `{"message"}` for a request that the REPL refused. If
            the session ended early, `reason` says why, and only the requests that were finished have a reply. If
            lean_interact is installed, the SDK returns the replies as lean_interact's models.
    """

    responses: list[Any]
