"""The farm's settings: one frozen object, built at entry points only.

The environment wins over `./.env`. README.md, the tracked `.env` and this file are held equal by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from farm.errors import ConfigurationError
from farm.models.proofs import DEFAULT_ENVIRONMENT, EnvironmentName

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """All settings, each under the upper-case name of its field.

    An empty value means "not set". Paths may be relative to the working directory.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    # Kept from lean-premise-server
    port: Annotated[int, Field(ge=0, le=65535, description="Port of the HTTP API.")] = 8000
    data_repo: Annotated[
        str, Field(description="Premise data set: a Hugging Face data set or a folder; empty: the shipped corpus.")
    ] = ""
    data_revision: Annotated[str, Field(description="Revision of `DATA_REPO` on the hub; empty: its default.")] = ""
    model_id: Annotated[
        str,
        Field(description="Embedding model of TEI, or in-process with `leanfarm[embed]`; empty without TEI: lexical."),
    ] = ""
    model_revision: Annotated[str, Field(description="Revision of `MODEL_ID`; empty: its default.")] = ""
    dtype: Annotated[Literal["float16", "float32"], Field(description="Number type the model computes in.")] = "float16"
    max_batch_tokens: Annotated[Count, Field(description="Tokens TEI puts into one batch.")] = 16384
    max_client_batch_size: Annotated[Count, Field(description="Inputs of one call to TEI, at most.")] = 256
    max_concurrent_requests: Annotated[Count, Field(description="Requests TEI holds at once.")] = 512
    embed_service_url: Annotated[
        str, Field(description="URLs of TEI, one per GPU, separated by spaces or commas; empty: in-process.")
    ] = ""
    embed_api_key: Annotated[str, Field(description="The key sent to TEI, where it asks for one.", repr=False)] = ""
    embed_service_timeout: Annotated[Seconds, Field(description="Seconds one call to TEI may take.")] = 30.0
    embed_service_max_concurrent_inputs: Annotated[
        Count, Field(description="Texts in flight to be embedded, farm-wide; more is refused.")
    ] = 512
    lru_cache_size: Annotated[Count, Field(description="Vectors of new premises kept in memory.")] = 131072
    max_new_premises: Annotated[Count, Field(description="New premises of one request that are looked at.")] = 2048
    max_k: Annotated[Count, Field(description="Premises of one answer, at most.")] = 1024

    # The service
    farm_host: Annotated[str, Field(description="Address the API binds; without keys loopback only.")] = "127.0.0.1"
    farm_url: Annotated[str, Field(description="Where SDK and CLI find the farm; empty: this host at `PORT`.")] = ""
    farm_api_key: Annotated[str, Field(description="The key SDK and CLI send.", repr=False)] = ""
    api_keys_file: Annotated[
        Path | None, Field(description="File of hashed API keys (`farm keys create`); empty: no keys, loopback only.")
    ] = None
    flower_url: Annotated[
        str, Field(pattern="^(https?://.*)?$", description="Where Flower is found; the console links to it.")
    ] = ""
    retrieve_open: Annotated[bool, Field(description="Leaves the four premise routes open when keys are used.")] = False
    redis_url: Annotated[
        str,
        Field(
            description="Redis or Valkey, or its sentinels (docs/deploy.md); empty: `farm up` embeds one.", repr=False
        ),
    ] = ""
    broker_url: Annotated[str, Field(description="Celery's broker; empty: `REDIS_URL`.", repr=False)] = ""
    data_dir: Annotated[Path, Field(description="Folder for everything the farm keeps on disk.")] = Path(".farm")
    retention_s: Annotated[Count, Field(description="Seconds a finished batch is kept.")] = 604800

    max_requests_per_s: Annotated[
        int, Field(ge=0, description="Requests per second of one key, or address where none is asked; 0: no limit.")
    ] = 1000
    quota_proofs: Annotated[Count, Field(description="Proofs without a verdict that one key may have.")] = 500_000
    quota_mb: Annotated[Count, Field(description="Stored proofs and verdicts of one key, in MB.")] = 8192
    max_pending_proofs: Annotated[Count, Field(description="Proofs without a verdict in the whole farm.")] = 2_000_000
    max_stored_mb: Annotated[Count, Field(description="Stored proofs and verdicts of the whole farm, in MB.")] = 32768
    verdict_cache_mb: Annotated[
        int, Field(ge=0, description="Redis memory for verdicts to answer repeats with; 0: every proof runs.")
    ] = 256

    # Lean
    lean_environment: Annotated[
        EnvironmentName,
        Field(description="Environment that the Lean workers of this host serve (docs/environments.md)."),
    ] = DEFAULT_ENVIRONMENT
    environments_dir: Annotated[
        Path | None, Field(description="Folder of further environments for `farm up`, one `NAME.env` each.")
    ] = None
    lake_path: Annotated[str, Field(description="The `lake` to run; found on the path by name.")] = "lake"
    lean_version: Annotated[
        str, Field(description="Lean version to fetch a REPL for; empty: the project's, or the latest.")
    ] = ""
    lean_project_dir: Annotated[Path | None, Field(description="Built Lean project that proofs may import.")] = None
    lean_repl_dir: Annotated[
        Path | None, Field(description="Built REPL checkout; empty: LeanInteract fetches and builds one.")
    ] = None
    lean_workers: Annotated[int, Field(ge=0, description="Lean processes; 0: one per core as memory allows.")] = 0
    lean_timeout_s: Annotated[Seconds, Field(description="Seconds one proof may run when a batch does not say.")] = 60.0
    lean_header_timeout_s: Annotated[Seconds, Field(description="Seconds a header may take to load.")] = 300.0
    max_timeout_s: Annotated[Seconds, Field(description="The largest `timeout_s` a batch may ask for.")] = 600.0
    lean_max_tasks_per_child: Annotated[
        Count, Field(description="Proofs after which a Lean process and its REPL are replaced.")
    ] = 1000
    lean_max_deaths: Annotated[
        Count, Field(description="Deaths of a REPL or process under one proof that make it `crashed`.")
    ] = 3
    lean_memory_limit_mb: Annotated[
        Count, Field(description="Resident memory of one REPL's process tree, watched from outside.")
    ] = 8192
    lean_memory_hard_limit_mb: Annotated[
        int, Field(ge=0, description="Address space of one REPL (RLIMIT_AS); 0: the limit above + 16384.")
    ] = 0
    lean_max_total_memory: Annotated[
        float, Field(gt=0, le=1, description="LeanInteract: share of the host's memory above which it restarts.")
    ] = 1.0
    lean_max_process_memory: Annotated[
        float | None, Field(gt=0, le=1, description="LeanInteract: share of the hard limit for a restart; empty: off.")
    ] = None
    lean_max_restart_attempts: Annotated[
        int, Field(ge=0, description="LeanInteract: restarts in a row before it gives up.")
    ] = 2
    lean_incremental: Annotated[bool, Field(description="LeanInteract: reuse elaboration of shared prefixes.")] = True
    lean_parallel: Annotated[bool, Field(description="LeanInteract: elaborate in parallel.")] = True
    warm_headers: Annotated[str, Field(description="Headers to load at start, separated by `;`.")] = ""
    gate: Annotated[
        Literal["off", "strict"],
        Field(description="Gate for batches that do not say; `checked` implies `strict` (docs/security.md)."),
    ] = "off"
    sandbox: Annotated[
        Literal["required", "bubblewrap", "off"],
        Field(description="Sandbox around the REPL; `bubblewrap` puts one more around it; `off`: none, by your leave."),
    ] = "required"
    sandbox_read_paths: Annotated[
        str, Field(description="What proofs may read besides Lean, project and REPL; paths separated by `:`.")
    ] = ""
    sandbox_programs: Annotated[
        str, Field(description="Programs proofs may start, separated by `:` (`cadical` for `bv_decide`); empty: none.")
    ] = ""

    checker_command: Annotated[
        str, Field(description="External checker for the level `attested`, docs/attestation.md; empty: none.")
    ] = ""
    checker_share: Annotated[
        float, Field(ge=0, le=1, description="Share of other accepted proofs that the checker sees as well.")
    ] = 0.0
    checker_timeout_s: Annotated[Seconds, Field(description="Seconds the checker may take for one proof.")] = 600.0

    @field_validator("farm_url", "redis_url", "broker_url")
    @classmethod
    def _strip(cls, url: str) -> str:
        return url.strip().rstrip("/")

    @property
    def url(self) -> str:
        """Where SDK and CLI find the farm."""
        return self.farm_url or f"http://127.0.0.1:{self.port}"

    @property
    def broker(self) -> str:
        """The URL of Celery's broker."""
        return self.broker_url or self.redis_url

    @property
    def embed_service_urls(self) -> list[str]:
        """The URLs of the embedding services."""
        return self.embed_service_url.replace(",", " ").split()

    @property
    def read_paths(self) -> list[Path]:
        """What proofs may read besides what Lean needs."""
        return [Path(path).absolute() for path in self.sandbox_read_paths.split(":") if path]

    @property
    def programs(self) -> list[Path]:
        """The programs that proofs may start."""
        return [Path(path).absolute() for path in self.sandbox_programs.split(":") if path]

    @property
    def address_space_mb(self) -> int:
        """RLIMIT_AS of one REPL in MB: mapped .olean files count, so it lies far above the resident limit."""
        return self.lean_memory_hard_limit_mb or self.lean_memory_limit_mb + 16384


def load(**overrides: object) -> Settings:
    """Return the settings from the environment and `./.env`.

    Args:
        overrides: fields that win over both, such as command-line options.

    Raises:
        ConfigurationError: a value is wrong; the text names the setting.
    """
    return load_with({name: value for name, value in overrides.items() if value is not None})


def load_with(values: Mapping[str, object]) -> Settings:
    """Return the same; here None is a value like any other.

    Raises:
        ConfigurationError: as `load` does.
    """
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        raise ConfigurationError(f"{name}: {first['msg']} (got {first['input']!r})") from error
