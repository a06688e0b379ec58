"""LeanInteract's requests over HTTP: commands and proof steps, in order, in one fresh REPL process."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from farm.models.answers import Unfinished
from farm.models.limits import MAX_REQUESTS
from farm.models.proofs import EnvironmentName, LeanText
from farm.models.reports import Infotree

_FILES = frozenset({"path", "pickleTo", "unpickleEnvFrom", "unpickleProofStateFrom"})
_SUPPORTED = "one request is a command (`cmd`) or a proof step (`proofState` and `tactic`)"


def _as_tuple(value: Any) -> Any:
    """JSON has no tuples, and requests are read strictly."""
    return tuple(value) if isinstance(value, list) else value


Option = Annotated[tuple[list[str], bool | int | str | list[str]], BeforeValidator(_as_tuple)]


class LeanRequest(BaseModel):
    """One request to Lean's REPL, with the REPL's own names: a command, or a tactic on a proof state.

    Attributes:
        cmd: the command's text; without `env` it may begin with imports.
        env: the environment to run it in, as an earlier answer of this session numbered it.
        allTactics: whether the answer lists the tactics used.
        declarations: whether it describes the declarations made.
        rootGoals: whether it has the goal of every declaration as a sorry, though it may be proved.
        infotree: how much of Lean's info trees it holds.
        incrementality: whether Lean may take up what an earlier command with the same beginning left; as LeanInteract's
            settings say when absent.
        setOptions: options to set first, `[[["pp", "all"], true]]`.
        timeout: milliseconds after which a REPL that knows this field gives up by itself and lives on.
        proofState: the proof state to work on, as an earlier answer of this session numbered it.
        tactic: the tactic to run on it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cmd: LeanText | None = None
    env: Annotated[int, Field(ge=0)] | None = None
    allTactics: bool | None = None  # noqa: N815 - the REPL's names
    declarations: bool | None = None
    rootGoals: bool | None = None  # noqa: N815
    infotree: Infotree | None = None
    incrementality: bool | None = None
    setOptions: list[Option] | None = None  # noqa: N815
    timeout: Annotated[int, Field(ge=0)] | None = None
    proofState: Annotated[int, Field(ge=0)] | None = None  # noqa: N815
    tactic: LeanText | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_files(cls, value: Any) -> Any:
        """Refuse requests that name files of the host, with a sentence of their own."""
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
        """The fields that are there."""
        return {name for name in self.model_fields_set if getattr(self, name) is not None}


class Commands(BaseModel):
    """Requests that are run in order in one fresh process."""

    model_config = ConfigDict(frozen=True)

    requests: Annotated[list[LeanRequest], Field(min_length=1, max_length=MAX_REQUESTS)]


class CommandsRequest(Commands):
    """The body of `POST /v1/commands`.

    Attributes:
        timeout_s: seconds each request may take, imports included; `LEAN_TIMEOUT_S` when absent.
        environment: the Lean environment to run in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    environment: EnvironmentName = "default"

    @model_validator(mode="after")
    def _require_known_numbers(self) -> CommandsRequest:
        """Refuse numbers that no answer before them can have: a fresh REPL counts environments from 0."""
        made = 0
        for index, request in enumerate(self.requests):
            if request.env is not None and request.env >= made:
                raise ValueError(f"requests.{index}.env: {request.env} is no environment of an earlier request")
            if request.proofState is not None and index == 0:
                raise ValueError("requests.0.proofState: nothing was run that could have made a proof state")
            made += request.cmd is not None
        return self


class CommandsAnswer(Unfinished):
    """The answer of `POST /v1/commands`.

    Attributes:
        responses: what the REPL said to each request, as it came; `{"message"}` where it refused one. Fewer than
            requests when `reason` is not None: what came before the request that did not end. From the SDK they are
            lean_interact's models where it is installed.
    """

    responses: list[Any]
