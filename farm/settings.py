"""The farm's settings: one frozen object, built at entry points only.

Environment variables take precedence over `./.env`. A test checks that docs/settings.md, `.env` and this file agree.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping, Set
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from farm.checker_names import known_checkers
from farm.errors import ConfigurationError, plain
from farm.loopback import parse_address
from farm.models.limits import MAX_DEADLINE_S
from farm.models.proofs import DEFAULT_ENVIRONMENT, EnvironmentName
from farm.sentinels import is_sentinel, parse_sentinels

# Some Windows editors begin a file with a byte order mark. As plain UTF-8 it would be read as part of the first name.
_ENV_FILE, _ENV_ENCODING = Path(".env"), "utf-8-sig"
_STORES = frozenset({"redis", "rediss"})  # Celery does not know redis-py's `unix`
_BROKERS = frozenset({"amqp", "amqps", "pyamqp"})
_OWN_PREFIXES = ("FARM_", "LEAN_", "LEANFARM_")
# How similar two names must be by difflib's measure: `REDIS_URI` is a slip (0.89), Lean's own LEAN_PATH is not (0.78).
_ALIKE = 0.8
# More than anyone needs. The kernel's limits can still hold this number of MB, and any clock this number of seconds.
_MOST = 2**40
_MOST_PROCESSES = 10_000

_log = logging.getLogger(__name__)

Seconds = Annotated[float, Field(gt=0, le=MAX_DEADLINE_S, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=_MOST)]
CountOrNone = Annotated[int, Field(ge=0, le=_MOST)]


class Settings(BaseSettings):
    """All settings of the farm. The variable of a setting has the upper-case name of its field.

    An empty value means "not set". Paths may be relative to the working directory.
    """

    model_config = SettingsConfigDict(
        env_file=_ENV_FILE,
        env_file_encoding=_ENV_ENCODING,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    # Kept from lean-premise-server
    port: Annotated[int, Field(ge=0, le=65535, description="Port of the HTTP API.")] = 8000
    data_repo: Annotated[
        str, Field(description="Premise data set: a Hugging Face data set or a folder; empty: the shipped corpus.")
    ] = ""
    data_revision: Annotated[str, Field(description="Revision of `DATA_REPO` on the hub; empty: its default.")] = ""
    model_id: Annotated[
        str,
        Field(description="Embedding model, in TEI or in-process (`leanfarm[embed]`); if neither, a lexical embedder."),
    ] = ""
    model_revision: Annotated[str, Field(description="Revision of `MODEL_ID`; empty: its default.")] = ""
    dtype: Annotated[Literal["float16", "float32"], Field(description="Number type the model computes in.")] = "float16"
    max_batch_tokens: Annotated[Count, Field(description="Tokens that TEI puts into one batch, at most.")] = 16384
    max_client_batch_size: Annotated[Count, Field(description="Inputs in one call to TEI, at most.")] = 256
    max_concurrent_requests: Annotated[Count, Field(description="Requests that TEI holds at once, at most.")] = 512
    embed_service_url: Annotated[
        str, Field(description="URLs of TEI, one per GPU, separated by spaces or commas; empty: in-process.")
    ] = ""
    embed_api_key: Annotated[str, Field(description="The key sent to TEI, if TEI needs one.", repr=False)] = ""
    embed_service_timeout: Annotated[Seconds, Field(description="Seconds that one call to TEI may take.")] = 30.0
    embed_service_max_concurrent_inputs: Annotated[
        Count, Field(description="Texts that may wait to be embedded in the whole farm; more are refused.")
    ] = 512
    lru_cache_size: Annotated[Count, Field(description="How many vectors of new premises are kept in memory.")] = 131072
    max_new_premises: Annotated[Count, Field(description="How many new premises one request may use.")] = 2048
    max_k: Annotated[Count, Field(description="Premises in one answer, at most.")] = 1024

    # The service
    farm_host: Annotated[str, Field(description="Address of the API; without keys, only loopback.")] = "127.0.0.1"
    farm_url: Annotated[str, Field(description="The farm's URL for SDK and CLI; empty: this host at `PORT`.")] = ""
    farm_api_key: Annotated[str, Field(description="The key that SDK and CLI send.", repr=False)] = ""
    api_keys_file: Annotated[
        Path | None, Field(description="File of hashed API keys (`farm keys create`); empty: no keys, loopback only.")
    ] = None
    flower_url: Annotated[
        str, Field(pattern="^(https?://.*)?$", description="URL of Flower; the console links to it.")
    ] = ""
    retrieve_open: Annotated[bool, Field(description="If true, lean-premise-server's routes need no key.")] = False
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
        CountOrNone, Field(description="Requests per second from one key, or from one keyless address; 0: no limit.")
    ] = 1000
    quota_proofs: Annotated[Count, Field(description="Proofs without a verdict that one key may have.")] = 500_000
    quota_mb: Annotated[Count, Field(description="Stored proofs and verdicts of one key, in MB.")] = 8192
    max_pending_proofs: Annotated[Count, Field(description="Proofs without a verdict in the whole farm.")] = 2_000_000
    max_stored_mb: Annotated[Count, Field(description="Stored proofs and verdicts of the whole farm, in MB.")] = 32768
    verdict_cache_mb: Annotated[
        CountOrNone, Field(description="MB of Redis for verdicts that answer repeated proofs; 0: every proof runs.")
    ] = 256

    # Lean
    lean_environment: Annotated[
        EnvironmentName,
        Field(description="Environment that the Lean workers of this host serve (docs/environments.md)."),
    ] = DEFAULT_ENVIRONMENT
    join_address: Annotated[
        str, AfterValidator(parse_address), Field(description="IP address at which joining hosts reach the store.")
    ] = ""
    environments_dir: Annotated[
        Path | None, Field(description="Folder of further environments for `farm up`, one file `NAME.env` for each.")
    ] = None
    lake_path: Annotated[str, Field(description="The `lake` to run: a path, or a name to look up on `PATH`.")] = "lake"
    lean_version: Annotated[
        str, Field(description="Lean version for which a REPL is fetched; empty: the project's version, or the latest.")
    ] = ""
    lean_project_dir: Annotated[Path | None, Field(description="Built Lean project that proofs may import.")] = None
    lean_repl_dir: Annotated[
        Path | None, Field(description="Built REPL checkout; empty: LeanInteract fetches and builds one.")
    ] = None
    lean_workers: Annotated[
        int, Field(ge=0, le=_MOST_PROCESSES, description="Lean processes; 0: one per core, fewer if memory is short.")
    ] = 0
    lean_timeout_s: Annotated[Seconds, Field(description="Seconds that one proof may run by default.")] = 60.0
    lean_header_timeout_s: Annotated[Seconds, Field(description="Seconds a header may take to load.")] = 300.0
    max_timeout_s: Annotated[Seconds, Field(description="The largest `timeout_s` that a batch may ask for.")] = 600.0
    lean_max_tasks_per_child: Annotated[
        Count, Field(description="Proofs after which a REPL is replaced, and tasks of up to 10 s for its process.")
    ] = 1000
    lean_max_deaths: Annotated[
        Count, Field(description="A proof becomes `crashed` once its REPL or process has died this often.")
    ] = 3
    lean_memory_limit_mb: Annotated[
        Count, Field(description="Resident memory that one REPL's process tree may use; a watchdog checks it.")
    ] = 8192
    lean_memory_hard_limit_mb: Annotated[
        CountOrNone, Field(description="Address space of one REPL (RLIMIT_AS); 0: `LEAN_MEMORY_LIMIT_MB` + 16384.")
    ] = 0
    lean_max_total_memory: Annotated[
        float, Field(gt=0, le=1, description="LeanInteract: restart if this share of the host's memory is in use.")
    ] = 1.0
    lean_max_process_memory: Annotated[
        float | None, Field(gt=0, le=1, description="LeanInteract: restart at this part of the hard limit; empty: off.")
    ] = None
    lean_max_restart_attempts: Annotated[
        CountOrNone, Field(description="LeanInteract: restarts in a row, at most.")
    ] = 2
    lean_incremental: Annotated[bool, Field(description="LeanInteract: reuse elaboration of shared prefixes.")] = True
    lean_parallel: Annotated[bool, Field(description="LeanInteract: elaborate in parallel.")] = True
    lean_slices: Annotated[bool, Field(description="Defer some runs that take very long (docs/scheduling.md).")] = True
    warm_headers: Annotated[str, Field(description="Headers to load at start, separated by `;`.")] = ""
    gate: Annotated[
        Literal["off", "strict"],
        Field(description="Gate for batches that choose none; `checked` implies `strict` (docs/security.md)."),
    ] = "off"
    sandbox: Annotated[
        Literal["required", "bubblewrap", "off"],
        Field(description="Sandbox around the REPL; `bubblewrap` adds a second sandbox; `off`: none at all."),
    ] = "required"
    sandbox_read_paths: Annotated[
        str, Field(description="Paths that proofs may read besides Lean, the project and the REPL; separated by `:`.")
    ] = ""
    sandbox_programs: Annotated[
        str, Field(description="Programs proofs may start, separated by `:` (`cadical` for `bv_decide`); empty: none.")
    ] = ""

    checker_command: Annotated[
        str,
        Field(description="For the level `attested`: `comparator`, a list such as `comparator,nanoda`, or a command."),
    ] = ""
    checker_share: Annotated[
        float, Field(ge=0, le=1, description="Share of accepted proofs to check where `attested` is not asked for.")
    ] = 0.0
    checker_timeout_s: Annotated[Seconds, Field(description="Seconds that the checker may take for one proof.")] = 600.0

    @field_validator("farm_url", "embed_service_url")
    @classmethod
    def _check_http(cls, urls: str, info: ValidationInfo) -> str:
        urls = urls.strip().rstrip("/")
        if not all(map(_is_http, urls.replace(",", " ").split())):
            # The value is not quoted, because it may hold a password.
            raise ConfigurationError(f"{_variable(info)} must read like http://127.0.0.1:8000")
        return urls

    @field_validator("redis_url", "broker_url")
    @classmethod
    def _check_store(cls, url: str, info: ValidationInfo) -> str:
        url = url.strip().rstrip("/")
        if is_sentinel(url):
            parse_sentinels(url)
        elif url and not _names_server(url, _STORES | (_BROKERS if info.field_name == "broker_url" else set())):
            amqp = " or amqps://USER:PASSWORD@HOST:5671/farm" if info.field_name == "broker_url" else ""
            raise ConfigurationError(f"{_variable(info)} must read like redis://:PASSWORD@127.0.0.1:6379/0{amqp}")
        return url

    @field_validator("checker_command")
    @classmethod
    def _check_command(cls, command: str) -> str:
        shlex.split(command)
        known_checkers(command)
        return command

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for contradiction in self._contradictions():
            raise ConfigurationError(contradiction)
        return self

    def _contradictions(self) -> Iterator[str]:
        """Yield a message for each contradiction between settings that are valid one by one."""
        if self.lean_timeout_s > self.max_timeout_s:
            pair = f"LEAN_TIMEOUT_S ({self.lean_timeout_s:g}) is over MAX_TIMEOUT_S ({self.max_timeout_s:g})"
            yield f"{pair}: every batch that does not set `timeout_s` would be refused"
        if 0 < self.lean_memory_hard_limit_mb < self.lean_memory_limit_mb:
            pair = f"LEAN_MEMORY_LIMIT_MB ({self.lean_memory_limit_mb}) is over LEAN_MEMORY_HARD_LIMIT_MB"
            yield f"{pair} ({self.lean_memory_hard_limit_mb}), and so would never be reached"
        # If ENVIRONMENTS_DIR is set, a file there may set CHECKER_COMMAND.
        if self.checker_share and not self.checker_command and not self.environments_dir:
            yield "CHECKER_SHARE needs a checker: set CHECKER_COMMAND"
        if self.data_revision and not self.data_repo:
            yield "DATA_REVISION needs a data set: set DATA_REPO"
        if self.model_revision and not (self.model_id or self.embed_service_url):
            yield "MODEL_REVISION needs a model: set MODEL_ID, or EMBED_SERVICE_URL"

    @property
    def url(self) -> str:
        """The URL at which the SDK and the CLI find the farm."""
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
        """The paths that proofs may read in addition to Lean's own."""
        return [Path(path).absolute() for path in self.sandbox_read_paths.split(":") if path]

    @property
    def programs(self) -> list[Path]:
        """The programs that proofs may start."""
        return [Path(path).absolute() for path in self.sandbox_programs.split(":") if path]

    @property
    def address_space_mb(self) -> int:
        """RLIMIT_AS of one REPL in MB; far above the limit on resident memory, because mapped .olean files count."""
        return self.lean_memory_hard_limit_mb or self.lean_memory_limit_mb + 16384


def load(**overrides: object) -> Settings:
    """Return the settings from the environment and `./.env`; warn about misspelt names of settings in `./.env`.

    Args:
        overrides: fields that take precedence over both, such as command-line options. A field that is None is ignored.

    Raises:
        ConfigurationError: a value is wrong; the message names the setting.
    """
    settings = load_with({name: value for name, value in overrides.items() if value is not None})
    for name in _names_in_file():
        if nearest := nearest_setting(name):
            _warn_of(name, nearest)
    return settings


def load_with(values: Mapping[str, object]) -> Settings:
    """Return the settings from `values`, else from the environment and `./.env`; None in `values` counts as a value.

    Raises:
        ConfigurationError: as `load` does.
    """
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigurationError(_in_words(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{_ENV_FILE.absolute()} cannot be read: it is not UTF-8") from error
    except OSError as error:
        raise ConfigurationError(f"{_ENV_FILE.absolute()} cannot be read: {error.strerror}") from error


def nearest_setting(name: str) -> str:
    """Return the setting that a wrong name probably means; empty if the name is right or resembles no setting."""
    known, name = [field.upper() for field in Settings.model_fields], name.upper()
    meant = get_close_matches(name, known, 1, _ALIKE)
    if not meant and name.startswith(_OWN_PREFIXES):
        meant = get_close_matches(name.partition("_")[2], known, 1, _ALIKE)
    return meant[0] if meant and name not in known else ""


def _names_in_file() -> list[str]:
    if not _ENV_FILE.is_file():
        return []
    with _ENV_FILE.open(encoding=_ENV_ENCODING) as lines:
        return [binding.key for binding in parse_stream(lines) if binding.key]


@cache
def _warn_of(name: str, nearest: str) -> None:
    # The function is cached, so that a process warns only once, however often it loads its settings.
    _log.warning("%s: %s is not a setting: did you mean %s?", _ENV_FILE.absolute(), name, nearest)


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    field = Settings.model_fields.get(name.lower())
    got = f" (got {first['input']!r})" if field and field.repr else ""
    return f"{name.upper()}: {plain(first['msg'])}{got}"


def _variable(info: ValidationInfo) -> str:
    return str(info.field_name).upper()


def _is_http(url: str) -> bool:
    return _names_server(url, {"http", "https"}) and bool(urlsplit(url).hostname)


def _names_server(url: str, schemes: Set[str]) -> bool:
    """Whether a URL has one of these schemes, and a valid port or none."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and parts.port != 0
    except ValueError:
        return False
